"""What a step of skip-gram costs by the size of the vocabulary: three ways to predict a word.

The full softmax, whose normalization sums over all V words; a Huffman tree of them; and 5
negatives. The same words, drawn by Zipf's law, in steps of 128 centres: forward, backward and
descent, with tables updated in place. All sizes and methods are timed in turn, the median of
`steps` calls of each in every repeat (a seed is a repeat); the exponent is the slope of log time
over log V. Vectors here are not trained to any use: only the clock counts.

    python -m experiments.softmax_cost --workdir=runs/softmax_cost  # 0.3 minutes on 2 cores
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxdl import clocks, launch, report, stats, sweep
from jaxdl.launch import setting
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree
from jaxdl.word_vectors import full_softmax, huffman, windows, word2vec

FULL, TREE, NEGATIVE = "full softmax", "Huffman tree", "5 negatives"
EXPONENT = "exponent of the size in the time of a step"
CLAIMS = *_, RATIO = (
    Claim("E6", f"{FULL}: the time of a step grows as V or nearly", EXPONENT, above=0.8),
    Claim("E6", f"{TREE}: the time of a step grows hardly with V", EXPONENT, below=0.25),
    Claim("E6", f"{NEGATIVE}: the time of a step grows hardly with V", EXPONENT, below=0.2),
    Claim("E6", "negatives are 10 times as fast as the softmax",
          "time of the full softmax over that of negative sampling", above=10.0),
)  # fmt: skip
METHODS = (FULL, TREE, NEGATIVE)
EXPONENTS = dict(zip(METHODS, CLAIMS, strict=False))
WORDS, WINDOW, RATE, INNER = 4096, 5, 0.025, 4
Step = Callable[[PyTree, windows.Blocks, Array], PyTree]


class Config(launch.Config):
    """Which sizes are timed, and how often."""

    steps: int = setting(5, "Timed calls in each repeat, of which the median counts.", low=1)
    seeds: int = setting(20, "Repeats of the measurement.", low=2)
    sizes: tuple[int, ...] = setting((1000, 3000, 10_000, 30_000, 100_000), "Words known.", low=10)
    dimensions: int = setting(64, "Numbers in a vector.", low=1)


def plan(config: Config) -> sweep.Plan:
    """One row a size and repeat; the clock runs in `conclude`."""
    if len(config.sizes) < 2:
        raise launch.UserError("config.sizes: an exponent needs two sizes")
    return sweep.untrained("sizes", sweep.grid(size=config.sizes), seeds=config.seeds)


def calls(size: int, dimensions: int) -> dict[str, Callable[[], PyTree]]:
    """By method: `INNER` compiled steps, each call from where the one before has ended."""
    counts = 1e6 / np.arange(1, size + 1)  # Zipf's law
    words = np.random.default_rng(0).choice(size, WORDS, p=counts / counts.sum())
    step_plan = word2vec.Plan(WINDOW)
    laid = windows.padded(windows.corpus([words], size), WINDOW, WORDS)
    noise = windows.noise_probabilities(counts)
    tree = word2vec.skip_gram(word2vec.hierarchical_softmax(huffman.tree(counts)))
    negatives = word2vec.skip_gram(word2vec.negative_sampling(noise))
    steps: dict[str, Step] = {
        FULL: lambda params, blocks, key: full_softmax.step(params, blocks, RATE),
        TREE: lambda params, blocks, key: word2vec.step(tree, params, blocks, key, RATE),
        NEGATIVE: lambda params, blocks, key: word2vec.step(negatives, params, blocks, key, RATE),
    }

    def stepper(step: Step) -> Callable[[], PyTree]:
        def body(params: PyTree, key: Array) -> tuple[PyTree, None]:
            starts = jax.random.randint(key, (step_plan.blocks,), 0, WORDS - step_plan.length)
            blocks = windows.blocks(key, laid, starts, step_plan.length, WINDOW)
            return step(params, blocks, key), None

        def several(params: PyTree, key: Array) -> tuple[PyTree, Array]:
            key, *inner = jax.random.split(key, 1 + INNER)
            return jax.lax.scan(body, params, jnp.stack(inner))[0], key

        params = word2vec.vectors(jax.random.key(0), tree, size, dimensions)
        params["output"] = jnp.zeros((size, dimensions))
        # Donated, or each call would copy both tables.
        compiled = jax.jit(several, donate_argnums=0)

        def states() -> Iterator[PyTree]:
            state = params, jax.random.key(0)
            while True:
                yield (state := compiled(*state))

        return functools.partial(next, states())

    return {name: stepper(step) for name, step in steps.items()}


def times(config: Config) -> pd.DataFrame:
    """Milliseconds of a step: one row a method, size and repeat."""
    cases = {
        (name, size): call
        for size in config.sizes
        for name, call in calls(size, config.dimensions).items()
    }
    seconds = pd.DataFrame(clocks.in_turn(cases, config.seeds, config.steps))
    seconds = seconds.rename_axis(index="seed", columns=["method", "size"])
    return (1000 / INNER * seconds).unstack().rename("ms").reset_index()


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Exponents of time in the size, repeat by repeat, and the largest size's ratio."""
    frame, largest = times(config), max(config.sizes)
    by_size = frame.pivot(index="seed", columns=["method", "size"], values="ms")
    sizes, logs = list(config.sizes), np.log(by_size)
    slopes = {
        name: stats.mean_interval(np.polyfit(np.log(sizes), logs[name][sizes].T, 1)[0])
        for name in METHODS
    }
    ratio = stats.mean_interval(by_size[FULL][largest] / by_size[NEGATIVE][largest], "positive")
    faster = dataclasses.replace(RATIO, text=f"{largest:,} words: {RATIO.text}")
    claims = [*(EXPONENTS[name].judge(slopes[name]) for name in METHODS), faster.judge(ratio)]
    rows = [
        {"method": name}
        | {f"V = {size:,} (ms)": by_size[name][size].median() for size in config.sizes}
        | {"exponent": slopes[name]}
        for name in METHODS
    ]
    caption = f"Median times of a step of 128 centres; 95 % intervals over {config.seeds} repeats."
    pictures = report.along(
        frame.assign(status="ok"), "size", "ms", line="method", y_scale="log",
        title="Time of a step of skip-gram by the size of the vocabulary",
        x_label="words in the vocabulary (log scale)", y_label="time of a step (ms, log scale)",
    )  # fmt: skip
    table = report.table(rows, caption)
    return launch.Conclusion(claims, [Section("By the size of the vocabulary", (table, *pictures))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
