"""From runs at several cutoffs to one result: pooled means with intervals, comparisons, strata and provenance."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from recsys.evaluation.bootstrap import Bootstrap, bootstrap
from recsys.evaluation.channels import mean_channels
from recsys.evaluation.comparison import Comparison, compare
from recsys.evaluation.freshness import list_age_days
from recsys.evaluation.groups import GroupSums, UserGroups
from recsys.evaluation.ladder import SERVED, CutoffRun, mean_lists
from recsys.evaluation.results import (
    Choice,
    CutoffScores,
    Estimate,
    EvaluationResults,
    Protocol,
    Provenance,
    Rung,
    UserGroup,
)
from recsys.evaluation.settings import EvaluationSettings
from recsys.evaluation.strata import ACTIVITY_STRATA
from recsys.recommender import BLEND, RANKED, RUNGS
from recsys.timeline import format_duration, format_instant

PRIMARY = "ndcg"
"""The metric that decides."""

MAX_MARKETS = 20
"""Markets with a row of their own: each costs the bootstrap sums and resamples of every rung and cutoff."""

OTHER_MARKETS = "(other)"
"""The row of all smaller markets."""

_IDEAS = {
    BLEND: "the best rung of each family, added",
    RANKED: "candidates of many sources, ordered by a learned ranker",
}
"""What the rungs are that the registry does not have."""


def summarise(
    runs: Sequence[CutoffRun], rules: EvaluationSettings, provenance: Provenance, *, reward: str, title: str
) -> EvaluationResults:
    """Pool the runs: every cutoff counts equally, every user of a cutoff counts equally.

    Args:
        runs: at least one, in the order of their cutoffs.
        rules: depths, resamples and the smallest effect that counts.
        provenance: what was evaluated.
        reward: name of the target reward.
        title: heading of the report.
    """
    runs = _with_main_markets(runs)
    boot = _resample(runs, rules)
    names = list(runs[-1].scores)
    climbed = [name for name in names if name != SERVED]
    below = dict(zip(climbed[1:], climbed, strict=False))
    minimum = rules.min_relative_effect
    steps = compare(boot, list(below.items()), metric=PRIMARY, min_relative_effect=minimum)
    against = [(name, names[0]) for name in names[1:]]
    baseline = compare(boot, against, metric=PRIMARY, min_relative_effect=minimum)
    return EvaluationResults(
        title=title,
        provenance=provenance,
        protocol=_protocol(runs, rules, reward),
        rungs=[_rung(name, runs, boot, steps, baseline) for name in names],
        strata=_groups(runs, boot, "activity", list(ACTIVITY_STRATA), names),
        markets=_groups(runs, boot, "market", list(_market_sizes(runs)), names),
        choice=_choice(runs[-1]),
        channels=mean_channels([run.selection.channels for run in runs]),
    )


def per_user(runs: Sequence[CutoffRun]) -> pl.DataFrame:
    """Return one row per cutoff, user and rung with every metric, the content of per_user.parquet."""
    frames = []
    for run in runs:
        who = run.trial.everyone.select("user_idx", "user_id").join(run.strata, on="user_idx", maintain_order="left")
        for rung, scores in run.scores.items():
            named = who.join(scores, on="user_idx", maintain_order="left").drop("user_idx")
            frames.append(named.select(pl.lit(run.cutoff).alias("cutoff"), pl.lit(rung).alias("rung"), pl.all()))
    return pl.concat(frames, how="diagonal")


def _metrics(runs: Sequence[CutoffRun]) -> list[str]:
    """Return the metrics that every run has."""
    first = [name for name in runs[0].scores[SERVED].columns if name != "user_idx"]
    return [name for name in first if all(name in run.scores[SERVED].columns for run in runs)]


def _resample(runs: Sequence[CutoffRun], rules: EvaluationSettings) -> Bootstrap:
    """Sum each rung's scores by resampling group, whole and by stratum, and draw once for all of them."""
    everyone = pl.concat([run.trial.everyone["user_id"] for run in runs])
    groups = UserGroups.build(everyone, seed=rules.seed)
    metrics = _metrics(runs)
    sums: dict[str, dict[str, GroupSums]] = {}
    for run in runs:
        at, cutoff = groups.at(run.trial.everyone), format_instant(run.cutoff)
        for rung, scores in run.scores.items():
            sums.setdefault(rung, {})[cutoff] = at.sum(scores, metrics)
            for column in ("activity", "market"):
                for (value,), members in run.strata.partition_by(column, as_dict=True).items():
                    part = scores.join(members, on="user_idx", how="semi")
                    sums.setdefault(_within(rung, column, str(value)), {})[cutoff] = at.sum(part, [PRIMARY])
    return bootstrap(sums, resamples=rules.n_resamples, seed=rules.seed)


