"""Imports go down only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sonant

ROOT = Path(sonant.__file__).parent
BELOW_BUILD = {
    "core": set(),
    "nn": {"core"},
    "features": {"core"},
    "objectives": {"core"},
    "encoders": {"core", "nn", "features"},
    "contexts": {"core", "nn", "features"},
    "workers": {"core", "nn", "features", "objectives"},
    "methods": {"core", "nn", "objectives", "workers"},
    "data": {"core", "features"},
    "training": {"core", "data"},
    "evaluation": {"core", "nn", "objectives", "data"},
    "importers": {"core", "encoders", "contexts", "workers", "methods"},
    "streaming": {"core"},
    "reports": {"core"},
}
ALLOWED = {
    **BELOW_BUILD,
    "build": set(BELOW_BUILD),
    "actions": {*BELOW_BUILD, "build"},
    "cli": {*BELOW_BUILD, "build", "actions"},
}
SHARED = {"version"}  # the version number belongs to every layer
FILES = sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT)


def layer_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Dotted names below ``sonant`` that a file imports anywhere in it."""
    package = ("sonant", *path.relative_to(ROOT).parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.startswith("sonant")}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join((*base, *filter(None, [node.module])))
            if start == "sonant":
                found |= {f"sonant.{name.name}" for name in node.names}
            elif start.startswith("sonant."):
                found.add(start)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path):
    layer = layer_of(path)
    seen = {name.split(".")[1] for name in imported(path) if "." in name}
    upward = seen - ALLOWED[layer] - SHARED - {layer}
    assert not upward, f"{layer} may not import {sorted(upward)}"


@pytest.mark.parametrize("kind", ["methods", "encoders", "contexts", "workers", "importers"])
def test_no_sibling_imports(kind):
    for path in (ROOT / kind).glob("[!_]*.py"):
        siblings = {
            name
            for name in imported(path)
            if name.startswith(f"sonant.{kind}.") and not name.split(".")[2].startswith("_")
        }
        assert not siblings, f"{path.name} imports its siblings {siblings}"


def test_training_sees_only_the_loader_of_data():
    for path in (ROOT / "training").glob("*.py"):
        of_data = {name for name in imported(path) if name.startswith("sonant.data")}
        assert of_data <= {"sonant.data.loader"}, f"{path.name} imports {of_data}"


def test_the_check_sees_an_upward_import(tmp_path, monkeypatch):
    bad = ROOT / "core" / "geometry.py"
    monkeypatch.setattr(Path, "read_text", lambda self: "from ..cli import main")
    assert imported(bad) == {"sonant.cli"}


def test_every_layer_is_known():
    layers = {layer_of(path) for path in FILES if "__pycache__" not in path.parts}
    assert layers <= set(ALLOWED) | {"configs"}
