"""Parts of a body that stay as they are, for a while or for good.

A frozen part takes no gradients, so that neither a step nor weight decay moves it, and is in evaluation mode: batch
normalisation keeps its statistics, dropout does nothing. Its weights stay in the optimiser's groups, without a state
before they first learn: a run resumes across the thaw as if it had not been interrupted.
"""

from __future__ import annotations

from torch import nn

from ..core import Method, SonantError, require
from .config import TrainConfig
from .parts import body_parts


class Freezing:
    """What ``train.freeze`` and ``train.thaw_step`` ask for.

    Args:
        method: as it would train with nothing frozen.

    Attributes:
        active: parts are frozen now.

    Raises:
        SonantError: a part that the method lacks, or nothing left to train.
    """

    def __init__(self, method: Method, train: TrainConfig):
        self.method, self.parts, self.thaw_step = method, train.freeze, train.thaw_step
        self.active = False
        known = body_parts(method)
        for name in self.parts:
            if name not in known:
                raise SonantError(f"train.freeze names {name}, and this model has only {', '.join(known)}")
        self.weights = [p for part in self._modules() for p in part.parameters() if p.requires_grad]
        frozen = {id(p) for p in self.weights}
        require(
            any(p.requires_grad and id(p) not in frozen for p in method.parameters()),
            f"train.freeze of {', '.join(self.parts)} leaves nothing to train: this method has no other weights; "
            "freeze fewer parts",
        )
        self.dropout: dict[nn.RNNBase, float] = {}

    @property
    def told(self) -> str:
        """What is frozen, in words."""
        return ", ".join(self.parts) + f" frozen{'' if self.thaw_step is None else f' until step {self.thaw_step}'}"

    def start(self, step: int) -> None:
        """Freeze where a run that stands at ``step`` is not past its thaw."""
        if not self.parts or (self.thaw_step is not None and step > self.thaw_step):
            return
        self.active = True
        for weight in self.weights:
            weight.requires_grad_(False)
        for module in (m for part in self._modules() for m in part.modules() if isinstance(m, nn.RNNBase)):
            self.dropout[module], module.dropout = module.dropout, 0.0

    def hold(self) -> None:
        """Bring the frozen parts back to evaluation mode, whatever mode the whole method was brought to."""
        if not self.active:
            return
        for part in self._modules():
            part.eval()
        for module in self.dropout:
            module.train()  # without dropout it is the same, and cuDNN has gradients of its input in this mode only

    def thaw_if_due(self, step: int) -> bool:
        """Let all parts learn before the step ``thaw_step``; true when that is now."""
        if not self.active or self.thaw_step is None or step < self.thaw_step:
            return False
        self.active = False
        for weight in self.weights:
            weight.requires_grad_(True)
        for module, dropout in self.dropout.items():
            module.dropout = dropout
        for part in self._modules():
            part.train()
        return True

    def _modules(self) -> list[nn.Module]:
        known = body_parts(self.method)
        return [known[name] for name in self.parts]
