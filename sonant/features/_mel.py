"""What log-mel and MFCC share: settings and the way from a padded batch of waveforms to normalised features.

Letters: B utterances, L samples, P padded samples, T frames, K frequencies, M mel filters, D dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sonant.core import FrameGeometry, FrameModule, Frames, SonantError, require, samples_of

from . import _spectral
from ._normalise import GlobalNormaliser, add_deltas, normalise_utterance
from ._warp import warp_matrices

BLOCK = 512  # frames transformed at a time on a CPU: 2 MiB stay in its cache; other devices take many times that


@dataclass(frozen=True)
class MelConfig:
    """Settings in Kaldi's terms; the comment names the Kaldi option. Kaldi's dither is always 0 here."""

    n_mels: int = 80  # triangles; num-mel-bins
    frame_length: float = 0.025  # s, nearest whole sample; frame-length
    frame_shift: float = 0.010  # s, nearest whole sample; frame-shift
    low_hz: float = 20.0  # Hz; low-freq
    high_hz: float = -400.0  # Hz; 0 or below: added to half the sample rate; high-freq
    window: Literal["povey", "hamming", "hanning", "rectangular"] = "povey"  # window-type
    preemphasis: float = 0.97  # 0 to 1; preemphasis-coefficient
    remove_dc: bool = True  # subtract each frame's mean; remove-dc-offset
    snip_edges: bool = False  # only frames inside the signal, instead of reflecting it at both ends; snip-edges
    use_energy: bool = False  # log energy of the raw frame comes first (log-mel) or replaces C0 (MFCC); use-energy
    scale: float = 32768.0  # factor on waveforms in [-1, 1]: Kaldi reads 16-bit integers
    deltas: Literal[0, 1, 2] = 0  # orders of slopes appended; add-deltas with delta-window=2
    cmvn: Literal["none", "utterance_mean", "utterance", "utterance_unbiased", "global"] = "none"
    # utterance_mean: mean over the utterance is zero; utterance: variance is one too; utterance_unbiased: the variance
    # divided by the number of frames less one (s3prl); global: over a corpus (fit)
    warp: float = 0.0  # while training, each utterance's frequency axis is stretched by 1 - warp to 1 + warp (VTLP)


class MelFeatures(FrameModule):
    """Waveform frames -> mel features, alone or in a padded batch the same.

    Spectra are computed in float64 where the device has it: between harmonics a power may lie 110 dB below
    its neighbours, at the rounding of float32. The rest is float32 (float64 for float64 waveforms), also
    under autocast. The result has the dtype of the waveform.

    Args:
        cfg: settings; ``cfg.deltas`` multiplies the size of a frame by 1 + deltas.
        source: geometry of the waveform (hop 1).
        static_dim: features a frame before deltas.
        tables: float64 constants of the subclass.
    """

    def __init__(self, cfg: MelConfig, *, source: FrameGeometry, static_dim: int, **tables: Tensor):
        super().__init__()
        self.cfg = cfg
        rate = source.sample_rate
        hop, window = samples_of(cfg.frame_shift, rate), samples_of(cfg.frame_length, rate)
        require(
            hop >= 1 and window >= 2,
            f"features: frame_shift {cfg.frame_shift} s and frame_length {cfg.frame_length} s are {hop} and {window} "
            f"samples at {rate} Hz; need at least 1 and 2 (are they in seconds?)",
        )
        require(0 <= cfg.preemphasis <= 1, f"features: preemphasis must be 0 to 1, got {cfg.preemphasis}")
        require(0 <= cfg.warp < 0.5, f"features: warp must lie in [0, 0.5), got {cfg.warp}")
        require(cfg.n_mels >= 1, f"features: n_mels must be at least 1, got {cfg.n_mels}")
        self.geometry = _spectral.kaldi_geometry(rate, hop=hop, window=window, snip_edges=cfg.snip_edges)
        self.dim = static_dim * (1 + cfg.deltas)
        whole = cfg.cmvn.startswith("utterance")
        self.past = self.future = None if whole else 2 * cfg.deltas
        self.normaliser = GlobalNormaliser(self.dim) if cfg.cmvn == "global" else None
        self.constants = _spectral.Constants(
            window=_spectral.window_function(cfg.window, window),
            mel=_spectral.mel_filters(
                rate,
                size=_spectral.fft_size(window),
                n_mels=cfg.n_mels,
                low_hz=cfg.low_hz,
                high_hz=cfg.high_hz,
            ),
            **tables,
        )

    def forward(self, frames: Frames) -> Frames:
        """(B, L, 1) waveforms in [-1, 1] -> (B, T, dim) features, zero past each length."""
        return self._normalised(self.unnormalised(frames), frames.x_BTD.dtype)

    def fit(self, batches: Iterable[Frames]) -> None:
        """Set the statistics of ``cmvn: global`` from batches of waveform frames."""
        if self.normaliser is None:
            raise SonantError(f"features: fit is for cmvn 'global', this is '{self.cfg.cmvn}'")
        with torch.no_grad():
            self.normaliser.fit(self.unnormalised(frames) for frames in batches)

    def unnormalised(self, frames: Frames) -> Frames:
        """(B, L, 1) waveforms -> (B, T, dim) features with deltas before any normalisation, in float32 or float64."""
        wave_BL1, rate = frames.x_BTD, self.geometry.sample_rate
        require(
            wave_BL1.shape[2] == 1 and frames.geometry.hop == 1 and wave_BL1.is_floating_point(),
            f"features: need waveforms (B, L, 1) of floats in [-1, 1], got {tuple(wave_BL1.shape)} {wave_BL1.dtype}",
        )
        require(
            frames.geometry.sample_rate == rate,
            f"features: made for {rate} Hz, got audio of {frames.geometry.sample_rate} Hz; resample it",
        )
        wave_BL = wave_BL1[..., 0]
        lengths_B = self.geometry.frames(frames.lengths_B)
        if self.geometry.frames(wave_BL.shape[1]) == 0 or wave_BL.shape[0] == 0:
            empty = wave_BL.new_zeros(wave_BL.shape[0], self.geometry.frames(wave_BL.shape[1]), self.dim)
            return Frames(empty, lengths_B, self.geometry)
        with torch.autocast(device_type=wave_BL.device.type, enabled=False):
            dtype = torch.promote_types(wave_BL.dtype, torch.float32)
            exact_BL = wave_BL.to(_spectral.exact_dtype(wave_BL.device)) * self.cfg.scale
            signal_BP = _spectral.reflect_edges(exact_BL, frames.lengths_B, self.geometry)
            static_BTD = self._static(signal_BP, dtype, self._warp(len(wave_BL), dtype))
            x_BTD = add_deltas(static_BTD, lengths_B, self.cfg.deltas)
        result = Frames(x_BTD, lengths_B, self.geometry)
        return result.with_x(x_BTD.masked_fill(~result.mask_BT[..., None], 0))

    def begin_even(
        self, batch: int, early: int, *, device: torch.device | str, dtype: torch.dtype
    ) -> tuple[dict[str, Tensor], int]:
        """The last samples (B, K), and the number of the next one; see ``core.Even``."""
        geometry = self.geometry
        require(self.past == 0 and early == 0, "features with deltas, or normalised by utterance, cannot be exported")
        kept = geometry.window - 1 - (geometry.window - 1 + geometry.offset) % geometry.hop
        tail_BK = torch.zeros(batch, kept, device=device, dtype=dtype)
        return {"tail": tail_BK, "number": torch.tensor(0, device=device)}, (kept + geometry.offset) // geometry.hop

    def step(self, x_BL1: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The frames that samples (B, L, 1) complete, of ``begin_even``; L is a multiple of the hop."""
        wave_BL, tail_BK, left = x_BL1[..., 0], state["tail"], -self.geometry.offset
        L, kept = wave_BL.shape[1], tail_BK.shape[1]
        require(left <= L, f"a step of these features has at least {left} samples, got {L}; export more frames a step")
        mirrored_BK = torch.nn.functional.pad(wave_BL[:, :left].flip(1), (kept - left, 0))
        signal_BP = torch.cat([torch.where(state["number"] == 0, mirrored_BK, tail_BK), wave_BL], dim=1)
        exact_BP = signal_BP.to(_spectral.exact_dtype(wave_BL.device)) * self.cfg.scale
        behind = _spectral.fft_size(self.geometry.window) - self.geometry.window
        x_BTD = self._static(torch.nn.functional.pad(exact_BP, (0, behind)), wave_BL.dtype, None)
        x_BTD = x_BTD if self.normaliser is None else self.normaliser(x_BTD)
        return x_BTD.to(wave_BL.dtype), {"tail": signal_BP[:, L:], "number": state["number"] + L}

    def _normalised(self, frames: Frames, dtype: torch.dtype) -> Frames:
        x_BTD, mask_BT = frames.x_BTD, frames.mask_BT
        with torch.autocast(device_type=x_BTD.device.type, enabled=False):
            if self.normaliser is not None:
                x_BTD = self.normaliser(x_BTD).masked_fill(~mask_BT[..., None], 0)
            elif self.cfg.cmvn != "none":
                variance, unbiased = self.cfg.cmvn != "utterance_mean", self.cfg.cmvn == "utterance_unbiased"
                x_BTD = normalise_utterance(x_BTD, mask_BT, variance=variance, unbiased=unbiased)
        return frames.with_x(x_BTD.to(dtype))

    def _warp(self, size: int, dtype: torch.dtype) -> Tensor | None:
        """(B, M, M) stretches of the frequency axis drawn from the global generator; None when there are none."""
        if not self.training or self.cfg.warp == 0:
            return None
        factor_B = 1 + self.cfg.warp * (2 * torch.rand(size) - 1)
        high_hz = _spectral.top_of(self.geometry.sample_rate, self.cfg.high_hz)
        return warp_matrices(factor_B, n_mels=self.cfg.n_mels, low_hz=self.cfg.low_hz, high_hz=high_hz).to(dtype)

    def _static(self, x_BP: Tensor, dtype: torch.dtype, warp_BMM: Tensor | None) -> Tensor:
        """(B, P) edge-filled signals -> (B, T, D) features without deltas, a block of frames at a time."""
        hop, size = self.geometry.hop, _spectral.fft_size(self.geometry.window)
        T = (x_BP.shape[1] - size) // hop + 1
        step = max((BLOCK if x_BP.device.type == "cpu" else 128 * BLOCK) // x_BP.shape[0], 1)
        starts = range(0, T, step)
        blocks = [self._block(x_BP[:, t * hop : (min(t + step, T) - 1) * hop + size], dtype, warp_BMM) for t in starts]
        return torch.cat(blocks, dim=1) if len(blocks) > 1 else blocks[0]

    def _block(self, x_BP: Tensor, dtype: torch.dtype, warp_BMM: Tensor | None) -> Tensor:
        cfg, hop, width = self.cfg, self.geometry.hop, self.geometry.window
        window_F = self.constants.like(x_BP)["window"]
        power_BTK = _spectral.power_spectra(
            x_BP, window_F, hop=hop, width=width, preemphasis=cfg.preemphasis, dc=cfg.remove_dc
        ).to(dtype)
        tables = self.constants.like(power_BTK)
        logmel_BTM = (power_BTK @ tables["mel"]).clamp(min=_spectral.FLOOR).log()
        if warp_BMM is not None:
            logmel_BTM = logmel_BTM @ warp_BMM.to(logmel_BTM.device)
        energy_BT1 = None
        if cfg.use_energy:
            T = power_BTK.shape[1]
            energy_BT = _spectral.raw_energy(x_BP, hop=hop, width=width, dc=cfg.remove_dc, frames=T)
            energy_BT1 = energy_BT[..., None].to(dtype)
        return self._shape(logmel_BTM, energy_BT1, tables)

    def _shape(self, logmel_BTM: Tensor, energy_BT1: Tensor | None, tables: dict[str, Tensor]) -> Tensor:
        """(B, T, M) log-mel and (B, T, 1) log energy, if asked for -> (B, T, D) features; the subclass's own part."""
        raise TypeError(f"{type(self).__name__} defines no features")
