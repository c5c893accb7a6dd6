"""Layers of a recurrent network one after the other, or along diagonals: the time by T and L.

An LSTM of L layers over T steps takes T·L steps layer by layer and T + L − 1 along its diagonals,
where a step does the work of all layers at once. Outputs alone, compiled, measured in turn; a seed
is a repeat, with the median of `steps` calls. The slope of log time by log L, at the largest T, is
0 where a step costs the same however many layers it has, 1 where time grows with T·L; likewise by
T, where short times have a part that no step adds to. Narrow layers leave lanes free; wide ones, on
as few cores, do not.

    python -m experiments.wavefront --workdir=runs/wavefront  # 0.4 minutes on 2 cores
"""

import functools
import itertools
from collections.abc import Callable

import flax.linen as nn
import jax
import numpy as np
import pandas as pd

from jaxdl import clocks, launch, report, stats, sweep
from jaxdl.launch import setting
from jaxdl.layers.recurrent import RNN, Stack
from jaxdl.layers.wavefront import Wavefront, stacked
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, TrainState

WAYS = DIAGONALS, LAYERS = "along diagonals", "layer by layer"
BY_LAYERS, BY_LENGTH = (f"slope of log time by log {letter}" for letter in "LT")
CLAIMS = LITTLE_BY_LAYERS, BY_STEPS, IN_TURN = (
    Claim("S13", "along diagonals the slope by layers is low", BY_LAYERS, below=0.5),
    Claim("S13", "along diagonals the slope by steps is high", BY_LENGTH, above=0.8),
    Claim("S13", "layer by layer the slope by layers is high", BY_LAYERS, above=0.8),
)


class Config(launch.Config):
    """Which sizes are measured."""

    steps: int = setting(5, "Timed calls in each repeat, of which the median counts.", low=1)
    seeds: int = setting(80, "Repeats of the measurement.", low=2)
    widths: tuple[int, ...] = setting((8, 16, 256), "Units of each layer.", low=1)
    layers: tuple[int, ...] = setting((1, 4, 8), "Numbers of layers.", low=1)
    lengths: tuple[int, ...] = setting((64, 256), "Time steps.", low=1)
    batch_size: int = setting(1, "Sequences side by side.", low=1)


def plan(config: Config) -> sweep.Plan:
    """One row a size and repeat, with the steps of both ways; the clock runs in `conclude`."""

    def steps(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        length, layers = hparams["length"], hparams["layers"]
        return {"diagonals": length + layers - 1, "cells": length * layers}

    points = sweep.grid(width=config.widths, layers=config.layers, length=config.lengths)
    return sweep.untrained("sizes", points, seeds=config.seeds, evaluate=steps)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Times of every size in both ways, and their slopes."""
    frame = measured(config)

    def slopes(way: str, by: str) -> dict[str, stats.Interval]:
        mine = frame[frame["way"] == way].groupby("width")
        return {f"{width} units": stats.mean_interval(slope(part, by)) for width, part in mine}

    rows = []
    for (width, length, layers), group in frame.groupby(["width", "length", "layers"]):
        times = group.pivot(index="seed", columns="way", values="ms")
        rows.append({
            "width": str(width), "T": str(length), "L": str(layers),
            **{f"{way} (ms)": times[way].median() for way in WAYS},
            "times faster": stats.mean_interval(times[LAYERS] / times[DIAGONALS], "positive"),
        })  # fmt: skip
    caption = f"Batch of {config.batch_size}; 95 % intervals of logarithms over the repeats."
    claims = [
        *LITTLE_BY_LAYERS.judge_each(slopes(DIAGONALS, "layers")),
        *BY_STEPS.judge_each(slopes(DIAGONALS, "length")),
        *IN_TURN.judge_each(slopes(LAYERS, "layers")),
    ]
    longest = frame[frame["length"] == max(config.lengths)]
    picture = report.profile(
        longest.assign(units=longest["width"].map("{} units".format)),
        "layers", "ms", panel="units", line="way", x_scale="log", y_scale="log",
        title=f"Time of {max(config.lengths)} steps of an LSTM by its layers",
        x_label="layers (log scale)", y_label="time (ms, log scale)",
    )  # fmt: skip
    blocks = (picture, report.table(rows, caption))
    return launch.Conclusion(claims, [Section("By layers", blocks)])


def slope(frame: pd.DataFrame, axis: str) -> list[float]:
    """One per repeat of several sizes, with the other axis at its largest number."""
    other = "length" if axis == "layers" else "layers"
    largest = frame[frame[other] == frame[other].max()]
    return [
        float(np.polyfit(np.log(group[axis]), np.log(group["ms"]), 1)[0])
        for _, group in largest.groupby("seed")
        if group[axis].nunique() > 1
    ]


def measured(config: Config) -> pd.DataFrame:
    """Milliseconds of the outputs: one row a size, way and repeat."""
    calls = {
        (*size, way): call
        for size in itertools.product(config.widths, config.layers, config.lengths)
        for way, call in outputs(*size, config.batch_size).items()
    }
    seconds = pd.DataFrame(clocks.in_turn(calls, config.seeds, config.steps))
    seconds = seconds.rename_axis(index="seed", columns=["width", "layers", "length", "way"])
    return (1000 * seconds).unstack().rename("ms").reset_index()


def outputs(width: int, layers: int, length: int, batch: int) -> dict[str, Callable[[], Array]]:
    """The outputs of an LSTM on a batch, to be computed along diagonals and layer by layer."""
    x = jax.random.normal(jax.random.key(0), (batch, length, width))
    stack = Stack([RNN(width) for _ in range(layers)])
    params = jax.jit(stack.init)(jax.random.key(1), x)["params"]

    def computed(body: nn.Module, params: PyTree) -> Callable[[], Array]:
        apply = jax.jit(lambda params, x: body.apply({"params": params}, x)[1])
        return functools.partial(apply, params, x)

    ways = (Wavefront(width, layers), stacked(params)), (stack, params)
    return {way: computed(*each) for way, each in zip(WAYS, ways, strict=True)}


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
