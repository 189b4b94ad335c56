"""Word discrimination from every kind of source, down to the line of the results."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile
import torch

from sonant import build
from sonant.actions.score_words import (
    WordSource,
    geometry_of_rate,
    load_tokens,
    score_same_different,
    score_word_embedding,
)
from sonant.core import SonantError
from sonant.data.arrays import ArrayWriter
from sonant.data.word_sources import find_words
from sonant.reports import Result

SPANS = [("u1", 0.1, 0.35), ("u1", 0.4, 0.62), ("u2", 0.05, 0.3), ("u2", 0.5, 0.8), ("u1", 0.7, 0.7001)]
LABELS = ["yes", "no", "yes", "no", "no"]


@pytest.fixture
def spoken(tmp_path):
    """A folder with two recordings of 0.9 s, and lists of the words in them."""
    rng = np.random.default_rng(0)
    (tmp_path / "audio").mkdir()
    for name in ("u1", "u2"):
        soundfile.write(tmp_path / "audio" / f"{name}.flac", 0.1 * rng.standard_normal(14400), 16000)
    rows = [
        f"k{number}\t{label}\t{file}s\t{file}\t{onset}\t{offset}"
        for number, (label, (file, onset, offset)) in enumerate(zip(LABELS, SPANS, strict=True))
    ]
    (tmp_path / "words.tsv").write_text("\n".join(["key\tlabel\tspeaker\tfile\tonset\toffset", *rows]) + "\n")
    (tmp_path / "pairs.txt").write_text("# same_word same_speaker a b\n1 0 u1.flac audio/u2.flac\n0 1 u1 u1.flac\n")
    return tmp_path


def embedder(dim=6):
    """A small model with one vector per utterance."""
    torch.manual_seed(0)
    return build.representation_of(
        {
            "sample_rate": 16000,
            "features": {"name": "logmel"},
            "encoder": {"name": "identity"},
            "context": {"name": "gru", "dim": 8},
            "embedding": {"pool": "last", "dim": dim},
        }
    ).eval()


def test_model_and_audio_equal_its_frames_on_disk(spoken, capsys):
    source = WordSource(model="mfcc", audio=spoken / "audio", labels=spoken / "words.tsv")
    scored, line = score_same_different(source, distance="cosine")
    assert "without a frame: 1 (shorter than the step" in capsys.readouterr().err
    assert (scored.tokens, scored.pairs, scored.same_pairs) == (4, 6, 2)
    assert line.extra["skipped"] == 1
    assert line.settings["list"] == "words.tsv"
    assert (line.task, line.model, line.data) == ("same_different", "mfcc", "words")
    assert Result.of_line(line.line()).figures == scored.figures

    from sonant.actions.extract import extract

    extract("mfcc", spoken / "audio", spoken / "frames")
    again, _ = score_same_different(
        WordSource(features=spoken / "frames", labels=spoken / "words.tsv"), distance="cosine"
    )
    assert again.figures == scored.figures


def test_arrays_of_words_by_list_by_keys_and_by_pairs(tmp_path):
    rng = np.random.default_rng(1)
    keys = [f"w{number % 3}_s0{1 + number % 2}01a_{number:06d}-{number + 9:06d}" for number in range(8)]
    np.savez(tmp_path / "words.npz", **{key: rng.standard_normal((5 + n, 3)) for n, key in enumerate(keys)})
    rows = [f"{key}\tw{number % 3}\ts0{1 + number % 2}" for number, key in enumerate(keys)]
    (tmp_path / "labels.tsv").write_text("\n".join(rows) + "\n")
    lines = [
        f"{int(i % 3 == j % 3)} {int(i % 2 == j % 2)} {keys[i]} {keys[j]}" for i in range(8) for j in range(i + 1, 8)
    ]
    (tmp_path / "pairs.txt").write_text("\n".join(lines) + "\n")
    features = tmp_path / "words.npz"
    by_keys, _ = score_same_different(WordSource(features=features), distance="euclidean")
    by_list, _ = score_same_different(
        WordSource(features=features, labels=tmp_path / "labels.tsv"), distance="euclidean"
    )
    by_pairs, _ = score_same_different(
        WordSource(features=features, pairs=tmp_path / "pairs.txt"), distance="euclidean"
    )
    assert by_keys.figures == by_list.figures
    assert by_pairs.figures == pytest.approx({name: by_keys.figures[name] for name in by_pairs.figures}, abs=1e-9)
    assert by_pairs.settings == by_keys.settings


def test_frames_without_index_need_a_rate(tmp_path, spoken):
    np.savez(tmp_path / "f.npz", u1=np.random.rand(90, 3), u2=np.random.rand(90, 3))
    source = {"features": tmp_path / "f.npz", "labels": spoken / "words.tsv"}
    with pytest.raises(SonantError, match="--rate"):
        load_tokens(WordSource(**source))
    tokens = load_tokens(WordSource(**source, rate="100"))
    assert [len(x) for x in tokens.arrays] == [25, 22, 25, 30]
    assert np.array_equal(tokens.arrays[0], np.load(tmp_path / "f.npz")["u1"][10:35].astype(np.float32))
    assert geometry_of_rate("12.5").time_of(1) == 0.12
    with pytest.raises(SonantError, match="number of frames"):
        geometry_of_rate("fast")


def test_embeddings_of_a_model_are_those_of_each_word_alone(spoken):
    model = embedder()
    (spoken / "words.tsv").write_text("\n".join((spoken / "words.tsv").read_text().splitlines()[:-1]) + "\n")
    source = WordSource(model=model, audio=spoken / "audio", labels=spoken / "words.tsv")
    scored, line = score_word_embedding(source, distance="cosine")
    assert line.settings["layer"] == "embedding"
    tokens = load_tokens(
        WordSource(model=model, audio=spoken / "audio", labels=spoken / "words.tsv", layer="embedding")
    )
    wave = soundfile.read(spoken / "audio" / "u1.flac", dtype="float32")[0][1600:5600]
    with torch.inference_mode():
        alone = model.embed(torch.from_numpy(wave)[None])[0]
    assert np.allclose(tokens.arrays[0], alone.numpy(), atol=1e-5)
    assert scored.tokens == 4

    writer = ArrayWriter(spoken / "vectors.npz", format="npz")
    with writer:
        for word, vector in zip(tokens.words, tokens.arrays, strict=True):
            writer.write(word.key, vector)
    given, _ = score_word_embedding(
        WordSource(features=spoken / "vectors.npz", labels=spoken / "words.tsv"), distance="cosine"
    )
    assert given.figures == pytest.approx(scored.figures)


def test_a_model_on_features_embeds_arrays(tmp_path):
    model = embedder()
    rng = np.random.default_rng(2)
    arrays = {f"k{number}": rng.standard_normal((9 + number, 80)).astype(np.float32) for number in range(6)}
    np.savez(tmp_path / "f.npz", **arrays)
    (tmp_path / "labels.tsv").write_text("".join(f"k{n}\tw{n % 2}\ts\n" for n in range(6)))
    source = WordSource(model=model, features=tmp_path / "f.npz", labels=tmp_path / "labels.tsv", layer="embedding")
    tokens = load_tokens(source)
    with torch.inference_mode():
        alone = model.embed(torch.from_numpy(arrays["k3"])[None])[0]
    assert np.allclose(tokens.arrays[3], alone.numpy(), atol=1e-5)


def test_whole_files_in_pairs(spoken):
    scored, _ = score_same_different(
        WordSource(model="logmel", audio=spoken / "audio", pairs=spoken / "pairs.txt"), distance="cosine"
    )
    assert scored.tokens == 3  # names of the list, two of them of one file
    assert scored.figures["ap"] == 0.5  # the other pair is a file with itself
    assert "mean_ap" not in scored.figures


def test_mistakes(spoken):
    with pytest.raises(SonantError, match="needs features"):
        WordSource()
    with pytest.raises(SonantError, match="needs features"):
        WordSource(audio=spoken)
    with pytest.raises(SonantError, match="not both"):
        WordSource(features=spoken, labels="a", pairs="b")
    with pytest.raises(SonantError, match="does not tell its words"):
        WordSource(model="mfcc", audio=spoken)
    (spoken / "more.txt").write_text("1 0 u1 u9\n0 0 u2 u8\n")
    with pytest.raises(SonantError, match="2 of the 4 names of the list are not in the input: u9, u8"):
        score_same_different(
            WordSource(model="mfcc", audio=spoken / "audio", pairs=spoken / "more.txt"), distance="cosine"
        )
    source = WordSource(model="mfcc", audio=spoken / "audio", labels=spoken / "words.tsv")
    with pytest.raises(SonantError, match="frames, not one vector"):
        score_word_embedding(source, distance="cosine")


def test_spoken_digits(data_dir, tmp_path):
    """Both lists of the same 200 recordings give the same figures, and MFCC beat chance by far."""
    folder = data_dir / "fsdd"
    with open(folder / "recordings.tsv", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream, delimiter="\t") if row["split"] == "test"]
    (tmp_path / "w.tsv").write_text("".join(f"{r['path']}\t{r['word']}\t{r['speaker']}\n" for r in rows))
    audio = {"model": "mfcc", "audio": folder}
    by_list, _ = score_same_different(WordSource(**audio, labels=tmp_path / "w.tsv"), distance="cosine")
    by_pairs, _ = score_same_different(WordSource(**audio, pairs=folder / "word-pairs.txt"), distance="cosine")
    assert (by_list.pairs, by_list.same_pairs, by_list.swdp_pairs) == (19900, 1900, 1500)
    for name, value in by_pairs.figures.items():
        assert by_list.figures[name] == pytest.approx(value, abs=1e-5)
    assert by_list.chance == pytest.approx(1900 / 19900)
    assert by_list.figures["swdp_ap"] > 2 * by_list.chance
    vectors, _ = score_word_embedding(
        WordSource(**audio, labels=tmp_path / "w.tsv"), how="resample", dims=13, mvn=True, distance="cosine"
    )
    assert vectors.figures["swdp_ap"] > by_list.chance


def test_one_layer_of_an_archive(tmp_path):
    rng = np.random.default_rng(0)
    keys = [f"w{n % 2}_s010{n}a_000000-000009" for n in range(4)]
    arrays = {f"{key}.{layer}": rng.standard_normal((9, 3)) for layer in "zc" for key in keys}
    np.savez(tmp_path / "both.npz", **arrays)
    np.savez(tmp_path / "c.npz", **{key: arrays[f"{key}.c"] for key in keys})
    alone, _ = score_same_different(WordSource(features=tmp_path / "c.npz"), distance="cosine")
    chosen, line = score_same_different(WordSource(features=tmp_path / "both.npz", layer="c"), distance="cosine")
    assert chosen.figures == alone.figures and line.settings["layer"] == "c"
    with pytest.raises(SonantError, match=r"several layers \(\.c, \.z\)"):
        score_same_different(WordSource(features=tmp_path / "both.npz"), distance="cosine")
    with pytest.raises(SonantError, match="no key ends in .q"):
        score_same_different(WordSource(features=tmp_path / "both.npz", layer="q"), distance="cosine")
    with pytest.raises(SonantError, match="several layers"):
        list(find_words(tmp_path / "both.npz", corpus="english"))
    assert len(list(find_words(tmp_path / "both.npz", corpus="english", suffix=".z"))) == 4
