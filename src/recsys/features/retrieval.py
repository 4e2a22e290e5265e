"""What the sources said: every score and rank, how many proposed the item, and how high at best."""

from dataclasses import dataclass

import numpy as np

from recsys.features.catalogue import Feature, Tables
from recsys.knowledge import Knowledge
from recsys.tables import CandidateSet, Floats


@dataclass(frozen=True)
class RetrievalFeatures:
    """One score and one rank per source; NaN where the source did not propose the item."""

    reasons: tuple[tuple[str, str], ...]
    name: str = "retrieval"

    @property
    def features(self) -> tuple[Feature, ...]:
        """Scores, then ranks, then agreement."""
        return (
            *(
                Feature(f"score_{s}", "score", f"score that {s} gave", "retrieval", reason)
                for s, reason in self.reasons
            ),
            *(
                Feature(f"rank_{s}", "rank", f"rank at which {s} proposed it", "retrieval", reason)
                for s, reason in self.reasons
            ),
            Feature("n_sources", "sources", "how many sources proposed it", "retrieval", "many signs agree"),
            Feature("best_rank", "rank", "the best rank that any source gave", "retrieval", "many signs agree"),
        )

    def fit(self, knowledge: Knowledge) -> Tables:
        """Learn nothing."""
        return {}

    def compute(self, tables: Tables, candidates: CandidateSet) -> list[Floats]:
        """Pass on what the candidates carry."""
        names = [source for source, _ in self.reasons]
        ranks = [candidates.ranks[name] for name in names]
        count, best = np.zeros(len(candidates), np.float32), np.full(len(candidates), np.nan, np.float32)
        for rank in ranks:
            count += ~np.isnan(rank)
            best = np.fmin(best, rank)
        return [*(candidates.scores[name] for name in names), *ranks, count, best]
