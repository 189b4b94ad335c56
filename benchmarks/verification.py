"""A million trials with adaptive s-norm: time and memory, and the same trials one by one for comparison.

python benchmarks/verification.py --trials 1000000 --utterances 20000 --cohort 5000 --dim 512
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import torch

from sonant.evaluation.score_norm import cohort_statistics, normalised_scores, pair_scores
from sonant.evaluation.verification import equal_error_rate, min_dcf

ONE_BY_ONE = 2000  # trials of the straightforward loop


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--utterances", type=int, default=20_000)
    parser.add_argument("--cohort", type=int, default=5000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--top", type=int, default=300)
    args = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    speaker = torch.randint(args.utterances // 20 + 1, (args.utterances,), generator=generator)
    centre = torch.randn(args.utterances // 20 + 1, args.dim, generator=generator)
    x = torch.nn.functional.normalize(
        centre[speaker] + 2.5 * torch.randn(args.utterances, args.dim, generator=generator)
    )
    cohort = torch.nn.functional.normalize(torch.randn(args.cohort, args.dim, generator=generator))
    enrol, test = torch.randint(args.utterances, (2, args.trials), generator=generator)
    half = args.trials // 2
    order = speaker.argsort()
    test[:half] = order[(torch.argsort(order)[enrol[:half]] + 1) % args.utterances]  # mostly the same speaker
    same = (speaker[enrol] == speaker[test]).numpy()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    began = time.perf_counter()
    scores = normalised_scores(x, x, enrol, test, norm="as", cohort_CD=cohort, top=args.top).double().numpy()
    scored = time.perf_counter()
    figures = equal_error_rate(scores, same), min_dcf(scores, same)
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    part = slice(0, ONE_BY_ONE)
    loop_began = time.perf_counter()
    slow = _one_by_one(x, cohort, enrol[part], test[part], args.top)
    loop = (time.perf_counter() - loop_began) / ONE_BY_ONE
    assert np.abs(slow - scores[part]).max() < 1e-3
    print(f"threads {torch.get_num_threads()}")
    print(f"{args.trials:,} trials, as-norm, cohort {args.cohort:,}, dim {args.dim}: {scored - began:.2f} s")
    print(f"EER {100 * figures[0]:.2f} %, min DCF {figures[1]:.4f}: {done - scored:.2f} s")
    print(f"memory {peak:,.0f} MB at most, {before:,.0f} MB of it before the scoring")
    whole = loop * args.trials
    print(f"one by one: {1e6 * loop:,.0f} us a trial, {whole:,.0f} s for all, {whole / (scored - began):,.0f} x")


def _one_by_one(x, cohort, enrol, test, top) -> np.ndarray:
    """Every trial on its own, statistics included."""
    found = []
    for a, b in zip(enrol.tolist(), test.tolist(), strict=True):
        score = pair_scores(x, x, torch.tensor([a]), torch.tensor([b]))[0]
        sides = [cohort_statistics(x[i : i + 1], cohort, top=top) for i in (a, b)]
        found.append(float(sum((score - mean[0]) / std[0] for mean, std in sides) / 2))
    return np.array(found)


if __name__ == "__main__":
    main()
