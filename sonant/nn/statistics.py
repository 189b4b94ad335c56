"""Mean and standard deviation of each channel over frames, gathered once and then used to normalise.

Letters: B utterances, T frames, D channels, N frames of all utterances.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..core import Frames
from ..core.distributed import all_sum

LEAST = 1e-5  # of a standard deviation that divides; channels that never change are only centred


class PooledStatistics(nn.Module):
    """Moments over all frames of all utterances of all processes, padding left out.

    ``std`` is that of the frames pooled (divided by their number), and not a figure of each utterance averaged
    somehow. Before the first ``add`` or ``set`` nothing is changed by ``normalised``.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean_D", torch.zeros(dim, dtype=torch.float64))
        self.register_buffer("var_D", torch.ones(dim, dtype=torch.float64))

    @property
    def std_D(self) -> Tensor:
        return self.var_D.sqrt()

    @torch.no_grad()
    def add(self, frames: Frames) -> None:
        """Frames of another batch, in float64; with several processes all of them must call."""
        x_ND = frames.x_BTD[frames.mask_BT].double()
        count = all_sum(torch.tensor(float(len(x_ND)), dtype=torch.float64, device=x_ND.device))
        if count == 0:
            return
        mean_D = all_sum(x_ND.sum(0)) / count
        square_D = all_sum((x_ND - mean_D).square().sum(0))
        total, apart_D = self.count + count, mean_D - self.mean_D
        square_D = square_D + self.var_D * self.count + apart_D.square() * self.count * count / total
        self.mean_D += apart_D * (count / total)
        self.var_D.copy_(square_D / total)
        self.count.copy_(total)

    @torch.no_grad()
    def set(self, mean_D: Tensor, std_D: Tensor) -> None:
        """Take statistics that someone else has gathered."""
        self.mean_D.copy_(mean_D)
        self.var_D.copy_(std_D.double().square())
        self.count.fill_(1.0)

    def normalised(self, frames: Frames) -> Frames:
        """(x - mean) / std, zero past each length."""
        std_D = torch.where(self.std_D < LEAST, 1.0, self.std_D)
        dtype = frames.x_BTD.dtype
        return frames.with_x((frames.x_BTD - self.mean_D.to(dtype)) / std_D.to(dtype)).masked()


def upstream_statistics(utterances: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """(D,) mean and (D,) "std" as the file ``stats.pkl`` of PASE's code has them, of utterances (T, D).

    The mean of the utterances' means, and the standard deviation ACROSS utterances of each one's deviation over time,
    which on speech is three to eight times smaller than that of its frames. For targets of models trained so.
    """
    means = torch.stack([x_TD.mean(0) for x_TD in utterances])
    return means.mean(0), torch.stack([x_TD.std(0) for x_TD in utterances]).std(0)
