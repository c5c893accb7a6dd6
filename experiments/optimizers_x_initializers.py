"""Optimizers × initializers × learning rates × seeds: an MLP on the 8×8 digits, as one sweep.

The rate of each condition is chosen on validation; fresh seeds then run the chosen rates again, and
all that is reported on test is theirs. The threshold for zero weights is two points above the share
of the commonest class of the test set, here that of the digits.

Other data sets, and a table of your own: a target that is a number is regressed, and claims are
about R² then (zero weights: below 0.02).

    python -m experiments.optimizers_x_initializers --workdir=runs/demo  # 2 minutes on 2 cores
    python -m experiments.optimizers_x_initializers --workdir=runs/numbers --config.dataset=diabetes
    python -m experiments.optimizers_x_initializers --workdir=runs/mine --config.csv=FILE \\
        --config.target=COLUMN

An optimizer of your own joins as `--config.optimizers=sgd,adam,my_module:my_optimizer`.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import optax
import pandas as pd

from jaxdl import comparison, initializers, launch, losses, report, stats, sweep, tasks
from jaxdl.data import batches
from jaxdl.data.preparation import Preparation
from jaxdl.data.scaling import SCALINGS
from jaxdl.launch import setting
from jaxdl.layers import activations
from jaxdl.models import MODELS
from jaxdl.optimizers import OPTIMIZERS
from jaxdl.report import Claim, Judged
from jaxdl.types import PyTree, Task

CLAIMS = ZEROS, SPREAD, MOMENTUM, ADAM = (
    Claim("I1", "zero weights learn nothing, whatever the optimizer",
          "test accuracy of the best optimizer", below=0.123, unit="%"),
    Claim("I2", "the choice of the initializer matters less to Adam than to SGD",
          "range over initializers, zeros left out, SGD's less Adam's, in test accuracy",
          above=0, unit="points"),
    Claim("O2", "momentum beats plain SGD at equal tuning", "difference in test accuracy",
          above=0, unit="points"),
    Claim("O3", "adam beats plain SGD at equal tuning", "difference in test accuracy",
          above=0, unit="points"),
)  # fmt: skip
BY = ("optimizer", "initializer")
OF_CLASSES, OF_NUMBERS = ("accuracy",), ("r2", "rmse", "mae")
LOSSES = {
    "squared_error": losses.squared_error,
    "absolute_error": losses.absolute_error,
    "huber": losses.huber,
}


class Config(launch.DatasetConfig):
    """What is compared, on which data, at which rates."""

    steps: int = setting(300, "Training steps of each trial.", low=1)
    batch_size: int = setting(64, "Examples in a step.", low=1)
    seeds: int = setting(
        5, "Seeds of each setting; they move initialization and data order.", low=1
    )
    fresh_seeds: int = setting(10, "Seeds that run the chosen rates again and report them.", low=1)
    optimizers: tuple[str, ...] = setting(
        ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"),
        "Optimizers to compare, one compiled program each; help lists them; or module:function.",
    )
    initializers: tuple[str, ...] = setting(
        ("zeros", "small_normal", "large_normal", "lecun_normal", "xavier_uniform", "he_normal",
         "orthogonal"),
        "Initializers of the weight matrices; help lists them.",
    )  # fmt: skip
    learning_rates: tuple[float, ...] = launch.rates(1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
    hidden: tuple[int, ...] = launch.widths(128, 128)
    activation: str = setting("relu", "Activation of the hidden layers; help lists them.")
    dropout: float = setting(0.0, "Dropout rate after each hidden layer.", low=0.0, high=0.99)
    scaling: str = setting(
        "auto",
        "How inputs are scaled: none, max, whole, per_channel, per_column, centre; auto is max for "
        "images, per_column for numbers. Columns of a file are always scaled one by one.",
    )
    loss: str = setting(
        "squared_error",
        "Loss where numbers are predicted, in their deviations; of classes it is "
        "the cross-entropy.",
        choices=tuple(LOSSES),
    )
    metric: str = setting(
        "auto", "What rates are chosen by, on validation, and reported, on test: accuracy of "
        "classes; r2, rmse or mae of numbers. auto: the first.",
        choices=("auto", *OF_CLASSES, *OF_NUMBERS),
    )  # fmt: skip
    order: str = setting("reshuffled", "Order of the data: reshuffled each epoch, or one repeated.")
    evaluations: int = setting(
        6, "Evaluations on the way, at most; a divisor of steps is used.", low=1
    )


def plan(config: Config) -> sweep.Plan:
    """Every optimizer is a program; initializer, rate and seed are numbers inside it."""
    optimizers = chosen_optimizers(config)
    data, preparation = load(config)
    possible = OF_CLASSES if preparation.target.classes else OF_NUMBERS
    if config.metric not in ("auto", *possible):
        raise launch.UserError(f"config.metric: of this target it is {' or '.join(possible)}")
    examples = len(data["train"]["y"])
    if config.batch_size > examples:
        raise launch.UserError(
            f"config.batch_size: {config.batch_size} is more than the {examples} training examples"
        )
    points = sweep.grid(initializer=config.initializers, learning_rate=config.learning_rates)
    return sweep.plan(
        {name: (program(config, each, preparation), points) for name, each in optimizers.items()},
        data,
        seeds=config.seeds,
        column="optimizer",
        segments=sweep.segments(config.steps, config.evaluations),
        categories={"initializer": config.initializers},
        follow=len(optimizers) * len(config.initializers) * config.fresh_seeds + 1,
    )


def chosen_optimizers(config: Config) -> dict[str, comparison.Entrant]:
    """Those of `OPTIMIZERS` by their names, and the user's own."""
    found: dict[str, comparison.Entrant] = {}
    for text in config.optimizers:
        if ":" not in text:
            found[text] = comparison.Entrant(launch.choose("optimizers", text, OPTIMIZERS))
            continue
        try:
            name, one = comparison.find(text)
        except ValueError as error:
            raise launch.UserError(f"config.optimizers: {error}") from error
        if one.kind != "optimizer":
            raise launch.UserError(f"config.optimizers: {text!r} is of another kind: {one.kind}")
        found[f"{name} (candidate)" if name in {*found, *config.optimizers} else name] = one
    return found


