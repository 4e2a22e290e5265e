from dataclasses import replace
from io import StringIO

from rich.console import Console

from recsys.evaluation import ChannelFacts, EvaluationResults
from recsys.reports import channel_table, ladder_table


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


def test_channels_stand_with_what_they_bring_and_cost_and_unknown_seconds_as_a_dash() -> None:
    channels = [
        ChannelFacts("[red]own", 0.5, 0.25, 0.125, 12.25, 1.5, 0.004),
        ChannelFacts("popular", 0.2, 0.0, 0.01, 40.0, None, None),
    ]
    console = Console(width=160, file=StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(channel_table(channels))
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capture.get().splitlines() if "│" in line]
    assert lines == [
        ["[red]own", "0.5000", "0.2500", "0.1250", "12.2", "1.500", "0.004"],
        ["popular", "0.2000", "0.0000", "0.0100", "40.0", "–", "–"],
    ]
