"""One earlier window as a judge: the mean NDCG of whatever lists are proposed to its users."""

from collections.abc import Sequence

import polars as pl

from recsys.candidates import DEPTH, CandidateSource, add_weighted, best_per_user, side_by_side
from recsys.evaluation.metrics import per_user_metrics
from recsys.evaluation.trial import Trial
from recsys.recommender import Pick


class DecidingWindow:
    """One earlier window with the users that decide."""

    def __init__(self, trial: Trial, users: pl.DataFrame, repeats: str, k: int) -> None:
        self.trial, self.users, self.k = trial, users, k
        self.exclude = trial.excluded(repeats, users)
        self.truth = trial.truth.join(users, on="user_idx", how="semi")

    def ndcg(self, candidates: pl.DataFrame, fallback: Pick | None) -> float:
        """Mean NDCG of lists of candidates, filled from the fallback."""
        top = candidates.filter(pl.int_range(pl.len()).over("user_idx") < self.k)
        slates = self.trial.fill(top, fallback, self.users, self.k, self.exclude)
        return float(per_user_metrics(slates, self.truth, k=self.k)["ndcg"].to_numpy().mean())

    def source_ndcg(self, source: CandidateSource, fallback: Pick) -> float:
        """Mean NDCG of the lists of a source, which learns here and is not kept."""
        tables = source.fit(self.trial.fits.knowledge)
        return self.ndcg(source.retrieve(tables, self.users, self.k, self.exclude), fallback)

    def has_ranking(self, pick: Pick) -> bool:
        """Whether an item list ranks any item."""
        return not self.trial.fits.tables(pick)["ranking"].is_empty()

    def candidates(self, pick: Pick, depth: int) -> pl.DataFrame:
        """Retrieve from a variant."""
        return self.trial.candidates(pick, self.users, depth, self.exclude)

    def side_by_side(self, picks: Sequence[Pick]) -> pl.DataFrame:
        """Retrieve each pick as deep as a blend does, and put their scaled scores into columns."""
        return side_by_side([self.candidates(pick, DEPTH) for pick in picks])

    def blend_ndcg(self, parts: pl.DataFrame, weights: Sequence[float], fallback: Pick) -> float:
        """Score the blend of some columns under weights."""
        weighted = add_weighted(parts, weights).join(self.trial.fits.ties, on="item_idx", how="left")
        return self.ndcg(best_per_user(weighted, self.k, None), fallback)
