"""Which output a class of a dataset is, for models that number or name their classes otherwise."""

from __future__ import annotations

import pytest

from mobile_deploy.data.class_matching import ClassWords, Outputs, align, match_folders, match_numbered
from mobile_deploy.errors import BadDatasetError, BadOptionError
from mobile_deploy.variants.imagenet import imagenet_classes, wnids_of

BIRDS = ("tench", "great white shark", "crane", "cock", "crane")
WITH_BACKGROUND = Outputs(labels=("background", *BIRDS))
NAMELESS_1001 = Outputs(labels=tuple(f"class {i}" for i in range(1001)))


def row(index: int, name: str = "", wnid: str = "") -> ClassWords:
    return ClassWords(where=f"line {index + 2}", index=index, wnid=wnid, name=name)


def folder(name: str) -> ClassWords:
    return ClassWords(where=f"folder {name!r}", index=int(name) if name.isdigit() else None, wnid=name, name=name)


def numbered(rows, outputs, offset=None):
    return match_numbered(rows, outputs, offset=offset, source="labels.csv")


def foldered(names, outputs, offset=None):
    return match_folders([folder(name) for name in names], outputs, offset=offset, source="data")


def test_the_class_index_is_the_output_where_names_agree_or_there_are_none():
    outputs = Outputs(labels=BIRDS)
    named = numbered([row(0, "tench"), row(2, "crane"), row(4, "crane"), row(1, "Great_White_Shark")], outputs)
    assert (named.indices, named.notes) == ((0, 2, 4, 1), ())
    assert numbered([row(3), row(0)], outputs).indices == (3, 0)


def test_names_find_the_offset_of_a_background_class_and_settle_ambiguous_names():
    found = numbered([row(0, "tench"), row(2, "crane"), row(4, "crane")], WITH_BACKGROUND)
    assert found.indices == (1, 3, 5)
    assert found.notes == ("Classes were matched by name or wnid: output = class index + 1.",)


def test_a_model_without_the_background_class_of_the_dataset_lies_one_lower():
    found = numbered([row(1, "tench"), row(3, "crane")], Outputs(labels=BIRDS))
    assert found.indices == (0, 2)
    assert "class index - 1" in found.notes[0]


def test_the_offset_that_the_user_says_wins_over_names():
    assert numbered([row(0, "tench"), row(1, "cock")], WITH_BACKGROUND, offset=2).indices == (2, 3)
    assert numbered([row(0, "tench")], WITH_BACKGROUND, offset=0).notes == ()


def test_names_decide_alone_where_the_orders_differ():
    found = numbered([row(0, "cat"), row(1, "dog"), row(2, "ant")], Outputs(labels=("ant", "cat", "dog")))
    assert found.indices == (1, 2, 0)
    assert "another order" in found.notes[0]


def test_an_ambiguous_name_is_refused_where_the_orders_differ():
    with pytest.raises(BadDatasetError, match=r"line 4: 'crane' is the name of outputs 2 and 4, and the class indices"):
        numbered([row(0, "cock"), row(1, "tench"), row(2, "crane")], Outputs(labels=BIRDS))


def test_an_unknown_name_is_refused_where_the_orders_differ():
    with pytest.raises(BadDatasetError, match=r"line 4: the model has no class 'dragon'"):
        numbered([row(0, "cock"), row(1, "tench"), row(2, "dragon")], Outputs(labels=BIRDS))


def test_unknown_names_do_no_harm_where_the_known_ones_confirm_the_indices():
    assert numbered([row(0, "tench"), row(1, "Weißer Hai")], Outputs(labels=BIRDS)).indices == (0, 1)


def test_names_do_not_move_the_indices_where_the_model_knows_only_some():
    with pytest.raises(BadOptionError, match=r"--label-offset: .* has none called 'dragon' \(line 3\)") as caught:
        numbered([row(0, "tench"), row(1, "dragon")], WITH_BACKGROUND)
    assert "--label-offset 1" in caught.value.hint


def test_a_wnid_wins_over_a_name():
    outputs = Outputs(labels=("crane", "crane"), wnids=("n02012849", "n03126707"))
    assert numbered([row(0, "crane", "n03126707"), row(1, "crane", "n02012849")], outputs).indices == (1, 0)


