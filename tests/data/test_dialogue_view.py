"""Windows of dialogues: audio, activity and what comes after it belong to the same frames."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.activity import activity_frames
from sonant.data.config import DataConfig, build_loaders
from sonant.data.dialogue_pool import DialoguePool
from sonant.data.manifest import ManifestWriter, Utterance
from sonant.data.views.dialogue import Config, Dialogues

RATE = 8000
ACTIVITY = [[[(0.0, 1.3), (4.0, 5.2), (7.7, 8.6)], [(1.5, 3.9), (5.0, 5.4)]], [[(0.5, 2.0)], [(2.2, 6.4)]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two dialogues of 9 and 7 s; a channel has its own level where it speaks and a tenth of it where it does not."""
    root = tmp_path_factory.mktemp("dialogues")
    with ManifestWriter(root, name="talk") as writer:
        for number, seconds in enumerate((9, 7)):
            wave_LC = np.zeros((seconds * RATE, 2))
            for channel, stretches in enumerate(ACTIVITY[number]):
                wave_LC[:, channel] = 0.02 * (channel + 1)
                for onset, offset in stretches:
                    wave_LC[int(onset * RATE) : int(offset * RATE), channel] = 0.2 * (channel + 1)
            soundfile.write(root / f"d{number}.wav", wave_LC, RATE, subtype="FLOAT")
            writer.add(
                Utterance(id=f"d{number}", path=str(root / f"d{number}.wav"), channel=None, activity=ACTIVITY[number])
            )
        writer.finish()
    return root


def loader(folder, **changed):
    options = {"chunk_seconds": 3.0, "overlap_seconds": 1.0, "batch_size": 2, "valid_fraction": 0.0, "workers": 0}
    cfg = DataConfig(train=str(folder), view="dialogue", sample_rate=RATE, **{**options, **changed})
    return build_loaders(cfg, seed=3)[0]