def _within(rung: str, column: str, value: str) -> str:
    return f"{rung} / {column} = {value}"


def _rung(
    name: str, runs: Sequence[CutoffRun], boot: Bootstrap, steps: list[Comparison], baseline: list[Comparison]
) -> Rung:
    metrics = _metrics(runs)
    cutoffs = [
        CutoffScores(
            cutoff=format_instant(run.cutoff),
            n_users=run.trial.users.height,
            metrics={m: Estimate.of(boot.value(name, m, format_instant(run.cutoff))) for m in metrics},
        )
        for run in runs
    ]
    return Rung(
        name=name,
        description=_description(name, runs[-1]),
        metrics={metric: Estimate.of(boot.value(name, metric)) for metric in metrics},
        per_cutoff=cutoffs,
        lists=mean_lists([run.lists[name] for run in runs]),
        vs_below=next((step for step in steps if step.method == name), None),
        vs_baseline=next((step for step in baseline if step.method == name), None),
        has_data=any(run.has_data[name] for run in runs),
    )


def _description(name: str, last: CutoffRun) -> str:
    if name == SERVED:
        return "at each cutoff, the rung that earlier windows chose"
    if name not in last.selection.plans:
        return f"{_IDEAS[RANKED]}; at the last cutoff: too few earlier windows to learn from, so the best heuristic"
    what = _IDEAS[name] if name in _IDEAS else RUNGS[name].description
    plan = last.selection.plans[name]
    chosen = plan.describe() if name in _IDEAS else plan.parts[0].variant
    described = f"{what}; at the last cutoff: {chosen}"
    return described if last.has_data[name] else f"{described}, without data, so all from the fallback"


def _with_main_markets(runs: Sequence[CutoffRun]) -> list[CutoffRun]:
    """Pool the markets beyond the largest `MAX_MARKETS`."""
    main = list(_market_sizes(runs))[:MAX_MARKETS]
    market = pl.when(pl.col("market").is_in(main)).then("market").otherwise(pl.lit(OTHER_MARKETS))
    return [replace(run, strata=run.strata.with_columns(market=market)) for run in runs]


def _market_sizes(runs: Sequence[CutoffRun]) -> dict[str, int]:
    """Count the scored users of each market, largest first."""
    scored = [run.strata.join(run.trial.users, on="user_idx", how="semi") for run in runs]
    sizes = pl.concat(scored).group_by("market").len().sort("len", "market", descending=[True, False])
    return dict(sizes.rows())


def _groups(
    runs: Sequence[CutoffRun], boot: Bootstrap, column: str, values: list[str], names: list[str]
) -> list[UserGroup]:
    """Estimate the primary metric within each value of a column of the strata."""
    scored = [run.strata.join(run.trial.users, on="user_idx", how="semi") for run in runs]
    total = sum(frame.height for frame in scored)
    groups = []
    for value in values:
        n_users = sum(frame.filter(pl.col(column) == value).height for frame in scored)
        if n_users:
            rungs = {name: Estimate.of(boot.value(_within(name, column, value), PRIMARY)) for name in names}
            groups.append(UserGroup(value, n_users, n_users / total, rungs))
    return groups


def _protocol(runs: Sequence[CutoffRun], rules: EvaluationSettings, reward: str) -> Protocol:
    ages = pl.concat([list_age_days(run.trial.truth, cutoff=run.cutoff) for run in runs])
    available = [run.trial.fits.knowledge.available.height for run in runs]
    return Protocol(
        cutoffs=[format_instant(run.cutoff) for run in runs],
        horizon=format_duration(rules.horizon),
        gap=format_duration(rules.gap),
        k=rules.k,
        k_recall=rules.k_recall,
        reward=reward,
        primary_metric=PRIMARY,
        baseline=next(iter(runs[-1].scores)),
        min_relative_effect=rules.min_relative_effect,
        resamples=rules.n_resamples,
        n_users=sum(run.trial.users.height for run in runs),
        n_distinct_users=pl.concat([run.trial.users["user_id"] for run in runs]).n_unique(),
        n_labels=sum(run.trial.truth.height for run in runs),
        n_items=sum(available) / len(available),
        list_age_days=float(ages["list_age_days"].to_numpy().mean()),
    )


def _choice(last: CutoffRun) -> Choice:
    selection = last.selection
    reason = selection.describe()
    if selection.repeat_share is not None:
        reason += f"; repeats {selection.plan.repeats}ed" if selection.plan.repeats == "allow" else "; repeats excluded"
        reason += f" ({selection.repeat_share:.1%} of earlier labels were repeats)"
    return Choice(
        rung=selection.winner,
        reason=reason,
        cutoffs=[format_instant(cutoff) for cutoff in last.earlier],
        scores=dict(selection.scores),
    )
