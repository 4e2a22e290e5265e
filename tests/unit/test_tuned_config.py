"""Tuned values are written into a person's own text, whichever way its tables are laid out."""

import tomllib
from datetime import UTC, datetime

import pytest

from pipelines.configuration import Config
from pipelines.tuned_config import tuned_text
from recsys.errors import ConfigError
from recsys.evaluation import TunedRung, Tuning
from recsys.evaluation.search import Search, Setting

AS_OF = datetime(2024, 5, 1, tzinfo=UTC)
PERSONAL: Setting = {"half_life": "30d", "gamma": 0.2}
TREES: Setting = {"learning_rate": 0.1, "leaf_factor": 2.0, "min_rows": 20, "feature_share": 0.7, "lambda_l2": 1.0}


def outcome(rung: str, best: Setting, after: float = 0.3) -> TunedRung:
    return TunedRung(rung, Search(best, 0.2, after, 4, 9), 2)


def text_of(text: str, *rungs: TunedRung) -> str:
    return tuned_text(text, Tuning(rungs, (AS_OF,), 7, "allow"), AS_OF, "4 trials", "mine.toml")


BOTH = (outcome("personal", PERSONAL), outcome("ranked", TREES))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# mine\n\n[evaluation]\nk = 5 # short\n",
        '[recommender]\nrepeats = "allow"\n\n[evaluation]\nk = 5\n',
        "[recommender.ranking]\nwindows = 4\n\n[evaluation]\nk = 5\n",
        '[recommender]\nrepeats = "allow"\n[evaluation]\nk = 5\n[recommender.ranking]\nwindows = 4\n',
        "recommender = { ranking = { windows = 4 } }\n",
        "[recommender]\nranking = { windows = 4, boosting = { min_rows = 9 } }\n",
        '[recommender.tuned.personal]\nhalf_life = "7d"\ngamma = 0.9\n[recommender.ranking.boosting]\nmin_rows = 9\n',
        '[recommender.tuned.neighbours]\nhalf_life = "7d"\nn_neighbours = 3\n',
        '[[recommender.retrieval.channels]]\nname = "own"\nrung = "personal"\nquota = 9\n',
    ],
)
def test_values_are_added_and_nothing_else_changes(text: str) -> None:
    written = tomllib.loads(text_of(text, *BOTH))
    expected = tomllib.loads(text)
    recommender = expected.setdefault("recommender", {})
    recommender["tuned_as_of"] = "2024-05-01T00:00:00Z"
    recommender.setdefault("tuned", {})["personal"] = PERSONAL
    recommender.setdefault("ranking", {})["boosting"] = TREES
    assert written == expected
    Config.parse(written, "here")


def test_comments_stay_and_the_head_says_what_was_found() -> None:
    text = text_of("# mine\n[evaluation]\nk = 5 # short\n", *BOTH)
    assert text.startswith(
        "# Tuned as of 2024-05-01T00:00:00Z by `recsys tune`: 4 trials\n"
        "#   personal: 4 tried, 0.2000 -> 0.3000, half_life=30d gamma=0.2\n"
    )
    assert "# mine" in text
    assert "k = 5 # short" in text


def test_what_is_no_better_is_not_written() -> None:
    own = "[evaluation]\nk = 5\n"
    text = text_of(own, outcome("personal", PERSONAL, after=0.2), TunedRung("ranked", None, 0, "too young"))
    assert text.endswith("\n\n" + own)
    assert tomllib.loads(text) == tomllib.loads(own)
    assert "#   ranked: too young\n" in text


def test_the_head_of_an_earlier_tuning_goes() -> None:
    once = text_of("# mine\n\n[evaluation]\nk = 5\n", *BOTH)
    assert text_of(once, *BOTH) == once


def test_what_stands_right_below_the_head_of_an_earlier_tuning_stays() -> None:
    once = text_of("# mine\n[evaluation]\nk = 5\n\n[evaluation.strata]\n", *BOTH).replace("\n\n# mine", "\n# mine")
    again = text_of(once, *BOTH)
    assert tomllib.loads(again) == tomllib.loads(once)
    assert again.count("# mine") == 1
    assert again.count("# Tuned as of") == 1


def test_dotted_keys_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"mine\.toml: tuned values cannot be written beside dotted keys"):
        text_of("recommender.ranking.windows = 3\n", *BOTH)
