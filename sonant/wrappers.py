"""Models of ours inside other toolkits: as an upstream of s3prl, as a module of SpeechBrain.

Neither toolkit is needed here; both call these classes as they call their own.

Letters: K layers, B utterances, L samples, T frames, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from .build import load
from .core import Representation, require
from .evaluation.probes._features import choose_layers


def _representation(model: str | Path | Representation) -> Representation:
    return model if isinstance(model, Representation) else load(model)


class S3prlUpstream(nn.Module):
    """What s3prl calls an upstream: a list of waveforms in, hidden states out.

    In an ``expert.py`` of s3prl: ``UpstreamExpert = S3prlUpstream``; its featurizer then learns the weighted sum.

    Args:
        ckpt: what ``sonant.load`` takes, or a representation.
        model_config: layers to give, with commas; None: all of the default layer's size, so that they can be summed.
    """

    def __init__(self, ckpt: str | Path | Representation, model_config: str | None = None, **_):
        super().__init__()
        self.model = _representation(ckpt)
        self.layers = choose_layers(self.model, model_config or "all")

    @property
    def num_layers(self) -> int:
        return len(self.layers)

    @property
    def hidden_sizes(self) -> list[int]:
        return [self.model.dim_of(layer) for layer in self.layers]

    @property
    def downsample_rates(self) -> list[int]:
        """Samples from one frame to the next, for each layer."""
        return [self.get_downsample_rates(layer) for layer in self.layers]

    def get_downsample_rates(self, key: str) -> int:
        """Samples from one frame to the next; the same for every key."""
        return self.model.geometry.hop

    def forward(self, wavs: Sequence[Tensor]) -> dict[str, Tensor | list[Tensor]]:
        """Waveforms (L,) in [-1, 1] at the model's rate -> hidden states (B, T, D), padded with zeros.

        Keys: ``hidden_states`` (a list), ``hidden_state_0`` .., ``last_hidden_state`` and, under their own names, the
        layers. Frames past the end of an utterance are zero and never change the others.
        """
        require(len(wavs) > 0, "a batch needs at least one waveform")
        lengths_B = torch.tensor([len(wav) for wav in wavs]).to(wavs[0].device)
        shown = self.model.encode_all(pad_sequence(list(wavs), batch_first=True), lengths_B)
        states = [shown[layer].x_BTD for layer in self.layers]
        numbered = {f"hidden_state_{number}": state for number, state in enumerate(states)}
        named = dict(zip(self.layers, states, strict=True))
        return {"hidden_states": states, "last_hidden_state": states[-1], **numbered, **named}


class SpeechBrainEncoder(nn.Module):
    """What SpeechBrain's recipes call an SSL model: ``forward(wav, wav_lens)``.

    Args:
        source: what ``sonant.load`` takes, or a representation.
        layer: one layer; None: the model's default.
        freeze: no gradients, and no dropout, whatever ``train`` says.
        output_all_hiddens: give (K, B, T, D), all layers of the default layer's size, for a learnt sum.
    """

    def __init__(
        self,
        source: str | Path | Representation,
        layer: str | None = None,
        *,
        freeze: bool = True,
        output_all_hiddens: bool = False,
    ):
        super().__init__()
        self.model = _representation(source)
        self.layer = layer or self.model.default_layer
        self.layers = choose_layers(self.model, "all" if output_all_hiddens else self.layer)
        self.freeze, self.output_all_hiddens = freeze, output_all_hiddens
        self.output_dim = self.model.dim_of(self.layers[-1])
        self.model.requires_grad_(not freeze)
        self.train()

    def train(self, mode: bool = True) -> SpeechBrainEncoder:
        super().train(mode)
        self.model.train(mode and not self.freeze)
        return self

    def forward(self, wav: Tensor, wav_lens: Tensor | None = None) -> Tensor:
        """Padded waveforms (B, L) in [-1, 1] with lengths in (0, 1], shares of L -> (B, T, D) frames."""
        lengths_B = None if wav_lens is None else (wav_lens.double() * wav.shape[1]).round().long()
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.freeze):
            shown = self.model.encode_all(wav, lengths_B)
        if self.output_all_hiddens:
            return torch.stack([shown[layer].x_BTD for layer in self.layers])
        return shown[self.layers[0]].x_BTD
