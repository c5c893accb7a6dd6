"""Is an optimizer better than tuned baselines? Workloads, search, fresh seeds, intervals.

Each optimizer is searched on each workload by one protocol and on the same seeds, chosen on
validation, and judged on test by seeds that took no part. The candidate is a name of
`comparison.ENTRANTS`, or a function of your own, `learning_rate -> optax.GradientTransformation`,
in a module of the current folder.

    python -m benchmarks.optimizers --config.candidate=my_module:my_optimizer --workdir=runs/mine
    python -m benchmarks.optimizers --config.candidate=lion --config.quick=true --workdir=runs/lion
"""

from jaxdl import comparison, launch, sweep, workloads
from jaxdl.comparison import Study
from jaxdl.launch import setting
from jaxdl.optimizers import schedules
from jaxdl.report import Claim
from jaxdl.workloads import Workload

SCHEDULES = {"constant": None, "cosine": schedules.cosine, "slanted": schedules.slanted_triangular}
CLAIMS = POINTS, RATIO = (
    Claim("O4", "the candidate is better than the strongest baseline",
          "difference on test over fresh seeds", above=0, unit="points"),
    Claim("O4", "the candidate is nearer to the optimum than the strongest baseline",
          "logarithm of the ratio on test over fresh seeds", above=0),
)  # fmt: skip
QUICK = ("ravine", "breast_cancer", "digits_mlp")


class Config(launch.Config):
    """Who is compared with whom, on what, and how they are searched."""

    steps: int = setting(0, "Training steps of each trial; 0: the budget of its workload.", low=0)
    candidate: str = setting("adamw", "An optimizer by name, or module:function of your own.")
    baselines: tuple[str, ...] = setting(
        comparison.BASELINES, f"Out of {', '.join(comparison.ENTRANTS)}."
    )
    workloads: tuple[str, ...] = setting(
        comparison.WORKLOADS, f"Out of {', '.join(workloads.WORKLOADS)}."
    )
    protocol: str = setting("grid", f"How they are searched: {', '.join(comparison.PROTOCOLS)}.")
    sampler: str = setting("TPESampler", "Of the protocol optuna: a class of optuna.samplers.")
    points: int = setting(15, "Points that are tried of each optimizer on each workload.", low=2)
    seeds: int = setting(3, "Seeds of the search.", low=1)
    fresh_seeds: int = setting(10, "Seeds that run the chosen points again.", low=3)
    schedule: str = setting("constant", f"Of the rate: {', '.join(SCHEDULES)}.")
    quick: bool = setting(
        False, "Instead: ravine, breast_cancer, digits_mlp, 8 points, 5 fresh seeds."
    )


def study(config: Config) -> tuple[Study, str]:
    """What is run, and the name of the candidate."""
    try:
        name, entrants = comparison.against(*comparison.find(config.candidate), config.baselines)
    except ValueError as error:
        raise launch.UserError(f"config.candidate or config.baselines: {error}") from error
    names = QUICK if config.quick else config.workloads
    launch.choose("protocol", config.protocol, comparison.PROTOCOLS)
    shape = launch.choose("schedule", config.schedule, SCHEDULES)
    chosen = launch.choose_all("workloads", names, workloads.WORKLOADS)
    return Study(
        entrants,
        [_within(make(), config.steps) for make in chosen.values()],
        config.protocol,
        8 if config.quick else config.points,
        config.seeds,
        5 if config.quick else config.fresh_seeds,
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
    return study(config)[0].confirm(plan, results)


def conclude(
    config: Config, plan: sweep.Plan, results: sweep.Results, confirmed: sweep.Results
) -> launch.Conclusion:
    """The paragraph, tables and pictures."""
    chosen, candidate = study(config)
    found = comparison.conclude(chosen, candidate, results, confirmed)
    claims = [
        (RATIO if workload.kind.scale == "positive" else POINTS).judge(
            found.gain(workload, found.strongest(workload)), workload.name
        )
        for workload in chosen.workloads
    ]
    return launch.Conclusion(claims, comparison.sections(found), found.text())


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, confirm=confirm))
