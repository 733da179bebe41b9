"""One training run on its way: pictures, course and folder, then the float network, then the bundles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobile_deploy.contract import InputContract, OutputMeaning
from mobile_deploy.data.calibration import CalibrationSet
from mobile_deploy.data.data_card import DataCard
from mobile_deploy.data.feed import Square
from mobile_deploy.data.training_set import TrainingListing
from mobile_deploy.errors import BadOptionError
from mobile_deploy.files import sha256_of_bytes
from mobile_deploy.pipeline.calibrating import PictureRequest, decode_now
from mobile_deploy.pipeline.float_model import FloatModel
from mobile_deploy.pipeline.job import Job
from mobile_deploy.pipeline.making import tool_versions
from mobile_deploy.pipeline.options import needs_calibration
from mobile_deploy.pipeline.results import AuditFailedError, BudgetMissedError, ExportResult
from mobile_deploy.pipeline.train_dense import weigh_dense
from mobile_deploy.pipeline.train_folder import write_manifest, write_validation
from mobile_deploy.pipeline.train_options import TrainOptions
from mobile_deploy.pipeline.train_pictures import TrainPictures, load_pictures
from mobile_deploy.pipeline.train_result import TrainedBelowBarError, TrainResult
from mobile_deploy.pipeline.tuning import QuantizationAwareTuner
from mobile_deploy.report.tables import counted
from mobile_deploy.tflite.affine import Affine
from mobile_deploy.tflite.trial import TrialProcess
from mobile_deploy.training.compress import zip_size_bytes
from mobile_deploy.training.distribution import Place, choose_strategy, place_in
from mobile_deploy.training.fit import FittedTwin, Lesson, fit_twin
from mobile_deploy.training.folder import TrainingFolder
from mobile_deploy.training.phase import Phase
from mobile_deploy.training.recipes import plan_phases
from mobile_deploy.training.seeded import make_deterministic
from mobile_deploy.training.targets import losses

if TYPE_CHECKING:
    from mobile_deploy.training.teachers import Teacher

_ON_THE_TWIN = ("prune", "cluster")
_QAT = "qat"
_TRAINERS = ("tf-keras", "tensorflow-model-optimization")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainee:
    """What is trained.

    Attributes:
        name: Start of the bundles' names.
        variant: Name in the registry; None for a model of the user's own.
        parameters: Of a variant.
        identity: What it is, for a resume: JSON values.
        has_weights: Whether it was trained before.
        new_head: Whether its last layers are new.
        square: What it takes.
        meaning: What its output means.
        size: Values that it gives.
    """

    name: str
    variant: str | None
    parameters: int = 0
    identity: Mapping[str, Any] = field(repr=False)
    has_weights: bool
    new_head: bool
    square: Square
    meaning: OutputMeaning
    size: int


@dataclass(frozen=True, kw_only=True)
class TrainRun:
    """One run.

    Attributes:
        job: What shall be made in the end.
        options: How it shall be trained.
        path: The folder of the run.
        trainee: What is trained.
        listing: The pictures as they lie on the disk.
        calibration: Which other pictures to calibrate on; None for those of the training.
        teacher: Whose answers are learned; None for labels alone.
        trial: The child process that runs each file once.
    """

    job: Job
    options: TrainOptions
    path: Path
    trainee: Trainee
    listing: TrainingListing
    calibration: PictureRequest | None
    teacher: Teacher | None
    trial: TrialProcess

    @cached_property
    def pictures(self) -> TrainPictures:
        """All pictures, decoded when they are first asked for."""
        return load_pictures(
            self.listing,
            self.options,
            square=self.trainee.square,
            teacher=self.teacher,
            seed=self.job.seed,
            progress=self.job.progress,
        )

    @cached_property
    def strategy(self) -> Any:  # noqa: ANN401  # TensorFlow has no types
        """How the work is shared."""
        with self.job.progress.stage("start TensorFlow"):
            strategy = choose_strategy()
            if self.options.deterministic:
                make_deterministic()
        if place_in(strategy).workers > 1:
            self._refuse_several_workers()
        return strategy

    @property
    def place(self) -> Place:
        """Where this process stands among those that train together."""
        return place_in(self.strategy)

    @cached_property
    def phases(self) -> tuple[Phase, ...]:
        """All phases, in order."""
        return self._phases(self.pictures.examples)

    @property
    def float_phases(self) -> tuple[Phase, ...]:
        """Those of the network as it is."""
        return tuple(phase for phase in self.phases if phase.name not in (*_ON_THE_TWIN, _QAT))

    @cached_property
    def folder(self) -> TrainingFolder:
        """Where checkpoints and logs go."""
        return TrainingFolder(
            self.path,
            identity=self._identity(),
            resume=self.options.resume,
            overwrite=self.job.options.overwrite,
            writes=self.place.is_chief,
            title=f"{self.trainee.name} on {self.pictures.loaded.card.source}",
        )

    def begin(self) -> None:
        """Checks the course, decodes the pictures and begins the run on the disk.

        Raises:
            MobileDeployError: It cannot be begun.
        """
        self._phases(len(self.listing))  # what is wrong with the course is found before the pictures are decoded
        if self.calibration is None and needs_calibration(self.job.options.requests):
            self.pictures.check_calibration()
        _ = self.pictures, self.phases, self.folder

    def lesson(self, given: InputContract) -> Lesson:
        """Gives what the phases are trained on.

        Args:
            given: Input of the float network.
        """
        place = self.place
        return Lesson(
            feed=self.pictures.feed(),
            validation=self.pictures.validation_feed(),
            loss=losses(
                meaning=self.trainee.meaning,
                size=self.trainee.size,
                target=None if self.teacher is None else self.teacher.target,
                temperature=self.options.temperature,
                teacher_share=self.options.teacher_share,
            ),
            pixels=Affine(scale=given.pixel_scale, offset=given.low),
            seed=self.job.seed,
            folder=self.folder,
            strategy=None if place.workers == place.replicas == 1 else self.strategy,
            stage=lambda phase: self.job.progress.stage(f"train {phase.name}, {counted(phase.epochs, 'epoch')}"),
        )

    def fit_file(self, model: FloatModel, lesson: Lesson, phases: Sequence[Phase]) -> FloatModel:
        """Trains a float file through phases of its twin.

        Args:
            model: The file.
            lesson: What it is trained on.
            phases: How; none leaves the file as it is.

        Returns:
            The file with its new weights.
        """
        fitted: FittedTwin = fit_twin(
            model.data,
            phases,
            lesson,
            sparsity=self.options.sparsity,
            clusters=self.options.clusters,
            granularity=self.job.options.granularity,
            source=self.trainee.name,
        )
        return replace(model, data=fitted.data, kernel_bounds=fitted.kernel_bounds or {})

    def finish(self, model: FloatModel, lesson: Lesson, notes: Sequence[str]) -> TrainResult:
        """Goes from the trained float file to written bundles and the manifest.

        Args:
            model: The float file.
            lesson: What it was trained on.
            notes: What the user should know, one sentence each.

        Returns:
            What was made.

        Raises:
            TrainedBelowBarError: A file is not what was asked for; the others were written.
            MobileDeployError: Something else went wrong; the training is kept.
        """
        compressing = [phase for phase in self.phases if phase.name in _ON_THE_TWIN]
        dense, model = model, self.fit_file(model, lesson, compressing)
        model = replace(model, facts={**model.facts, "training": self._facts()})
        calibration, judged = self._calibration(), self.pictures.judged()
        made, cause = self._made(model, calibration, judged, self._tuner(lesson))
        weighed = () if not compressing else weigh_dense(self.job, dense, calibration, judged, trial=self.trial)
        listed = None if judged is None else write_validation(self.path, judged, self.listing.classes)
        manifest = self._manifest(made)
        write_manifest(self.path, manifest)
        result = TrainResult(
            folder=self.path,
            made=made,
            curve=self.folder.curve,
            notes=(*self.notes(), *notes, *made.notes),
            skipped=self.pictures.loaded.card.skipped,
            judged=listed,
            zip_bytes={b.recipe: zip_size_bytes(b.tflite.read_bytes()) for b in made.bundles} if weighed else {},
            dense=weighed,
            manifest=manifest,
        )
        if cause is not None:
            raise TrainedBelowBarError(result=result, cause=cause) from cause
        return result

    def stand_by(self) -> TrainResult:
        """Gives the result of a worker that is not the chief, which writes nothing."""
        place = self.place
        return TrainResult(
            folder=self.path,
            made=ExportResult(files=(), untrained=False),
            curve=self.folder.curve,
            notes=(f"Worker {place.worker} of {place.workers} is done; worker 0, the chief, writes the bundles.",),
        )

    def notes(self) -> tuple[str, ...]:
        """Says what it was trained on."""
        loaded = self.pictures.loaded
        card = loaded.card.to_json()
        train, validation = counted(card["train"], "picture"), card["validation"]
        judged = f"{validation:,} to validate on" if validation else "none to validate on, so nothing is scored"
        classes = f"{len(set(loaded.labels[loaded.train].tolist()))} classes"
        teacher = () if self.teacher is None else (f"Learned from the answers of {self.teacher.name}.",)
        taught = () if self.teacher is None else self.teacher.notes
        return (f"{train} of {classes} to train on, {judged}.", *loaded.notes, *teacher, *taught)

    def _phases(self, examples: int) -> tuple[Phase, ...]:
        trainee = self.trainee
        return plan_phases(
            self.options.course(
                variant=trainee.variant,
                parameters=trainee.parameters,
                has_weights=trainee.has_weights,
                new_head=trainee.new_head,
                examples=examples,
            )
        )

    def _refuse_several_workers(self) -> None:
        options = self.options
        wishes = {
            "--qat": options.qat,
            "--recover": options.recovers,
            "--sparsity": options.sparsity is not None,
            "--clusters": options.clusters is not None,
        }
        for option, asked in wishes.items():
            if asked:
                raise BadOptionError(
                    option=option,
                    problem="several workers (TF_CONFIG) train the float network only",
                    hint=f"leave it out, then run with --weights weights.h5 --epochs 0 {option} on one machine",
                )

    def _identity(self) -> dict[str, Any]:
        """Gives what must be the same for a resume to make sense; settings of single phases are held by the loop.

        What only follows, such as --qat, may be asked for later on top of a run that is done.
        """
        options, answers = self.options, self.pictures.answers
        return {
            **self.trainee.identity,
            "fit": str(self.trainee.square.fit),
            "data": self.pictures.loaded.card.digest,
            "--seed": self.job.seed,
            "--epochs": options.epochs,
            "--batch": options.batch_size,
            "--class-weights": options.class_weights,
            "teacher's answers": None if answers is None else sha256_of_bytes(answers[0].tobytes()),
            "--temperature": options.temperature,
            "--teacher-share": options.teacher_share,
            "--sparsity": options.sparsity,
            "--clusters": options.clusters,
        }

    def _calibration(self) -> CalibrationSet | None:
        job = self.job
        if not needs_calibration(job.options.requests):
            return None
        if self.calibration is None:
            return self.pictures.calibration(samples=job.samples, seed=job.seed)
        square = self.trainee.square
        return decode_now(self.calibration, side=square.side, fit=square.fit, progress=job.progress)

    def _tuner(self, lesson: Lesson) -> QuantizationAwareTuner | None:
        last = self.phases[-1] if self.phases else None
        if last is None or last.name != _QAT:
            return None
        return QuantizationAwareTuner(
            lesson=lesson,
            phase=last,
            unseen=self.pictures.unseen(),
            keeps_zeros=self.options.sparsity is not None,
        )

    def _made(
        self,
        model: FloatModel,
        calibration: CalibrationSet | None,
        judged: Any,  # noqa: ANN401
        tuner: QuantizationAwareTuner | None,
    ) -> tuple[ExportResult, AuditFailedError | BudgetMissedError | None]:
        try:
            return self.job.finish(model, calibration, judged, trial=self.trial, notes=model.notes, tuner=tuner), None
        except (AuditFailedError, BudgetMissedError) as error:
            return error.result, error

    def _facts(self) -> dict[str, Any]:
        """Gives what the bundles say of the training."""
        options, card = self.options, self.pictures.loaded.card
        return {
            "data": card.to_json(),
            "seed": self.job.seed,
            "phases": [phase.to_json() for phase in self.phases],
            "class_weights": options.class_weights,
            "teacher": None if self.teacher is None else self.teacher.name,
            "sparsity": options.sparsity,
            "clusters": options.clusters,
        }

    def _manifest(self, made: ExportResult) -> dict[str, Any]:
        place = self.place
        return {
            "name": self.trainee.name,
            "network": dict(self.trainee.identity),
            **self._facts(),
            "files": _hashes(self.pictures.loaded.card),
            "replicas": place.workers * place.replicas,
            "tools": {**tool_versions(), **{name: version(name) for name in _TRAINERS}},
            "curve": [
                {name: getattr(record, name) for name in record.__dataclass_fields__} for record in self.folder.curve
            ],
            "bundles": [
                {"name": bundle.name, "recipe": bundle.recipe, "sha256": bundle.sha256} for bundle in made.bundles
            ],
        }


def _hashes(card: DataCard) -> list[dict[str, Any]]:
    return [
        {
            "name": file.name,
            "sha256": file.sha256,
            "class": file.label,
            "side": "validation" if file.validation else "train",
        }
        for file in card.files
    ]
