"""Speed of a QRNN layer, beside its recurrence step by step under autograd and beside torch's GRU of the same width.

    python benchmarks/qrnn.py [--utterances 2] [--frames 1000] [--dim 512] [--device cpu] [--threads 1] [--json FILE|-]

One run is forward and backward, with gradients of the input. All take turns, and the best of each counts; on a CPU in
processor seconds, since other work on the machine shows less in these than on the clock. ``recurrence`` is c_t = a_t
c_{t-1} + b_t alone. ``same`` says that the layer and the loop agree.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from torch import nn

from sonant.nn.linear_recurrence import linear_recurrence
from sonant.nn.qrnn import QRNNLayer


def recurrence_by_loop(a_BTD, b_BTD):
    c_BD, frames = torch.zeros_like(b_BTD[:, 0]), []
    for a_BD, b_BD in zip(a_BTD.unbind(1), b_BTD.unbind(1), strict=True):
        c_BD = a_BD * c_BD + b_BD
        frames.append(c_BD)
    return torch.stack(frames, dim=1)


def layer_by_loop(layer, x_BTD):
    before_BTD = torch.cat([torch.zeros_like(x_BTD[:, :1]), x_BTD[:, :-1]], dim=1)
    z_BTD, f_BTD, o_BTD = layer.linear(torch.cat([x_BTD, before_BTD], dim=2)).chunk(3, dim=2)
    z_BTD, f_BTD, c_BD, frames = z_BTD.tanh(), f_BTD.sigmoid(), torch.zeros_like(f_BTD[:, 0]), []
    for z_BD, f_BD in zip(z_BTD.unbind(1), f_BTD.unbind(1), strict=True):
        c_BD = f_BD * z_BD + (1 - f_BD) * c_BD
        frames.append(c_BD)
    return o_BTD.sigmoid() * torch.stack(frames, dim=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=2)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", metavar="FILE|-")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    shape = (given.utterances, given.frames, given.dim)
    layer, gru = (kind.to(given.device) for kind in (QRNNLayer(given.dim, given.dim), nn.GRU(given.dim, given.dim)))
    x_BTD, probe_BTD = (torch.randn(shape, device=given.device) for _ in range(2))
    a_BTD, b_BTD = torch.rand(shape, device=given.device).requires_grad_(), x_BTD.clone().requires_grad_()
    x_BTD.requires_grad_()
    contenders = {
        "qrnn": lambda: layer(x_BTD)[0],
        "qrnn by loop": lambda: layer_by_loop(layer, x_BTD),
        "gru": lambda: gru(x_BTD.transpose(0, 1))[0].transpose(0, 1),
        "recurrence": lambda: linear_recurrence(a_BTD, b_BTD),
        "recurrence by loop": lambda: recurrence_by_loop(a_BTD, b_BTD),
    }
    on_cpu = given.device == "cpu"
    clock = time.process_time if on_cpu else time.perf_counter
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(given.repeats):
        for name, run in contenders.items():
            begin = clock()
            (run() * probe_BTD).sum().backward()
            if not on_cpu:
                torch.cuda.synchronize()
            best[name] = min(best[name], clock() - begin)
    result = {name: round(1000 * seconds, 2) for name, seconds in best.items()}  # ms
    with torch.no_grad():
        result["same"] = bool(torch.allclose(layer(x_BTD)[0], layer_by_loop(layer, x_BTD), rtol=1e-4, atol=1e-5))
    for name, figure in result.items():
        print(f"{name:20} {figure} ms" if name != "same" else f"same: {figure}", file=sys.stderr)
    print(f"qrnn: {best['qrnn by loop'] / best['qrnn']:.1f} x its loop, {best['gru'] / best['qrnn']:.1f} x the GRU; "
          f"recurrence: {best['recurrence by loop'] / best['recurrence']:.1f} x its loop", file=sys.stderr)  # fmt: skip
    if given.json:
        text = json.dumps({**vars(given), **result}, indent=1)
        print(text) if given.json == "-" else Path(given.json).write_text(text + "\n")


if __name__ == "__main__":
    main()
