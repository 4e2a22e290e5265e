from dataclasses import replace
from io import StringIO

from rich.console import Console

from recsys.evaluation import EvaluationResults
from recsys.reports import ladder_table


def printed(results: EvaluationResults) -> str:
    console = Console(width=160, file=StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(ladder_table(results))
    return capture.get()


def test_the_table_shows_each_rung_highest_first(results: EvaluationResults) -> None:
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed(results).splitlines() if "│" in line]
    assert [line[0] for line in lines] == ["blend *", "trending", "popularity"]
    assert lines[0][1:5] == ["0.1500", "0.1400 to 0.1600", "+200.0 % (+198.0 % to +202.0 %)", "better"]
    assert lines[2][3:5] == ["–", "–"]


def test_a_metric_that_was_not_measured_is_a_dash(results: EvaluationResults) -> None:
    assert "0.2500 │           – │" in printed(results)  # recall, and no hit rate


def test_markup_in_names_is_shown_as_it_is(results: EvaluationResults) -> None:
    assert "[red]x" in printed(replace(results, rungs=[replace(results.rungs[0], name="[red]x")], choice=None))


def test_a_rung_without_data_is_marked(results: EvaluationResults) -> None:
    empty = replace(results.rungs[2], has_data=False)
    assert "│ blend (no data) * │" in printed(replace(results, rungs=[*results.rungs[:2], empty]))
