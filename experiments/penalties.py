"""L1, L2 and elastic net on the digits: which penalties make weights exactly zero?

Softmax regression and an MLP, by plain SGD on full batches or on small ones. Conditions: no
penalty; λΣ|w| by its subgradient; λΣ|w| by the proximal step (a soft threshold after each update);
λΣw²; an elastic net of λ/2 of each, its L1 part proximal. Biases are left out. The λ is the one
that other seeds chose on validation, or the largest within a point of the best accuracy there.
Zeros need time: an idle weight shrinks by rate·λ a step, and the noise of small batches lifts it.

    python -m experiments.penalties --workdir=runs/penalties  # 1 to 3 minutes on 2 cores
"""

import math

import jax
import jax.numpy as jnp
import optax
import pandas as pd

from jaxdl import launch, losses, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import proximal, sgd
from jaxdl.params import kernels
from jaxdl.report import Claim, Section, Table
from jaxdl.types import Array, PyTree, Task, TrainState

SMALL, ONE_POINT = 1e-3, 0.01
BY = ["setting", "penalty"]
CHOSEN = "each seed at the λ that other seeds chose on validation"
SPARSE = (
    "at the largest λ within a point of the best validation accuracy, both means of the same seeds"
)
ZEROS = "share of weights that are exactly zero"
CLAIMS = ZERO, MOST_ZERO, NO_ZERO, NO_ZERO_BY_L2 = (
    Claim("F9", "the proximal step of L1 makes weights zero",
          f"{ZEROS}, {CHOSEN}", above=0.25, unit="%"),
    Claim("F9", "the proximal step makes most zero, at the cost of a point of validation accuracy",
          f"{ZEROS}, {SPARSE}", above=0.5, unit="%"),
    Claim("F9", "the subgradient of L1 makes no weights zero",
          f"{ZEROS}, {CHOSEN}", below=0.01, unit="%"),
    Claim("F9", "L2 makes no weights zero", f"{ZEROS}, {CHOSEN}", below=0.01, unit="%"),
)  # fmt: skip
PENALTIES = {
    "none": (0.0, 0.0, 0.0),
    "L1 subgradient": (1.0, 0.0, 0.0),
    "L1 proximal": (0.0, 1.0, 0.0),
    "L2": (0.0, 0.0, 1.0),
    "elastic net": (0.0, 0.5, 0.5),
}
"""Share of λ in the L1 of the objective, in the L1 of the proximal step, in the L2."""
COLUMNS = {
    "zero": "weights exactly zero (%)",
    "small": f"weights below {SMALL:g} (%)",
    "validation_accuracy": "validation accuracy (%)",
}


class Config(launch.Config):
    """Which λ are tried, on how little data, how long."""

    steps: int = setting(5000, "Training steps; an idle weight shrinks by rate·λ at each.", low=1)
    seeds: int = setting(10, "Seeds; one moves initialization and batches.", low=1)
    examples: int = setting(300, "Training examples, the first of the split.", low=1, high=1077)
    batch_size: int = setting(30, "Examples in a small batch.", low=1, high=1077)
    hidden: int = setting(32, "Width of the MLP's hidden layer.", low=1)
    learning_rate: float = setting(0.3, "Learning rate of SGD.", low=1e-12)
    strengths: tuple[float, ...] = launch.rates(
        1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, help="Weights λ of the penalty."
    )


