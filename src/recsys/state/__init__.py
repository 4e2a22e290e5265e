"""Decayed state: mergeable sums over the log by user, item and pair, and directed co-visits."""

from recsys.state.build import build_state, require_complete, update_state
from recsys.state.decayed import DecayedState, merge_states
from recsys.state.pruning import prune_covisits
from recsys.state.settings import CovisitKind, CovisitSettings, StateSettings
from recsys.state.store import Manifest, StateStore

__all__ = [
    "CovisitKind",
    "CovisitSettings",
    "DecayedState",
    "Manifest",
    "StateSettings",
    "StateStore",
    "build_state",
    "merge_states",
    "prune_covisits",
    "require_complete",
    "update_state",
]
