"""Categories of a table: embedded or one-hot in a network, and against boosted trees.

A generated table of six numbers and three columns of categories (8, 40 and 200 of them, the rare
ones rarer by Zipf's law), a tenth of all cells empty: which of two classes depends on the numbers,
on a hidden vector of each category, and on products of the two. 2000 rows to train on; categories
that are first met in the test part have a place of their own. Each seed makes a table of its own,
its splits and its networks. The networks choose their rate on validation, scikit-learn's boosted
trees (and xgboost's, where it is installed) their rate and size, on equally many tries.

    python -m experiments.mixed_tables --workdir=runs/mixed_tables  # 2 minutes on 2 cores
"""

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import cells, splits, tables
from jaxdl.launch import setting
from jaxdl.models import TableNetwork
from jaxdl.optimizers import adamw
from jaxdl.optimizers.schedules import cosine
from jaxdl.report import Claim, Section
from jaxdl.report.tables import Cell
from jaxdl.types import Array, PyTree

MORE = "paired difference in test accuracy"
CLAIMS = BETTER, AS_TREES = (
    Claim("F17", "a network with embedded categories is better than one with one-hot ones",
          MORE, above=0.005, unit="points"),
    Claim("F17", "a network with embedded categories is as good as boosted trees",
          MORE, above=-0.01, unit="points"),
)  # fmt: skip
EMBEDDED, ONE_HOT, TREES, XGBOOST = "embedded", "one-hot", "boosted trees", "xgboost"
NUMBERS, SIZES, HIDDEN, EMPTY, HELD_OUT = 6, (8, 40, 200), 4, 0.1, 1000
Parts = dict[str, dict[str, np.ndarray]]


