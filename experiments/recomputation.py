"""What does it cost to compute activations anew on the way back, and what memory is saved?

Training steps of a small GPT of 4, 9, 16 and 25 layers, compiled: with all activations kept; with
each layer computed anew; with √depth layers at once, of which only what goes in is kept. Memory is
what the compiler counts of temporaries; how it grows is the slope of its logarithm over that of the
depth. Times of the deepest stack are measured in turn, the median of `steps` calls in every repeat
(a seed is a repeat). Parameters, their gradients and the optimizer's numbers grow with the depth in
any case, and are no part of the temporaries but for the gradients.

    # 2 minutes on 2 cores
    python -m experiments.recomputation --workdir=runs/recomputation
"""

import functools
import math

import jax
import numpy as np
import pandas as pd
from jax.stages import Compiled

from jaxdl import clocks, launch, report, stats, sweep, tasks, train
from jaxdl.launch import setting
from jaxdl.models import GPT
from jaxdl.optimizers import sgd
from jaxdl.report import Claim, Picture, Section
from jaxdl.types import Batch, PyTree

CLAIMS = ROOT, LINEAR, PRICE = (
    Claim("F18", "with √depth layers computed anew at once, memory grows like the root of depth, "
          "or nearly", "slope of log temporaries over log depth", below=0.75),
    Claim("F18", "with all activations kept, memory grows like the depth, or nearly",
          "slope of log temporaries over log depth", above=0.8),
    Claim("F18", "computing anew takes at most 1.4 times as long",
          "time of a step over that of one that keeps all", below=1.4),
)  # fmt: skip
KEPT, EACH, GROUPED = "all kept", "each layer anew", "√depth layers anew"
VOCABULARY, HEADS = 64, 4
BARRIERS: dict[str, str | bool] = {"xla_disable_hlo_passes": "cse_barrier_expander"}
"""Without this XLA on CPU takes no notice of `jax.checkpoint`: see `docs/surprises.md`."""


class Config(launch.Config):
    """The stacks, and the batch."""

    steps: int = setting(3, "Timed calls in each repeat, of which the median counts.", low=1)
    seeds: int = setting(10, "Repeats of the measurement.", low=2)
    depths: tuple[int, ...] = setting((4, 9, 16, 25), "Numbers of layers, squares.", low=1)
    width: int = setting(64, "Width of the layers.", low=4)
    length: int = setting(128, "Tokens of a text.", low=2)
    batch_size: int = setting(4, "Texts in a step.", low=1)


def plan(config: Config) -> sweep.Plan:
    """One row a stack and repeat; compiling and the clock run in `conclude`."""
    if len(config.depths) < 2:
        raise launch.UserError("config.depths: growth needs two depths")
    nothing = sweep.without_training(lambda *_: {})
    points = sweep.grid(depth=config.depths)
    programs = dict.fromkeys((KEPT, EACH, GROUPED), (nothing, points))
    return sweep.plan(programs, sweep.NO_DATA, seeds=config.seeds, column="way")


def compiled(config: Config, way: str, depth: int) -> tuple[Compiled, PyTree, Batch]:
    """A training step, the state it takes, and a batch."""
    together = {KEPT: 1, EACH: 1, GROUPED: math.isqrt(depth)}[way]
    remat = None if way == KEPT else jax.checkpoint_policies.nothing_saveable
    model = GPT(
        VOCABULARY, config.width, depth, HEADS, config.length, remat=remat, together=together
    )
    task, tx = tasks.language_model(model), sgd(1e-2)
    shape = (2, config.batch_size, config.length)
    ids = np.random.default_rng(0).integers(0, VOCABULARY, shape).astype(np.int32)
    batch = jax.device_put({"x": ids[0], "y": ids[1]})
    state = jax.jit(lambda key: train.init(task, tx, key, batch))(jax.random.key(0))
    step = jax.jit(lambda state, batch: train.step(task, tx, state, batch)[0])
    anew = way != KEPT and jax.default_backend() == "cpu"
    return step.lower(state, batch).compile(BARRIERS if anew else None), state, batch


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Growth of memory by way, and the price of the deepest stack in time."""
    rows, calls = [], {}
    for way in plan.programs:
        for depth in sorted(config.depths):
            program, *inputs = compiled(config, way, depth)
            usage = program.memory_analysis()
            mebibytes = usage.temp_size_in_bytes / 2**20 if usage else math.nan
            rows.append({"way": way, "layers": depth, "temporaries (MiB)": mebibytes})
        calls[way] = functools.partial(program, *inputs)
    memory = pd.DataFrame(rows)
    seconds = clocks.in_turn(calls, config.seeds, config.steps)
    growth = {
        way: stats.exact(slope(mine), "counted by the compiler")
        for way, mine in memory.groupby("way", sort=False)
    }
    ratios = {
        way: stats.mean_interval(seconds[way] / seconds[KEPT], "positive")
        for way in (EACH, GROUPED)
    }
    claims = [ROOT.judge(growth[GROUPED]), LINEAR.judge(growth[KEPT]), *PRICE.judge_each(ratios)]
    table = report.table(
        [
            {
                "way": way,
                "growth": growth[way],
                "time of a step (ms)": 1000 * float(np.median(seconds[way])),
                "of that with all kept": ratios.get(way, "–"),
            }
            for way in calls
        ],
        f"Growth: slope of log temporaries over log depth. Times of {max(config.depths)} layers, "
        f"medians of {config.seeds} repeats.",
    )
    return launch.Conclusion(claims, [Section("By way", (picture(memory), table))])


def slope(memory: pd.DataFrame) -> float:
    """Of the logarithm of the temporaries over that of the depth."""
    logs = np.log(memory[["layers", "temporaries (MiB)"]].to_numpy(float))
    return float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0])


def picture(memory: pd.DataFrame) -> Picture:
    """Temporaries by depth, a line a way."""
    return report.profile(
        memory.assign(seed=0).rename(columns={"temporaries (MiB)": "mebibytes"}),
        "layers", "mebibytes", line="way", x_scale="log", y_scale="log",
        title="Memory of a training step", x_label="layers (log scale)",
        y_label="temporaries (MiB, log scale)",
    )  # fmt: skip


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
