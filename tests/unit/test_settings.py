from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recsys.errors import ConfigError
from recsys.settings import Duration, Instant, PositiveDuration, Settings


class Sample(Settings):
    horizon: Duration = timedelta(days=14)
    end: Instant = datetime(2024, 1, 1, tzinfo=UTC)
    depth: int = 10


def test_text_becomes_durations_and_instants(tmp_path: Path) -> None:
    path = tmp_path / "sample.toml"
    path.write_text('horizon = "7d"\nend = 2024-02-01T02:00:00+02:00\n')
    assert Sample.read(path) == Sample(horizon=timedelta(days=7), end=datetime(2024, 2, 1, tzinfo=UTC))


def test_all_problems_are_named_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "sample.toml"
    path.write_text('horizn = "7d"\ndepth = "ten"\nend = 2024-02-01T00:00:00\nhorizon = "week"\n')
    with pytest.raises(ConfigError) as error:
        Sample.read(path)
    message = str(error.value)
    assert "\n" not in message
    for part in ("4 wrong", "horizn", "depth", "end: ", "has no time zone", "'week' is no duration"):
        assert part in message


@pytest.mark.parametrize("value", [14, 1.5, True])
def test_a_duration_without_a_unit_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="horizon"):
        Sample.parse({"horizon": value}, "here")


def test_an_instant_that_is_no_instant_is_refused() -> None:
    with pytest.raises(ConfigError, match="end"):
        Sample.parse({"end": 5}, "here")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read"):
        Sample.read(tmp_path / "absent.toml")


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("horizon = = 7")
    with pytest.raises(ConfigError, match=r"broken\.toml: is no TOML"):
        Sample.read(path)


def test_settings_survive_being_written_and_read() -> None:
    sample = Sample(horizon=timedelta(hours=36))
    assert Sample.model_validate_json(sample.model_dump_json()) == sample


def test_the_digest_changes_with_a_setting_and_only_then() -> None:
    assert Sample().digest() == Sample(depth=10).digest()
    assert Sample().digest() != Sample(depth=11).digest()


class Spans(Settings):
    window: PositiveDuration = timedelta(days=1)
    half_lives: tuple[PositiveDuration, ...] = ()


def test_a_positive_duration_is_longer_than_nothing() -> None:
    spans = Spans.parse({"window": "1s", "half_lives": ["7d"]}, "here")
    assert spans == Spans(window=timedelta(seconds=1), half_lives=(timedelta(days=7),))
    with pytest.raises(ConfigError, match=r"2 wrong setting\(s\): window: .* half_lives\.1: "):
        Spans.parse({"window": "0d", "half_lives": ["7d", "0s"]}, "here")


@pytest.mark.parametrize("text", ["36526d", "99999999999d"])
def test_a_duration_of_more_than_a_century_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"horizon: .* is longer than 100 years"):
        Sample.parse({"horizon": text}, "here")


@pytest.mark.parametrize("end", ["9999-12-31", datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_an_instant_that_would_overflow_is_refused(end: object) -> None:
    with pytest.raises(ConfigError, match=r"end: .* is not in the years 1900 to 2200"):
        Sample.parse({"end": end}, "here")


def test_changed_settings_are_validated_as_those_of_a_file() -> None:
    assert Sample(depth=11).changed({"horizon": "7d"}, "here") == Sample(depth=11, horizon=timedelta(days=7))
    with pytest.raises(ConfigError, match=r"here: 2 wrong setting\(s\): depth: .*; dpth: "):
        Sample().changed({"depth": "ten", "dpth": 1}, "here")
