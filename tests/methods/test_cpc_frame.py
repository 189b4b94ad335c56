"""CPC on MFCC frames with speaker batches: the shipped configuration, and the arithmetic of its published code.

Letters: G speakers, U utterances of each, T frames, S anchors, K horizons, M negatives, D latent.
"""

from __future__ import annotations

import torch
from pair_parts import GEOMETRY, fill, oracle

from sonant import build
from sonant.core import Batch, FrameGeometry, Frames
from sonant.objectives.candidates import pool_of
from sonant.objectives.infonce import infonce, score_drawn, without_repeats

G, U, K = 12, 12, 3


def model(in_dim: int, *, hidden: int, z_dim: int, c_dim: int):
    """The shipped architecture in another size, on arrays."""
    run = build.resolve("cpc-frame", [])
    changes = {
        "features": {"name": "arrays", "dim": in_dim, "rate": 100},
        "encoder": {**run.plain()["encoder"], "hidden": hidden, "dim": z_dim},
        "context": {**run.plain()["context"], "dim": c_dim},
        "method": {**run.plain()["method"], "temperature": z_dim**0.5},
    }
    return build.method_of(build.resolve({**run.plain(), **changes})).eval()


def reference(folder):
    """The method with the stored encoder and context, the stored predictor (with its bias), and the arrays."""
    arrays, weights = oracle(folder, "cpc")
    method, stored = model(13, hidden=32, z_dim=16, c_dim=24), weights["encoder"]
    own = method.encoder.local.state_dict()
    linears, norms = (0, 3, 6, 10, 13, 16), (1, 4, 7, 11, 14)  # layers between them have no bias: zero
    blank = {f"encoder.{i}.bias": torch.zeros_like(own["linears.1.bias"]) for i in linears[1:-1]}
    names = {f"linears.{i}.": f"encoder.{place}." for i, place in enumerate(linears)}
    names |= {f"norms.{i}.": f"encoder.{place}." for i, place in enumerate(norms)}
    fill(method.encoder.local, stored | blank, names)
    fill(method.context, stored, {"rnns.0.": "sum_rnn."})
    return method, weights["predictor"], arrays


def test_frames_equal_the_released_code(oracle_dir):
    method, _, arrays = reference(oracle_dir)
    with torch.no_grad():
        out = method.representation().encode_all(arrays["x"])
    torch.testing.assert_close(out["z"].x_BTD, arrays["z"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(out["c"].x_BTD, arrays["c"], rtol=1e-5, atol=1e-5)


def stored_places(arrays, k: int) -> torch.Tensor:
    """(G, U S, M) the stored negatives of one horizon as places in the pool of each speaker's U T frames."""
    T, S = arrays["z"].shape[1], arrays["z"].shape[1] - K
    frame_GUMS = arrays["neg_time_index"][k - 1].long() + k  # of the latents from frame k on
    utterance_UM = arrays["neg_utt_index"][k - 1]
    place_GUMS = utterance_UM[None, :, :, None] * T + frame_GUMS
    return place_GUMS.transpose(2, 3).reshape(G, U * S, -1)


def test_loss_with_stored_negatives_equals_the_released_code(oracle_dir):
    method, predictor, arrays = reference(oracle_dir)
    z, c = (Frames(arrays[name], torch.full((G * U,), arrays["x"].shape[1]), GEOMETRY) for name in ("z", "c"))
    speaker_B = torch.arange(G).repeat_interleave(U)
    pool = pool_of(method._scaled(z), "speaker", speaker_B)
    T, S = z.x_BTD.shape[1], z.x_BTD.shape[1] - K
    pool_GPD = pool.z_GPD.view(G, U * T, -1)  # speaker by speaker: what each may choose from
    assert all(torch.equal(members, torch.arange(U * T) + U * T * (b // U)) for b, members in enumerate(pool.members))
    losses = []
    for k in range(1, K + 1):
        weight, bias = predictor[f"W.{k - 1}.weight"], predictor[f"W.{k - 1}.bias"]
        pred_GSKD = (c.x_BTD[:, :S] @ weight.T + bias).reshape(G, U * S, 1, -1)
        place_US = torch.arange(U)[:, None] * T + torch.arange(S) + k
        place_GSK = place_US.reshape(1, U * S, 1).expand(G, -1, -1)
        scores = score_drawn(pred_GSKD, pool_GPD, place_GSK, stored_places(arrays, k))
        loss, hit = infonce(scores[..., 0], scores)
        losses.append(loss.mean())
        first = scores.argmax(-1) == 0  # a drawn copy of the right frame ties with it and comes later
        torch.testing.assert_close(first.double().mean(), arrays["acc_per_step"][k - 1], rtol=0, atol=1e-7)
        repeats = without_repeats(scores, place_GSK, stored_places(arrays, k))
        assert (infonce(repeats[..., 0], repeats)[1] == first).all(), "copies left out, nothing is a tie"
        assert hit.sum() < first.sum()
    torch.testing.assert_close(torch.stack(losses).double(), arrays["loss_per_step"], rtol=1e-6, atol=0)
    torch.testing.assert_close(torch.stack(losses).mean(), arrays["loss"], rtol=1e-6, atol=0)


def test_any_number_of_speakers_and_utterances():
    """Negatives come from the same speaker, whatever S and U are, and never are the right frame."""
    method = model(4, hidden=8, z_dim=9, c_dim=5).train()
    for speakers, utterances in ((1, 2), (3, 1), (2, 5)):
        size = speakers * utterances
        batch = Batch(
            torch.randn(size, 12, 4),
            torch.full((size,), 12),
            16000,
            seeds=tuple(range(size)),
            speaker_B=torch.arange(speakers).repeat_interleave(utterances),
            geometry=FrameGeometry(16000, hop=160, window=160),
        )
        out = method(batch)
        assert float(out.count) == size * (12 - K) * K
        assert 0 < out.total.item() < 2 * method.chance()


def test_shipped_sizes():
    """13 MFCCs, five hidden layers of 512, 64 latents, an LSTM of 256, scores over the root of 64."""
    method = build.method_of(build.resolve("cpc-frame"))
    local = method.encoder.local
    assert [tuple(linear.weight.shape) for linear in local.linears] == [(512, 13), *[(512, 512)] * 4, (64, 512)]
    assert (method.context.dim, method.cfg.horizons, method.cfg.negatives, method.cfg.temperature) == (256, 3, 31, 8)
    assert (local.cfg.dropout, local.cfg.dropout_before) == (0.5, 4)
