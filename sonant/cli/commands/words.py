"""List word tokens for acoustic word embeddings and same-different tests: key label speaker file onset offset.

SOURCE is a manifest whose utterances have word times, a forced alignment (utterance start end label, a
line each), a table of words or of pairs with a header, or a feature archive (.npz) with words in its keys.

The defaults are the usual rule of the test (0.5 s, 5 characters); larger training sets have 0.39 s and 4.
"""

ABOUT = "word tokens of a corpus: words.tsv"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("out", metavar="OUT.tsv")
    parser.add_argument("--min-seconds", type=float, default=0.5, metavar="S", help="default: 0.5")
    parser.add_argument("--min-characters", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument(
        "--whole", action="store_true", help="every utterance of a manifest is one segment, with the label ?"
    )
    parser.add_argument("--max-seconds", type=float, metavar="S", help="default: none")
    parser.add_argument(
        "--keys",
        default="none",
        choices=["english", "english_full", "xitsonga", "none"],
        help="whose names tell the speaker (alignments and archives)",
    )
    parser.add_argument("--rate", type=float, default=100.0, metavar="HZ", help="frames per second of an archive")
    parser.add_argument("--suffix", default="", metavar="S", help="only keys of an archive that end in it, such as .c")
    parser.add_argument("--speakers", metavar="FILE", help="keep words of these speakers, one a line")
    add_json(parser)


def run(args):
    from ...core.errors import require
    from ...data.keys import read_names
    from ...data.manifest import Manifest
    from ...data.word_sources import find_words
    from ...data.words import select_words, whole_utterances, write_words
    from ..output import print_table, write_results

    words = (
        whole_utterances(Manifest.open(args.source))
        if args.whole
        else find_words(args.source, corpus=args.keys, rate=args.rate, suffix=args.suffix)
    )
    if args.speakers:
        allowed = set(read_names(args.speakers))
        words = (word for word in words if word.speaker in allowed)
    wanted = " of these speakers" if args.speakers else ""
    kept, counts = select_words(
        words,
        min_seconds=args.min_seconds,
        min_characters=0 if args.whole else args.min_characters,
        max_seconds=args.max_seconds,
    )
    require(
        counts["read"],
        f"'{args.source}' tells no words{wanted}: a manifest needs word times (TextGrids beside the audio when it is "
        "prepared), an archive labels in its keys; --whole takes every utterance of a manifest as one segment",
    )
    write_words(args.out, kept)
    write_results({"out": str(args.out), **counts}, args.json)
    print_table(["", str(args.out)], counts.items(), quiet=args.json == "-")
