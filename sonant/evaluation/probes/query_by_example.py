"""Is a spoken query said in a document? Nothing is trained: frames are compared by dynamic time warping (SUPERB: QbE).

Yang et al. 2021 (arXiv:2105.01051), Sec. 3, on QUESST 2014: distances exp(1 - cosine) - 1 between frames, each query
frame's brought to [0, 1] within a document, the best match anywhere in the document, scores standardised over the
documents of a query. The layer with the best value on the training manifest is the one that is scored.

Queries are words cut out of the recordings and encoded alone; documents are all other utterances of the manifest.

Letters: Q queries, M documents, N frames of a query, F frames of documents, D dimensions.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...core import Representation, numpy_generator, require
from ...data.alignments import is_speech
from ...data.manifest import Manifest, Utterance
from ...data.words import read_words
from ...nn.frame_distance import Operands, unit_frames
from ...nn.subsequence_dtw import search
from .._sd_metrics import Ranking, average_precision
from ..term_detection import BETA, maximum_term_weighted_value, standardised
from ._config import LayersConfig, option
from ._features import Cached, Live, choose_layers
from ._task import Arrays, ProbeResult, Progress

FRAMES_AT_ONCE = 200_000  # of documents that a query is compared with
SHORTEST = 5  # frames of a query


@dataclass(frozen=True)
class Config(LayersConfig):
    """Which words are sought, and what a false alarm costs."""

    queries: str | None = option(None, "words to seek: TSV key label speaker file onset offset (default: drawn)")
    min_seconds: float = option(0.35, "shortest word that is drawn as a query")
    min_characters: int = option(4, "fewest characters of such a word")
    max_queries: int = option(100, "most queries that are drawn from a manifest")
    beta: float = option(BETA, "weight of false alarms")

    def __post_init__(self):
        require(self.max_queries >= 1 and self.beta >= 0, f"max_queries must be at least 1 and beta at least 0: {self}")


SUPERB: dict[str, float] = {}


@dataclass(frozen=True)
class Search:
    """Queries, documents and what is true of them.

    Attributes:
        queries: stretches of utterances.
        documents: utterances.
        hit_QM: whether the document has the query's word.
        trial_QM: false where the document is the query's own utterance.
    """

    queries: list[Utterance]
    documents: list[Utterance]
    hit_QM: np.ndarray
    trial_QM: np.ndarray


class Task:
    """Search by dynamic time warping."""

    def __init__(self, cfg: Config):
        self.cfg = cfg

    def run(
        self,
        representation: Representation,
        train: Manifest,
        test: Manifest,
        *,
        seed: int = 0,
        progress: Progress | None = None,
        arrays: Arrays = (),
    ) -> ProbeResult:
        """Choose the layer on ``train`` and score it on ``test``; arguments as ``Probe.run``, and no ``arrays``."""
        require(not arrays, "query-by-example cuts its queries out of audio; a model that stands on arrays cannot")
        started = time.perf_counter()
        representation.eval()
        live = Live(representation, choose_layers(representation, self.cfg.layer))
        if self.cfg.normalise == "corpus":
            live.standardise([train.unlabelled(index) for index in range(len(train))])
        there, chosen = self._search(test, seed), {}
        if len(live.layers) > 1:
            chosen = self._by_layer(live, live.layers, self._search(train, seed), progress)
        best = max(live.layers, key=lambda layer: tuple(chosen.get(layer, {}).values()))
        figures = self._by_layer(live, [best], there, progress)[best]
        values = {layer: found["mtwv"] for layer, found in chosen.items()}
        counts = {
            "queries": len(there.queries),
            "documents": len(there.documents),
            "hits": int((there.hit_QM & there.trial_QM).sum()),
            "chosen_layer": best,
        }
        return ProbeResult(figures, values, counts, chosen.get(best, {}), time.perf_counter() - started)

    def _by_layer(
        self, live: Live, layers: Sequence[str], there: Search, progress: Progress | None
    ) -> dict[str, dict[str, float]]:
        """Figures of some layers; the frames of no more documents than ``cache_gb`` allows are held at a time."""
        queries, blocks = Cached(live, there.queries), {layer: [] for layer in layers}
        done = 0
        for part in _within(there.documents, size=live.bytes_of, limit=self.cfg.cache_gb * 1e9):
            documents, done = Cached(live, part), done + len(part)
            for layer in layers:
                blocks[layer].append(self._scores(queries, documents, live.layers.index(layer), there.queries, part))
            if progress is not None:
                progress(done, len(there.documents))
        return {layer: self._figures(np.concatenate(blocks[layer], axis=1), there) for layer in layers}

    def _figures(self, score_QM: np.ndarray, there: Search) -> dict[str, float]:
        """Maximum term-weighted value, and average precision, its mean over queries."""
        precisions = [
            average_precision(Ranking.of(-score_M[trial_M], hit_M[trial_M]))
            for score_M, hit_M, trial_M in zip(score_QM, there.hit_QM, there.trial_QM, strict=True)
        ]
        score_QM = standardised(score_QM, there.trial_QM)
        value = maximum_term_weighted_value(score_QM, there.hit_QM, there.trial_QM, beta=self.cfg.beta)
        return {"mtwv": value, "mean_ap": float(np.mean(precisions))}

    @torch.no_grad()
    def _scores(
        self, sought: Cached, searched: Cached, layer: int, queries: list[Utterance], documents: list[Utterance]
    ) -> np.ndarray:
        """(Q, M) cost of the best match, negative; a query of fewer than five frames matches all documents alike."""
        queries = [self._frames(sought, u, layer) for u in queries]
        documents = [self._frames(searched, u, layer) for u in documents]
        parts = [[] for _ in queries]
        for part in _parts([len(x_TD) for x_TD in documents]):
            lengths_M = torch.tensor([len(x_TD) for x_TD in documents[part]], device=searched.device)
            where = torch.cat(documents[part])
            for x_ND, found in zip(queries, parts, strict=True):
                found.append(self._match(x_ND, where, lengths_M))
        return -torch.stack([torch.cat(found) for found in parts]).double().cpu().numpy()

    def _match(self, x_ND: Tensor, where_FD: Tensor, lengths_M: Tensor) -> Tensor:
        if len(x_ND) < SHORTEST:
            return lengths_M.new_zeros(len(lengths_M), dtype=torch.float32)
        distance_NF = Operands(x_ND, where_FD, "cosine", x_ND.dtype).between(x_ND, where_FD)
        return search(torch.expm1(distance_NF), lengths_M, scale_rows=True)

    def _frames(self, source: Cached, u: Utterance, layer: int) -> Tensor:
        """(T, D) frames of norm 1; an utterance without frames is one frame of zeros."""
        x_TD = source.kept[u.id][layer].to(source.device)
        x_TD = x_TD if len(x_TD) else x_TD.new_zeros(1, x_TD.shape[1])
        x_TD = F.layer_norm(x_TD, x_TD.shape[1:]) if self.cfg.normalise == "layer" else x_TD
        return unit_frames(x_TD, "uniform").float()

    def _search(self, manifest: Manifest, seed: int) -> Search:
        """The documents of a manifest and the queries that occur in a document other than their own."""
        documents = [u for u in manifest if u.words or u.text]
        said = {u.id: _words_of(u) for u in documents}
        number = Counter(word for words in said.values() for word in words)
        tokens = self._given(documents) if self.cfg.queries else self._drawn(documents, number, seed)
        tokens = [(label, u, piece) for label, u, piece in tokens if number[label] - (label in said[u.id]) > 0]
        require(
            tokens,
            f"no word of '{manifest.folder}' can serve as a query: it needs words with their times, long enough and "
            "said in a second utterance; lower --min-seconds and --min-characters, or give --queries",
        )
        hit_QM = np.array([[label in said[d.id] for d in documents] for label, _, _ in tokens])
        trial_QM = np.array([[d.id != u.id for d in documents] for _, u, _ in tokens])
        return Search([piece for _, _, piece in tokens], documents, hit_QM, trial_QM)

    def _given(self, documents: Sequence[Utterance]) -> list[tuple[str, Utterance, Utterance]]:
        by_id = {u.id: u for u in documents}
        words = [word for word in read_words(self.cfg.queries) if word.span[0] in by_id]
        return [
            (word.label.lower(), by_id[word.span[0]], _piece(by_id[word.span[0]], word.key, *word.span[1:]))
            for word in words
        ]

    def _drawn(
        self, documents: Sequence[Utterance], number: Counter[str], seed: int
    ) -> Iterator[tuple[str, Utterance, Utterance]]:
        """One token of each word that is long enough and said in two utterances, drawn by the seed."""
        tokens: dict[str, list[tuple[Utterance, float, float]]] = {}
        for u in documents:
            for label, onset, offset in u.words or ():
                word = label.lower()
                long = offset - onset >= self.cfg.min_seconds and len(word) >= self.cfg.min_characters
                if long and is_speech(label) and number[word] > 1:
                    tokens.setdefault(word, []).append((u, onset, offset))
        generator = numpy_generator(seed, "queries")
        for word in generator.permutation(sorted(tokens))[: self.cfg.max_queries].tolist():
            u, onset, offset = tokens[word][generator.integers(len(tokens[word]))]
            yield word, u, _piece(u, f"{word} of {u.id}", onset, offset)


def _words_of(u: Utterance) -> set[str]:
    """What is said in an utterance, in lower case."""
    if u.words:
        return {label.lower() for label, _, _ in u.words if is_speech(label)}
    return set((u.text or "").lower().split())


def _piece(u: Utterance, key: str, onset: float, offset: float) -> Utterance:
    """The stretch of an utterance from ``onset`` to ``offset`` seconds as one of its own."""
    return replace(u, id=key, start=u.start + onset, duration=offset - onset)


def _within(
    documents: list[Utterance], *, size: Callable[[list[Utterance]], int], limit: float
) -> Iterator[list[Utterance]]:
    """Documents in their order, so many at a time that their size stays within the limit; one at least."""
    part, total = [], 0
    for u in documents:
        own = size([u])
        if part and total + own > limit:
            yield part
            part, total = [], 0
        part.append(u)
        total += own
    if part:
        yield part


def _parts(lengths: Sequence[int]) -> list[slice]:
    """Documents in a row of at most ``FRAMES_AT_ONCE`` frames in all, one at least."""
    block = np.cumsum(lengths) // FRAMES_AT_ONCE
    edges = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), len(lengths)]
    return [slice(begin, end) for begin, end in zip(edges, edges[1:], strict=False)]
