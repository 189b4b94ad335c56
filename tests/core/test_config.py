from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from sonant.core import SonantError
from sonant.core.config import merge, plain, read_config, revive, set_dotted, typed


@dataclass(frozen=True)
class Config:
    dim: int = 3
    lr: float = 1e-3
    kind: Literal["gru", "lstm"] = "gru"
    kernels: tuple[int, ...] = (3, 5)
    name_of: str | None = None


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_values_are_checked_and_converted():
    config = typed(Config, {"lr": "1e-4", "kernels": [1, 2], "dim": 4}, "section 'x'")
    assert config == Config(dim=4, lr=1e-4, kernels=(1, 2))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dimm": 1}, r"unknown key 'dimm' in section 'x'\. Did you mean 'dim'\?"),
        ({"dim": "big"}, r"section 'x': 'dim' must be a whole number, got 'big'"),
        ({"kind": "gur"}, r"'kind' must be one of 'gru', 'lstm', got 'gur'"),
        ([1], r"must be a mapping"),
    ],
)
def test_mistakes_are_told_in_one_line(given, message):
    with pytest.raises(SonantError, match=message) as caught:
        typed(Config, given, "section 'x'")
    assert "\n" not in str(caught.value)


def test_a_file_inherits_from_files_that_inherit(tmp_path):
    write(tmp_path / "base.yaml", "method: {name: cpc, horizons: 12}\ntrain: {steps: 10, seed: 1}\n")
    child = write(tmp_path / "child.yaml", "extends: base.yaml\ntrain: {steps: 20}\n")
    assert read_config(child) == {"method": {"name": "cpc", "horizons": 12}, "train": {"steps": 20, "seed": 1}}
    grandchild = write(tmp_path / "grandchild.yaml", "extends: child.yaml\ntrain: {seed: 2}\n")
    assert read_config(grandchild)["train"] == {"steps": 20, "seed": 2}
    write(tmp_path / "base.yaml", "extends: grandchild.yaml\n")
    with pytest.raises(SonantError, match="extends itself, through"):
        read_config(child)


def test_another_name_replaces_the_section():
    merged = merge({"method": {"name": "cpc", "horizons": 12}}, {"method": {"name": "apc", "shift": 3}})
    assert merged == {"method": {"name": "apc", "shift": 3}}


def test_overrides_are_read_as_yaml():
    config = {"optim": {"lr": 1.0}, "method": {"name": "cpc", "horizons": 12}}
    set_dotted(config, "optim.lr", "1e-3")
    set_dotted(config, "data.workers", "2")
    set_dotted(config, "method.name", "apc")
    set_dotted(config, "features", "null")
    assert config == {"optim": {"lr": "1e-3"}, "data": {"workers": 2}, "method": {"name": "apc"}, "features": None}


def test_broken_yaml_and_unknown_names(tmp_path):
    with pytest.raises(SonantError, match="not valid YAML"):
        read_config(write(tmp_path / "broken.yaml", "a: [1,\nb: 2"))
    with pytest.raises(SonantError, match="top level must be a mapping"):
        read_config(write(tmp_path / "list.yaml", "- 1\n"))
    with pytest.raises(SonantError, match="neither a file nor a shipped name"):
        read_config("cpc-lapptop")


def test_plain_and_revive_are_inverse():
    config = Config(kernels=(7,), name_of="x")
    assert revive(Config, plain(config), "x") == config
    with pytest.raises(SonantError, match="unknown key 'extra'"):
        revive(Config, {"extra": 1}, "x")
