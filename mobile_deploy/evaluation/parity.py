"""How close a quantized file is to its float twin on the same pictures, before the output's own rounding hides it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import InputContract
from mobile_deploy.tflite.graph import graph_of, load_model
from mobile_deploy.tflite.runner import encode_pictures, open_interpreter
from mobile_deploy.tflite.write import pack

_ENDINGS = ("SOFTMAX", "LOGISTIC")


def read_logits(
    data: bytes, pictures: npt.NDArray[np.uint8], contract: InputContract, *, source: object = "the .tflite"
) -> npt.NDArray[np.float64]:
    """Runs pictures and reads the values before the last softmax or sigmoid.

    The uint8 output of a softmax rounds to 1/256, which is most of the visible difference between a quantized file and
    its float twin; the logits show the network.

    Args:
        data: Bytes of a .tflite; where it ends in neither softmax nor sigmoid, its output is the logits.
        pictures: (N, side, side, 3) uint8 RGB, fitted to the contract.
        contract: The file's input.
        source: What to name in errors: a path.

    Returns:
        (N, size) real values.
    """
    model = load_model(data, source=source)
    graph = graph_of(model, source=source)
    last = graph.deciding_op()
    tensor = graph.tensors[last.inputs[0] if last is not None and last.name in _ENDINGS else graph.outputs[0]]
    model.subgraphs[0].outputs, model.signatureDefs = [tensor.index], []
    interpreter = open_interpreter(pack(model), threads=2, source=source)
    given, wanted = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    answers = []
    for picture in pictures:
        interpreter.set_tensor(given, encode_pictures(picture[None], contract))
        interpreter.invoke()
        answers.append(interpreter.get_tensor(wanted).reshape(-1).astype(np.float64))
    raw = np.stack(answers)
    if tensor.dtype in ("float32", "float16"):
        return raw
    return (raw - tensor.zero_points[0]) * tensor.scales[0]


def logit_sqnr_db(reference: npt.NDArray[np.float64], logits: npt.NDArray[np.float64]) -> float:
    """Gives the signal-to-quantization-noise ratio of logits.

    Logits are centred per picture first, since a softmax does not see their mean.

    Args:
        reference: (N, size) logits of the float file.
        logits: (N, size) logits of the other file.

    Returns:
        10 log10 of the power of the reference over the power of the difference, in dB.

    >>> float(round(logit_sqnr_db(np.array([[1.0, -1.0]]), np.array([[1.1, -1.1]])), 1))
    20.0
    """
    signal = reference - reference.mean(axis=1, keepdims=True)
    noise = (logits - logits.mean(axis=1, keepdims=True)) - signal
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(np.square(signal).sum() / np.square(noise).sum()))
