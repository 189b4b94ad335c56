"""What a method looks at before its first step."""

from __future__ import annotations

import signal

import torch
from training_toy import ToyLoader, ToyMethod, lines_of, signal_self, train_toy

from sonant.training.survey import survey


class Surveying(ToyMethod):
    """Keeps the mean length of what it is shown."""

    survey_batches = 3

    def __init__(self, **settings):
        super().__init__(**settings)
        self.register_buffer("length", torch.zeros(()))
        self.surveys = 0

    def survey(self, batches) -> None:
        assert not torch.is_grad_enabled() and not self.training
        shown = list(batches)
        self.surveys += 1
        self.length.fill_(torch.cat([batch.lengths_B for batch in shown]).float().mean())


def test_the_first_batches_are_shown_once_and_training_is_as_without(tmp_path):
    kind = {"kind": Surveying}
    _, toy = train_toy(tmp_path / "shown", **kind)
    _, plain = train_toy(tmp_path / "plain")
    lengths = torch.cat([ToyLoader().batch(step).lengths_B for step in range(3)])
    assert toy.surveys == 1 and toy.length == lengths.float().mean() and toy.training
    assert all(torch.equal(value, toy.state_dict()[name]) for name, value in plain.state_dict().items())
    (told,) = [line for line in lines_of(tmp_path / "shown", "event") if line["event"] == "surveyed"]
    assert told["step"] == 0 and told["message"].startswith("surveyed 3 batches (3 s of audio) in ")


def test_a_resumed_run_keeps_what_was_found(tmp_path):
    at = {5: signal_self(signal.SIGTERM)}
    _, first = train_toy(tmp_path, kind=Surveying, loader={"at": at})
    _, again = train_toy(tmp_path, kind=Surveying, resume=True)
    assert (first.surveys, again.surveys) == (1, 0) and first.length == again.length > 0


def test_a_method_may_stop_listening_and_leaves_its_mode():
    class Impatient(ToyMethod):
        survey_batches = 5

        def survey(self, batches) -> None:
            next(iter(batches))

    toy = Impatient().train()
    batches, seconds = survey(toy, ToyLoader(), seed=0, device=torch.device("cpu"))
    assert batches == 1 and seconds == ToyLoader().batch(0).seconds and toy.training
