"""Wrong lists, archives, models and settings of words, pairs and features: one clear line each, and no traceback."""

from __future__ import annotations

import os
import pickle
import shlex
import shutil

import numpy as np
import pytest
import torch

from sonant.cli.main import main

from .test_bad_input import Evil, told

PAIR = "a\ta_start\ta_end\tb\tb_start\tb_end\tlabel\n"
WORD = "key\tlabel\tspeaker\tfile\tonset\toffset\n"
LISTS = {
    "no-column.tsv": "a\ta_start\ta_end\tb\tb_start\na0\t0\t.3\tb0\t0\n",
    "no-header.tsv": "a0\t0\t.3\tb0\t0\t.3\tx\n",
    "only-header.tsv": PAIR,
    "backwards.tsv": PAIR + "a0\t.3\t.1\tb0\t0\t.3\tx\n",
    "other-pairs.tsv": PAIR + "zz\t0\t.3\tyy\t0\t.3\tx\n",
    "half.tsv": PAIR + "a0\t0\t.3\tb0\t0\t.3\tx\na1\t0\t.3\tzz\t0\t.3\tx\n",
    "pairs.tsv": PAIR + "".join(f"a{n}\t0.1\t.5\tb{n}\t0.1\t.6\tw{n % 2}\n" for n in range(4)),
    "words.tsv": WORD + "".join(f"k{n}\tw{n % 2}\ta\ta{n}\t0.1\t.5\n" for n in range(4)),
    "whole.tsv": WORD + "a0\t?\ta\ta0\t0\t.8\na1\t?\ta\ta1\t0\t.8\n",
    "other-words.tsv": WORD + "k0\tx\ta\tzz\t0\t.3\nk1\tx\ta\tyy\t0\t.3\n",
    "far.tsv": WORD + "k0\tx\ta\ta0\t0\t.3\nk1\tx\ta\ta1\t70\t71\n",
    "misspelt.tsv": WORD.replace("label", "lable") + "k0\tx\ta\ta0\t0\t.3\n",
}
TINY = (
    "--context.dim 8 --embedding.dim 4 --train.steps 1 --train.device cpu --data.batch_size 2 --data.workers 0 "
    "--train.precision fp32"
)
CAE = f"train cae-rnn-laptop --data.train corpus --data.arrays frames --features.name arrays {TINY} --method.hidden 8"


@pytest.fixture(scope="module")
def prepared(corpus, trained, tmp_path_factory):
    """A corpus, its frames, lists and archives, good and bad, in one folder."""
    place = tmp_path_factory.mktemp("words")
    shutil.copytree(corpus, place / "corpus")
    shutil.copytree(trained, place / "cpc")
    for name, text in LISTS.items():
        (place / name).write_text(text)
    assert main(["extract", "mfcc", str(corpus), str(place / "frames")]) == 0
    archives(place)
    return place


