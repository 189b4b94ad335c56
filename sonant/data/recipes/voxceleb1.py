"""VoxCeleb1 (Nagrani, Chung and Zisserman, 2017): 1,251 speakers, 352 hours of interviews, in English mostly.

Verification tests on 40 speakers (O: 37,611 trials after cleaning); the other 1,211 (148,642 clips) are for training.
"""

from __future__ import annotations

from pathlib import Path

from ..manifest import Manifest
from ._voxceleb import Split, prepare_voxceleb

ABOUT = "VoxCeleb1 (your copy): idXXXXX/VIDEO/CLIP.wav; split train without the speakers of the O trials"
FETCH = (
    "fetch VoxCeleb1 from https://www.robots.ox.ac.uk/~vgg/data/voxceleb/ (a form asks for an e-mail address): "
    "vox1_dev_wav.zip, vox1_test_wav.zip, vox1_meta.csv, and unpack them into one folder"
)
O_SPEAKERS = range(10270, 10310)  # of the verification split O: names with E


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
    """Make a manifest of VoxCeleb1 with ids such as id00012-21Uxsk56VDQ-00001.

    split   train: without the 40 speakers of the O trials; test: these alone; all
    trials  trial list whose speakers belong to the test part too, such as list_test_hard2.txt
    meta    vox1_meta.csv, for sexes and splits; default: where it lies beneath SRC
    check   decode everything now, which finds truncated files and NaN samples
    strict  stop at the first unusable file instead of skipping it
    """
    return prepare_voxceleb(
        source, out, recipe="voxceleb1", fetch=FETCH, meta_name="vox1_meta.csv", split=split, trials=trials,
        is_test=lambda speaker, path: int(speaker[2:]) in O_SPEAKERS, meta=meta, check=check, strict=strict,
    )  # fmt: skip
