"""Pictures: decoding and fitting, calibration sets, labelled folders."""
