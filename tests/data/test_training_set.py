"""Pictures to train on: which classes there are, how they are parted, and what is refused before any work is done."""

from __future__ import annotations

import json
import random
import shutil

import numpy as np
import pytest
from fakes.pictures import make_picture
from PIL import Image

import mobile_deploy.data.picture_store as picture_store
from mobile_deploy.contract import Fit
from mobile_deploy.data.feed import Square
from mobile_deploy.data.images import load_picture
from mobile_deploy.data.picture_store import PictureStore, margin_square
from mobile_deploy.data.training_set import example_weights, list_training, load_training
from mobile_deploy.errors import (
    BadDatasetError,
    BadOptionError,
    EmptyClassError,
    InputDataError,
    SingleClassError,
    StrangeClassError,
    TooFewInClassError,
    UnreadableFileError,
)

SQUARE = Square(side=14, fit=Fit(kind="center-crop", fraction=0.875))


def put(folder, *names):
    """Writes pictures, each name another one."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(make_picture(random.Random(name).randrange(10**6), height=24, width=30)).save(folder / name)


def put_classes(folder, **counts):
    put(folder, *(f"{name}/{i:02}.png" for name, count in counts.items() for i in range(count)))
    return folder


def write_table(folder, *rows, header="filename,class_index,name"):
    (folder / "labels.csv").write_text("\n".join((header, *rows)) + "\n")


def by_name(listing):
    return {name: listing.classes[label] for name, label in zip(listing.names, listing.labels, strict=True)}


def load(folder, **options):
    return load_training(list_training(folder), square=SQUARE, **options)


def names_of(pictures, side):
    return {pictures.store.names[position] for position in getattr(pictures, side)}


# Which classes there are.


def test_class_folders_in_sorted_order_are_the_classes(tmp_path):
    put(tmp_path, "tulip/a.png", "daisy/deep/b.png", "Rose/c.png")
    listing = list_training(tmp_path)
    assert listing.classes == ("Rose", "daisy", "tulip")
    assert by_name(listing) == {"Rose/c.png": "Rose", "daisy/deep/b.png": "daisy", "tulip/a.png": "tulip"}
    assert listing.validation_start is None


def test_folders_named_by_numbers_are_called_so(tmp_path):
    put(tmp_path, "10/a.png", "9/b.png")
    assert by_name(list_training(tmp_path)) == {"10/a.png": "10", "9/b.png": "9"}


def test_a_table_numbers_its_classes_and_may_name_them(tmp_path):
    put(tmp_path, "images/a.png", "b.png", "c.png")
    write_table(tmp_path, "a.png,1,dog,", "b.png,0,,n01", "c.png,2,,", header="filename,class_index,name,wnid")
    listing = list_training(tmp_path)
    assert listing.classes == ("n01", "dog", "class 2")
    assert by_name(listing) == {"images/a.png": "dog", "b.png": "n01", "c.png": "class 2"}


def test_an_offset_is_for_the_labels_of_a_network_alone(tmp_path):
    for folder in (tmp_path / "one", tmp_path / "other"):
        put(folder, "a.png", "b.png")
        write_table(folder, "a.png,0,cat", "b.png,1,dog")
    listing = list_training(tmp_path / "one", validation=tmp_path / "other", label_offset=1)
    assert listing.labels == (0, 1, 0, 1)


def test_a_table_with_a_gap_in_its_indices_is_refused(tmp_path):
    put(tmp_path, "a.png", "b.png")
    write_table(tmp_path, "a.png,0,cat", "b.png,2,dog")
    with pytest.raises(BadDatasetError, match="its 2 class indices go up to 2, and none is 1"):
        list_training(tmp_path)


def test_a_table_that_names_one_class_twice_is_refused(tmp_path):
    put(tmp_path, "a.png", "b.png")
    write_table(tmp_path, "a.png,0,cat", "b.png,0,dog")
    with pytest.raises(BadDatasetError, match="line 3: class index 0 is 'dog' here and 'cat' before"):
        list_training(tmp_path)


def test_a_table_may_name_two_classes_alike(tmp_path):
    put(tmp_path, "a.png", "b.png")
    write_table(tmp_path, "a.png,0,crane", "b.png,1,crane")
    assert list_training(tmp_path).labels == (0, 1)


def test_labels_of_a_network_decide_over_the_order_of_the_folders(tmp_path):
    put(tmp_path, "cat/a.png", "dog/b.png")
    listing = list_training(tmp_path, labels=("dog", "bird", "cat"))
    assert listing.classes == ("dog", "bird", "cat")
    assert listing.labels == (2, 0)


def test_wnids_and_offsets_of_a_network_are_heeded(tmp_path):
    put(tmp_path, "n02/a.png", "n01/b.png")
    assert list_training(tmp_path, labels=("cat", "dog"), wnids=("n02", "n01")).labels == (1, 0)
    put(tmp_path / "table", "a.png", "b.png")
    write_table(tmp_path / "table", "a.png,0,", "b.png,1,")
    listing = list_training(tmp_path / "table", labels=("none", "cat", "dog"), label_offset=1)
    assert listing.labels == (1, 2)


def test_a_class_that_the_network_does_not_have_is_refused(tmp_path):
    put(tmp_path, "cat/a.png", "dragon/b.png")
    with pytest.raises(BadDatasetError, match="folder 'dragon'"):
        list_training(tmp_path, labels=("cat", "dog"))


# The given split.


@pytest.mark.parametrize("name", ["val", "validation", "valid"])
def test_a_folder_with_train_and_validation_is_split_as_given(tmp_path, name):
    put(tmp_path, "train/cat/a.png", "train/dog/b.png", f"{name}/dog/c.png", "notes/cat/d.png")
    listing = list_training(tmp_path)
    assert listing.classes == ("cat", "dog")
    assert by_name(listing) == {"train/cat/a.png": "cat", "train/dog/b.png": "dog", "validation/dog/c.png": "dog"}
    assert listing.validation_start == 2
    assert listing.notes == (f"Left out beside train/ and {name}/: notes/.",)


def test_a_second_folder_is_for_validation_whatever_the_order_of_its_classes(tmp_path):
    put(tmp_path, "all/cat/a.png", "all/dog/b.png", "other/c.png", "other/d.png")
    write_table(tmp_path / "other", "c.png,0,dog", "d.png,1,cat")
    listing = list_training(tmp_path / "all", validation=tmp_path / "other")
    assert by_name(listing)["validation/c.png"] == "dog"
    assert by_name(listing)["validation/d.png"] == "cat"


@pytest.mark.parametrize("second", [False, True])
def test_a_split_that_is_not_clear_is_refused_rather_than_read_as_classes(tmp_path, second):
    put(tmp_path, "set/train/cat/a.png", "set/train/dog/b.png", "set/test/cat/c.png", "set/test/dog/d.png")
    if second:
        put(tmp_path, "set/val/cat/e.png", "more/cat/f.png")
    with pytest.raises(BadDatasetError, match="not clear which to validate on") as caught:
        list_training(tmp_path / "set", validation=tmp_path / "more" if second else None)
    assert str(tmp_path / "set" / "train") in caught.value.hint


def test_train_may_be_the_name_of_a_class(tmp_path):
    put(tmp_path, "train/a.png", "plane/b.png")
    assert list_training(tmp_path).classes == ("plane", "train")


def test_a_class_that_is_only_validated_on_is_refused(tmp_path):
    put(tmp_path, "train/cat/a.png", "train/dog/b.png", "val/cat/c.png", "val/dog/d.png", "val/bird/e.png")
    with pytest.raises(InputDataError, match="bird"):
        list_training(tmp_path)


def test_a_class_that_the_network_knows_may_be_validated_on_alone(tmp_path):
    put(tmp_path, "train/cat/a.png", "train/dog/b.png", "val/cat/c.png", "val/dog/d.png", "val/bird/e.png")
    listing = list_training(tmp_path, labels=("bird", "cat", "dog"))
    assert listing.labels == (1, 2, 0, 1, 2)
    assert "Class 'bird' is validated on and not trained on." in listing.notes


def test_a_class_index_that_is_only_validated_on_is_refused(tmp_path):
    for side, indices in (("train", (0, 1)), ("more", (0, 1, 2))):
        put(tmp_path, *(f"{side}/{i}.png" for i in indices))
        rows = "".join(f"{i}.png,{i},name {i}\n" for i in indices)
        (tmp_path / side / "labels.csv").write_text(f"filename,class_index,name\n{rows}")
    with pytest.raises(InputDataError, match="2"):
        list_training(tmp_path / "train", validation=tmp_path / "more")


# What is refused.


def test_one_class_alone_is_refused(tmp_path):
    put_classes(tmp_path, cat=3)
    with pytest.raises(SingleClassError, match="all 3 pictures are of one class, 'cat'; two are needed") as caught:
        list_training(tmp_path)
    assert (caught.value.exit_code, "other" in caught.value.hint) == (5, True)


def test_a_folder_around_the_class_folders_is_noticed(tmp_path):
    put(tmp_path, *(f"flowers/{name}/{i}.png" for name in ("cat", "dog") for i in range(2)))
    with pytest.raises(SingleClassError) as caught:
        list_training(tmp_path)
    assert caught.value.hint == f"if the folders in {tmp_path / 'flowers'} are the classes, give that one"


def test_folders_to_validate_on_that_are_no_class_are_named(tmp_path):
    put(tmp_path, "train/cat/a.png", "train/dog_1/b.png", "val/Cat/c.png", "val/dog 1/d.png")
    assert len(list_training(tmp_path)) == 4  # spelled otherwise, the same
    put(tmp_path, "val/cow/e.png", "val/ant/f.png")
    with pytest.raises(StrangeClassError, match="nothing to train on has the classes ant, cow") as caught:
        list_training(tmp_path)
    assert caught.value.names == ("ant", "cow")


def test_named_classes_without_a_picture_are_told(tmp_path):
    put_classes(tmp_path, cat=2, dog=2)
    assert list_training(tmp_path).notes == ()
    told = list_training(tmp_path, labels=("cow", "cat", "dog")).notes
    assert told == ("Class 'cow' has no picture to train on.",)
    told = list_training(tmp_path, labels=("cow", "cat", "ant", "dog")).notes
    assert told == ("2 classes, such as 'cow', have no picture to train on.",)


def test_an_empty_class_folder_is_named(tmp_path):
    put_classes(tmp_path, cat=2, dog=2)
    (tmp_path / "bird").mkdir()
    (tmp_path / ".cache").mkdir()
    with pytest.raises(EmptyClassError, match="the class folder 'bird' holds no JPEG") as caught:
        list_training(tmp_path)
    assert caught.value.names == ("bird",)
    (tmp_path / "ant").mkdir()
    with pytest.raises(EmptyClassError, match="the class folders 'ant', 'bird' hold no"):
        list_training(tmp_path)


@pytest.mark.parametrize("copies", [False, True])
def test_a_class_with_one_picture_cannot_be_split(tmp_path, copies):
    put_classes(tmp_path, cat=4, dog=1)
    if copies:
        shutil.copy(tmp_path / "dog/00.png", tmp_path / "dog/copy.png")
    with pytest.raises(
        TooFewInClassError, match="class 'dog' has 1 usable picture, at least 2 different ones"
    ) as caught:
        load(tmp_path)
    assert (caught.value.name, caught.value.usable, caught.value.needed) == ("dog", 1, 2)
    assert len(load(tmp_path, share=0).train) == 5 + copies


def test_bad_pictures_are_named_where_they_leave_a_class_too_few(tmp_path):
    put_classes(tmp_path, cat=4, dog=2)
    (tmp_path / "dog/01.png").write_bytes(b"no picture")
    with pytest.raises(TooFewInClassError, match=r"1 skipped: dog/01.png \(not a JPEG, PNG, WebP or BMP picture\)"):
        load(tmp_path)


def test_a_given_split_needs_one_picture_of_each_class_to_train_on(tmp_path):
    put(tmp_path, "train/cat/a.png", "train/dog/b.png", "val/cat/c.png", "val/dog/d.png")
    assert len(load(tmp_path).train) == 2
    (tmp_path / "train/dog/b.png").write_bytes(b"")
    with pytest.raises(TooFewInClassError, match="class 'dog' has 0 usable pictures, at least 1 different one needed"):
        load(tmp_path)


def test_folders_without_usable_pictures_are_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="no such folder"):
        list_training(tmp_path / "absent")
    with pytest.raises(BadDatasetError, match="holds no JPEG"):
        list_training(tmp_path)
    for name in ("cat/a.png", "dog/b.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(BadDatasetError, match=r"none of its 2 pictures can be decoded; the first: cat/a.png \(not a"):
        load(tmp_path)


@pytest.mark.parametrize("share", [-0.1, 0.95])
def test_a_share_that_leaves_nothing_is_refused(tmp_path, share):
    put_classes(tmp_path, cat=2, dog=2)
    with pytest.raises(BadOptionError, match="--validation-share"):
        load(tmp_path, share=share)


# The split that is made.


def test_each_class_gives_its_share_and_at_least_one_picture(tmp_path):
    put_classes(tmp_path, ant=20, bee=10, cat=2, dog=3)
    pictures = load(tmp_path, share=0.2)
    counts = [int((pictures.labels[pictures.validation] == label).sum()) for label in range(4)]
    assert counts == [4, 2, 1, 1]
    assert sorted([*pictures.train, *pictures.validation]) == list(range(35))


def test_the_largest_share_leaves_every_class_a_picture_to_train_on(tmp_path):
    put_classes(tmp_path, ant=2, bee=9)
    pictures = load(tmp_path, share=0.9)
    assert [int((pictures.labels[pictures.train] == label).sum()) for label in range(2)] == [1, 1]


def test_the_split_hangs_on_seed_and_content_not_on_names_or_order(tmp_path):
    put_classes(tmp_path / "one", cat=12, dog=12)
    first = load(tmp_path / "one", seed=1)
    assert names_of(load(tmp_path / "one", seed=1), "validation") == names_of(first, "validation")
    assert names_of(load(tmp_path / "one", seed=2), "validation") != names_of(first, "validation")
    for name in first.store.names:
        folder, _, file = name.partition("/")
        (tmp_path / "two" / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / "one" / name, tmp_path / "two" / folder / f"{99 - int(file[:2])}.png")
    renamed = {f"{name[:4]}{99 - int(name[4:6])}.png" for name in names_of(first, "validation")}
    assert names_of(load(tmp_path / "two", seed=1), "validation") == renamed


def test_copies_of_a_file_stay_on_one_side_and_are_told(tmp_path):
    put_classes(tmp_path, cat=6, dog=6)
    for i in range(6):
        shutil.copy(tmp_path / f"cat/{i:02}.png", tmp_path / f"cat/copy{i}.png")
    for seed in range(4):
        pictures = load(tmp_path, share=0.3, seed=seed)
        held = {name.replace("copy", "0") for name in names_of(pictures, "validation")}
        trained = {name.replace("copy", "0") for name in names_of(pictures, "train")}
        assert not held & trained
    (note,) = pictures.notes
    assert note.startswith("Copies of one picture (6): cat/00.png = cat/copy0.png; ")
    assert len(pictures.card.duplicates) == 6


def test_a_copy_on_the_other_side_of_a_given_split_or_in_another_class_is_told(tmp_path):
    put(tmp_path, "train/cat/a.png", "train/dog/b.png", "val/dog/c.png")
    shutil.copy(tmp_path / "train/cat/a.png", tmp_path / "val/dog/a.png")
    notes = load(tmp_path).notes
    assert notes == (
        "Copies of one picture (1): train/cat/a.png = validation/dog/a.png.",
        "Copies on both sides, so that validation flatters (1): train/cat/a.png = validation/dog/a.png.",
        "Copies under two classes, one of which is wrong (1): train/cat/a.png = validation/dog/a.png.",
    )


def test_a_bad_picture_is_named_and_left_out_of_both_sides(tmp_path):
    put_classes(tmp_path, cat=5, dog=5)
    (tmp_path / "cat/02.png").write_bytes((tmp_path / "cat/02.png").read_bytes()[:60])
    pictures = load(tmp_path)
    assert len(pictures.train) + len(pictures.validation) == 9
    assert "cat/02.png" not in names_of(pictures, "train") | names_of(pictures, "validation")
    assert [file.name for file in pictures.card.skipped] == ["cat/02.png"]
    assert pictures.notes[0].startswith("1 picture cannot be decoded and left out: cat/02.png (damaged")


def test_balanced_weights_let_every_class_count_the_same():
    labels = np.array([0, 0, 0, 2], np.int32)
    weights = example_weights(labels, "balanced")
    assert weights.dtype == np.float32
    assert weights.tolist() == pytest.approx([2 / 3] * 3 + [2])
    assert example_weights(labels, "none").tolist() == [1] * 4


# The record.


def test_the_card_counts_each_side_and_holds_no_path_of_the_machine(tmp_path):
    put_classes(tmp_path / "pets", cat=10, dog=5)
    card = load(tmp_path / "pets", share=0.2, seed=3).card.to_json()
    assert card["classes"] == [
        {"name": "cat", "index": 0, "train": 8, "validation": 2},
        {"name": "dog", "index": 1, "train": 4, "validation": 1},
    ]
    assert (card["source"], card["train"], card["validation"]) == ("pets", 12, 3)
    assert card["split"] == {"kind": "made", "share": 0.2, "seed": 3}
    assert str(tmp_path) not in json.dumps(card)


def test_the_hash_of_the_set_changes_with_a_byte_a_class_or_a_side(tmp_path):
    put_classes(tmp_path / "one", cat=8, dog=8)
    digest = load(tmp_path / "one").card.digest
    shutil.copytree(tmp_path / "one", tmp_path / "same")
    assert load(tmp_path / "same").card.digest == digest
    assert load(tmp_path / "one", seed=1).card.digest != digest
    (tmp_path / "one/cat").rename(tmp_path / "one/cow")
    assert load(tmp_path / "one").card.digest != digest
    with (tmp_path / "same/cat/00.png").open("ab") as file:
        file.write(b"\0")
    assert load(tmp_path / "same").card.digest != digest


def test_a_table_that_names_files_elsewhere_leaves_their_place_out_of_the_record(tmp_path):
    put(tmp_path, "far/a.png", "far/b.png", "set/c.png", "set/d.png")
    write_table(tmp_path / "set", f"{tmp_path}/far/a.png,0,", f"{tmp_path}/far/b.png,1,", "c.png,0,", "d.png,1,")
    assert list_training(tmp_path / "set").names == ("a.png", "b.png", "c.png", "d.png")


# The store.


@pytest.fixture
def decoded(monkeypatch):
    """Names of the files that are decoded."""
    seen, decode = [], picture_store.decode_picture
    monkeypatch.setattr(picture_store, "decode_picture", lambda path: seen.append(path.name) or decode(path))
    return seen


def store_of(folder, *, kept_bytes=10**6, square=SQUARE):
    put(folder, *(f"{i}.png" for i in range(4)))
    paths = sorted(folder.glob("*.png"))
    return PictureStore(paths, names=[path.name for path in paths], square=square, kept_bytes=kept_bytes)


def test_both_squares_are_what_loading_the_picture_gives(tmp_path):
    store = store_of(tmp_path)
    margin = margin_square(SQUARE)
    for position, path in enumerate(store.paths):
        contract = load_picture(path, side=14, fit=SQUARE.fit)
        assert np.array_equal(store.contract_picture(position), contract)
        assert np.array_equal(store.margin_picture(position), load_picture(path, side=16, fit=margin.fit))
    assert (store.side, store.margin_side, len(store)) == (14, 16, 4)


@pytest.mark.parametrize(
    ("fit", "wider"),
    [
        ("center-crop:0.875", "center-crop:1"),
        ("center-crop:0.7", "center-crop:0.8"),
        ("center-crop:1", "center-crop:1"),
        ("stretch", "stretch"),
        ("letterbox", "letterbox"),
    ],
)
def test_the_margin_square_shows_an_eighth_more_where_there_is_more(fit, wider):
    margin = margin_square(Square(side=96, fit=Fit.parse(fit)))
    assert margin.side == 110
    assert margin.fit.kind == Fit.parse(wider).kind
    assert margin.fit.fraction == pytest.approx(Fit.parse(wider).fraction)


def test_the_middle_of_the_margin_square_shows_what_the_contract_square_shows(tmp_path):
    smooth = np.asarray(
        Image.fromarray(make_picture(1, height=9, width=9)).resize((512, 512), Image.Resampling.BICUBIC)
    )
    Image.fromarray(smooth).save(tmp_path / "a.png")
    store = PictureStore([tmp_path / "a.png"], names=["a"], square=Square(side=112, fit=SQUARE.fit))
    middle = store.margin_picture(0)[8:-8, 8:-8]
    assert np.abs(middle.astype(int) - store.contract_picture(0)).max() <= 2


def test_what_verifying_keeps_is_not_decoded_again(tmp_path, decoded):
    store = store_of(tmp_path)
    assert all(isinstance(found, str) and len(found) == 64 for found in store.verify(keep="margin"))
    assert sorted(decoded) == ["0.png", "1.png", "2.png", "3.png"]
    for position in range(4):
        store.margin_picture(position)
    assert len(decoded) == 4
    for _ in range(2):
        store.contract_picture(2)
    assert decoded[4:] == ["2.png"]


def test_beyond_its_memory_the_store_decodes_again(tmp_path, decoded):
    store = store_of(tmp_path, kept_bytes=2 * 3 * 16**2)
    store.verify(keep="margin")
    first = [store.margin_picture(position) for position in range(4)]
    assert len(decoded) == 4 + 2
    assert all(np.array_equal(first[i], store.margin_picture(i)) for i in range(4))
    assert len(decoded) == 4 + 4


def test_memory_that_is_freed_serves_other_squares(tmp_path, decoded):
    store = store_of(tmp_path, kept_bytes=4 * 3 * 16**2)
    store.verify(keep="margin")
    store.forget("margin", range(4))
    for _ in range(2):
        for position in range(4):
            store.contract_picture(position)
    assert len(decoded) == 4 + 4


def test_the_margin_squares_of_validation_pictures_are_not_kept(tmp_path, decoded):
    put_classes(tmp_path, cat=5, dog=5)
    pictures = load(tmp_path)
    assert len(decoded) == 10
    for position in pictures.train:
        pictures.store.margin_picture(position)
    assert len(decoded) == 10
    pictures.store.margin_picture(pictures.validation[0])
    assert len(decoded) == 11


def test_progress_is_told_picture_by_picture(tmp_path):
    put_classes(tmp_path, cat=2, dog=2)
    told = []
    load(tmp_path, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
