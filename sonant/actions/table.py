"""All experiments in one table, with what their models say of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.errors import Failure, SonantError
from ..reports.experiments import Experiment, find_experiments
from ..reports.joined import MODEL, WHOLE, Joined, join
from .info import describe


def table(places: Sequence[str | Path]) -> Joined:
    """Join the settings, sizes, costs and scores of experiments, one row each.

    Args:
        places: experiment folders, run folders, or folders of them.

    Raises:
        SonantError: a folder does not exist or holds no experiment.
    """
    experiments = find_experiments(places)
    return join(experiments, {experiment.name: _of_model(experiment) for experiment in experiments})


def _of_model(experiment: Experiment) -> dict[str, Any]:
    """Context, look-ahead and parameters as the model declares them; nothing where there is no model to load."""
    if not experiment.run.model:
        return {}
    try:
        facts = describe(experiment.run.folder)
    except (SonantError, Failure, OSError) as error:
        experiment.notes.append(f"{experiment.folder}: its model cannot be read: {error}")
        return {}
    return {name: WHOLE if facts[name] is None else facts[name] for name in MODEL}