def load(config: Config) -> tuple[sweep.Data, Preparation]:
    """The data as a run takes them, and what prepared them."""
    if config.scaling == "auto":
        return launch.read(config)
    launch.choose("scaling", config.scaling, SCALINGS)
    return launch.read(config, config.scaling)


def network(config: Config, preparation: Preparation) -> tuple[str, dict[str, Any]]:
    """Which of MODELS, and what it is built with, as plain values."""
    options: dict[str, Any] = {
        "features": config.hidden,
        "outputs": preparation.outputs,
        "activation": config.activation,
        "dropout": config.dropout,
    }
    if not preparation.sizes:
        return "mlp", options
    return "table", {**options, "sizes": preparation.sizes}


def program(config: Config, optimizer: comparison.Entrant, preparation: Preparation) -> sweep.Run:
    """Training of the MLP by one optimizer, in segments."""
    activation = launch.choose("activation", config.activation, activations.ACTIVATIONS)
    launch.choose_all("initializers", config.initializers, initializers.INITIALIZERS)
    name, options = network(config, preparation)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        init = initializers.switch(hparams["initializer"], config.initializers)
        model = MODELS[name](**{**options, "activation": activation}, kernel_init=init)
        point = {**optimizer.defaults, "learning_rate": hparams["learning_rate"]}
        if preparation.target.classes:
            return tasks.classification(model), optimizer.make(**point)
        loss, scale = LOSSES[config.loss], preparation.target.scale
        return tasks.regression(model, loss=loss, scale=scale), optimizer.make(**point)

    return sweep.make_run(
        build,
        steps=config.steps // sweep.segments(config.steps, config.evaluations),
        batch_size=config.batch_size,
        order=launch.choose("order", config.order, batches.ORDERS),
        eval_params=optimizer.eval_params,
    )


def names(config: Config, frame: pd.DataFrame) -> report.Columns:
    """The metric that chooses and the one that is reported, of a ledger."""
    there = [name for name in (*OF_CLASSES, *OF_NUMBERS) if f"validation_{name}" in frame]
    metric = there[0] if config.metric == "auto" else config.metric
    unit = "nats" if metric in OF_CLASSES else "1"
    return report.Columns(metric=f"validation_{metric}", score=f"test_{metric}", loss_unit=unit)


def confirm(config: Config, plan: sweep.Plan, results: sweep.Results) -> sweep.Plan:
    """The chosen rate of each condition on seeds that took no part in the choice."""
    fresh = range(config.seeds, config.seeds + config.fresh_seeds)
    frame, trials = results.frame(), []
    for row in stats.select(frame, BY, "learning_rate", names(config, frame).metric).itertuples():
        point = {"initializer": row.initializer, "learning_rate": float(row.learning_rate)}
        trials += sweep.trials([row.optimizer], [point], fresh)
    return plan._replace(trials=trials)


