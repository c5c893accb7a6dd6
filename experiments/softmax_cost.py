"""What a step of skip-gram costs by the size of the vocabulary: three ways to predict a word.

The full softmax, whose normalization sums over all V words; a Huffman tree of them; and 5
negatives. The same words, drawn by Zipf's law, in steps of 128 centres: forward, backward and
descent, with tables updated in place. All sizes and methods are timed in turn, the median of
`steps` calls of each in every repeat (a seed is a repeat); the exponent is the slope of log time
over log V. Vectors here are not trained to any use: only the clock counts.

    python -m experiments.softmax_cost --workdir=runs/softmax_cost  # 0.3 minutes on 2 cores
"""

import dataclasses
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxdl import launch, report, stats, sweep
from jaxdl.launch import setting
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree
from jaxdl.word_vectors import huffman, windows, word2vec

FULL, TREE, NEGATIVE = "full softmax", "Huffman tree", "5 negatives"
EXPONENT = "exponent of the size in the time of a step"
CLAIMS = (*EXPONENTS, RATIO) = (
    Claim("E6", f"{FULL}: the time of a step grows as V or nearly", EXPONENT, above=0.8),
    Claim("E6", f"{TREE}: the time of a step grows hardly with V", EXPONENT, below=0.25),
    Claim("E6", f"{NEGATIVE}: the time of a step grows hardly with V", EXPONENT, below=0.2),
    Claim("E6", "negatives are 10 times as fast as the softmax",
          "time of the full softmax over that of negative sampling", above=10.0),
)  # fmt: skip
METHODS = (FULL, TREE, NEGATIVE)
WORDS, WINDOW, RATE, INNER = 4096, 5, 0.025, 4
Step = Callable[[PyTree, windows.Blocks, Array], PyTree]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(launch.Config):
    """Which sizes are timed, and how often."""

    steps: int = setting(5, "Timed calls in each repeat, of which the median counts.", low=1)
    seeds: int = setting(5, "Repeats of the measurement.", low=2)
    sizes: tuple[int, ...] = setting(
        (1000, 3000, 10_000, 30_000, 100_000), "Words in the vocabulary.", low=10
    )
    dimensions: int = setting(64, "Numbers in a vector.", low=1)


def plan(config: Config) -> sweep.Plan:
    """One row a size and repeat; the clock runs in `conclude`."""
    if len(config.sizes) < 2:
        raise launch.UserError("config.sizes: an exponent needs two sizes")
    data = {"train": {"x": np.zeros(1, np.float32)}}  # a run has data; this one needs none
    programs = {"sizes": (sweep.without_training(lambda *_: {}), sweep.grid(size=config.sizes))}
    return sweep.plan(programs, data, seeds=config.seeds)


def full_loss(hidden: Array, output: Array, words: Array, near: Array) -> Array:
    """−Σ log softmax(h·O)_w over centres `[M, T]` and their neighbours w, in nats.

    hidden `[M, T, D]`, output `[V, D]`, words `[M, S]`, near `[M, T, S]`.
    """
    flat = hidden.reshape(-1, hidden.shape[-1])
    normalizer = jax.nn.logsumexp(flat @ output.T, axis=1).reshape(near.shape[:2])
    scores = jnp.einsum("mtd,msd->mts", hidden, output[words])
    return (near * (normalizer[..., None] - scores)).sum()


def full_step(params: PyTree, blocks: windows.Blocks, rate: float) -> PyTree:
    """Gradient descent with the full softmax; all rows of the output table move."""
    rows = params["input"][blocks.centres]
    of_rows, of_output = jax.grad(full_loss, argnums=(0, 1))(
        rows, params["output"], blocks.words, blocks.near
    )
    return {
        "input": params["input"].at[blocks.centres].add(-rate * of_rows),
        "output": params["output"] - rate * of_output,
    }


