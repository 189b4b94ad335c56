"""Lists of ids, folds, and parts that share no speaker."""

from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.data.id_lists import divided_by_speakers, folds, read_ids, read_parts, read_speakers, write_folds, write_ids
from sonant.data.manifest import Manifest
from sonant.data.recipes import split


def test_folds_of_the_published_size():
    ids = [f"{number}" for number in range(2205)]
    made = list(folds(ids, 11))
    assert len(made) == 11
    assert {len(val) for _, val in made} == {200, 201} and {len(train) for train, _ in made} == {2004, 2005}
    assert [one for _, val in made for one in val] == ids
    for train, val in made:
        assert sorted([*train, *val]) == sorted(ids)
        assert [int(one) for one in val] == list(range(int(val[0]), int(val[-1]) + 1))
    with pytest.raises(SonantError, match="cannot be 3 folds"):
        list(folds(["a", "b"], 3))


def test_lists_are_read_with_and_without_a_last_newline(tmp_path):
    (tmp_path / "train.txt").write_text("2005\n2006")
    (tmp_path / "val.txt").write_text("2007\n\n")
    assert read_parts(tmp_path) == {"train": ["2005", "2006"], "valid": ["2007"]}
    write_ids(tmp_path / "val.txt", ["2007", "2006"])
    with pytest.raises(SonantError, match="'2006' is in the lists"):
        read_parts(tmp_path)
    (tmp_path / "test.txt").write_text("1\n1\n")
    with pytest.raises(SonantError, match="'1' twice"):
        read_ids(tmp_path / "test.txt")
    (tmp_path / "test.txt").unlink()
    with pytest.raises(SonantError, match="no 3_fold_train.txt"):
        read_parts(tmp_path, fold=3)
    write_folds(tmp_path / "f", ["a", "b", "c"], 2)
    assert read_parts(tmp_path / "f", fold=1) == {"train": ["a", "b"], "valid": ["c"]}


@pytest.mark.parametrize("seed", range(4))
def test_nobody_speaks_in_two_parts(seed):
    generator = np.random.default_rng(seed)
    pairs = [tuple(generator.choice(60, 2, replace=False).astype(str)) for _ in range(120)]
    part_U = divided_by_speakers(pairs, (0.8, 0.1, 0.1), seed=seed)
    who = [
        {name for pair, part in zip(pairs, part_U, strict=True) if part == number for name in pair}
        for number in range(3)
    ]
    assert all(who) and not (who[0] & who[1] or who[0] & who[2] or who[1] & who[2])
    assert (part_U == 2).sum() >= 12 and (part_U == 1).sum() >= 10 and (part_U == 0).sum() > 20


def test_separate_couples_are_divided_without_loss():
    pairs = [(f"a{number}", f"b{number}") for number in range(50)]
    part_U = divided_by_speakers(pairs, (0.6, 0.2, 0.2), seed=0)
    assert np.bincount(part_U).tolist() == [30, 10, 10]
    assert (divided_by_speakers(pairs, (0.6, 0.2, 0.2), seed=1) != part_U).any()


def test_the_recipe_writes_lists_and_reads_them(manifest, tmp_path, capsys):
    split.prepare(manifest.folder, tmp_path / "one", folds=3)
    ids = {name: read_ids(tmp_path / "one" / f"{name}.txt") for name in ("train", "val", "test")}
    assert sorted(sum(ids.values(), [])) == sorted(manifest.table.ids)
    assert [u.id for u in Manifest.open(tmp_path / "one" / "valid")] == ids["val"]
    split.prepare(manifest.folder, tmp_path / "two", ids=tmp_path / "one", fold=1)
    assert [u.id for u in Manifest.open(tmp_path / "two" / "valid")] == read_ids(tmp_path / "one" / "1_fold_val.txt")
    assert read_ids(tmp_path / "two" / "test.txt") == ids["test"]
    assert not set(read_ids(tmp_path / "two" / "train.txt")) & {*ids["test"], *read_ids(tmp_path / "two" / "val.txt")}
    (tmp_path / "three").mkdir()
    write_ids(tmp_path / "three" / "train.txt", [ids["train"][0], "elsewhere"])
    assert len(split.prepare(manifest.folder, tmp_path / "made", ids=tmp_path / "three")) == 1
    assert "'elsewhere'" in capsys.readouterr().err
    write_ids(tmp_path / "three" / "train.txt", ["elsewhere"])
    with pytest.raises(SonantError, match="no id for train"):
        split.prepare(manifest.folder, tmp_path / "made2", ids=tmp_path / "three")


def test_the_recipe_divides_dialogues_by_speakers(manifest, tmp_path):
    rows = [f"{one},s{number // 2},t{number // 2}" for number, one in enumerate(manifest.table.ids)]
    (tmp_path / "speakers.csv").write_text("\n".join(rows))
    known = read_speakers(tmp_path / "speakers.csv")
    options = {"by": "speaker", "speakers": tmp_path / "speakers.csv", "train": 0.5, "valid": 0.25, "test": 0.25}
    split.prepare(manifest.folder, tmp_path / "out", **options)
    parts = [
        {name for u in Manifest.open(tmp_path / "out" / part) for name in known[u.id]}
        for part in ("train", "valid", "test")
    ]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    (tmp_path / "speakers.csv").write_text("x a b")
    with pytest.raises(SonantError, match="does not tell who speaks"):
        split.prepare(manifest.folder, tmp_path / "out2", **options)
