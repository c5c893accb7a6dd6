"""Inputs as they come, centred, or scaled: the best learning rate, and the speed of training.

An MLP trained by full-batch gradient descent on wine and breast cancer (columns of very different
units) and on the digits (0..16 everywhere), at rates over nine decades. The scaling is fitted on
the training split; centring alone takes the means of the columns off and leaves their units. The
best rate is the one of the lowest validation loss after all steps; raw and centred columns that
never reach the target have taken all steps, at least. One mean and deviation for the whole tensor,
or a division by the maximum, brings the best rate back to the order of 1, but where units differ it
does not reach the target either.

    python -m experiments.input_scaling --workdir=runs/input_scaling  # 0.7 minutes on 2 cores
"""

import dataclasses

import jax
import numpy as np
import pandas as pd

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import batches, catalog, scaling, splits
from jaxdl.data.sources import tabular
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import sgd
from jaxdl.report import Claim, Judged, Section, Table
from jaxdl.types import Array, PyTree

DATASETS = ("wine", "breast_cancer", "digits")
RAW, STANDARDIZED, CENTRED = "none", "per_column", "centre"
RATIO = "of the ratio of {}, raw columns to {} ones"
HIGHEST = 1e3
CLAIMS = SMALLER, SLOWER, MEANS = (
    Claim("F15", "without standardization the best learning rate is smaller",
          f"log10 {RATIO.format('the best rates', 'standardized')}", below=-0.5),
    Claim("F15", "without standardization training is slower",
          f"log2 {RATIO.format('the steps to the target', 'standardized')}", above=1.0),
    Claim("F15", "centring alone makes training faster",
          f"log2 {RATIO.format('the steps to the target', 'centred')}", above=0.5),
)  # fmt: skip


class Config(launch.Config):
    """Which scalings are compared, on what, at which rates."""

    steps: int = setting(300, "Training steps, each on the whole training split.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(
        *(float(f"{digit}e{power}") for power in range(-8, 1) for digit in (1, 3)), 10.0
    )
    scalings: tuple[str, ...] = setting(
        ("none", "centre", "max", "whole", "per_column"), "Scalings."
    )
    datasets: tuple[str, ...] = setting(DATASETS, "Data sets.", choices=DATASETS)
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
    categories = {"scaling": config.scalings}
    return sweep.plan(programs, data, seeds=config.seeds, column="dataset", categories=categories)


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

    inner = sweep.make_run(
        lambda hparams: (task, sgd(hparams["learning_rate"])),
        steps=config.steps,
        batch_size=len(dataset.train["y"]),
        order=batches.repeated_indices,
    )

    def scaled(hparams: PyTree, key: Array, data: sweep.Data) -> sweep.Data:
        return jax.tree.map(lambda array: array[hparams["scaling"]], data[dataset.name])

    return sweep.on(scaled, inner)


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
    steps, slow = tuned.trials["steps_needed"], tuned.trials["scaling"].isin([RAW, CENTRED])
    needed = steps.mask(slow, steps.fillna(config.steps))
    doublings = tuned.trials.assign(doublings=np.log2(needed))
    judged = [
        *on_all(SMALLER, ratios(best, "decades")),
        *on_all(SLOWER, ratios(doublings, "doublings")),
        *on_all(MEANS, ratios(doublings, "doublings", CENTRED)),
    ]
    capped = frame.assign(validation_loss=frame["validation_loss"].clip(1e-3, HIGHEST))
    pictures = [
        *report.along(
            capped, "learning_rate", "validation_loss", panel="dataset", line="scaling",
            title=f"Validation loss after training; above {HIGHEST:,g} it is drawn there",
            y_label="validation loss (nats, log scale)",
            y_scale="log",
        ),
        *report.tuned_curves(results, tuned, y_label="training loss (nats, log scale)"),
    ]  # fmt: skip
    found = Section("Each scaling at its best rate", [findings(tuned, best)])
    return launch.Conclusion(judged, [found, Section("Figures", pictures)])


def ratios(
    trials: pd.DataFrame, column: str, against: str = STANDARDIZED
) -> dict[str, stats.Interval]:
    """Raw columns against scaled ones by data set, where both were tried."""
    found = {}
    for name, rows in trials.groupby("dataset", sort=False):
        wide = rows.pivot(index="seed", columns="scaling", values=column)
        if {RAW, against} <= set(wide):
            found[str(name)] = stats.paired_interval(wide[RAW], wide[against])
    return found


def on_all(claim: Claim, intervals: dict[str, stats.Interval]) -> list[Judged]:
    """The claim on each data set, and on all with the numbers of the one that supports it least."""
    found = [claim.judge(each, name) for name, each in intervals.items()]
    text, quantity = f"{claim.text} (all data sets)", f"{claim.quantity}: least"
    whole = dataclasses.replace(claim, text=text, quantity=quantity)
    return [*found, whole.judge_together(found)] if found else []


def findings(tuned: stats.Tuned, best: pd.DataFrame) -> Table:
    """One row a data set and scaling."""
    own = best.groupby(list(tuned.by))["decades"].mean()
    rows = []
    for choice in tuned.selection.itertuples():
        key = (choice.dataset, choice.scaling)
        group = tuned.of(key)
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
