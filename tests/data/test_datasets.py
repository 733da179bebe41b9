import numpy as np
import pytest
from PIL import Image

from mobile_deploy.data.datasets import load_dataset
from mobile_deploy.errors import BadDatasetError, UnreadableFileError

LABELS = ("tench", "great white shark", "crane", "cock", "crane")
WNIDS = ("n01440764", "n01484850", "n02012849", "n01514668", "n03126707")


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(folder / name)


def load(folder, labels=LABELS, wnids=WNIDS):
    found = load_dataset(folder, labels=labels, wnids=wnids)
    return {path.relative_to(folder).as_posix(): index for path, index in zip(found.paths, found.indices, strict=True)}


def refuse(folder, words, **options):
    with pytest.raises(BadDatasetError, match=words) as caught:
        load(folder, **options)
    assert caught.value.exit_code == 5


def test_class_folders_are_matched_by_wnid_name_or_index(tmp_path):
    put(tmp_path, "n03126707/a.png", "Great_White Shark/b.png", "003/deep/c.png", "tench/d.png", "tench/e.png")
    assert load(tmp_path) == {
        "003/deep/c.png": 3,
        "Great_White Shark/b.png": 1,
        "n03126707/a.png": 4,
        "tench/d.png": 0,
        "tench/e.png": 0,
    }


def test_a_name_that_is_a_number_wins_over_the_index(tmp_path):
    put(tmp_path, "0/a.png", "1/b.png")
    assert load(tmp_path, labels=("1", "0"), wnids=()) == {"0/a.png": 1, "1/b.png": 0}


def test_an_unknown_class_folder_is_named(tmp_path):
    put(tmp_path, "tench/a.png", "dragon/b.png")
    refuse(tmp_path, "folder 'dragon' is no wnid, no class name and no index from 0 to 4")


def test_an_index_out_of_range_is_no_class(tmp_path):
    put(tmp_path, "5/a.png")
    refuse(tmp_path, "folder '5' is no wnid")


def test_a_name_of_two_classes_is_ambiguous(tmp_path):
    put(tmp_path, "crane/a.png")
    refuse(tmp_path, "several classes")


def test_a_folder_without_pictures_is_no_class(tmp_path):
    put(tmp_path, "tench/a.png")
    (tmp_path / "notes").mkdir()
    assert load(tmp_path) == {"tench/a.png": 0}


def test_loose_pictures_are_refused(tmp_path):
    put(tmp_path, "tench/a.png", "loose.png")
    refuse(tmp_path, "1 of 2 pictures lie outside a class folder, such as loose.png")


def test_a_folder_without_pictures_is_refused(tmp_path):
    refuse(tmp_path, "no JPEG, PNG, WebP or BMP")


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="no such folder"):
        load(tmp_path / "absent")


def write_table(folder, *rows, header="filename,class_index,wnid,name"):
    (folder / "labels.csv").write_text("\n".join((header, *rows)) + "\n", encoding="utf-8-sig")


def test_a_table_decides_in_its_order_and_finds_files_here_or_in_images(tmp_path):
    put(tmp_path, "images/ö b.png", "a.png", "images/unused.png")
    write_table(tmp_path, "ö b.png,3,n01514668,cock", "a.png,0,n01440764,tench")
    assert list(load(tmp_path).items()) == [("images/ö b.png", 3), ("a.png", 0)]


@pytest.mark.parametrize("index", ["5", "-1", "two", "", "1.0", "٣"])
def test_a_bad_class_index_is_named_with_its_line(tmp_path, index):
    put(tmp_path, "a.png", "b.png")
    write_table(tmp_path, "a.png,0,,", f"b.png,{index},,")
    refuse(tmp_path, "line 3 has class index")


def test_names_in_a_table_find_the_offset_of_a_background_class(tmp_path):
    put(tmp_path, "a.png", "b.png")
    write_table(tmp_path, "a.png,0,,tench", "b.png,2,,crane")
    found = load_dataset(tmp_path, labels=("background", *LABELS))
    assert (found.indices, len(found.notes)) == ((1, 3), 1)
    assert load_dataset(tmp_path, labels=("background", *LABELS), label_offset=2).indices == (2, 4)


def test_wnids_in_a_table_are_read(tmp_path):
    put(tmp_path, "a.png", "b.png")
    write_table(tmp_path, "a.png,0,n03126707,crane", "b.png,1,n02012849,crane")
    assert load(tmp_path) == {"a.png": 4, "b.png": 2}


def test_a_file_that_is_not_there_is_named_with_its_line(tmp_path):
    put(tmp_path, "a.png")
    write_table(tmp_path, "absent.png,0,,")
    refuse(tmp_path, "line 2 names 'absent.png'")


def test_a_table_without_its_columns_is_refused(tmp_path):
    put(tmp_path, "a.png")
    write_table(tmp_path, "a.png,0", header="file,class_index")
    refuse(tmp_path, "lacks the column filename; its first line has 'file', 'class_index'")


def test_a_table_parted_by_semicolons_is_told_what_parts_columns(tmp_path):
    put(tmp_path, "a.png")
    write_table(tmp_path, "a.png;0", header="filename;class_index")
    with pytest.raises(BadDatasetError, match="its first line has 'filename;class_index'") as caught:
        load(tmp_path)
    assert "commas" in caught.value.hint


def test_a_picture_that_a_table_names_twice_is_refused(tmp_path):
    put(tmp_path, "a.png", "b.png")
    write_table(tmp_path, "a.png,0,,", "b.png,1,,", "./a.png,2,,")
    refuse(tmp_path, "line 4 names 'a.png' again, after line 2")


def test_an_empty_table_is_refused(tmp_path):
    write_table(tmp_path)
    refuse(tmp_path, "names no pictures")


def test_a_table_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "labels.csv").write_bytes(b"\xff\xfe\x00filename")
    refuse(tmp_path, "not a readable UTF-8 table")


def test_the_development_photographs_load(shared_dir):
    folder = shared_dir / "imagenet_sample"
    found = load_dataset(folder, labels=(folder / "classes.txt").read_text().splitlines())
    assert len(found) == 500
    assert found.indices == tuple(range(0, 1000, 2))
