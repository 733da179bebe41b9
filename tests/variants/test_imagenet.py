from __future__ import annotations

import csv

from mobile_deploy.variants.imagenet import imagenet_classes


def test_there_are_1000_classes_in_the_order_of_their_wordnet_numbers():
    wnids = [one.wnid for one in imagenet_classes()]
    assert len(set(wnids)) == 1000
    assert wnids == sorted(wnids)
    assert all(len(wnid) == 9 and wnid[0] == "n" and wnid[1:].isdigit() for wnid in wnids)


def test_names_stand_at_the_outputs_of_keras_applications():
    names = [one.name for one in imagenet_classes()]
    assert [names[place] for place in (0, 1, 285, 637, 999)] == [
        "tench",
        "goldfish",
        "Egyptian cat",
        "mailbox",
        "toilet tissue",
    ]
    assert all(name and name == name.strip() and "_" not in name for name in names)


def test_only_the_two_known_pairs_share_a_name():
    names = [one.name for one in imagenet_classes()]
    assert {name for name in names if names.count(name) > 1} == {"crane", "maillot"}


def test_classes_agree_with_labelled_photographs(shared_dir):
    with (shared_dir / "imagenet_sample" / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            one = imagenet_classes()[int(row["class_index"])]
            assert (one.wnid, one.name) == (row["wnid"], row["name"].replace("_", " "))
