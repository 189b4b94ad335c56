from __future__ import annotations

import pytest

from sonant import build
from sonant.core import SonantError
from sonant.nn.targets import check_fixed, check_frame_for_frame, check_no_look_ahead, features_below


def parts(**sections):
    run = build.resolve({"context": "identity", "method": "apc", **sections})
    return build.encoder_and_context(
        encoder=run.encoder, context=run.context, features=run.features, sample_rate=run.data.sample_rate
    )


def test_features_are_what_lies_below_the_encoder():
    encoder, _ = parts(features="mfcc", encoder="mlp")
    assert features_below(encoder, method="it").dim == 39
    with pytest.raises(SonantError, match="it: its target is the features"):
        features_below(parts(encoder="cpc_conv")[0], method="it")


@pytest.mark.parametrize(
    ("blocks", "fits"),
    [
        ({"kernel": 5, "first_kernel": 3, "stride": 1}, True),
        ({"kernel": 3, "first_kernel": 4, "stride": 1, "causal": True}, True),
        ({"kernel": 3, "first_kernel": 4, "stride": 2}, False),
    ],
)
def test_frames_must_be_as_many(blocks, fits):
    encoder, context = parts(features="mfcc", encoder={"name": "conv_blocks", "dim": 8, "blocks": 1, **blocks})
    features = encoder.features
    counts = [(features.geometry.frames(n), context.geometry.frames(n)) for n in range(800, 2000, 37)]
    assert all(a == b for a, b in counts) == fits
    if fits:
        check_frame_for_frame(features, context, method="it")
    else:
        with pytest.raises(SonantError, match="it: it reconstructs every frame"):
            check_frame_for_frame(features, context, method="it")


def test_a_target_stays_and_a_context_does_not_see_it():
    encoder, context = parts(features="mfcc", encoder="mlp", context="gru")
    check_no_look_ahead(context, method="it")
    with pytest.raises(SonantError, match="it: its target is the encoder's output"):
        check_fixed(encoder, method="it")
    check_fixed(encoder.requires_grad_(False), method="it")
    _, both = parts(features="mfcc", encoder="identity", context="both_ways")
    with pytest.raises(SonantError, match="it: the context looks ahead"):
        check_no_look_ahead(both, method="it")
