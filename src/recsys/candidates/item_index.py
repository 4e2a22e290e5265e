"""Nearest item vectors by inner product: FAISS, exact by default, inverted lists for very large catalogues."""

import logging
from dataclasses import dataclass
from typing import Any, Literal

import faiss
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from recsys.errors import ConfigError
from recsys.settings import Settings
from recsys.tables import Floats

_LOG = logging.getLogger(__name__)

_PROBES = 256
"""Queries, taken evenly from the items' own vectors, on which recall against exact search is measured."""

_PROBE_DEPTH = 50


class IndexSettings(Settings):
    """How items are searched.

    Attributes:
        kind: `flat` is exact; `ivf` searches `n_probe` of `n_lists` clusters and pays from about a million items.
        n_lists: clusters.
        n_probe: clusters that a query visits.
        min_recall: smallest share of the exact 50 nearest that the index must find; below it, it is refused.
    """

    kind: Literal["flat", "ivf"] = "flat"
    n_lists: int = Field(default=1024, ge=1)
    n_probe: int = Field(default=64, ge=1)
    min_recall: float = Field(default=0.9, ge=0, le=1)


@dataclass(frozen=True)
class ItemIndex:
    """An index over item vectors.

    Attributes:
        recall: measured share of the exact nearest that it finds; 1.0 for `flat`.
    """

    recall: float
    _faiss: Any

    @classmethod
    def build(cls, vectors: Floats, settings: IndexSettings) -> "ItemIndex":
        """Index vectors, shape (n_items, n_factors).

        Raises:
            ConfigError: if the index finds less than `min_recall` of the exact neighbours.
        """
        vectors = np.ascontiguousarray(vectors, np.float32)
        exact = faiss.IndexFlatIP(vectors.shape[1])
        exact.add(vectors)
        if settings.kind == "flat":
            return cls(1.0, exact)
        n_lists = min(settings.n_lists, max(1, len(vectors) // 39))
        index = faiss.IndexIVFFlat(
            faiss.IndexFlatIP(vectors.shape[1]), vectors.shape[1], n_lists, faiss.METRIC_INNER_PRODUCT
        )
        index.cp.seed = 0
        index.train(vectors)
        index.add(vectors)
        index.nprobe = min(settings.n_probe, n_lists)
        recall = _recall(index, exact, vectors)
        _LOG.info(
            "item index: ivf over %d vectors finds %.3f of the exact %d nearest", len(vectors), recall, _PROBE_DEPTH
        )
        if recall < settings.min_recall:
            raise ConfigError(
                f"item index: ivf with n_lists={n_lists}, n_probe={index.nprobe} finds {recall:.3f} of the exact "
                f"{_PROBE_DEPTH} nearest, less than min_recall={settings.min_recall}; raise n_probe or take flat"
            )
        return cls(recall, index)

    def search(self, queries: Floats, k: int) -> tuple[Floats, NDArray[np.int64]]:
        """Return scores and item rows, best first, both of shape (n_queries, k); row -1 where there are fewer."""
        scores, rows = self._faiss.search(np.ascontiguousarray(queries, np.float32), min(k, self._faiss.ntotal))
        return scores, rows


def _recall(index: Any, exact: Any, vectors: Floats) -> float:
    """Measure on a sample of the vectors themselves how many of the exact nearest are found."""
    queries = vectors[:: max(1, len(vectors) // _PROBES)]
    depth = min(_PROBE_DEPTH, len(vectors))
    wanted, found = exact.search(queries, depth)[1], index.search(queries, depth)[1]
    return float(np.mean([len(np.intersect1d(a, b)) / depth for a, b in zip(wanted, found, strict=True)]))
