"""VoxCeleb2 (Chung, Nagrani and Zisserman, 2018): 5,994 speakers for training (1,092,009 clips, 2,360 hours), 118 more.

Its files are AAC, read with the extra ``av``; converted to WAV they are read faster.
"""

from __future__ import annotations

from pathlib import Path

from ..manifest import Manifest
from ._voxceleb import Split, prepare_voxceleb

ABOUT = "VoxCeleb2 (your copy): idXXXXX/VIDEO/CLIP.m4a or .wav; splits train, test"
FETCH = (
    "fetch VoxCeleb2 from https://www.robots.ox.ac.uk/~vgg/data/voxceleb/ (a form asks for an e-mail address): "
    "vox2_dev_aac.zip, vox2_test_aac.zip, vox2_meta.csv, and unpack them into folders dev and test"
)


def prepare(
    source: Path | None,
    out: Path,
    *,
    split: Split = "train",
    trials: Path | None = None,
    meta: Path | None = None,
    check: bool = False,
    strict: bool = False,
) -> Manifest:
    """Make a manifest of VoxCeleb2 with ids such as id00012-21Uxsk56VDQ-00001.

    split   train: the speakers of the set dev; test: the others; all. Without vox2_meta.csv the folder tells: a clip
            beneath a folder called test is of the test part
    trials  trial list whose speakers belong to the test part too
    meta    vox2_meta.csv, for sexes and splits; default: where it lies beneath SRC
    check   decode everything now, which finds truncated files and NaN samples
    strict  stop at the first unusable file instead of skipping it
    """
    return prepare_voxceleb(
        source, out, recipe="voxceleb2", fetch=FETCH, meta_name="vox2_meta.csv", split=split, trials=trials,
        is_test=lambda speaker, path: "test" in path.split("/"), meta=meta, check=check, strict=strict,
    )  # fmt: skip
