"""How numbers and metrics are written, the same on the page and on the console."""

from collections.abc import Mapping

from recsys.evaluation import SERVED, ChannelFacts, Comparison, Estimate, EvaluationResults, Protocol, Rung

MISSING = "–"
"""Written where a value is undefined."""

_ACCURACY = {
    "ndcg": ("NDCG", "hits weighted by 1 / log2(rank + 1), over the same for the best possible list"),
    "recall": ("Recall", "hits over what could have been hit: min(depth, items of the user's truth)"),
    "precision": ("Precision", "hits over list depth"),
    "mrr": ("MRR", "1 / rank of the first hit, 0 without a hit"),
    "map": ("MAP", "precision at each hit's rank, summed over hits, over min(depth, items of the truth)"),
    "hit_rate": ("Hit rate", "share of users with at least one hit"),
    "reward_ndcg": ("Reward NDCG", "NDCG in which every hit counts its reward instead of 1"),
    "recall_repeat": ("Recall, repeats", "recall over the items that the user had before the cutoff"),
    "recall_explore": ("Recall, new items", "recall over the items that the user did not have before the cutoff"),
}
_LISTS = {
    "coverage": ("Coverage", "share of the catalogue that stands in at least one list"),
    "gini": ("Gini", "inequality of exposure: 0 if every item is listed equally often, 1 if one item takes all"),
    "novelty": ("Novelty, bits", "mean of -log2 of the listed items' smoothed share of events; higher is rarer"),
    "diversity": ("Diversity", "share of a list's pairs of items that are of different categories"),
    "item_age_days": ("Item age, days", "mean age of the listed items at the cutoff"),
    "repeat_share": ("Repeat share", "share of the list that the user had before the cutoff"),
}

CHANNEL_COLUMNS = {
    "Recall": "share of all labels that the channel proposed within its quota",
    "Unique recall": "share of all labels that no other channel proposed",
    "Precision": "share of its proposals that were labels",
    "Volume": "its proposals per user",
    "Seconds per 1,000 users": "of retrieval, on the machine that made the candidates",
    "Seconds to learn": "at one cutoff; what channels share is charged to one of them",
}


def channel_cells(one: ChannelFacts) -> list[str]:
    """Write a channel's numbers in the order of `CHANNEL_COLUMNS`; a dash where seconds are not known."""
    shares = [number(share) for share in (one.recall, one.unique_recall, one.precision)]
    return [*shares, number(one.volume, 1), number(one.seconds, 3), number(one.fit_seconds, 3)]


def focus_rung(results: EvaluationResults) -> str:
    """Name the row a reader looks for: what was served over the cutoffs, else the choice, else the highest rung."""
    names = [rung.name for rung in results.rungs]
    if SERVED in names:
        return SERVED
    return results.choice.rung if results.choice is not None else names[-1]


def rung_name(rung: Rung) -> str:
    """Name a rung, and say so where it had no candidates of its own and its row is that of others.

    Example:
        >>> from types import SimpleNamespace
        >>> rung_name(SimpleNamespace(name="season", has_data=False))
        'season (no data)'
    """
    return rung.name if rung.has_data else f"{rung.name} (no data)"


def metric_label(metric: str, protocol: Protocol) -> str:
    """Return a metric's name with its list depth, such as `NDCG@10`, and its reward if it names one.

    Example:
        >>> from types import SimpleNamespace
        >>> metric_label("recall", SimpleNamespace(k=10, k_recall=20))
        'Recall@20'
        >>> metric_label("ndcg[click]", SimpleNamespace(k=10, k_recall=20))
        'NDCG@10, click'
    """
    if metric in _LISTS:
        return _LISTS[metric][0]
    base, _, reward = metric.partition("[")
    name, *rest = _ACCURACY.get(base, (base,))[0].split(", ")
    depth = protocol.k_recall if base.startswith("recall") else protocol.k
    return ", ".join([f"{name}@{depth}", *rest, *([reward.rstrip("]")] if reward else [])])


def glossary(metrics: Mapping[str, object], protocol: Protocol) -> list[tuple[str, str]]:
    """Return name and meaning of the known metrics among those given, accuracy first."""
    known = _ACCURACY | _LISTS
    return [(metric_label(metric, protocol), text) for metric, (_, text) in known.items() if metric in metrics]


def number(value: float | None, digits: int = 4) -> str:
    """Write a number.

    Example:
        >>> number(0.24381), number(12345.6, 0), number(None)
        ('0.2438', '12,346', '–')
    """
    return MISSING if value is None else f"{value:,.{digits}f}".replace("-", "−")


def interval(estimate: Estimate | None) -> str:
    """Write the bounds of an estimate.

    Example:
        >>> interval(Estimate(0.2, 0.1, 0.3))
        '0.1000 to 0.3000'
    """
    if estimate is None or estimate.low is None or estimate.high is None:
        return MISSING
    return f"{number(estimate.low)} to {number(estimate.high)}"


def percent(share: float | None, *, signed: bool = False) -> str:
    """Write a share as a percentage.

    Example:
        >>> percent(0.031), percent(0.031, signed=True), percent(-0.031, signed=True)
        ('3.1 %', '+3.1 %', '−3.1 %')
    """
    if share is None:
        return MISSING
    return f"{100 * share:{'+' if signed else ''},.1f} %".replace("-", "−")


def effect(comparison: Comparison | None) -> str:
    """Write a relative effect with its interval.

    Example:
        >>> effect(None)
        '–'
    """
    if comparison is None or comparison.relative is None:
        return MISSING
    low, high = (percent(bound, signed=True) for bound in (comparison.relative_low, comparison.relative_high))
    return f"{percent(comparison.relative, signed=True)} ({low} to {high})"


def verdict(comparison: Comparison | None) -> str:
    """Say in one word what a comparison decides: better, worse or undecided."""
    if comparison is None or comparison.difference is None:
        return MISSING
    if not comparison.is_decisive:
        return "undecided"
    return "better" if comparison.difference > 0 else "worse"
