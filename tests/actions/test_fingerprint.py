from __future__ import annotations

import os

import pytest

from sonant.actions._fingerprint import SMALL, difference, fingerprint, of_config, still


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    for number, name in enumerate(("a", "b", "deep/c"), start=1):
        (folder / name).write_text(name)
        os.utime(folder / name, ns=(number, number))
    return folder


def test_a_small_file_is_told_by_its_content_a_large_one_by_its_time(tmp_path):
    file = tmp_path / "file"
    for size, counts in ((10, False), (SMALL + 1, True)):
        file.write_bytes(bytes(size))
        before = fingerprint(file)
        os.utime(file, ns=(5, 5))
        assert (fingerprint(file) != before) == counts
    file.write_bytes(b"1" * 10)
    before = fingerprint(file)
    file.write_bytes(b"2" * 10)
    assert fingerprint(file) != before


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "d").touch(),
        lambda folder: (folder / "deep" / "c").unlink(),
        lambda folder: (folder / "a").rename(folder / "z"),
        lambda folder: os.utime(folder / "a", ns=(9, 9)),
        lambda folder: (folder / "b").write_text("longer"),
    ],
)
def test_a_folder_is_told_by_names_sizes_and_times(folder, change):
    before = fingerprint(folder)
    assert fingerprint(folder) == before
    change(folder)
    assert fingerprint(folder) != before


def test_hidden_files_and_circles_do_not_count(folder):
    before = fingerprint(folder)
    (folder / ".hidden").touch()
    (folder / "deep" / "up").symlink_to(folder)
    assert fingerprint(folder) == before


def test_a_folder_can_be_left_out(folder):
    before = fingerprint(folder, without=folder / "deep")
    (folder / "deep" / "new").touch()
    assert fingerprint(folder, without=folder / "deep") == before
    assert fingerprint(folder, without=folder / "nothing") == fingerprint(folder)


def test_nothing_and_an_empty_folder_have_none(tmp_path):
    assert fingerprint(tmp_path) is None
    assert fingerprint(tmp_path / "nothing") is None


def test_what_was_made_stays_so_when_files_are_added_only(folder):
    known = fingerprint(folder)
    (folder / "new").touch()
    assert still(folder, known) == known
    os.utime(folder / "a")
    assert still(folder, known) != known
    assert still(folder / "nothing", known) is None


def test_a_configuration_includes_what_it_extends(tmp_path):
    (tmp_path / "base.yaml").write_text("optim: {lr: 1.0}\n")
    (tmp_path / "mine.yaml").write_text("extends: base.yaml\n")
    before = of_config(str(tmp_path / "mine.yaml"))
    (tmp_path / "base.yaml").write_text("# a comment\noptim: {lr: 1.0}\n")
    assert of_config(str(tmp_path / "mine.yaml")) == before
    (tmp_path / "base.yaml").write_text("optim: {lr: 2.0}\n")
    assert of_config(str(tmp_path / "mine.yaml")) != before


def test_differences_in_words(folder):
    before = fingerprint(folder)
    assert difference(before, None) == "missing"
    assert difference(None, before) == "changed"
    (folder / "new").touch()
    assert difference(before, fingerprint(folder)) == "changed (3 files, now 4)"
