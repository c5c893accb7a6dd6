"""Inputs as they come, or scaled in three ways: the best learning rate, and the speed of training.

An MLP trained by full-batch gradient descent on wine and breast cancer (columns of very different
units) and on the digits (0..16 everywhere), at rates over nine decades. The scaling is fitted on
the training split. The best rate is the one of the lowest validation loss after all steps; raw
columns that never reach the target have taken all steps, at least. One mean and deviation for the
whole tensor, or a division by the maximum, brings the best rate back to the order of 1, but where
units differ it does not reach the target either.

    python -m experiments.input_scaling --workdir=runs/input_scaling  # 0.7 minutes on 2 cores
"""

import dataclasses

import jax
import numpy as np
import optax
import pandas as pd

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import batches, catalog, scaling, splits
from jaxdl.data.sources import tabular
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import sgd
from jaxdl.report import Claim, Judged, Section, Table
from jaxdl.report.claims import Outcome
from jaxdl.types import PyTree, Task

DATASETS = ("wine", "breast_cancer", "digits")
RAW, STANDARDIZED = "none", "per_column"
RATIO = "of the ratio of {}, raw columns to standardized ones"
HIGHEST = 1e3
CLAIMS = SMALLER, SLOWER = (
    Claim("F15", "without standardization the best learning rate is smaller",
          f"log10 {RATIO.format('the best rates')}", below=-0.5),
    Claim("F15", "without standardization training is slower",
          f"log2 {RATIO.format('the steps to the target')}", above=1.0),
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(launch.Config):
    """Which scalings are compared, on what, at which rates."""

    steps: int = setting(
        300, "Training steps of each trial, each on the whole training split.", low=1
    )
    seeds: int = setting(5, "Seeds; each starts from other weights.", low=1)
    learning_rates: tuple[float, ...] = setting(
        (*(float(f"{digit}e{power}") for power in range(-8, 1) for digit in (1, 3)), 10.0),
        "Learning rates to try.",
        low=1e-12,
    )
    scalings: tuple[str, ...] = setting(
        ("none", "max", "whole", "per_column"), "Scalings to compare."
    )
    datasets: tuple[str, ...] = setting(
        DATASETS, "Data sets, one compiled program each.", choices=DATASETS
    )
    hidden: tuple[int, ...] = launch.widths(32)
    target: float = setting(0.1, "Loss to be reached, as a share of that of guessing.", low=1e-12)


def plan(config: Config) -> sweep.Plan:
    """One program per data set; scaling, rate and seed are numbers inside it."""
    fits = launch.choose_all("scalings", config.scalings, scaling.SCALINGS)
    points = sweep.grid(scaling=config.scalings, learning_rate=config.learning_rates)
    data, programs = {}, {}
    for name in config.datasets:
        dataset = load(name)
        scaled = [splits.for_run(dataset, fit)[0] for fit in fits.values()]
        data[name] = jax.tree.map(lambda *arrays: np.stack(arrays), *scaled)
        programs[name] = (run(config, dataset), points)
    return sweep.plan(
        programs,
        data,
        seeds=config.seeds,
        column="dataset",
        categories={"scaling": config.scalings},
    )


def load(name: str) -> catalog.Dataset:
    """A data set in three splits, three fifths of it to train on, unscaled."""
    if name == "digits":
        return catalog.load(name)
    table = tabular.load(name)
    assert table.num_classes is not None
    return catalog.Dataset(table.train, table.validation, table.test, table.num_classes, name)


def run(config: Config, dataset: catalog.Dataset) -> sweep.Run:
    """The run on the data set as the trial scales it."""
    task = tasks.classification(MLP(config.hidden, dataset.num_classes))

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        return task, sgd(hparams["learning_rate"])

    inner = sweep.make_run(
        build,
        steps=config.steps,
        batch_size=len(dataset.train["y"]),
        order=batches.repeated_indices,
    )

    def of(hparams: PyTree, data: sweep.Data) -> sweep.Data:
        return jax.tree.map(lambda array: array[hparams["scaling"]], data[dataset.name])

    return sweep.Run(
        lambda hparams, key, data: inner.init(hparams, key, of(hparams, data)),
        lambda hparams, state, data: inner.advance(hparams, state, of(hparams, data)),
        lambda hparams, state, data: inner.evaluate(hparams, state, of(hparams, data)),
    )


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Best rates by seed, and the steps to the target at the rate that other seeds chose."""
    by = ("dataset", "scaling")
    frame, loss = results.frame(), results.curves()["loss"]
    classes = {name: int(parts["train"]["y"].max()) + 1 for name, parts in plan.data.items()}
    target = config.target * np.log(frame["dataset"].map(classes).to_numpy())
    reached = loss <= target[:, None]
    frame["steps_needed"] = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, np.nan)
    frame["last_loss"] = loss[:, -1]
    tuned = stats.tune(frame, by, "learning_rate", "validation_loss")
    order = frame.sort_values(["validation_loss", "learning_rate"], na_position="last")
    best = order.groupby([*by, "seed"], sort=False, as_index=False).first()
    best["decades"] = np.log10(best["learning_rate"])
    raw = tuned.trials["scaling"] == RAW
    needed = tuned.trials["steps_needed"].mask(
        raw, tuned.trials["steps_needed"].fillna(config.steps)
    )
    judged = [
        *on_all(SMALLER, ratios(best, "decades")),
        *on_all(SLOWER, ratios(tuned.trials.assign(doublings=np.log2(needed)), "doublings")),
    ]
    capped = frame.assign(validation_loss=frame["validation_loss"].clip(1e-3, HIGHEST))
    pictures = [
        *report.along(
            capped, "learning_rate", "validation_loss", panel="dataset", line="scaling",
            title=f"Validation loss after training; above {HIGHEST:,g} it is drawn there",
            x_label="learning rate (log scale)", y_label="validation loss (nats, log scale)",
            y_scale="log",
        ),
        *report.tuned_curves(results, tuned, y_label="training loss (nats, log scale)"),
    ]  # fmt: skip
    sections = [
        Section("Each scaling at its best rate", (findings(tuned, best),)),
        Section("Figures", tuple(pictures)),
    ]
    return launch.Conclusion(judged, sections)


def ratios(trials: pd.DataFrame, column: str) -> dict[str, stats.Interval]:
    """Raw columns against standardized ones by data set, where both were tried."""
    found = {}
    for name, rows in trials.groupby("dataset", sort=False):
        wide = rows.pivot(index="seed", columns="scaling", values=column)
        if {RAW, STANDARDIZED} <= set(wide):
            found[str(name)] = stats.paired_interval(wide[RAW], wide[STANDARDIZED])
    return found


def on_all(claim: Claim, intervals: dict[str, stats.Interval]) -> list[Judged]:
    """The claim on each data set, and on all with the numbers of the one that supports it least."""
    found = [claim.judge(each, name) for name, each in intervals.items()]
    if not found:
        return []
    sign = 1 if claim.direction == "above" else -1
    least = min(found, key=lambda judged: sign * judged.measured)
    verdicts = {judged.verdict for judged in found}
    mixed: Outcome = "depends" if {"holds", "fails"} <= verdicts else "inconclusive"
    together = least._replace(
        claim=f"{claim.text} (all data sets)",
        quantity=f"{claim.quantity}: least",
        verdict=verdicts.pop() if len(verdicts) == 1 else mixed,
    )
    return [*found, together]


def findings(tuned: stats.Tuned, best: pd.DataFrame) -> Table:
    """One row a data set and scaling."""
    own = best.groupby(list(tuned.by))["decades"].mean()
    groups = tuned.trials.groupby(list(tuned.by))
    rows = []
    for choice in tuned.selection.itertuples():
        key = (choice.dataset, choice.scaling)
        group = groups.get_group(key)
        rows.append({
            "data set": choice.dataset,
            "scaling": choice.scaling,
            "rate of others": report.distinct(group["learning_rate"]) + "*" * choice.on_border,
            "of each seed": 10 ** own[key],
            "reach target": f"{group['steps_needed'].count()} of {len(group)}",
            "steps to it": group["steps_needed"].median(),
            "train loss (nats)": group["last_loss"].median(),
            "valid. loss (nats)": choice.validation_loss,
            "test (%)": tuned.interval("test_accuracy", key),
        })  # fmt: skip
    caption = (
        "Rate of others: each seed at the rate that other seeds chose by validation loss (* that "
        "of all is on the border of the grid); of each seed: geometric mean of the seeds' own. "
        "Steps, training loss: medians. Test: accuracy and its 95 % interval over seeds."
    )
    return report.table(rows, caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
