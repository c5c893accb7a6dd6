"""Which smoothing of counted n-grams tells held-out documentation best?

Add-k, Jelinek and Mercer's interpolation and Kneser and Ney's, of orders 2 to 4, on docstrings in
words; k, the weights and the discount are chosen on validation documents. A seed is a part of the
documents of its own, split anew into whole documents for training, validation and test, so
intervals are over texts. Words outside of the vocabulary are one.

    python -m experiments.smoothing --workdir=runs/smoothing  # 0.5 minutes on 2 cores
"""

import functools
import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd

from jaxdl import launch, report, stats, sweep
from jaxdl.data.sources import documents
from jaxdl.data.text import tokenizers, vocabulary
from jaxdl.launch import setting
from jaxdl.models import ngram
from jaxdl.report import Claim, Section

LOWER = "paired difference in bits a word"
CLAIMS = BEST, ADDING = (
    Claim("E4", "Kneser and Ney's smoothing needs fewer bits than interpolation",
          f"{LOWER}, Kneser–Ney minus Jelinek–Mercer", below=-0.05, unit="bit"),
    Claim("E4", "adding k to the counts needs more bits than interpolation",
          f"{LOWER}, add-k minus Jelinek–Mercer", above=0.5, unit="bit"),
)  # fmt: skip
ADD, MIXED, CONTINUED = "add-k", "Jelinek–Mercer", "Kneser–Ney"
KS = (0.001, 0.01, 0.1, 1.0)
WEIGHTS, DISCOUNTS = (0.3, 0.5, 0.7, 0.9), (0.5, 0.6, 0.7, 0.8, 0.9)
Model = Callable[[ngram.Counts, np.ndarray], np.ndarray]


class Config(launch.Config):
    """The text, and the orders."""

    steps: int = setting(1, "Nothing is trained.", low=1)
    seeds: int = setting(8, "Parts of the documents.", low=2)
    words: int = setting(100_000, "Words of each part.", low=1000)
    vocabulary: int = setting(2000, "Words that are known, the special ones among them.", low=10)
    orders: tuple[int, ...] = setting((2, 3, 4), "n of the n-grams.", low=2, high=5)


def plan(config: Config) -> sweep.Plan:
    """A row for each part and order; the counting runs in `conclude`."""
    nothing = sweep.without_training(lambda *_: {})
    points = sweep.grid(n=config.orders)
    programs = dict.fromkeys((ADD, MIXED, CONTINUED), (nothing, points))
    return sweep.plan(programs, sweep.NO_DATA, seeds=config.seeds, column="smoothing")


def parts(config: Config, seed: int) -> tuple[dict[str, np.ndarray], int]:
    """Windows of the longest order of each split, and how many words there are."""
    found = documents.docstrings()
    texts, size = [], 0
    order = np.random.default_rng(0).permutation(len(found))
    for place in order[seed :: config.seeds]:
        texts.append(tokenizers.words(found[place]))
        size += len(texts[-1])
        if size > config.words:
            break
    cuts = [0, int(0.8 * len(texts)), int(0.9 * len(texts)), len(texts)]
    known = vocabulary.build((w for text in texts[: cuts[1]] for w in text), config.vocabulary)
    longest, windows = max(config.orders), {}
    for name, (a, b) in zip(("train", "validation", "test"), itertools.pairwise(cuts), strict=True):
        ids = [vocabulary.framed(vocabulary.encode(known, text))[1:] for text in texts[a:b]]
        windows[name] = ngram.windows_of(ids, longest, vocabulary.START)
    return windows, len(known)


def candidates(order: int) -> dict[str, list[Model]]:
    """The models of each smoothing to choose among on validation."""
    # The weights of the longest two orders are searched, those of the others are high.
    pairs = itertools.product(WEIGHTS, repeat=min(order, 2))
    weights = [(0.9,) * (order - 2) + pair for pair in pairs]
    return {
        ADD: [functools.partial(ngram.add_k, k=k) for k in KS],
        MIXED: [functools.partial(ngram.jelinek_mercer, weights=each) for each in weights],
        CONTINUED: [functools.partial(ngram.kneser_ney, discount=d) for d in DISCOUNTS],
    }


def measured(config: Config) -> pd.DataFrame:
    """Bits a word on test, of each part, order and smoothing."""
    rows = []
    for seed in range(config.seeds):
        windows, size = parts(config, seed)
        for order in config.orders:
            own = {name: each[:, -order:] for name, each in windows.items()}
            counts = ngram.fit(own["train"], size)
            for name, models in candidates(order).items():
                best = max(models, key=lambda model: model(counts, own["validation"]).mean())
                bits = ngram.bits(best(counts, own["test"]))
                rows.append({"seed": seed, "n": order, "smoothing": name, "bits": bits})
    return pd.DataFrame(rows)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Differences of bits a word, paired over parts."""
    frame = measured(config)
    wide = frame.pivot(index="seed", columns=["n", "smoothing"], values="bits")

    def gaps(name: str) -> dict[str, stats.Interval]:
        return {
            f"n = {n}": stats.paired_interval(wide[n, name], wide[n, MIXED]) for n in config.orders
        }

    claims = [*BEST.judge_each(gaps(CONTINUED)), *ADDING.judge_each(gaps(ADD))]
    picture = report.profile(
        frame, "n", "bits", line="smoothing", title="Held-out documents, by order and smoothing",
        x_label="n", y_label="bits a word",
    )  # fmt: skip
    table = report.table(
        (
            {"smoothing": name}
            | {f"n = {n} (bits a word)": stats.mean_interval(wide[n, name]) for n in config.orders}
            for name in (ADD, MIXED, CONTINUED)
        ),
        f"Means over {config.seeds} parts of the documents and their 95 % intervals.",
    )
    return launch.Conclusion(claims, [Section("By order", (picture, table))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
