"""Acoustic word embeddings: average precision of same-word pairs among all pairs, by distance of vectors.

A model with an embedding gives the vectors, or --features holds them; frames become vectors by --how. Figures
are in [0, 1]; higher is better, chance is the share of same-word pairs.

    sonant eval word-embedding --model runs/cae-rnn --audio recordings --labels words.tsv --distance cosine
    sonant eval word-embedding --features words.npz --labels words.tsv --how resample --dims 13 --distance cosine
"""

ABOUT = "acoustic word embeddings: word discrimination of one vector per word"


def add_arguments(parser):
    from ..word_options import add_source

    parser.add_argument(
        "--distance", required=True, choices=["cosine", "euclidean", "sqeuclidean", "chebyshev", "hamming"]
    )
    parser.add_argument(
        "--how",
        choices=["resample", "interpolate", "blocks"],
        help="frames to a vector: Fourier resampling, straight lines, means of equal blocks (default: vectors given)",
    )
    parser.add_argument("--samples", type=int, default=10, metavar="N", help="frames that --how leaves (10)")
    parser.add_argument("--dims", type=int, metavar="D", help="first dimensions of a frame to use (default: all)")
    parser.add_argument("--mvn", action="store_true", help="standardise every dimension over the words first")
    add_source(parser)


def run(args):
    from ...actions.score_words import score_word_embedding
    from ..output import progress_bar
    from ..word_options import finish, source_of

    with progress_bar("word embedding") as progress:
        scored, line = score_word_embedding(
            source_of(args),
            how=args.how,
            samples=args.samples,
            dims=args.dims,
            mvn=args.mvn,
            name=args.name,
            progress=progress,
            distance=args.distance,
            ties=args.ties,
            precision=args.precision,
        )
    made = "given vectors" if args.how is None else f"{args.how} to {args.samples} frames"
    finish(args, scored, line, f"{args.distance}, {made}{', standardised' if args.mvn else ''}, ties {args.ties}")
