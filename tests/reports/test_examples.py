import dataclasses

import numpy as np
import pytest

from sonant.core import FrameGeometry, SonantError
from sonant.reports import load_example, save_example
from sonant.reports.examples import find_examples

from .conftest import an_example


def test_an_example_is_read_back(tmp_path):
    written = an_example("ütt <1>")
    read = load_example(save_example(tmp_path, written, number=4))
    assert (tmp_path / "report" / "example_4.npz").is_file()
    for field in dataclasses.fields(written):
        one, other = getattr(written, field.name), getattr(read, field.name)
        assert np.allclose(one, other) if isinstance(one, np.ndarray) else one == other


def test_examples_are_found_in_order(tmp_path):
    for number in (10, 2, 1):
        save_example(tmp_path, an_example(), number=number)
    names = [path.name for path in find_examples([tmp_path])]
    assert names == ["example_1.npz", "example_2.npz", "example_10.npz"]
    assert find_examples([tmp_path / "report"]) == find_examples([tmp_path])


def test_damaged_and_foreign_files_are_refused(tmp_path):
    cut = save_example(tmp_path, an_example())
    cut.write_bytes(cut.read_bytes()[:1000])
    text = tmp_path / "text.npz"
    text.write_text("hello")
    foreign, pickled = tmp_path / "foreign.npz", tmp_path / "pickled.npz"
    np.savez(foreign, a=np.zeros(3))
    np.savez(pickled, wave=np.array([object()]))
    for path in (cut, text, foreign, pickled, tmp_path / "nowhere.npz"):
        with pytest.raises(SonantError, match=path.name):
            load_example(path)


def test_wrong_shapes_are_refused():
    for change in (
        {"frames_TD": np.zeros(3)},
        {"frames_TD": np.full((3, 2), np.nan)},
        {"wave_L": np.zeros((2, 3))},
        {"logmel_geometry": FrameGeometry(8000)},
    ):
        with pytest.raises(SonantError, match="utt-1"):
            dataclasses.replace(an_example(), **change)
