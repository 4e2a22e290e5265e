"""A configuration as a person would write it: only the keys that a log suggests, each with its figure beside it.

Keys that are left out have the defaults of their component. A test reads the text back with the settings models.
"""

import json

from recsys.data.profile import Profile, Quantiles, TypeProfile
from recsys.data.suggestions import (
    MIN_EVENTS,
    N_RANKER_WINDOWS,
    N_WINDOWS,
    Suggestion,
    format_durations,
    suggest,
)
from recsys.timeline import format_duration, format_instant


def render_config(profile: Profile, source: str) -> str:
    """Write the commented TOML configuration that a log suggests.

    Args:
        profile: of the log.
        source: what the log is called in the first line.

    Returns:
        TOML text that loads without edits; the same profile always gives the same text.
    """
    suggestion = suggest(profile)
    sections = [_head(profile, source), _rewards(profile, suggestion), _state(profile, suggestion)]
    sections += [_recommender(profile, suggestion), _ranking(suggestion), _evaluation(profile, suggestion)]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _head(profile: Profile, source: str) -> list[str]:
    first, last = format_instant(profile.first_event), format_instant(profile.last_event)
    gap = f"{profile.longest_gap_days} days"
    return [
        f"# For {_quoted(source)}: {profile.n_events:,} events from {first} to {last} ({profile.span_days:,.0f} days),",
        f"# {profile.n_users:,} users, {profile.n_items:,} items, {_percent(profile.anonymous_share)} anonymous;",
        f"# {profile.daily_mean:,.1f} events a day, longest gap {gap}; times to the {profile.resolution}.",
        f"# New in a typical week: {_percent(profile.new_user_share)} of its users, {_percent(profile.new_item_share)} "
        "of its items.",
        "# Keys that are absent have the defaults of their component.",
    ]


def _rewards(profile: Profile, suggestion: Suggestion) -> list[str]:
    weights = ", ".join(f"{_quoted(name)} = {weight}" for name, weight in suggestion.weights.items())
    filled = ", ".join(f"{name} {_percent(share)}" for name, share in profile.filled_share.items())
    return [
        "[rewards]",
        "# What is trained for: one of the definitions. All of them are evaluated.",
        'target = "interaction"',
        "",
        "# Every event counts 1. Event types found:",
        *(f"#   {_describe(row, profile.n_events)}" for row in profile.event_types),
        "[rewards.definitions.interaction]",
        'weights = { "*" = 1.0 }',
        "",
        "# Suggested where rarer events mean more (square root of the rarity). Leave out types that undo others, and",
        '# name them instead: returns = { "return" = "purchase" }, return_window = "90d".',
        "# [rewards.definitions.weighted]",
        f"# weights = {{ {weights} }}",
        '# transform = "log1p_value" (or value, quantity, revenue = price x quantity) would weigh amounts. Filled:',
        f"#   {filled}.",
    ]


def _state(profile: Profile, suggestion: Suggestion) -> list[str]:
    return [
        "[state]",
        "# Every counter is kept once per half-life; those of [recommender] must be among them.",
        f"half_lives = {format_durations(suggestion.state_half_lives)}",
        "",
        "[state.covisits]",
        f"# Days between a user's visits: {_quantiles(profile.gap_days)}.",
        f"half_lives = {format_durations(suggestion.covisit_half_lives)}",
        f'window = "{format_duration(suggestion.covisit_window)}"',
        f'gap_half_life = "{format_duration(suggestion.covisit_gap_half_life)}"',
    ]


def _recommender(profile: Profile, suggestion: Suggestion) -> list[str]:
    return [
        "[recommender]",
        f"# {_percent(profile.repeat_share)} of events repeat an earlier pair of user and item, after days: "
        f"{_quantiles(profile.repeat_days)}.",
        "# auto: decided on earlier windows; allow; exclude.",
        f'repeats = "{suggestion.repeats}"',
        f"# Popularity: long enough for {MIN_EVENTS:,} events at {profile.daily_mean:,.1f} a day, and for whole weeks.",
        f"windows = {format_durations(suggestion.windows)}",
        f"popularity_half_lives = {format_durations(suggestion.popularity_half_lives)}",
        f"# Personal taste: from the typical return on. Days between a user's active days: "
        f"{_quantiles(profile.return_days)}.",
        f"personal_half_lives = {format_durations(suggestion.personal_half_lives)}",
        f"covisit_half_lives = {format_durations(suggestion.covisit_half_lives)}",
        "# How fast an item loses weight as the start of a co-visit: the shortest taste.",
        f'seed_half_life = "{format_duration(suggestion.personal_half_lives[0])}"',
    ]


def _ranking(suggestion: Suggestion) -> list[str]:
    return [
        "[recommender.ranking]",
        f"# Rankers learn from at most so many earlier windows of {format_duration(suggestion.horizon)}, and serve",
        "# where they beat the heuristics there. More windows take longer; 0 leaves rankers out.",
        f"windows = {N_RANKER_WINDOWS}",
    ]


def _evaluation(profile: Profile, suggestion: Suggestion) -> list[str]:
    cutoffs = ", ".join(format_instant(cutoff) for cutoff in suggestion.cutoffs)
    median = f"{profile.return_days.p50:,.1f} days" if profile.return_days else "no known time"
    return [
        "[evaluation]",
        f"# Half of the returns happen within {median}; {N_WINDOWS} windows must fit into half of the log.",
        f'horizon = "{format_duration(suggestion.horizon)}"',
        f"# Today these are {cutoffs}.",
        f"n_cutoffs = {len(suggestion.cutoffs)}",
    ]


def _describe(row: TypeProfile, n_events: int) -> str:
    return (
        f"{_quoted(row.event_type)}: {row.n_events:,} ({_percent(row.n_events / n_events)}) of {row.n_users:,} users "
        f"on {row.n_items:,} items, repeats {_percent(row.repeat_share)}, with a value {_percent(row.value_share)}"
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.1%}"


def _quantiles(values: Quantiles | None) -> str:
    return "none" if values is None else f"median {values.p50:,.1f}, p90 {values.p90:,.1f}"
