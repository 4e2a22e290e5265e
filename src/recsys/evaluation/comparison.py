"""Is one method better than another, by how much, and is that enough to act on?

With many users nearly every difference is significant, so a comparison is decided by its size: it must reach a
minimum relative effect named before looking, and its interval, adjusted for the number of planned comparisons, must
leave out zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.errors import ConfigError
from recsys.evaluation.bootstrap import Bootstrap, Resampled, percentiles

SIGNIFICANCE = 0.05
"""Family-wise error rate of one set of planned comparisons."""


@dataclass(frozen=True)
class Comparison:
    """One method against another on one metric, paired by user; null where there is nothing to divide by.

    Attributes:
        method, against: the two methods.
        metric: the metric.
        difference: mean of `method` - mean of `against`, with the 95 % interval `low` .. `high`.
        relative: difference / mean of `against`, with the 95 % interval `relative_low` .. `relative_high`.
        effect_size: Cohen's d of the paired differences: difference / their standard deviation over users.
        p_value: two-sided, from the resamples; at least 2 / (resamples + 1).
        p_adjusted: the same after Holm, over the comparisons planned together.
        is_decisive: p_adjusted < 0.05 and |relative| at least the minimum effect.
    """

    method: str
    against: str
    metric: str
    difference: float | None
    low: float | None
    high: float | None
    relative: float | None
    relative_low: float | None
    relative_high: float | None
    effect_size: float | None
    p_value: float
    p_adjusted: float
    is_decisive: bool


def compare(
    boot: Bootstrap, pairs: Sequence[tuple[str, str]], *, metric: str, min_relative_effect: float = 0.01
) -> list[Comparison]:
    """Compare methods in pairs, planned together.

    Wilcoxon and sign tests reject too often with many users; the paired bootstrap does not, and gives an interval
    for the effect in the same breath.

    Args:
        boot: the resamples, keyed by method.
        pairs: (method, against), all of one plan; the p-values are adjusted for their number.
        metric: the metric all pairs are compared on.
        min_relative_effect: the smallest relative difference worth acting on, named before looking; 0.01 is 1 %.

    Returns:
        One comparison per pair, in the order of `pairs`.

    Raises:
        ConfigError: if the minimum effect is negative, or a method or the metric is not in `boot`.

    Source:
        Ihemelandu & Ekstrand 2023, doi:10.1145/3539618.3592004; Holm 1979, doi:10.2307/4615733. The effect size
        takes the standard deviation from the variance of the mean (exact for one cutoff and ungrouped users).

    Example:
        >>> import polars as pl
        >>> from recsys.evaluation.bootstrap import bootstrap
        >>> from recsys.evaluation.groups import UserGroups
        >>> users = pl.DataFrame({"user_id": [f"u{i}" for i in range(40)], "user_idx": range(40)})
        >>> groups = UserGroups.build(users["user_id"], seed=0).at(users)
        >>> worse, better = (users.with_columns(ndcg=pl.lit(x) + pl.col("user_idx") / 100) for x in (0.1, 0.2))
        >>> sums = {name: {"c": groups.sum(s, ["ndcg"])} for name, s in (("a", worse), ("b", better))}
        >>> result = compare(bootstrap(sums), [("b", "a")], metric="ndcg")[0]
        >>> round(result.difference, 6), round(result.relative, 4), result.is_decisive
        (0.1, 0.339, True)
    """
    if min_relative_effect < 0:
        raise ConfigError(f"min_relative_effect is {min_relative_effect}; name a share of at least 0, such as 0.01")
    values = [(boot.value(method, metric), boot.value(against, metric)) for method, against in pairs]
    p_values = [_p_value(new.draws - old.draws) for new, old in values]
    adjusted = holm(p_values)
    return [
        _comparison(pair, metric, value, (p_values[i], adjusted[i]), min_relative_effect)
        for i, (pair, value) in enumerate(zip(pairs, values, strict=True))
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the chance of any false rejection among them stays below the level.

    With p_(1) <= .. <= p_(m): adjusted p_(i) = max over j <= i of min(1, (m - j + 1) p_(j)).

    Args:
        p_values: of comparisons planned together.

    Returns:
        Adjusted values, in the order given.

    Source:
        Holm 1979, doi:10.2307/4615733.

    Example:
        >>> holm([0.04, 0.01, 0.03])
        [0.06, 0.03, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, factors * np.asarray(p_values, np.float64)[order]))
    return [float(p) for p in adjusted]


def finite_or_none(value: float) -> float | None:
    """Return the number, or None where it is NaN or infinite, as JSON has neither."""
    return float(value) if np.isfinite(value) else None


def _p_value(draws: NDArray[np.float64]) -> float:
    there = draws[~np.isnan(draws)]
    one_sided = min(np.count_nonzero(there <= 0), np.count_nonzero(there >= 0))
    return float(min(1.0, 2 * (one_sided + 1) / (len(there) + 1)))


def _comparison(
    pair: tuple[str, str], metric: str, value: tuple[Resampled, Resampled], p: tuple[float, float], minimum: float
) -> Comparison:
    new, old = value
    difference = new.mean - old.mean
    draws = new.draws - old.draws
    low, high = percentiles(draws)
    relative, relative_low, relative_high = _relative(difference, draws, old)
    spread = float(np.sqrt(np.sum((new.influence - old.influence) ** 2) * new.n_scores))
    is_large = abs(relative) >= minimum if relative is not None else difference > 0
    return Comparison(
        method=pair[0],
        against=pair[1],
        metric=metric,
        difference=finite_or_none(difference),
        low=finite_or_none(low),
        high=finite_or_none(high),
        relative=relative,
        relative_low=relative_low,
        relative_high=relative_high,
        effect_size=finite_or_none(difference / spread) if spread > 0 else None,
        p_value=p[0],
        p_adjusted=p[1],
        is_decisive=bool(is_large and p[1] < SIGNIFICANCE),
    )


def _relative(
    difference: float, draws: NDArray[np.float64], old: Resampled
) -> tuple[float | None, float | None, float | None]:
    """Divide the difference and its resamples by what it is relative to; nothing is relative to zero."""
    if not old.mean > 0:
        return None, None, None
    ratios = np.divide(draws, old.draws, out=np.full_like(draws, np.nan), where=old.draws > 0)
    low, high = percentiles(ratios)
    return finite_or_none(difference / old.mean), finite_or_none(low), finite_or_none(high)
