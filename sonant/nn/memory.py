"""What training remembers of every utterance: one vector for each, found again by the utterance's name.

Letters: B utterances of a batch, N places, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..core import Batch, derive_seed, require
from ..core.distributed import gather_with_gradient


def keys_of(batch: Batch) -> Tensor:
    """(B,) a number for the name of every utterance in the batches of all processes."""
    require(len(batch.ids) == len(batch), "utterances must have names to be found again")
    own = torch.tensor([derive_seed("utterance", name) for name in batch.ids], device=batch.wave_BL.device)
    return gather_with_gradient(own)


class VectorMemory(nn.Module):
    """The newest vector of up to N utterances; once it is full, the utterances that came first make room.

    Saved with the weights. Put in what all processes gathered: the memory is then the same in every one of them.

    Attributes:
        vectors_ND: (N, D), zeros where nothing is remembered yet.
        key_N: of the utterances, -1 there.
        label_N: a number that came with the vector, such as its speaker; -1 where unknown.
        taken: () places ever taken, so that the next is ``taken`` mod N.
    """

    replicated = True  # equal in all processes without being sent around
    vectors_ND: Tensor
    key_N: Tensor
    label_N: Tensor
    taken: Tensor

    def __init__(self, size: int, dim: int):
        super().__init__()
        require(size >= 1, f"a memory must have at least one place, got {size}")
        self.register_buffer("vectors_ND", torch.zeros(size, dim))
        self.register_buffer("key_N", torch.full((size,), -1))
        self.register_buffer("label_N", torch.full((size,), -1))
        self.register_buffer("taken", torch.zeros((), dtype=torch.long))
        self._place_of: dict[int, int] = {}
        self._known = 0  # ``taken`` when ``_place_of`` was right

    def __len__(self) -> int:
        """How many utterances are remembered."""
        return min(int(self.taken), len(self.key_N))

    @torch.no_grad()
    def put(self, key_B: Tensor, vectors_BD: Tensor, label_B: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Remember vectors; returns the (B,) places they went to and whether each is new to its utterance."""
        places, new = self._places(), []
        size, taken, row_B = len(self.key_N), int(self.taken), []
        last = {key: b for b, key in enumerate(key_B.tolist())}  # of an utterance that comes twice, the last
        for key in last:
            new.append(key not in places)
            if new[-1]:
                row = taken % size
                if taken >= size:
                    places.pop(int(self.key_N[row]), None)
                places[key], self.key_N[row] = row, key
                taken += 1
            row_B.append(places[key])
        self.taken.fill_(taken)
        self._known = taken
        chosen = torch.tensor(list(last.values()), device=key_B.device)
        rows = torch.tensor(row_B, device=key_B.device)
        self.vectors_ND[rows] = vectors_BD.detach()[chosen].to(self.vectors_ND.dtype)
        self.label_N[rows] = -1 if label_B is None else label_B[chosen]
        return rows, torch.tensor(new, device=key_B.device)

    def find(self, key_B: Tensor) -> Tensor:
        """(B,) the places of utterances, -1 for those that are not remembered."""
        places = self._places()
        return torch.tensor([places.get(key, -1) for key in key_B.tolist()], device=key_B.device)

    def _places(self) -> dict[int, int]:
        """Key -> place; made anew after the buffers were loaded."""
        if self._known != int(self.taken):
            self._place_of = {key: row for row, key in enumerate(self.key_N[: len(self)].tolist())}
            self._known = int(self.taken)
        return self._place_of
