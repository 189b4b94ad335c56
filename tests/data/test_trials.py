from __future__ import annotations

import pytest

from sonant.core import SonantError
from sonant.data.manifest import Manifest
from sonant.data.recipes import librispeech
from sonant.data.trials import match_names, read_trials, write_trials

PLAIN = [("a/x.wav", "b/y.wav", True), ("a/x.wav", "c/z.wav", False), ("b/y.wav", "a/x.wav", True)]
LISTS = {
    "voxceleb": "1 a/x.wav b/y.wav\n\n0  a/x.wav\tc/z.wav\n1 b/y.wav a/x.wav\n",
    "kaldi": "a/x.wav b/y.wav target\na/x.wav c/z.wav nontarget\nb/y.wav a/x.wav target\n",
    "sitw": "\ufeffa/x.wav b/y.wav tgt\na/x.wav c/z.wav imp\nb/y.wav a/x.wav tgt",
}


def utterances_of(trials, manifest):
    utterances = list(manifest)
    return match_names(trials.names, [u.id for u in utterances], [u.path for u in utterances], place="the manifest")


def rows(trials):
    return [
        (trials.names[e], trials.names[t], bool(same))
        for e, t, same in zip(trials.enrol_P, trials.test_P, trials.target_P, strict=True)
    ]


@pytest.mark.parametrize("style", LISTS)
def test_every_format_is_told_from_its_first_line(tmp_path, style):
    (tmp_path / "t").write_text(LISTS[style])
    trials = read_trials(tmp_path / "t")
    assert rows(trials) == PLAIN and len(trials) == 3
    assert trials.names == ["a/x.wav", "b/y.wav", "c/z.wav"]
    for out in ("voxceleb", "kaldi"):
        write_trials(tmp_path / "copy", trials, style=out)
        assert rows(read_trials(tmp_path / "copy")) == PLAIN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a b c\n", "line 1: 'a b c' is no trial; known"),
        ("1 a b\n1 a\n", "line 2: '1 a' is no trial like those before it: expected '1 enrol test'"),
        ("1 a b\n\na b target\n", "line 3: 'a b target' is no trial like"),
        ("a b target\na b tgt\na b maybe\n", "line 3: 'a b maybe'.*a label of target, nontarget"),
        ("1 a b extra", "line 1"),
    ],
)
def test_what_is_no_trial_is_named(tmp_path, text, message):
    (tmp_path / "t").write_text(text)
    with pytest.raises(SonantError, match=message):
        read_trials(tmp_path / "t")
    with pytest.raises(SonantError, match="cannot read the trial list"):
        read_trials(tmp_path / "nothing")


def test_a_name_that_looks_like_a_label(tmp_path):
    (tmp_path / "t").write_text("1 0 target\n0 1 nontarget\n")
    assert rows(read_trials(tmp_path / "t")) == [("1", "0", True), ("0", "1", False)]


def test_names_find_their_utterances(manifest, tmp_path):
    (tmp_path / "t").write_text("1 a/a-0.wav a-1\n0 a/a-0.wav b/b-3.wav\n0 b-3 c/c-5\n")
    trials = read_trials(tmp_path / "t")
    found = [manifest.utterance(int(row)).id for row in utterances_of(trials, manifest)]
    assert found == ["a-0", "a-1", "b-3", "b-3", "c-5"]
    (tmp_path / "t").write_text("1 a/a-0.wav a/a-77.wav\n")
    with pytest.raises(SonantError, match=r"1 of 2 recordings of the trials are not in .*'a/a-77.wav'"):
        utterances_of(read_trials(tmp_path / "t"), manifest)


def test_a_real_list(data_dir, tmp_path):
    trials = read_trials(data_dir / "librispeech-mini" / "test-other-trials.txt")
    assert (len(trials), int(trials.target_P.sum()), len(trials.names)) == (450, 225, 50)
    librispeech.prepare(data_dir / "librispeech-mini", tmp_path / "m", splits="test-other")
    manifest = Manifest.open(tmp_path / "m")
    found = utterances_of(trials, manifest)
    assert all(str(manifest.path(int(row))).endswith(name) for row, name in zip(found, trials.names, strict=True))
    speaker = manifest.table.speaker[found]
    assert ((speaker[trials.enrol_P] == speaker[trials.test_P]) == trials.target_P).all()
