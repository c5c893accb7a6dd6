"""Which first-order optimizer: does Nesterov improve on momentum, and what does Adam cost?

SGD, momentum, Nesterov's momentum and Adam on workloads with budgets and targets. Each tries as
many quasi-random points of its rate and of 1 − β (the same points for both kinds of momentum),
once chosen by the steps until validation is at the target, once by what validation ends at; both
on other seeds. Where the target is missed, all steps are counted. Targets are the workloads' own,
set for their own budgets: a distance to the optimum where that is known, else what tuned Adam had
after 3/4 of the budget.

Whether Adam generalizes worse is asked twice: at the end of training, each optimizer tuned; and at
equal training loss, the lowest that both reach, at the first of 50 evaluations that is there.

    python -m experiments.first_order --workdir=runs/first_order  # 5 minutes on 2 cores
"""

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np
import optax
import pandas as pd

from jaxdl import launch, report, stats, sweep, workloads
from jaxdl.launch import setting
from jaxdl.optimizers import adam, momentum, nesterov, sgd
from jaxdl.report import Claim, Judged, Section
from jaxdl.sweep.distributions import Distribution, LogUniform
from jaxdl.types import PyTree
from jaxdl.workloads import Workload

STEPS = "steps of the other, of its own; missed: the budget"
ACCURACY, RATIO = "paired difference in test accuracy", "log ratio of what it ends at on test"
CLAIMS = FASTER, HIGHER, LOWER, CONSISTENT, ADAM_FASTER, WORSE, WORSE_AT_EQUAL = (
    Claim("O2", "Nesterov's momentum is at the target sooner than momentum", STEPS, above=1.05),
    Claim("O2", "Nesterov's momentum ends at a higher accuracy than momentum", ACCURACY,
          above=0.002, unit="points"),
    Claim("O2", "Nesterov's momentum ends nearer to the optimum than momentum", RATIO,
          below=math.log(0.95)),
    Claim("O3", "Adam is effective everywhere: it needs at most half as many steps again as the "
          "fastest of the others", "steps of Adam, of the fastest other", below=1.5),
    Claim("O3", "Adam is at the target sooner", STEPS, above=1.2),
    Claim("O3", "Adam generalizes worse, each tuned", ACCURACY, below=-0.005, unit="points"),
    Claim("O3", "Adam generalizes worse at equal training loss", ACCURACY,
          below=-0.005, unit="points"),
)  # fmt: skip
BY, PARTS = ("workload", "optimizer"), 50
RATES, DECAYS = LogUniform(3e-3, 100.0), LogUniform(0.01, 0.5)
Make = Callable[[PyTree], optax.GradientTransformation]
"""`hparams -> transformation`"""
OPTIMIZERS: dict[str, tuple[Make, dict[str, Distribution]]] = {
    "sgd": (lambda h: sgd(h["learning_rate"]), {"learning_rate": RATES}),
    "momentum": (
        lambda h: momentum(h["learning_rate"] * h["one_minus_decay"], 1 - h["one_minus_decay"]),
        {"learning_rate": RATES, "one_minus_decay": DECAYS},
    ),
    "nesterov": (
        lambda h: nesterov(h["learning_rate"] * h["one_minus_decay"], 1 - h["one_minus_decay"]),
        {"learning_rate": RATES, "one_minus_decay": DECAYS},
    ),
    "adam": (
        lambda h: adam(h["learning_rate"], b1=1 - h["one_minus_decay"]),
        {"learning_rate": LogUniform(1e-4, 1.0), "one_minus_decay": DECAYS},
    ),
}
"""Each with what is searched; the rate of momentum is that of a step on a constant gradient."""
OVER = ("learning_rate", "one_minus_decay")
SLOWER = ("sgd", "momentum")
"""What Adam is compared with."""


class Config(launch.Config):
    """On what is trained, and how much is tried."""

    steps: int = setting(500, "Steps of each trial.", low=PARTS)
    seeds: int = setting(12, "Seeds of each setting.", low=2)
    points: int = setting(16, "Points that are tried of each optimizer.", low=2)
    workloads: tuple[str, ...] = setting(
        ("quadratic_deep", "breast_cancer", "topics", "digits_mlp", "digits_cnn"),
        f"Out of {', '.join(workloads.WORKLOADS)}.",
    )


def chosen(config: Config) -> list[Workload]:
    """The workloads, at this budget."""
    steps = config.steps // PARTS * PARTS
    known = launch.choose_all("workloads", config.workloads, workloads.WORKLOADS)
    found = [make()._replace(steps=steps) for make in known.values()]
    for one in found:
        if one.target is None:
            raise launch.UserError(f"config.workloads: {one.name} has no target yet")
    return found


