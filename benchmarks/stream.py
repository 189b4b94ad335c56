"""Speed of a model of dialogue that hears its audio as it comes, beside computing its whole window for every step.

    OMP_NUM_THREADS=1 python benchmarks/stream.py [--config vap] [--context 20] [--seconds 20] [--json FILE]
    OMP_NUM_THREADS=1 python benchmarks/stream.py --onnx
    OMP_NUM_THREADS=1 python benchmarks/stream.py --hour [--chunk 100]

The stream is full when the clock starts: every frame sees the whole context. The real-time factor is time over audio,
below 1 keeps up; the cpu factor counts only the time that the process had a core. The latency of a chunk is the time
from handing in its samples to having the probabilities. ``recomputed`` computes the transformers of the context anew
for every frame, ``whole`` everything from the samples. --onnx compares with the exported model in onnxruntime,
which takes a chunk as one step. --hour tells the memory of the process (MB) every ten minutes of
audio.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import torch

from sonant import build
from sonant.actions.export import graph
from sonant.core import Representation, samples_of
from sonant.streaming.dialogue import DialogueStream
from sonant.streaming.even import EvenDialogue
from sonant.streaming.onnx import OnnxDialogueStream

RATE = 16000


def model_of(name: str) -> Representation:
    torch.manual_seed(0)
    return build.method_of(build.resolve(name)).representation().eval()


def noise(channels: int, seconds: float) -> torch.Tensor:
    return 0.1 * torch.randn(channels, samples_of(seconds, RATE), generator=torch.Generator().manual_seed(0))


def told(stream: DialogueStream, frames: int) -> torch.Tensor | None:
    return None if stream.channels == 2 else torch.ones(frames, 2)


def timed(stream: DialogueStream, chunk_ms: int, steps: int) -> dict[str, float]:
    """Figures of ``steps`` chunks; all are noise."""
    waves = noise(stream.channels, chunk_ms / 1000 * steps)
    size, times, cpu = samples_of(chunk_ms / 1000, RATE), [], time.process_time()
    for step in range(steps):
        piece, activity = waves[:, step * size : (step + 1) * size], told(stream, 1 + chunk_ms // 5)
        began = time.perf_counter()
        stream.step(piece, activity)
        times.append(time.perf_counter() - began)
    cpu = time.process_time() - cpu
    return figures(times, cpu, chunk_ms)


def figures(times: list[float], cpu: float, chunk_ms: int) -> dict[str, float]:
    audio, ordered = chunk_ms / 1000 * len(times), sorted(times)
    return {
        "chunk_ms": chunk_ms,
        "real_time_factor": sum(times) / audio,
        "cpu_factor": cpu / audio,
        "best_ms": 1000 * ordered[0],
        "median_ms": 1000 * ordered[len(ordered) // 2],
        "p99_ms": 1000 * ordered[min(int(0.99 * len(ordered)), len(ordered) - 1)],
    }


@torch.inference_mode()
def whole(model: Representation, context_s: float, chunk_ms: int, steps: int) -> dict[str, float]:
    """The window of the last ``context_s`` from its samples, for every step."""
    channels, times, cpu = model.dialogue.channels, [], time.process_time()
    waves = noise(channels, context_s)
    activity = None if channels == 2 else torch.ones(1, model.dialogue.geometry.frames(waves.shape[1]), 2)
    for _ in range(steps):
        began = time.perf_counter()
        out = model.converse(waves, None, activity)
        model.dialogue.probabilities(out.logits[0, -1:])
        times.append(time.perf_counter() - began)
    return figures(times, time.process_time() - cpu, chunk_ms)


def compare(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    model, found = model_of(args.config), {}
    for recompute in (False, True):
        stream = DialogueStream(model, context_s=args.context, recompute=recompute)
        if not recompute:
            stream.step(noise(stream.channels, args.context), told(stream, round(200 * args.context)))
        else:  # full without having said anything
            stream.window_NTD = torch.randn(stream.channels, stream.width, model.dialogue.dim)
        for chunk_ms in (20, 100):
            steps = 10 if recompute else round(1000 * args.seconds / chunk_ms)
            found[f"{'recomputed' if recompute else 'streamed'} {chunk_ms} ms"] = timed(stream, chunk_ms, steps)
    found["whole 20 ms"] = whole(model, args.context, 20, 4)
    found["whole 100 ms"] = whole(model, args.context, 100, 4)
    return found


def exported(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """PyTorch and onnxruntime in turn."""
    model, found = model_of(args.config), {}
    for chunk_ms in (20, 100):
        frames = round(chunk_ms / 1000 * model.dialogue.geometry.rate)
        graph_of_step = graph(EvenDialogue(model, context_s=args.context, frames=frames).eval())
        streams = {
            "pytorch": DialogueStream(model, context_s=args.context),
            "onnxruntime": OnnxDialogueStream(graph_of_step, threads=args.threads),
        }
        for name, stream in streams.items():
            stream.step(noise(stream.channels, args.context), told(stream, round(200 * args.context)))
            found[f"{name} {chunk_ms} ms"] = timed(stream, chunk_ms, round(1000 * args.seconds / chunk_ms))
    return found


def memory() -> float:
    """MB that the process holds now."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def hour(args: argparse.Namespace) -> dict[str, float]:
    stream = DialogueStream(model_of(args.config), context_s=args.context)
    stream.step(noise(stream.channels, args.context), told(stream, round(200 * args.context)))
    found, began = {"start_mb": memory()}, time.perf_counter()
    for part in range(1, 7):
        figures_of_part = timed(stream, args.chunk, round(600 * 1000 / args.chunk))
        found[f"after_{10 * part}_min_mb"] = memory()
        print(f"{10 * part} min: {memory():.1f} MB, {figures_of_part['real_time_factor']:.3f}", file=sys.stderr)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found["seconds"] = time.perf_counter() - began
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="vap")
    parser.add_argument("--context", type=float, default=20.0, help="seconds")
    parser.add_argument("--seconds", type=float, default=20.0, help="of audio that are timed")
    parser.add_argument("--hour", action="store_true")
    parser.add_argument("--onnx", action="store_true")
    parser.add_argument("--chunk", type=int, default=100, help="ms, of --hour")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    found = (hour if args.hour else exported if args.onnx else compare)(args)
    if args.json == "-":
        json.dump(found, sys.stdout)
    elif args.json:
        Path(args.json).write_text(json.dumps(found))
    else:
        for name, values in found.items():
            text = values if isinstance(values, float) else "  ".join(f"{key} {x:.4g}" for key, x in values.items())
            print(f"{name:19} {text}")


if __name__ == "__main__":
    main()
