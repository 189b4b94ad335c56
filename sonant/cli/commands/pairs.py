"""List pairs of segments that hold the same word, for correspondence training: a a_start a_end b b_start b_end label.

sonant pairs words WORDS.tsv OUT.tsv             all pairs of tokens with the same label
sonant pairs utd LIST OUT.tsv --vad words.wrd    pairs found by unsupervised term discovery
sonant pairs keys LIST OUT.tsv --keys english    pairs of archive keys, two a line
sonant pairs aligned FILE.npz OUT.tsv            the pairs <key>.X, <key>.Y of an aligned archive
sonant pairs closest FEATURES WORDS.tsv OUT.tsv  segments that DTW finds nearest to each other, labels unseen
sonant pairs given PAIRS.tsv OUT.tsv --manifest DIR   a pairs.tsv of one's own: what of it lies in a corpus
"""

ABOUT = "pairs of the same word, true or discovered: pairs.tsv"


def add_arguments(parser):
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="words|utd|keys|aligned|closest|given")
    words = _kind(kinds, "words", "WORDS.tsv", "all pairs of tokens with the same label")
    words.add_argument("--different-speakers", action="store_true", help="leave out pairs of one speaker")
    words.add_argument("--most-per-label", type=int, metavar="N", help="draw at most N pairs of a label")
    words.add_argument("--seed", type=int, default=0, help="of the draw")
    utd = _kind(kinds, "utd", "LIST", "pairs found by unsupervised term discovery")
    utd.add_argument("--format", default="auto", choices=["auto", "9", "7", "6"], help="number of fields of a line")
    utd.add_argument(
        "--vad", metavar="FILE", help="word alignment, or lines 'utterance start end': cut segments to its speech"
    )
    utd.add_argument("--manifest", metavar="DIR", help="cut segments to its utterances and give their names and times")
    utd.add_argument("--speakers", metavar="FILE", help="keep pairs of these speakers, one a line")
    utd.add_argument("--exclude", action="append", default=[], metavar="REC", help="recording to leave out")
    for kind in (utd, _kind(kinds, "keys", "LIST", "pairs of archive keys, two a line")):
        kind.add_argument("--keys", default="none", choices=["english", "english_full", "xitsonga", "none"])
    aligned = _kind(kinds, "aligned", "FILE.npz", "the pairs of an aligned archive")
    aligned.add_argument("--keys", default="none", choices=["english", "english_full", "xitsonga", "none"])
    aligned.add_argument("--rate", type=float, default=100.0, metavar="HZ", help="frames per second")
    closest = _kind(kinds, "closest", "FEATURES", "segments that DTW finds nearest to each other", "WORDS.tsv")
    closest.add_argument("--neighbours", type=int, default=1, metavar="N", help="pairs per segment (1)")
    closest.add_argument("--share", type=float, default=0.5, help="part of the pairs that is kept, nearest first (0.5)")
    closest.add_argument("--different-speakers", action="store_true", help="only pairs of different speakers")
    closest.add_argument("--distance", default="cosine", choices=["cosine", "euclidean", "angular"])
    given = _kind(kinds, "given", "PAIRS.tsv", "the pairs of a list that lie in the utterances of a manifest")
    given.add_argument("--manifest", metavar="DIR", required=True, help="the corpus")


def _kind(kinds, name, source, about, *others):
    from ..output import add_json

    parser = kinds.add_parser(name, help=about, description=about)
    parser.add_argument("source", metavar=source)
    for other in others:
        parser.add_argument(other.partition(".")[0].lower(), metavar=other)
    parser.add_argument("out", metavar="OUT.tsv")
    add_json(parser)
    return parser


def run(args):
    from ...data.pairs import write_pairs
    from ..output import print_table, write_results

    kinds = {
        "words": of_words,
        "utd": discovered,
        "keys": of_keys,
        "aligned": aligned,
        "closest": closest,
        "given": given,
    }
    pairs, counts = kinds[args.kind](args)
    write_pairs(args.out, pairs)
    write_results({"out": str(args.out), **counts}, args.json)
    print_table(["", str(args.out)], counts.items(), quiet=args.json == "-")


def of_words(args):
    from ...data.pairs import digest_of_pairs, pairs_of_words
    from ...data.words import read_words

    pairs = pairs_of_words(
        read_words(args.source),
        different_speakers=args.different_speakers,
        most_per_label=args.most_per_label,
        seed=args.seed,
    )
    return pairs, digest_of_pairs(pairs)


def discovered(args):
    from ...core.errors import require
    from ...data.alignments import read_speech
    from ...data.discovered import keep_discovered, read_discovered, speech_of_manifest, speech_of_regions
    from ...data.keys import archive_name, read_names
    from ...data.manifest import Manifest

    require(not (args.vad and args.manifest), "--vad and --manifest both tell where speech is; give one of them")
    speech = None
    if args.vad:
        speech = speech_of_regions(read_speech(args.vad), args.keys)
    elif args.manifest:
        speech = speech_of_manifest(Manifest.open(args.manifest))
    return keep_discovered(
        read_discovered(args.source, format=args.format, corpus=args.keys),
        speech=speech,
        speakers=read_names(args.speakers) if args.speakers else None,
        exclude=[archive_name(name, args.keys) for name in args.exclude],
    )


def of_keys(args):
    from ...core.errors import require
    from ...data.archives import pairs_of_keys, read_pair_keys
    from ...data.pairs import digest_of_pairs

    require(args.keys != "none", "--keys must tell whose keys these are: english, english_full or xitsonga")
    pairs = pairs_of_keys(read_pair_keys(args.source), args.keys)
    return pairs, digest_of_pairs(pairs)


def aligned(args):
    from ...data.archives import pairs_of_aligned
    from ...data.pairs import digest_of_pairs

    pairs = pairs_of_aligned(args.source, args.keys, rate=args.rate)
    return pairs, digest_of_pairs(pairs)


def closest(args):
    from ...actions.closest_pairs import closest_pairs
    from ..output import progress_bar

    with progress_bar("dtw") as progress:
        return closest_pairs(
            args.source,
            args.words,
            neighbours=args.neighbours,
            share=args.share,
            different_speakers=args.different_speakers,
            distance=args.distance,
            progress=progress,
        )


def given(args):
    from ...data.manifest import Manifest
    from ...data.pairs import pairs_within, read_pairs

    return pairs_within(read_pairs(args.source), Manifest.open(args.manifest))