def test_synonyms_behind_the_names_of_imagenet_are_no_part_of_them():
    synonyms = tuple(f"{known.name}, {known.name} of Linnaeus" for known in imagenet_classes())
    outputs = Outputs(labels=("background", *synonyms), wnids=wnids_of(("background", *synonyms)))
    assert outputs.wnids[:2] == ("", "n01440764")
    known = imagenet_classes()
    by_wnid = [row(index, "", known[index].wnid) for index in (285, 0)]
    assert numbered(by_wnid, outputs).indices == (286, 1)
    by_name = [row(index, known[index].name) for index in (285, 0)]
    assert numbered(by_name, outputs).indices == (286, 1)
    assert foldered(
        ["tench", "Egyptian_cat", "n01440764", f"{known[1].name}, {known[1].name} of Linnaeus"], outputs
    ).indices == (1, 286, 1, 2)
    plain = Outputs(labels=tuple(c.name for c in known), wnids=tuple(c.wnid for c in known))
    for offset in (1, None):
        assert align(plain, outputs, offset=offset) == tuple((i, i + 1) for i in range(1000))


def test_a_comma_in_names_that_are_not_imagenets_is_part_of_them():
    assert wnids_of(("red, small", "red, large")) == ()
    with pytest.raises(BadDatasetError, match="folder 'red' is no wnid"):
        foldered(["red"], Outputs(labels=("red, small", "red, large")))


def test_an_index_without_an_output_is_named_with_the_offset():
    with pytest.raises(BadDatasetError, match=r"line 7 has class index '5'; the model has 0 to 4"):
        numbered([row(5)], Outputs(labels=BIRDS))
    with pytest.raises(BadDatasetError, match=r"class index '5'; the model has -1 to 4 at an offset of \+1"):
        numbered([row(5)], WITH_BACKGROUND, offset=1)


def test_a_nameless_model_of_1001_outputs_is_told_by_wnids():
    found = numbered([row(285, "Egyptian cat", "n02124075")], NAMELESS_1001)
    assert found.indices == (286,)
    assert "ImageNet's classes in their usual order behind a background class" in found.notes[0]
    assert foldered(["n02124075"], NAMELESS_1001).indices == (286,)


def test_a_nameless_model_of_1001_outputs_needs_an_offset_for_bare_indices():
    for match in (lambda: numbered([row(285)], NAMELESS_1001), lambda: foldered(["285"], NAMELESS_1001)):
        with pytest.raises(BadOptionError, match="--label-offset: needed: the model does not name its 1001 outputs"):
            match()
    assert numbered([row(285)], NAMELESS_1001, offset=1).indices == (286,)
    assert foldered(["285"], NAMELESS_1001, offset=1).indices == (286,)


def test_a_nameless_model_of_1000_outputs_takes_indices_as_they_are():
    assert numbered([row(285)], Outputs(labels=tuple(f"class {i}" for i in range(1000)))).indices == (285,)


def test_folders_named_by_index_move_with_the_offset_and_others_do_not():
    assert foldered(["cock", "0", "004"], WITH_BACKGROUND, offset=1).indices == (4, 1, 5)


def test_equal_folders_get_equal_outputs():
    assert foldered(["cock", "tench", "cock"], Outputs(labels=BIRDS)).indices == (3, 0, 3)


def test_classes_of_two_models_are_paired_by_offset():
    assert align(Outputs(labels=("a", "b")), NAMELESS_1001, offset=1) == ((0, 1), (1, 2))
    assert align(WITH_BACKGROUND, Outputs(labels=BIRDS), offset=-1) == ((1, 0), (2, 1), (3, 2), (4, 3), (5, 4))


def test_an_offset_that_holds_for_a_few_classes_alone_does_not_pair_the_others():
    """As pictures of cats alone would say of both models."""
    pets, others = Outputs(labels=("cat", "dog", "fox")), Outputs(labels=("cat", "fox", "dog"))
    assert align(pets, others, offset=0) == ((0, 0), (1, 2), (2, 1))


def test_a_name_that_is_worded_anew_does_not_undo_an_offset():
    worded_anew = Outputs(labels=("cat", "hound", "fox"))
    assert align(Outputs(labels=("cat", "dog", "fox")), worded_anew, offset=0) == ((0, 0), (1, 1), (2, 2))


def test_classes_of_two_models_are_paired_by_name_and_equal_names_in_their_order():
    reversed_order = Outputs(labels=tuple(reversed(BIRDS)))
    assert align(Outputs(labels=BIRDS), reversed_order, offset=None) == ((0, 4), (1, 3), (2, 0), (3, 1), (4, 2))


def test_the_imagenet_list_has_two_pairs_of_equal_names():
    """So that the rule for ambiguous names is needed and tried on the real list."""
    labels = tuple(known.name for known in imagenet_classes())
    rows = [row(index, known.name) for index, known in enumerate(imagenet_classes())]
    assert len(set(labels)) == 998
    assert numbered(rows, Outputs(labels=("background", *labels))).indices == tuple(range(1, 1001))
