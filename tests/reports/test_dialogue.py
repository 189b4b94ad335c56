"""The page of a dialogue: what its script reads is what was given."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest

from sonant.reports.dialogue import DialogueTracks, dialogue_page, envelope, track_data
from sonant.reports.window_drawing import WindowView, window_drawing

T = 200


def tracks(**changed):
    rng = np.random.default_rng(0)
    p_TC = rng.random((T, 2))
    known = {
        "name": "</script><b>call</b>",
        "model": "mine",
        "wave_CL": np.stack([np.linspace(0, 1, 64000), np.zeros(64000)]).astype(np.float32),
        "sample_rate": 16000,
        "rate": 50.0,
        "p_now_TC": p_TC,
        "p_future_TC": 1 - p_TC,
        "active_TC": p_TC,
        "bins_s": (0.2, 0.4, 0.6, 0.8),
        "p_TCN": rng.random((T, 2, 4)),
        "best_TCN": rng.random((T, 2, 4)) < 0.5,
        "best_T": rng.random(T),
        "true_TCN": rng.random((T - 100, 2, 4)) < 0.5,
        "activity": [[(0.5, 1.25)], []],
        "events": {"shift": np.array([[10, 20, 1]]), "short": np.zeros((0, 3), dtype=int)},
        "facts": [("length", "4 s")],
    }
    return DialogueTracks(**{**known, **changed})


def decoded(text, *shape):
    return np.frombuffer(base64.b64decode(text), dtype=np.uint8).reshape(shape)


def test_arrays_are_bytes_and_bits():
    given = tracks()
    data = track_data(given)
    assert (data["seconds"], data["rate"], data["known"]) == (4.0, 50.0, T - 100)
    for key, values in (("now", given.p_now_TC), ("active", given.active_TC), ("bins", given.p_TCN)):
        assert np.abs(decoded(data[key], *values.shape) / 255 - values).max() <= 0.5 / 255
    for key, bits_TCN in (("best", given.best_TCN), ("actual", given.true_TCN)):
        packed_TC = decoded(data[key], len(bits_TCN), 2)
        assert all(((packed_TC >> b & 1) == bits_TCN[..., b]).all() for b in range(4))
    assert data["events"] == {"shift": [[10, 20, 1]], "short": []} and data["activity"] == [[[0.5, 1.25]], []]


def test_peaks_of_every_10_ms():
    peak_CP = envelope(np.stack([np.r_[np.zeros(160), np.full(200, -0.5)], np.zeros(360)]), 16000)
    assert peak_CP.tolist() == [[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]]


def test_the_page_holds_its_data_as_data(page, tmp_path):
    given = tracks()
    found = page(dialogue_page(tmp_path / "d.html", given))
    assert [one.get("type") for one in found.all("script")] == ["application/json", None]
    block = re.search(r'<script type="application/json" id="tracks">(.*?)</script>', found.source, flags=re.S)
    assert json.loads(block[1]) == json.loads(json.dumps(track_data(given)))
    assert {"timeline", "overview", "window", "told", "kind"} <= {one.get("id") for _, one in found.elements}
    assert "</script><b>call" not in found.source and "shift (1)" in found.text and "backchannel (0)" in found.text
    outside = re.sub(r"[A-Za-z0-9+/=]{100,}", "", found.source)
    assert "http://" not in outside and "https://" not in outside


def test_ten_minutes_are_small(page, tmp_path):
    rng, frames = np.random.default_rng(0), 30000
    large = tracks(
        wave_CL=rng.standard_normal((2, 600 * 8000)).astype(np.float32), sample_rate=8000,
        p_now_TC=rng.random((frames, 2)), p_future_TC=rng.random((frames, 2)), active_TC=rng.random((frames, 2)),
        p_TCN=rng.random((frames, 2, 4)), best_TCN=rng.random((frames, 2, 4)) < 0.5, best_T=rng.random(frames),
        true_TCN=rng.random((frames, 2, 4)) < 0.5,
    )  # fmt: skip
    assert dialogue_page(tmp_path / "d.html", large).stat().st_size < 1_500_000


def test_without_truth_events_or_bins(page, tmp_path):
    bare = tracks(activity=None, events={}, true_TCN=None, p_TCN=None, best_TCN=None, best_T=None, active_TC=None)
    found = page(dialogue_page(tmp_path / "d.html", bare))
    ids = {one.get("id") for _, one in found.elements}
    assert "window" not in ids and "kind" not in ids
    assert not {"activity", "bins", "best", "actual", "active", "sure"} & track_data(bare).keys()


@pytest.mark.parametrize("known", [True, False])
def test_a_window_is_drawn_against_the_true_one(known, page, tmp_path):
    p_CN = np.array([[0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.4]])
    true_CN = np.array([[1, 1, 0, 0], [0, 0, 0, 1]]) if known else None
    view = WindowView(
        seconds=3.0, bins_s=(0.2, 0.4, 0.6, 0.8), p_CN=p_CN, best_CN=p_CN > 0.5, true_CN=true_CN,
        activity=[[(0.0, 0.5), (2.0, 3.6)], [(4.2, 5.0)]] if known else None,
    )  # fmt: skip
    drawn = str(window_drawing(view))
    assert drawn.count('class="mark"') == 4 and drawn.count('class="truth"') == (3 if known else 0)
    assert drawn.count('height="5"') == (2 if known else 0)  # what lies more than 2 s back is not drawn
    assert 'opacity="0.68"' in drawn and ">0.80<" in drawn
    assert "at 3.00 s" in page(dialogue_page(tmp_path / "d.html", tracks(), windows=[view])).text
