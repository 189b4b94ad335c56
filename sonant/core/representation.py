"""What a user loads and a task scores."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .dialogue import DialogueOut
from .errors import require, unknown
from .frames import Frames
from .geometry import FrameGeometry
from .module import Featured, FrameModule, add_reach


class Representation(nn.Module):
    """An encoder with a context on it: waveforms in, frames of any of its layers out.

    Layers: ``z`` (encoder output), the context's inner layers if it has any, ``c`` (context output), and ``pca`` for a
    representation with a fitted projection of one of them.

    Args:
        encoder: waveform frames -> local frames.
        context: local frames -> context frames.
        embedding: context frames -> one vector per utterance, for models that have one (``embed``).
        dialogue: context frames of one or two channels -> what the speakers will do, for models of it (``converse``).
        default_layer: what ``encode`` returns when no layer is named.
        projection: frames of the layer ``projected`` -> frames of the layer ``pca``; None: there is no such layer.
        projected: the layer below ``projection``.
        config: how it was made, as stored beside the weights.
    """

    def __init__(
        self,
        *,
        encoder: FrameModule,
        context: FrameModule,
        embedding: nn.Module | None = None,
        dialogue: nn.Module | None = None,
        default_layer: str = "c",
        projection: FrameModule | None = None,
        projected: str = "c",
        config: dict | None = None,
    ):
        super().__init__()
        self.encoder, self.context, self.embedding, self.dialogue = encoder, context, embedding, dialogue
        self.projection, self.projected = projection, projected
        self.default_layer, self.config = default_layer, config or {}
        self._check(default_layer)

    @property
    def layers(self) -> tuple[str, ...]:
        return ("z", *self.context.layers, "c", *(() if self.projection is None else ("pca",)))

    @property
    def geometry(self) -> FrameGeometry:
        return self.context.geometry

    @property
    def sample_rate(self) -> int:
        return self.geometry.sample_rate

    @property
    def dim(self) -> int:
        """Size of a frame of the default layer."""
        return self.dim_of(self.default_layer)

    def dim_of(self, layer: str) -> int:
        """Size of a frame of ``layer``, or of the vector called ``embedding``."""
        if layer == "embedding" and self.embedding is not None:
            return self.embedding.dim
        self._check(layer)
        if layer == "pca":
            return self.projection.dim
        return self.encoder.dim if layer == "z" else self.context.dim

    @property
    def reach(self) -> tuple[int | None, int | None]:
        """Frames of (past, future) that a context frame depends on beyond its local window; None: unbounded."""
        return add_reach(self.encoder, self.context)

    def _check(self, layer: str) -> None:
        if layer not in self.layers:
            raise unknown("layer", layer, self.layers)

    def encode(self, wave_BL: Tensor, lengths_B: Tensor | None = None, layer: str | None = None) -> Frames:
        """Frames of one layer.

        Args:
            wave_BL: (B, L) or (L,) waveforms in [-1, 1] at ``sample_rate``; or (B, T, D) features, computed before,
                that the encoder stands on.
            lengths_B: (B,) samples that are real; None when nothing is padded.
            layer: one of ``layers``; None: ``default_layer``.

        Returns:
            Frames with x_BTD (B, T, D); what padding holds never changes them.
        """
        layer = layer or self.default_layer
        self._check(layer)
        return self.encode_all(wave_BL, lengths_B)[layer]

    def encode_all(self, wave_BL: Tensor, lengths_B: Tensor | None = None) -> dict[str, Frames]:
        """Frames of every layer by name; arguments as ``encode``."""
        z = self.encoder(self._frames(wave_BL, lengths_B))
        c, inner = self.context.forward_layers(z)
        layers = {"z": z, **inner, "c": c}
        if self.projection is not None:
            layers["pca"] = self.projection(layers[self.projected])
        return layers

    def embed(self, wave_BL: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """(B, dim) one vector per utterance; arguments as ``encode``. Raises SonantError for frame-level models."""
        require(
            self.embedding is not None,
            "this model gives frames, not one vector per utterance; average its frames, or train a model with the "
            "section 'embedding'",
        )
        return self.embedding(self.context(self.encoder(self._frames(wave_BL, lengths_B))))

    def converse(
        self,
        waves: Tensor,
        lengths_B: Tensor | None = None,
        activity_BTC: Tensor | None = None,
        history_BTW: Tensor | None = None,
    ) -> DialogueOut:
        """What both speakers of a dialogue do now and will do, frame by frame of ``dialogue.geometry``.

        Args:
            waves: models of two channels (B, 2, L) or (2, L), of one (B, L) or (L,), in [-1, 1] at ``sample_rate``.
            lengths_B: (B,) samples that are real; None when nothing is padded.
            activity_BTC: (B, T, 2) of 0 and 1, for models of one channel, which are told who is active.
            history_BTW: (B, T, 5), for those that are told of the past too; None: counted from ``activity_BTC``.

        Raises:
            SonantError: models of another kind, waveforms or activity of another shape.
        """
        require(
            self.dialogue is not None,
            "this model listens to no dialogues; train one with a section 'dialogue' or import one (vap_stereo)",
        )
        channels = self.dialogue.channels
        axes = channels + 1  # of a batch
        waves = waves[None] if waves.dim() == axes - 1 else waves
        require(
            waves.dim() == axes and (channels == 1 or waves.shape[1] == 2),
            f"this model listens to {channels} channel{'s' if channels > 1 else ''}: give waveforms of the shape "
            f"{'(dialogues, 2, samples)' if channels > 1 else '(dialogues, samples)'}, got {tuple(waves.shape)}",
        )
        if channels > 1:
            waves = waves.flatten(0, 1)
            lengths_B = None if lengths_B is None else lengths_B.repeat_interleave(channels)
        frames = self.context(self.encoder(self._frames(waves, lengths_B)))
        return self.dialogue(frames, activity_BTC, history_BTW)

    def read(
        self,
        units_BT: Tensor,
        activity_BTC: Tensor,
        lengths_B: Tensor | None = None,
        history_BTW: Tensor | None = None,
    ) -> DialogueOut:
        """What both speakers will do, and which unit comes next, of models of dialogue that stand on units.

        Args:
            units_BT: (B, T) or (T,) numbers of units, as ``sonant units encode`` writes them.
            activity_BTC: (B, T, 2) or (T, 2) of 0 and 1.
            lengths_B, history_BTW: as ``converse``.

        Raises:
            SonantError: models of another kind, other units, activity of another shape.
        """
        require(
            self.dialogue is not None and isinstance(self.encoder, Featured) and not units_BT.is_floating_point(),
            "only models of dialogue on units read (B, T) numbers of units; train one (sonant train ulm-projection) "
            "or import one (ulm_projection)",
        )
        units_BT, activity_BTC = torch.atleast_2d(units_BT), activity_BTC.view(-1, *activity_BTC.shape[-2:])
        known = self.encoder.features.dim
        require(
            units_BT.numel() > 0 and int(units_BT.min()) >= 0 and int(units_BT.max()) < known,
            f"this model knows the units 0 to {known - 1}; give it such, of at least a frame",
        )
        x_BTK = F.one_hot(units_BT.long(), known).to(self.dialogue.head.weight.dtype)
        frames = self.context(self.encoder(self._frames(x_BTK, lengths_B)))
        return self.dialogue(frames, activity_BTC, history_BTW)

    def _frames(self, wave_BL: Tensor, lengths_B: Tensor | None) -> Frames:
        if wave_BL.dim() == 1:
            wave_BL = wave_BL[None]
        require(torch.is_floating_point(wave_BL), f"waveforms must be floats in [-1, 1], got {wave_BL.dtype}")
        if wave_BL.dim() == 3 and isinstance(self.encoder, Featured):
            if lengths_B is None:
                lengths_B = torch.full((wave_BL.shape[0],), wave_BL.shape[1], device=wave_BL.device)
            return Frames(wave_BL, lengths_B.to(wave_BL.device), self.encoder.features.geometry).masked()
        return Frames.of_wave(wave_BL, lengths_B, self.sample_rate)

    def forward(self, wave_BL: Tensor, lengths_B: Tensor | None = None, layer: str | None = None) -> Frames:
        """The same as ``encode``."""
        return self.encode(wave_BL, lengths_B, layer)
