"""Tiny models of the transformers library with random weights, and the oracles that they left.

``python tests/importers/transformers_models.py`` writes the oracles anew, with transformers 5.23.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

ORACLES = Path(__file__).parent / "transformers_oracles"
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embedding_groups": 4,
    "vocab_size": 8,
}
LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}  # as LARGE models have it
BUCKETS = {"num_buckets": 16, "max_bucket_distance": 20}
MODELS = {  # name: (class of the library, settings)
    "wav2vec2": ("Wav2Vec2", {"num_conv_pos_embeddings": 8}),
    "wav2vec2_large": ("Wav2Vec2", {"num_conv_pos_embeddings": 9, **LARGE}),
    "hubert": ("Hubert", {"num_conv_pos_embeddings": 8}),
    "hubert_large": ("Hubert", {"num_conv_pos_embeddings": 8, "feat_proj_layer_norm": False, **LARGE}),
    "wavlm": ("WavLM", {"num_conv_pos_embeddings": 8, **BUCKETS}),
    "wavlm_large": ("WavLM", {"num_conv_pos_embeddings": 8, **BUCKETS, **LARGE}),
    "data2vec": ("Data2VecAudio", {"num_conv_pos_embeddings": 3, "conv_pos_kernel_size": 5}),
}
KEPT = ("hubert", "wavlm_large", "data2vec")  # as oracles


def tiny(name: str, *, head: str = "Model"):
    """A model of the library with every weight random, norms and biases included."""
    import transformers

    kind, settings = MODELS[name]
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**SMALL, **settings)
    model = getattr(transformers, f"{kind}{head}")(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


def save(name: str, folder: Path, *, do_normalize: bool = True, head: str = "Model"):
    """Write ``tiny(name)`` as the library does, and return it."""
    import transformers

    model = tiny(name, head=head)
    model.save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=do_normalize).save_pretrained(folder)
    return model


def waves(*lengths: int) -> list[torch.Tensor]:
    """Noise around another mean than 0."""
    g = torch.Generator().manual_seed(0)
    return [0.1 * torch.randn(n, generator=g, dtype=torch.float64).float() + 0.02 for n in lengths]


def hidden_states(model, wave_L: torch.Tensor, *, do_normalize: bool = True) -> list[np.ndarray]:
    """The library's own hidden states of one waveform, and last its ``last_hidden_state``; (T, D) each."""
    import transformers

    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=do_normalize)
    x = extractor(wave_L.numpy(), sampling_rate=16000, return_tensors="pt").input_values
    with torch.no_grad():
        out = model(x.to(next(model.parameters()).dtype), output_hidden_states=True)
    return [state[0].numpy() for state in (*out.hidden_states, out.last_hidden_state)]


if __name__ == "__main__":
    for name in KEPT:
        model = save(name, ORACLES / name)
        (wave_L,) = waves(3000)
        states = np.stack(hidden_states(model, wave_L))
        np.savez_compressed(ORACLES / name / "states.npz", wave=wave_L.numpy(), states=states)
