"""What becomes of training where the learning rate is too small, and where it is too large?

An MLP on the digits, SGD, momentum and Adam, at rates of eight decades, two to a decade. The best
rate is the one at which the training loss is at the target in the fewest steps, as other seeds have
it. Where steps are inversely proportional to the rate, a thirtieth of it is thirty times as slow;
what is not there at the end has taken all steps, at least.

    python -m experiments.learning_rates --workdir=runs/learning_rates  # 0.5 minutes on 2 cores
"""

import functools

import numpy as np
import pandas as pd

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import OPTIMIZERS
from jaxdl.report import Claim, Section

CLAIMS = SLOW, LOST = (
    Claim("O2", "at a thirtieth of the best rate training needs ten times the steps",
          "steps to the target, of those at the best rate; missed: all steps", above=10.0),
    Claim("O2", "at thirty times the best rate training is lost",
          "share of seeds that diverge or end below half the accuracy at the best rate",
          above=0.5, unit="%"),
)  # fmt: skip
NAMES, AWAY = ("sgd", "momentum", "adam"), 3
"""Rates are half a decade apart, so that three of them are a factor of about thirty."""


class Config(launch.Config):
    """Which rates are tried, and for how long."""

    steps: int = setting(2000, "Training steps of each trial.", low=1)
    seeds: int = setting(12, "Seeds of each setting.", low=2)
    batch_size: int = setting(64, "Examples in a step.", low=1, high=1077)
    hidden: tuple[int, ...] = launch.widths(64)
    least: float = setting(1e-6, "The lowest rate.", low=1e-12)
    count: int = setting(18, "Rates, half a decade apart.", low=2)
    target: float = setting(0.5, "Loss on the training batches to be reached, in nats.", low=1e-6)


def plan(config: Config) -> sweep.Plan:
    """One program per optimizer; rate and seed are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)
    points = sweep.grid(learning_rate=rates(config))
    task = tasks.classification(MLP(config.hidden, 10))
    programs = {
        name: (
            sweep.make_run(
                sweep.by_rate(task, OPTIMIZERS[name]),
                steps=config.steps,
                batch_size=config.batch_size,
            ),
            points,
        )
        for name in NAMES
    }
    return sweep.plan(programs, data, seeds=config.seeds, column="optimizer")


def rates(config: Config) -> list[float]:
    """Half a decade apart, to three digits."""
    return [float(f"{config.least * 10 ** (n / 2):.3g}") for n in range(config.count)]


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Each optimizer at its best rate, a thirtieth of it, and thirty times it."""
    frame = results.frame().assign(needed=needed(config, results))
    tables = {
        name: mine.pivot(index="seed", columns="learning_rate", values=["needed", "test_accuracy"])
        for name, mine in frame.groupby("optimizer", sort=False)
    }
    slow, lost = {}, {}
    for name, wide in tables.items():
        steps = wide["needed"].to_numpy(float)
        best = stats.choices_of_others(-steps.T)
        seeds = np.arange(len(best))
        accuracy = wide["test_accuracy"].to_numpy(float)
        last = steps.shape[1] - 1
        low, high = np.maximum(best - AWAY, 0), np.minimum(best + AWAY, last)
        slow[str(name)] = stats.mean_interval(steps[seeds, low] / steps[seeds, best], "positive")
        found, usual = (np.nan_to_num(accuracy[seeds, rate]) for rate in (high, best))
        lost[str(name)] = stats.proportion_of(found < usual / 2)
    claims = [*SLOW.judge_each(slow), *LOST.judge_each(lost)]
    draw = functools.partial(report.along, line="optimizer")
    pictures = [
        *draw(frame, "learning_rate", "test_accuracy",
              title="Test accuracy after training", y_label="test accuracy (%)"),
        *draw(frame, "learning_rate", "needed", y_scale="log",
              title=f"Steps to a training loss of {config.target:g} nats; missed: all",
              y_label="steps (log scale)"),
    ]  # fmt: skip
    return launch.Conclusion(claims, [Section("By learning rate", pictures)])


def needed(config: Config, results: sweep.Results) -> np.ndarray:
    """Steps of each trial until the mean loss of ten batches is at the target."""
    loss = np.nan_to_num(results.curves()["loss"], nan=np.inf)
    smooth = pd.DataFrame(loss).T.rolling(min(10, config.steps)).mean().T.to_numpy()
    reached = smooth <= config.target
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, config.steps)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
