"""Learned activations against ReLU: what they cost, whether units die, whether they are better.

MLPs of four hidden layers on the digits: ReLU, PReLU (a slope of each unit below zero, learned),
maxout of two pieces with as many units, and maxout with fewer units, so that it has about the
parameters of ReLU. Adam at rates up to one at which units of ReLU die; the rate of each is chosen
on validation. A unit is dead if its output is the same for all training examples: that of ReLU is
zero then, maxout has no such end, and PReLU only with a slope of zero.

    python -m experiments.maxout --workdir=runs/maxout  # 0.7 minutes on 2 cores
"""

from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.initializers import he_normal
from jaxdl.launch import setting
from jaxdl.layers import Maxout, PReLU
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, TrainState

DEAD = "share of hidden units whose output is constant, at the highest rate"
CLAIMS = DIE, LIVE, SLOPED, TWICE, BETTER, LEARNED = (
    Claim("F12", "units of ReLU die at the highest rate", DEAD, above=0.05, unit="%"),
    Claim("F12", "units of maxout do not", DEAD, below=0.005, unit="%"),
    Claim("F12", "units of PReLU do not", DEAD, below=0.005, unit="%"),
    Claim("F12", "maxout of two pieces doubles the parameters of hidden layers",
          "parameters of hidden layers, of those with ReLU", above=1.95),
    Claim("F12", "maxout is better than ReLU",
          "paired difference in test accuracy", above=0.005, unit="points"),
    Claim("F12", "PReLU is better than ReLU",
          "paired difference in test accuracy", above=0.005, unit="points"),
)  # fmt: skip
RELU, PRELU, MAXOUT, EQUAL = ("ReLU", "PReLU", "maxout", "maxout, equal parameters")
LAYERS, PIECES = 4, 2


class Network(nn.Module):
    """Hidden layers of ReLU or PReLU (one piece) or of maxout, then a dense layer."""

    width: int
    pieces: int = 1
    slope: bool = False

    def setup(self) -> None:
        def layer() -> nn.Module:
            if self.pieces > 1:
                return Maxout(self.width, self.pieces)
            dense = nn.Dense(self.width, kernel_init=he_normal)
            return nn.Sequential([dense, PReLU() if self.slope else nn.relu])

        self.layers = [layer() for _ in range(LAYERS)]
        self.last = nn.Dense(10)

    def hidden(self, x: Array) -> Array:
        """Outputs of the hidden layers, `[layers, B, width]`."""
        found, x = [], x.reshape(len(x), -1)
        for layer in self.layers:
            x = layer(x)
            found.append(x)
        return jnp.stack(found)

    def __call__(self, x: Array, *, train: bool) -> Array:
        return self.last(self.hidden(x)[-1])


class Config(launch.Config):
    """How wide the networks are, and at which rates they train."""

    steps: int = setting(500, "Training steps of each trial.", low=1)
    seeds: int = setting(120, "Seeds of each setting.", low=2)
    batch_size: int = setting(64, "Examples in a step.", low=1, high=1077)
    width: int = setting(64, "Units of each hidden layer.", low=2)
    learning_rates: tuple[float, ...] = launch.rates(1e-3, 3e-3, 1e-2, 3e-2, 0.1)


def networks(config: Config) -> dict[str, Network]:
    """The models by name; with 0.66 of the units maxout has the parameters of ReLU."""
    fewer = round(0.66 * config.width)
    return {
        RELU: Network(config.width),
        PRELU: Network(config.width, slope=True),
        MAXOUT: Network(config.width, PIECES),
        EQUAL: Network(fewer, PIECES),
    }


def plan(config: Config) -> sweep.Plan:
    """One program per network; rate and seed are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)
    points = sweep.grid(learning_rate=config.learning_rates)
    programs = {name: (program(config, model), points) for name, model in networks(config).items()}
    return sweep.plan(programs, data, seeds=config.seeds, column="network")


def program(config: Config, model: Network) -> sweep.Run:
    """Training, and the share of units that are dead after it."""
    task = tasks.classification(model)
    run = sweep.make_run(
        sweep.by_rate(task, adam), steps=config.steps, batch_size=config.batch_size
    )

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        hidden = model.apply({"params": state.params}, data["train"]["x"], method="hidden")
        dead = (jnp.ptp(cast(Array, hidden), axis=1) == 0).mean()
        return run.evaluate(hparams, state, data) | {"dead": dead}

    return run._replace(evaluate=evaluate)


def size(model: Network) -> int:
    """Parameters of the hidden layers on digits."""
    shapes = jax.eval_shape(
        lambda: model.init(jax.random.key(0), jnp.zeros((1, 8, 8, 1)), train=False)
    )["params"]
    hidden = {name: layer for name, layer in shapes.items() if name != "last"}
    return sum(leaf.size for leaf in jax.tree.leaves(hidden))


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Dead units at the highest rate; accuracies at the rates that other seeds chose."""
    frame, models = results.frame(), networks(config)
    tuned = stats.tune(frame, "network", "learning_rate")
    highest = frame[frame["learning_rate"] == max(config.learning_rates)]
    dead = {
        str(name): stats.mean_interval(
            rows["dead"], "share", examples=LAYERS * models[str(name)].width
        )
        for name, rows in highest.groupby("network", sort=False)
    }
    ratio = size(models[MAXOUT]) / size(models[RELU])
    exact = stats.exact(ratio, "counted")
    claims = [
        DIE.judge(dead[RELU]),
        *LIVE.judge_each({name: dead[name] for name in (MAXOUT, EQUAL)}),
        SLOPED.judge(dead[PRELU]),
        TWICE.judge(exact),
        *BETTER.judge_each(
            {name: tuned.gain("test_accuracy", name, RELU) for name in (MAXOUT, EQUAL)}
        ),
        LEARNED.judge(tuned.gain("test_accuracy", PRELU, RELU)),
    ]
    pictures = [
        *report.along(frame, "learning_rate", "test_accuracy", line="network",
                      title="Test accuracy by network", y_label="test accuracy (%)"),
        *report.along(frame, "learning_rate", "dead", line="network",
                      title="Hidden units whose output is constant", y_label="dead units (%)"),
    ]  # fmt: skip
    words = ", ".join(f"{name} {size(model):,}" for name, model in models.items())
    table = report.tuned_table(tuned, "test_accuracy", against=RELU)
    said = f"Parameters of hidden layers: {words}."
    return launch.Conclusion(claims, [Section("By network", [table, said, *pictures])])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
