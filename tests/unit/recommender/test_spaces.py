"""Search spaces beside the rungs, and the variant that a tuned rung adds."""

import pytest

from pipelines.configuration import Config
from recsys.errors import ConfigError
from recsys.recommender import RUNGS, Pick, RecommenderSettings, TwoStage, parameters_of, source_of, with_parameters
from recsys.recommender.spaces import SPACES
from recsys.search_space import Value

SETTINGS = RecommenderSettings()
each_space = pytest.mark.parametrize("name", list(SPACES))
PERSONAL: dict[str, Value] = {"half_life": "7d", "gamma": 0.2}


def changed(name: str) -> dict[str, Value]:
    """Return a setting of a rung that differs from each of its variants in every parameter."""
    first = parameters_of(next(iter(RUNGS[name].declared(name, SETTINGS).values())), SPACES[name])
    return {key: "1d12h" if isinstance(value, str) else value * 3 + 1 for key, value in first.items()}


def test_every_rung_but_popularity_of_all_time_has_something_to_tune() -> None:
    assert set(RUNGS) - set(SPACES) == {"popularity_all_time"}
    assert set(SPACES) - set(RUNGS) == set()


@each_space
def test_a_source_takes_the_parameters_of_its_space_and_keeps_the_rest(name: str) -> None:
    sources = RUNGS[name].declared(name, SETTINGS).values()
    tuned = [with_parameters(source, SPACES[name], changed(name)) for source in sources]
    assert parameters_of(tuned[0], SPACES[name]) == changed(name)
    # Variants differ in parameters of the space only, so that a setting means the same whichever it starts from.
    assert all(one == tuned[0] for one in tuned)
    for source, one in zip(sources, tuned, strict=True):
        assert with_parameters(one, SPACES[name], parameters_of(source, SPACES[name])) == source


@each_space
def test_a_tuned_rung_has_one_more_variant_after_the_declared_ones(name: str) -> None:
    settings = RecommenderSettings(tuned={name: changed(name)})
    variants = RUNGS[name].variants(name, settings)
    assert list(variants)[:-1] == list(RUNGS[name].variants(name, SETTINGS))
    last = list(variants)[-1]
    assert last == "tuned " + " ".join(f"{key}={value}" for key, value in changed(name).items())
    assert parameters_of(source_of(Pick(rung=name, variant=last), settings), SPACES[name]) == changed(name)


def test_channels_retrieve_from_the_declared_variants_still() -> None:
    tuned = RecommenderSettings(tuned={name: changed(name) for name in SPACES})
    assert TwoStage(tuned).picks == TwoStage(SETTINGS).picks
    assert [one.name for one in TwoStage(tuned).features] == [one.name for one in TwoStage(SETTINGS).features]


@pytest.mark.parametrize(
    ("tuned", "message"),
    [
        ({"personals": PERSONAL}, "tuned: 'personals' is no rung with parameters; those are popularity_window, "),
        ({"popularity_all_time": {}}, "tuned: 'popularity_all_time' is no rung with parameters"),
        ({"personal": {"half_life": "7d"}}, "tuned.personal: gamma is missing"),
        ({"personal": {**PERSONAL, "gama": 1}}, "tuned.personal: gama is unknown; known are half_life, gamma"),
        ({"personal": {**PERSONAL, "gamma": -1}}, "tuned.personal: gamma: -1 is not 0 or positive"),
    ],
)
def test_a_tuned_rung_that_is_wrong_is_refused(tuned: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        RecommenderSettings.parse({"tuned": tuned}, "here")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("rung", "missing"),
    [
        ("personal", "state.half_lives lacks 1d12h, which"),
        ("covisits", "state.covisits.half_lives lacks 1d12h, which"),
        ("factors", "state.half_lives lacks 1d12h, which"),
    ],
)
def test_a_tuned_half_life_that_the_state_lacks_is_refused(rung: str, missing: str) -> None:
    with pytest.raises(ConfigError, match=missing):
        Config.parse({"recommender": {"tuned": {rung: changed(rung)}}}, "here")


def test_a_tuned_rung_without_decay_needs_no_half_life() -> None:
    values = {**changed("factors"), "half_life": "none"}
    config = Config.parse({"recommender": {"tuned": {"factors": values}}}, "here")
    assert config.recommender.counter_half_lives == SETTINGS.counter_half_lives
