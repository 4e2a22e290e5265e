"""Going on from an earlier model: a warm start learns again from its vectors, a refresh keeps all that it learned.

Users and items are matched by their external ids: two histories number them differently.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import polars as pl

from recsys.candidates import ContinuedSource, Tables
from recsys.data.history import History
from recsys.errors import ArtifactError, LeakageError
from recsys.knowledge import Knowledge
from recsys.recommender.model import Manifest, Model, Origin, fit
from recsys.recommender.pick import Pick
from recsys.recommender.plan_source import picks_by_prefix
from recsys.recommender.registry import RecommenderSettings
from recsys.recommender.sources import source_of
from recsys.recommender.two_stage import Fitted
from recsys.timeline import format_instant


@dataclass(frozen=True)
class Earlier:
    """What the continued sources of an earlier model learned, numbered as a later history numbers users and items.

    Attributes:
        manifest: of the earlier model.
        n_users: its users whom the history knows.
        n_items: its items that the history knows.
    """

    manifest: Manifest
    n_users: int
    n_items: int
    _tables: Mapping[tuple[str, str], Tables]

    @classmethod
    def of(cls, model: Model, history: History) -> Self:
        """Renumber what a model learned.

        Time:
            The model knows rows with `known_at < model.as_of`, which may not be later than `history.as_of`.

        Args:
            model: learned from the same home.
            history: everything known at the later instant.

        Raises:
            LeakageError: if the model was learned as of a later instant.
            ArtifactError: if the history knows none of its items.
        """
        require_earlier(model, history.as_of)
        maps = {
            "user_idx": _idx_map(model.users, history.users, "user"),
            "item_idx": _idx_map(model.items, history.items, "item"),
        }
        if maps["item_idx"].is_empty():
            raise ArtifactError(
                f"the earlier model knows {model.items.height:,} items, and this home knows 0 of them as of "
                f"{format_instant(history.as_of)}; first: {model.items['item_id'][0]}; name a model of the same home"
            )
        tables = {
            (pick.rung, pick.variant): {
                name.removeprefix(prefix): _renumbered(table, maps)
                for name, table in model.tables.items()
                if name.startswith(prefix)
            }
            for prefix, pick in continued_picks(model.manifest).items()
        }
        return cls(model.manifest, maps["user_idx"].height, maps["item_idx"].height, tables)

    @property
    def origin(self) -> Origin:
        """What the manifest of a later model says of this one."""
        return Origin(as_of=self.manifest.as_of, config_digest=self.manifest.config_digest)

    def starting(self, knowledge: Knowledge, settings: RecommenderSettings) -> Fitted:
        """Return what learns a variant: a continued source from the earlier vectors, every other one anew.

        Raises:
            ArtifactError: when it is asked for a continued source that the earlier model has not, or of another length.
        """

        def fitted(pick: Pick) -> Tables:
            source = source_of(pick, settings)
            if not isinstance(source, ContinuedSource):
                return source.fit(knowledge)
            if (pick.rung, pick.variant) not in self._tables:
                held = ", ".join(f"{rung} ({variant})" for rung, variant in self._tables) or "none"
                raise ArtifactError(
                    f"the earlier model has no {pick.rung} ({pick.variant}) to start from; it has {held}; name a model "
                    "of this configuration, or learn without an earlier one"
                )
            return source.refit(knowledge, self._tables[pick.rung, pick.variant])

        return fitted

    def refreshing(self, knowledge: Knowledge) -> Fitted:
        """Return what keeps what the earlier model's continued sources learned, and learns every other variant anew."""

        def fitted(pick: Pick) -> Tables:
            source = source_of(pick, self.manifest.settings)
            earlier = self._tables.get((pick.rung, pick.variant))
            if earlier is None or not isinstance(source, ContinuedSource):
                return source.fit(knowledge)
            return source.refresh(knowledge, earlier)

        return fitted


def refresh(model: Model, knowledge: Knowledge, *, log_version: int | None, item_version: int | None) -> Model:
    """Bring a model to a later instant without training it.

    Plan, rankers and item vectors stay as they were learned. Users, histories, counters, co-visits and item lists are
    those of the later instant; each user's vector is solved for once against the fixed item vectors. Items that are new
    since then have no vector, and come from the other sources.

    Time:
        Reads what `knowledge` holds, `known_at < knowledge.as_of`; the model knows rows with `known_at < model.as_of`.

    Args:
        model: fitted or loaded; its rewards and state settings are those of `knowledge`.
        knowledge: everything known at an instant that is not before the model's.
        log_version: version of the event log that was read.
        item_version: version of the item table that was read; None where there is none.

    Raises:
        LeakageError: if the model was learned as of a later instant.
        ArtifactError: if none of its items is known.
    """
    earlier = Earlier.of(model, knowledge.history)
    changes = {
        "as_of": knowledge.as_of,
        "log_version": log_version,
        "item_version": item_version,
        "refreshed_from": model.manifest.refreshed_from or earlier.origin,
    }
    manifest = model.manifest.model_copy(update=changes)
    return fit(knowledge, manifest, model.rankers, earlier.refreshing(knowledge))


def require_earlier(model: Model, as_of: datetime) -> None:
    """Refuse a model that knows the future of an instant.

    Raises:
        LeakageError: if it was learned as of a later one.
    """
    if model.as_of > as_of:
        raise LeakageError(
            f"the model was learned as of {format_instant(model.as_of)} and knows the future of "
            f"{format_instant(as_of)}; name a model of that instant or before, or take an instant that is not before "
            "the model's"
        )


def continued_picks(manifest: Manifest) -> dict[str, Pick]:
    """Return the variants of a model's plan that a later model can go on from, by the prefix of their tables."""
    settings = manifest.settings
    picks = picks_by_prefix(manifest.plan, settings).items()
    return {prefix: pick for prefix, pick in picks if isinstance(source_of(pick, settings), ContinuedSource)}


def _idx_map(before: pl.DataFrame, now: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return `idx` (of the earlier history) and `new` (of the later one) for each id that both know."""
    key, idx = f"{name}_id", f"{name}_idx"
    return before.select(key, idx=idx).join(now.select(key, new=idx), on=key, how="inner").select("idx", "new")


def _renumbered(table: pl.DataFrame, maps: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Number the ids of a table anew, sorted by them; rows of ids that are not known are gone."""
    for key in [name for name in maps if name in table.columns]:
        table = table.rename({key: "idx"}).join(maps[key], on="idx", how="inner").drop("idx").rename({"new": key})
        table = table.select(key, pl.exclude(key)).sort(key)
    return table