def calls(size: int, dimensions: int) -> dict[str, tuple[Callable[..., PyTree], PyTree]]:
    """By method: compiled steps `(params, key) -> params`, and the first parameters."""
    counts = 1e6 / np.arange(1, size + 1)  # Zipf's law
    words = np.random.default_rng(0).choice(size, WORDS, p=counts / counts.sum())
    step_plan = word2vec.Plan(WINDOW)
    laid = windows.padded(windows.corpus([words], size), WINDOW, WORDS)
    noise = windows.noise_probabilities(counts)
    tree = word2vec.skip_gram(word2vec.hierarchical_softmax(huffman.tree(counts)))
    negatives = word2vec.skip_gram(word2vec.negative_sampling(noise))
    steps: dict[str, Step] = {
        FULL: lambda params, blocks, key: full_step(params, blocks, RATE),
        TREE: lambda params, blocks, key: word2vec.step(tree, params, blocks, key, RATE),
        NEGATIVE: lambda params, blocks, key: word2vec.step(negatives, params, blocks, key, RATE),
    }

    def compiled(step: Step) -> tuple[Callable[..., PyTree], PyTree]:
        def several(params: PyTree, key: Array) -> PyTree:
            def body(params: PyTree, key: Array) -> tuple[PyTree, None]:
                last = WORDS - step_plan.length
                starts = jax.random.randint(key, (step_plan.blocks,), 0, last)
                blocks = windows.blocks(key, laid, starts, step_plan.length, WINDOW)
                return step(params, blocks, key), None

            return jax.lax.scan(body, params, jax.random.split(key, INNER))[0]

        params = word2vec.vectors(jax.random.key(0), tree, size, dimensions)
        params["output"] = jnp.zeros((size, dimensions))
        # Donated, or each call would copy both tables.
        call = jax.jit(several, donate_argnums=0).lower(params, jax.random.key(0)).compile()
        return call, params

    return {name: compiled(step) for name, step in steps.items()}


def times(config: Config) -> pd.DataFrame:
    """Milliseconds of a step: one row a size, method and repeat."""
    cases = {
        (size, name): list(case)
        for size in config.sizes
        for name, case in calls(size, config.dimensions).items()
    }
    measured = []
    # The first round is slower and does not count.
    for count in range(1 + config.steps * config.seeds):
        for (size, name), case in cases.items():
            key = jax.random.key(count)
            began = time.perf_counter()
            case[1] = jax.block_until_ready(case[0](case[1], key))
            milliseconds = 1000 * (time.perf_counter() - began) / INNER
            seed = (count - 1) // config.steps
            measured.append({"size": size, "method": name, "seed": seed, "ms": milliseconds})
    frame = pd.DataFrame(measured)
    frame = frame[frame["seed"] >= 0]
    return frame.groupby(["size", "method", "seed"], sort=False)["ms"].median().reset_index()


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Exponents of time in the size, repeat by repeat, and the largest size's ratio."""
    frame, largest = times(config), max(config.sizes)
    by_size = frame.pivot(index="seed", columns=["method", "size"], values="ms")
    sizes = np.log(config.sizes)
    slopes = {
        name: stats.mean_interval(
            np.polyfit(sizes, np.log(by_size[name][list(config.sizes)].T), 1)[0]
        )
        for name in METHODS
    }
    ratio = by_size[FULL][largest] / by_size[NEGATIVE][largest]
    faster = dataclasses.replace(RATIO, text=f"{largest:,} words: {RATIO.text}")
    claims = [
        *(claim.judge(slopes[name]) for claim, name in zip(EXPONENTS, METHODS, strict=True)),
        faster.judge(stats.mean_interval(ratio, "positive")),
    ]
    table = report.table(
        (
            {"method": name}
            | {f"V = {size:,} (ms)": by_size[name][size].median() for size in config.sizes}
            | {"exponent": slopes[name]}
            for name in METHODS
        ),
        f"Median times of a step of 128 centres; 95 % intervals over {config.seeds} repeats.",
    )
    pictures = report.along(
        frame.assign(panel="128 centres", status="ok"), "size", "ms", panel="panel", line="method",
        title="Time of a step of skip-gram by the size of the vocabulary",
        x_label="words in the vocabulary (log scale)", y_label="time of a step (ms, log scale)",
        y_scale="log",
    )  # fmt: skip
    return launch.Conclusion(claims, [Section("By the size of the vocabulary", (table, *pictures))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