def conclude(
    config: Config, plan: sweep.Plan, results: sweep.Results, confirmed: sweep.Results
) -> launch.Conclusion:
    """Rates chosen on validation, scores of fresh seeds on test; the best model saved."""
    frame, fresh = results.frame(), confirmed.frame()
    examples, of = int(np.sum(plan.data["test"]["mask"])), names(config, frame)
    summary = report.summary(
        frame, metric=of.metric, score=of.score, fresh=fresh, examples=examples
    )
    chosen = report.chosen_trials(fresh, summary)
    curves = confirmed.curve_frame("loss", chosen)
    headline, sections = report.comparison(frame, curves, of, fresh=fresh, examples=examples)
    save_best(config, plan, summary, frame, of)
    return launch.Conclusion(claims(config, plan, chosen), sections, headline)


def save_best(
    config: Config,
    plan: sweep.Plan,
    summary: pd.DataFrame,
    frame: pd.DataFrame,
    of: report.Columns,
) -> None:
    """Parameters of the best condition's best seed in the search, both by validation."""
    assert plan.workdir is not None
    rising = stats.direction(of.metric) == "min"
    eligible = summary[summary["eligible"]].sort_values(of.metric, ascending=rising, kind="stable")
    if eligible.empty:
        return
    best = eligible.head(1)[[*BY, "learning_rate"]]
    row = frame.merge(best).sort_values(of.metric, ascending=rising).iloc[0]
    state = plan.replay(row)
    _, preparation = load(config)
    name, options = network(config, preparation)
    numbers: dict[str, Any] = {n: float(row[n]) for n in ("learning_rate", of.metric, of.score)}
    launch.save_best(
        plan.workdir, state.params, state.model_state, preparation=preparation,
        task="classification" if preparation.target.classes else "regression", model=name,
        options=options, input_shape=getattr(preparation.inputs, "shape", None),
        seed=int(row["seed"]),
        dataset=config.csv or config.dataset, **{name: row[name] for name in ("trial", *BY)},
        **numbers,
    )  # fmt: skip


def claims(config: Config, plan: sweep.Plan, chosen: pd.DataFrame) -> list[Judged]:
    """Of the claims, those that the grid can tell; of R² where numbers are predicted."""
    of_classes = "test_accuracy" in chosen
    column = "test_accuracy" if of_classes else "test_r2"
    scores = chosen.pivot(index="seed", columns=list(BY), values=column)

    def told(claim: Claim, **changes: Any) -> Claim:
        if not of_classes:
            changes |= {"quantity": claim.quantity.replace("accuracy", "R²"), "unit": "1"}
        return dataclasses.replace(claim, **changes)

    result = []
    if "zeros" in config.initializers:
        best = scores.xs("zeros", axis=1, level="initializer").max(axis=1, skipna=False)
        result.append(_nothing(plan, told, best, of_classes))
    if {"sgd", "adam"} <= set(config.optimizers):
        sgd, adam = (
            scores[name].drop(columns="zeros", errors="ignore").agg(np.ptp, axis=1)
            for name in ("sgd", "adam")
        )
        result.append(told(SPREAD).judge(stats.paired_interval(sgd, adam)))
    for claim, name in ((MOMENTUM, "momentum"), (ADAM, "adam")):
        for initializer in ("he_normal", "small_normal"):
            ours, base = (name, initializer), ("sgd", initializer)
            if {ours, base} <= set(scores.columns):
                gain = stats.paired_interval(scores[ours], scores[base])
                result.append(told(claim).judge(gain, initializer))
    return result


def _nothing(
    plan: sweep.Plan, told: Callable[..., Claim], best: pd.Series, of_classes: bool
) -> Judged:
    """Of zero weights: the best score, against what is said without looking at the inputs."""
    if not of_classes:
        return told(ZEROS, below=0.02).judge(stats.mean_interval(best))
    test = plan.data["test"]
    labels = np.asarray(test["y"])[np.asarray(test["mask"]) > 0]
    nothing = float(np.bincount(labels).max() / len(labels)) + 0.02
    found = stats.mean_interval(best, "share", examples=len(labels))
    return told(ZEROS, below=nothing).judge(found)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, confirm=confirm))
