"""What the contract tests run over: every file of a folder with its defaults, and variants of some.

Letters: B utterances, L samples, T frames, D channels.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from sonant import build
from sonant.core import Batch, FrameGeometry, FrameModule, Frames, Method, SonantError

RATE = 16000
IN_DIM = {"contexts": 12}  # channels that a context is fed; encoders are fed one, as from a waveform

PASE = {"channels": (6, 8, 8, 12), "kernels": (31, 10, 11, 5), "strides": (1, 5, 2, 2), "dim": 10, "rnn_dim": 12}

VARIANTS = {  # beside the defaults, which every file is tested with
    "encoders": {
        "cpc_conv": [
            *({"dim": 16, "norm": norm, "dropout": 0.1} for norm in ("batch", "instance", "none")),
            {"dim": 16, "hidden": 24, "norm": "layer", "eps": 1e-3, "padding": "same"},
            {"dim": 16, "hidden": 24, "norm": "batch", "bias": False},
        ],
        "ecapa_tdnn": [
            {"channels": 16, "scale": 4, "squeeze": 8, "layout": "wespeaker", "dim": 20},
            {"channels": 12, "scale": 2, "squeeze": 8, "kernel": 3, "dilations": (1, 3), "project": 10},
        ],
        "pase": [
            {**PASE, "rnn": "none", "padding": "centred", "slopes": "one", "skips": "all", "kernels": (31, 20, 11, 4)},
            {**PASE, "rnn": "none", "front": "conv", "skips": "none", "output_norm": False},
            {**PASE, "rnn": "gru", "output": "avg_norm"},
            {**PASE, "rnn": "lstm", "rnn_layers": 2, "output": "avg_concat"},
            {**PASE, "skip_average": "stretch", "output": "avg_norm_concat"},
            {**PASE, "rnn_layers": 2, "slopes": "one", "skips": "all", "skip_average": "legacy"},
        ],
        "sinc_conv": [{"channels": 16, "dim": 12, "kernel": 40, "stride": 4}],
        "wav2spk": [{"dims": (8, 12), "kernels": (8, 4), "strides": (4, 3), "layers": 0}],
        "xvector": [
            {"dims": (16, 12), "kernels": (5, 4), "dilations": (1, 2), "padding": "zeros", "dropout": 0.1},
            {"dims": (16, 12), "kernels": (5, 3), "dilations": (1, 3), "padding": "reflect", "bias": False},
        ],
        "wav2vec_conv": [
            {"dims": (16, 24), "kernels": (10, 3), "strides": (5, 2), "norm": "every", "bias": True},
            {"dims": (16, 24), "kernels": (10, 3), "strides": (5, 2), "norm": "every", "standardise": False},
        ],
        "resnet34": [
            {"base": 4, "blocks": (1, 2, 1, 1), "squeeze": None, "order": "conv_norm_relu", "frequency": "flatten"},
            {"base": 8, "blocks": (1, 1, 1), "strides": (1, 2, 2), "stem_kernel": 3, "stem_stride": 1, "out": 12},
            {"base": 16, "blocks": (2, 1), "strides": (1, 2), "squeeze": None, "bias": True, "pad": "end"},
            {"base": 8, "blocks": (1, 1), "strides": (2, 2), "stem_order": "conv_relu_norm", "input_norm": "instance"},
        ],
        "conv_blocks": [
            {"dim": 16, "causal": True, "kernel": 4, "stride": 2},
            {"dim": 16, "kernel": 5, "first_kernel": 4, "stride": 2, "dropout": 0.1},
            {"dim": 16, "kernel": 2, "first_kernel": 6, "blocks": 1},
        ],
        "mlp": [
            {"layers": 3, "norm": True, "linear_output": True, "dropout": 0.1, "activation": "tanh"},
            {"layers": 3, "dropout": 0.1, "dropout_before": 2},
            {"activation": "none", "bias": False},
        ],
    },
    "contexts": {
        "gru": [
            {"dim": 16, "layers": 3, "residual": True},
            {"dim": 16, "layers": 2, "residual": True, "residual_on": "equal", "prenet": 2},
            {"dim": 16, "layers": 2, "over": "none"},
        ],
        "lstm": [{"dim": 16, "layers": 2, "dropout": 0.1}],
        "qrnn": [
            {"dim": 16, "layers": 3, "dropout": 0.1, "zoneout": 0.2},
            {"dim": 16, "window": 1, "output_gate": False},
        ],
        "causal_attention": [
            {"dim": 16, "layers": 2, "width": 4, "dropout": 0.1},
            {"dim": 16, "layers": 2, "width": 5, "positions": "alibi", "norm": "pre"},
            {"dim": 16, "positions": "alibi"},
            {"dim": 16, "layers": 2, "width": 3, "positions": "period", "period": 2, "out": 20},
        ],
        "causal_transformer": [
            {"dim": 16, "layers": 2, "heads": 2},
            {"dim": 12, "layers": 2, "heads": 2, "ff": 20, "width": 4},
        ],
        "causal_conv": [{"dim": 16, "layers": 3, "kernel": 4, "activation": "tanh", "dropout": 0.1}],
        "self_attention": [
            {"dim": 16, "layers": 2, "heads": 2, "ff": 32},
            {"dim": 16, "heads": 2, "ff": 32, "norm": "pre", "positions": "period", "period": 1, "out": 20},
        ],
        "transformer": [
            {"dim": 16, "layers": 2, "heads": 2, "ff": 32},
            {"dim": 15, "layers": 2, "heads": 3, "ff": 32, "norm": "pre", "activation": "relu", "eps": 1e-5},
            {"dim": 16, "layers": 3, "heads": 2, "ff": 32, "share_layers": True},
        ],
        "wav2vec_transformer": [
            {"dim": 16, "layers": 2, "heads": 2, "ff": 32, "buckets": 16, "distance": 20, "position_groups": 4},
            {"dim": 16, "layers": 2, "heads": 2, "ff": 32, "norm": "pre", "bias": False, "enter_norm": False},
            {"dim": 16, "layers": 1, "heads": 2, "ff": 32, "position_layers": 3, "position_norm": True, "shown": "ff"},
        ],
        "npc": [
            {"dim": 16, "blocks": 3, "kernel": 17, "activation": "tanh", "norm": "none"},
            {"dim": 16, "blocks": 2, "kernel": 9, "mask": 3, "residual": False, "every_block": False},
        ],
    },
    "features": {
        "stft_bank": [
            {"energy": True, "frames": "kaldi", "preprocess": [{"name": "preemphasize"}]},
            {"n_filters": 12, "frames": "causal", "postprocess": [{"name": "deltas", "num_deltas": 2}]},
            {"n_filters": 12, "postprocess": [{"name": "standardize"}, {"name": "stack", "num_vectors": 3}]},
            {"n_filters": 12, "postprocess": [{"name": "stack", "num_vectors": 2, "pad_mode": "edge"}]},
        ],
        "stft_mel": [
            {"n_mels": 12, "deltas": 2},
            {"n_fft": 512, "level_db": None, "cmvn": "none"},
            {"n_mels": 12, "level_db": None, "cmvn": "none", "log": False, "preemphasis": 0.97, "last_frame": False},
            {"n_fft": 512, "n_mels": 40, "level_db": None, "cmvn": "instance", "window": "hamming", "log_offset": 1e-6},
        ],
        "speechbrain_fbank": [{"n_mels": 12, "n_fft": 512, "top_db": None, "cmvn": "none"}],
        "speechbrain_mfcc": [{"n_fft": None, "top_db": None}],
        "librosa_mfcc": [{"n_cepstra": 20, "frame_length": 32.0, "mel": "htk", "n_mels": 40, "top_db": None}],
        "lps": [
            {"n_fft": 512, "window": "hamming", "log": "log1p", "edges": "zeros"},
            {"n_fft": 700, "frame_length": 32.0, "window": "hann"},
        ],
        "psf_fbank": [{"frame_length": 64.0, "n_fft": 1024}, {"preemphasis": 0.0}],
        "gammatone": [{"frame_length": 32.0, "n_filters": 12, "low_hz": 800.0}],
        "lpc": [{"order": 8, "frame_length": 25.0}],
        "f0": [{"low_hz": 100.0, "high_hz": 500.0, "threshold": 0.05, "variant": "paper"}],
        "prosody": [{"threshold": 0.1, "frame_length": 50.0, "voiced": "interpolated"}],
        "waveform": [{"preprocess": [{"name": "dither"}, {"name": "preemphasize"}], "scale": 100.0}],
    },
    "methods": {
        "cpc": [
            {"negatives_from": "speaker", "predictor": "transformer", "score": "cosine"},
            {"negatives_from": "batch", "skip": 3, "score": "mean"},
            {"negatives": None, "negatives_from": "batch"},
            {"predictor": "recurrent", "offset": 4, "repeats": True, "average": "utterances", "score": "dot"},
            {"horizons": 6, "frame_average": 2, "averaging_penalty": 0.5, "speakers": 3},
        ],
        "best_rq": [
            {"predictor": "transformer", "share": 0.01, "width": 12, "channels": "apart", "score": "unmasked"},
            {"predictor": "full", "mean": 0.0, "deviation": 0.1, "normalise": False, "offset": 3},
            {"predictor": "recurrent", "codes": 32},
        ],
        "apc": [{"shift": 5}, {"aux": "state", "aux_back": 7}, {"aux": "apart", "aux_shift": 5, "reduction": "sum"}],
        "vq_apc": [{"shift": 2, "codes": (8, 16)}],
        "capc": [{"shift": 5}, {"reduction": "sum"}],
        "npc": [{"codes": (8, 4), "code_dims": (10, 6)}, {"codes": None}, {"codes": None, "bottleneck": 5}],
        "mockingjay": [{"width": 3, "share": 0.3, "norm": "square", "zero": 0.0, "swap": 1.0}],
        "tera": [{"noise": 0.5}, {"share": 0.0, "band": 0.5}, {"share": 0.0, "band": 0.0, "noise": 1.0}],
        "frame_ae": [{"layers": 1, "activation": "tanh"}],
        "frame_cae": [{"layers": 2, "hidden": 32}],
        "ae_rnn": [{"layers": 1, "hidden": 32}],
        "siamese_rnn": [{"negatives": "hardest"}],
        "simclr": [
            {"loss": "one_way", "margin": "cosface", "projector": (16, 12), "temperature": 0.5},
            {"loss": "angular"},
            {"temperature": 0.5, "debias": 0.05, "known_speakers": True},
            *(
                {"margin": kind, "temperature": 0.5, "margin_size": 2.0 if kind == "sphereface" else 0.1}
                for kind in ("sphereface", "curricularface", "adaface")
            ),
        ],
        "moco": [{"queue": 8, "temperature": 1.0, "symmetric": False, "projector": (16, 8), "known_speakers": True}],
        "barlow_twins": [{"projector": (), "scale": 0.1}],
        "vicreg": [
            {"projector": (32, 16), "iter_norm": True, "decorrelate": "correlations", "covariance": 8.0},
            {"projector": (), "unbiased": False, "invariance": 0.0},
        ],
        "wmse": [{"projector": (16, 2), "group": 4, "iterations": 3, "eps": 0.2}],
        "lim": [{"bound": "mine"}, {"bound": "nce", "discriminator": "cosine", "frames": 3}],
        "gim": [{"bound": "nce"}, {"frames": 12}],
        "swav": [
            {"prototypes": 20, "projector": (16, 8), "queue": 4, "queue_from": 0, "frozen_steps": 0, "temperature": 1.0}
        ],
        "supervised": [{"classes": 6, "loss": "cross_entropy"}],
        "ulm_projection": [{"alpha": 0.1, "threshold": 0.3}],
        "cpc_speaker": [{"steps": 4, "future": "other"}, {"steps": 4, "among": "predictions"}],
        "scpc_plus": [{"horizons": 3, "negatives": 7, "pitch": {"threshold": -1.0}, "f0_weight": 2.0}],
        "pase": [{"distort": "all", "balance": {"name": "softmax", "temperature": 0.5}}],
    },
}

LARGE = {  # in place of defaults that take minutes
    "wav2vec_transformer": {"layers": 1},
    "causal_transformer": {"dim": 24, "layers": 1},
    "resnet34": {"base": 8, "blocks": (1, 2, 1, 1)},
    "ecapa_tdnn": {"channels": 16, "squeeze": 8},
    "pase": {"channels": (8, 8, 8, 12, 12, 16, 16, 16), "dim": 12, "rnn_dim": 16},
    "sinc_conv": {"channels": 16, "dim": 12},
    "wav2spk": {"dims": (8, 8, 12, 16, 16), "dim": 16, "layers": 1},
    "xvector": {"dims": (16, 16, 16, 16, 24)},
}
LARGE_METHODS = {  # likewise
    "moco": {"queue": 64, "temperature": 1.0},
    "byol": {"projector": (32, 16), "predictor": 32},
    "simsiam": {"projector": (32, 32, 16), "predictor": 8},
    "barlow_twins": {"projector": (32, 32, 16)},
    "vicreg": {"projector": (32, 32, 16)},
    "wmse": {"projector": (16, 2), "group": 4, "eps": 0.5},
    "swav": {"prototypes": 40, "projector": (32, 16), "queue": 8, "frozen_steps": 0},
    "deepcluster": {"clusters": 4, "memory": 40, "projector": (16,), "temperature": 1.0},
    "proto_moco": {"clusters": 3, "memory": 40, "queue": 64, "projector": (16,), "temperature": 1.0},
    "scpc_plus": {"pitch": {"threshold": -1.0}},  # noise is hardly voiced
    "dino": {"outputs": 64, "hidden": 32, "bottleneck": 16, "frozen_steps": 0, "teacher_temperature": 0.4},
}

WORKERS = {  # of methods that take any
    "waveform": {"dims": (8, 8, 8), "hidden": 8},
    "fbank": {"stack": 3, "deltas": 1, "hidden": 16},
    "lim": {"hidden": 16},
    "gim": {"hidden": 16, "augment": True},
    "spc": {"hidden": 16, "frames": 2, "gap": 3},
    "cpc": {"horizons": 4},
}

DIALOGUE = {"heads": 2, "dropout": 0.0, "bins_s": (0.04, 0.06, 0.08, 0.1)}  # of methods that take one, at 50 Hz
FUTURE_S = 0.28  # of these bins

OF_UNITS = {
    **DIALOGUE,
    "channels": 1,
    "cross_layers": 0,
    "stride": 1,
    "kernel": 1,
    "activity": True,
    "history": True,
    "history_of": "both",
    "told_norm": "sum",
    "style": "transformer",
    "next_unit": "context",
}
DIALOGUES = {  # of others, at 100 Hz
    "scpc_plus": {**DIALOGUE, "stride": 1, "channel_layers": 0, "cross_layers": 0},
    "ulm_projection": OF_UNITS,
}
UNITS = 12

CONTEXTS = {"npc": {"name": "npc", "dim": 16, "dropout": 0.0}}  # for methods that need another than a GRU

BODIES = (  # what a method may stand on; it takes part with those that it accepts
    {"encoder": {"name": "cpc_conv", "dim": 32}},
    {"encoder": {"name": "cpc_conv"}},
    {"features": {"name": "logmel"}, "encoder": {"name": "identity"}},
    {"features": {"name": "logmel"}, "encoder": {"name": "conv_blocks", "dim": 32}},
    {"features": {"name": "mfcc"}, "encoder": {"name": "mlp", "dim": 32, "activation": "tanh"}},
)
UNIT_BODIES = (  # of methods on units
    {
        "features": {"name": "arrays", "dim": UNITS, "rate": 100.0},
        "encoder": {"name": "mlp", "dim": 24, "activation": "none", "bias": False},
    },
)


@dataclass(frozen=True)
class Part:
    """One module to test: folder, name, settings."""

    kind: str
    name: str
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.name, *(f"{key}_{value}" for key, value in self.settings.items())])

    @property
    def rounding(self) -> float:
        """Of the largest gradient, what may be rounding: a filter applied by Fourier transforms spreads it in time."""
        return 1e-14 if self.name == "gammatone" else 0.0

    @property
    def slack(self) -> int:
        """Samples at both ends of the declared reach in which no gradient need be found."""
        if self.name in ("librosa_mfcc", "speechbrain_mfcc") and self.settings.get("top_db", 80.0) is not None:
            return 1 << 30  # of the whole utterance they look for the loudest, which noise is too even to need
        return 2 if self.kind == "features" else 0  # analysis windows are zero at their ends

    @property
    def chooses(self) -> bool:
        """A pitch is chosen, so that no gradient tells its reach; its own tests measure that."""
        return self.name in ("f0", "prosody")

    @property
    def lengths(self) -> list[int]:
        """Lengths of a padded batch: samples, or frames for contexts."""
        return [150, 95, 121, 45] if self.kind == "contexts" else [1500, 950, 1209, 600]

    def build(self, *, seed: int = 0) -> FrameModule:
        """A fresh module in evaluation mode."""
        torch.manual_seed(seed)
        found = build.module_of(self.kind, self.name)
        made = getattr(found, build.CLASS_OF[self.kind])
        dims = {} if self.kind == "features" else {"in_dim": IN_DIM.get(self.kind, 1)}
        return made(found.Config(**self.settings), source=FrameGeometry(RATE), **dims).eval()

    def frames(self, lengths: list[int], *, seed: int = 0, dtype=torch.float32) -> Frames:
        """Random input of these lengths (samples, or frames for contexts), zero past each."""
        generator = torch.Generator().manual_seed(seed)
        x_BTD = torch.randn(
            len(lengths), max(lengths), IN_DIM.get(self.kind, 1), generator=generator, dtype=torch.float64
        )
        return Frames((0.3 * x_BTD).to(dtype), torch.tensor(lengths), FrameGeometry(RATE)).masked()


def parts(*kinds: str) -> list[Part]:
    """Every file of these folders with its defaults, and its variants."""
    return [
        Part(kind, name, settings)
        for kind in kinds
        for name in build.names(kind)
        if (kind, name) != ("features", "arrays")  # computes nothing
        for settings in (LARGE.get(name, {}), *VARIANTS[kind].get(name, ()))
    ]


@dataclass(frozen=True)
class MethodPart:
    """One method on one body."""

    name: str
    settings: dict[str, Any]
    body: dict[str, Any]

    def __str__(self) -> str:
        body = "-".join(str(value) for section in self.body.values() for value in section.values())
        return "-".join([self.name, *(f"{key}_{value}" for key, value in self.settings.items()), "on", body])

    def build(self, *, seed: int = 0) -> Method:
        """A fresh method in training mode; raises SonantError when it refuses its body."""
        torch.manual_seed(seed)
        on_views = build.class_of("methods", self.name).needs == "views"
        context = CONTEXTS.get(self.name, {"name": "gru", "dim": 24} if on_views else "gru")
        config = {"method": {"name": self.name, **self.settings}, "context": context, **copy.deepcopy(self.body)}
        if getattr(build.class_of("methods", self.name), "takes_workers", False):
            config["workers"] = WORKERS
        if build.class_of("methods", self.name).embeds:
            config["embedding"] = {"pool": "last", "dim": 24}
        if build.class_of("methods", self.name).converses:
            config["dialogue"] = DIALOGUES.get(self.name, DIALOGUE)
            config["context"] = {"name": "gru", "dim": 24}
        return build.method_of(build.resolve(config))

    def batch(self, lengths: list[int], *, seed: int = 0) -> Batch:
        """A batch of the kind that the method needs; partners are other noise, with lengths in another order."""
        made = batch(lengths, seed=seed)
        needs = build.class_of("methods", self.name).needs
        if needs == "views":
            other = batch(lengths, first=len(lengths), seed=seed)
            return replace(made, extras={"views": torch.stack([made.wave_BL, other.wave_BL], dim=1)})
        if needs == "dialogue":
            other = batch(lengths, first=len(lengths), seed=seed)
            return dialogues(made, other, hop=160 if self.name in DIALOGUES else 320)
        if needs == "units":
            return units(made)
        if needs != "pairs":
            return made
        return replace(made, other=batch([*lengths[1:], lengths[0]], first=len(lengths), seed=seed))


def method_parts() -> list[MethodPart]:
    """Every method with its defaults on every body that it accepts, and its variants on the first of them."""
    found = []
    for name in build.names("methods"):
        defaults = LARGE_METHODS.get(name, {})
        needs = build.class_of("methods", name).needs
        of_vectors = needs in ("views", "dialogue")  # of a body these see only these
        bodies = UNIT_BODIES if needs == "units" else BODIES[:1] if of_vectors else BODIES
        accepted = [body for body in bodies if _accepts(MethodPart(name, defaults, body))]
        assert accepted, f"no body of the contract tests suits the method '{name}'"
        found += [MethodPart(name, defaults, body) for body in accepted]
        found += [MethodPart(name, settings, accepted[0]) for settings in VARIANTS["methods"].get(name, ())]
    return found


def _accepts(part: MethodPart) -> bool:
    try:
        part.build()
    except SonantError:
        return False
    return True


def batch(lengths: list[int], *, first: int = 0, seed: int = 0) -> Batch:
    """Noise whose spectrum falls like speech, speakers 0, 0, 1, 1, ..; ``first``: its place in a longer batch."""
    waves = []
    for b in range(first, first + len(lengths)):
        generator = torch.Generator().manual_seed(1000 * seed + b)
        waves.append(torch.randn(max(lengths), generator=generator).cumsum(0) * 0.02)
    wave_BL = torch.stack(waves)
    wave_BL = wave_BL - wave_BL.mean(1, keepdim=True)
    numbers = range(first, first + len(lengths))
    return Batch(
        wave_BL,
        torch.tensor(lengths),
        RATE,
        ids=tuple(f"utterance-{b}" for b in numbers),
        seeds=tuple(17 * seed + b for b in numbers),
        speaker_B=torch.tensor([b // 2 for b in numbers]),
    )


def dialogues(first: Batch, second: Batch, *, hop: int) -> Batch:
    """Two utterances as the channels of each dialogue, with activity that ends with the shorter horizon.

    ``hop``: samples from one frame of activity to the next.
    """
    frames, horizon = first.wave_BL.shape[1] // hop, round(FUTURE_S * RATE / hop)
    generator = torch.Generator().manual_seed(int(first.seeds[0]))
    runs_BNC = torch.rand(len(first), frames // 5 + horizon, 2, generator=generator) < 0.5
    activity_BTC = runs_BNC.repeat_interleave(5, dim=1)[:, : frames + horizon].to(torch.uint8)
    extras = {"activity_BTC": activity_BTC, "known_B": first.lengths_B // hop + horizon}
    return replace(first, wave_BL=torch.stack([first.wave_BL, second.wave_BL], dim=1), extras=extras)


def units(waves: Batch) -> Batch:
    """A unit every 10 ms for 160 samples of an utterance, most often the one before, with activity as ``dialogues``."""
    geometry = FrameGeometry(RATE, hop=160, window=160)
    lengths_B, T, horizon = waves.lengths_B // 160, waves.wave_BL.shape[1] // 160, 28
    generator = torch.Generator().manual_seed(int(waves.seeds[0]))
    unit_BT = torch.randint(UNITS, (len(waves), T // 3 + 1), generator=generator).repeat_interleave(3, dim=1)[:, :T]
    runs_BNC = torch.rand(len(waves), T // 5 + horizon, 2, generator=generator) < 0.5
    activity_BTC = runs_BNC.repeat_interleave(5, dim=1)[:, : T + horizon].to(torch.uint8)
    past_BPC = torch.zeros(len(waves), 7, 2, dtype=torch.uint8)
    extras = {"activity_BTC": activity_BTC, "known_B": lengths_B + horizon, "past_BTC": past_BPC}
    x_BTK = torch.nn.functional.one_hot(unit_BT, UNITS).float()
    return replace(waves, wave_BL=x_BTK, lengths_B=lengths_B, geometry=geometry, extras=extras)


def padded(example: Batch, size: int, *, value: float = 0.5) -> Batch:
    """The same examples and partners with waveforms of ``size`` samples, and ``value`` past every length."""
    if example.geometry is not None:
        return _padded_units(example, size // example.geometry.hop, value=value)
    wave_BL = torch.full((*example.wave_BL.shape[:-1], size), value)
    for row_L, wave_L, n in zip(wave_BL, example.wave_BL, example.lengths_B.tolist(), strict=True):
        row_L[..., :n] = wave_L[..., :n]
    other = None if example.other is None else padded(example.other, size, value=value)
    extras = dict(example.extras)
    if "views" in extras:
        views_BVL = torch.full((*extras["views"].shape[:2], size), value)
        for row_VL, own_VL, n in zip(views_BVL, extras["views"], example.lengths_B.tolist(), strict=True):
            row_VL[:, :n] = own_VL[:, :n]
        extras["views"] = views_BVL
    if "activity_BTC" in extras:
        samples = example.wave_BL.shape[-1]
        hop = round((samples + FUTURE_S * RATE) / extras["activity_BTC"].shape[1] / 160) * 160
        more = size // hop - samples // hop
        extras["activity_BTC"] = torch.nn.functional.pad(extras["activity_BTC"], (0, 0, 0, more), value=1)
    return replace(example, wave_BL=wave_BL, other=other, extras=extras)


def _padded_units(example: Batch, frames: int, *, value: float) -> Batch:
    """The same units with ``value`` in every channel past their ends."""
    x_BTK = torch.full((len(example), frames, UNITS), value)
    for row_TK, x_TK, n in zip(x_BTK, example.wave_BL, example.lengths_B.tolist(), strict=True):
        row_TK[:n] = x_TK[:n]
    more = frames - example.wave_BL.shape[1]
    activity_BTC = torch.nn.functional.pad(example.extras["activity_BTC"], (0, 0, 0, more), value=1)
    return replace(example, wave_BL=x_BTK, extras={**example.extras, "activity_BTC": activity_BTC})
