"""A small corpus of noise and tones on disk, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from sonant.data.manifest import Manifest, ManifestWriter, Utterance

RATE = 8000


@pytest.fixture(scope="session")
def tree(tmp_path_factory) -> Path:
    """4 speakers x 6 files of 0.5 to 2.2 s at 8 kHz: ``<speaker>/<speaker>-<number>.wav``."""
    root = tmp_path_factory.mktemp("tree")
    generator = np.random.default_rng(0)
    for speaker in "abcd":
        (root / speaker).mkdir()
        for number in range(6):
            length = int(generator.integers(RATE // 2, int(2.2 * RATE)))
            wave = 0.1 * generator.standard_normal(length)
            soundfile.write(root / speaker / f"{speaker}-{number}.wav", wave, RATE)
    return root


def write_manifest(tree: Path, out: Path) -> Manifest:
    """A manifest of ``tree`` with speakers by folder."""
    with ManifestWriter(out, name="tree") as writer:
        for path in sorted(tree.rglob("*.wav")):
            writer.add(Utterance(id=path.stem, path=str(path), speaker=path.parent.name))
        return writer.finish()


@pytest.fixture(scope="session")
def manifest(tree, tmp_path_factory) -> Manifest:
    return write_manifest(tree, tmp_path_factory.mktemp("manifest"))


@pytest.fixture
def own_manifest(tree, tmp_path) -> Manifest:
    """A manifest of a copy of the tree that a test may damage."""
    import shutil

    shutil.copytree(tree, tmp_path / "tree")
    return write_manifest(tmp_path / "tree", tmp_path / "out")
