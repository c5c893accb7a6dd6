"""Is it worth while to compute the gates of an LSTM cell by one product of matrices?

One step of a cell, forward and backward, with its four gates by one product `[B, D] × [D, 4H]` and
by four products `[B, D] × [D, H]` with kernels of their own, the same numbers either way. Sizes and
forms are timed in turn inside a scan of 16 steps; a seed is a repeat.

    python -m experiments.fused_gates --workdir=runs/fused_gates  # 0.3 minutes on 2 cores
"""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxdl import clocks, launch, report, stats, sweep
from jaxdl.launch import setting
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree

CLAIMS = FASTER, SAME = (
    Claim("S1", "the gates by one product are faster than by four",
          "time by four products over that by one", above=1.1),
    Claim("S1", "one product gives what four give",
          "largest distance of two gradients, of the largest gradient", below=1e-4),
)  # fmt: skip
ONE, FOUR = "one product", "four products"
GATES, STEPS = 4, 16
FORMS = {ONE: 1, FOUR: GATES}
"""Kernels that the columns are spread over."""


class Config(launch.Config):
    """Which sizes are timed, and how often."""

    steps: int = setting(5, "Timed calls in each repeat, of which the median counts.", low=1)
    seeds: int = setting(8, "Repeats of the measurement.", low=2)
    widths: tuple[int, ...] = setting((16, 64, 256), "Units of the cell, and of its input.", low=1)
    batch_size: int = setting(32, "Sequences side by side.", low=1)


def plan(config: Config) -> sweep.Plan:
    """One row a width and repeat; the clock runs in `conclude`."""
    return sweep.untrained("widths", sweep.grid(width=config.widths), seeds=config.seeds)


def gates(x: Array, kernels: Sequence[Array]) -> list[Array]:
    """The four `[B, H]` of an input `[B, D]`, by one kernel `[D, 4H]` or four `[D, H]`."""
    if len(kernels) == 1:
        return jnp.split(x @ kernels[0], GATES, axis=-1)
    return [x @ kernel for kernel in kernels]


def gradient(kernels: list[Array], h: Array) -> list[Array]:
    """Of the kernels, after steps of a cell whose input is its state."""

    def loss(kernels: list[Array]) -> Array:
        def step(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
            h, c = carry
            i, f, g, o = gates(h, kernels)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        return jax.lax.scan(step, (h, jnp.zeros_like(h)), None, STEPS)[0][0].mean()

    return jax.grad(loss)(kernels)


def calls(config: Config, width: int) -> dict[str, Callable[[], PyTree]]:
    """Both forms, compiled, on the same numbers."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(width, GATES * width)).astype(np.float32) / np.sqrt(width)
    h = rng.normal(size=(config.batch_size, width)).astype(np.float32)
    compiled = jax.jit(gradient)
    return {
        form: functools.partial(compiled, np.split(kernel, count, axis=1), h)
        for form, count in FORMS.items()
    }


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Ratios of times, repeat by repeat, and how far the gradients are apart."""
    by_width = {width: calls(config, width) for width in config.widths}
    apart = []
    for made in by_width.values():
        one, four = (np.concatenate(call(), axis=1) for call in made.values())
        apart.append(float(np.abs(one - four).max() / np.abs(one).max()))
    named = {(w, form): call for w, made in by_width.items() for form, call in made.items()}
    seconds = pd.DataFrame(clocks.in_turn(named, config.seeds, config.steps))
    ratios = {
        f"{width} units": stats.mean_interval(
            seconds[width, FOUR] / seconds[width, ONE], "positive"
        )
        for width in config.widths
    }
    exact = stats.Interval(max(apart), min(apart), max(apart), len(apart), "the largest of all")
    claims = [*FASTER.judge_each(ratios), SAME.judge(exact)]
    rows = [
        {"units": str(width)}
        | {f"{form} (ms)": 1000 * seconds[width, form].median() for form in FORMS}
        | {"ratio": ratios[f"{width} units"]}
        for width in config.widths
    ]
    caption = f"{STEPS} steps with their gradient; 95 % intervals over {config.seeds} repeats."
    figure = report.intervals(
        claims[:-1], [*ratios], title="Time by four products over that by one"
    )
    blocks = (report.table(rows, caption), report.picture(figure))
    return launch.Conclusion(claims, [Section("By width", blocks)])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
