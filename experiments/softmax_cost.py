"""What a step of skip-gram costs by the size of the vocabulary: three ways to predict a word.

The full softmax, whose normalization sums over all V words; a Huffman tree of them; and 5
negatives. The same words, drawn by Zipf's law, in steps of 128 centres: forward, backward and
descent, with tables updated in place. All sizes and methods are timed in turn, the median of
`steps` calls of each in every repeat (a seed is a repeat); the exponent is the slope of log time
over log V. Vectors here are not trained to any use: only the clock counts.

Claims: the time of the full softmax grows as V^0.8 or faster, that of the tree slower than V^0.25,
that of negative sampling slower than V^0.2; at the largest size negative sampling is 10 times as
fast as the full softmax or more.

Command: python -m experiments.softmax_cost --workdir=runs/softmax_cost
Minutes: 0.3 on 2 cores.
Last result: 2026-11-21, 2-core Xeon, jax 0.10.2, 17 s: full softmax V^0.93 [0.92, 0.95], Huffman
tree V^0.11 [0.09, 0.13], negative sampling V^0.07 [0.05, 0.09]; at 100,000 words that is 153 times
[140, 166] as fast as the full softmax: all hold.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field
from jaxdl.word_vectors import word2vec

FIELDS = {
    "steps": Field(5, "Timed calls in each repeat, of which the median counts.", low=1),
    "seeds": Field(5, "Repeats of the measurement.", low=2),
    "sizes": Field((1000, 3000, 10_000, 30_000, 100_000), "Words in the vocabulary.", low=10),
    "dimensions": Field(64, "Numbers in a vector.", low=1),
}
FULL, TREE, NEGATIVE = "full softmax", "Huffman tree", "5 negatives"
EXPONENTS: dict[str, tuple[Any, float]] = {
    FULL: ("above", 0.8),
    TREE: ("below", 0.25),
    NEGATIVE: ("below", 0.2),
}
TEN_TIMES = 10.0
WORDS, WINDOW, RATE, INNER = 4096, 5, 0.025, 4


def plan(config: Any) -> launch.Plan:
    """One row a size and repeat; the clock runs in `conclude`."""
    import numpy as np

    from jaxdl import sweep

    if len(config.sizes) < 2:
        raise launch.UserError("config.sizes: an exponent needs two sizes")

    trials = sweep.trials(["sizes"], sweep.grid(size=config.sizes), range(config.seeds))
    data = {"train": {"x": np.zeros(1, np.float32)}}  # a run has data; this one needs none
    return launch.Plan({"sizes": sweep.without_training(lambda *_: {})}, trials, data, segments=1)


def full_loss(hidden: Any, output: Any, words: Any, near: Any) -> Any:
    """−Σ log softmax(h·O)_w over centres `[M, T]` and their neighbours w, in nats.

    hidden `[M, T, D]`, output `[V, D]`, words `[M, S]`, near `[M, T, S]`.
    """
    import jax
    import jax.numpy as jnp

    flat = hidden.reshape(-1, hidden.shape[-1])
    normalizer = jax.nn.logsumexp(flat @ output.T, axis=1).reshape(near.shape[:2])
    scores = jnp.einsum("mtd,msd->mts", hidden, output[words])
    return (near * (normalizer[..., None] - scores)).sum()


def full_step(params: Any, blocks: Any, rate: float) -> Any:
    """Gradient descent with the full softmax; all rows of the output table move."""
    import jax

    rows = params["input"][blocks.centres]
    of_rows, of_output = jax.grad(full_loss, argnums=(0, 1))(
        rows, params["output"], blocks.words, blocks.near
    )
    return {
        "input": params["input"].at[blocks.centres].add(-rate * of_rows),
        "output": params["output"] - rate * of_output,
    }


def calls(size: int, dimensions: int) -> dict[str, tuple[Callable[..., Any], Any]]:
    """By method: compiled steps `(params, key) -> params`, and the first parameters."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaxdl.word_vectors import huffman, windows

    counts = 1e6 / np.arange(1, size + 1)  # Zipf's law
    words = np.random.default_rng(0).choice(size, WORDS, p=counts / counts.sum())
    step_plan = word2vec.Plan(WINDOW)
    laid = windows.padded(windows.corpus([words], size), WINDOW, WORDS)
    noise = windows.noise_probabilities(counts)
    methods = {
        TREE: word2vec.skip_gram(word2vec.hierarchical_softmax(huffman.tree(counts))),
        NEGATIVE: word2vec.skip_gram(word2vec.negative_sampling(noise)),
    }
    steps: dict[str, Any] = {FULL: lambda params, blocks, key: full_step(params, blocks, RATE)}
    for name, method in methods.items():
        steps[name] = lambda params, blocks, key, method=method: word2vec.step(
            method, params, blocks, key, RATE
        )

    def compiled(name: str) -> tuple[Callable[..., Any], Any]:
        def several(params: Any, key: Any) -> Any:
            def body(params: Any, key: Any) -> tuple[Any, None]:
                last = WORDS - step_plan.length
                starts = jax.random.randint(key, (step_plan.blocks,), 0, last)
                blocks = windows.blocks(key, laid, starts, step_plan.length, WINDOW)
                return steps[name](params, blocks, key), None

            return jax.lax.scan(body, params, jax.random.split(key, INNER))[0]

        params = word2vec.vectors(jax.random.key(0), methods[TREE], size, dimensions)
        params["output"] = jnp.zeros((size, dimensions))
        # Donated, or each call would copy both tables.
        call = jax.jit(several, donate_argnums=0).lower(params, jax.random.key(0)).compile()
        return call, params

    return {name: compiled(name) for name in EXPONENTS}


