def run() -> None:
    """x."""
