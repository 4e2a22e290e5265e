"""What a user has of an item's segment: its category or its brand; and how the item stands within it."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from recsys.features.catalogue import Feature, Tables
from recsys.features.dense import SAME, dense, gather
from recsys.knowledge import Knowledge
from recsys.tables import CandidateSet, Floats, PairTable, keys_of, ordered_sum
from recsys.timeline import age_days, format_duration

_NO_SEGMENT = 2**32 - 1


@dataclass(frozen=True)
class SegmentFeatures:
    """User-segment grain for one column of the item table; NaN where items have none."""

    column: str
    half_lives: tuple[timedelta, ...]

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column

    @property
    def features(self) -> tuple[Feature, ...]:
        """Tastes and standings."""
        c, h = self.column, format_duration(self.half_lives[0])
        like, popular = "popular in what you like", "popular in its category"
        return (
            *(
                Feature(
                    f"{c}_share_{format_duration(x)}",
                    "share",
                    f"of the user's reward, in the item's {c}",
                    "user-item state",
                    like,
                )
                for x in self.half_lives
            ),
            Feature(f"{c}_silence", "days", f"since the user's last event in the item's {c}", "user-item state", like),
            Feature(
                f"{c}_rank", "rank", f"of the item within its {c}, by reward at half-life {h}", "item state", popular
            ),
            Feature(f"{c}_part", "share", f"of its {c}'s reward that the item has", "item state", popular),
        )

    def fit(self, knowledge: Knowledge) -> Tables:
        """Number the segments and add the user-item state up by them."""
        items = knowledge.history.items.select("item_idx", segment=self.column)
        names = items["segment"].drop_nulls().unique().sort()
        numbered = items.join(
            pl.DataFrame({"segment": names}).with_row_index("segment_idx"),
            on="segment",
            how="left",
            maintain_order="left",
        )
        return {
            "segments": numbered.select(pl.col("segment_idx").fill_null(_NO_SEGMENT).cast(pl.UInt32)),
            "tastes": self._tastes(knowledge, numbered),
            "standings": self._standings(knowledge, numbered),
        }

    def _tastes(self, knowledge: Knowledge, numbered: pl.DataFrame) -> pl.DataFrame:
        """Per user and segment: its share of the user's reward at each half-life, and the days since the last event."""
        hs = [format_duration(h) for h in self.half_lives]
        masses = {f"{self.column}_share_{h}": f"reward_{knowledge.target}_{h}" for h in hs}
        pairs = knowledge.grain("user_item").join(numbered.drop_nulls("segment_idx"), on="item_idx", how="inner")
        sums = (
            pairs.sort("user_idx", "segment_idx", "item_idx")
            .group_by("user_idx", "segment_idx", maintain_order=True)
            .agg(
                *(ordered_sum(pl.col(mass)).alias(name) for name, mass in masses.items()),
                last=pl.col("last_time").max(),
            )
        )
        shares = [(pl.col(name) / ordered_sum(pl.col(name)).over("user_idx")).cast(pl.Float32) for name in masses]
        silence = age_days(pl.col("last"), knowledge.as_of).cast(pl.Float32)
        return sums.select("user_idx", "segment_idx", *shares, silence.alias(f"{self.column}_silence"))

    def _standings(self, knowledge: Knowledge, numbered: pl.DataFrame) -> pl.DataFrame:
        """Per item: its rank within its segment, and its part of the segment's reward."""
        mass = pl.col(f"reward_{knowledge.target}_{format_duration(self.half_lives[0])}").fill_null(0.0)
        # NOTE: sums of floats depend on their order, so the rows keep that of the items.
        ranked = numbered.drop_nulls("segment_idx").join(
            knowledge.grain("item"), on="item_idx", how="left", maintain_order="left"
        )
        table = ranked.select(
            "item_idx",
            rank=mass.round_sig_figs(SAME).rank("min", descending=True).over("segment_idx"),
            part=mass / ordered_sum(mass).over("segment_idx"),
        )
        return dense(table, "item_idx", numbered.height)

    def compute(self, tables: Tables, candidates: CandidateSet) -> list[Floats]:
        """Look the users' tastes and the items' standings up."""
        segments = np.append(tables["segments"]["segment_idx"].to_numpy(), np.uint32(_NO_SEGMENT))
        segment = segments[np.minimum(candidates.item_idx, len(segments) - 1)]
        tastes = PairTable(tables["tastes"]).take(keys_of(candidates.user_idx, segment))
        return [*tastes.values(), *gather(tables["standings"], candidates.item_idx)]
