"""Optimizers × initializers × learning rates × seeds: an MLP on the 8×8 digits, as one sweep.

The rate of each condition is chosen on validation; fresh seeds then run the chosen rates again, and
all that is reported on test is theirs. The threshold for zero weights is two points above the share
of the commonest class of the test set, here that of the digits.

    python -m experiments.optimizers_x_initializers --workdir=runs/demo  # 2 minutes on 2 cores

An optimizer of your own joins as `--config.optimizers=sgd,adam,my_module:my_optimizer`.
"""

import dataclasses

import numpy as np
import optax
import pandas as pd

from jaxdl import comparison, initializers, launch, report, stats, sweep, tasks
from jaxdl.data import batches, catalog, splits
from jaxdl.data.scaling import SCALINGS, Scaling
from jaxdl.launch import setting
from jaxdl.layers import activations
from jaxdl.models import MLP
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
        "max", "How inputs are scaled: none, max, whole, per_channel, per_column."
    )
    order: str = setting("reshuffled", "Order of the data: reshuffled each epoch, or one repeated.")
    evaluations: int = setting(
        6, "Evaluations on the way, at most; a divisor of steps is used.", low=1
    )


def plan(config: Config) -> sweep.Plan:
    """Every optimizer is a program; initializer, rate and seed are numbers inside it."""
    optimizers = chosen_optimizers(config)
    data, _, num_classes = load(config)
    examples = len(data["train"]["y"])
    if config.batch_size > examples:
        raise launch.UserError(
            f"config.batch_size: {config.batch_size} is more than the {examples} training examples"
        )
    points = sweep.grid(initializer=config.initializers, learning_rate=config.learning_rates)
    return sweep.plan(
        {name: (program(config, each, num_classes), points) for name, each in optimizers.items()},
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


def load(config: Config) -> tuple[sweep.Data, Scaling, int]:
    """The data as a run takes it, the scaling of its inputs, and the number of classes."""
    fit = launch.choose("scaling", config.scaling, SCALINGS)
    dataset = catalog.load(config.dataset, config.data_dir or None)
    return *splits.for_run(dataset, fit), dataset.num_classes


def program(config: Config, optimizer: comparison.Entrant, num_classes: int) -> sweep.Run:
    """Training of the MLP by one optimizer, in segments."""
    activation = launch.choose("activation", config.activation, activations.ACTIVATIONS)
    launch.choose_all("initializers", config.initializers, initializers.INITIALIZERS)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        init = initializers.switch(hparams["initializer"], config.initializers)
        model = MLP(config.hidden, num_classes, activation, config.dropout, kernel_init=init)
        point = {**optimizer.defaults, "learning_rate": hparams["learning_rate"]}
        return tasks.classification(model), optimizer.make(**point)

    return sweep.make_run(
        build,
        steps=config.steps // sweep.segments(config.steps, config.evaluations),
        batch_size=config.batch_size,
        order=launch.choose("order", config.order, batches.ORDERS),
        eval_params=optimizer.eval_params,
    )


def confirm(config: Config, plan: sweep.Plan, results: sweep.Results) -> sweep.Plan:
    """The chosen rate of each condition on seeds that took no part in the choice."""
    fresh = range(config.seeds, config.seeds + config.fresh_seeds)
    trials = []
    for row in stats.select(results.frame(), BY, "learning_rate").itertuples():
        point = {"initializer": row.initializer, "learning_rate": float(row.learning_rate)}
        trials += sweep.trials([row.optimizer], [point], fresh)
    return plan._replace(trials=trials)


def conclude(
    config: Config, plan: sweep.Plan, results: sweep.Results, confirmed: sweep.Results
) -> launch.Conclusion:
    """Rates chosen on validation, accuracies of fresh seeds on test; the best model saved."""
    frame, fresh = results.frame(), confirmed.frame()
    examples = int(np.sum(plan.data["test"]["mask"]))
    summary = report.summary(frame, fresh=fresh, examples=examples)
    chosen = report.chosen_trials(fresh, summary)
    curves = confirmed.curve_frame("loss", chosen)
    headline, sections = report.comparison(frame, curves, fresh=fresh, examples=examples)
    save_best(config, plan, summary, frame)
    return launch.Conclusion(claims(config, plan, chosen), sections, headline)


def save_best(config: Config, plan: sweep.Plan, summary: pd.DataFrame, frame: pd.DataFrame) -> None:
    """Parameters of the best condition's best seed in the search, both by validation."""
    assert plan.workdir is not None
    eligible = summary[summary["eligible"]]
    if eligible.empty:
        return
    best = eligible.loc[[eligible["validation_accuracy"].idxmax()], [*BY, "learning_rate"]]
    row = frame.merge(best).sort_values("validation_accuracy", ascending=False).iloc[0]
    state = plan.replay(row)
    _, scaling, num_classes = load(config)
    numbers = ("learning_rate", "validation_accuracy", "test_accuracy")
    options = {
        "features": config.hidden,
        "outputs": num_classes,
        "activation": config.activation,
        "dropout": config.dropout,
    }
    launch.save_best(
        plan.workdir, state.params, state.model_state, scaling, task="classification", model="mlp",
        options=options, input_shape=plan.data["train"]["x"].shape[1:], seed=int(row["seed"]),
        dataset=config.dataset, **{name: row[name] for name in ("trial", *BY)},
        **{name: float(row[name]) for name in numbers},
    )  # fmt: skip


def claims(config: Config, plan: sweep.Plan, chosen: pd.DataFrame) -> list[Judged]:
    """Of the claims, those that the grid can tell."""
    accuracy = chosen.pivot(index="seed", columns=list(BY), values="test_accuracy")
    result = []
    if "zeros" in config.initializers:
        test = plan.data["test"]
        labels = np.asarray(test["y"])[np.asarray(test["mask"]) > 0]
        best = accuracy.xs("zeros", axis=1, level="initializer").max(axis=1, skipna=False)
        nothing = float(np.bincount(labels).max() / len(labels)) + 0.02
        found = stats.mean_interval(best, "share", examples=len(labels))
        result.append(dataclasses.replace(ZEROS, below=nothing).judge(found))
    if {"sgd", "adam"} <= set(config.optimizers):
        sgd, adam = (
            accuracy[name].drop(columns="zeros", errors="ignore").agg(np.ptp, axis=1)
            for name in ("sgd", "adam")
        )
        result.append(SPREAD.judge(stats.paired_interval(sgd, adam)))
    for claim, name in ((MOMENTUM, "momentum"), (ADAM, "adam")):
        for initializer in ("he_normal", "small_normal"):
            ours, base = (name, initializer), ("sgd", initializer)
            if {ours, base} <= set(accuracy.columns):
                gain = stats.paired_interval(accuracy[ours], accuracy[base])
                result.append(claim.judge(gain, initializer))
    return result


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, confirm=confirm))
