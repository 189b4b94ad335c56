"""Models inside other toolkits."""

from __future__ import annotations

import pytest
import torch

from sonant import build
from sonant.core import SonantError
from sonant.wrappers import S3prlUpstream, SpeechBrainEncoder


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = {
        "sample_rate": 16000,
        "features": {"name": "logmel", "n_mels": 20},
        "encoder": {"name": "mlp", "dim": 16},
        "context": {"name": "gru", "dim": 16, "layers": 2, "dropout": 0.5},
    }
    return build.representation_of(config).eval()


WAVES = [torch.randn(n, generator=torch.Generator().manual_seed(n)) / 10 for n in (16000, 9000)]


def test_an_upstream_gives_hidden_states(model):
    upstream = S3prlUpstream(model)
    found = upstream(WAVES)
    assert len(found["hidden_states"]) == upstream.num_layers == 3
    assert [state.shape for state in found["hidden_states"]] == [(2, 100, 16)] * 3
    assert found["last_hidden_state"] is found["hidden_states"][-1] is found["hidden_state_2"] is found["c"]
    assert upstream.hidden_sizes == [16, 16, 16]
    assert upstream.downsample_rates == [160, 160, 160]
    assert upstream.get_downsample_rates("hidden_states") == 160
    alone = upstream(WAVES[1:])["hidden_states"]
    for together, one in zip(found["hidden_states"], alone, strict=True):
        torch.testing.assert_close(together[1, : one.shape[1]], one[0], atol=1e-5, rtol=1e-5)
        assert not together[1, one.shape[1] :].any()
    assert list(S3prlUpstream(model, "c")(WAVES)["hidden_states"][0].shape) == [2, 100, 16]
    with pytest.raises(SonantError, match="at least one"):
        upstream([])


def test_an_upstream_of_a_baseline_by_name():
    upstream = S3prlUpstream("mfcc")
    assert upstream.hidden_sizes == [39]
    assert upstream(WAVES)["last_hidden_state"].shape == (2, 100, 39)


def test_a_module_of_speechbrain(model):
    wav = torch.nn.utils.rnn.pad_sequence(WAVES, batch_first=True)
    frozen = SpeechBrainEncoder(model).train()
    found = frozen(wav, torch.tensor([1.0, 9000 / 16000]))
    assert found.shape == (2, 100, frozen.output_dim)
    assert not found.requires_grad
    assert not model.training
    torch.testing.assert_close(found[1, :56], frozen(WAVES[1][None])[0], atol=1e-5, rtol=1e-5)
    assert SpeechBrainEncoder(model, output_all_hiddens=True)(wav).shape == (3, 2, 100, 16)
    learning = SpeechBrainEncoder(model, freeze=False).train()
    assert model.training
    learning(wav).sum().backward()
    assert any(p.grad is not None and p.grad.any() for p in model.parameters())
    assert not learning.eval().model.training
