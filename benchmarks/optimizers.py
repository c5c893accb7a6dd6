"""Is an optimizer better than tuned baselines? Workloads, search, fresh seeds, intervals.

Each optimizer is searched on each workload by one protocol and on the same seeds, chosen on
validation, and judged on test by seeds that took no part. The candidate is a name of
`comparison.ENTRANTS`, or a function of your own in a module of the current folder: an optimizer
`learning_rate -> optax.GradientTransformation`, a schedule `steps -> shape`, an initializer `(key,
shape, dtype) -> array` or a loss `(outputs, labels) -> [B]`, which is told by what it returns. One
that is no optimizer is compared with the workload's own, an optimizer tuned for each.

    python -m benchmarks.optimizers --config.candidate=my_module:my_optimizer --workdir=runs/mine
    python -m benchmarks.optimizers --config.candidate=lion --config.quick=true --workdir=runs/lion

`make bench-optimizers` compares nine on ten workloads (`suite.py`) and keeps the figures in
RESULTS.md, as `--record=NAME` does with any finished run.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks import run_all
from jaxdl import comparison, launch, report, sweep, workloads
from jaxdl._files import write_atomic
from jaxdl._text import check_name
from jaxdl.comparison import Comparison, Study
from jaxdl.launch import setting
from jaxdl.report import Claim, Judged, Section, Table
from jaxdl.workloads import Workload

SCHEDULES = {**comparison.SCHEDULES, "constant": None}
CLAIMS = POINTS, RATIO, RUNS = (
    Claim("O4", "the candidate is better than the strongest baseline",
          "difference on test over fresh seeds", above=0, unit="points"),
    Claim("O4", "the candidate is nearer to the optimum than the strongest baseline",
          "logarithm of the ratio on test over fresh seeds", above=0),
    Claim("O4", "a run of the candidate is better than one of the strongest baseline",
          "probability on test where seeds diverged or raised, which lose, or differ all alike",
          above=0.5, unit="%"),
)  # fmt: skip
USUAL, FIGURES = "usual", "figures.md"
USUALLY, QUICK = (comparison.POINTS, comparison.FRESH_SEEDS), (8, 5)
"""Points, and fresh seeds."""
OF_STUDIES = 15
"""Points of `halton`: AlgoPerf's three studies of five."""


class Config(launch.Config):
    """Who is compared with whom, on what, and how they are searched."""

    steps: int = setting(0, "Training steps of each trial; 0: the budget of its workload.", low=0)
    candidate: str = setting(
        "adamw", "An optimizer by name, or module:function or FILE:function of yours, of any kind."
    )
    baselines: tuple[str, ...] = setting(
        (USUAL,),
        f"Out of {', '.join(comparison.ENTRANTS)}; {USUAL}: {', '.join(comparison.BASELINES)}. For "
        f"a schedule out of {', '.join(comparison.SCHEDULES)}; for an initializer by name or own, "
        "the workload's; for a loss own.",
    )
    workloads: tuple[str, ...] = setting(
        (USUAL,),
        f"Out of {', '.join(workloads.WORKLOADS)}; {USUAL}: {', '.join(comparison.WORKLOADS)}, or "
        "those that take a candidate of the kind.",
    )
    optimizer: str = setting(
        comparison.OPTIMIZER, "That is tuned for a candidate of another kind and its baselines."
    )
    protocol: str = setting("grid", f"How they are searched: {', '.join(comparison.PROTOCOLS)}.")
    sampler: str = setting("TPESampler", "Of the protocol optuna: a class of optuna.samplers.")
    points: int = setting(
        0,
        f"Points that are tried of each on each workload; 0: {USUALLY[0]}, of halton {OF_STUDIES}, "
        f"or {QUICK[0]} if quick.",
        low=0,
    )
    seeds: int = setting(3, "Seeds of the search.", low=1)
    fresh_seeds: int = setting(
        0,
        f"Seeds that run the chosen points again; 0: {USUALLY[1]}, or {QUICK[1]} if quick.",
        low=0,
    )
    schedule: str = setting("constant", f"Of the rate: {', '.join(SCHEDULES)}.")
    quick: bool = setting(
        False,
        "A first answer, unless you say otherwise on three workloads or fewer (ravine, "
        f"breast_cancer, digits_mlp), at {QUICK[0]} points, by {QUICK[1]} fresh seeds.",
    )


