"""Scores the files of one float model on labelled pictures; each picture is decoded once, each file asked once."""

from __future__ import annotations

from collections.abc import Mapping

from mobile_deploy.data.datasets import LabelledPictures
from mobile_deploy.data.feed import PictureFeed
from mobile_deploy.data.manifest import SkippedFile
from mobile_deploy.evaluation.scoring import Candidate, Scored, score
from mobile_deploy.pipeline.drafting import Draft
from mobile_deploy.pipeline.float_model import FloatModel
from mobile_deploy.pipeline.progress import ProgressReporter
from mobile_deploy.recipes import resolve_recipes
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.interface import contract_for

_THREADS = 2
# 3,400 pictures of 224 x 224.
_KEPT_BYTES = 512_000_000
_FLOAT = "float32"


class Judge:
    """Asks files about labelled pictures and remembers what they said.

    Args:
        model: The float file that all others are made from.
        pictures: Labelled pictures.
        progress: Who listens.
    """

    def __init__(self, model: FloatModel, pictures: LabelledPictures, *, progress: ProgressReporter) -> None:
        self._feed = PictureFeed(pictures.paths, kept_bytes=_KEPT_BYTES)
        self._indices, self._progress = pictures.indices, progress
        request = resolve_recipes([_FLOAT])[0]
        contract = contract_for(
            read_graph(model.data), request, model.input, meaning=model.meaning, labels=model.labels
        )
        self._float = Candidate(data=model.data, contract=contract)
        self._known: dict[bytes, Scored] = {}

    @property
    def skipped(self) -> tuple[SkippedFile, ...]:
        """Pictures that could not be decoded and were left out."""
        return self._feed.skipped

    def of_float(self) -> Scored:
        """Gives what the float file says."""
        return self._score({_FLOAT: self._float})[_FLOAT]

    def of_drafts(self, *drafts: Draft) -> tuple[Scored, ...]:
        """Gives what files say that passed their audit; the float file is asked along.

        Args:
            drafts: The files.

        Returns:
            Their answers, in order.

        Raises:
            BadOptionError: The files give no class scores, or have one class only.
            BadDatasetError: No picture can be decoded.
            InterpreterError: A file does not run, or gives numbers that are not finite.
        """
        candidates = {
            _name(position, draft): Candidate(data=draft.data, contract=draft.contract)
            for position, draft in enumerate(drafts)
        }
        scored = self._score({_FLOAT: self._float, **candidates})
        return tuple(scored[name] for name in candidates)

    def _score(self, candidates: Mapping[str, Candidate]) -> dict[str, Scored]:
        fresh = {name: asked for name, asked in candidates.items() if asked.data not in self._known}
        if fresh:
            truths = dict.fromkeys(fresh, self._indices)
            told = ", ".join(name.partition("#")[0] for name in fresh)
            with self._progress.stage(f"score {told} on {len(self._indices)} pictures") as advance:
                scored = score(fresh, self._feed, truths, threads=_THREADS, progress=advance)
            self._known |= {fresh[name].data: found for name, found in scored.items()}
        return {name: self._known[asked.data] for name, asked in candidates.items()}


def _name(position: int, draft: Draft) -> str:
    """Names a file for progress and errors; several may be of one recipe."""
    return f"{draft.request.recipe.name}#{position}"
