"""A shop whose clicks are relevance x examination: who learns with positions orders by relevance, who without, by both.

The shop showed the items in the order of an old score, which says nothing of relevance. A user looks at slot p with
probability 1 / p, takes what is both looked at and relevant, and finds some relevant items without being shown any.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsys.ranking import RANKERS, RankingSettings, Rows
from recsys.recommender import Examples

CUTOFF = datetime(2024, 1, 1, tzinfo=UTC)
N_USERS, N_ITEMS, N_SHOWN = 600, 20, 10
NAMES = ["taste", "old_score", "noise"]
RULES = RankingSettings(n_negatives=N_ITEMS)


class Shop:
    """Users with candidates, what each would like, and what came of showing the first of them by the old score."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        taste, old, noise = random.normal(size=(3, N_USERS, N_ITEMS))
        self.relevance = 1 / (1 + np.exp(2.0 - 2.0 * taste))
        slot = np.argsort(np.argsort(-old, axis=1), axis=1) + 1
        slot = np.where(slot <= N_SHOWN, slot, 0)
        is_seen = random.random(slot.shape) < np.where(slot > 0, 1 / np.maximum(slot, 1), 0.1)
        taken = is_seen & (random.random(slot.shape) < self.relevance)
        users, items = (grid.ravel().astype(np.uint32) for grid in np.indices(slot.shape))
        pairs = pl.DataFrame({"user_idx": users, "item_idx": items, "grade.sold": taken.ravel().astype(np.int32)})
        features = np.stack([taste.ravel(), old.ravel(), noise.ravel()], axis=1).astype(np.float32)
        self.examples = Examples(CUTOFF, pairs, features)
        self.shown = pairs.select("user_idx", "item_idx", position=slot.ravel().astype(np.int32)).filter(
            pl.col("position") > 0
        )

    def ndcg(self, score: np.ndarray) -> float:
        """Return the mean NDCG@10 of an order, judged by the relevance itself."""
        discount = 1 / np.log2(np.arange(2, 12))
        order = np.argsort(-score.reshape(N_USERS, N_ITEMS), axis=1, kind="stable")[:, :10]
        found = np.take_along_axis(self.relevance, order, axis=1) @ discount
        return float(np.mean(found / (-np.sort(-self.relevance, axis=1)[:, :10] @ discount)))


LEARNED, UNSEEN = Shop(0), Shop(1)


def judged(*windows: Examples) -> float:
    """Learn as `train` does, and judge the order of users from whom nothing was learned."""
    rows = Rows.join([one.training_rows("sold", CUTOFF + timedelta(days=7), RULES) for one in windows])
    ranker = RANKERS["lambdarank"].fit(rows, NAMES, n_rounds=100).ranker
    return UNSEEN.ndcg(ranker.score(UNSEEN.examples.features))


@pytest.fixture(scope="module")
def uncorrected() -> float:
    """NDCG of what is learned from clicks taken at their word."""
    return judged(LEARNED.examples)


def test_a_ranker_that_knows_the_slots_orders_better_by_what_users_want(uncorrected: float) -> None:
    corrected = judged(LEARNED.examples.with_positions(LEARNED.shown))
    assert corrected > 0.94
    assert corrected > uncorrected + 0.03
    assert corrected == judged(LEARNED.examples.with_positions(LEARNED.shown))


def test_slots_of_other_items_correct_less(uncorrected: float) -> None:
    drawn = pl.Series(np.random.default_rng(2).permutation(LEARNED.shown["position"].to_numpy()))
    wrong = LEARNED.shown.with_columns(position=drawn)
    assert judged(LEARNED.examples.with_positions(wrong)) < uncorrected + 0.02


def test_a_window_without_exposures_does_not_undo_the_correction() -> None:
    # NOTE: a window in which nothing was shown has organic labels only, so that its rows join those of slot 0.
    quiet = Shop(3)
    organic = (np.random.default_rng(4).random(quiet.relevance.shape) < 0.1 * quiet.relevance).ravel()
    window = Examples(
        CUTOFF,
        quiet.examples.pairs.with_columns(pl.Series("grade.sold", organic.astype(np.int32))),
        quiet.examples.features,
    )
    both = judged(LEARNED.examples.with_positions(LEARNED.shown), window)
    assert both > 0.95
    assert both > judged(LEARNED.examples, window) + 0.02
