"""What the second stage learns from, and which rankers compete."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from recsys.settings import PositiveDuration, Settings

RankerName = Literal["lambdarank", "xendcg", "pointwise", "linear"]


class RankingSettings(Settings):
    """How the ranker is trained and chosen.

    Attributes:
        windows: most earlier label windows to learn from; at least two are needed, and 0 leaves rankers out.
        validation_windows: of these, the latest ones on which rankers and heuristics are compared.
        rankers: rankers that compete; with one name there is nothing to choose. `lambdarank` alone corrects for the
            slots in which items were shown.
        ensemble_gain: relative gain in NDCG over the best single ranker from which their mean rank serves instead.
        max_users: users per window whose candidates are made; more are sampled by a hash of their ids.
        n_negatives: candidates without label that stay in each query.
        n_grades: grades of relevance; 1 treats all labels alike, more cut positive rewards at their quantiles.
        window_half_life: age of a label window at which its rows weigh one half.
        objectives: reward -> its weight in the score; each is learned by a model of its own. Empty: the target alone.
        ranked_within: name prefixes of features that are also ranked within each user's candidates.
        seed: of everything random.
    """

    windows: int = Field(default=5, ge=0)
    validation_windows: int = Field(default=2, ge=1)
    rankers: Annotated[tuple[RankerName, ...], Field(min_length=1)] = ("lambdarank", "xendcg", "pointwise")
    ensemble_gain: float = Field(default=0.002, ge=0)
    max_users: int = Field(default=5_000, ge=1)
    n_negatives: int = Field(default=40, ge=1)
    n_grades: int = Field(default=1, ge=1, le=8)
    window_half_life: PositiveDuration = timedelta(days=365)
    objectives: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    ranked_within: tuple[str, ...] = ("score_personal", "score_factors_fast", "score_covisits_slow")
    seed: int = 0
