"""What do the nearest labelled utterances say? Classification without training (weighted kNN on the cosine).

sonant eval knn --model runs/simclr --train corpus/train --test corpus/test --label language
sonant eval knn --model runs/simclr --train corpus/train --test corpus/test --labels emotions.tsv --fraction 0.1
"""

ABOUT = "labels of utterances (speaker, language, any table) by their nearest neighbours"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("--model", required=True, metavar="M", help="model or run folder, hub id, or a baseline")
    parser.add_argument("--train", required=True, metavar="MANIFEST", help="labelled utterances")
    parser.add_argument("--test", required=True, metavar="MANIFEST", help="utterances to tell the label of")
    parser.add_argument(
        "--label", default="speaker", choices=["speaker", "language", "gender", "text"], help="(speaker)"
    )
    parser.add_argument("--labels", metavar="TSV", help="a table 'key label' in place of what the manifests know")
    parser.add_argument("--layer", help="layer of the model (default: its embedding, or its own)")
    parser.add_argument("--pool", default="mean", choices=["mean", "statistics"], help="of frames (mean)")
    parser.add_argument("--k", type=int, default=20, help="neighbours (20)")
    parser.add_argument("--temperature", type=float, default=0.1, help="of their votes (0.1)")
    parser.add_argument("--fraction", type=float, default=1.0, help="part of the labels of each class to use (1)")
    parser.add_argument("--seed", type=int, default=0, help="of the part (0)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--name", help="what the results call the model (default: its path)")
    parser.add_argument("--results", metavar="FILE", help="also append the score to this results.jsonl")
    add_json(parser)


def run(args):
    from ...actions.knn import knn
    from ...reports.results import append_result, spell_figure, spell_name
    from ..output import print_table, progress_bar, write_results

    names = (
        "train", "test", "label", "labels", "layer", "pool", "k", "temperature", "fraction", "seed", "device", "name",
    )  # fmt: skip
    with progress_bar("embed") as progress:
        figures, line = knn(args.model, **{name: getattr(args, name) for name in names}, progress=progress)
    rows = [(spell_name(name), spell_figure(name, value)) for name, value in figures.items()]
    rows += [(name, line.extra[name]) for name in ("classes", "labelled", "test")]
    print_table(["", ""], rows, quiet=args.json == "-")
    if args.results:
        append_result(args.results, line)
    write_results(line.line(), args.json)
