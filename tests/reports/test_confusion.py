import numpy as np
import pytest

from sonant.reports import confusions_of
from sonant.reports.confusion import class_errors, confusion_section, worst_pairs
from sonant.reports.scores import Labels

from .conftest import abx

PHONES = ["S", "IY", "T", "AA"]
MATRIX = np.array(
    [[np.nan, 0.1, 0.2, 0.0], [0.3, np.nan, 0.05, 0.45], [0.4, 0.0, np.nan, np.nan], [0.1, 0.35, 0.2, np.nan]]
)


def test_worst_pairs_are_ordered_pairs_with_the_highest_errors():
    found = worst_pairs(confusions_of(PHONES, MATRIX), 3)
    assert found == [("IY", "AA", 0.45), ("T", "S", 0.4), ("AA", "IY", 0.35)]


def test_class_errors_are_means_over_pairs():
    found = {(a, b): error for a, b, error in class_errors(confusions_of(PHONES, MATRIX))}
    assert found["vowels", "vowels"] == pytest.approx((0.45 + 0.35) / 2)
    assert found["vowels", "stops"] == pytest.approx((0.05 + 0.2) / 2)
    assert ("stops", "stops") not in found
    assert len(found) == 7


def test_heat_map_has_a_cell_for_every_known_pair_in_class_order():
    result = abx("m", 0.2, confusions=confusions_of(PHONES, MATRIX))
    baseline = abx("mfcc", 0.3, confusions=confusions_of(PHONES, MATRIX / 2))
    drawn = confusion_section([baseline, result], Labels([], ["m", "mfcc"]))
    assert drawn.index("m: across speaker") < drawn.index("MFCC: across speaker")
    first = drawn[: drawn.index("MFCC: across speaker")]
    assert first.count("taken for") == np.isfinite(MATRIX).sum() == 11
    assert (
        '<rect x="14" y="0" width="13" height="13" fill-opacity="0.9"><title>IY taken for AA: 45.0 %</title>' in first
    )
    assert "<td>IY</td><td>AA</td>" in first and "22.5 %" in first


def test_without_tables_one_line_says_so():
    assert "No score on file came with its table" in confusion_section([abx("m", 0.2)], Labels([], ["m"]))
