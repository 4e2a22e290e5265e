import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from recsys.evaluation import EvaluationResults, Rung
from recsys.reports.charts import cutoff_chart, ladder_chart


def texts(svg: str) -> dict[str, float]:
    """Return every text of the chart with its height on the page, from the top."""
    found = {}
    for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        place = re.search(r"translate\([-\d.]+,([-\d.]+)\)", element.get("transform", ""))
        found["".join(element.itertext())] = float(place[1]) if place else 0.0
    return found


def test_the_ladder_chart_names_every_rung_from_the_top_down(results: EvaluationResults) -> None:
    places = texts(ladder_chart(results))
    assert places["blend"] < places["trending"] < places["popularity"]


def test_charts_take_their_colours_from_the_page_and_say_what_they_show(results: EvaluationResults) -> None:
    for chart in (ladder_chart(results), cutoff_chart(results)):
        assert "var(--accent)" in chart
        assert 'role="img" aria-label="NDCG@10 of each rung' in chart
        assert set(re.findall(r"#[0-9a-fA-F]{3,6}\b", chart)) <= {"#000", "#fff"}


@pytest.mark.parametrize("n", [10, 40])
def test_names_at_the_line_ends_do_not_overlap(results: EvaluationResults, n: int) -> None:
    # rungs of equal value, at the upper end of the chart
    names = [f"rung {i}" for i in range(n)]
    places = texts(cutoff_chart(replace(results, rungs=[replace(results.rungs[2], name=name) for name in names])))
    heights = sorted(places[name] for name in names)
    assert min(below - above for above, below in pairwise(heights)) >= 14.9
    assert heights[0] >= 0


def test_a_rung_without_a_value_at_the_last_cutoff_has_no_name_there(results: EvaluationResults) -> None:
    first, last = results.rungs[0].per_cutoff
    empty = replace(last, metrics=last.metrics | {"ndcg": last.metrics["recall_repeat"]})
    gone: Rung = replace(results.rungs[0], per_cutoff=[first, empty])
    names = texts(cutoff_chart(replace(results, rungs=[gone, *results.rungs[1:]])))
    assert "popularity" not in names
    assert "blend" in names


@pytest.mark.parametrize("mean", [0.0, None])
def test_a_ladder_that_never_hits_can_be_drawn(results: EvaluationResults, mean: float | None) -> None:
    nothing = replace(results.rungs[0].metrics["ndcg"], mean=mean, low=mean, high=mean)
    rung = results.rungs[0]
    scores = [replace(one, metrics=one.metrics | {"ndcg": nothing}) for one in rung.per_cutoff]
    flat = replace(results, rungs=[replace(rung, metrics=rung.metrics | {"ndcg": nothing}, per_cutoff=scores)])
    assert "popularity" in texts(ladder_chart(flat))
    assert ("popularity" in texts(cutoff_chart(flat))) == (mean is not None)