def archives(place):
    keys = [f"w{n}_s010{n}a_000000-000040" for n in range(3)]
    good = {key: np.ones((40, 13), np.float32) for key in keys}
    np.savez(place / "good.npz", **good)
    whole = (place / "good.npz").read_bytes()
    (place / "short.npz").write_bytes(whole[: len(whole) // 2])
    (place / "text.npz").write_text("no archive\n" * 9)
    (place / "empty.npz").write_bytes(b"")
    np.savez(place / "objects.npz", **{**good, keys[1]: np.array([{"a": 1}], dtype=object)})
    np.savez(place / "mixed.npz", **{**good, keys[1]: np.ones((40, 12), np.float32)})
    np.savez(place / "nan.npz", **{**good, keys[1]: np.full((40, 13), np.nan, np.float32)})
    np.savez(place / "nothing.npz")
    np.save(place / "array.npy", good[keys[0]])
    os.replace(place / "array.npy", place / "array.npz")


@pytest.fixture
def here(prepared, monkeypatch, capsys):
    monkeypatch.chdir(prepared)
    return prepared


LIST_MISTAKES = [
    ("words corpus w.tsv", "'corpus' tells no words"),
    ("words corpus w.tsv --keys englsh", "Did you mean 'english'? See: sonant words --help"),
    ("words corpus w.tsv --whole --min-sec x", "invalid float value: 'x'"),
    ("words corpus w.tsv --chars 3", "unrecognized arguments: --chars"),
    ("words words.tsv w.tsv --whole", "'words.tsv' is a file"),
    ("words good.npz w.tsv", "must be told (--keys)"),
    ("words objects.npz w.tsv --keys english", "Python objects"),
    ("words short.npz w.tsv --keys english", "cut short"),
    ("pairs words whole.tsv p.tsv", "sonant pairs closest"),
    ("pairs words misspelt.tsv p.tsv", "no column 'label'"),
    ("pairs closest corpus words.tsv p.tsv", "what sonant extract wrote"),
    ("pairs closest frames other-words.tsv p.tsv", "'zz', which is not there"),
    ("pairs wrds words.tsv p.tsv", "Did you mean 'words'?"),
    ("pairs given other-pairs.tsv p.tsv --manifest corpus", "called like 'a0' and in the list like 'zz'"),
    ("pairs given no-column.tsv p.tsv --manifest corpus", "no column 'b_end'"),
    ("pairs aligned text.npz p.tsv", "cut short or is another kind of file"),
    ("pairs utd pairs.tsv p.tsv", "line 1"),
    ("prepare npz empty.npz o", "empty (0 bytes)"),
    ("prepare npz good.npz o --pattern (?P<label>Q)", "is not in 3 of 3 names"),
    ("prepare nchlt_xitsonga corpus o", "give it with --alignment"),
]


@pytest.mark.parametrize(("command", "answer"), LIST_MISTAKES)
def test_lists(command, answer, here, capsys):
    capsys.readouterr()
    assert main(shlex.split(command)) == 2
    assert answer in told(capsys)
    assert not (here / "w.tsv").exists() and not (here / "p.tsv").exists()


SCORE_MISTAKES = [
    ("--features short.npz", "cut short"),
    ("--features text.npz", "another kind of file"),
    ("--features array.npz", "another kind of file"),
    ("--features empty.npz", "0 bytes"),
    ("--features nothing.npz", "holds no array"),
    ("--features objects.npz", "Python objects, which are not read"),
    ("--features mixed.npz", "shapes (40, 13) and (40, 12)"),
    ("--features nan.npz", "the word 'w1_s0101a_000000-000040' holds numbers that are not finite"),
    ("--features frames --labels whole.tsv", "2 of 2 words of 'whole.tsv' have no label"),
    ("--features frames --labels other-words.tsv", "not in 'frames': zz, yy"),
    ("--features frames --labels misspelt.tsv", "no column 'label'"),
    ("--features frames --pairs pairs.tsv", "the pairs.tsv of training is another list"),
    ("--features frames --labels words.tsv --device cda", "there is no device 'cda' here"),
    ("--model cpc --features frames --labels words.tsv", "39 dimensions at 100 Hz, and the model stands on 40"),
    ("--model mfcc --features good.npz", "these features have 13 dimensions"),
    ("--model mfc --audio corpus --labels words.tsv", "Did you mean 'mfcc'?"),
    ("--features frames --labels words.tsv --results .", "Is a directory"),
]


@pytest.mark.parametrize(("rest", "answer"), SCORE_MISTAKES)
def test_scores(rest, answer, here, capsys):
    capsys.readouterr()
    assert main(["eval", "same-different", "--distance", "cosine", *shlex.split(rest)]) == 2
    assert answer in told(capsys)


TRAIN_MISTAKES = [
    (CAE, "needs a list of pairs"),
    (f"{CAE} --data.pairs no-column.tsv", "no column 'b_end'"),
    (f"{CAE} --data.pairs no-header.tsv", "no column 'a'"),
    (f"{CAE} --data.pairs only-header.tsv", "holds no pair"),
    (f"{CAE} --data.pairs backwards.tsv", "empty or backwards"),
    (f"{CAE} --data.pairs other-pairs.tsv", "are they of this corpus?"),
    (f"{CAE} --data.pair pairs.tsv", "Did you mean 'pairs'?"),
    (f"{CAE} --data.pairs pairs.tsv --data.view segments", "use data.view pairs"),
    (f"{CAE} --data.pairs pairs.tsv --data.arrays short.npz", "cut short"),
    (f"{CAE} --data.pairs pairs.tsv --data.arrays good.npz", "has no array for any utterance"),
    (f"{CAE} --data.pairs pairs.tsv --train.init cpc", "train.init: 'cpc' has"),
    (f"{CAE} --data.pairs pairs.tsv --train.init frames", "no run with a checkpoint"),
    (f"{CAE} --data.pairs pairs.tsv --data.arrays null", "give data.arrays, or features.dim"),
    (f"{CAE} --data.pairs pairs.tsv --eval.abx_items a.item --eval.abx_audio corpus", "sonant eval abx --features"),
    ("train cpc-audio --data.train corpus --data.arrays frames", "the encoder cpc_conv reads waveforms"),
    (f"train ae-rnn-laptop --data.train corpus {TINY}", "words.tsv (sonant words makes one)"),
]


@pytest.mark.parametrize(("command", "answer"), TRAIN_MISTAKES)
def test_training(command, answer, here, tmp_path, capsys):
    capsys.readouterr()
    assert main([*shlex.split(command), "--run", str(tmp_path / "run")]) == 2
    assert answer in told(capsys)
    assert not (tmp_path / "run").exists()


def test_what_lists_lack_is_counted(here, tmp_path, capsys):
    assert main(shlex.split(f"{CAE} --data.pairs half.tsv --data.batch_size 1 --run {tmp_path / 'run'}")) == 0
    assert "not in the utterances of 'corpus': 1 pairs" in told(capsys)


def test_words_cut_before_normalising_are_warned_about_once(here, tmp_path, capsys):
    cut = f"train cae-rnn-laptop --data.train corpus {TINY} --method.hidden 8 --data.pairs pairs.tsv"
    run = ["--run", str(tmp_path / "run")]
    assert main([*shlex.split(cut), *run]) == 0
    warning = told(capsys)
    assert "warning" in warning and "sonant extract mfcc corpus FRAMES" in warning
    assert main([*shlex.split(cut), *run, "--resume", "--train.steps", "2"]) == 0
    assert "warning" not in capsys.readouterr().err
    assert main([*shlex.split(cut), "--features.cmvn", "none", "--run", str(tmp_path / "plain")]) == 0
    assert "warning" not in capsys.readouterr().err
    assert main([*shlex.split(f"{CAE} --data.pairs pairs.tsv"), "--run", str(tmp_path / "arrays")]) == 0
    assert "warning" not in capsys.readouterr().err


def test_what_a_run_starts_from_is_told(here, tmp_path, capsys):
    ae = f"train ae-rnn-laptop --data.train corpus --data.arrays frames --features.name arrays {TINY} --method.hidden 8"
    assert main(shlex.split(f"{ae} --data.words words.tsv --data.valid_fraction 0 --run {tmp_path / 'ae'}")) == 0
    capsys.readouterr()
    cae = f"{CAE} --data.pairs pairs.tsv --train.init {tmp_path / 'ae'}"
    assert main(shlex.split(f"{cae} --run {tmp_path / 'cae'}")) == 0
    told_whole = told(capsys)
    assert "weight tensors are from" in told_whole and "anew" not in told_whole
    assert main(shlex.split(f"{cae} --method.layers 2 --run {tmp_path / 'deep'}")) == 0
    assert "begin anew" in told(capsys)
    shutil.rmtree(tmp_path / "ae")
    assert main(shlex.split(f"{cae} --run {tmp_path / 'cae'} --resume --train.steps 2")) == 0


def test_an_archive_in_place_of_a_corpus(here, tmp_path, capsys):
    assert main(["prepare", "npz", "good.npz", str(tmp_path / "archive")]) == 0
    capsys.readouterr()
    assert main(["extract", "mfcc", str(tmp_path / "archive"), str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert all("is an archive of features and holds no audio" in line for line in lines[:-1])
    assert "nothing was written" in lines[-1]


@pytest.mark.parametrize("format", ["apc_release", "s3prl_apc", "s3prl_npc", "s3prl_transformer", "speech_reps"])
def test_checkpoints_of_another_format(format, here, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SONANT_EVIL", str(tmp_path / "trap"))
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.ckpt")
    torch.save([1, 2], tmp_path / "list.ckpt")
    torch.save({"model": Evil(), "config": {}}, tmp_path / "evil.ckpt")
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Evil(), protocol=4))
    (tmp_path / "text.ckpt").write_text("no checkpoint")
    capsys.readouterr()
    for name in ("other.ckpt", "list.ckpt", "evil.ckpt", "evil.pkl", "text.ckpt"):
        assert main(["import", format, str(tmp_path / name), str(tmp_path / "out")]) == 2
        line = told(capsys)
        assert name in line
        assert "evil" not in name or "refused" in line
    assert not (tmp_path / "trap").exists() and not (tmp_path / "out").exists()


def test_no_importer_takes_or_breaks_on_the_files_of_another(oracle_dir, tmp_path, capsys):
    files = {
        "apc_release": ["chung_apc/model_original_layout.pt"],
        "s3prl_apc": ["s3prl_apc/states-2500.ckpt", "s3prl_vq_apc/states-2500.ckpt"],
        "s3prl_npc": ["s3prl_npc/model.safetensors"],
        "s3prl_transformer": [],
        "speech_reps": ["apc_plain/ckpt_9.pt", "cpc/ckpt_7200.pt", "frame_ae/4.ckpt"],
    }
    for format in files:
        for other in (name for own, names in files.items() if own != format for name in names):
            assert main(["import", format, str(oracle_dir / "frame" / other), str(tmp_path / "out")]) == 2, (
                format,
                other,
            )
            told(capsys)
    assert not (tmp_path / "out").exists()


def test_a_score_is_shown_even_where_it_cannot_be_kept(here, capsys):
    words = ["--features", "frames", "--labels", "words.tsv", "--distance", "cosine", "--results", "."]
    assert main(["eval", "same-different", *words]) == 2
    assert "average precision" in capsys.readouterr().out
