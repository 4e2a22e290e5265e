import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from recsys.evaluation import SERVED, ChannelFacts, EvaluationResults, RuleEffect
from recsys.recommender import RANKED
from recsys.reports import render_report
from recsys.reports.page import render_page

_VOID = {"meta", "br"}


class Tags(HTMLParser):
    """Check that tags nest, and collect the text of the cells row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data.strip() + " " * (data.strip() != "")


def rows_of(page: str) -> list[list[str]]:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    return [[cell.strip() for cell in row] for row in tags.rows]


def test_the_page_needs_nothing_else_and_is_small(results: EvaluationResults) -> None:
    page = render_page(results)
    assert not re.search(r"<script|<link|<img|<iframe|@import|url\((?!#)|(src|href)=", page)
    assert len(page.encode()) < 500_000


def test_the_ladder_stands_highest_first_with_intervals_effects_and_verdicts(results: EvaluationResults) -> None:
    rows = rows_of(render_page(results))
    up, down = (
        "+200.0 % (+198.0 % to +202.0 %) d = 0.40, p = 0.002",
        "−50.0 % (−52.0 % to −48.0 %) d = −0.40, p = 0.002",
    )
    assert rows[1:4] == [
        ["blend what blend does", "0.1500", "0.1400 to 0.1600", "0.1500", up, "better"],
        ["trending what trending does", "0.0500", "0.0400 to 0.0600", "0.0500", down, "worse"],
        ["popularity what popularity does", "0.1000", "0.0900 to 0.1100", "0.1000", "–", "–"],
    ]


def test_every_row_of_every_table_is_as_wide_as_its_head(results: EvaluationResults) -> None:
    tables = re.findall(r"<table>.*?</table>", render_page(results), flags=re.DOTALL)
    assert len(tables) == 8
    for table in tables:
        assert len({len(row) for row in rows_of(table)}) == 1, table


def test_what_is_not_known_is_written_as_a_dash(results: EvaluationResults) -> None:
    rows = rows_of(render_page(results))
    assert ["blend", "0.1500", "0.2500", "–"] in rows  # no repeats: recall over them is undefined
    assert ["trending", "–"] in rows  # no estimate in the stratum
    assert ["blend", "0.250", "0.500", "9.000", "–", "40.0", "0.300"] in rows


def test_a_market_names_the_rung_that_is_best_there(results: EvaluationResults) -> None:
    row = next(row for row in rows_of(render_page(results)) if row[0] == "DE & AT")
    assert row[1:3] == ["200", "100.0 %"]
    assert row[-2:] == ["0.1700 0.1600 to 0.1800", "popularity"]


def test_text_from_outside_is_escaped(results: EvaluationResults) -> None:
    page = render_page(results)
    assert "Evaluation of demo &lt;b&gt;" in page
    assert "DE &amp; AT" in page


@pytest.mark.parametrize(
    "text", ["ab" * 32, "version 7, read as of 2024-04-01T00:00:00Z", "recsys evaluate -c x", "14d", "4.2 days after"]
)
def test_the_page_says_what_was_evaluated_and_how_to_repeat_it(results: EvaluationResults, text: str) -> None:
    assert text in render_page(results)


def test_the_row_of_what_was_served_is_the_headline(results: EvaluationResults) -> None:
    served = replace(results.rungs[2], name=SERVED, vs_below=None)
    page = render_page(replace(results, rungs=[*results.rungs, served]))
    assert f"<strong>{SERVED}</strong>: what blend does." in page
    assert "Chosen at the last cutoff: <strong>blend</strong>." in page
    assert page.count('<tr class="served">') == 7


def test_without_choice_strata_and_markets_their_parts_are_left_out(results: EvaluationResults) -> None:
    page = render_page(replace(results, choice=None, strata=[], markets=[]))
    assert "was chosen" not in page
    assert "By market" not in page
    assert "By what is known" not in page


def test_one_rung_at_one_cutoff_is_a_report_too(results: EvaluationResults) -> None:
    only = replace(results.rungs[0], per_cutoff=results.rungs[0].per_cutoff[:1])
    protocol = replace(results.protocol, cutoffs=results.protocol.cutoffs[:1])
    page = render_page(replace(results, rungs=[only], protocol=protocol, choice=None))
    assert "1 cutoff from 2024-03-01" in page


def test_a_rung_without_data_keeps_its_row_and_is_marked(results: EvaluationResults) -> None:
    empty = replace(results.rungs[1], has_data=False)
    rows = rows_of(render_page(replace(results, rungs=[results.rungs[0], empty, results.rungs[2]])))
    assert [row[0] for row in rows[1:4]] == [
        "blend what blend does",
        "trending (no data) what trending does",
        "popularity what popularity does",
    ]
    assert not any("(no data)" in cell for row in rows_of(render_page(results)) for cell in row)


def test_it_is_said_that_a_ranker_was_measured_on_fewer_windows(results: EvaluationResults) -> None:
    said = "The learned ranker was measured on the latest of them only."
    assert said not in render_page(results)
    assert results.choice is not None
    scores = {**results.choice.scores, RANKED: 0.2}
    assert said in render_page(replace(results, choice=replace(results.choice, scores=scores)))


def test_the_version_of_the_item_table_is_named(results: EvaluationResults) -> None:
    provenance = replace(results.provenance, item_version=4)
    assert "item table version 4" in render_page(replace(results, provenance=provenance))
    assert "no item table" in render_page(results)


def test_the_same_results_give_the_same_bytes_and_replace_the_file(results: EvaluationResults, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    out.write_text("old")
    render_report(results, out)
    assert out.read_text(encoding="utf-8") == render_page(results)
    assert list(tmp_path.iterdir()) == [out]


def test_effects_of_slate_rules_stand_there_where_a_rule_is_on(results: EvaluationResults) -> None:
    assert "slate rules" not in render_page(results)
    change = results.rungs[1].vs_below
    assert change
    effect = RuleEffect("caps", {"ndcg": 0.2, "coverage": 0.5}, {"ndcg": 0.25, "diversity": None}, change)
    rows = rows_of(render_page(replace(results, rule_effects=[effect])))
    row = next(row for row in rows if row[0] == "caps")
    assert row[1:6] == ["0.2000 0.2500 without", "– – without", "0.5000 – without", "– – without", "– – without"]
    assert row[-1] == "worse"


def test_what_channels_bring_and_cost_is_shown_where_a_ranker_was_compared(results: EvaluationResults) -> None:
    assert "What the channels bring" not in render_page(results)
    channels = [
        ChannelFacts("own", 0.5, 0.25, 0.125, 12.5, 1.5, 20.0),
        ChannelFacts("a<b>", 0.2, 0.0, 0.01, 40.0, None, None),
    ]
    page = render_page(replace(results, channels=channels))
    rows = rows_of(page)
    assert ["own", "0.5000", "0.2500", "0.1250", "12.5", "1.500", "20.000"] in rows
    assert ["a<b>", "0.2000", "0.0000", "0.0100", "40.0", "–", "–"] in rows
    (table,) = [table for table in re.findall(r"<table>.*?</table>", page, flags=re.DOTALL) if "Volume" in table]
    assert {len(row) for row in rows_of(table)} == {7}
