"""Charts as inline SVG without script: colours are CSS variables of the page, so they follow light and dark."""

from html import escape
from typing import Any

import altair as alt
import polars as pl
import vl_convert

from recsys.evaluation import EvaluationResults
from recsys.reports.wording import focus_rung, metric_label

_INK, _MUTED, _LINE, _ACCENT = "var(--ink)", "var(--muted)", "var(--line)", "var(--accent)"
_FONT = "system-ui, sans-serif"
_WIDTH = 680
_ROW_HEIGHT = 30
_CUTOFF_HEIGHT = 300
_PIXELS_PER_LETTER = 8
"""Room for the names of the rungs: readers' fonts are wider than the one with which the chart is laid out."""
_LABEL_GAP = 15.0
"""Pixels between two labels at the end of lines."""


def ladder_chart(results: EvaluationResults) -> str:
    """Draw the primary metric of every rung as a dot on its 95 % interval, highest rung on top."""
    metric = results.protocol.primary_metric
    rows: list[dict[str, Any]] = []
    for rung in reversed(results.rungs):
        estimate = rung.metrics[metric]
        rows.append({"rung": rung.name, "mean": estimate.mean, "low": estimate.low, "high": estimate.high})
    served = focus_rung(results)
    title = metric_label(metric, results.protocol)
    order = [row["rung"] for row in rows]
    extent = _PIXELS_PER_LETTER * max(len(name) for name in order)
    axis = alt.Axis(title=None, domain=False, ticks=False, labelLimit=0, labelPadding=10, minExtent=extent)
    colour = alt.condition(alt.datum.rung == served, alt.value(_ACCENT), alt.value(_MUTED))
    base = alt.Chart(pl.DataFrame(rows)).encode(y=alt.Y("rung:N", sort=order, axis=axis), color=colour)
    x_axis = alt.Axis(title=f"{title}, mean over users and 95 % interval", grid=True, tickCount=6)
    whiskers = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", axis=x_axis, scale=alt.Scale(zero=True, nice=True)), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=80, opacity=1).encode(x="mean:Q")
    chart = (whiskers + dots).properties(width=_WIDTH, height=_ROW_HEIGHT * len(rows))
    return _svg(chart, f"{title} of each rung with its 95 % interval; the numbers are in the table below")


def cutoff_chart(results: EvaluationResults) -> str:
    """Draw the primary metric of every rung over the cutoffs, the served rung in colour, names at the line ends."""
    metric = results.protocol.primary_metric
    rows = [
        {"rung": rung.name, "cutoff": scores.cutoff[:10], "mean": scores.metrics[metric].mean}
        for rung in results.rungs
        for scores in rung.per_cutoff
    ]
    served = focus_rung(results)
    title = metric_label(metric, results.protocol)
    top = 1.05 * max((row["mean"] for row in rows if isinstance(row["mean"], float)), default=1.0) or 1.0
    y = alt.Y("mean:Q", axis=alt.Axis(title=title, tickCount=5), scale=alt.Scale(domain=[0, top], nice=False))
    x = alt.X(
        "cutoff:O",
        scale=alt.Scale(type="point", padding=0.1),
        axis=alt.Axis(title="cutoff", labelAngle=0, labelOverlap=True, labelPadding=8),
    )
    is_served = alt.datum.rung == served
    colour = alt.condition(is_served, alt.value(_ACCENT), alt.value(_MUTED))
    base = alt.Chart(pl.DataFrame(rows)).encode(x=x, y=y, detail="rung:N", color=colour)
    lines = base.mark_line(strokeWidth=2).encode(opacity=alt.condition(is_served, alt.value(1), alt.value(0.6)))
    dots = base.mark_point(filled=True, size=45, opacity=1)
    ends = _line_ends(results, top)
    names = (
        alt.Chart(pl.DataFrame(ends))
        .mark_text(align="left", baseline="middle", dx=12, fontSize=12)
        .encode(x=x, y=alt.Y("place:Q", scale=alt.Scale(domain=[0, top], nice=False)), text="rung:N", color=colour)
    )
    chart = (lines + dots + names).properties(width=_WIDTH, height=_cutoff_height(results))
    return _svg(chart, f"{title} of each rung at each cutoff; the numbers are in the table below")


def _cutoff_height(results: EvaluationResults) -> float:
    """Return a height in which the names of all rungs have room."""
    return max(_CUTOFF_HEIGHT, _LABEL_GAP * len(results.rungs))


def _line_ends(results: EvaluationResults, top: float) -> list[dict[str, Any]]:
    """Place the names of the rungs beside their last points, moved apart upwards where they would overlap."""
    metric = results.protocol.primary_metric
    last = [(rung.per_cutoff[-1].metrics[metric].mean, rung) for rung in results.rungs if rung.per_cutoff]
    ends = sorted((mean, rung.name, rung.per_cutoff[-1].cutoff[:10]) for mean, rung in last if mean is not None)
    gap = _LABEL_GAP * top / _cutoff_height(results)
    places: list[float] = []
    for mean, _, _ in ends:
        places.append(max(mean, places[-1] + gap) if places else mean)
    for i in reversed(range(len(places))):
        places[i] = min(places[i], top - gap * (len(places) - 1 - i))
    return [
        {"rung": name, "cutoff": cutoff, "place": place} for (_, name, cutoff), place in zip(ends, places, strict=True)
    ]


def _svg(chart: alt.LayerChart, description: str) -> str:
    """Render a chart in the page's colours and font, scalable, with an accessible name."""
    axis: dict[str, Any] = {
        "labelColor": _INK,
        "titleColor": _MUTED,
        "gridColor": _LINE,
        "domainColor": _LINE,
        "tickColor": _LINE,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 12,
    }
    chart = chart.configure(
        background="transparent", font=_FONT, padding={"left": 4, "right": 24, "top": 4, "bottom": 4}
    ).configure_view(stroke=None)
    svg = str(vl_convert.vegalite_to_svg(chart.configure_axis(**axis).to_dict()))
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(description)}" ', 1)
