"""A trial makes a plan's lists as a model does that was fitted at its cutoff."""

from dataclasses import replace

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recsys.evaluation import Trial
from recsys.recommender import (
    FORMAT,
    Channel,
    Manifest,
    Model,
    Pick,
    Plan,
    RecommenderSettings,
    RetrievalSettings,
    TwoStage,
    fit,
    fitted,
    seen_pairs,
)
from recsys.rewards import RewardDefinition, RewardSettings
from tests.unit.evaluation.worlds import DAY, START, Log, world

FALLBACK = Pick(rung="popularity_decayed", variant="half_life=7d")
PERSONAL = Pick(rung="personal", variant="half_life=30d gamma=0.3")
COVISITS = Pick(rung="covisits", variant="half_life=30d", weight=0.3)
MARKET = Pick(rung="market_popularity", variant="half_life=7d", weight=0.1)
LOG = Log(
    world(
        lambda user, day: f"item-{(user * 7 + day % 9) % 40}",
        market_of=lambda user: ("DE", "FR", None)[user % 3],
    )
)
CUTOFF = START + 40 * DAY


@pytest.fixture(scope="module")
def trial() -> Trial:
    """The trial, with two users whom the history does not know."""
    found = LOG.trial(CUTOFF, CUTOFF + 7 * DAY)
    strangers = found.everyone.head(2).with_columns(
        user_idx=pl.col("user_idx") + 1_000, user_id=pl.format("new-{}", "user_id"), market=pl.Series([None, "DE"])
    )
    return replace(found, everyone=pl.concat([found.everyone, strangers]))


def model_of(trial: Trial, plan: Plan) -> Model:
    settings = trial.fits.settings
    facts = Manifest(format=FORMAT, as_of=CUTOFF, log_version=0, config_digest="0", settings=settings, plan=plan)
    return fit(trial.fits.knowledge, facts)


@pytest.mark.parametrize("repeats", ["allow", "exclude"])
@pytest.mark.parametrize("parts", [(FALLBACK,), (PERSONAL,), (PERSONAL, COVISITS, MARKET)])
def test_a_trial_gives_the_lists_of_a_model_fitted_at_its_cutoff(
    trial: Trial, parts: tuple[Pick, ...], repeats: str
) -> None:
    plan = Plan(parts=parts, fallback=FALLBACK, repeats=repeats)  # type: ignore[arg-type]
    expected = model_of(trial, plan).slates(trial.everyone, 10)
    assert_frame_equal(trial.slates(plan, trial.everyone, 10), expected, check_exact=True)
    assert expected["user_idx"].n_unique() == trial.everyone.height


@pytest.mark.parametrize("repeats", ["allow", "exclude"])
def test_lists_do_not_depend_on_how_many_users_are_served_at_once(
    trial: Trial, repeats: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(parts=(PERSONAL, COVISITS), fallback=FALLBACK, repeats=repeats)  # type: ignore[arg-type]
    together = trial.slates(plan, trial.everyone, 10)
    monkeypatch.setattr(fitted, "USERS_PER_CHUNK", 3)
    assert_frame_equal(trial.slates(plan, trial.everyone, 10), together, check_exact=True)
    assert trial.slates(plan, trial.everyone.clear(), 10).schema == together.schema


def test_seen_is_what_earned_the_target_reward() -> None:
    # User 0 purchases item-0 and returns it the day after, user 1 views, user 2 purchases and keeps.
    kinds = {(0, 0): "purchase", (0, 1): "return", (2, 0): "purchase", (2, 1): "purchase"}
    events = world(lambda user, day: f"item-{user}", 10, n_users=3, type_of=lambda u, d: kinds.get((u, d), "view"))
    sold = RewardDefinition(weights={"purchase": 1.0}, returns={"return": "purchase"})
    events = events.with_columns(quantity=pl.lit(1.0))
    log = Log(events, rewards=RewardSettings(target="sold", definitions={"sold": sold}))
    history = log.trial(START + 8 * DAY, START + 10 * DAY).fits.knowledge.history
    assert seen_pairs(history).rows() == [(2, 2)]


def test_a_trial_says_what_each_channel_cost_to_learn_and_to_ask() -> None:
    channels = (Channel(name="own", rung="personal", quota=5), Channel(name="new", rung="new_arrivals", quota=5))
    log = Log(LOG.events, RecommenderSettings(retrieval=RetrievalSettings(channels=channels)))
    trial = log.trial(CUTOFF, CUTOFF + 7 * DAY)
    stage = TwoStage(log.settings)
    assert [trial.fits.fit_seconds(pick) for pick in stage.picks.values()] == [None, None]  # nothing is learned yet
    costs = trial.examples("allow").costs
    assert costs["channel"].to_list() == ["own", "new"]
    assert costs.select(pl.min_horizontal("seconds", "fit_seconds").min()).item() > 0
    learned = [trial.fits.fit_seconds(pick) for pick in stage.picks.values()]
    assert costs["fit_seconds"].to_list() == learned
    assert trial.examples("allow").costs["fit_seconds"].to_list() == learned  # it is learned once
