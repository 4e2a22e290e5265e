"""All probes of one system on one log, with as few fits as they need: five, and two more where something differs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from recsys.errors import DataError
from recsys.evaluation.leaks.altered import Swap, alter_after
from recsys.evaluation.leaks.blindness import canary, future_blind
from recsys.evaluation.leaks.finding import Finding
from recsys.evaluation.leaks.labels import Windows, permuted_labels, too_good
from recsys.evaluation.leaks.parity import Update, state_parity
from recsys.evaluation.leaks.planted import Canaries, plant
from recsys.evaluation.leaks.subject import Log, Subject, System, users_of
from recsys.evaluation.leaks.view import View, feature_columns, look, pair_ids
from recsys.ranking import RANKERS, RankingSettings
from recsys.recommender import Examples, RankerSet, RankingPlan
from recsys.rewards import RewardSettings
from recsys.state import update_state
from recsys.timeline import format_instant

_N_ROUNDS = 50
"""Rounds of the rankers: enough to tell learning from chance."""

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Instants:
    """When the probes look.

    Attributes:
        earlier: where the label window begins from which rankers learn.
        as_of: where the label window begins on which they are scored; the earlier labels are known by then.
        end: when the later labels are known.
    """

    earlier: datetime
    as_of: datetime
    end: datetime


@dataclass(frozen=True)
class _Learned:
    """A subject with the examples of some of its users, also as a table with external ids."""

    subject: Subject
    user_ids: list[str]
    examples: Examples
    table: pl.DataFrame

    @classmethod
    def of(cls, subject: Subject, user_ids: list[str]) -> "_Learned":
        users = users_of(subject.knowledge, user_ids)
        examples = subject.examples(users.select("user_idx", "market"))
        idx = (examples.pairs[f"{name}_idx"].to_numpy() for name in ("user", "item"))
        pairs = pair_ids(subject.knowledge, users, *idx)
        return cls(subject, user_ids, examples, pairs.hstack(feature_columns(subject, examples.features)))

    def swap(self, seed: int) -> Swap:
        """Draw other labels for these users."""
        return Swap.draw(self.table.select("user_id", "item_id"), seed)


@dataclass(frozen=True)
class LeakProbes:
    """The probes of one system on one log.

    Attributes:
        system: what is probed.
        log: all that it may learn from.
        instants: when to look.
        rewards: the reward definitions.
        ranking: which ranker learns, and how.
        n_users: most users to look at.
        depth: length of the lists to look at.
        update: what brings a state up to date.
        on_step: told in words what comes next.
    """

    system: System
    log: Log
    instants: Instants
    rewards: RewardSettings
    ranking: RankingSettings
    n_users: int = 300
    depth: int = 100
    update: Update = update_state
    on_step: Callable[[str], None] = lambda _: None

    def run(self) -> list[Finding]:
        """Run every probe.

        Time:
            Learns at `earlier`, at `as_of`, and a little after it where canaries are to be seen.

        Raises:
            DataError: if there is too little in the label windows to learn from.
        """
        earlier, now = self._earlier(self.log), self._now(self.log)
        rankers = self._fit(earlier.examples)
        canaries, log = self._planted(self._altered(now, self.instants.as_of), now.user_ids)
        other_now, came = self._now(log, now.user_ids), self._labelled(log)
        other_earlier = self._earlier(self._altered(earlier, self.instants.earlier), earlier.user_ids)
        who = [*now.user_ids, canaries.user, canaries.stranger]
        view, other_view = (look(one.subject, who, rankers, self.depth) for one in (now, other_now))
        honest = _tables(earlier.table, earlier.subject, view)
        blind = future_blind(honest, _tables(other_earlier.table, came, other_view))
        later = look(self._when_known(now.user_ids), who, rankers, self.depth)
        true, permuted = (Windows(a.examples, b.examples) for a, b in ((earlier, now), (other_earlier, other_now)))
        self.on_step("rankers, and the state night by night")
        names = [feature.name for feature in now.subject.features]
        return [
            blind if blind.passed else self._explained(blind, honest, who, rankers),
            canary(other_view, later, canaries),
            permuted_labels(true, permuted, self.rewards.target, self._fit, seed=self.ranking.seed),
            too_good(now.examples, self.rewards.target, names),
            state_parity(now.subject, self.log, *now.subject.propose(self._users(now)), update=self.update),
        ]

    def _earlier(self, log: Log, user_ids: list[str] | None = None) -> _Learned:
        return self._learn(log, self.instants.earlier, self.instants.as_of, user_ids)

    def _now(self, log: Log, user_ids: list[str] | None = None) -> _Learned:
        return self._learn(log, self.instants.as_of, self.instants.end, user_ids)

    def _learn(self, log: Log, cutoff: datetime, as_of: datetime, user_ids: list[str] | None) -> _Learned:
        """Learn, and take the users' examples; by default those of a sample."""
        what = "the log" if log is self.log else "a log with another future"
        self.on_step(f"learn from {what} as of {format_instant(cutoff)}")
        subject = self.system.learn(log, cutoff, as_of)
        ids = subject.label_users(self.n_users) if user_ids is None else user_ids
        if not ids:
            raise DataError(
                f"as of {format_instant(cutoff)}: 0 users with a history have a label in the window that follows; "
                "choose another --as-of or a longer evaluation.horizon"
            )
        return _Learned.of(subject, ids)

    def _altered(self, honest: _Learned, as_of: datetime) -> Log:
        since = as_of - (self.instants.as_of - self.instants.earlier)
        return alter_after(self.log, as_of, honest.swap(self.ranking.seed), since=since, seed=self.ranking.seed)

    def _planted(self, log: Log, user_ids: Sequence[str]) -> tuple[Canaries, Log]:
        start = self.instants.as_of
        return plant(log, start, user_ids, self.rewards, since=self.instants.earlier)

    def _labelled(self, log: Log) -> Subject:
        """Return what has the labels from which rankers learn, as the log tells them by `as_of`."""
        return self.system.learn(log, self.instants.earlier, self.instants.as_of)

    def _when_known(self, user_ids: Sequence[str]) -> Subject:
        """Learn from the log with canaries, once they are known."""
        canaries, log = self._planted(self.log, user_ids)
        cutoff = max(canaries.end, canaries.start + _DAY)
        self.on_step(f"learn from a log with canaries as of {format_instant(cutoff)}")
        return self.system.learn(log, cutoff, max(self.instants.end, cutoff))

    def _fit(self, examples: Examples) -> RankerSet:
        """Fit the first ranker of the settings on one window."""
        target, name = self.rewards.target, self.ranking.rankers[0]
        rows = examples.training_rows(target, examples.cutoff, self.ranking)
        if not len(rows):
            raise DataError(
                f"as of {format_instant(examples.cutoff)}: of {len(examples.sizes):,} users none took a candidate in "
                "the window that follows; take more --users or choose another --as-of"
            )
        names = [f"f{i}" for i in range(examples.features.shape[1])]
        plan = RankingPlan(
            rankers=(name,), objectives={target: 1.0}, cold="ranked", n_rounds={name: _N_ROUNDS}, windows=1
        )
        return RankerSet(plan, {(target, name): RANKERS[name].fit(rows, names, n_rounds=_N_ROUNDS).ranker})

    def _users(self, learned: _Learned) -> pl.DataFrame:
        return users_of(learned.subject.knowledge, learned.user_ids).select("user_idx", "market")

    def _explained(
        self, blind: Finding, honest: Mapping[str, pl.DataFrame], who: Sequence[str], rankers: RankerSet
    ) -> Finding:
        """Tell a leak from a system that gives other bytes each time: learn from the same log again."""
        log = Log(self.log.events, self.log.items)
        earlier, now = self._earlier(log), self._now(log)
        again = look(now.subject, who, rankers, self.depth)
        same = future_blind(honest, _tables(earlier.table, earlier.subject, again))
        if same.passed:
            return blind
        text = f"the same log learned from twice differs too, so this says nothing of the future: {same.example}"
        return Finding(blind.probe, False, blind.showed, text)


def _tables(training: pl.DataFrame, came: Subject, now: View) -> dict[str, pl.DataFrame]:
    """Return by name all that must not depend on the future."""
    came_of = {"training labels": came.labels(), "training positions": came.positions()}
    return {"training features": training, **came_of, **now.tables}
