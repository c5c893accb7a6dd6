"""A layer of attention and one of an LSTM: operations in a row, and the time of a training step.

Both layers have the same width and, but for biases and norms, as many parameters; a training step
is loss, gradient and update. Operations in a row are those of the longest chain in the program in
which each needs the one before, a loop's times its turns: a sum over all positions counts as one,
and an LSTM waits for each step. What that is worth in time depends on how much a machine does at
once: attention has work for T² pairs of positions. All layers and lengths are measured in turn; a
seed is a repeat, with the median of `steps` calls. From 256 positions on attention goes block by
block, to save memory, and is left out here.

    python -m experiments.parallel_time --workdir=runs/parallel_time  # 0.5 minutes on 2 cores
"""

import functools
from typing import Any

import flax.linen as nn
import jax
import numpy as np
import pandas as pd

from jaxdl import clocks, launch, report, stats, sweep, tasks, train
from jaxdl.launch import setting
from jaxdl.layers.recurrent import RNN
from jaxdl.layers.transformer import TransformerLayer
from jaxdl.optimizers import sgd
from jaxdl.report import Claim, Section
from jaxdl.types import Array

LAYERS = ATTENTION, LSTM = "transformer", "LSTM"
IN_A_ROW, SLOWER = "slope of log operations in a row by log T", "slope of log time by log T"
CLAIMS = FLAT, GROWS, SLOWLY, FASTER = (
    Claim("T3", "a transformer layer has as many operations in a row at any length",
          IN_A_ROW, below=0.1),
    Claim("T3", "an LSTM has operations in a row by the length", IN_A_ROW, above=0.8),
    Claim("T3", "the time of a transformer layer grows more slowly with the length",
          f"{SLOWER}, transformer minus LSTM", below=-0.2),
    Claim("T3", "a training step of a transformer layer takes less time",
          "time of the LSTM over time of the transformer layer", above=1.0),
)  # fmt: skip


class Config(launch.Config):
    """Which sizes are measured."""

    steps: int = setting(7, "Timed calls in each repeat, of which the median counts.", low=1)
    seeds: int = setting(40, "Repeats of the measurement.", low=2)
    lengths: tuple[int, ...] = setting(
        (16, 32, 64, 128), "Positions, two lengths or more.", low=1, high=255
    )
    width: int = setting(64, "Units of each layer, in 4 heads of attention.", low=4)
    batch_size: int = setting(1, "Sequences side by side.", low=1)


class Outputs(nn.Module):
    """Of what a recurrent layer gives, the outputs `[B, T, D]`."""

    layer: nn.Module

    def __call__(self, x: Array) -> Array:
        return self.layer(x)[1]


def plan(config: Config) -> sweep.Plan:
    """One row a length and repeat; the clock runs in `conclude`."""
    if len(config.lengths) < 2:
        raise launch.UserError("config.lengths: a slope needs two or more")
    if config.width % 4:
        raise launch.UserError(f"config.width: {config.width} is not divided by 4 heads")
    return sweep.untrained("lengths", sweep.grid(length=config.lengths), seeds=config.seeds)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Operations and times by length, and their slopes."""
    frame = measured(config)
    in_a_row = slopes(frame, "operations")
    time = slopes(frame, "ms")
    by_length = frame.pivot(index=["length", "seed"], columns="layer", values="ms")
    faster = {
        f"T = {length}": stats.mean_interval(times[LSTM] / times[ATTENTION], "positive")
        for length, times in by_length.groupby("length")
    }

    def counted(layer: str) -> stats.Interval:
        slope = float(in_a_row[layer].iloc[0])
        return stats.Interval(slope, slope, slope, len(config.lengths), "counted in the programs")

    claims = [
        FLAT.judge(counted(ATTENTION)),
        GROWS.judge(counted(LSTM)),
        SLOWLY.judge(stats.paired_interval(time[ATTENTION], time[LSTM])),
        *FASTER.judge_each(faster),
    ]
    rows = [
        {
            "layer": layer,
            "T": str(length),
            "operations in a row": int(mine["operations"].iloc[0]),
            "step (ms)": stats.mean_interval(mine["ms"], "positive"),
        }
        for (layer, length), mine in frame.groupby(["layer", "length"], sort=False)
    ]
    caption = f"Batch of {config.batch_size}, width {config.width}; over {config.seeds} repeats."
    long = frame.rename(columns={"operations": "operations in a row", "ms": "time (ms)"})
    long = long.melt(["layer", "length", "seed"], var_name="of a step", value_name="amount")
    picture = report.profile(
        long, "length", "amount", panel="of a step", line="layer", x_scale="log", y_scale="log",
        title="A training step of one layer by the length of its sequences",
        x_label="positions T (log scale)", y_label="operations, or ms (log scale)",
    )  # fmt: skip
    return launch.Conclusion(claims, [Section("By length", (picture, report.table(rows, caption)))])


def measured(config: Config) -> pd.DataFrame:
    """Operations in a row and milliseconds of a training step, by layer, length and repeat."""
    calls, operations, frames, key = {}, {}, [], jax.random.key(0)
    for name, layer in layers(config.width).items():
        task = tasks.regression(layer)
        init, step = (functools.partial(each, task, sgd(0.1)) for each in (train.init, train.step))
        x = jax.random.normal(key, (config.batch_size, max(config.lengths), config.width))
        state = jax.jit(init)(key, {"x": x, "y": x})
        for length in config.lengths:
            batch = {"x": x[:, :length], "y": x[:, :length]}
            program = jax.jit(step).trace(state, batch)
            operations[name, length] = chain(program.jaxpr)
            calls[name, length] = functools.partial(program.lower().compile(), state, batch)
    for (name, length), seconds in clocks.in_turn(calls, config.seeds, config.steps).items():
        known = {"layer": name, "length": length, "operations": operations[name, length]}
        rows = {"seed": range(config.seeds), "ms": 1000 * seconds}
        frames.append(pd.DataFrame(known | rows))
    return pd.concat(frames, ignore_index=True)


def layers(width: int) -> dict[str, nn.Module]:
    """8·width² weights each: a hidden layer of 2·width is half of what is usual."""
    return {ATTENTION: TransformerLayer(width, 4, 2 * width), LSTM: Outputs(RNN(width))}


def chain(program: Any) -> int:
    """Operations of the longest chain in a jaxpr in which each needs the one before."""
    depth: dict[Any, int] = {}
    for equation in program.eqns:
        before = max((depth.get(id(each), 0) for each in equation.invars), default=0)
        inner = [
            chain(each)
            for each in jax.tree.leaves(list(equation.params.values()))
            if hasattr(each, "eqns")
        ]
        turns = equation.params["length"] if equation.primitive.name == "scan" else 1
        after = before + turns * max(inner, default=1)
        depth |= {id(each): after for each in equation.outvars}
    return max(depth.values(), default=0)


def slopes(frame: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Of the logarithm of a quantity by that of T: a row a repeat, a column a layer."""
    wide = frame.pivot(index="length", columns=["seed", "layer"], values=quantity)
    found = np.polyfit(np.log(wide.index), np.log(wide.to_numpy(float)), 1)[0]
    return pd.Series(found, wide.columns).unstack("layer")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
