"""Do more data help a network that is too simple for its task?

MLPs of 2 and of 128 hidden units and a linear model on 50 to 1,077 of the digits, which the seed
draws, each at the rate that validation chose. The network of two units has a high bias: it cannot
tell ten classes apart, however many examples there are. The large one has a high variance.

    python -m experiments.more_data --workdir=runs/more_data  # 1.4 minutes on 2 cores
"""

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Section

GAIN = "paired difference in test accuracy, all examples minus a quarter of them"
CLAIMS = BIASED, VARIABLE, LESS = (
    Claim("F16", "four times the data help a network of high bias by less than a point",
          GAIN, below=0.01, unit="points"),
    Claim("F16", "four times the data help a network of high variance by a point or more",
          GAIN, above=0.01, unit="points"),
    Claim("F16", "from a twentieth of the data to all, the biased network gains less",
          "difference of the gains in test accuracy, biased minus variable", below=0.0,
          unit="points"),
)  # fmt: skip
SMALL, LINEAR, LARGE = ("2 units", "linear", "128 units")
NETWORKS: dict[str, tuple[int, ...]] = {SMALL: (2,), LINEAR: (), LARGE: (128,)}


class Config(launch.Config):
    """How many examples there are, and how the networks are trained."""

    steps: int = setting(1000, "Training steps of each trial.", low=1)
    seeds: int = setting(32, "Seeds of each setting.", low=2)
    examples: tuple[int, ...] = setting(
        (54, 134, 269, 538, 1077), "Numbers of examples; among them all and a quarter.", low=10,
        high=1077,
    )  # fmt: skip
    batch_size: int = setting(50, "Examples in a step.", low=1, high=1077)
    learning_rates: tuple[float, ...] = launch.rates(1e-3, 3e-3, 1e-2, 3e-2)


def plan(config: Config) -> sweep.Plan:
    """One program per network; the number of examples and the rate are numbers inside it."""
    if len(config.examples) < 2:
        raise launch.UserError("config.examples: more data are two numbers, at least")
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    points = sweep.grid(labels=config.examples, learning_rate=config.learning_rates)
    programs = {
        name: (program(config, MLP(hidden, 10)), points) for name, hidden in NETWORKS.items()
    }
    return sweep.plan(programs, data, seeds=config.seeds, column="network")


def program(config: Config, model: MLP) -> sweep.Run:
    """Training on as many examples as the trial has."""
    build = sweep.by_rate(tasks.classification(model), adam)
    run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
    return sweep.few_labels(run)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Gains by the number of examples, paired over seeds, at the rates that other seeds chose."""
    tuned = stats.tune(results.frame(), ("network", "labels"), "learning_rate")
    scores, most = tuned.scores("test_accuracy"), max(config.examples)
    quarter = min(config.examples, key=lambda count: abs(count - most / 4))
    least = min(config.examples)
    grown = {
        name: stats.paired_interval(scores[name, most], scores[name, quarter]) for name in NETWORKS
    }
    whole = {name: scores[name, most] - scores[name, least] for name in (SMALL, LARGE)}
    claims = [
        BIASED.judge(grown[SMALL]),
        VARIABLE.judge(grown[LARGE]),
        LESS.judge(stats.paired_interval(whole[SMALL], whole[LARGE])),
    ]
    curve = report.profile(
        tuned.trials.sort_values(["network", "labels"], kind="stable"),
        "labels", "test_accuracy", line="network", x_scale="log",
        title="Test accuracy by the number of examples",
        x_label="training examples (log scale)", y_label="test accuracy (%)",
    )  # fmt: skip
    table = report.tuned_table(tuned, "test_accuracy")
    return launch.Conclusion(claims, [Section("Learning curves", (curve, table))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
