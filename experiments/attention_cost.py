"""What attention costs by the lengths of its two sides, and by its score.

m queries look at n keys, 64 wide, forward and backward: by the scaled dot product, a bilinear form,
the same with what a key says alone (biaffine) and a network of one hidden layer of 64 units. All
lengths and scores are timed in turn, a seed is a repeat; the exponent is the slope of log time over
log(n·m) in the longer half of the lengths, where the products and not the call take the time.

    python -m experiments.attention_cost --workdir=runs/attention_cost  # 0.5 minutes on 2 cores
"""

from collections.abc import Callable
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxdl import clocks, launch, report, stats, sweep
from jaxdl.launch import setting
from jaxdl.layers import attention
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree

CLAIMS = PRODUCT, SLOWER, NEARLY_FREE = (
    Claim("S9", "the time of attention grows as n·m or nearly",
          "distance of the exponent of n·m in the time from 1", below=0.2),
    Claim("S9", "a score by a network is slower than a dot product",
          "time of the score by a network over that of the dot product", above=1.5),
    Claim("S9", "what a key says alone makes a bilinear score no more than a fifth slower",
          "time of the biaffine score over that of the bilinear one", below=1.2),
)  # fmt: skip
DOT, BILINEAR, BIAFFINE, NETWORK = ("scaled dot", "bilinear", "biaffine", "network")
ROWS = 4


class Config(launch.Config):
    """Which lengths are timed, and how often."""

    steps: int = setting(5, "Timed calls in each repeat, of which the median counts.", low=1)
    seeds: int = setting(24, "Repeats of the measurement.", low=2)
    lengths: tuple[int, ...] = setting(
        (32, 64, 128, 256, 512), "Queries, and as many keys; and half as many.", low=4
    )
    width: int = setting(64, "Numbers in a query and in a key, and hidden units.", low=1)


def plan(config: Config) -> sweep.Plan:
    """One row a length and repeat; the clock runs in `conclude`."""
    if len(config.lengths) < 2:
        raise launch.UserError("config.lengths: an exponent needs two lengths")
    return sweep.untrained("lengths", sweep.grid(length=config.lengths), seeds=config.seeds)


def scores(config: Config) -> dict[str, attention.Score]:
    """By name."""
    return {
        DOT: attention.ScaledDot(),
        BILINEAR: attention.General(config.width),
        BIAFFINE: attention.Biaffine(config.width),
        NETWORK: attention.Additive(config.width),
    }


def call(score: attention.Score, queries: int, count: int, width: int) -> Callable[[], PyTree]:
    """The gradient of attention of so many queries to so many keys, compiled."""
    rng = np.random.default_rng(0)
    q, k = (rng.normal(size=(ROWS, n, width)).astype(np.float32) for n in (queries, count))
    params = score.init(jax.random.key(0), q[:, 0], k, method=looked_up)

    def loss(params: PyTree, q: Array, k: Array) -> Array:
        def one(query: Array) -> Array:
            return cast(Array, score.apply(params, query, k, method=looked_up))

        return jnp.square(jax.vmap(one, in_axes=1)(q)).mean()

    gradient = jax.jit(jax.grad(loss, argnums=(0, 1, 2)))
    return lambda: gradient(params, q, k)


def looked_up(score: attention.Score, query: Array, keys: Array) -> Array:
    """What a query `[B, Q]` finds among keys `[B, T, K]`, which are the values too."""
    return attention.attend(score.score(query, score.prepare(keys)), keys)[0]


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Exponents and ratios, repeat by repeat."""
    lengths = sorted(config.lengths)
    sides = [(n, m) for n in lengths for m in (n, n // 2)]
    calls = {
        (name, n, m): call(score, m, n, config.width)
        for name, score in scores(config).items()
        for n, m in sides
    }
    seconds = pd.DataFrame(clocks.in_turn(calls, config.seeds, config.steps))
    seconds.columns = pd.MultiIndex.from_tuples(seconds.columns, names=["score", "keys", "queries"])
    long = [(n, m) for n, m in sides if n >= lengths[len(lengths) // 2]]
    pairs = np.log([n * m for n, m in long])
    slopes = {
        name: np.polyfit(pairs, np.log(seconds[name][long]).T, 1)[0] for name in scores(config)
    }
    longest = (lengths[-1], lengths[-1])
    where = f"{longest[0]} keys and queries"

    def ratio(name: str, to: str) -> stats.Interval:
        return stats.mean_interval(seconds[name][longest] / seconds[to][longest], "positive")

    away = {name: stats.magnitude(stats.mean_interval(each - 1)) for name, each in slopes.items()}
    claims = [
        *PRODUCT.judge_each(away),
        SLOWER.judge(ratio(NETWORK, DOT), where),
        NEARLY_FREE.judge(ratio(BIAFFINE, BILINEAR), where),
    ]
    frame = seconds.rename_axis(index="seed").stack([0, 1, 2], future_stack=True)
    frame = frame.rename("seconds").reset_index()
    frame = frame[frame["keys"] == frame["queries"]].assign(status="ok")
    pictures = report.along(
        frame.assign(ms=1000 * frame["seconds"]), "keys", "ms", line="score", y_scale="log",
        title="Time of attention with its gradient, as many queries as keys",
        x_label="keys and queries (log scale)", y_label="time (ms, log scale)",
    )  # fmt: skip
    rows = [
        {"score": name, "exponent of n·m": stats.mean_interval(slopes[name])}
        | {f"{n} × {n} (ms)": 1000 * seconds[name][n, n].median() for n in lengths}
        for name in slopes
    ]
    table = report.table(rows, f"Median times; 95 % intervals over {config.seeds} repeats.")
    return launch.Conclusion(claims, [Section("By length and score", (table, *pictures))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
