"""Is tanh better than sigmoid, and what does centring the data do for either?

MLPs of 1, 2 and 4 hidden layers on the digits, raw (0 … 1) or each pixel less its mean, Adam, equal
steps, the rate of each chosen on validation. How far from zero the mean of the last layer's inputs
is, on the average over units, of their root mean square (1: constant), is looked at after training:
centred data are of zero mean where the first layer is given them; what a sigmoid unit gives is
positive, whatever it is given.

    python -m experiments.tanh_vs_sigmoid --workdir=runs/tanh_vs_sigmoid  # 1 minute on 2 cores
"""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.initializers import lecun_normal
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, TrainState

OFFSET = "distance of the inputs' means from zero, of their root mean square"
CLAIMS = BETTER, HELP, LATER = (
    Claim("F12", "tanh is better than sigmoid",
          "paired difference in test accuracy", above=0.005, unit="points"),
    Claim("F12", "centred data are better than raw ones",
          "paired difference in test accuracy", above=0.005, unit="points"),
    Claim("F12", "centred data bring what a later layer of sigmoid units is given no nearer to "
          "zero mean", f"{OFFSET}: raw minus centred", below=0.1),
)  # fmt: skip
TANH, SIGMOID = ACTIVATIONS = ("tanh", "sigmoid")
RAW, CENTRED = DATA = ("raw", "centred")


class Config(launch.Config):
    """How deep the networks are, and at which rates they train."""

    steps: int = setting(500, "Training steps of each trial.", low=1)
    seeds: int = setting(12, "Seeds of each setting.", low=2)
    batch_size: int = setting(64, "Examples in a step.", low=1, high=1077)
    depths: tuple[int, ...] = setting((1, 2, 4), "Numbers of hidden layers.", low=1)
    width: int = setting(64, "Units of each hidden layer.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(1e-3, 3e-3, 1e-2, 3e-2, 0.1)


def plan(config: Config) -> sweep.Plan:
    """One program per activation and depth; data and rate are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    mean = data["train"]["x"].mean(axis=0)
    points = sweep.grid(data=DATA, learning_rate=config.learning_rates)
    programs, labels = {}, {}
    for depth in config.depths:
        for name, activation in ((TANH, nn.tanh), (SIGMOID, nn.sigmoid)):
            widths = (config.width,) * depth
            model = MLP(widths, 10, activation, kernel_init=lecun_normal)
            own = f"{name}, {depth} hidden"
            programs[own] = (program(config, model, mean), points)
            labels[own] = {"activation": name, "depth": str(depth)}
    return sweep.plan(programs, data, seeds=config.seeds, labels=labels, categories={"data": DATA})


def program(config: Config, model: MLP, mean: np.ndarray) -> sweep.Run:
    """Training on the data as the trial has them, and the offset of what the last layer is given.

    mean: of each pixel.
    """
    task = tasks.classification(model)

    def as_given(hparams: PyTree, key: Array, data: sweep.Data) -> sweep.Data:
        taken_off = jnp.where(hparams["data"] == DATA.index(CENTRED), mean, 0.0)
        centre = scaling.Scaling(taken_off, jnp.ones(()))
        return {
            name: {**part, "x": scaling.apply(centre, part["x"])} for name, part in data.items()
        }

    run = sweep.make_run(
        sweep.by_rate(task, adam), steps=config.steps, batch_size=config.batch_size
    )

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        x = data["train"]["x"]
        _, kept = model.apply(
            {"params": state.params}, x, train=False,
            capture_intermediates=lambda module, _: isinstance(module, nn.Dense),
        )  # fmt: skip
        last = kept["intermediates"][f"Dense_{len(model.features) - 1}"]["__call__"][0]
        found = {"last_distance": offset(model.activation(last))}
        return run.evaluate(hparams, state, data) | found

    return sweep.on(as_given, run._replace(evaluate=evaluate))


def offset(values: Array) -> Array:
    """How far the means of columns are from zero, of their root mean square: 0 … 1."""
    return jnp.abs(values.mean(axis=0)).mean() / jnp.sqrt((values**2).mean())


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracies and offsets at the rates that other seeds chose, paired over seeds."""
    frame = results.frame()
    tuned = stats.tune(frame, ("data", "depth", "activation"), "learning_rate")
    ahead = {
        f"{data}, {depth} hidden": tuned.gain(
            "test_accuracy", (data, depth, TANH), (data, depth, SIGMOID)
        )
        for data in DATA
        for depth in map(str, config.depths)
    }
    conditions = [(depth, name) for name in ACTIVATIONS for depth in map(str, config.depths)]
    centring = {
        f"{name}, {depth} hidden": tuned.gain(
            "test_accuracy", (CENTRED, depth, name), (RAW, depth, name)
        )
        for depth, name in conditions
    }
    nearer = {
        f"{depth} hidden": tuned.gain("last_distance", (RAW, depth, name), (CENTRED, depth, name))
        for depth, name in conditions
        if name == SIGMOID
    }
    claims = [
        *BETTER.judge_each(ahead),
        *HELP.judge_each(centring),
        *LATER.judge_each(nearer),
    ]
    frame["panel"] = frame["data"].astype(str) + ", " + frame["depth"] + " hidden"
    pictures = report.along(
        frame, "learning_rate", "test_accuracy", panel="panel", line="activation",
        title="Test accuracy by activation, data and depth", y_label="test accuracy (%)",
    )  # fmt: skip
    tables = [
        report.tuned_table(tuned, "test_accuracy", against=SIGMOID),
        report.tuned_table(tuned, "last_distance"),
    ]
    return launch.Conclusion(
        claims, [Section("By data, depth and activation", [*tables, *pictures])]
    )


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
