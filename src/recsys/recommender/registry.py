"""The ladder: every rung by name, weakest idea first, with the variants among which earlier windows choose.

To add a rung, write a `CandidateSource` and one entry here; what of it can be tuned stands in `spaces.py`. Nothing else
knows the rungs by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from recsys.candidates import (
    AllTimePopularity,
    CandidateSource,
    CategoryPopularity,
    Content,
    CoVisits,
    DecayedPopularity,
    Factors,
    IndexSettings,
    ItemList,
    ItemNeighbours,
    MarketPopularity,
    NewArrivals,
    PersonalHistory,
    Repurchase,
    SameSeasonLastYear,
    Trending,
    UserNeighbours,
    WindowedPopularity,
)
from recsys.errors import ConfigError
from recsys.ranking import RankingSettings
from recsys.ranking.slate_policy import SlateSettings
from recsys.recommender.retrieval_settings import RetrievalSettings
from recsys.recommender.spaces import SPACES, with_parameters
from recsys.search_space import Grid, HalfLives, Space, Value, read_values
from recsys.settings import Duration, Instant, Settings
from recsys.state import CovisitKind
from recsys.timeline import format_duration

Family = Literal["popularity", "segment", "personal", "collaborative"]
"""What a rung brings to a blend; a blend takes the best rung of each family."""


Span = Annotated[Duration, Field(gt=timedelta())]
Spans = Annotated[tuple[Span, ...], Field(min_length=1)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]
Exponents = Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1)]
Weights = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)]


class RecommenderSettings(Settings):
    """What the ladder tries. Half-lives must be among those of the state.

    Attributes:
        ladder: rungs to climb, in order; the blend comes last by itself.
        windows: lengths of popularity windows.
        popularity_half_lives: for decayed and segment popularity.
        personal_half_lives: for a user's own history; the sources that compare histories take the first and last.
        gammas: exponents of recent popularity in the personal rung.
        covisit_half_lives: for co-visits; each must be one of the state's co-visit half-lives.
        seed_half_life: how fast a user's items lose weight as co-visit seeds.
        n_factors: length of content vectors and of decayed matrix factors; those without decay are twice as long.
        n_warm_iterations: turns of matrix factors that start from an earlier model's; from nothing they take 12.
        index: how the nearest vectors of `content` and `factors` are searched.
        season_window: length of the same season last year.
        arrival_window: how long an item is new.
        blend_weights: weights tried for each part that joins the strongest one of a blend.
        repeats: may a list hold what the user had: decided on earlier windows, always, or never.
        retrieval: which sources propose candidates to the ranker.
        ranking: what the ranker learns from, and how it is chosen.
        min_repeat_share: under `auto`, repeats are allowed when at least this share of earlier labels were repeats.
        slate: the rules of the final list; the ladder is climbed without them.
        tuned: rung -> its parameters as `recsys tune` found them, all of them: one more variant of the rung, which
            competes with the others. Half-lives must be among those of the state.
        tuned_as_of: when the configuration was tuned; it is not used for an earlier instant, whose future it knows.
    """

    ladder: Names = (
        "popularity_all_time",
        "popularity_window",
        "popularity_decayed",
        "trending",
        "season",
        "new_arrivals",
        "market_popularity",
        "category_popularity",
        "covisits",
        "together",
        "content",
        "factors",
        "neighbours",
        "personal",
        "repurchase",
    )
    windows: Spans = (timedelta(days=7), timedelta(days=28))
    popularity_half_lives: Spans = (timedelta(days=7), timedelta(days=30))
    personal_half_lives: Spans = (timedelta(days=30), timedelta(days=90), timedelta(days=180))
    gammas: Exponents = (0.0, 0.3, 0.6)
    covisit_half_lives: Spans = (timedelta(days=30), timedelta(days=180))
    seed_half_life: Span = timedelta(days=7)
    n_factors: int = Field(default=64, ge=2)
    n_warm_iterations: int = Field(default=4, ge=1)
    index: IndexSettings = IndexSettings()
    season_window: Span = timedelta(days=28)
    arrival_window: Span = timedelta(days=30)
    blend_weights: Weights = (0.03, 0.1, 0.3, 1.0)
    repeats: Literal["auto", "allow", "exclude"] = "auto"
    min_repeat_share: float = Field(default=0.05, ge=0, le=1)
    retrieval: RetrievalSettings = RetrievalSettings()
    ranking: RankingSettings = RankingSettings()
    slate: SlateSettings = SlateSettings()
    tuned: dict[str, dict[str, Value]] = Field(default_factory=dict)
    tuned_as_of: Instant | None = None

    @property
    def counter_half_lives(self) -> set[timedelta]:
        """The half-lives that the counters of the state must have."""
        return {
            *self.popularity_half_lives,
            *self.personal_half_lives,
            self.seed_half_life,
            *self._tuned_half_lives("counters", "covisits"),
        }

    @property
    def pair_half_lives(self) -> set[timedelta]:
        """The half-lives that the co-visits of the state must have."""
        return {*self.covisit_half_lives, *self._tuned_half_lives("covisits")}

    def _tuned_half_lives(self, *grids: Grid) -> set[timedelta]:
        found: set[timedelta] = set()
        for rung, values in self.tuned.items():
            space = RUNGS[rung].space
            for name, value in read_values(space, values).items():
                parameter = space[name]
                if isinstance(parameter, HalfLives) and parameter.of in grids and isinstance(value, timedelta):
                    found.add(value)
        return found

    @property
    def feature_half_lives(self) -> tuple[timedelta, ...]:
        """The half-lives at which features read counters, ascending: those of popularity and of personal history."""
        return tuple(sorted({*self.popularity_half_lives, *self.personal_half_lives}))

    @property
    def taste_half_lives(self) -> tuple[timedelta, ...]:
        """The fastest and the slowest half-life of personal history, for sources that compare whole histories."""
        return tuple(sorted({min(self.personal_half_lives), max(self.personal_half_lives)}))

    @property
    def middle_half_life(self) -> timedelta:
        """The middle half-life of personal history."""
        return sorted(self.personal_half_lives)[len(self.personal_half_lives) // 2]

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        problems = [
            f"rung {name!r} is unknown; known are {', '.join(RUNGS)}" for name in self.ladder if name not in RUNGS
        ]
        problems += [
            f"retrieval.channels: {channel.name} names rung {channel.rung!r}, which is unknown"
            for channel in self.retrieval.channels
            if channel.rung not in RUNGS
        ]
        problems += [
            f"retrieval.channels: {channel.name} has quota 0, and rung {channel.rung!r} no vectors to compare"
            for channel in self.retrieval.channels
            if not channel.quota and channel.rung in RUNGS and not RUNGS[channel.rung].has_vectors
        ]
        problems += ["ladder names a rung twice"] if len(set(self.ladder)) < len(self.ladder) else []
        problems += [problem for rung, values in self.tuned.items() for problem in _tuning_problems(rung, values)]
        if problems:
            raise ValueError("; ".join(problems))
        return self


def _tuning_problems(rung: str, values: Mapping[str, Value]) -> list[str]:
    """Name what is wrong with the tuned parameters of a rung."""
    if rung not in RUNGS or not RUNGS[rung].space:
        tunable = ", ".join(name for name, one in RUNGS.items() if one.space)
        return [f"tuned: {rung!r} is no rung with parameters; those are {tunable}"]
    try:
        read_values(RUNGS[rung].space, values)
    except ConfigError as error:
        return [f"tuned.{rung}: {error}"]
    return []


@dataclass(frozen=True)
class Rung:
    """One rung: what it is, what its reason says to a person, and how its variants are made.

    Attributes:
        name: unique.
        family: what it brings to a blend.
        description: what it is.
        reason: what stands beside an item.
        declared: makes the variants that the settings declare, of which channels take the first, middle or last.
        has_vectors: whether what it learned can be compared as vectors.
    """

    name: str
    family: Family
    description: str
    reason: str
    declared: Callable[[str, RecommenderSettings], dict[str, CandidateSource]]
    has_vectors: bool = False

    @property
    def space(self) -> Space:
        """What `recsys tune` may try; empty where there is nothing to tune."""
        return SPACES.get(self.name, {})

    def variants(self, name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
        """Return the variants among which earlier windows choose: the declared ones, and a tuned one after them."""
        declared = self.declared(name, settings)
        values = settings.tuned.get(self.name)
        if values is None:
            return declared
        said = " ".join(f"{parameter}={values[parameter]}" for parameter in self.space)
        return {**declared, f"tuned {said}": with_parameters(next(iter(declared.values())), self.space, values)}


def _all_time(name: str, _: RecommenderSettings) -> dict[str, CandidateSource]:
    return {"all": ItemList(name, AllTimePopularity())}


def _windowed(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
    return {f"window={format_duration(w)}": ItemList(name, WindowedPopularity(w)) for w in settings.windows}


def _decayed(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
    return {_half(h): ItemList(name, DecayedPopularity(h)) for h in settings.popularity_half_lives}


def _trending(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
    fast, slow = min(settings.popularity_half_lives), max(settings.popularity_half_lives)
    return {f"fast={format_duration(fast)} slow={format_duration(slow)}": ItemList(name, Trending(fast, slow))}


def _season(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
    window = settings.season_window
    return {f"window={format_duration(window)}": ItemList(name, SameSeasonLastYear(window))}


def _arrivals(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
    window = settings.arrival_window
    return {f"window={format_duration(window)}": ItemList(name, NewArrivals(window))}


def _market(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
    return {_half(h): MarketPopularity(name, h) for h in settings.popularity_half_lives}


def _category(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
    taste = max(settings.popularity_half_lives)
    return {_half(h): CategoryPopularity(name, h, taste) for h in settings.popularity_half_lives}


def _covisits(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
    return {_half(h): CoVisits(name, h, settings.seed_half_life) for h in settings.covisit_half_lives}


def _covisits_of(kind: CovisitKind) -> Callable[[str, RecommenderSettings], dict[str, CandidateSource]]:
    def variants(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
        return {
            f"kind={kind} {_half(h)}": CoVisits(name, h, settings.seed_half_life, kind=kind)
            for h in settings.covisit_half_lives
        }

    return variants


def _covisits_latest(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
    day = timedelta(days=1)
    return {_half(h): CoVisits(name, h, day, n_seeds=5, seeds="latest") for h in settings.covisit_half_lives}


def _together(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
    seed = min(settings.taste_half_lives)
    return {_half(h): ItemNeighbours(name, h, seed) for h in settings.taste_half_lives}


def _factors(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
    half_lives = {_half(h): (h, settings.n_factors) for h in settings.taste_half_lives}
    lives: dict[str, tuple[timedelta | None, int]] = {**half_lives, "no decay": (None, 2 * settings.n_factors)}
    warm = settings.n_warm_iterations
    return {
        variant: Factors(name, h, n, index=settings.index, n_warm_iterations=warm) for variant, (h, n) in lives.items()
    }


def _neighbours(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
    h = settings.middle_half_life
    return {_half(h): UserNeighbours(name, h)}


def _content(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
    h = settings.middle_half_life
    return {_half(h): Content(name, h, settings.n_factors, index=settings.index)}


def _personal(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
    recent = WindowedPopularity(max(settings.windows))
    return {
        f"{_half(h)} gamma={gamma:g}": PersonalHistory(name, h, recent, gamma)
        for h in settings.personal_half_lives
        for gamma in settings.gammas
    }


def _repurchase(name: str, settings: RecommenderSettings) -> dict[str, CandidateSource]:
    return {_half(h): Repurchase(name, h) for h in settings.personal_half_lives}


def _half(half_life: timedelta) -> str:
    return f"half_life={format_duration(half_life)}"


_RUNGS = (
    Rung("popularity_all_time", "popularity", "reward over all history", "popular of all time", _all_time),
    Rung("popularity_window", "popularity", "reward over the last days", "popular these days", _windowed),
    Rung("popularity_decayed", "popularity", "decayed reward", "popular these days", _decayed),
    Rung("trending", "popularity", "rate now over rate lately", "trending now", _trending),
    Rung("season", "popularity", "same season last year", "in season", _season),
    Rung("new_arrivals", "popularity", "young items by rate since launch", "new", _arrivals),
    Rung("market_popularity", "segment", "decayed reward in the user's market", "popular in your market", _market),
    Rung("category_popularity", "segment", "popular in the user's categories", "popular in what you like", _category),
    Rung(
        "covisits", "collaborative", "decayed directed co-visits of recent items", "goes with what you had", _covisits
    ),
    Rung(
        "covisits_forward",
        "collaborative",
        "co-visits in later visits than that of the item",
        "others took it next",
        _covisits_of("forward"),
    ),
    Rung(
        "covisits_typed",
        "collaborative",
        "co-visits weighted by what the second event is worth",
        "goes with what you had",
        _covisits_of("typed"),
    ),
    Rung(
        "covisits_bought",
        "collaborative",
        "co-visits between events that count for the target",
        "often taken together",
        _covisits_of("bought"),
    ),
    Rung(
        "covisits_latest",
        "collaborative",
        "co-visits of the latest visit's items",
        "goes with what you had last",
        _covisits_latest,
    ),
    Rung(
        "together", "collaborative", "decayed cosine of items over whole histories", "goes with what you had", _together
    ),
    Rung(
        "content",
        "collaborative",
        "titles and categories like those of the user's items",
        "like what you had",
        _content,
        has_vectors=True,
    ),
    Rung(
        "factors",
        "collaborative",
        "matrix factors of decayed confidences",
        "fits your taste",
        _factors,
        has_vectors=True,
    ),
    Rung("neighbours", "collaborative", "what the most similar users take", "people like you took it", _neighbours),
    Rung("personal", "personal", "own decayed history x recent popularity", "you had it before", _personal),
    Rung("repurchase", "personal", "own history, raised when due again", "due again", _repurchase),
)

RUNGS: dict[str, Rung] = {rung.name: rung for rung in _RUNGS}
"""Every rung by name; a run climbs those of its `ladder`."""
