"""Console tables: the ladder, the highest rung on top, so that the rung below is the row below; and the channels."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from recsys.evaluation import ChannelFacts, EvaluationResults, Rung
from recsys.reports.wording import (
    CHANNEL_COLUMNS,
    channel_cells,
    effect,
    focus_rung,
    interval,
    metric_label,
    number,
    rung_name,
    verdict,
)

_STYLES = {"better": "green", "worse": "red"}


def ladder_table(results: EvaluationResults) -> Table:
    """Lay the ladder out: primary metric with interval, effect against the rung below, recall, hit rate, coverage.

    Args:
        results: an evaluation.

    Returns:
        A rich table, one row per rung, highest first; what was served is bold, `*` marks the choice at the last cutoff,
        `(no data)` a rung whose lists were all the fallback's.
    """
    protocol = results.protocol
    primary = metric_label(protocol.primary_metric, protocol)
    others = [metric for metric in ("recall", "hit_rate") if metric != protocol.primary_metric]
    table = Table(
        title=results.title,
        caption=f"{protocol.n_users:,} users over {len(protocol.cutoffs)} cutoff(s); 95 % intervals from "
        f"{protocol.resamples:,} paired resamples of users; * was chosen at the last cutoff",
    )
    table.add_column("rung", no_wrap=True)
    for heading in (primary, "95 % interval", "against the rung below"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict")
    for heading in [*(metric_label(metric, protocol) for metric in others), "Coverage"]:
        table.add_column(heading, justify="right")
    for rung in reversed(results.rungs):
        is_chosen = results.choice is not None and results.choice.rung == rung.name
        cells = _cells(rung, protocol.primary_metric, others, is_chosen)
        table.add_row(*cells, style="bold" if rung.name == focus_rung(results) else None)
    return table


def _cells(rung: Rung, primary: str, others: list[str], is_chosen: bool) -> list[str | Text]:
    estimate = rung.metrics[primary]
    word = verdict(rung.vs_below)
    return [
        Text(rung_name(rung) + (" *" if is_chosen else "")),
        number(estimate.mean),
        interval(estimate),
        effect(rung.vs_below),
        Text(word, style=_STYLES.get(word, "")),
        *(number(rung.metrics[metric].mean if metric in rung.metrics else None) for metric in others),
        number(rung.lists.get("coverage")),
    ]


def channel_table(channels: Sequence[ChannelFacts]) -> Table:
    """Lay out what each retrieval channel brings and costs.

    Args:
        channels: in the order of the rows.

    Returns:
        A rich table, one row per channel; a dash stands for seconds that are not known.
    """
    table = Table(title="Channels on the windows on which rankers were compared")
    table.add_column("channel", no_wrap=True)
    for heading in CHANNEL_COLUMNS:
        table.add_column(heading, justify="right")
    for one in channels:
        table.add_row(Text(one.channel), *channel_cells(one))
    return table
