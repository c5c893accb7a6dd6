"""Which activations train deep networks, whose units die, whose outputs saturate?

MLPs of 2, 8 and 16 hidden layers on the digits, with each activation; weights of He's variance for
the rectifiers and of LeCun's for the others, Adam, equal numbers of steps. The rate of each
activation and depth is chosen on validation. After training, over all training examples: the share
of hidden units that are exactly zero for every example (dead), and of outputs within 1 % of the
range from an end of it (saturated; sigmoid and tanh only, nothing else has two ends). The rate
chosen falls with depth, and saturation with the rate: the curves by rate show both.

    python -m experiments.activation_depth --workdir=runs/activation_depth  # 1.5 minutes on 2 cores
"""

from collections.abc import Sequence
from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import pandas as pd

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.layers import activations
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Picture, Section
from jaxdl.types import Array, PyTree, Task, TrainState

DEAD_SHARE = "share of dead hidden units, mean over the depths"
CLAIMS = TRAINS, DEAD, ALIVE, SATURATES = (
    Claim("F12", "relu trains and sigmoid does not",
          "paired difference in test accuracy, relu minus sigmoid", above=0.3, unit="points"),
    Claim("F12", "relu: units are dead after training at the highest rate",
          DEAD_SHARE, above=0.05, unit="%"),
    Claim("F12", "leaky_relu: units are not dead after training at the highest rate",
          DEAD_SHARE, below=0.005, unit="%"),
    Claim("F12", "saturation grows with depth, each at its chosen rate",
          "paired difference of the saturated shares, most minus fewest layers",
          above=0.05, unit="points"),
)  # fmt: skip
RECTIFIERS = ("relu", "leaky_relu")
ACTIVATIONS = (*RECTIFIERS, "elu", "gelu_exact", "tanh", "sigmoid")
ENDS = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}