def study(config: Config) -> tuple[Study, str]:
    """What is run, and the name of the candidate."""
    launch.choose("optimizer", config.optimizer, comparison.ENTRANTS)
    try:
        name, one = comparison.find(config.candidate, config.optimizer)
    except ValueError as error:
        raise launch.UserError(f"config.candidate: {error}") from error
    usual = comparison.USUAL[one.kind]
    given = usual.baselines if config.baselines == (USUAL,) else config.baselines
    try:
        name, entrants = comparison.against(name, one, given)
    except ValueError as error:
        raise launch.UserError(f"config.baselines: {error}") from error
    names = usual.quick if config.quick else usual.workloads
    names = names if config.workloads == (USUAL,) else config.workloads
    points, fresh = QUICK if config.quick else USUALLY
    if config.protocol == "halton" and not config.quick:
        points = OF_STUDIES
    launch.choose("protocol", config.protocol, comparison.PROTOCOLS)
    shape = launch.choose("schedule", config.schedule, SCHEDULES)
    chosen = launch.choose_all("workloads", names, workloads.WORKLOADS)
    return Study(
        entrants,
        [_within(make(), config.steps) for make in chosen.values()],
        config.protocol,
        config.points or points,
        config.seeds,
        config.fresh_seeds or fresh,
        shape,
        config.sampler,
    ), name


def _within(workload: Workload, steps: int) -> Workload:
    return workload._replace(steps=steps) if steps else workload


def plan(config: Config) -> sweep.Plan:
    """A program for each optimizer on each workload."""
    return study(config)[0].plan()


def confirm(config: Config, plan: sweep.Plan, results: sweep.Results) -> sweep.Plan:
    """The chosen points on fresh seeds."""
    chosen, candidate = study(config)
    try:
        comparison.check_raised(chosen, candidate, results)
    except RuntimeError as error:
        raise launch.UserError(f"there is nothing to compare: {error}") from error
    return chosen.confirm(plan, results)


def conclude(
    config: Config, plan: sweep.Plan, results: sweep.Results, confirmed: sweep.Results
) -> launch.Conclusion:
    """The paragraph, tables and pictures."""
    chosen, candidate = study(config)
    found = comparison.conclude(chosen, candidate, results, confirmed)
    claims = [judged(found, workload) for workload in chosen.workloads]
    sections = comparison.sections(found)
    assert plan.workdir is not None
    write_atomic(plan.workdir / FIGURES, figures(found, sections))
    return launch.Conclusion(claims, sections, found.headline())


def judged(found: Comparison, workload: Workload) -> Judged:
    """The claim that the candidate is better than the strongest baseline on a workload."""
    strongest = found.strongest(workload)
    if found.is_told_by_runs(workload, strongest):
        return RUNS.judge(found.improvement(workload, strongest), workload.name)
    return (RATIO if workload.kind.scale == "positive" else POINTS).judge(
        found.gain(workload, strongest), workload.name
    )


def figures(found: Comparison, sections: Sequence[Section]) -> str:
    """The paragraph and the tables of the report, as Markdown."""
    parts = [report.markdown.escaped(found.text())]
    for section in sections:
        tables = [block for block in section.blocks if isinstance(block, Table)]
        parts += [f"### {section.heading}"] * bool(tables)
        parts += [report.to_markdown(table).rstrip("\n") for table in tables]
    return "\n\n".join(parts) + "\n"


def record(workdir: Path, name: str) -> str:
    """Keeps the figures of a finished run in `results/optimizers.NAME.md` and RESULTS.md."""
    facts = json.loads((workdir / "environment.json").read_text())
    seconds = json.loads((workdir / "verdict.json").read_text())["seconds"]
    versions = ", ".join(f"{each} {facts[each]}" for each in ("jax", "flax", "optax"))
    head = (
        f"## optimizers: {facts['device']}\n\nPython {facts['python']}, {versions}. Measured "
        f"{facts['date']} by `python -m benchmarks.optimizers {' '.join(facts['command'])}` in "
        f"{seconds / 60:.0f} minutes.\n\n"
    )
    target = run_all.RESULTS / f"optimizers.{check_name(name)}.md"
    write_atomic(target, head + (workdir / FIGURES).read_text())
    run_all.render()
    return f"kept in {target}"


if __name__ == "__main__":
    launch.main(
        launch.Experiment(
            Config,
            plan,
            conclude,
            CLAIMS,
            confirm=confirm,
            tolerant=True,
            uses={
                "record": launch.Use("Keep the figures in benchmarks/RESULTS.md by a name.", record)
            },
        )
    )