def times(config: Any) -> Any:
    """Milliseconds of a step: one row a size, method and repeat."""
    import jax
    import pandas as pd

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


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Exponents of time in the size, repeat by repeat, and the largest size's ratio."""
    import numpy as np

    from jaxdl import report, stats

    frame = times(config)
    by_size = frame.pivot(index=["seed", "size"], columns="method", values="ms")
    slopes = {
        name: [
            float(np.polyfit(np.log(mine.index.get_level_values("size")), np.log(mine), 1)[0])
            for _, mine in by_size[name].groupby("seed")
        ]
        for name in EXPONENTS
    }
    claims = []
    for name, (direction, threshold) in EXPONENTS.items():
        words = "as V or nearly" if direction == "above" else "hardly with V"
        claims.append(
            report.judge(
                "E6", f"{name}: the time of a step grows {words}",
                "exponent of the size in the time of a step", "1", threshold,
                stats.mean_interval(slopes[name]), direction,
            )
        )  # fmt: skip
    largest = by_size.xs(max(config.sizes), level="size")
    ratio = stats.mean_interval(largest[FULL] / largest[NEGATIVE], "positive")
    claims.append(
        report.judge(
            "E6", f"{max(config.sizes):,} words: negatives are 10 times as fast as the softmax",
            "time of the full softmax over that of negative sampling", "1", TEN_TIMES, ratio,
            "above",
        )
    )  # fmt: skip
    table = _table(frame, claims, config)
    report.show(table)
    sections = [report.Section("By the size of the vocabulary", (_picture(frame), table))]
    found = ", ".join(f"{name} V^{np.mean(slopes[name]):.2f}" for name in EXPONENTS)
    held = sum(claim.verdict == "holds" for claim in claims)
    return launch.Conclusion(claims, sections, f"{found}; {held} of {len(claims)} hold")


def _table(frame: Any, claims: Any, config: Any) -> Any:
    from jaxdl import report

    means = frame.groupby(["method", "size"])["ms"].median()
    rows = []
    for name, claim in zip(EXPONENTS, claims, strict=False):
        cells = [report.number(means[name, size]) for size in config.sizes]
        exponent = report.number(claim.measured, 2)
        rows.append((name, *cells, exponent, report.between(*claim.interval)))
    header = ("method", *(f"V = {size:,} (ms)" for size in config.sizes), "exponent",
              "95 % interval")  # fmt: skip
    caption = f"Median times of a step of 128 centres; intervals over {config.seeds} repeats."
    return report.Table(header, tuple(rows), frozenset(range(1, len(header))), caption)


def _picture(frame: Any) -> Any:
    from jaxdl import report
    from jaxdl.report import panels, style

    with style.house_style():
        figure, _ = panels.small_multiples(
            frame.assign(panel="a step of 128 centres"), "size", "ms", "panel", "method",
            title="Time of a step of skip-gram by the size of the vocabulary",
            x_label="words in the vocabulary (log scale)", y_label="time of a step (ms, log scale)",
            x_scale="log", y_scale="log", marker_every=1, heights=(2.8,),
        )  # fmt: skip
    caption = "Lines: mean over the repeats of medians; bands: lowest to highest."
    return report.Picture("times", report.to_png(figure), "Time by vocabulary", caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
