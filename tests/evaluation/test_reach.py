from __future__ import annotations

import pytest

from sonant import build
from sonant.actions.info import describe
from sonant.evaluation.reach import measured_reach


def model(**sections):
    config = {"sample_rate": 16000, "encoder": {"name": "cpc_conv", "dim": 8}, "context": {"name": "identity"}}
    return build.representation_of({**config, **sections})


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"context": {"name": "causal_attention", "dim": 8, "ff": 8, "layers": 3, "width": 4}},
        {"context": {"name": "causal_attention", "dim": 8, "ff": 8}},
        {"context": {"name": "causal_conv", "dim": 8, "layers": 2, "kernel": 40}},
        {"context": {"name": "self_attention", "dim": 8, "ff": 8}},
        {"features": {"name": "logmel", "deltas": 2}, "encoder": {"name": "mlp", "dim": 8}},
        {"features": {"name": "logmel", "cmvn": "utterance"}, "encoder": {"name": "mlp", "dim": 8}},
        {"features": {"name": "logmel"}, "encoder": {"name": "conv_blocks", "dim": 8, "stride": 2}},
        {
            "features": {"name": "arrays", "dim": 5, "rate": 50.0},
            "encoder": {"name": "mlp", "dim": 8},
            "context": {"name": "causal_conv", "dim": 8, "kernel": 4},
        },
    ],
)
def test_measured_is_declared(sections):
    representation = model(**sections)
    assert measured_reach(representation) == representation.reach


def test_a_wrong_declaration_is_found():
    for declared, seen in (((2, 0), (None, 0)), ((None, 3), (None, 0))):
        representation = model(context={"name": "gru", "dim": 8})
        representation.context.past, representation.context.future = declared
        assert measured_reach(representation) == seen
        assert not describe(representation, verify=True)["verified"]
    representation = model(context={"name": "causal_conv", "dim": 8, "kernel": 4})
    representation.context.past = 5
    assert measured_reach(representation) == (3, 0)


def test_info_tells_context_and_sizes():
    facts = describe(
        model(context={"name": "causal_attention", "dim": 8, "ff": 8, "layers": 2, "width": 4}), verify=True
    )
    assert (facts["context_frames"], facts["context_ms"], facts["context_past_ms"]) == (7, 70, 60)
    assert (facts["measured"], facts["verified"]) == ((6, 0), True)
    assert (facts["feat_size"], facts["output_size"], facts["downsampling_factor"]) == (1, 8, 160)
    assert facts["num_params"] == facts["parameters"]
    assert describe(model(context={"name": "gru", "dim": 8}))["context_frames"] is None
