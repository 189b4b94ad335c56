"""Same-different word discrimination: average precision of same-word pairs among all pairs, by DTW distance.

Figures are in [0, 1]; higher is better, chance is the share of same-word pairs. Give arrays (--features: one
per word, or of utterances in which --labels tells the times) or a model with audio (--model, --audio).
Arrays of one dimension are vectors and compared as they are.

    sonant eval same-different --features words.npz --labels words.tsv --distance cosine
    sonant eval same-different --model mfcc --audio recordings --pairs word-pairs.txt --distance cosine
"""

ABOUT = "word discrimination by DTW: average precision over pairs of words"


def add_arguments(parser):
    from ..word_options import add_source

    parser.add_argument(
        "--distance",
        required=True,
        choices=["cosine", "euclidean", "sqeuclidean", "angular", "kl", "identical", "chebyshev", "hamming"],
        help="between frames; the last two between vectors only",
    )
    parser.add_argument(
        "--normalise",
        default="lengths",
        choices=["lengths", "path", "none"],
        help="divide DTW costs by N + M (default), by the length of the path, or not",
    )
    parser.add_argument("--unit", action="store_true", help="bring frames to norm 1 first (cosine always does)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")
    add_source(parser)


def run(args):
    from ...actions.score_words import score_same_different
    from ..output import progress_bar
    from ..word_options import finish, source_of

    with progress_bar("same-different") as progress:
        scored, line = score_same_different(
            source_of(args),
            name=args.name,
            progress=progress,
            distance=args.distance,
            normalise=args.normalise,
            unit=args.unit,
            ties=args.ties,
            precision=args.precision,
            threads=args.threads,
        )
    warped = f", DTW costs by {args.normalise}" if "normalise" in scored.settings else " between vectors"
    finish(args, scored, line, f"{args.distance}{warped}, ties {args.ties}")
