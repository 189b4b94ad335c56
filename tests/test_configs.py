"""The configurations of the context study have the sizes of the published ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sonant.build import method_of, resolve
from sonant.cli.main import main
from sonant.core.config import shipped_configs

WIDTHS = (2, 4, 8, 16, 32, 64, 128)
TABLE = {  # parameters of encoder and context, and with the training head; size of a frame; frames of context
    "cpc.deft": (5_841_920, 7_414_784, 256, None),
    "cpc.small": (2_369_792, 3_156_224, 256, None),
    "cpc.small-fbank-80": (1_073_408, 3_178_496, 256, None),
    "cpc.conv": (1_314_560, 3_419_648, 256, 1),
    "fbank": (0, 20_172, 41, 1),
    "cpc.csa": (2_104_832, 4_209_920, 256, None),
    "bestrq.csa": (811_008, 4_364_288, 256, None),
    **{f"cpc.csa{W}": (2_104_832, 4_209_920, 256, W) for W in WIDTHS},
    **{f"bestrq.csa{W}": (811_008, 4_364_288, 256, W) for W in WIDTHS},
}
MILLIONS = (33.85, 13.91, 7.09, 4.47, 3.35, 2.84, 2.60)  # published to two places


@pytest.mark.parametrize("name", TABLE)
def test_sizes_equal_the_published_ones(name):
    kept, total, dim, context = sizes(name)
    assert (kept, total, dim, context) == TABLE[name]


@pytest.mark.parametrize(("width", "millions"), zip(WIDTHS, MILLIONS, strict=True))
def test_convolutions_keep_the_size_of_the_model(width, millions):
    kept, total, dim, context = sizes(f"cpc.cconv{width}")
    assert (dim, context) == (4096 // width, width)
    assert round(kept / 1e6, 2) in (2.36, 2.37)
    assert round(total / 1e6, 2) == pytest.approx(millions, abs=0.005)


def test_the_documentation_tells_the_same():
    page = (Path(__file__).parents[1] / "docs" / "context-size.md").read_text()
    rows = re.findall(r"^\| `([\w.-]+)` \|.*\| ([\d,]+) \| ([\d,]+) \| (\d+) \|$", page, re.M)
    assert len(rows) == 14
    for name, kept, total, dim in rows:
        assert sizes(name)[:3] == tuple(int(figure.replace(",", "")) for figure in (kept, total, dim)), name


def test_every_configuration_of_the_study_is_shipped_and_listed(capsys):
    shipped = {name for name, path in shipped_configs().items() if path.parent.name == "scpc"}
    assert shipped == {*TABLE, "cpc.cconv", *(f"cpc.cconv{width}" for width in WIDTHS)}
    assert main(["configs"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "also cpc.csa2, cpc.csa4, cpc.csa8" in shown
    assert all(name in shown for name in shipped)


def sizes(name: str) -> tuple[int, int, int, int | None]:
    method = method_of(resolve(name))
    representation = method.representation()
    past, future = representation.reach
    assert future == 0
    kept = sum(p.numel() for p in representation.parameters())
    total = sum(p.numel() for p in method.parameters())
    return kept, total, representation.dim, None if past is None else past + 1
