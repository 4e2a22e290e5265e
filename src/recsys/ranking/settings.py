"""What the second stage learns from, and which rankers compete."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from recsys.search_space import Numbers, Space
from recsys.settings import PositiveDuration, Settings

RankerName = Literal["lambdarank", "xendcg", "pointwise", "linear"]


class BoostingSettings(Settings):
    """How the boosted trees grow, in all rankers that are made of them.

    Attributes:
        learning_rate: shrinkage of each tree.
        leaf_factor: leaves of a tree against the 7, 15 or 31 that the number of positives allows.
        min_rows: fewest rows of a leaf.
        feature_share: features that each tree may use.
        lambda_l2: how much the value of a leaf is pulled towards 0.
    """

    learning_rate: float = Field(default=0.06, gt=0, le=1)
    leaf_factor: float = Field(default=1.0, gt=0)
    min_rows: int = Field(default=40, ge=1)
    feature_share: float = Field(default=0.5, gt=0, le=1)
    lambda_l2: float = Field(default=5.0, ge=0)


BOOSTING_SPACE: Space = {
    "learning_rate": Numbers((0.02, 0.04, 0.06, 0.1, 0.15)),
    "leaf_factor": Numbers((0.5, 1.0, 2.0)),
    "min_rows": Numbers((10, 20, 40, 80, 160)),
    "feature_share": Numbers((0.3, 0.5, 0.7, 1.0)),
    "lambda_l2": Numbers((1.0, 5.0, 20.0)),
}
"""What `recsys tune` may try of the boosted trees."""


class RankingSettings(Settings):
    """How the ranker is trained and chosen.

    Attributes:
        windows: most earlier label windows to learn from; at least two are needed, and 0 leaves rankers out.
        validation_windows: of these, the latest ones on which rankers and heuristics are compared.
        rankers: rankers that compete; with one name there is nothing to choose. `lambdarank` alone corrects for the
            slots in which items were shown.
        ensemble_gain: relative gain in NDCG above which the mean of all rankers serves instead of the best single one.
        max_users: users per window whose candidates are made; more are sampled by a hash of their ids.
        n_negatives: candidates without label that stay in each query.
        n_grades: grades of relevance; 1 treats all labels alike, more cut positive rewards at their quantiles.
        window_half_life: age of a label window at which its rows weigh one half.
        objectives: reward -> its weight in the score; each is learned by a model of its own. Empty: the target alone.
        ranked_within: name prefixes of features that are also ranked within each user's candidates.
        boosting: how trees grow.
        seed: of everything random.
    """

    windows: int = Field(default=5, ge=0)
    validation_windows: int = Field(default=2, ge=1)
    rankers: Annotated[tuple[RankerName, ...], Field(min_length=1)] = ("lambdarank", "xendcg", "pointwise")
    ensemble_gain: float = Field(default=0.0, ge=0)
    max_users: int = Field(default=5_000, ge=1)
    n_negatives: int = Field(default=40, ge=1)
    n_grades: int = Field(default=1, ge=1, le=8)
    window_half_life: PositiveDuration = timedelta(days=365)
    objectives: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    ranked_within: tuple[str, ...] = ("score_personal", "score_factors_fast", "score_covisits_slow")
    boosting: BoostingSettings = BoostingSettings()
    seed: int = 0
