from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from sonant import build
from sonant.core import FrameGeometry, SonantError
from sonant.encoders.ecapa_tdnn import Config, Encoder
from sonant.importers.wespeaker_ecapa import convert
from sonant.nn.pooling import Embedding, EmbeddingConfig

NAMES = (  # ours -> wespeaker's, undone below for models that no oracle stores
    ("encoder.local.first.norm", "layer1.bn"),
    ("encoder.local.first.conv", "layer1.conv"),
    *(
        pair
        for b in range(3)
        for pair in (
            (f"encoder.local.blocks.{b}.enter.norm", f"layer{b + 2}.se_res2block.0.bn"),
            (f"encoder.local.blocks.{b}.enter.conv", f"layer{b + 2}.se_res2block.0.conv"),
            *(
                (f"encoder.local.blocks.{b}.res2.layers.{j}.norm", f"layer{b + 2}.se_res2block.1.bns.{j}")
                for j in range(7)
            ),
            *(
                (f"encoder.local.blocks.{b}.res2.layers.{j}.conv", f"layer{b + 2}.se_res2block.1.convs.{j}")
                for j in range(7)
            ),
            (f"encoder.local.blocks.{b}.leave.norm", f"layer{b + 2}.se_res2block.2.bn"),
            (f"encoder.local.blocks.{b}.leave.conv", f"layer{b + 2}.se_res2block.2.conv"),
            (f"encoder.local.blocks.{b}.squeeze.down", f"layer{b + 2}.se_res2block.3.linear1"),
            (f"encoder.local.blocks.{b}.squeeze.up", f"layer{b + 2}.se_res2block.3.linear2"),
        )
    ),
    ("encoder.local.aggregate.conv", "conv"),
    ("embedding.pool.enter", "pool.linear1"),
    ("embedding.pool.score", "pool.linear2"),
    ("embedding.pooled_norm", "bn"),
    ("embedding.linear", "linear"),
    ("embedding.last_norm", "bn2"),
)


def stored(oracle_dir) -> dict:
    return load_file(oracle_dir / "speaker" / "wespeaker_ecapa_glob_c64.safetensors")


def made_up(*, context: bool, last_norm: bool, dim: int = 24) -> tuple[dict, dict]:
    """Random weights by wespeaker's names, and by ours."""
    torch.manual_seed(0)
    encoder = Encoder(
        Config(channels=16, dim=dim, squeeze=4, layout="wespeaker"),
        source=FrameGeometry(16000, hop=160, window=400),
        in_dim=10,
    )
    head = EmbeddingConfig(
        pool="asp", attention=5, attention_net="tanh", context=context, pooled_norm=True, dim=7, last_norm=last_norm
    )
    parts = {"encoder.local": encoder, "embedding": Embedding(head, in_dim=dim)}
    ours = {f"{name}.{key}": value for name, part in parts.items() for key, value in part.state_dict().items()}
    theirs, table = {}, dict(NAMES)
    for key, value in ours.items():
        path, _, part = key.rpartition(".")
        tap = table[path].startswith("pool.") and part == "weight"
        theirs[f"{table[path]}.{part}"] = value[:, :, None] if tap else value
    return theirs, ours


def test_equals_the_original(oracle_dir):
    representation = build.convert("wespeaker_ecapa", stored(oracle_dir))
    io = load_file(oracle_dir / "speaker" / "encoders_io.safetensors")
    name = "wespeaker_ecapa_glob_c64"
    with torch.no_grad():
        for half in "ab":
            out = representation.embed(io[f"fbank_{half}"])
            torch.testing.assert_close(out, io[f"{name}.out_{half}"], rtol=0, atol=1e-5)
        out = representation.train().embed(io["fbank_a"])
    torch.testing.assert_close(out, io[f"{name}.train_mode_out_a"], rtol=0, atol=1e-4)


def test_alone_equals_inside_a_batch(oracle_dir):
    representation = build.convert("wespeaker_ecapa", stored(oracle_dir))
    wave_BL, lengths_B = 0.1 * torch.randn(3, 12000), torch.tensor([12000, 7000, 4100])
    with torch.no_grad():
        together = representation.embed(wave_BL, lengths_B)
        for b, n in enumerate(lengths_B.tolist()):
            torch.testing.assert_close(together[b], representation.embed(wave_BL[b, :n])[0], rtol=0, atol=1e-5)


def test_has_the_size_of_the_model_whose_weights_are_not_stored():
    """Without global context, with the norm after the vector: 1 000 056 parameters at 64 channels and 64 dimensions."""
    encoder = Encoder(
        Config(channels=64, dim=1536, layout="wespeaker"), source=FrameGeometry(16000, hop=160, window=400), in_dim=80
    )
    head = EmbeddingConfig(pool="asp", attention_net="tanh", context=False, pooled_norm=True, dim=64, last_norm=True)
    modules = (encoder, Embedding(head, in_dim=1536))
    assert sum(p.numel() for module in modules for p in module.parameters()) == 1000056


@pytest.mark.parametrize("last_norm", [True, False])
@pytest.mark.parametrize("context", [True, False])
def test_variants_are_read_from_the_weights(context, last_norm):
    weights, ours = made_up(context=context, last_norm=last_norm)
    sections, tensors = convert(weights)
    assert sections["embedding"]["context"] == context
    assert sections["embedding"]["last_norm"] == last_norm
    assert (sections["encoder"]["channels"], sections["encoder"]["scale"], sections["features"]["n_mels"]) == (
        16,
        8,
        10,
    )
    assert tensors.keys() == ours.keys()
    assert all(torch.equal(tensors[name], value) for name, value in ours.items())
    build.convert("wespeaker_ecapa", weights)


@pytest.mark.parametrize(
    ("prefix", "others"),
    [
        ("encoder.", {"encoder.mlp.0.weight": torch.zeros(2)}),
        (
            "encoder_q.",
            {"encoder_k.bn.weight": torch.zeros(2), "queue": torch.zeros(2, 3), "encoder_q.mlp.0.bias": torch.ones(1)},
        ),
        ("t_model.", {"s_model.bn.weight": torch.ones(1), "t_model.projection_head.a": torch.ones(1)}),
        ("module.", {"module.projection.weight": torch.zeros(2)}),
    ],
)
def test_self_supervised_models_give_their_encoder(prefix, others, tmp_path):
    weights, ours = made_up(context=False, last_norm=False)
    whole = {f"{prefix}{key}": value for key, value in weights.items()} | others
    torch.save({"model": whole, "optimizer": {"lr": 0.1}}, tmp_path / "model_5.pt")
    assert convert(tmp_path / "model_5.pt")[1].keys() == ours.keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("layer3.se_res2block.1.bns.4.running_var"), "lacks layer3.se_res2block.1.bns.4.running_var"),
        (lambda w: w.update({"layer2.extra": torch.zeros(1)}), "unexpected layer2.extra"),
        (lambda w: w.update({"pool.linear1.weight": torch.zeros(5, 24, 3)}), "3 taps"),
        (lambda w: w.pop("layer1.conv.weight"), "no 'layer1.conv.weight'"),
    ],
)
def test_what_does_not_fit_is_told(change, message):
    weights, _ = made_up(context=False, last_norm=False)
    change(weights)
    with pytest.raises(SonantError, match=message) as caught:
        build.convert("wespeaker_ecapa", weights)
    assert "\n" not in str(caught.value)
