"""Is hard tanh cheaper than tanh, as a function and in a network?

Each function with its gradient on arrays of 1,000 to 1,000,000 numbers, and the gradient of an MLP
on 128 digits with either, timed in turn; a seed is a repeat.

    python -m experiments.activation_cost --workdir=runs/activation_cost  # 0.2 minutes on 2 cores
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxdl import clocks, launch, report, stats, sweep, tasks
from jaxdl.launch import setting
from jaxdl.layers import activations
from jaxdl.models import MLP
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree

RATIO = "time with tanh over that with hard tanh"
CLAIMS = CHEAPER, IN_NETWORK = (
    Claim("F12", "hard tanh with its gradient is cheaper than tanh", RATIO, above=1.1),
    Claim("F12", "a network with hard tanh trains faster", RATIO, above=1.05),
)  # fmt: skip
NAMES = TANH, HARD = ("tanh", "hard_tanh")
DIGITS, PIXELS = 128, 64


class Config(launch.Config):
    """Which sizes are timed, and how often."""

    steps: int = setting(5, "Timed calls in each repeat, of which the median counts.", low=1)
    seeds: int = setting(160, "Repeats of the measurement.", low=2)
    sizes: tuple[int, ...] = setting((1000, 30_000, 1_000_000), "Numbers in the array.", low=1)
    hidden: tuple[int, ...] = launch.widths(128, 128)


def plan(config: Config) -> sweep.Plan:
    """One row a size and repeat; the clock runs in `conclude`."""
    return sweep.untrained("sizes", sweep.grid(size=config.sizes), seeds=config.seeds)


def on_array(name: str, size: int) -> Callable[[], PyTree]:
    """The gradient of the sum of squares of a function's values."""
    function = activations.ACTIVATIONS[name]
    x = np.random.default_rng(0).normal(size=size).astype(np.float32)
    gradient = jax.jit(jax.grad(lambda x: jnp.square(function(x)).sum()))
    return functools.partial(gradient, jax.device_put(x))


def in_network(name: str, hidden: tuple[int, ...]) -> Callable[[], PyTree]:
    """The gradient of an MLP's loss."""
    rng = np.random.default_rng(0)
    batch = {
        "x": rng.uniform(size=(DIGITS, PIXELS)).astype(np.float32),
        "y": rng.integers(0, 10, DIGITS),
    }
    task = tasks.classification(MLP(hidden, 10, activations.ACTIVATIONS[name]))
    params, _ = task.init(jax.random.key(0), batch)

    def loss(params: PyTree) -> Array:
        return task.loss(params, {}, batch, jax.random.key(0), train=True)[0]

    return functools.partial(jax.jit(jax.grad(loss)), params)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Ratios of times, repeat by repeat."""
    cases = {f"{size:,} numbers": functools.partial(on_array, size=size) for size in config.sizes}
    network = f"MLP of {' and '.join(map(str, config.hidden)) or 'no'} hidden units"
    cases[network] = functools.partial(in_network, hidden=config.hidden)
    calls = {(case, name): made(name) for case, made in cases.items() for name in NAMES}
    seconds = pd.DataFrame(clocks.in_turn(calls, config.seeds, config.steps))
    ratios = {
        case: stats.mean_interval(seconds[case, TANH] / seconds[case, HARD], "positive")
        for case in cases
    }
    claims = [
        *CHEAPER.judge_each({case: ratio for case, ratio in ratios.items() if case != network}),
        IN_NETWORK.judge(ratios[network], network),
    ]
    rows = [
        {"what": case}
        | {f"{name.replace('_', ' ')} (µs)": 1e6 * seconds[case, name].median() for name in NAMES}
        | {"ratio": ratios[case]}
        for case in cases
    ]
    caption = f"Medians of {config.steps} calls; 95 % intervals over {config.seeds} repeats."
    figure = report.intervals(claims, [*cases], title="Time with tanh over that with hard tanh")
    blocks = (report.table(rows, caption), report.picture(figure))
    return launch.Conclusion(claims, [Section("By size", blocks)])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
