"""A first stage of four channels, fast enough to be fitted in every test."""

from collections.abc import Sequence

import polars as pl

from recsys.knowledge import Knowledge
from recsys.ranking import RankingSettings
from recsys.recommender import Channel, RecommenderSettings, RetrievalSettings

CHANNELS = (
    Channel(name="popular", rung="popularity_decayed", quota=15),
    Channel(name="near_home", rung="market_popularity", place="last", quota=3),
    Channel(name="own", rung="personal", place="middle", quota=10),
    Channel(name="factors_fast", rung="factors", quota=8),
)
SMALL = RecommenderSettings(
    retrieval=RetrievalSettings(channels=CHANNELS, depth=20, n_candidates=12),
    ranking=RankingSettings(ranked_within=("score_own", "item_reward_7d"), rankers=("linear",)),
    n_factors=4,
)
STRANGER = 900


def users_of(knowledge: Knowledge, strangers: Sequence[int] = ()) -> pl.DataFrame:
    """All users of the history, and strangers in the first market."""
    known = knowledge.history.users.select("user_idx", "market")
    more = {"user_idx": list(strangers), "market": ["DE"] * len(strangers)}
    return pl.concat([known, pl.DataFrame(more, schema=known.schema)])
