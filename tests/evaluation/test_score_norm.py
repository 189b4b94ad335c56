"""Scores of pairs normalised by a cohort, beside the originals' and beside plain loops."""

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import normalize

from sonant.core import SonantError
from sonant.evaluation import score_norm
from sonant.evaluation.score_norm import cohort_statistics, normalised_scores, pair_scores


@pytest.fixture(scope="module")
def oracle(oracle_dir):
    return load_file(oracle_dir / "speaker" / "scoring.safetensors")


@pytest.mark.parametrize(
    ("norm", "name"), [("none", "none"), ("z", "z-norm"), ("t", "t-norm"), ("s", "s-norm"), ("as", "as-norm")]
)
def test_means_of_crops_as_in_sslsv(oracle, norm, name):
    enrol, test, cohort = (oracle[f"norm.{side}"].mean(1) for side in ("enrol", "test", "cohort"))
    pairs = oracle["norm.pair_enrol"], oracle["norm.pair_test"]
    found = normalised_scores(enrol, test, *pairs, norm=norm, cohort_CD=cohort, top=50)
    torch.testing.assert_close(found.double(), oracle[f"norm.sslsv.{name}.scores"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("norm", "unbiased", "name"),
    [
        ("none", False, "wespeaker.cosine"),
        ("s", False, "wespeaker.snorm"),
        ("as", False, "wespeaker.asnorm_top50"),
        ("as", True, "speechbrain.s-norm_top50"),
    ],
)
def test_unit_vectors_as_in_wespeaker_and_speechbrain(oracle, norm, unbiased, name):
    enrol, test, cohort = (normalize(oracle[f"norm.{side}"].mean(1), dim=-1) for side in ("enrol", "test", "cohort"))
    pairs = oracle["norm.pair_enrol"], oracle["norm.pair_test"]
    found = normalised_scores(enrol, test, *pairs, norm=norm, cohort_CD=cohort, top=50, unbiased=unbiased)
    torch.testing.assert_close(found.double(), oracle[f"norm.{name}.scores"].double(), rtol=1e-5, atol=1e-5)


def test_blocks_change_nothing(monkeypatch):
    g = torch.Generator().manual_seed(0)
    x, cohort = torch.randn(30, 8, generator=g), torch.randn(20, 8, generator=g)
    a, b = torch.randint(30, (200,), generator=g), torch.randint(30, (200,), generator=g)
    whole = normalised_scores(x, x, a, b, norm="as", cohort_CD=cohort, top=5)
    monkeypatch.setattr(score_norm, "BLOCK", 64)
    torch.testing.assert_close(normalised_scores(x, x, a, b, norm="as", cohort_CD=cohort, top=5), whole)
    torch.testing.assert_close(pair_scores(x, x, a, b), (x[a] * x[b]).sum(1))


def test_what_cannot_be_normalised():
    x = torch.eye(4)
    pairs = torch.tensor([0]), torch.tensor([1])
    with pytest.raises(SonantError, match="needs a cohort"):
        normalised_scores(x, x, *pairs, norm="z")
    with pytest.raises(SonantError, match="the 300 nearest of a cohort of 4"):
        normalised_scores(x, x, *pairs, norm="as", cohort_CD=x)
    with pytest.raises(SonantError, match="all equal"):
        cohort_statistics(x, torch.ones(3, 4))
