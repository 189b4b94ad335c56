"""Do two recordings have the same speaker? EER and minDCF on a list of trials.

Vectors of whole utterances (or of crops) are compared by their cosine, or by PLDA; scores can be normalised by a cohort
of other speakers. Models without an embedding are averaged over time (--pool statistics: mean and deviation).

    sonant eval verification --trials trials.txt --model runs/simclr --audio recordings
    sonant eval verification --trials trials.txt --model runs/simclr --audio recordings --norm as --cohort corpus
    sonant eval verification --trials trials.txt --embeddings vectors.npz
    sonant eval verification --scores scores.txt
"""

ABOUT = "speaker verification: EER, minDCF of vectors or scores on a list of trials"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument(
        "--trials", metavar="F", help="label enrol test (VoxCeleb), or enrol test target|nontarget (Kaldi)"
    )
    parser.add_argument("--model", metavar="M", help="model or run folder, hub id, or a baseline")
    parser.add_argument("--audio", metavar="DIR", help="folder of audio, manifest or wav.scp (with --model)")
    parser.add_argument(
        "--embeddings", metavar="DIR", help="arrays (D,) or (crops, D) by utterance, in place of a model"
    )
    parser.add_argument("--scores", metavar="F", help="scores on file, in place of trials: 'label score' a line")
    _add_scoring(parser)
    _add_figures(parser)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--strict", action="store_true", help="stop at the first utterance that cannot be read")
    parser.add_argument("--name", help="what the results call the model (default: its path)")
    parser.add_argument("--results", metavar="FILE", help="also append the score to this results.jsonl")
    parser.add_argument("--write-scores", metavar="FILE", help="a line 'enrol test score label' for each trial")
    parser.add_argument("--plot", metavar="FILE", help="DET curve as .svg")
    add_json(parser)


def _add_scoring(parser):
    group = parser.add_argument_group("scoring")
    group.add_argument("--layer", help="layer of the model (default: its embedding, or its own)")
    group.add_argument("--pool", default="mean", choices=["mean", "statistics"], help="of frames (mean)")
    group.add_argument(
        "--scoring",
        default="full",
        choices=["full", "crops", "both"],
        help="whole utterances, crops, mean of both (full)",
    )
    group.add_argument("--crops", type=int, default=10, help="of each utterance (10)")
    group.add_argument("--crop-seconds", type=float, default=4.0, help="length of a crop (4)")
    group.add_argument("--norm", default="none", choices=["none", "z", "t", "s", "as"], help="of scores by the cohort")
    group.add_argument("--cohort", metavar="DIR", help="other speakers: audio, manifest, or arrays with --embeddings")
    group.add_argument("--top", type=int, default=300, help="highest cohort scores of each side with --norm as (300)")
    group.add_argument("--std", default="unbiased", choices=["unbiased", "population"], help="of cohort scores")
    group.add_argument("--centre", action="store_true", help="subtract the cohort's mean vector first")
    group.add_argument("--whiten", action="store_true", help="divide every channel by its deviation over the cohort")
    group.add_argument("--plda", action="store_true", help="in place of the cosine, learnt on the cohort's speakers")
    group.add_argument("--lda-dim", type=int, metavar="N", help="channels kept by discriminant analysis before PLDA")


def _add_figures(parser):
    group = parser.add_argument_group("figures")
    group.add_argument("--p-target", type=float, default=0.01, help="prior of a target in minDCF (0.01)")
    group.add_argument("--c-miss", type=float, default=1.0, help="cost of a miss (1)")
    group.add_argument("--c-fa", type=float, default=1.0, help="cost of a false alarm (1)")
    group.add_argument(
        "--variant",
        default="exact",
        choices=["exact", "sslsv", "seed", "wespeaker", "speechbrain"],
        help="as computed by",
    )
    group.add_argument("--bootstrap", type=int, default=0, metavar="N", help="resamples for intervals of 95 %% (0)")


def run(args):
    from ...actions.verify import VerifyConfig, verify, verify_scores, write_scores
    from ...core.errors import require
    from ...core.files import write_text
    from ...reports.results import append_result
    from ..output import print_table, progress_bar, write_results

    require((args.trials is None) != (args.scores is None), "give either --trials or --scores")
    names = (
        "layer", "pool", "scoring", "crops", "crop_seconds", "norm", "top", "centre", "whiten", "plda", "lda_dim",
        "p_target", "c_miss", "c_fa", "variant", "bootstrap",
    )  # fmt: skip
    cfg = VerifyConfig(**{name: getattr(args, name) for name in names}, unbiased=args.std == "unbiased")
    if args.scores is not None:
        verified, line = verify_scores(args.scores, name=args.name, settings=cfg)
    else:
        source = {
            name: getattr(args, name) for name in ("model", "audio", "embeddings", "cohort", "device", "strict", "name")
        }
        with progress_bar("embed") as progress:
            verified, line = verify(args.trials, **source, progress=progress, settings=cfg)
    print_table(["", ""], _rows(verified, cfg), quiet=args.json == "-")
    if args.write_scores:
        write_scores(args.write_scores, verified)
    if args.plot:
        from ...evaluation.verification import error_curve
        from ...reports.det import det_svg

        write_text(args.plot, det_svg({line.model: error_curve(verified.scores_P, verified.trials.target_P)}))
    if args.results:
        append_result(args.results, line)
    write_results(line.line(), args.json)


def _rows(verified, cfg):
    from ...reports.results import spell_figure, spell_name

    rows = []
    for name, value in verified.figures.items():
        low_high = verified.intervals.get(name)
        said = "" if low_high is None else " (95 %: {} to {})".format(*(spell_figure(name, x) for x in low_high))
        rows.append((spell_name(name), spell_figure(name, value) + said))
    targets = int(verified.trials.target_P.sum())
    rows += [
        ("minDCF at", f"prior {cfg.p_target:g}, costs {cfg.c_miss:g} and {cfg.c_fa:g}, {cfg.variant}"),
        ("trials", f"{len(verified.scores_P):,}, of the same speaker {targets:,}"),
        ("skipped", f"{len(verified.skipped)} utterances"),
        ("time", f"{verified.seconds:.1f} s"),
    ]
    return rows
