"""A model of dialogue as a file that other programs run: an ONNX graph of one step, its states given and returned.

    sonant export runs/vap vap.onnx
    sonant export runs/vap vap.onnx --context 10 --chunk 5

The file is run once with onnxruntime, and the largest difference from PyTorch is told. docs/streaming.md tells how to
run it in a dozen lines.
"""

ABOUT = "write a model of dialogue as ONNX, for other programs and languages"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("model", metavar="MODEL", help="model or run folder, or hub id, of a model of dialogue")
    parser.add_argument("out", metavar="OUT", help="the file, .onnx")
    parser.add_argument("--to", choices=["onnx"], default="onnx", help="the format (onnx)")
    parser.add_argument("--context", type=float, default=20.0, metavar="S", help="seconds of past it sees (20)")
    parser.add_argument("--chunk", type=int, default=1, metavar="FRAMES", help="frames of one step (1)")
    add_json(parser)


def run(args):
    from ...actions.export import export_onnx
    from ..output import check_target, print_table, write_results

    check_target(args.json)
    check_target(args.out)
    facts = export_onnx(args.model, args.out, context=args.context, chunk=args.chunk)
    ms = 1000 * facts["samples"] / facts["sample_rate"]
    rows = [
        ("written", f"{facts['out']}, {facts['megabytes']:.1f} MB"),
        ("a step", f"{facts['samples']} samples ({ms:g} ms), {facts['frames']} frames"),
        ("context", f"{facts['width']} frames"),
        ("largest difference from PyTorch", f"{facts['largest_difference']:.1e}"),
    ]
    print_table(["", ""], rows, quiet=args.json == "-")
    write_results(facts, args.json)
