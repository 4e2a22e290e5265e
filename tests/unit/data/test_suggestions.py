"""What a profile suggests, and the configuration that says so."""

import tomllib
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.data.config_text import render_config
from recsys.data.profile import Profile, profile_log
from recsys.data.suggestions import Suggestion, suggest
from recsys.evaluation import EvaluationSettings
from recsys.recommender import RecommenderSettings
from recsys.rewards import RewardSettings
from recsys.state import StateSettings
from recsys.tables import EVENT_DTYPES, ITEM_DTYPES, conform
from recsys.timeline import INSTANT

START = datetime(2020, 1, 1, tzinfo=UTC)
AS_OF = datetime(2024, 1, 1, tzinfo=UTC)


def profile(days: list[float], items: list[str] | None = None, event_types: list[str] | None = None) -> Profile:
    """Profile the events of one user at these days after START."""
    frame = pl.DataFrame(
        {
            "user_id": ["u"] * len(days),
            "item_id": items or [f"i{n}" for n in range(len(days))],
            "event_type": event_types or ["buy"] * len(days),
            "event_time": pl.Series([START + timedelta(days=d) for d in days], dtype=INSTANT),
        }
    ).with_columns(known_at="event_time")
    return profile_log(conform(frame, EVENT_DTYPES, "events").lazy(), pl.LazyFrame(schema=ITEM_DTYPES), AS_OF)


def in_days(durations: tuple[timedelta, ...]) -> list[float]:
    return [duration / timedelta(days=1) for duration in durations]


def test_the_horizon_holds_half_of_the_returns() -> None:
    # Returns every 10 days over 400: the shortest horizon of 1, 7, 14, .. that is long enough is 14.
    assert suggest(profile([10 * n for n in range(41)])).horizon == timedelta(days=14)


def test_the_horizon_is_shortened_until_the_windows_fit() -> None:
    # Returns every 40 days over 400 ask for 56, but 6 windows must fit into 200 days: 28.
    assert suggest(profile([40 * n for n in range(11)])).horizon == timedelta(days=28)
    # Over 4 days none fits; a day is the shortest.
    assert suggest(profile([0, 4])).horizon == timedelta(days=1)


def test_cutoffs_are_midnights_whose_windows_end_with_the_last_day() -> None:
    # 400.5 days after 1 January 2020 is 4 February 2021 at noon, so windows of 14 days end on 5 February.
    cutoffs = suggest(profile([10 * n for n in range(40)] + [400.5])).cutoffs
    assert [c.date().isoformat() for c in cutoffs] == ["2020-12-25", "2021-01-08", "2021-01-22"]


def test_personal_half_lives_begin_at_the_typical_return() -> None:
    suggestion = suggest(profile([40 * n for n in range(11)]))
    assert in_days(suggestion.personal_half_lives) == [90, 180, 365]
    assert in_days(suggestion.covisit_half_lives) == [90, 365]
    assert (suggestion.covisit_window, suggestion.covisit_gap_half_life) == (timedelta(days=90), timedelta(days=12))


def test_popularity_half_lives_hold_enough_events() -> None:
    # 10 events a day: 1,000 take 100 days, so the first step is 180.
    suggestion = suggest(profile([n / 10 for n in range(4000)]))
    assert in_days(suggestion.popularity_half_lives) == [180, 365]
    assert in_days(suggestion.windows) == [180, 720]
    # 11 events in 401 days: no step is long enough, the longest two are taken.
    assert in_days(suggest(profile([40 * n for n in range(11)])).popularity_half_lives) == [365, 730]


@pytest.mark.parametrize(
    ("items", "repeats"),
    [
        (["a", "b", "c", "d"], "exclude"),  # no repeat
        (["a", "b", "a", "b"], "allow"),  # half of the events repeat a pair
        (["a", "b", "c", "d", "e", "f", "g", "h", "i", "a"], "auto"),  # a tenth
    ],
)
def test_repeats_follow_the_share_of_repeats(items: list[str], repeats: str) -> None:
    assert suggest(profile([float(n) for n in range(len(items))], items)).repeats == repeats


def test_rarer_event_types_get_more_weight() -> None:
    types = ["view"] * 18 + ["buy"] * 2
    # sqrt(18 / 2) = 3
    assert suggest(profile([float(n) for n in range(20)], event_types=types)).weights == {"view": 1.0, "buy": 3.0}


def test_a_log_without_users_still_gets_a_suggestion() -> None:
    frame = pl.DataFrame({"item_id": ["a"], "event_type": ["buy"], "event_time": pl.Series([START], dtype=INSTANT)})
    events = conform(frame.with_columns(known_at="event_time"), EVENT_DTYPES, "events")
    found = profile_log(events.lazy(), pl.LazyFrame(schema=ITEM_DTYPES), AS_OF)
    suggestion: Suggestion = suggest(found)
    assert suggestion.repeats == "auto"
    assert "none of events repeat" in render_config(found, "x")


def test_the_config_names_the_figures_behind_its_choices() -> None:
    text = render_config(profile([10 * n for n in range(41)], event_types=["kauf"] * 41), 'my "own".csv')
    assert '# For "my \\"own\\".csv": 41 events from 2020-01-01T00:00:00Z to 2021-02-04T00:00:00Z (400 days),' in text
    assert '#   "kauf": 41 (100.0%) of 1 users on 41 items, repeats 0.0%, with a value 0.0%' in text
    assert "# Half of the returns happen within 10.0 days" in text


def test_the_suggested_weights_are_toml_once_uncommented() -> None:
    text = render_config(profile([0, 1, 2], event_types=["a view", "a view", '"buy" 🛒']), "x")
    [line] = [line for line in text.splitlines() if line.startswith("# weights = ")]
    assert tomllib.loads(line.removeprefix("# ")) == {"weights": {"a view": 1.0, '"buy" 🛒': 1.4}}


@settings(deadline=None, max_examples=30)
@given(days=st.lists(st.floats(0, 1_400), min_size=1, max_size=8), kinds=st.sampled_from([1, 3]))
def test_every_config_is_read_by_the_settings_of_its_components(days: list[float], kinds: int) -> None:
    text = render_config(profile(days, event_types=[f"type {n % kinds}" for n in range(len(days))]), "x")
    content = tomllib.loads(text)
    RewardSettings.parse(content.pop("rewards"), "rewards")
    state = StateSettings.parse(content.pop("state"), "state")
    recommender = RecommenderSettings.parse(content.pop("recommender"), "recommender")
    EvaluationSettings.parse(content.pop("evaluation"), "evaluation")
    assert content == {}
    assert {*recommender.popularity_half_lives, *recommender.personal_half_lives} <= set(state.half_lives)
    assert recommender.covisit_half_lives == state.covisits.half_lives
