"""What must hold of every metric, whatever the lists."""

from collections.abc import Callable

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.evaluation import ACCURACY_METRICS, UserGroups, bootstrap, list_metrics, per_user_metrics

N_USERS, N_ITEMS = 5, 15
CATALOGUE = pl.DataFrame(
    {
        "item_idx": range(N_ITEMS),
        "n_events": [item**2 for item in range(N_ITEMS)],
        "category": [None, *("abc"[item % 3] for item in range(1, N_ITEMS))],
        "item_age_days": [None, *map(float, range(1, N_ITEMS))],
    },
    schema_overrides={"item_idx": pl.UInt32},
)

SEEDS = st.integers(0, 2**32 - 1)


def lists(random: np.random.Generator) -> pl.DataFrame:
    rows = [
        (user, int(item), rank)
        for user in range(N_USERS)
        for rank, item in enumerate(random.permutation(N_ITEMS)[: random.integers(1, 12)], 1)
    ]
    return pl.DataFrame(rows, schema={"user_idx": pl.UInt32, "item_idx": pl.UInt32, "rank": pl.Int32}, orient="row")


def labels(random: np.random.Generator) -> pl.DataFrame:
    pairs = lists(random).select("user_idx", "item_idx")
    return pairs.with_columns(reward=pl.Series(random.random(pairs.height) + 0.01))


def shuffled(frame: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    return frame[random.permutation(frame.height)]


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_metrics_lie_between_zero_and_one(seed: int) -> None:
    random = np.random.default_rng(seed)
    slates, truth = lists(random), labels(random)
    scores = per_user_metrics(slates, truth, seen=labels(random), k=3, k_recall=5).drop("user_idx")
    described = list_metrics(slates, CATALOGUE, seen=truth, k=3)
    shares = described.per_user.select("diversity", "repeat_share")
    values = [*scores.iter_columns(), *shares.iter_columns(), pl.Series([described.coverage, described.gini])]
    assert all(((value >= 0) & (value <= 1)).fill_null(True).all() for value in values)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_the_ideal_list_scores_exactly_one(seed: int) -> None:
    truth = labels(np.random.default_rng(seed))
    best_first = pl.col("reward").rank("ordinal", descending=True).over("user_idx").cast(pl.Int32)
    ideal = truth.select("user_idx", "item_idx", rank=best_first)
    scores = per_user_metrics(ideal, truth, k=4, k_recall=6)
    exact = [metric for metric in ACCURACY_METRICS if metric not in ("precision", "map")]
    assert (scores.select(exact) == 1.0).select(pl.all_horizontal(pl.all())).to_series().all()
    assert np.allclose(scores["map"].to_numpy(), 1.0)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_the_order_of_rows_changes_no_byte(seed: int) -> None:
    random = np.random.default_rng(seed)
    slates, truth, seen = lists(random), labels(random), labels(random)

    def everything(order: Callable[[pl.DataFrame], pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame, bytes]:
        scores = per_user_metrics(order(slates), order(truth), seen=order(seen))
        described = list_metrics(order(slates), order(CATALOGUE), seen=order(seen))
        users = pl.DataFrame({"user_id": map(str, range(N_USERS)), "user_idx": range(N_USERS)})
        groups = UserGroups.build(order(users)["user_id"], seed=0, max_groups=2).at(order(users))
        boot = bootstrap({"m": {"c": groups.sum(order(scores), ["ndcg"])}}, resamples=100)
        return scores, described.per_user, boot.value("m", "ndcg").draws.tobytes()

    straight, mixed = everything(lambda frame: frame), everything(lambda frame: shuffled(frame, random))
    assert straight[0].equals(mixed[0])
    assert straight[1].equals(mixed[1])
    assert straight[2] == mixed[2]


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_moving_a_hit_up_never_lowers_a_metric(seed: int) -> None:
    random = np.random.default_rng(seed)
    slates, truth = lists(random), labels(random)
    hits = slates.join(truth, on=["user_idx", "item_idx"], how="semi").filter(pl.col("rank") > 1)
    before = per_user_metrics(slates, truth, k=4, k_recall=6)
    for user, _, rank in hits.head(1).iter_rows():
        is_above = slates.join(truth, on=["user_idx", "item_idx"], how="anti").filter(
            (pl.col("user_idx") == user) & (pl.col("rank") == rank - 1)
        )
        if is_above.is_empty():
            continue  # two hits swap places: their rewards decide
        place = pl.col("rank")
        swapped = slates.with_columns(
            rank=pl.when(pl.col("user_idx") != user)
            .then(place)
            .when(place == rank)
            .then(rank - 1)
            .when(place == rank - 1)
            .then(rank)
            .otherwise(place)
            .cast(pl.Int32)
        )
        after = per_user_metrics(swapped, truth, k=4, k_recall=6)
        for metric in ACCURACY_METRICS:
            assert (after[metric] >= before[metric] - 1e-12).all()


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_a_user_scores_the_same_alone_as_among_others(seed: int) -> None:
    random = np.random.default_rng(seed)
    slates, truth = lists(random), labels(random)
    together = per_user_metrics(slates, truth)
    for user in range(N_USERS):
        alone = per_user_metrics(slates, truth.filter(pl.col("user_idx") == user))
        assert together.filter(pl.col("user_idx") == user).equals(alone)