def plan(config: Config) -> sweep.Plan:
    """One program per model and batch size; penalty, λ and rate are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    if config.batch_size > config.examples:
        raise launch.UserError(f"config.batch_size: more than the {config.examples} examples")
    few = {name: array[: config.examples] for name, array in data["train"].items()}
    models = {"softmax": MLP((), 10), "MLP": MLP((config.hidden,), 10)}
    batches = {"full batch": config.examples, f"batches of {config.batch_size}": config.batch_size}
    points = sweep.grid(penalty=["none"], strength=[0.0])
    points += sweep.grid(penalty=list(PENALTIES)[1:], strength=config.strengths)
    programs = {
        f"{name}, {batch}": (run(config, model, size), points)
        for name, model in models.items()
        for batch, size in batches.items()
    }
    names = {"penalty": list(PENALTIES)}
    data = {**data, "train": few}
    return sweep.plan(programs, data, seeds=config.seeds, column="setting", categories=names)


def run(config: Config, model: MLP, batch_size: int) -> sweep.Run:
    """A trial that also reports how many of its weights are zero, or small."""

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        shares = jnp.array(list(PENALTIES.values()))[hparams["penalty"]]
        subgradient, threshold, square = hparams["strength"] * shares

        def penalty(params: PyTree) -> Array:
            return losses.elastic_net(params, subgradient, square, kernels(params))

        amount = config.learning_rate * threshold

        def soft_threshold(params: PyTree) -> PyTree:
            return losses.soft_threshold(params, amount, kernels(params))

        tx = optax.chain(sgd(config.learning_rate), proximal(soft_threshold))
        return tasks.classification(model, penalty=penalty), tx

    trained = sweep.make_run(build, steps=config.steps, batch_size=batch_size)

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        mask = jax.tree.leaves(kernels(state.params))
        leaves = zip(jax.tree.leaves(state.params), mask, strict=True)
        weights = jnp.abs(jnp.concatenate([leaf.ravel() for leaf, take in leaves if take]))
        counts = {"zero": jnp.mean(weights == 0), "small": jnp.mean(weights < SMALL)}
        return trained.evaluate(hparams, state, data) | counts

    return trained._replace(evaluate=evaluate)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """At the λ that other seeds chose, and at the largest λ within a point of the best."""
    frame = results.frame()
    inputs = math.prod(plan.data["train"]["x"].shape[1:])
    dense = frame["setting"].str.startswith("MLP")
    frame["weights"] = dense.map({True: (inputs + 10) * config.hidden, False: inputs * 10})
    best = stats.tune(frame, BY, "strength").trials
    sparse = frame.merge(stats.largest_within(frame, BY, "strength", ONE_POINT))
    # Without a penalty the same at every λ.
    none = frame[frame["penalty"] == "none"]
    everywhere = [none.assign(strength=strength) for strength in config.strengths]
    path = pd.concat([*everywhere, frame[frame["penalty"] != "none"]], ignore_index=True)
    pictures = [
        picture
        for column, label in COLUMNS.items()
        for picture in report.along(
            path, "strength", column, panel="setting", line="penalty",
            title=f"{label.removesuffix(' (%)').capitalize()} against the penalty's weight",
            x_label="weight λ of the penalty (log scale)", y_label=label,
        )
    ]  # fmt: skip
    return launch.Conclusion(
        [
            *ZERO.judge_each(zeros(best, "L1 proximal")),
            *MOST_ZERO.judge_each(zeros(sparse, "L1 proximal")),
            *NO_ZERO.judge_each(zeros(best, "L1 subgradient")),
            *NO_ZERO_BY_L2.judge_each(zeros(best, "L2")),
        ],
        [
            Section("At the chosen λ", (zeros_table(best, CHOSEN), zeros_table(sparse, SPARSE))),
            Section("Weights that are zero, or small", tuple(pictures)),
        ],
    )


def zeros(trials: pd.DataFrame, penalty: str) -> dict[str, stats.Interval]:
    """The share of weights that are exactly zero under a penalty, by setting."""
    mine = trials[trials["penalty"] == penalty].groupby("setting", sort=False)
    return {
        setting: stats.mean_interval(group["zero"], "share", examples=group["weights"].iloc[0])
        for setting, group in mine
    }


def zeros_table(trials: pd.DataFrame, whose: str) -> Table:
    """Zeros, small weights and test accuracy of each condition."""
    rows = [
        {
            "setting": setting,
            "penalty": penalty,
            "λ": report.distinct(group["strength"]),
            "exactly zero (%)": zeros(group, penalty)[setting],
            f"below {SMALL:g} (%)": group["small"].mean(),
            "test accuracy (%)": group["test_accuracy"].mean(),
        }
        for (setting, penalty), group in trials.groupby(BY, sort=False)
    ]
    caption = f"{whose[0].upper()}{whose[1:]}. Means over seeds; 95 % intervals over seeds."
    return report.table(rows, caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
