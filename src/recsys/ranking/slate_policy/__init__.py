"""The slate policy: rules that turn ranked candidates into the final list, each off until a setting turns it on.

Ranked candidates are a pool, somewhat deeper than the list. Lists are filled position by position; at each one every
rule narrows what may stand there or weighs it, and then the best is taken, or drawn. Because a rule acts inside the
draw and not after it, the propensity of a drawn item is exact, whichever rules are on.
"""

from recsys.ranking.slate_policy.diversity import VECTORS
from recsys.ranking.slate_policy.eligibility import blocked_ids, blocked_items
from recsys.ranking.slate_policy.fresh_slot import NEW_ARRIVALS
from recsys.ranking.slate_policy.policy import SlatePolicy, rules_of
from recsys.ranking.slate_policy.rule import Draw, SlateRule, Steering
from recsys.ranking.slate_policy.settings import (
    Cap,
    DiversitySettings,
    ExplorationSettings,
    FreshSettings,
    SlateSettings,
)

__all__ = [
    "NEW_ARRIVALS",
    "VECTORS",
    "Cap",
    "DiversitySettings",
    "Draw",
    "ExplorationSettings",
    "FreshSettings",
    "SlatePolicy",
    "SlateRule",
    "SlateSettings",
    "Steering",
    "blocked_ids",
    "blocked_items",
    "rules_of",
]
