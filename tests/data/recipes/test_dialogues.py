from __future__ import annotations

import numpy as np
import pytest
import soundfile

from sonant.core import SonantError
from sonant.data.recipes import dialogues


def test_recordings_meet_their_timings(tmp_path, capsys):
    (tmp_path / "audio" / "sub").mkdir(parents=True)
    for name in ("one", "sub/two", "three"):
        soundfile.write(tmp_path / "audio" / f"{name}.wav", np.zeros((8000 * 4, 2)), 8000)
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "one.json").write_text("[[[0.5, 1.5], [3.0, 6.0], [7.0, 8.0]], [[1.7, 2.0]]]")
    (tmp_path / "t" / "two.json").write_text("[[[1.0, 2.0]], []]")
    made = dialogues.prepare(tmp_path / "audio", tmp_path / "out", timings=tmp_path / "t", language="en")
    found = {u.id: u for u in made}
    assert set(found) == {"one", "two"}
    assert found["one"].activity == [[(0.5, 1.5), (3.0, 4.0)], [(1.7, 2.0)]]
    assert found["one"].channel is None and found["one"].language == "en"
    assert made.summary["skipped"] == 1
    assert "three" in capsys.readouterr().err
    with pytest.raises(SonantError, match="has no timings"):
        dialogues.prepare(tmp_path / "audio", tmp_path / "out2", timings=tmp_path / "t", strict=True)
    (tmp_path / "t" / "one.json").rename(tmp_path / "else.json")
    with pytest.raises(SonantError, match="no recording beneath"):
        dialogues.prepare(tmp_path / "audio", tmp_path / "out3", timings=tmp_path / "else.json")
