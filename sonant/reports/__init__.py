"""Reports: scores on file, model cards, and one self-contained HTML page for runs and scores."""

from .card import model_card
from .examples import Example, load_example, save_example
from .page import write_report
from .results import Result, append_result, confusions_of, read_results, results_table

__all__ = [
    "Example",
    "Result",
    "append_result",
    "confusions_of",
    "load_example",
    "model_card",
    "read_results",
    "results_table",
    "save_example",
    "write_report",
]
