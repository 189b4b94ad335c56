"""The contract between a training objective and everything around it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from torch import Tensor, nn

from .batch import Batch
from .errors import require
from .module import FrameModule
from .representation import Representation


@dataclass(frozen=True)
class LossOut:
    """What one batch costs.

    Attributes:
        total: scalar to minimise, a mean over ``count`` terms.
        parts: named scalars to log (accuracies, single horizons, ...).
        count: how many terms ``total`` averages. Losses of several processes or of accumulated
            batches are combined in proportion to it, so that splitting a batch changes nothing.
    """

    total: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)
    count: Tensor | float = 1.0


class Method(nn.Module):
    """An objective with its heads around an encoder and a context that it is given.

    One file of ``methods/`` holds one ``Config`` and one subclass called ``Method``. It never builds
    data and never talks to the trainer.

    Attributes:
        needs: the kind of batch it trains on: ``wave`` (waveforms), ``views``, ``pairs``, ``dialogue``, ``units``.
        embeds: whether it learns one vector per utterance, and so takes an ``embedding`` (``nn.pooling``).
        converses: whether it learns from dialogues, and so takes a ``dialogue`` (``nn.dialogue``).
        survey_batches: how many batches of the training data ``survey`` is shown before the first step.
    """

    embeds: ClassVar[bool] = False
    converses: ClassVar[bool] = False
    needs: ClassVar[Literal["wave", "views", "pairs", "dialogue", "units"]] = "wave"
    survey_batches: int = 0

    def __init__(
        self,
        cfg,
        *,
        encoder: FrameModule,
        context: FrameModule,
        embedding: nn.Module | None = None,
        dialogue: nn.Module | None = None,
    ):
        super().__init__()
        self.cfg, self.encoder, self.context, self.embedding = cfg, encoder, context, embedding
        self.dialogue = dialogue
        require(
            embedding is not None or not self.embeds,
            f"the method {type(self).__module__.rpartition('.')[2]} learns one vector per utterance: give the section "
            "'embedding', such as embedding: {pool: mean, dim: 256}",
        )
        require(
            dialogue is not None or not self.converses,
            f"the method {type(self).__module__.rpartition('.')[2]} learns from dialogues: give the section "
            "'dialogue', such as dialogue: {channels: 2, stride: 2, kernel: 5}",
        )

    def loss(self, batch: Batch) -> LossOut:
        """The loss of one batch. Raises SonantError when the batch leaves nothing to learn from."""
        raise TypeError(f"{type(self).__name__} defines no loss")

    def forward(self, batch: Batch) -> LossOut:
        """``loss`` under the name that data-parallel wrappers call."""
        return self.loss(batch)

    def chance(self) -> float | None:
        """The loss that knowing nothing scores, or None where it depends on the data."""
        return None

    def after_step(self, step: int, total_steps: int) -> None:
        """Called after each optimiser step (moving averages, queues)."""

    def survey(self, batches: Iterable[Batch]) -> None:
        """Called once, before the first step of a fresh run, with the first batches of the training data.

        In evaluation mode and without gradients. With several processes each sees its own batches; what has to be
        equal everywhere (statistics of the data) the method gathers itself. It goes into buffers, which resume.
        """

    def representation(self) -> Representation:
        """What is kept when training ends."""
        return Representation(
            encoder=self.encoder, context=self.context, embedding=self.embedding, dialogue=self.dialogue
        )


class ViewsMethod(Method):
    """A method that learns one vector per utterance from several views of it: crops, each augmented apart.

    Its loss is split in two: ``embed`` sees every utterance by itself, ``compare`` sees all of them at once. A batch
    that does not fit into memory can so be embedded in pieces and still be compared as a whole.

    Letters: B utterances, V views, L samples, D channels of a vector.
    """

    needs = "views"
    embeds = True

    def loss(self, batch: Batch) -> LossOut:
        return self.compare(self.embed(batch), batch)

    def embed(self, batch: Batch) -> tuple[Tensor, ...]:
        """What ``compare`` takes: tensors whose first dimension is the utterances. Here (B, V, D), all views."""
        return (self.vectors(self.views_of(batch), batch),)

    def compare(self, embedded: tuple[Tensor, ...], batch: Batch) -> LossOut:
        """The loss over all utterances; of ``batch`` only what is not audio (ids, seeds, speakers)."""
        raise TypeError(f"{type(self).__name__} defines no compare")

    def vectors(self, views_BVL: Tensor, batch: Batch, *, body: Representation | None = None) -> Tensor:
        """(B, V, D) of the method's own body, or of another such as its teacher; one pass over all views.

        Raises SonantError for views without a frame.
        """
        body = body or self.representation()
        B, V, L = views_BVL.shape
        require(
            batch.geometry is not None or body.geometry.frames(L) >= 1,
            f"views of {L} samples are shorter than a frame: lengthen data.chunk_seconds",
        )
        lengths_B = batch.lengths_B.clamp(max=L).repeat_interleave(V)
        return body.embed(views_BVL.reshape(B * V, L), lengths_B).reshape(B, V, -1)

    def views_of(self, batch: Batch) -> Tensor:
        """(B, V, L) the views of a batch. Raises SonantError when there are fewer than two."""
        views_BVL = batch.extras.get("views")
        require(
            views_BVL is not None and views_BVL.shape[1] >= 2,
            f"the method {type(self).__module__.rpartition('.')[2]} compares views of the same utterance: set "
            "data.view to crops, with data.views of at least 2",
        )
        return views_BVL