def plan(config: Config) -> sweep.Plan:
    """One program per workload and optimizer; rate, decay and seed are numbers inside it."""
    programs, labels, everything = {}, {}, chosen(config)
    for workload, name in itertools.product(everything, OPTIMIZERS):
        make, space = OPTIMIZERS[name]
        points = sweep.halton(config.points, 0, **space)
        program = f"{workload.name}: {name}"
        labels[program] = dict(zip(BY, (workload.name, name), strict=True))
        points = [{"one_minus_decay": 1.0, **point} for point in points]
        run = sweep.of_workload(workload, make, segments=PARTS)
        programs[program] = sweep.on_part(workload.name, run), points
    data = {workload.name: workload.data() for workload in everything}
    return sweep.plan(programs, data, seeds=config.seeds, labels=labels, segments=PARTS)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Settings chosen on other seeds than those that report them."""
    frame, curves, everything = results.frame(), results.curves(), chosen(config)
    fast, ended = {}, {}
    for workload in everything:
        mine, metric = frame["workload"].eq(workload.name), f"validation_{workload.metric}"
        trials = measured(workload, frame[mine], curves[metric][mine]).reset_index(drop=True)
        fast[workload.name] = stats.tune(trials, "optimizer", OVER, "cost")
        ended[workload.name] = stats.tune(trials, "optimizer", OVER, metric)
    trials = pd.concat([tuned.trials for tuned in ended.values()], ignore_index=True)
    accuracies = [one for one in everything if one.metric == "accuracy"]
    worse = [*generalizing(accuracies, ended), *at_equal_loss(accuracies, ended, curves)]
    needed = {
        name: {one: tuned.interval("needed_steps", one) for one in OPTIMIZERS}
        for name, tuned in fast.items()
    }
    pictures = (
        report.interval_map(
            needed, title="Steps until validation is at the target", label="steps",
            caption=f"Geometric means, 95 % intervals; a missed target counts as {config.steps}.",
        ),
        report.course(
            results, trials[trials["status"].eq("ok")], panel="workload", line="optimizer",
            title="Training, at what validation chose", y_label="training loss",
        ),
    )  # fmt: skip
    tables = [
        Section(
            one.name,
            (
                report.tuned_table(fast[one.name], "needed_steps", "momentum"),
                report.tuned_table(ended[one.name], f"test_{one.metric}", "momentum"),
            ),
        )
        for one in everything
    ]
    return launch.Conclusion(
        [*of_steps(fast), *of_nesterov(everything, ended), *worse],
        [Section("Speed", pictures), *generalization(accuracies, worse), *tables],
    )


def measured(workload: Workload, frame: pd.DataFrame, curve: np.ndarray) -> pd.DataFrame:
    """The trials with the steps until validation is at the target, or all of them.

    cost: the same; where the target is missed, more of it the further away it is.
    """
    ends, target = (np.arange(PARTS) + 1) * (workload.steps // PARTS), workload.target or 0.0
    steps = stats.time_to_target(ends, curve, target, workload.kind)
    lacking = np.log1p(np.abs(frame[f"validation_{workload.metric}"].astype(float) - target))
    needed = np.minimum(steps, ends[-1])
    return frame.assign(needed_steps=needed, cost=needed + np.where(np.isinf(steps), lacking, 0))


def of_steps(fast: dict[str, stats.Tuned]) -> Iterator[Judged]:
    """How many times as many steps one needs as another, on each workload."""
    faster, consistent, sooner = {}, {}, {}
    for name, tuned in fast.items():
        needed = tuned.scores("needed_steps")
        fastest = needed.drop(columns="adam").mean().idxmin()
        faster[name] = ratio(needed, "momentum", "nesterov")
        consistent[f"{name}, {fastest}"] = ratio(needed, "adam", fastest)
        for other in SLOWER:
            sooner[f"{name}, {other}"] = ratio(needed, other, "adam")
    yield from FASTER.judge_each(faster)
    yield from CONSISTENT.judge_each(consistent)
    yield from ADAM_FASTER.judge_each(sooner)


def ratio(needed: pd.DataFrame, of: str, to: str) -> stats.Interval:
    """Of steps, paired by seed."""
    return stats.mean_interval(needed[of] / needed[to], "positive")


def of_nesterov(everything: list[Workload], ended: dict[str, stats.Tuned]) -> Iterator[Judged]:
    """What it ends at, against momentum."""
    for claim, share in ((HIGHER, True), (LOWER, False)):
        gains = {
            one.name: ended[one.name].gain(
                f"test_{one.metric}", "nesterov", "momentum", log=not share
            )
            for one in everything
            if (one.kind.scale == "share") == share
        }
        yield from claim.judge_each(gains)


def generalizing(accuracies: list[Workload], ended: dict[str, stats.Tuned]) -> list[Judged]:
    """Adam's accuracy at the end, against others."""
    return WORSE.judge_each({
        f"{one.name}, {other}": ended[one.name].gain("test_accuracy", "adam", other)
        for one in accuracies
        for other in SLOWER
    })  # fmt: skip


def generalization(accuracies: list[Workload], worse: list[Judged]) -> list[Section]:
    """Both ways of asking in one picture."""
    pairs = [f"{one.name}, {other}" for one in accuracies for other in SLOWER]
    names = [f"{pair}: {when}" for when in ("tuned", "equal loss") for pair in pairs]
    if not worse:
        return []
    bars = report.intervals(worse, names, title="Adam's test accuracy against that of others")
    return [Section("Generalization", [report.picture(bars)])]


def at_equal_loss(
    accuracies: list[Workload], ended: dict[str, stats.Tuned], curves: dict[str, np.ndarray]
) -> list[Judged]:
    """Adam's accuracy where its training loss is what another's is, the lowest that both reach.

    No interval where a seed diverged.
    """
    place = {trial: row for row, trial in enumerate(curves["trial"].tolist())}
    found = {}
    for one, other in itertools.product(accuracies, SLOWER):
        trials = ended[one.name].trials.pivot(index="seed", columns="optimizer", values="trial")
        pairs = trials[["adam", other]].dropna()
        rows = pairs.map(place.__getitem__).to_numpy()
        loss = curves["loss"][rows, : one.steps]
        loss = np.minimum.accumulate(loss.reshape(*rows.shape, PARTS, -1).mean(axis=-1), axis=-1)
        there = (loss <= loss[..., -1].max(axis=1)[:, None, None]).argmax(axis=-1)
        accuracy = np.take_along_axis(curves["test_accuracy"][rows], there[..., None], -1)[..., 0]
        accuracy = np.where(np.isnan(loss[..., -1]), np.nan, accuracy)
        found[f"{one.name}, {other}"] = stats.paired_interval(*accuracy.T)
    return WORSE_AT_EQUAL.judge_each(found)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
