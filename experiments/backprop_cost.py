"""The price of a gradient: one reverse pass against forward passes, by the number of parameters.

MLPs from a few hundred to millions of parameters on one batch of digits. The time of the loss with
its gradient over the time of the loss alone, both compiled, measured in turn, the median of `steps`
calls of each in every repeat (a seed is a repeat); and the same ratio of the floating-point
operations that the compiler counts, which has no noise. Differences of the loss, the alternative
that needs no derivation, would cost as many forward passes as there are parameters, and one more.

    python -m experiments.backprop_cost --workdir=runs/backprop_cost  # 0.5 minutes on 2 cores
"""

import functools
import itertools

import jax
import pandas as pd
from jax.stages import Compiled

from jaxdl import clocks, launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.report import Claim, Picture, Section
from jaxdl.types import Array, Batch, PyTree

CLAIMS = IN_TIME, IN_OPERATIONS = (
    Claim("F13", "a gradient costs at most 5 forward passes",
          "time of loss and gradient over time of the loss", below=5.0),
    Claim("F13", "in floating-point operations a gradient costs at most 5 forward passes",
          "operations of loss and gradient over those of the loss, the largest of all sizes",
          below=5.0),
)  # fmt: skip


class Config(launch.Config):
    """Which networks are measured, on how many digits."""

    steps: int = setting(30, "Timed calls in each repeat, of which the median counts.", low=1)
    seeds: int = setting(10, "Repeats of the measurement.", low=2)
    widths: tuple[int, ...] = setting((16, 128, 1024), "Units of each hidden layer.", low=1)
    depths: tuple[int, ...] = setting((1, 4), "Numbers of hidden layers.", low=1)
    batch_size: int = setting(128, "Digits in the batch.", low=1, high=1077)


def plan(config: Config) -> sweep.Plan:
    """One row a size and repeat; the clock runs in `conclude`."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    points = sweep.grid(depth=config.depths, width=config.widths)
    nothing = sweep.without_training(lambda *_: {})
    return sweep.plan({"sizes": (nothing, points)}, data, seeds=config.seeds)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """The ratios of every size, in time and in operations."""
    batch = {name: array[: config.batch_size] for name, array in plan.data["train"].items()}
    frame = measured(config, batch)
    claims, rows = [], []
    for (depth, width), mine in frame.groupby(["depth", "width"]):
        parameters = parameter_count(depth, width)
        ratio = stats.mean_interval(mine["time"], "positive")
        claims.append(IN_TIME.judge(ratio, f"{parameters:,} parameters"))
        rows.append({
            "hidden layers": depth,
            "width": str(width),
            "parameters": parameters,
            "forward pass (ms)": mine["forward_ms"].median(),
            "ratio of times": ratio,
            "ratio of operations": mine["operations"].iloc[0],
            "forward passes by differences": parameters + 1,
        })  # fmt: skip
    most = frame["operations"].max()
    claims.append(IN_OPERATIONS.judge(stats.exact(most, "counted by the compiler")))
    caption = f"Intervals: {claims[0].method}, over {config.seeds} repeats."
    blocks = (picture(frame), report.table(rows, caption))
    return launch.Conclusion(claims, [Section("By the number of parameters", blocks)])


def parameter_count(depth: int, width: int) -> int:
    """Weights and biases from 64 pixels to ten classes."""
    return 65 * width + (depth - 1) * (width + 1) * width + (width + 1) * 10


def compiled(batch: Batch, depth: int, width: int) -> tuple[dict[str, Compiled], PyTree]:
    """The loss and the loss with its gradient, as JAX compiles them, and the parameters."""
    task, key = tasks.classification(MLP((width,) * depth, 10)), jax.random.key(0)
    params, _ = jax.jit(task.init)(key, batch)

    def loss(params: PyTree, batch: Batch) -> Array:
        return task.loss(params, {}, batch, key, train=True)[0]

    programs = {"forward": jax.jit(loss), "both": jax.jit(jax.value_and_grad(loss))}
    return {name: call.lower(params, batch).compile() for name, call in programs.items()}, params


def measured(config: Config, batch: Batch) -> pd.DataFrame:
    """Of each size and repeat: the ratios of time and operations, the time of a forward pass."""
    batch, frames = jax.device_put(batch), []
    for depth, width in itertools.product(config.depths, config.widths):
        programs, params = compiled(batch, depth, width)
        calls = {name: functools.partial(call, params, batch) for name, call in programs.items()}
        seconds = clocks.in_turn(calls, config.seeds, config.steps)
        once, twice = ((call.cost_analysis() or {})["flops"] for call in programs.values())
        size = {"depth": depth, "width": width, "seed": range(config.seeds)}
        found = {"time": seconds["both"] / seconds["forward"], "operations": twice / once}
        found["forward_ms"] = 1000 * seconds["forward"]
        frames.append(pd.DataFrame(size | found))
    return pd.concat(frames)


def picture(frame: pd.DataFrame) -> Picture:
    """Both ratios by the number of parameters, one line a number of hidden layers."""
    sizes = frame[["depth", "width"]].to_numpy()
    frame = frame.assign(parameters=[parameter_count(*map(int, size)) for size in sizes])
    frame["hidden layers"] = frame["depth"].astype(str)
    keys = ["hidden layers", "seed", "parameters"]
    table = frame.melt(keys, ["time", "operations"], "measure", "ratio")
    return report.profile(
        table.sort_values(["hidden layers", "parameters"], kind="stable"),
        "parameters", "ratio", panel="measure", line="hidden layers", x_scale="log",
        title="Price of a loss with its gradient, in forward passes; a seed is a repeat",
        x_label="parameters (log scale)", y_label="ratio to one forward pass (1)",
        references={"5 forward passes": lambda _: IN_TIME.threshold},
    )  # fmt: skip


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
