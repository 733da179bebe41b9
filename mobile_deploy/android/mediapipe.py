"""Whether MediaPipe's ImageClassifier takes a bundle's file as it is, and what it does otherwise than the contract."""

from __future__ import annotations

from dataclasses import dataclass

from mobile_deploy.android.kotlin_names import text_literal
from mobile_deploy.bundle import Bundle
from mobile_deploy.contract import ModelContract

TASKS_VERSION = "1.0.0"
"""Release of com.google.mediapipe:tasks-vision that is printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPipeAdvice:
    """How to use a bundle with MediaPipe.

    Attributes:
        refusal: Why MediaPipe does not take the file; empty if it does.
        dependency: Line for the Gradle file.
        call: Kotlin lines.
        differences: What it does otherwise than the contract says, one sentence each.
    """

    refusal: str
    dependency: str = ""
    call: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """Gives what to show to people."""
        if self.refusal:
            return (f"not possible: {self.refusal}",)
        return (self.dependency, *self.call, *(f"// {difference}" for difference in self.differences))


def mediapipe_advice(bundle: Bundle) -> MediaPipeAdvice:
    """Says how to use a bundle with MediaPipe Tasks, or why that does not work."""
    refusal = _refusal(bundle.contract)
    if refusal:
        return MediaPipeAdvice(refusal=refusal)
    asset = text_literal(f"models/{bundle.name}/{bundle.tflite.name}")
    return MediaPipeAdvice(
        refusal="",
        dependency=f'implementation("com.google.mediapipe:tasks-vision:{TASKS_VERSION}")',
        call=(
            f"val classifier = ImageClassifier.createFromFile(context, {asset})",
            "val result = classifier.classify(BitmapImageBuilder(bitmap).build())",
        ),
        differences=tuple(filter(None, (_fit_difference(bundle.contract), _score_difference(bundle.contract)))),
    )


def _refusal(contract: ModelContract) -> str:
    kinds = {contract.input.dtype, contract.output.dtype}
    if "int8" in kinds:
        return "MediaPipe takes no int8 input or output: export with --io uint8 or --io float32"
    if contract.output.meaning == "embedding":
        return "its output is an embedding, which ImageClassifier cannot name"
    if contract.output.size != len(contract.labels):
        return f"it has {contract.output.size} output for {len(contract.labels)} labels; MediaPipe wants one for each"
    return ""


def _fit_difference(contract: ModelContract) -> str:
    if contract.input.fit.kind == "stretch":
        return ""
    return (
        f"MediaPipe stretches the whole picture to the square; the contract says {contract.input.fit}: "
        "fit the bitmap before, or answers differ"
    )


def _score_difference(contract: ModelContract) -> str:
    return "its scores are the raw logits" if contract.output.meaning == "logits" else ""
