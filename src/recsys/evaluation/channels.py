"""What each retrieval channel brings: recall, the recall that no other channel brings, precision, volume; and costs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from recsys.recommender import Examples, TwoStage


@dataclass(frozen=True)
class ChannelFacts:
    """One channel over some windows; shares are 0 .. 1.

    Attributes:
        channel: its name.
        recall: share of all labels of the windows' users that it proposed within its quota.
        unique_recall: share of all labels that it alone proposed.
        precision: share of its proposals that were labels.
        volume: mean number of its proposals per user.
        seconds: of retrieval per 1,000 users, as measured where the candidates were made; None if that is not known.
        fit_seconds: to learn what it retrieves from, at one cutoff; what channels share is charged to one of them. None
            if that is not known.
    """

    channel: str
    recall: float
    unique_recall: float
    precision: float
    volume: float
    seconds: float | None
    fit_seconds: float | None


def channel_facts(
    examples: Sequence[Examples], n_labels: Sequence[int], stage: TwoStage, *, target: str
) -> list[ChannelFacts]:
    """Measure every channel on the candidates of earlier windows.

    A proposal counts as far as it became a candidate within the channel's quota; what the merge dropped is not seen by
    the ranker, so it is not counted here either.

    Args:
        examples: candidates and features of some windows.
        n_labels: labels of each window's users, candidates or not.
        stage: retrieval and features that made them.
        target: the reward whose labels count.

    Returns:
        One row per channel, largest recall first.
    """
    names = [feature.name for feature in stage.features]
    channels = stage.settings.retrieval.proposing
    columns = [names.index(f"rank_{channel.name}") for channel in channels]
    quotas = np.array([channel.quota for channel in channels], np.float32)
    proposed = np.concatenate([one.features[:, columns] <= quotas for one in examples])
    is_label = np.concatenate([one.rows(target).grade > 0 for one in examples])
    n_users = sum(len(one.sizes) for one in examples)
    alone = proposed & (proposed.sum(axis=1) == 1)[:, None]
    total = max(sum(n_labels), 1)
    hits, volume = proposed[is_label].sum(axis=0), proposed.sum(axis=0)
    costs = _mean_costs(examples)
    facts = [
        ChannelFacts(
            channel=channel.name,
            recall=float(hits[i] / total),
            unique_recall=float(alone[is_label, i].sum() / total),
            precision=float(hits[i] / max(volume[i], 1)),
            volume=float(volume[i] / max(n_users, 1)),
            **costs.get(channel.name, {"seconds": None, "fit_seconds": None}),
        )
        for i, channel in enumerate(channels)
    ]
    return _ordered(facts)


def mean_channels(cutoffs: Sequence[Sequence[ChannelFacts]]) -> list[ChannelFacts]:
    """Average every channel over the cutoffs that measured it, each counting equally.

    Args:
        cutoffs: the channels of each cutoff; none where no ranker was compared there.

    Returns:
        One row per channel, largest recall first; seconds are means over the cutoffs where they are known.
    """
    rows = [asdict(one) for channels in cutoffs for one in channels]
    if not rows:
        return []
    means = pl.DataFrame(rows, infer_schema_length=None).group_by("channel", maintain_order=True).agg(pl.all().mean())
    return _ordered([ChannelFacts(**row) for row in means.to_dicts()])


def _mean_costs(examples: Sequence[Examples]) -> dict[str, dict[str, float | None]]:
    """Average each channel's costs over the windows where they are known."""
    means = pl.concat([one.costs for one in examples]).group_by("channel").agg(pl.all().mean())
    return {row.pop("channel"): row for row in means.to_dicts()}


def _ordered(facts: Sequence[ChannelFacts]) -> list[ChannelFacts]:
    return sorted(facts, key=lambda one: (-one.recall, one.channel))
