"""Probes that nothing peeks: what a system learns at an instant must not depend on what became known since.

    log ─► learn at T ───────────────────────────────► candidates, features, lists ─┐
     └─► the same log, every row known from T on       ─► learn at T ─►  the same  ─┴─► equal, bit by bit?
         changed, labels permuted, canaries planted

A `System` learns from any log that it is given; the probes look at it through a `Subject` and know nothing else of it.
Each probe says in `docs/guide.md` what it can catch and what it cannot.
"""

from recsys.evaluation.leaks.altered import Swap, alter_after
from recsys.evaluation.leaks.blindness import CANARY, FUTURE_BLIND, canary, future_blind
from recsys.evaluation.leaks.conduct import Instants, LeakProbes
from recsys.evaluation.leaks.finding import Finding
from recsys.evaluation.leaks.labels import PERMUTED_LABELS, TOO_GOOD, Windows, permuted_labels, too_good
from recsys.evaluation.leaks.parity import STATE_PARITY, Update, state_parity
from recsys.evaluation.leaks.planted import Canaries, plant
from recsys.evaluation.leaks.subject import Log, Subject, System, TrialSubject, users_of
from recsys.evaluation.leaks.view import View, first_difference, look

__all__ = [
    "CANARY",
    "FUTURE_BLIND",
    "PERMUTED_LABELS",
    "STATE_PARITY",
    "TOO_GOOD",
    "Canaries",
    "Finding",
    "Instants",
    "LeakProbes",
    "Log",
    "Subject",
    "Swap",
    "System",
    "TrialSubject",
    "Update",
    "View",
    "Windows",
    "alter_after",
    "canary",
    "first_difference",
    "future_blind",
    "look",
    "permuted_labels",
    "plant",
    "state_parity",
    "too_good",
    "users_of",
]
