"""Units of dialogues on disk and as windows: every unit with the activity of its own frame, the right speaker first."""

from __future__ import annotations

import numpy as np
import pytest

from sonant.core import SonantError
from sonant.data.activity import activity_frames
from sonant.data.arrays import ArrayWriter
from sonant.data.config import DataConfig, build_loaders
from sonant.data.dialogue_units import finer, last_of_each
from sonant.data.manifest import ManifestWriter, Utterance

K, RATE = 7, 50
GEOMETRY = {"sample_rate": 16000, "hop": 320, "window": 400, "offset": 0, "tail": 0}


def test_the_second_of_every_two():
    assert finer(50.0) == (100.0, 2)
    assert finer(100.0) == (100.0, 1)
    assert finer(20.0) == (100.0, 5)
    assert finer(62.5) == (62.5, 1)
    assert last_of_each(np.arange(9), 2).tolist() == [1, 3, 5, 7]
    fine_TC = activity_frames([[(0.0, 0.03)], [(0.02, 0.05)]], rate=100, duration=0.08)
    assert last_of_each(fine_TC, 2).T.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two dialogues of 9 and 7 s and a monologue of 6 s; units tell the frame and, of 'each', the channel."""
    import soundfile

    root, rng = tmp_path_factory.mktemp("units"), np.random.default_rng(0)
    with ManifestWriter(root / "m") as writer:
        for number, seconds in enumerate((9, 7, 6)):
            soundfile.write(root / f"d{number}.wav", np.zeros((seconds * 8000, 2)), 8000)
            activity = [[(0.0, 1.0)], [(1.0, 2.0)]]
            writer.add(Utterance(id=f"d{number}", path=str(root / f"d{number}.wav"), channel=None, activity=activity))
        writer.finish()
    for channels in ("mix", "each"):
        facts = {"geometry": GEOMETRY, "units": {"k": K, "digest": "x", "form": "dialogue", "channels": channels}}
        with ArrayWriter(root / channels, facts=facts, dtype="int32") as writer:
            for number, seconds in enumerate((9, 7, 6)):
                T = seconds * RATE - 1
                activity_TC = rng.integers(2, size=(T, 2)) * [1, number < 2]
                unit_T = (np.arange(T) + activity_TC[:, 0]) % K  # tells who is active
                other_T = (np.arange(T) + activity_TC[:, 1]) % K if number < 2 else np.full(T, -1)
                streams = [unit_T] if channels == "mix" else [unit_T, other_T]
                writer.write(f"d{number}", np.stack([*streams, *activity_TC.T, np.zeros(T)], axis=1))
    return root


def served(folder, channels, **changed):
    options = {"chunk_seconds": 3.0, "overlap_seconds": 1.0, "batch_size": 2, "valid_fraction": 0.0, "workers": 0}
    cfg = DataConfig(
        train=str(folder / "m"), view="dialogue_units", arrays=str(folder / channels), **{**options, **changed}
    )
    return build_loaders(cfg, seed=3)[0]


@pytest.mark.parametrize("cache_mb", [0, 10])
def test_a_window_of_each_channel_has_its_own_speaker_first(folder, cache_mb):
    loader = served(folder, "each", cache_mb=cache_mb, past=True)
    assert len(loader.view.pool) == 5  # the monologue has one stream
    assert [loader.view.pool.is_monologue(number) for number in range(5)] == [False] * 4 + [True]
    for batch in loader.batches(0, 8):
        assert batch.wave_BL.shape == (2, 150, K)
        assert batch.extras["activity_BTC"].shape == (2, 250, 2)
        unit_BT = batch.wave_BL.argmax(-1)
        step_BT = (unit_BT - batch.extras["activity_BTC"][:, :150, 0]) % K  # as if nobody were active
        assert ((step_BT[:, 1:] - step_BT[:, :-1]) % K == 1).all()
        assert batch.geometry.rate == RATE
        first = batch.extras["past_BTC"].shape[1]
        assert first == 449


def test_speakers_of_the_mix_are_exchanged_while_training(folder):
    matches, pool = [], served(folder, "mix").view.pool
    assert [pool.is_monologue(number) for number in range(3)] == [False, False, True]
    for batch in served(folder, "mix").batches(0, 20):
        unit_BT = batch.wave_BL.argmax(-1)
        step_BT = (unit_BT - batch.extras["activity_BTC"][:, :150, 0]) % K
        matches += ((step_BT[:, 1:] - step_BT[:, :-1]) % K == 1).all(1).tolist()
    assert 0.2 < np.mean(matches) < 0.8
    loader = served(folder, "mix", shuffle=False)
    for batch in loader.batches(0, loader.steps_per_epoch):
        step_BT = (batch.wave_BL.argmax(-1) - batch.extras["activity_BTC"][:, :150, 0]) % K
        assert ((step_BT[:, 1:] - step_BT[:, :-1]) % K == 1).all()
        known = batch.extras["known_B"]
        assert (known >= 150).all() and (known <= 250).all()


def test_what_is_no_dialogue_is_told(folder, tmp_path):
    with ArrayWriter(tmp_path / "plain", facts={"geometry": GEOMETRY}) as writer:
        writer.write("d0", np.zeros((100, 4)))
    with pytest.raises(SonantError, match="--form dialogue"):
        served(folder, tmp_path / "plain")
    with pytest.raises(SonantError, match="needs data.arrays"):
        build_loaders(DataConfig(train=str(folder / "m"), view="dialogue_units"))


def test_activity_as_stretches(folder):
    pool = served(folder, "each").view.pool
    found_TC = np.zeros((9 * RATE - 1, 2))
    for channel, stretches in enumerate(pool.activity_of(1)):
        for onset, offset in stretches:
            found_TC[round(onset * RATE) : round(offset * RATE), channel] = 1
    assert (found_TC == pool.frames_of(1, RATE)).all()
