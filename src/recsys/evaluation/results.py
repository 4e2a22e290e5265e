"""What an evaluation found, as plain frozen data: metrics.json is its text, the report and the console show it.

Every number a reader could ask about is here, with what is needed to obtain it again; nothing is computed later.
"""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from recsys.errors import ArtifactError
from recsys.evaluation.bootstrap import Resampled
from recsys.evaluation.channels import ChannelFacts
from recsys.evaluation.comparison import Comparison, finite_or_none


@dataclass(frozen=True)
class Estimate:
    """A mean over users with its 95 % interval; null where no user has a value."""

    mean: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, value: Resampled) -> "Estimate":
        """Read it from resamples."""
        return cls(finite_or_none(value.mean), *(finite_or_none(bound) for bound in value.interval()))


@dataclass(frozen=True)
class CutoffScores:
    """One method at one cutoff.

    Attributes:
        cutoff: ISO 8601.
        n_users: users with a label.
        metrics: metric name -> estimate.
    """

    cutoff: str
    n_users: int
    metrics: dict[str, Estimate]


@dataclass(frozen=True)
class Rung:
    """One method of the ladder.

    Attributes:
        name: its registry key.
        description: one line.
        metrics: metric name -> estimate over all cutoffs, each counting equally.
        per_cutoff: the same at each cutoff, ascending.
        lists: what its lists are like (`coverage`, `gini`, `novelty`, `diversity`, `item_age_days`,
            `repeat_share`), the mean over cutoffs; null where undefined.
        vs_below: against the rung below, on the primary metric; null for the lowest.
        vs_baseline: against the baseline; null for the baseline itself.
        has_data: false where it had no candidates of its own at any cutoff, so that its row is the fallback's, or that
            of the best heuristic where no ranker could be learned.
    """

    name: str
    description: str
    metrics: dict[str, Estimate]
    per_cutoff: list[CutoffScores]
    lists: dict[str, float | None]
    vs_below: Comparison | None
    vs_baseline: Comparison | None
    has_data: bool = True


@dataclass(frozen=True)
class UserGroup:
    """One stratum or market.

    Attributes:
        name: `cold`, `light`, `heavy`, `dormant`, or a market; `(other)` pools the markets beyond the largest.
        n_users: user-cutoff pairs in it.
        user_share: its share of all of them.
        rungs: method -> primary metric within the group.
    """

    name: str
    n_users: int
    user_share: float
    rungs: dict[str, Estimate]


@dataclass(frozen=True)
class Choice:
    """Which rung was chosen at the last cutoff, on windows before it.

    Attributes:
        rung: the chosen method.
        reason: one sentence.
        cutoffs: the earlier cutoffs it was chosen on, ISO 8601.
        scores: method -> primary metric there; a method without candidates of its own is absent. `ranked` was measured
            on the latest of them only.
    """

    rung: str
    reason: str
    cutoffs: list[str]
    scores: dict[str, float | None]


@dataclass(frozen=True)
class RuleEffect:
    """What a slate rule does to the served lists while the other rules stay.

    Attributes:
        rule: its name, or `all rules`, which are compared with none.
        metrics: `ndcg`, `recall` and what `Rung.lists` has, of the lists with all rules; means over the cutoffs.
        metrics_without: the same without this rule.
        change: of the primary metric, with the rule against without it.
    """

    rule: str
    metrics: dict[str, float | None]
    metrics_without: dict[str, float | None]
    change: Comparison


@dataclass(frozen=True)
class Provenance:
    """What was evaluated and how to do it again.

    Attributes:
        config: name of the configuration file.
        config_digest: SHA-256 of the resolved settings.
        code_version: version of the code.
        log_version: version of the event log read.
        as_of: the evaluation's logical now, ISO 8601.
        command: the command line that repeats it.
        seed: of resampling and tie breaking.
        item_version: version of the item table read; null where there is none.
    """

    config: str
    config_digest: str
    code_version: str
    log_version: int
    as_of: str
    command: str
    seed: int
    item_version: int | None = None


@dataclass(frozen=True)
class Protocol:
    """The rules all rungs were judged by.

    Attributes:
        cutoffs: ISO 8601, ascending.
        horizon, gap: durations such as `14d`; labels lie in [cutoff + gap, cutoff + gap + horizon).
        k, k_recall: list depth, and that of recall.
        reward: name of the reward that makes the labels.
        primary_metric: the metric that decides.
        baseline: the method that all are compared with.
        min_relative_effect: smallest relative effect worth acting on, named beforehand.
        resamples: of the bootstrap.
        n_users: user-cutoff pairs scored; every user with a label, cold ones too.
        n_distinct_users: users behind them.
        n_labels: label pairs, over all cutoffs.
        n_items: items available, on average over the cutoffs.
        list_age_days: mean time from cutoff to a user's first label, in days.
    """

    cutoffs: list[str]
    horizon: str
    gap: str
    k: int
    k_recall: int
    reward: str
    primary_metric: str
    baseline: str
    min_relative_effect: float
    resamples: int
    n_users: int
    n_distinct_users: int
    n_labels: int
    n_items: float
    list_age_days: float | None


@dataclass(frozen=True)
class EvaluationResults:
    """A whole evaluation; rungs are in ladder order, lowest first.

    Attributes:
        rule_effects: empty where no slate rule is on.
        channels: of the first stage, means over the cutoffs; empty where no ranker was compared. Their seconds are
            measured: of all that is here, they alone differ from run to run.
    """

    title: str
    provenance: Provenance
    protocol: Protocol
    rungs: list[Rung]
    strata: list[UserGroup]
    markets: list[UserGroup]
    choice: Choice | None
    rule_effects: list[RuleEffect] = field(default_factory=list)
    channels: list[ChannelFacts] = field(default_factory=list)


_ADAPTER: TypeAdapter[EvaluationResults] = TypeAdapter(EvaluationResults)


def results_json(results: EvaluationResults) -> str:
    """Return the results as indented JSON, the content of metrics.json."""
    return _ADAPTER.dump_json(results, indent=2).decode() + "\n"


def read_results(path: Path) -> EvaluationResults:
    """Read a metrics.json.

    Raises:
        ArtifactError: if the file is missing or is not one of this version.
    """
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror}); run evaluate first") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ArtifactError(
            f"{path}: {error.error_count()} field(s) wrong; first: {where}: {first['msg']}; run evaluate again"
        ) from error
