"""Is convolution equivariant to translation, and what of it do stride, pooling and edges leave?

Random images on a canvas with an empty border, shifted by 1 … 4 pixels, through layers at their
initialization: y(shifted x) against the shifted y(x), as their root mean square distance of that of
y. A stride or a window of 2 keeps shifts by even numbers and loses odd ones; a dense layer of as
many outputs keeps none. Not trained: this is a property of the layer, not of what it has learned.

    python -m experiments.equivariance --workdir=runs/equivariance  # 0.1 minutes on 2 cores
"""

from collections.abc import Callable
from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl import keys, launch, report, stats, sweep
from jaxdl.launch import setting
from jaxdl.layers.conv import Conv
from jaxdl.ops.pooling import max_pool
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, TrainState

APART = "distance of the output of the shifted image and the shifted output, of the output"
CLAIMS = KEPT, EVEN, ODD, DENSE_LOSES = (
    Claim("V1", "a convolution is equivariant to translation", APART, below=1e-4),
    Claim("V1", "with a stride of 2, shifts by 2 and 4 pixels are kept", APART, below=1e-4),
    Claim("V1", "with a stride of 2, shifts by 1 and 3 pixels are lost", APART, above=0.1),
    Claim("V1", "a dense layer of as many outputs is not equivariant", APART, above=0.5),
)  # fmt: skip
CONV, STRIDED, POOLED, DENSE = ("convolution", "stride 2", "max pooling by 2", "dense")
FACTOR = {CONV: 1, STRIDED: 2, POOLED: 2, DENSE: 1}
BORDER, MOST = 8, 4
Named = dict[str, stats.Interval]
Distances = dict[tuple[str, int], stats.Interval]


class Config(launch.Config):
    """How large the images are, and how many."""

    steps: int = setting(16, "Images of each draw; nothing is trained.", low=1)
    seeds: int = setting(20, "Draws of weights and images.", low=2)
    size: int = setting(16, "Pixels of a side of the image inside its border, even.", low=2)
    channels: int = setting(8, "Channels of the output.", low=1)


def plan(config: Config) -> sweep.Plan:
    """One program per layer; the shift is a number inside it."""
    if config.size % 2:
        raise launch.UserError("config.size: a side of odd size is not halved")
    points = sweep.grid(shift=range(1, MOST + 1))
    programs = {
        name: (sweep.without_training(measure(config, layer, FACTOR[name])), points)
        for name, layer in layers(config).items()
    }
    return sweep.plan(programs, sweep.NO_DATA, seeds=config.seeds, column="layer")


def layers(config: Config) -> dict[str, nn.Module]:
    """From images `[B, H, W, 1]` to `[B, H', W', channels]`."""
    side = config.size + 2 * BORDER
    convolution = Conv(config.channels, (3, 3))
    return {
        CONV: convolution,
        STRIDED: Conv(config.channels, (3, 3), 2),
        POOLED: nn.Sequential([convolution, nn.relu, lambda y: max_pool(y, (2, 2))]),
        DENSE: nn.Sequential([
            lambda x: x.reshape(len(x), -1),
            nn.Dense(side * side),
            lambda y: y.reshape(-1, side, side, 1),
        ]),
    }  # fmt: skip


def measure(
    config: Config, layer: nn.Module, factor: int
) -> Callable[[PyTree, TrainState, sweep.Data], dict[str, Array]]:
    """The distance for a trial's shift; outputs are `factor` times coarser than images."""

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        shape = (config.steps, config.size, config.size, 1)
        inside = jax.random.normal(keys.named(state.key, "images"), shape)
        around = (BORDER, BORDER)
        images = jnp.pad(inside, ((0, 0), around, around, (0, 0)))
        shift = jnp.asarray(hparams["shift"], jnp.int32)
        moved = jnp.roll(images, shift, axis=1)
        params = layer.init(keys.named(state.key, "weights"), images)
        outputs, of_moved = (cast(Array, layer.apply(params, x)) for x in (images, moved))
        # An odd shift has no shifted output of half the size: the nearest is taken.
        expected = jnp.roll(outputs, shift // factor, axis=1)
        distance = jnp.sqrt(((of_moved - expected) ** 2).mean() / (outputs**2).mean())
        return {"distance": distance}

    return evaluate


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Distances by layer and shift, over draws."""
    frame = results.frame()
    apart = {
        (str(layer), int(shift)): rows["distance"]
        for (layer, shift), rows in frame.groupby(["layer", "shift"], sort=False)
    }
    found = {where: stats.mean_interval(distances) for where, distances in apart.items()}
    # What is exact has no mean with an interval around it: the worst of all draws is judged.
    worst = {
        where: stats.Interval(d.max(), d.min(), d.max(), len(d), "the largest of all")
        for where, d in apart.items()
    }

    def of(intervals: Distances, names: tuple[str, ...], parities: tuple[int, ...]) -> Named:
        return {
            f"{name}, {shift} px": each
            for (name, shift), each in intervals.items()
            if name in names and shift % 2 in parities
        }

    claims = [
        *KEPT.judge_each(of(worst, (CONV,), (0, 1))),
        *EVEN.judge_each(of(worst, (STRIDED, POOLED), (0,))),
        *ODD.judge_each(of(found, (STRIDED, POOLED), (1,))),
        *DENSE_LOSES.judge_each(of(found, (DENSE,), (0, 1))),
    ]
    table = report.table(
        [
            {"layer": name} | {f"{shift} px": found[name, shift] for shift in range(1, MOST + 1)}
            for name in plan.programs
        ],
        f"{APART}; root mean squares, 95 % intervals over {config.seeds} draws.",
    )
    picture = report.profile(
        frame, "shift", "distance", line="layer",
        title="How far the output of a shifted image is from the shifted output",
        x_label="shift (pixels)", y_label="root mean square distance, of the output (1)",
    )  # fmt: skip
    return launch.Conclusion(claims, [Section("By layer and shift", (picture, table))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