def heard(wave_CL, hop):
    """(T, 2) activity as the levels of the fixture tell it."""
    return (np.abs(wave_CL[:, hop // 2 :: hop]) > 0.1).T


@pytest.mark.parametrize("options", [{}, {"mask_silent": 1.0, "mask_gain": 0.0}, {"cache_mb": 0}])
def test_activity_is_that_of_the_audio_and_goes_on_after_it(folder, options):
    served = loader(folder, **options)
    flips = set()
    for batch in served.batches(0, 6):
        assert batch.wave_BL.shape == (2, 2, 3 * RATE)
        assert batch.extras["activity_BTC"].shape == (2, 150 + 100, 2)
        for wave_CL, activity_TC, known in zip(
            batch.wave_BL.numpy(), batch.extras["activity_BTC"].numpy(), batch.extras["known_B"].tolist(), strict=True
        ):
            assert (heard(wave_CL, 160) != activity_TC[:150]).sum() <= 4  # ends between the frames
            assert 150 <= known <= 250 and not activity_TC[known:].any()
            assert batch.extras["heard_BC"].all()
            flips.add(bool(np.abs(wave_CL[0]).max() > 0.3))
            quiet = np.abs(wave_CL[:, 80::160].T[activity_TC[:150] == 0]).min()
            assert (quiet == 0) == ("mask_silent" in options)
    assert flips == {True, False}


def test_validation_slides_over_every_dialogue_and_exchanges_nobody(folder):
    view = Dialogues(
        Config(seconds=3.0, overlap=1.0, batch_size=8),
        DialoguePool(loader(folder).view.pool.manifest, sample_rate=RATE),
    )
    assert [view.place(example, None) for example in range(len(view))] == [
        (0, 0), (0, 100), (0, 200), (0, 300), (1, 0), (1, 100), (1, 200)
    ]  # fmt: skip
    whole_TC = activity_frames(ACTIVITY[0], rate=50, duration=9.0)
    found = view.labels(3, key=None, seed=0)
    assert np.array_equal(found["activity_BTC"][:150], whole_TC[300:450])
    assert found["known_B"] == 150 and "past_BTC" not in found


def test_what_is_left_at_the_end_can_have_a_window(folder):
    def places(**options):
        view = loader(folder, chunk_seconds=3.0, overlap_seconds=0.5, **options).view
        return [view.place(example, None) for example in range(len(view))], view

    told, _ = places()
    assert told == [(0, 0), (0, 125), (0, 250), (1, 0), (1, 125)]
    more, view = places(end_share=0.4)
    assert more == [(0, 0), (0, 125), (0, 250), (0, 300), (1, 0), (1, 125), (1, 200)]  # 1 s and 1.5 s of 2.5 s
    assert places(end_share=0.5)[0] == [*told, (1, 200)]
    starts = [view.place(example, key)[1] for example in range(4) for key in range(30)]
    assert min(starts) >= 0 and max(starts) <= 300
    with pytest.raises(SonantError, match="end_share"):
        loader(folder, end_share=1.5)


def test_windows_lie_at_the_ends_of_units(folder):
    view = loader(folder, windows="units", unit_end=2.0, chunk_seconds=3.0).view
    # ends of units of 1 s and more: 1.3, 3.9, 5.2 of the first, 2.0, 6.4 of the second dialogue; 2 s before, 1 s after
    assert [view.place(example, None) for example in range(len(view))] == [(0, 95), (0, 160), (1, 0)]
    assert [view.place(example, 5) for example in range(len(view))] == [(0, 95), (0, 160), (1, 0)]
    with pytest.raises(SonantError, match="data.windows slide"):
        loader(folder, windows="units", unit_end=7.0, chunk_seconds=7.0)
    with pytest.raises(SonantError, match="lower data.unit_end"):
        loader(folder, windows="units")


@pytest.mark.parametrize("mix", [False, True])
def test_channels_get_the_same_peak(folder, mix):
    for batch in loader(folder, peak=True, mix=mix, mask_silent=1.0).batches(0, 3):
        peaks = batch.wave_BL.abs().amax(-1)
        assert np.isclose(peaks, 1.0).any() and ((np.isclose(peaks, 1.0)) | (peaks.numpy() <= 0.05)).all()


def test_windows_of_training_are_anywhere_and_new_in_every_epoch(folder):
    view = loader(folder).view
    starts = [[view.place(example, key)[1] for example in range(4)] for key in range(40)]
    assert len({tuple(row) for row in starts}) > 30
    flat = np.array(starts)
    assert flat.min() >= 0 and flat.max() <= 6 * 50 and flat.max() > 290
    assert (np.diff(flat, axis=1) > 0).mean() > 0.9


def test_the_past_reaches_from_the_beginning_to_the_window(folder):
    view = loader(folder, past=True, flip=0.0).view
    whole_TC = activity_frames(ACTIVITY[0], rate=50, duration=9.0)
    for key in range(5):
        example = next(e for e in range(len(view)) if view.place(e, key)[0] == 0)
        frame = view.place(example, key)[1]
        found = view.labels(example, key=key, seed=0)
        assert found["past_BTC"].shape == (450, 2)
        assert not found["past_BTC"][: 450 - frame].any()
        assert np.array_equal(found["past_BTC"][450 - frame :], whole_TC[:frame])


def test_channels_can_be_mixed_into_one(folder):
    batch = next(loader(folder, mix=True).batches(0, 1))
    assert batch.wave_BL.shape == (2, 3 * RATE) and "views" not in batch.extras


@pytest.mark.parametrize("channel", [0, None])
def test_a_monologue_has_a_silent_partner(tmp_path, channel):
    wave = 0.1 * np.random.default_rng(0).standard_normal(4 * RATE)
    soundfile.write(tmp_path / "a.wav", wave, RATE)
    words = [("hi", 0.5, 0.9), ("you", 0.92, 1.4), ("", 1.4, 2.0), ("there", 2.0, 3.0)]
    with ManifestWriter(tmp_path / "m") as writer:
        told = {"words": words} if channel == 0 else {"activity": [[(0.5, 1.4), (2.0, 3.0)]]}
        writer.add(Utterance(id="a", path=str(tmp_path / "a.wav"), channel=channel, **told))
        writer.finish()
    served = loader(tmp_path / "m", chunk_seconds=3.0, batch_size=1)
    sides = set()
    for batch in served.batches(0, 8):
        wave_CL, activity_TC = batch.wave_BL[0].numpy(), batch.extras["activity_BTC"][0].numpy()
        silent = int(np.abs(wave_CL).max(1).argmin())
        sides.add(silent)
        assert not wave_CL[silent].any() and not activity_TC[:, silent].any() and activity_TC.any()
        assert batch.extras["heard_BC"].tolist() == [[silent == 1, silent == 0]]
    assert sides == {0, 1}
    assert served.view.pool.activity_of(0) == [[(0.5, 1.4), (2.0, 3.0)], []]


def test_what_is_no_dialogue_is_told(folder, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE * 4), RATE)
    for number, (activity, message) in enumerate(
        [(None, "tells no voice activity"), ([[(0.0, 1.0)], [(2.0, 3.0)]], "is one channel")]
    ):
        with ManifestWriter(tmp_path / str(number)) as writer:
            writer.add(Utterance(id="a", path=str(tmp_path / "a.wav"), activity=activity))
            writer.finish()
        with pytest.raises(SonantError, match=message):
            next(loader(tmp_path / str(number), strict=True, batch_size=1).batches(0, 1))
    with pytest.raises(SonantError, match="no dialogue is as long"):
        loader(folder, chunk_seconds=30.0)
    with pytest.raises(SonantError, match="does not divide"):
        loader(folder, activity_rate=33.0)
    with pytest.raises(SonantError, match="cannot overlap"):
        loader(folder, overlap_seconds=3.0)


def test_batches_do_not_depend_on_workers_or_processes(folder):
    one = [loader(folder).batches(0, 2), loader(folder, workers=1).batches(0, 2)]
    for a, b in zip(*one, strict=True):
        assert np.array_equal(a.wave_BL, b.wave_BL)
        assert np.array_equal(a.extras["activity_BTC"], b.extras["activity_BTC"])
