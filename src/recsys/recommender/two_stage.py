"""The first stage and the ranker's input: sources that propose candidates, and the features of each candidate.

The same functions serve training (at past cutoffs) and scoring (tonight): what they learn at an instant is in their
tables, and a candidate's features are looked up in those.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from recsys.candidates import CandidateSource, Tables, merge
from recsys.features import Feature, FeatureGroup, feature_groups, rank_within
from recsys.knowledge import Knowledge
from recsys.recommender.costs import Stopwatch
from recsys.recommender.pick import Pick
from recsys.recommender.registry import RUNGS, RecommenderSettings
from recsys.recommender.sources import pick_of, source_of
from recsys.tables import CandidateSet, Floats

USERS_PER_BLOCK = 2_000
"""Users whose candidates are made and scored at once; it bounds memory."""

_BLOCKS_AT_ONCE = 2
"""Blocks that are made side by side: numpy, polars, FAISS and LightGBM let other threads work while they compute."""

_SOURCE, _FEATURE = "retrieval", "features"

Fitted = Callable[[Pick], Tables]
"""Gives what a variant learned, from where it may be kept already."""


@dataclass(frozen=True)
class TwoStage:
    """Retrieval and features of one configuration. Stateless: what it learns is in the tables that `fit` returns."""

    settings: RecommenderSettings

    @cached_property
    def picks(self) -> Mapping[str, Pick]:
        """Channel name -> the variant that it retrieves from."""
        return {channel.name: pick_of(channel, self.settings) for channel in self.settings.retrieval.channels}

    @cached_property
    def sources(self) -> Mapping[str, CandidateSource]:
        """Channel name -> its source."""
        return {name: source_of(pick, self.settings) for name, pick in self.picks.items()}

    @cached_property
    def quotas(self) -> Mapping[str, int]:
        """Channel that proposes candidates -> how many of its items may join."""
        return {channel.name: channel.quota for channel in self.settings.retrieval.proposing}

    @cached_property
    def groups(self) -> tuple[FeatureGroup, ...]:
        """Every group of features, in the order of the columns."""
        channels = self.settings.retrieval.channels
        return feature_groups(
            self.settings.feature_half_lives,
            channels={c.name: RUNGS[c.rung].reason for c in channels if c.quota},
            vectors={c.name: RUNGS[c.rung].reason for c in channels if RUNGS[c.rung].has_vectors},
        )

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """What the columns of the ranker's input are."""
        own = tuple(feature for group in self.groups for feature in group.features)
        return own + tuple(_ranked(feature) for feature in own if feature.name in self._strong)

    @cached_property
    def _strong(self) -> list[str]:
        """Features that are also ranked within each user's candidates."""
        names = [feature.name for group in self.groups for feature in group.features]
        return [name for name in names if name.startswith(self.settings.ranking.ranked_within)]

    def fit(self, knowledge: Knowledge, fitted: Fitted | None = None) -> Tables:
        """Learn what every source and every feature group needs.

        Time:
            Reads what `knowledge` holds, `known_at < as_of`.

        Args:
            knowledge: everything known at one instant.
            fitted: where to ask for what a variant learned; by default each is fitted here.
        """
        tables: dict[str, pl.DataFrame] = {}
        for channel, pick in self.picks.items():
            learned = fitted(pick) if fitted else self.sources[channel].fit(knowledge)
            tables |= {f"{channel_prefix(channel)}{name}": table for name, table in learned.items()}
        for group in self.groups:
            tables |= {f"{_FEATURE}.{group.name}.{name}": table for name, table in group.fit(knowledge).items()}
        return {name: _by_user(table) for name, table in tables.items()}

    def candidates(
        self, tables: Tables, users: pl.DataFrame, exclude: pl.DataFrame | None, watch: Stopwatch | None = None
    ) -> CandidateSet:
        """Ask every source and unite what they propose.

        Args:
            tables: what `fit` returned.
            users: `user_idx` and `market`, ascending.
            exclude: pairs never to propose.
            watch: measures how long each channel takes.
        """
        retrieval, watch = self.settings.retrieval, watch or Stopwatch()
        proposals = {}
        for name in self.quotas:
            with watch.measure(name):
                learned = _under(tables, channel_prefix(name))
                proposals[name] = self.sources[name].retrieve(learned, users, retrieval.depth, exclude)
        return merge(proposals, quotas=self.quotas, n_candidates=retrieval.n_candidates)

    def matrix(self, tables: Tables, candidates: CandidateSet) -> Floats:
        """Compute every feature of every candidate, shape (n_candidates, n_features)."""
        columns: list[Floats] = []
        names: list[str] = []
        for group in self.groups:
            # A group that is named after a channel reads that channel's vectors beside its own tables.
            known = _under(tables, channel_prefix(group.name)) | _under(tables, f"{_FEATURE}.{group.name}.")
            columns += group.compute(known, candidates)
            names += [feature.name for feature in group.features]
        columns += [rank_within(columns[names.index(name)], candidates) for name in self._strong]
        return np.stack(columns).T  # by column: LightGBM reads it as it is, and nothing is turned

    def blocks(
        self, tables: Tables, users: pl.DataFrame, exclude: pl.DataFrame | None, watch: Stopwatch | None = None
    ) -> Iterator[tuple[CandidateSet, Floats]]:
        """Yield the candidates and features of some thousand users at a time, in their order.

        A few blocks are made side by side and no more wait than are made, so that memory is bounded. The arguments are
        those of `candidates`.
        """
        users = users.sort("user_idx")
        with ThreadPoolExecutor(_BLOCKS_AT_ONCE) as pool:
            made: deque[Future[tuple[CandidateSet, Floats]]] = deque()
            for start in range(0, users.height, USERS_PER_BLOCK):
                made.append(pool.submit(self._block, tables, users.slice(start, USERS_PER_BLOCK), exclude, watch))
                if len(made) > _BLOCKS_AT_ONCE:
                    yield made.popleft().result()
            while made:
                yield made.popleft().result()

    def _block(
        self, tables: Tables, users: pl.DataFrame, exclude: pl.DataFrame | None, watch: Stopwatch | None
    ) -> tuple[CandidateSet, Floats]:
        hidden = None if exclude is None else exclude.join(users, on="user_idx", how="semi")
        own = {name: _of_users(table, users["user_idx"]) for name, table in tables.items()}
        candidates = self.candidates(own, users, hidden, watch)
        return candidates, self.matrix(own, candidates)


def channel_prefix(channel: str) -> str:
    """Return what the names of a channel's tables start with."""
    return f"{_SOURCE}.{channel}."


def _under(tables: Tables, prefix: str) -> dict[str, pl.DataFrame]:
    return {name.removeprefix(prefix): table for name, table in tables.items() if name.startswith(prefix)}


def _by_user(table: pl.DataFrame) -> pl.DataFrame:
    """Let each user's rows stand together, so that those of a block of users are a slice."""
    return table.sort("user_idx", maintain_order=True) if table.columns[:1] == ["user_idx"] else table


def _of_users(table: pl.DataFrame, users: pl.Series) -> pl.DataFrame:
    """Return the rows from the first to the last user, of a table that has rows by user."""
    if table.columns[:1] != ["user_idx"]:
        return table
    first = table["user_idx"].search_sorted(users[0], side="left")
    return table.slice(first, table["user_idx"].search_sorted(users[-1], side="right") - first)


def _ranked(feature: Feature) -> Feature:
    return Feature(
        f"within_{feature.name}",
        "rank",
        f"rank of {feature.name} among the user's candidates",
        feature.source,
        feature.reason,
    )
