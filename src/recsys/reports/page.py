"""The report: one HTML file that needs nothing else, without script or link, for light and dark screens and print."""

from pathlib import Path

import jinja2

from recsys.evaluation import EvaluationResults, UserGroup
from recsys.recommender import RANKED
from recsys.reports import wording
from recsys.reports.charts import cutoff_chart, ladder_chart

_LIST_COLUMNS = ("coverage", "gini", "novelty", "diversity", "item_age_days", "repeat_share")
_EFFECT_COLUMNS = ("ndcg", "recall", "coverage", "novelty", "diversity")


def render_report(results: EvaluationResults, out: Path) -> None:
    """Write the report of an evaluation, replacing `out` atomically.

    Args:
        results: an evaluation with at least one rung.
        out: the HTML file; its folder exists.

    Raises:
        OSError: if the folder of `out` is missing or cannot be written.
    """
    part = out.with_name(f"{out.name}.part")
    part.write_text(render_page(results), encoding="utf-8")
    part.replace(out)


def render_page(results: EvaluationResults) -> str:
    """Return the report as HTML; the same results give the same bytes."""
    loader = jinja2.PackageLoader("recsys.reports")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    written = (wording.number, wording.percent, wording.interval, wording.effect, wording.verdict, wording.rung_name)
    for function in written:
        environment.filters[function.__name__] = function
    focus = wording.focus_rung(results)
    metrics = list(results.rungs[0].metrics)
    return environment.get_template("report.html.j2").render(
        results=results,
        ranked=RANKED,
        protocol=results.protocol,
        provenance=results.provenance,
        rungs=results.rungs[::-1],
        focus=next(rung for rung in results.rungs if rung.name == focus),
        metrics=metrics,
        list_columns=_LIST_COLUMNS,
        effect_columns=_EFFECT_COLUMNS,
        channel_columns=wording.CHANNEL_COLUMNS,
        channels=[(one.channel, wording.channel_cells(one)) for one in results.channels],
        markets=[(group, _best_rung(group)) for group in results.markets],
        worst={rung.name: _worst(results, rung.name) for rung in results.rungs},
        label=lambda metric: wording.metric_label(metric, results.protocol),
        glossary=wording.glossary(dict.fromkeys([*metrics, *_LIST_COLUMNS]), results.protocol),
        ladder_chart=ladder_chart(results),
        cutoff_chart=cutoff_chart(results),
    )


def _best_rung(group: UserGroup) -> str:
    """Name the rung with the highest mean within a group of users; the higher one of the ladder on a tie."""
    means = {name: estimate.mean for name, estimate in group.rungs.items() if estimate.mean is not None}
    return max(reversed(means), key=lambda name: means[name], default=wording.MISSING)


def _worst(results: EvaluationResults, name: str) -> float | None:
    """Return a rung's lowest primary metric over the cutoffs."""
    rung = next(rung for rung in results.rungs if rung.name == name)
    means = [scores.metrics[results.protocol.primary_metric].mean for scores in rung.per_cutoff]
    return min((mean for mean in means if mean is not None), default=None)
