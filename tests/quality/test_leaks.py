"""Each probe is held against components that leak on purpose: it must catch those it is for, and pass the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
import polars as pl
import pytest

from recsys.candidates import CandidateSource, ItemList, Tables, best_per_user
from recsys.evaluation import Fits, build_trial
from recsys.evaluation.leaks import (
    Finding,
    Instants,
    LeakProbes,
    Log,
    Swap,
    TrialSubject,
    Update,
    Windows,
    alter_after,
    first_difference,
    permuted_labels,
    too_good,
)
from recsys.evaluation.leaks.labels import ndcg_and_chance, ordered_share
from recsys.features import Feature, FeatureGroup
from recsys.knowledge import Knowledge, gather
from recsys.ranking import RankingSettings, Rows
from recsys.recommender import (
    Channel,
    Examples,
    RankerSet,
    RecommenderSettings,
    RetrievalSettings,
    TwoStage,
    scored_pairs,
)
from recsys.rewards import RewardSettings, label_pairs, shown_positions
from recsys.state import DecayedState, StateSettings, update_state
from recsys.tables import EVENT_DTYPES, EXPOSURE, ITEM_DTYPES, CandidateSet, Floats, conform
from recsys.timeline import Fold

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HORIZON = 14 * DAY
AS_OF = START + 98 * DAY
INSTANTS = Instants(AS_OF - HORIZON, AS_OF, AS_OF + HORIZON)
REWARDS = RewardSettings()
STATE = StateSettings()
N_USERS, N_ITEMS = 60, 80
SETTINGS = RecommenderSettings(
    n_factors=4,
    ranking=RankingSettings(rankers=("pointwise",), max_users=N_USERS),
    retrieval=RetrievalSettings(
        channels=(
            Channel(name="popular", rung="popularity_decayed", quota=40),
            Channel(name="arrivals", rung="new_arrivals", quota=5),
            Channel(name="covisits", rung="covisits", quota=20),
            Channel(name="factors", rung="factors", quota=20),
            Channel(name="personal", rung="personal", quota=40),
        ),
        n_candidates=60,
    ),
)
PROBES = ["future_blind", "canary", "permuted_labels", "too_good", "state_parity"]


def drawn_log() -> Log:
    """112 days of 60 users, each with a taste of their own; one event in ten becomes known two days late."""
    random = np.random.default_rng(5)
    n = 6_000
    users = random.integers(0, N_USERS, n)
    own = (users * 11 + random.integers(0, 6, n)) % N_ITEMS
    popular = np.minimum(random.geometric(0.06, n) - 1, N_ITEMS - 1)
    times = [START + timedelta(minutes=int(m)) for m in random.integers(0, 112 * 1_440, n)]
    frame = pl.DataFrame(
        {
            "event_id": [f"e{i}" for i in range(n)],
            "user_id": [f"u{u:02d}" for u in users],
            "item_id": [f"i{i:02d}" for i in np.where(random.random(n) < 0.6, own, popular)],
            "event_type": random.choice(["view", "purchase"], n),
            "event_time": times,
            "known_at": [t + 2 * DAY if i % 10 == 0 else t for i, t in enumerate(times)],
            "price": random.random(n),
        },
        schema_overrides={name: EVENT_DTYPES[name] for name in ("event_time", "known_at")},
    )
    items = pl.DataFrame(
        {
            "item_id": [f"i{i:02d}" for i in range(N_ITEMS)],
            "known_at": [START] * N_ITEMS,
            "title": [f"thing {i % 9}" for i in range(N_ITEMS)],
            "category": [f"c{i % 5}" for i in range(N_ITEMS)],
            "price": [float(i) for i in range(N_ITEMS)],
        },
        schema_overrides={"known_at": ITEM_DTYPES["known_at"]},
    )
    return Log(conform(frame, EVENT_DTYPES, "events").lazy(), conform(items, ITEM_DTYPES, "items").lazy())


LOG = drawn_log()

GroupOf = Callable[[Log, Fold], FeatureGroup]
"""Makes a group that has its hands on the whole log, and on the label window."""


@dataclass(frozen=True)
class LeakyStage(TwoStage):
    """The first stage with one more group of features, or another source for a channel."""

    extra: FeatureGroup | None = None
    source: CandidateSource | None = None

    @cached_property
    def groups(self) -> tuple[FeatureGroup, ...]:
        honest = super().groups
        return honest if self.extra is None else (*honest, self.extra)

    @cached_property
    def sources(self) -> dict[str, CandidateSource]:
        honest = dict(super().sources)
        return honest if self.source is None else {**honest, "popular": self.source}


@dataclass(frozen=True)
class LeakySubject(TrialSubject):
    """The recommender with a leaky stage."""

    leaky: LeakyStage = field(default_factory=lambda: LeakyStage(SETTINGS))

    @cached_property
    def stage(self) -> TwoStage:
        return self.leaky

    @cached_property
    def tables(self) -> Tables:
        return self.leaky.fit(self.knowledge)

    def slates(self, users: pl.DataFrame, rankers: RankerSet, k: int) -> pl.DataFrame:
        candidates, matrix = self.propose(users)
        score = rankers.score(matrix, candidates.sizes)
        scored = scored_pairs(candidates.user_idx, candidates.item_idx, score, self.trial.fits.ties)
        return self.trial.fill(best_per_user(scored, k, None), None, users, k, None)

    def features_from(self, knowledge: Knowledge, candidates: CandidateSet) -> Floats:
        return self.leaky.matrix(self.leaky.fit(knowledge), candidates)


@dataclass(frozen=True)
class MemorySystem:
    """The recommender on logs in memory, with whatever leak a test gives it. A `System`."""

    group_of: GroupOf | None = None
    source_of: Callable[[Log], CandidateSource] | None = None
    knowledge_of: Callable[[Log, datetime], Knowledge] | None = None
    labels_until: datetime | None = None
    positions_until: datetime | None = None

    def learn(self, log: Log, cutoff: datetime, as_of: datetime) -> TrialSubject:
        known = (self.knowledge_of or honest_knowledge)(log, cutoff)
        fold = Fold(cutoff, HORIZON, self.labels_until or as_of)
        pairs = label_pairs(log.events, fold, REWARDS)
        labels = pairs.select("user_id", "item_id", "first_event_time", reward="reward_interaction")
        positions = shown_positions(log.events, Fold(cutoff, HORIZON, self.positions_until or as_of))
        trial = build_trial(Fits(known, SETTINGS), fold, {"interaction": labels}, positions)
        if self.group_of is None and self.source_of is None:
            return TrialSubject(trial)
        extra = self.group_of(log, fold) if self.group_of else None
        return LeakySubject(
            trial, "allow", LeakyStage(SETTINGS, extra, self.source_of(log) if self.source_of else None)
        )


def honest_knowledge(log: Log, cutoff: datetime) -> Knowledge:
    return gather(log.events, as_of=cutoff, rewards=REWARDS, state=STATE, items=log.items)


def findings(system: MemorySystem, update: Update = update_state, log: Log = LOG) -> dict[str, Finding]:
    probes = LeakProbes(system, log, INSTANTS, REWARDS, SETTINGS.ranking, n_users=N_USERS, depth=60, update=update)
    return {finding.probe: finding for finding in probes.run()}


def failed(found: dict[str, Finding]) -> set[str]:
    assert list(found) == PROBES
    assert all(bool(one.example) != one.passed and one.showed for one in found.values())
    return {name for name, finding in found.items() if not finding.passed}


def test_the_recommender_passes_every_probe() -> None:
    found = findings(MemorySystem())
    assert failed(found) == set(), found
    assert "from the true ones" in found["permuted_labels"].showed


@dataclass(frozen=True)
class Counts:
    """A feature that is looked up by user, by item or by both in a table that a function makes when it is fitted."""

    table: Callable[[Knowledge], pl.DataFrame]
    name: str = "leak"
    features: tuple[Feature, ...] = (Feature("leak", "events", "what it should not know", "the whole log"),)

    def fit(self, knowledge: Knowledge) -> Tables:
        history = knowledge.history
        table = self.table(knowledge)
        for key, ids in (("user", history.users), ("item", history.items)):
            if f"{key}_id" in table.columns:
                table = table.join(ids.select(f"{key}_id", f"{key}_idx"), on=f"{key}_id")
        return {"table": table.select(pl.col("^.*_idx$"), pl.col("value").cast(pl.Float32))}

    def compute(self, tables: Tables, candidates: CandidateSet) -> list[Floats]:
        pairs = pl.DataFrame({"user_idx": candidates.user_idx, "item_idx": candidates.item_idx})
        keys = [name for name in tables["table"].columns if name != "value"]
        found = pairs.join(tables["table"], on=keys, how="left", maintain_order="left")["value"]
        return [found.fill_null(0.0).to_numpy().astype(np.float32)]


def popularity_of_all_time_to_come(log: Log, fold: Fold) -> FeatureGroup:
    return Counts(lambda _: log.events.group_by("item_id").agg(value=pl.len()).collect())


def popularity_by_event_time(log: Log, fold: Fold) -> FeatureGroup:
    happened = log.events.filter(pl.col("event_time") < fold.cutoff)
    return Counts(lambda _: happened.group_by("item_id").agg(value=pl.len()).collect())


def popularity_up_to_the_instant_itself(log: Log, fold: Fold) -> FeatureGroup:
    known = log.events.filter(pl.col("known_at") <= fold.cutoff)
    return Counts(lambda _: known.group_by("item_id").agg(value=pl.len()).collect())


def latest_price_ever(log: Log, fold: Fold) -> FeatureGroup:
    assert log.items is not None
    latest = log.items.sort("known_at").unique("item_id", keep="last").select("item_id", value="price")
    return Counts(lambda _: latest.collect())


def the_label(log: Log, fold: Fold) -> FeatureGroup:
    """Whether the user took the item in the label window, read from the log."""
    pairs = label_pairs(log.events, fold, REWARDS).select("user_id", "item_id", value=pl.lit(1.0))
    return Counts(lambda _: pairs)


@pytest.mark.parametrize(
    "group_of",
    [popularity_of_all_time_to_come, popularity_by_event_time, popularity_up_to_the_instant_itself, latest_price_ever],
)
def test_a_feature_that_reads_what_is_not_yet_known_depends_on_the_future(group_of: GroupOf) -> None:
    found = findings(MemorySystem(group_of=group_of))
    assert "future_blind" in failed(found)
    assert "leak is " in found["future_blind"].example
    assert not failed(found) & {"canary", "state_parity"}  # it shows no id, and does not read the state


def test_a_feature_that_is_the_label_fails_all_probes_by_labels() -> None:
    found = findings(MemorySystem(group_of=the_label))
    assert failed(found) == {"future_blind", "permuted_labels", "too_good"}
    assert "leak is " in found["future_blind"].example
    assert "of the gain of the true ones" in found["permuted_labels"].example
    assert found["too_good"].example.startswith("leak orders more than 98%")


def test_a_label_from_beyond_the_log_is_only_too_good() -> None:
    """No log that is handed over changes it, so only its strength gives it away."""

    def from_elsewhere(_: Log, fold: Fold) -> FeatureGroup:
        return the_label(LOG, fold)

    assert failed(findings(MemorySystem(group_of=from_elsewhere))) == {"too_good"}


def test_training_labels_that_were_not_yet_known_depend_on_the_future() -> None:
    found = findings(MemorySystem(labels_until=INSTANTS.end))
    assert failed(found) == {"future_blind"}
    assert found["future_blind"].example.startswith("training labels: ")


def with_exposures(log: Log) -> Log:
    """Let every event of the last months have been shown before, in one of six slots, and known when the event was."""
    shown_lf = log.events.filter(pl.col("event_time") >= INSTANTS.earlier - HORIZON).with_columns(
        event_id=pl.format("shown-{}", "event_id"),
        event_type=pl.lit(EXPOSURE),
        position=(1 + pl.col("event_id").str.slice(1).cast(pl.Int32) % 6),
        propensity=pl.lit(0.2),
    )
    return Log(pl.concat([log.events, shown_lf]), log.items)


def test_slots_that_were_known_in_time_depend_on_no_future() -> None:
    assert failed(findings(MemorySystem(), log=with_exposures(LOG))) == set()


def test_slots_that_were_not_yet_known_depend_on_the_future() -> None:
    found = findings(MemorySystem(positions_until=INSTANTS.end), log=with_exposures(LOG))
    assert failed(found) == {"future_blind"}
    assert found["future_blind"].example.startswith("training positions: ")


@dataclass(frozen=True)
class PopularEver:
    """Scores items by all events of a log, also those to come."""

    log: Log

    def score(self, knowledge: Knowledge) -> pl.DataFrame:
        counted = self.log.events.group_by("item_id").agg(score=pl.len().cast(pl.Float64)).collect()
        return counted.join(knowledge.history.items, on="item_id").select("item_idx", "score")


def test_a_source_that_counts_all_events_depends_on_the_future() -> None:
    found = findings(MemorySystem(source_of=lambda log: ItemList("popular", PopularEver(log))))
    assert "future_blind" in failed(found)
    assert found["future_blind"].example.startswith("training features: ")


def a_day_ahead(log: Log, cutoff: datetime) -> Knowledge:
    """Know everything of the day to come, and claim to know it now."""
    return gather(
        log.events.with_columns(pl.col("known_at", "event_time") - DAY),
        as_of=cutoff,
        rewards=REWARDS,
        state=STATE,
        items=None if log.items is None else log.items.with_columns(pl.col("known_at") - DAY),
    )


def items_without_a_date_from_the_start(log: Log, cutoff: datetime) -> Knowledge:
    """Take an item version without a time for one that has always been on offer."""
    assert log.items is not None
    dated = log.items.with_columns(pl.col("available_from").fill_null(pl.lit(START - 90 * DAY)))
    return gather(log.events, as_of=cutoff, rewards=REWARDS, state=STATE, items=dated)


def test_a_history_of_tomorrow_is_seen_by_its_canaries() -> None:
    found = findings(MemorySystem(knowledge_of=a_day_ahead))
    assert {"future_blind", "canary"} <= failed(found)
    assert "'canary item' before it is known" in found["canary"].example


def test_items_without_a_date_that_always_were_there_are_seen_by_their_canary() -> None:
    found = findings(MemorySystem(knowledge_of=items_without_a_date_from_the_start))
    assert "canary" in failed(found)
    assert "'canary item without a date' before it is known" in found["canary"].example


def test_a_system_that_never_learns_of_new_items_fails_because_its_silence_shows_nothing() -> None:
    def frozen(log: Log, cutoff: datetime) -> Knowledge:
        old = log.events.filter(pl.col("known_at") < INSTANTS.earlier)
        return gather(old, as_of=cutoff, rewards=REWARDS, state=STATE, items=log.items)

    found = findings(MemorySystem(knowledge_of=frozen))
    assert failed(found) >= {"canary"}
    assert "is missing once it is known" in found["canary"].example


def test_a_system_that_is_never_the_same_twice_is_not_called_a_leak() -> None:
    random = np.random.default_rng()
    noise = Counts(lambda k: k.history.items.select("item_id", value=pl.Series(random.random(k.history.items.height))))
    found = findings(MemorySystem(group_of=lambda log, fold: noise))
    assert "future_blind" in failed(found)
    assert found["future_blind"].example.startswith("the same log learned from twice differs too")


def drops_late_rows(
    state: DecayedState, events: pl.LazyFrame, *, as_of: datetime, items: pl.DataFrame | None = None
) -> DecayedState:
    punctual = pl.col("event_time") >= state.as_of
    return update_state(state, events.filter(punctual | (pl.col("known_at") < state.as_of)), as_of=as_of, items=items)


def reads_ahead(
    state: DecayedState, events: pl.LazyFrame, *, as_of: datetime, items: pl.DataFrame | None = None
) -> DecayedState:
    return update_state(state, events.with_columns(pl.col("known_at", "event_time") - DAY / 4), as_of=as_of)


@pytest.mark.parametrize("update", [drops_late_rows, reads_ahead])
def test_a_wrong_update_of_the_state_is_told_from_a_rebuild(update: Update) -> None:
    found = findings(MemorySystem(), update)
    assert failed(found) == {"state_parity"}
    assert "rows" in found["state_parity"].example


def test_a_feature_that_sees_how_the_state_was_made_is_told_from_a_rebuild() -> None:
    def n_segments(_: Log, fold: Fold) -> FeatureGroup:
        return Counts(
            lambda k: k.history.items.select("item_id", value=pl.lit(float(k.state.segments[0].landmark.timestamp())))
        )

    found = findings(MemorySystem(group_of=n_segments))
    assert failed(found) == {"state_parity"}
    assert found["state_parity"].example.startswith("feature leak: ")


PAIRS = pl.DataFrame(
    {"user_id": ["u01"] * 80 + ["u02"] * 40, "item_id": [f"i{i:02d}" for i in (*range(80), *range(40))]}
)


def test_another_future_leaves_the_past_alone_and_nothing_else() -> None:
    other = alter_after(LOG, AS_OF, Swap.draw(PAIRS, seed=0), since=AS_OF - HORIZON, seed=0)
    assert other.items is not None
    assert LOG.items is not None
    is_past = pl.col("known_at") < AS_OF
    events, altered = (log.events.collect().sort("event_id") for log in (LOG, other))
    assert events.filter(is_past).equals(altered.filter(is_past))
    after, before = (frame.filter(~is_past) for frame in (altered, events))
    content = [name for name in events.columns if name != "event_id"]
    assert after.join(before, on=content, how="semi", nulls_equal=True).is_empty()
    assert after["known_at"].min() == AS_OF
    assert after.filter(pl.col("event_time") < AS_OF).height > 100  # late ones
    assert (after["known_at"] >= after["event_time"]).all()
    assert "exposure" in after["event_type"]
    assert after["event_id"].is_unique().all()
    versions = other.items.filter(~is_past).collect()
    assert versions.height == N_ITEMS
    assert other.items.filter(is_past).collect().equals(LOG.items.collect())


def test_labels_are_permuted_within_the_candidates_of_a_user() -> None:
    other = alter_after(LOG, AS_OF, Swap.draw(PAIRS, seed=3), since=AS_OF - HORIZON, seed=0)
    fold = Fold(AS_OF, HORIZON, AS_OF + HORIZON)
    theirs = pl.col("user_id").is_in(["u01", "u02"])
    true, permuted = (label_pairs(log.events, fold, REWARDS).filter(theirs) for log in (LOG, other))
    swapped = true.join(Swap.draw(PAIRS, seed=3).pairs, on=["user_id", "item_id"], how="left")
    expected = swapped.select("user_id", pl.coalesce("other_id", "item_id").alias("item_id"), "reward_interaction")
    columns = ["user_id", "item_id", "reward_interaction"]
    assert permuted.select(columns).sort(columns).equals(expected.select(columns).sort(columns))
    assert not permuted.select("user_id", "item_id").equals(true.select("user_id", "item_id"))


def rows_of(grades: Sequence[int], sizes: Sequence[int]) -> Rows:
    n = len(grades)
    return Rows(np.zeros((n, 1), np.float32), np.array(grades, np.int32), np.array(sizes), np.ones(n, np.float32))


def test_chance_is_the_mean_over_all_random_orders() -> None:
    rows = rows_of([1, 0, 0, 1, 0, 0], [6])
    random = np.random.default_rng(0)
    found = [ndcg_and_chance(random.random(6), rows, seed=0)[0][0] for _ in range(4_000)]
    assert np.mean(found) == pytest.approx(ndcg_and_chance(np.zeros(6), rows, seed=0)[1][0], abs=0.01)


def test_equal_scores_are_at_chance_however_the_rows_lie() -> None:
    rows = rows_of([1, 0, 0, 0] * 3_000, [4] * 3_000)  # what was taken always comes first
    found, chance = ndcg_and_chance(np.zeros(len(rows)), rows, seed=1)
    assert found.mean() == pytest.approx(chance.mean(), abs=0.02)


def test_a_query_without_a_label_has_no_ndcg() -> None:
    found, chance = ndcg_and_chance(np.arange(4.0), rows_of([0, 0, 1, 0], [2, 2]), seed=0)
    assert np.isnan(found).tolist() == np.isnan(chance).tolist() == [True, False]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0, 2.0, 1.0, 1.0, 2.0], 1.0),  # both queries in the right order
        ([1.0, 2.0, 3.0, 2.0, 1.0], 0.0),
        ([1.0, 1.0, 1.0, 1.0, 1.0], 0.5),
        ([3.0, 2.0, 1.0, 2.0, 1.0], 0.5),  # the first right, the second wrong
        ([2.0, 3.0, 1.0, 1.0, np.nan], 0.25),  # one of two pairs, and missing comes last
    ],
)
def test_the_share_of_pairs_in_the_right_order(values: list[float], expected: float) -> None:
    rows = rows_of([1, 0, 0, 0, 1], [3, 2])
    assert ordered_share(np.array(values, np.float32), rows) == pytest.approx(expected)


def examples_of(n_users: int, seed: int) -> Examples:
    """Ten candidates a user; the feature tells the one that was taken in four of five cases."""
    random = np.random.default_rng(seed)
    grade = np.tile(np.eye(1, 10, 0, np.int32)[0], n_users)
    feature = np.where(random.random(10 * n_users) < 0.8, grade, random.random(10 * n_users)).astype(np.float32)
    users = np.repeat(np.arange(n_users, dtype=np.uint32), 10)
    pairs = pl.DataFrame({"user_idx": users, "item_idx": np.tile(np.arange(10, dtype=np.uint32), n_users)})
    return Examples(AS_OF, pairs.with_columns(pl.Series("grade.sold", grade)), feature.reshape(-1, 1))


def permuted_examples(n_users: int, seed: int) -> Examples:
    honest = examples_of(n_users, seed)
    draw = pl.Series(np.random.default_rng(seed + 1).random(honest.pairs.height))
    grade = honest.pairs.with_columns(draw=draw).sort("user_idx", "draw")["grade.sold"]
    return replace(honest, pairs=honest.pairs.with_columns(grade))


class Scored:
    """A ranker set that scores by a function of the features."""

    def __init__(self, score: Callable[[Floats], np.ndarray]) -> None:
        self.score_of = score

    def score(self, features: Floats, sizes: np.ndarray) -> np.ndarray:
        return self.score_of(features)


def judged(score_of: Callable[[Examples], Callable[[Floats], np.ndarray]]) -> Finding:
    true = Windows(examples_of(200, 1), examples_of(200, 2))
    permuted = Windows(permuted_examples(200, 1), permuted_examples(200, 2))
    return permuted_labels(true, permuted, "sold", lambda examples: Scored(score_of(examples)), seed=0)


def test_what_learns_from_the_rows_it_is_given_is_at_chance_on_permuted_labels() -> None:
    found = judged(lambda examples: lambda features: features[:, 0])
    assert found.passed
    assert found.showed.startswith("NDCG@10 over chance, 200 users: ")


def test_a_fit_that_has_seen_the_labels_it_is_scored_on_is_caught() -> None:
    answers = [examples_of(200, 2), permuted_examples(200, 2)]  # in the order in which they are scored
    found = judged(lambda _: lambda features: answers.pop(0).pairs["grade.sold"].to_numpy())
    assert not found.passed
    assert found.example.endswith("of the gain of the true ones")


def test_labels_that_cannot_be_learned_show_nothing_and_do_not_pass() -> None:
    found = judged(lambda _: lambda features: np.zeros(len(features)))
    assert not found.passed
    assert "the true labels are not learned" in found.example


@pytest.mark.parametrize(("share", "passed"), [(0.8, True), (1.0, False)])
def test_a_feature_is_too_good_in_either_direction(share: float, passed: bool) -> None:
    honest = examples_of(200, 4)
    grade = honest.pairs["grade.sold"].to_numpy().astype(np.float32).reshape(-1, 1)
    features = honest.features if share < 1 else -grade
    found = too_good(replace(honest, features=features), "sold", ["x"])
    assert found.passed is passed


TABLE = pl.DataFrame({"user_id": ["a", "b"], "x": [np.nan, 0.0], "n": [1, 2]})


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (TABLE, ""),
        (TABLE.reverse(), ""),
        (TABLE.with_columns(x=-pl.col("x")), "2 of 2 rows differ; first: user_id=a, x is nan instead of nan"),
        (TABLE.with_columns(n=pl.Series([1, 3])), "1 of 2 rows differ; first: user_id=b, n is 3 instead of 2"),
        (TABLE.head(1), "0 rows are added to 2 and 1 gone; first gone: user_id=b"),
        (TABLE.with_columns(user_id=pl.Series(["a", "c"])), "1 rows are added to 2 and 1 gone; first added: user_id=c"),
    ],
)
def test_the_first_difference_of_two_tables_is_named(other: pl.DataFrame, expected: str) -> None:
    assert first_difference(TABLE, other, ["user_id"]) == expected