class Config(launch.Config):
    """How deep the networks are, and at which rates they train."""

    steps: int = setting(500, "Training steps of each trial.", low=1)
    depths: tuple[int, ...] = setting((2, 8, 16), "Numbers of hidden layers.", low=1)
    width: int = setting(48, "Units of each hidden layer.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(3e-4, 1e-3, 3e-3, 1e-2, 3e-2)


def plan(config: Config) -> sweep.Plan:
    """One program: activation, depth and rate are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        model = stack(config, hparams["activation"], hparams["depth"])
        return tasks.classification(model), adam(hparams["learning_rate"])

    run = sweep.make_run(build, steps=config.steps, batch_size=64)

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        model = stack(config, hparams["activation"], hparams["depth"])
        hidden = model.apply({"params": state.params}, data["train"]["x"], method="hidden")
        shares = unit_shares(cast(Array, hidden), hparams["activation"], hparams["depth"])
        return run.evaluate(hparams, state, data) | shares

    names = {"activation": ACTIVATIONS}
    points = sweep.grid(**names, depth=config.depths, learning_rate=config.learning_rates)
    programs = {"mlp": (run._replace(evaluate=evaluate), points)}
    return sweep.plan(programs, data, seeds=config.seeds, categories=names)


def stack(config: Config, activation: Array, depth: Array) -> nn.Module:
    """An MLP whose activation (an index) and depth (up to the largest) may be traced."""
    functions = [activations.ACTIVATIONS[name] for name in ACTIVATIONS]
    variances = jnp.array([2.0 if name in RECTIFIERS else 1.0 for name in ACTIVATIONS])
    further = max(config.depths) - 1

    def kernels(key: Array, shape: Sequence[int], dtype: jnp.dtype = jnp.float32) -> Array:
        deviation = jnp.sqrt(variances[activation] / shape[-2])
        return deviation * jax.random.normal(key, shape, dtype)

    class Stack(nn.Module):
        def setup(self) -> None:
            self.first = nn.Dense(config.width, kernel_init=kernels)
            self.kernels = self.param("kernels", kernels, (further, config.width, config.width))
            self.biases = self.param("biases", nn.initializers.zeros, (further, config.width))
            self.last = nn.Dense(10, kernel_init=kernels)

        def hidden(self, x: Array) -> Array:
            """Outputs of the hidden layers [largest depth, B, width]; beyond `depth`, repeats."""

            def layer(h: Array, own: tuple[Array, Array, Array]) -> tuple[Array, Array]:
                place, kernel, bias = own
                z = h @ kernel + jnp.broadcast_to(bias, h.shape)
                h = jnp.where(place < depth, jax.lax.switch(activation, functions, z), h)
                return h, h

            h = jax.lax.switch(activation, functions, self.first(x.reshape(len(x), -1)))
            places = jnp.arange(1, further + 1)
            _, others = jax.lax.scan(layer, h, (places, self.kernels, self.biases))
            return jnp.concatenate([h[None], others])

        def __call__(self, x: Array) -> Array:
            return self.last(self.hidden(x)[-1])

    return Stack()


def unit_shares(hidden: Array, activation: Array, depth: Array) -> dict[str, Array]:
    """Dead units and saturated outputs in the first `depth` of the layers [L, B, width]."""
    # An activation without two ends is never near one.
    ends = jnp.array([ENDS.get(name, (-jnp.inf, jnp.inf)) for name in ACTIVATIONS])
    low, high = ends[activation]
    margin = jnp.where(jnp.isfinite(high), 0.01 * (high - low), 0.0)
    near_an_end = (hidden < low + margin) | (hidden > high - margin)
    by_layer = {
        "dead": jnp.all(hidden == 0, axis=1).mean(axis=1),
        "saturated": near_an_end.mean(axis=(1, 2)),
    }
    used = jnp.arange(len(hidden)) < depth
    return {name: jnp.mean(values, where=used) for name, values in by_layer.items()}


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy and saturation at the chosen rates, dead units at the highest."""
    frame, by = results.frame(), ("activation", "depth")
    summary = report.summary(frame, by, examples=int(plan.data["test"]["mask"].sum()))
    means = 100 * report.grid(summary, *by, "test_accuracy").rename_axis(columns="hidden layers")
    title = "Test accuracy by activation and depth"
    figure = report.heat_map(means, title=title, label="test accuracy (%)")
    caption = f"Mean over seeds, {report.CHOSEN}; chance is 10 %."
    accuracy = Picture("accuracy", figure, title, caption)
    words = (
        "Saturated: within 1 % of the range from an end of it. Dead: exactly zero for every "
        "training example. Both are means over the hidden layers."
    )
    bounded = frame[frame["activation"].isin(ENDS)]
    saturated = along_rates(bounded, "saturated", "saturated outputs")
    dead = along_rates(frame, "dead", "dead hidden units")
    claims = judged(config, frame, stats.tune(frame, by, "learning_rate"))
    chosen = Section("At the chosen rates", [accuracy, report.summary_table(summary, by)])
    return launch.Conclusion(claims, [chosen, Section("Units", [words, *saturated, *dead])])


def judged(config: Config, frame: pd.DataFrame, tuned: stats.Tuned) -> list[report.Judged]:
    """The claims of accuracy, of dead units and of saturation."""
    few, many, rate = min(config.depths), max(config.depths), max(config.learning_rates)
    highest = frame[frame["learning_rate"] == rate]

    def dead(name: str) -> stats.Interval:
        mine = highest[highest["activation"] == name].groupby("seed")["dead"]
        units = config.width * sum(config.depths)
        return stats.mean_interval(mine.mean(skipna=False), "share", examples=units)

    ahead = {
        f"{depth} hidden layers": tuned.gain("test_accuracy", ("relu", depth), ("sigmoid", depth))
        for depth in config.depths
        if depth >= 8
    }
    more = {name: tuned.gain("saturated", (name, many), (name, few)) for name in ENDS}
    return [
        *TRAINS.judge_each(ahead),
        DEAD.judge(dead("relu"), f"{rate:g}"),
        ALIVE.judge(dead("leaky_relu"), f"{rate:g}"),
        *(SATURATES.judge(interval, name) for name, interval in more.items()),
    ]


def along_rates(frame: pd.DataFrame, share: str, words: str) -> list[Picture]:
    """A share of the units or outputs, against the rate."""
    return report.along(
        frame.assign(layers=frame["depth"].astype(str) + " layers"),
        "learning_rate",
        share,
        panel="layers",
        line="activation",
        title=f"{words.capitalize()} after training",
        y_label=f"share of {words} (%)",
    )


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
