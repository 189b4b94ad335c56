"""How well is speech recognised from a model's frames? Trains a BLSTM with CTC on frozen frames, and decodes.

    sonant eval asr --model runs/cpc --train corpus/train --out asr --test corpus/test
    sonant lm asr/train.txt lm.arpa --without asr/held-out.txt corpus/test
    sonant eval asr --decode-only --out asr --test corpus/test --lm lm.arpa

Interrupted, the same command goes on after the last epoch that was finished; a finished recogniser is not trained
again.
"""

import dataclasses

ABOUT = "word and character error of a recogniser on frozen frames, without or with a language model"


def add_arguments(parser):
    from ..output import add_json

    parser.add_argument("--model", metavar="M", help="model or run folder, hub id, mfcc or logmel")
    parser.add_argument("--features", metavar="DIR", help="extracted arrays in place of the model")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the recogniser")
    parser.add_argument("--train", nargs="+", action="extend", default=[], metavar="MANIFEST", help="to learn from")
    parser.add_argument("--dev", metavar="MANIFEST", help="ends the training (default: some speakers of --train)")
    parser.add_argument("--test", nargs="+", action="extend", default=[], metavar="MANIFEST", help="to be scored")
    parser.add_argument("--decode-only", action="store_true", help="the recogniser is there: only decode with it")
    parser.add_argument("--preset", default="laptop", choices=["laptop", "paper"], help="sizes and rates (laptop)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, batches, masks and held-out speakers (0)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--name", help="what the results call the model (default: its path)")
    parser.add_argument("--results", metavar="FILE", help="also append the scores to this results.jsonl")
    add_json(parser)
    decoding = parser.add_argument_group("decoding")
    decoding.add_argument(
        "--beam", type=int, default=0, metavar="W", help="beam search (default: greedy; 32 with --lm)"
    )
    decoding.add_argument("--lm", metavar="FILE", help="word n-gram: an ARPA file, as sonant lm writes it")
    decoding.add_argument("--alpha", type=float, help="its weight (default: the best of a grid, held-out part)")
    decoding.add_argument("--beta", type=float, help="bonus of a word (as alpha; without --lm 0)")
    decoding.add_argument("--texts", metavar="DIR", help="write references and hypotheses (default: OUT/decoded/...)")
    decoding.add_argument("--logits", action="store_true", help="keep the scores of the units there too, as .npy")
    _add_settings(parser.add_argument_group("settings of the training"))


def _add_settings(group):
    from ...evaluation.asr.config import PAPER, Config

    for field in dataclasses.fields(Config):
        default = "" if field.default is None else f" (default: {field.default})"
        paper = f" (paper: {PAPER[field.name]})" if field.name in PAPER else ""
        text = (field.metadata["about"] + default + paper).replace("%", "%%")
        group.add_argument(f"--{field.name.replace('_', '-')}", dest=field.name, metavar="X", help=text)


def run(args):
    from ...actions.asr import Decoding, score_asr
    from ...core.errors import require
    from ...reports.results import append_result
    from ..output import print_table, progress_bar, write_results

    require(args.test or not args.decode_only, "--decode-only needs --test, the manifests to decode")
    how = Decoding(beam=args.beam, lm=args.lm, alpha=args.alpha, beta=args.beta)
    recogniser, source = recogniser_of(args)
    rows, lines = [], []
    if args.test:
        texts = args.texts or f"{args.out}/decoded/{how.name}"
        with progress_bar("decoding") as progress:
            found = score_asr(
                recogniser, source, test=args.test, how=how, texts=texts, logits=args.logits, name=args.name,
                progress=lambda label: progress,
            )  # fmt: skip
        for _, line in found:
            lines.append(line.line())
            rows.append(row_of(line))
            if args.results:
                append_result(args.results, line)
        columns = ["test", "decoding", "alpha", "beta", "WER", "CER", "utterances", "words", "seconds"]
        print_table(columns, rows, quiet=args.json == "-")
    write_results(lines, args.json)


def recogniser_of(args):
    """Trained now, or found."""
    from ...actions.asr import find_asr, train_asr
    from ...core.config import set_dotted
    from ...core.errors import require
    from ...evaluation.asr.config import Config
    from ..output import progress_bar

    settings = {}
    for field in dataclasses.fields(Config):
        if getattr(args, field.name) is not None:
            set_dotted(settings, field.name, getattr(args, field.name))
    if args.decode_only:
        require(not settings and not args.train, "with --decode-only nothing is trained; leave its settings out")
        return find_asr(args.out, model=args.model, features=args.features, device=args.device)
    require(args.train, "give --train, the manifests to learn from (or --decode-only for a finished recogniser)")
    with progress_bar("frames") as progress:
        return train_asr(
            args.out, model=args.model, features=args.features, train=args.train, dev=args.dev, preset=args.preset,
            seed=args.seed, device=args.device, settings=settings, progress=progress, tell=tell,
        )  # fmt: skip


def tell(line):
    """An epoch in a line on standard error."""
    import sys

    said = (
        f"stage {line['stage']}, epoch {line['epoch']}: loss {line['loss']:.3f}, held out {line['held_out_loss']:.3f}"
    )
    print(f"sonant: {said}", file=sys.stderr, flush=True)


def row_of(line):
    """The row of a score that is printed."""
    from ...reports.results import spell_figure

    settings, extra = line.settings, line.extra
    return (
        line.data,
        settings["decoding"],
        settings.get("alpha"),
        settings.get("beta"),
        spell_figure("wer", line.figures["wer"]),
        spell_figure("cer", line.figures["cer"]),
        extra["test_utterances"],
        extra["test_words"],
        f"{line.seconds:.1f}",
    )