class Config(launch.Config):
    """The tables, and the networks."""

    steps: int = setting(600, "Training steps of each trial.", low=1)
    seeds: int = setting(8, "Tables, each with its own networks.", low=2)
    rows: int = setting(2000, "Rows to train on.", low=100)
    batch_size: int = setting(100, "Rows in a step.", low=1, high=100)
    hidden: tuple[int, ...] = launch.widths(64, 64)
    embedded: int = setting(8, "Numbers of a category's vector at most.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(1e-3, 2e-3, 5e-3, 1e-2)


def generated(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """A table of its own teacher, with the target `class`."""
    numbers = rng.normal(size=(rows, NUMBERS))
    score = numbers @ rng.normal(size=NUMBERS) / 2
    frame = pd.DataFrame({f"number_{n}": numbers[:, n] for n in range(NUMBERS)})
    for column, size in enumerate(SIZES):
        shares = 1 / np.arange(1, size + 1)
        chosen = rng.choice(size, rows, p=shares / shares.sum())
        vectors, effects = rng.normal(size=(size, HIDDEN)), rng.normal(size=size)
        crossed = numbers[:, :HIDDEN] * vectors[chosen]
        score += effects[chosen] + crossed.sum(axis=1)
        frame[f"category_{column}"] = [f"c{n}" for n in chosen]
    frame = frame.mask(rng.random(frame.shape) < EMPTY)
    return frame.assign(**{"class": np.where(score > np.median(score), "high", "low")})


def parts(config: Config, seed: int) -> tuple[tables.Columns, Parts]:
    """The table of a seed, fitted on its training part."""
    frame = generated(np.random.default_rng(seed), config.rows + 2 * HELD_OUT)
    ends = np.cumsum([0, HELD_OUT, HELD_OUT, config.rows])
    cut = {
        name: frame.iloc[a:b]
        for name, a, b in zip(("test", "validation", "train"), ends[:-1], ends[1:], strict=True)
    }
    columns = tables.fit(cut["train"], "class")
    return columns, {name: tables.encode(columns, part) for name, part in cut.items()}


def plan(config: Config) -> sweep.Plan:
    """Two programs; the table, the rate and the seed are numbers inside them."""
    found = [parts(config, seed) for seed in range(config.seeds)]
    encoded = [splits.in_batches(arrays, 500) for _, arrays in found]
    data = jax.tree.map(lambda *each: np.stack(each), *encoded)
    # A table may lack a rare category: the networks have room for all.
    sizes = tuple(cells.FIRST + size for size in SIZES)

    def program(embedded: int) -> sweep.Run:
        model = TableNetwork(sizes, 2, config.hidden, embedded)
        build = sweep.by_rate(tasks.classification(model), adamw, cosine(config.steps))
        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    def of_table(hparams: PyTree, key: Array, data: sweep.Data) -> sweep.Data:
        return jax.tree.map(lambda each: each[hparams["table"]], data)

    points = sweep.grid(table=range(config.seeds), learning_rate=config.learning_rates)
    programs = {
        EMBEDDED: (sweep.on(of_table, program(config.embedded)), points),
        ONE_HOT: (sweep.on(of_table, program(0)), points),
    }
    crossed = sweep.plan(programs, data, seeds=config.seeds, column="categories")
    own = [trial for trial in crossed.trials if trial.hparams["table"] == trial.seed]
    return crossed._replace(trials=own)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy on test, paired over tables."""
    tuned = stats.tune(results.frame(), "categories", "learning_rate")
    scores = tuned.scores("test_accuracy")
    found = {seed: parts(config, seed) for seed in scores.index}
    names = [TREES, *([XGBOOST] if importlib.util.find_spec("xgboost") else [])]
    for name in names:
        scores[name] = pd.Series({seed: of_trees(config, name, *found[seed]) for seed in found})
    gains = {
        name: stats.paired_interval(scores[EMBEDDED], scores[name]) for name in (ONE_HOT, *names)
    }
    claims = [
        BETTER.judge(gains[ONE_HOT]),
        *AS_TREES.judge_each({name: gains[name] for name in names}),
    ]
    rows: list[dict[str, Cell]] = [
        {
            "model": name,
            "test accuracy (%)": stats.mean_interval(scores[name], "share"),
            "embedded minus this (points)": gains.get(name),
        }
        for name in (EMBEDDED, ONE_HOT, *names)
    ]
    caption = "Means over tables and their 95 % intervals, rates and sizes chosen on validation."
    table = report.table(rows, caption)
    figure = report.intervals(claims, list(gains), title="Embedded categories, minus these")
    searched = report.along(
        results.frame(), "learning_rate", "validation_accuracy", line="categories",
        title="The search of the networks", y_label="validation accuracy (%)",
    )  # fmt: skip
    return launch.Conclusion(
        claims, [Section("By model", (table, report.picture(figure), *searched))]
    )


def of_trees(config: Config, name: str, columns: tables.Columns, found: Parts) -> float:
    """Test accuracy of boosted trees on a table, at what validation chose."""
    train, validation, test = (found[part] for part in ("train", "validation", "test"))
    # On tables this small, threads only wait for each other.
    with threadpool_limits(1):
        fitted = [each.fit(train["x"], train["y"]) for each in tries(name, columns, config)]
        best = max(fitted, key=lambda each: each.score(validation["x"], validation["y"]))
        return float(best.score(test["x"], test["y"]))


def tries(name: str, columns: tables.Columns, config: Config) -> Iterator[Any]:
    """As many settings of trees as the networks have rates."""
    settings = [(0.1, 15), (0.1, 31), (0.05, 15), (0.05, 31)][: len(config.learning_rates)]
    make: Callable[[float, int], Any]
    if name == XGBOOST:
        from xgboost import XGBClassifier  # an optional extra

        def make(rate: float, leaves: int) -> Any:
            return XGBClassifier(
                n_estimators=200, learning_rate=rate, max_leaves=leaves, max_depth=0, n_jobs=1
            )
    else:
        first = 2 * len(columns.numbers)
        ids = list(range(first, first + len(columns.categories)))

        def make(rate: float, leaves: int) -> Any:
            return HistGradientBoostingClassifier(
                learning_rate=rate, max_leaf_nodes=leaves, max_iter=200, categorical_features=ids
            )

    return (make(*each) for each in settings)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
