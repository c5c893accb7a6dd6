"""What do groups of a convolution cut, and what does it cost?

Two blocks on 300 of the digits, which the seed draws, in the middle of a canvas of 12 × 12: the
second convolution in one group, in four groups of as many channels, and in four groups of twice as
many outputs from twice as many inputs, which have as many weights again; the layers around it have
twice as many then. Two channels are connected where the gradient of the one's output by the other's
input is not zero everywhere, at the weights that a trial begins with. The rate of each network is
chosen on validation; a seed moves the images and the initialization, and is shared by the networks.

    # 1 minute on 2 cores
    python -m experiments.grouped_convolutions --workdir=runs/grouped_convolutions
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from experiments import cnn_vs_mlp
from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.layers.conv import Conv
from jaxdl.ops.pooling import max_pool
from jaxdl.optimizers import adam
from jaxdl.optimizers.schedules import cosine
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, TrainState

MORE = "paired difference in test accuracy from one group"
CLAIMS = CUT, AS_GOOD, AS_MANY = (
    Claim("V1", "groups cut all connections between the channels of two of them",
          "share of pairs of channels in two groups that are connected", below=0.01, unit="%"),
    Claim("V1", "four groups of as many channels lose less than a point",
          MORE, above=-0.01, unit="points"),
    Claim("V1", "four groups, twice as wide with as many weights, are better than one group",
          MORE, above=0.0, unit="points"),
)  # fmt: skip
ONE, FOUR, WIDE = "one group", "four groups", "four groups, twice as wide"
PARTS = 4
GROUPS = {ONE: (1, 1), FOUR: (PARTS, 1), WIDE: (PARTS, 2)}
"""Groups of the second convolution, and how many times as many channels there are around it."""


class Grouped(nn.Module):
    """Two convolutions with pooling, the second in groups; then one dense layer."""

    channels: int
    groups: int

    def setup(self) -> None:
        self.first = Conv(self.channels, (3, 3))
        self.second = Conv(2 * self.channels, (3, 3), groups=self.groups)
        self.logits = nn.Dense(10)

    def __call__(self, x: Array, *, train: bool) -> Array:
        x = max_pool(nn.relu(self.first(x)), (2, 2))
        x = max_pool(nn.relu(self.second(x)), (2, 2))
        return self.logits(x.reshape(len(x), -1))

    def across(self) -> Array:
        """Of the pairs of the second convolution's channels in two fourths, the share connected."""
        image = jnp.zeros((3, 3, self.channels))
        slopes = jax.jacobian(lambda x: self.second(x[None])[0, 1, 1])(image)
        connected = jnp.any(slopes != 0, axis=(1, 2))
        of_output, of_input = (PARTS * jnp.arange(size) // size for size in connected.shape)
        apart = of_output[:, None] != of_input[None]
        return (connected & apart).sum() / apart.sum()


class Config(launch.Config):
    """How large the networks are, and how they are trained."""

    steps: int = setting(400, "Training steps of each trial.", low=1)
    seeds: int = setting(10, "Seeds of each setting.", low=2)
    examples: int = setting(300, "Training images.", low=10, high=1077)
    batch_size: int = setting(50, "Examples in a step.", low=1, high=1077)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, 3e-2)
    channels: int = setting(16, "Channels of the first convolution, in fours.", low=4)


def networks(config: Config) -> dict[str, Grouped]:
    """The models by name."""
    return {
        name: Grouped(wide * config.channels, groups) for name, (groups, wide) in GROUPS.items()
    }


def plan(config: Config) -> sweep.Plan:
    """One program per network; rate and seed are numbers inside it."""
    if config.channels % PARTS:
        raise launch.UserError(f"config.channels: {config.channels} is not a multiple of {PARTS}")
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    data = {name: {**part, "x": cnn_vs_mlp.on_canvas(part["x"])} for name, part in data.items()}
    points = sweep.grid(learning_rate=config.learning_rates)
    programs = {name: (program(config, model), points) for name, model in networks(config).items()}
    return sweep.plan(programs, data, seeds=config.seeds, column="network")


def program(config: Config, model: Grouped) -> sweep.Run:
    """Training on the images that the seed draws; what is connected is looked at before."""
    run = sweep.make_run(
        sweep.by_rate(tasks.classification(model), adam, cosine(config.steps)),
        steps=config.steps, batch_size=config.batch_size,
    )  # fmt: skip

    def across(hparams: PyTree, state: TrainState, data: sweep.Data) -> PyTree:
        return {"across": model.apply({"params": state.params}, method="across")}

    kept = sweep.keeping_first(across, run)

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        found = run.evaluate(hparams, state._replace(model_state={}), data)
        return found | state.model_state

    return sweep.few_examples(config.examples, kept._replace(evaluate=evaluate))


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Rates chosen on validation; differences paired over seeds."""
    frame = results.frame()
    tuned = stats.tune(frame, "network", "learning_rate")
    pairs = 2 * config.channels**2 * (PARTS - 1) // PARTS
    claims = [
        CUT.judge(stats.mean_interval(tuned.scores("across")[FOUR], "share", examples=pairs)),
        AS_GOOD.judge(tuned.gain("test_accuracy", FOUR, ONE)),
        AS_MANY.judge(tuned.gain("test_accuracy", WIDE, ONE)),
    ]
    image = np.zeros((1, 12, 12, 1), np.float32)
    sizes = [
        f"{name} {cnn_vs_mlp.size(model, image):,}" for name, model in networks(config).items()
    ]
    words = f"Numbers of parameters, those of the last layer among them: {', '.join(sizes)}."
    table = report.tuned_table(tuned, "test_accuracy", against=ONE)
    curves = report.along(
        frame, "learning_rate", "test_accuracy", line="network",
        title="Accuracy by groups", y_label="test accuracy (%)",
    )  # fmt: skip
    return launch.Conclusion(claims, [Section("By network", (table, words, *curves))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
