"""Is a large network with a penalty better than a small one without?

MLPs of one hidden layer of 4 to 512 units on 100 and on 500 of the digits, which the seed draws.
Small ones without a penalty, as small as validation likes them; the largest with dropout or an L2
penalty, as strong as validation likes them; and the largest with neither. Adam, equal steps, the
rate of each chosen with the rest.

    python -m experiments.large_or_small --workdir=runs/large_or_small  # 2 minutes on 2 cores
"""

import optax
import pandas as pd

from jaxdl import launch, losses, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.params import kernels
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, Task

CLAIMS = AHEAD, PENALTY = (
    Claim("F9", "the largest network with a penalty is better than the best small one without",
          "paired difference in test accuracy", above=0.005, unit="points"),
    Claim("F9", "the largest network is better with a penalty than without",
          "paired difference in test accuracy", above=0.005, unit="points"),
)  # fmt: skip
SMALL, LARGE, DROPOUT, L2 = ("small", "large", "large, dropout", "large, L2")
KINDS = (SMALL, LARGE, DROPOUT, L2)


class Config(launch.Config):
    """How many units, examples and strengths there are."""

    steps: int = setting(600, "Training steps of each trial.", low=1)
    seeds: int = setting(64, "Seeds of each setting.", low=2)
    examples: tuple[int, ...] = setting((100, 500), "Numbers of images.", low=10, high=1077)
    widths: tuple[int, ...] = setting((4, 8, 16, 32, 64, 512), "Units; the last is large.", low=1)
    rates: tuple[float, ...] = setting((0.2, 0.5, 0.8), "Of dropout.", low=0, high=0.99)
    decays: tuple[float, ...] = setting((1e-4, 1e-3, 1e-2), "Of the L2 penalty.", low=0)
    batch_size: int = setting(50, "Examples in a step.", low=1, high=1077)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, 3e-2)


def plan(config: Config) -> sweep.Plan:
    """One program per width; images, penalty, its strength and the rate are numbers inside it."""
    if len(config.widths) < 2:
        raise launch.UserError("config.widths: a small and a large network are two widths")
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    *small, large = config.widths
    strengths = {LARGE: (0.0,), DROPOUT: config.rates, L2: config.decays}

    def points(kind: str, tried: tuple[float, ...]) -> list[sweep.Point]:
        return sweep.grid(
            kind=[kind], labels=config.examples, strength=tried, learning_rate=config.learning_rates
        )

    plain = points(SMALL, (0.0,))
    penalized = [point for kind, tried in strengths.items() for point in points(kind, tried)]
    programs = {f"{width} units": (program(config, width), plain) for width in small}
    programs |= {f"{large} units": (program(config, large), penalized)}
    labels = {f"{width} units": {"width": str(width)} for width in config.widths}
    return sweep.plan(programs, data, seeds=config.seeds, labels=labels, categories={"kind": KINDS})


def program(config: Config, width: int) -> sweep.Run:
    """Training on as many images as the trial has, with its penalty."""

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        def amount(kind: str) -> Array:
            return hparams["strength"] * (hparams["kind"] == KINDS.index(kind))

        def penalty(params: PyTree) -> Array:
            return losses.elastic_net(params, 0.0, amount(L2), kernels(params))

        model = MLP((width,), 10, dropout=amount(DROPOUT))
        return tasks.classification(model, penalty=penalty), adam(hparams["learning_rate"])

    run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
    return sweep.few_labels(run)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Widths, strengths and rates that other seeds chose on validation, paired over seeds."""
    frame = results.frame().astype({"width": int})
    tuned = stats.tune(frame, ("labels", "kind"), ("width", "strength", "learning_rate"))
    groups = tuned.groups("labels")

    def ahead(kinds: tuple[str, ...], base: str) -> dict[str, stats.Interval]:
        return {
            f"{kind}, {count:,} images": groups[count].gain("test_accuracy", kind, base)
            for count in config.examples
            for kind in kinds
        }

    claims = [
        *AHEAD.judge_each(ahead((DROPOUT, L2), SMALL)),
        *PENALTY.judge_each(ahead((DROPOUT, L2), LARGE)),
    ]
    table = report.tuned_table(tuned, "test_accuracy", against=SMALL)
    return launch.Conclusion(claims, [Section("By images and kind", (table, *by_width(frame)))])


def by_width(frame: pd.DataFrame) -> list[report.Picture]:
    """Accuracy of networks without a penalty, by their units, each at its rate."""
    without = frame[frame["kind"].isin([SMALL, LARGE])].reset_index(drop=True)
    plain = stats.tune(without, ("labels", "width"), "learning_rate").trials
    return report.along(
        plain.assign(images=plain["labels"].map("{:,.0f} images".format)),
        "width", "test_accuracy", line="images",
        title="Test accuracy without a penalty, by the number of hidden units",
        x_label="hidden units (log scale)", y_label="test accuracy (%)",
    )  # fmt: skip


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
