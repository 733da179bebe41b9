"""What a teacher gives and what compression costs on the generated pictures, from files to accuracy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from mobile_deploy.contract import Fit, InputContract
from mobile_deploy.data.demo import make_demo_pictures
from mobile_deploy.data.feed import Square
from mobile_deploy.data.images import decode_picture
from mobile_deploy.data.training_set import TrainingSet, list_training, load_training
from mobile_deploy.files import sha256_of_file
from mobile_deploy.pipeline.teaching import resolve_teacher
from mobile_deploy.recipes import resolve_recipes
from mobile_deploy.tflite.affine import Affine
from mobile_deploy.tflite.calibrate import measure_ranges
from mobile_deploy.tflite.convert import convert_to_float
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.interface import contract_for
from mobile_deploy.tflite.quantize import quantize
from mobile_deploy.tflite.runner import Runner
from mobile_deploy.training.clusters import clustered, operator_bounds
from mobile_deploy.training.compress import kernel_tallies, zip_size_bytes
from mobile_deploy.training.feed import TrainingFeed
from mobile_deploy.training.loop import train_phase
from mobile_deploy.training.losses import cross_entropy, distillation
from mobile_deploy.training.phase import Phase, steps_per_epoch
from mobile_deploy.training.recipes import CLUSTER, PRUNE
from mobile_deploy.training.sparsity import pruned
from mobile_deploy.training.teachers import teacher_outputs
from mobile_deploy.training.twin import build_twin

SQUARE = Square(side=32, fit=Fit(kind="stretch"))
PIXELS = Affine(scale=1 / 127.5, offset=-1.0)
LABELLED = 20  # of each class, where the teacher had 120
SEEDS = range(3)


def small_network(tf_keras, widths: tuple[int, ...], *, classes: int, seed: int) -> Any:
    """Convolutions of these widths, each but the first halving the side, and a dense layer."""
    layers, drawn = tf_keras.layers, tf_keras.initializers.HeNormal
    image = x = tf_keras.Input((SQUARE.side, SQUARE.side, 3))
    for number, width in enumerate(widths):
        start = drawn(seed=100 * seed + number)
        x = layers.Conv2D(width, 3, strides=2 if number else 1, padding="same", kernel_initializer=start)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    start = drawn(seed=100 * seed + 99)
    return tf_keras.Model(image, layers.Dense(classes, kernel_initializer=start)(layers.GlobalAveragePooling2D()(x)))


@dataclass
class School:
    """Pictures, and how to train and to score on them."""

    pictures: TrainingSet
    tf_keras: Any

    @property
    def few(self) -> np.ndarray:
        """Positions of the first pictures of each class."""
        train, labels = self.pictures.train, self.pictures.labels
        classes = range(len(self.pictures.classes))
        return np.concatenate([train[labels[train] == index][:LABELLED] for index in classes])

    def trained(self, widths, positions, loss, *, epochs: int, seed: int, teacher=None) -> Any:
        model = small_network(self.tf_keras, widths, classes=len(self.pictures.classes), seed=seed)
        labels = self.pictures.labels[positions]
        feed = TrainingFeed(self.pictures.store, positions=positions, labels=labels, teacher=teacher, seed=seed)
        phase = Phase(
            name="scratch", epochs=epochs, batch_size=20, learning_rate=3e-3, warm_up_share=0.1, augment="light"
        )
        train_phase(phase, model, feed, loss, pixels=PIXELS, seed=seed)
        return model

    def squares(self, positions) -> np.ndarray:
        return np.stack([self.pictures.store.contract_picture(position) for position in positions])

    def accuracy(self, logits: np.ndarray) -> float:
        return float(np.mean(logits.argmax(axis=1) == self.pictures.labels[self.pictures.validation]))

    def accuracy_of(self, model) -> float:
        return self.accuracy(
            model.predict(PIXELS.scale * self.squares(self.pictures.validation) + PIXELS.offset, verbose=0)
        )


@pytest.fixture(scope="module")
def school(tf_keras, tmp_path_factory) -> School:
    folder = tmp_path_factory.mktemp("school") / "pictures"
    make_demo_pictures(folder, per_class=160, side=40)
    pictures = load_training(list_training(folder), square=SQUARE, share=0.25)
    assert (len(pictures.train), len(pictures.validation)) == (1200, 400)
    return School(pictures, tf_keras)


@pytest.fixture(scope="module")
def grown_up(school) -> bytes:
    """A network of some size that has seen all pictures, as a float .tflite."""
    model = school.trained((24, 48, 96, 96), school.pictures.train, cross_entropy(), epochs=12, seed=9)
    assert school.accuracy_of(model) > 0.6
    return convert_to_float(lambda image: model(image, training=False), side=SQUARE.side)


@pytest.mark.slow
def test_a_student_with_a_teacher_beats_the_same_run_without_on_average_over_three_seeds(school, grown_up, tmp_path):
    path, classes = tmp_path / "teacher.tflite", school.pictures.classes
    path.write_bytes(grown_up)
    teacher = resolve_teacher(path, classes=classes, labels=classes, input_range=(-1, 1), fit=SQUARE.fit)
    paths = [school.pictures.store.paths[position] for position in school.few]
    answers = teacher_outputs(
        teacher, lambda k: decode_picture(paths[k]), [sha256_of_file(one) for one in paths], folder=tmp_path
    )

    def scores(loss) -> np.ndarray:
        students = [
            school.trained((8, 16, 32), school.few, loss, epochs=40, seed=seed, teacher=answers) for seed in SEEDS
        ]
        return np.array([school.accuracy_of(student) for student in students])

    alone, taught = scores(cross_entropy()), scores(distillation(teacher.target))
    print(f"without teacher {alone}, with {taught}")
    assert alone.mean() > 0.15  # ten classes
    assert taught.mean() > alone.mean() + 0.02


def embedding_of(grown_up: bytes, tf_keras) -> bytes:
    """The network up to what enters its last layer, as a float .tflite."""
    whole = build_twin(grown_up).model
    cut = tf_keras.Model(whole.input, whole.layers[-1].input)
    return convert_to_float(lambda image: cut(image, training=False), side=SQUARE.side)


@pytest.mark.slow
def test_a_student_learns_an_embedding_from_pictures_without_labels(school, grown_up, tf_keras, tmp_path):
    """As a small FaceNet learned from the large one: MobileNets, section 4.7."""
    path, size, store = tmp_path / "teacher.tflite", 96, school.pictures.store
    path.write_bytes(embedding_of(grown_up, tf_keras))
    teacher = resolve_teacher(
        path,
        classes=(),
        meaning="embedding",
        size=size,
        output_meaning="embedding",
        input_range=(-1, 1),
        fit=SQUARE.fit,
    )

    def answers(positions) -> np.ndarray:
        paths = [store.paths[position] for position in positions]
        hashes = [sha256_of_file(one) for one in paths]
        return teacher_outputs(teacher, lambda k: decode_picture(paths[k]), hashes, folder=tmp_path)

    train, validation = school.pictures.train, school.pictures.validation
    model = small_network(tf_keras, (8, 16, 32), classes=size, seed=0)
    feed = TrainingFeed(store, positions=train, teacher=answers(train), seed=0)
    phase = Phase(name="scratch", epochs=12, batch_size=20, learning_rate=3e-3, warm_up_share=0.1, augment="light")
    done = train_phase(phase, model, feed, distillation(teacher.target), pixels=PIXELS, seed=0)
    assert {record.accuracy for record in done.curve} == {None}
    wanted = answers(validation)
    said = model.predict(PIXELS.scale * school.squares(validation) + PIXELS.offset, verbose=0)
    unexplained = np.sum((said - wanted) ** 2) / np.sum((wanted - answers(train).mean(axis=0)) ** 2)
    print(f"{unexplained:.2f} of the variance of unseen embeddings is left")
    assert unexplained < 0.7


def int8_accuracy(school, data: bytes, **settings) -> tuple[float, bytes]:
    given = InputContract(side=SQUARE.side, dtype="float32", low=-1.0, high=1.0, fit=SQUARE.fit)
    ranges = measure_ranges(data, school.squares(school.pictures.train[::10]), given)
    (request,) = resolve_recipes(["int8"])
    made = quantize(data, request, given, ranges=ranges, **settings).data
    contract = contract_for(read_graph(made), request, given, meaning="logits", labels=tuple(school.pictures.classes))
    with Runner(made, contract) as runner:
        return school.accuracy(runner.run(school.squares(school.pictures.validation))), made


def train_on(school, phase, model, hooks=()) -> None:
    train, labels = school.pictures.train, school.pictures.labels
    feed = TrainingFeed(school.pictures.store, positions=train, labels=labels[train])
    train_phase(phase, model, feed, cross_entropy(phase.label_smoothing), pixels=PIXELS, seed=0, hooks=hooks)


@pytest.mark.slow
def test_half_the_weights_and_32_values_cost_three_points_at_most(school, grown_up):
    dense, dense_file = int8_accuracy(school, grown_up)
    twin = build_twin(grown_up)
    phase = replace(PRUNE, epochs=6)  # 3 epochs of 1200 pictures are 112 steps, too few to come back for sure
    pruning = pruned(twin.model, sparsity=0.5, steps=phase.epochs * steps_per_epoch(1200, phase.batch_size))
    train_on(school, phase, pruning.model, hooks=[pruning.hook])
    sparse, sparse_file = int8_accuracy(school, twin.write_back(pruning.strip()))
    clustering = clustered(twin.model, clusters=32)
    train_on(school, CLUSTER, clustering.model)
    result = clustering.strip()
    few, few_file = int8_accuracy(school, twin.write_back(result.model), kernel_bounds=operator_bounds(result))
    sizes = [zip_size_bytes(data) for data in (dense_file, sparse_file, few_file)]
    print(f"int8 {dense:.3f}, half zeros {sparse:.3f}, 32 values {few:.3f}; zipped {sizes} bytes")
    assert min(tally.zero_share for tally in kernel_tallies(sparse_file)) >= 0.5
    assert max(tally.distinct for tally in kernel_tallies(few_file)) <= 32
    assert sparse > dense - 0.03
    assert few > dense - 0.03
    assert sizes[1] < 0.8 * sizes[0]
    assert sizes[2] < 0.9 * sizes[0]
