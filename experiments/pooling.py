"""What does pooling do for a convolutional network: small shifts, overfitting, other sizes?

Networks of two blocks on 300 of the digits, which the seed draws, each in the middle of a canvas of
12 × 12: halved by max pooling, by a stride of 2, or not at all; and, after pooling, either
flattened into a dense layer or averaged over positions. Tested in the middle, moved by 1 pixel to
each of four sides, and on a larger canvas of 16 × 16, which only the one that averages can take.

    python -m experiments.pooling --workdir=runs/pooling  # 1 minute on 2 cores
"""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from experiments import cnn_vs_mlp
from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.layers.conv import Conv
from jaxdl.ops.pooling import global_avg_pool, max_pool
from jaxdl.optimizers import adam
from jaxdl.optimizers.schedules import cosine
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, TrainState

LOST = "paired difference in accuracy lost by a shift of 1 pixel"
CLAIMS = TOLERANT, OF_STRIDES, NARROWER, SIZES = (
    Claim("V2", "a network with pooling loses less by a small shift than one without",
          LOST, below=-0.02, unit="points"),
    Claim("V2", "a network with pooling loses less by a small shift than one with strides",
          LOST, below=-0.02, unit="points"),
    Claim("V2", "averaging over positions overfits less than a dense layer on all of them",
          "paired change of the gap in accuracy between training and test",
          below=-0.005, unit="points"),
    Claim("V2", "a network that averages over positions takes images of another size",
          "accuracy lost on a canvas a third larger", below=0.05, unit="points"),
)  # fmt: skip
POOLED, STRIDED, PLAIN, AVERAGED = ("pooling", "strides", "neither", "pooling, averaged")
LARGER = 2


class Halved(nn.Module):
    """Two blocks of a convolution, each halved in its way or not; then one dense layer."""

    channels: tuple[int, int]
    strides: int = 1
    window: int = 1
    to_vector: Callable[[Array], Array] = lambda x: x.reshape(len(x), -1)

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        for width in self.channels:
            x = nn.relu(Conv(width, (3, 3), self.strides)(x))
            if self.window > 1:
                x = max_pool(x, (self.window, self.window))
        return nn.Dense(10)(self.to_vector(x))


class Config(launch.Config):
    """How large the networks are, and how they are trained."""

    steps: int = setting(400, "Training steps of each trial.", low=1)
    seeds: int = setting(10, "Seeds of each setting.", low=2)
    examples: int = setting(300, "Training images.", low=10, high=1077)
    batch_size: int = setting(50, "Examples in a step.", low=1, high=1077)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, 3e-2)
    channels: int = setting(16, "Channels of the first block; the second has twice as many.", low=1)


def networks(config: Config) -> dict[str, Halved]:
    """The four models by name."""
    channels = (config.channels, 2 * config.channels)
    return {
        POOLED: Halved(channels, window=2),
        STRIDED: Halved(channels, strides=2),
        PLAIN: Halved(channels),
        AVERAGED: Halved(channels, window=2, to_vector=global_avg_pool),
    }


def plan(config: Config) -> sweep.Plan:
    """One program per network; rate and seed are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    data = {name: {**part, "x": cnn_vs_mlp.on_canvas(part["x"])} for name, part in data.items()}
    moved = {"shifted": cnn_vs_mlp.shifted(data["test"], 1)}
    around = [(0, 0), (0, 0), (LARGER, LARGER), (LARGER, LARGER), (0, 0)]
    larger = {**data["test"], "x": np.pad(data["test"]["x"], around)}
    data |= splits.in_batches(moved, 512)
    points = sweep.grid(learning_rate=config.learning_rates)
    programs = {
        name: (program(config, model, name == AVERAGED), points)
        for name, model in networks(config).items()
    }
    return sweep.plan(
        programs, {"usual": data, "larger": larger}, seeds=config.seeds, column="network"
    )


def program(config: Config, model: nn.Module, any_size: bool) -> sweep.Run:
    """Training on the images that the seed draws; on larger ones, what takes them is tested too."""
    task = tasks.classification(model)
    run = sweep.make_run(
        sweep.by_rate(task, adam, cosine(config.steps)),
        steps=config.steps, batch_size=config.batch_size, evaluate_train=config.examples,
    )  # fmt: skip

    def seen(hparams: PyTree, key: Array, data: sweep.Data) -> sweep.Data:
        found = sweep.drawn_examples(key, data["usual"], config.examples)
        # Larger images are no part of training, whose first batch makes the weights.
        return {**found, "larger": data["larger"]} if any_size else found

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        found = run.evaluate(hparams, state, data)
        return {"larger_accuracy": jnp.zeros(()), "larger_loss": jnp.zeros(()), **found}

    return sweep.on(seen, run._replace(evaluate=evaluate))


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Rates chosen on validation in the middle; differences paired over seeds."""
    frame = results.frame()
    tuned = stats.tune(frame, "network", "learning_rate")
    clean, moved = tuned.scores("test_accuracy"), tuned.scores("shifted_accuracy")
    lost, gap = clean - moved, tuned.scores("train_accuracy") - clean
    larger = tuned.scores("larger_accuracy")[AVERAGED]
    claims = [
        TOLERANT.judge(stats.paired_interval(lost[POOLED], lost[PLAIN])),
        OF_STRIDES.judge(stats.paired_interval(lost[POOLED], lost[STRIDED])),
        NARROWER.judge(stats.paired_interval(gap[AVERAGED], gap[POOLED])),
        SIZES.judge(stats.paired_interval(clean[AVERAGED], larger)),
    ]
    tables = [
        report.tuned_table(tuned, f"{name}_accuracy", against=POOLED)
        for name in ("test", "shifted", "train")
    ]
    curves = report.along(
        frame, "learning_rate", "shifted_accuracy", line="network",
        title="Accuracy on images moved by 1 pixel", y_label="accuracy (%)",
    )  # fmt: skip
    return launch.Conclusion(claims, [Section("By network", (*tables, *curves))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
