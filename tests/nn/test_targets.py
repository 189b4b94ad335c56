from __future__ import annotations

import pytest

from sonant import build
from sonant.core import SonantError
from sonant.nn.targets import check_frame_for_frame, features_below


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
