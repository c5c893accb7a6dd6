"""Are members of different kinds a better ensemble than members of one kind?

A network, a linear model and boosted trees, on the tables and splits of `ensembles`: 60 examples to
train on, a fifth of the table for validation, the rest for test. Their mean probability is compared
with a single network, with three networks that differ in their initialization, and with the one of
the three kinds that is best on the seed's validation examples; on these a learned combination is
fitted, too. Network and linear model are trained on full batches, each at the rate that other seeds
chose on validation. The trees are scikit-learn's, with leaves of 5 examples or more. Each seed
splits a table anew, so intervals hold the choice of examples from this table (see `ensembles`).

    python -m experiments.different_kinds --workdir=runs/different_kinds  # 1 minute on 2 cores
"""

import itertools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from experiments.ensembles import (
    CLASSES,
    HELD_OUT,
    Splits,
    accuracy,
    blank_probabilities,
    of_members,
    split_by,
    whole_tables,
)
from jaxdl import ensembles, launch, report, stats, sweep, tasks
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Section
from jaxdl.train import fit_scan
from jaxdl.types import Array, Batch, PyTree

KINDS = NETWORK, LINEAR, TREES = ("network", "linear model", "boosted trees")
SAME, BEST = "three networks, mean", "best kind by validation"
MIXED, STACKED = "three kinds, mean", "three kinds, learned"
METHODS = (*KINDS, SAME, BEST, MIXED, STACKED)
CLAIMS = tuple(
    Claim("R5", f"a network, a linear model and boosted trees together are above {whom}",
          "paired difference of test accuracy", above=0.005, unit="points")
    for whom in ("a single network", "three networks together", "the best of them")
)  # fmt: skip
BASELINES = (NETWORK, SAME, BEST)
NETWORKS = 3
STACKING = jax.jit(ensembles.fit_combiner)


class Config(launch.Config):
    """Which tables, and how the members are trained."""

    steps: int = setting(150, "Training steps of each member, on all examples.", low=1)
    seeds: int = setting(300, "Seeds of each setting.", low=1)
    tables: tuple[str, ...] = setting(tuple(CLASSES), "Tables.", choices=tuple(CLASSES))
    examples: int = setting(60, "Training examples of each split.", low=10, high=90)
    hidden: tuple[int, ...] = launch.widths(16)
    learning_rates: tuple[float, ...] = launch.rates(0.003, 0.01, 0.03, 0.1)


def plan(config: Config) -> sweep.Plan:
    """One program per table; the rate is a number inside it."""
    rates = sweep.grid(learning_rate=config.learning_rates)
    programs = {name: (run(config, name), rates) for name in config.tables}
    return sweep.plan(programs, whole_tables(config.tables), seeds=config.seeds, keep_states=True)


def run(config: Config, table: str) -> sweep.Run:
    """A trial whose parameters are probabilities `[M, N, K]` of three networks and a linear model
    on the validation and test examples."""
    classes = CLASSES[table]

    def train(hparams: PyTree, key: Array, splits: Splits) -> dict[str, Array]:
        rate = hparams["learning_rate"]
        networks = said_by(config, MLP(config.hidden, classes), NETWORKS, rate, key, splits)
        linear = said_by(config, MLP((), classes), 1, rate, key, splits)
        return {split: jnp.concatenate([networks[split], linear[split]]) for split in HELD_OUT}

    def evaluate(said: dict[str, Array], splits: Splits) -> dict[str, Array]:
        return {
            f"{split}_{name}": accuracy(p, splits[split]["y"])
            for split, each in said.items()
            for name, p in (
                (NETWORK, each[0]),
                (LINEAR, each[-1]),
                (SAME, ensembles.mean_probability(each[:NETWORKS])),
            )
        }

    def blank(splits: Splits) -> dict[str, Array]:
        return blank_probabilities(splits, NETWORKS + 1, classes)

    return of_members(config.examples, table, blank, train, evaluate)


def said_by(
    config: Config, model: MLP, count: int, rate: Array, key: Array, splits: Splits
) -> dict[str, Array]:
    """Probabilities `[M, N, K]` by so many trained models, by split."""
    task = tasks.classification(model)

    def member(key: Array) -> dict[str, Array]:
        options = {"steps": config.steps, "batch_size": config.examples}
        params = fit_scan(task, adam(rate), key, splits["train"], **options).params
        return {
            split: jax.nn.softmax(task.predict(params, {}, splits[split])) for split in HELD_OUT
        }

    return ensembles.over_members(member, jax.random.split(key, count))


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Rates chosen on validation; all differences paired over seeds."""
    frame = results.frame()
    tuned = {
        name: stats.tune(frame, "program", "learning_rate", f"validation_{name}", "max")
        for name in (NETWORK, LINEAR, SAME)
    }
    scores = {name: chosen.scores(f"test_{name}") for name, chosen in tuned.items()}
    scores |= ensemble_scores(config, plan, tuned)
    shown = {table: table.replace("_", " ") for table in sorted(config.tables)}
    judged = []
    for claim, baseline in zip(CLAIMS, BASELINES, strict=True):
        judged += claim.judge_each({
            words: stats.paired_interval(scores[MIXED][table], scores[baseline][table])
            for table, words in shown.items()
        })  # fmt: skip
    picture, table = report.shares(
        {words: {name: scores[name][table] for name in METHODS} for table, words in shown.items()},
        title="Test accuracy of members of different kinds",
        caption=f"Test accuracy; means over seeds and their 95 % intervals, {report.CHOSEN}.",
    )
    return launch.Conclusion(judged, [Section("By table", (table, picture))])


def ensemble_scores(
    config: Config, plan: sweep.Plan, tuned: Mapping[str, stats.Tuned]
) -> dict[str, pd.DataFrame]:
    """Test accuracy of the trees and of what the three kinds say together, a column a table.

    nan for a seed of which a member is missing.
    """
    found: list[dict[str, object]] = []
    for table, seed in itertools.product(config.tables, range(config.seeds)):
        splits = split_by(config.examples, jax.random.key(seed), plan.data[table])
        members = {TREES: tree_probabilities(jax.tree.map(np.asarray, splits), CLASSES[table])}
        for name, place in ((NETWORK, 0), (LINEAR, -1)):
            rows = tuned[name].of(table)
            for row in rows[(rows["seed"] == seed) & (rows["status"] == "ok")].to_dict("records"):
                said = plan.replay(row).params
                members[name] = {split: p[place] for split, p in said.items()}
        labels = {split: splits[split]["y"] for split in HELD_OUT}
        votes = {TREES: members[TREES]["test"]} | combined(members, labels["validation"])
        scores = {name: float(accuracy(p, labels["test"])) for name, p in votes.items()}
        nothing = dict.fromkeys((BEST, MIXED, STACKED), float("nan"))
        found.append({"table": table, "seed": seed, **nothing, **scores})
    wide = pd.DataFrame(found).pivot(index="seed", columns="table")
    return {name: wide[name] for name in (TREES, BEST, MIXED, STACKED)}


def combined(members: Mapping[str, Mapping[str, Array]], labels: Array) -> dict[str, Array]:
    """What all kinds say together of the test examples, and what the best says; or nothing.

    members: probabilities `[N, K]` by kind and split. labels: of the validation examples.
    """
    if len(members) < len(KINDS):
        return {}
    p = {split: jnp.stack([members[name][split] for name in KINDS]) for split in HELD_OUT}
    best = max(KINDS, key=lambda name: float(accuracy(members[name]["validation"], labels)))
    combiner = STACKING(p["validation"], labels, jnp.ones(len(labels)))
    return {
        BEST: members[best]["test"],
        MIXED: ensembles.mean_probability(p["test"]),
        STACKED: ensembles.combine(combiner, p["test"]),
    }


def tree_probabilities(splits: Mapping[str, Batch], classes: int) -> dict[str, Array]:
    """Probabilities `[N, K]` by boosted trees of the validation and test examples; 0 of a class
    that no training example has."""
    # On tables this small, threads only wait for each other.
    with threadpool_limits(1):
        trees = HistGradientBoostingClassifier(min_samples_leaf=5)
        trees.fit(splits["train"]["x"], splits["train"]["y"])
        said = {split: trees.predict_proba(splits[split]["x"]) for split in HELD_OUT}
    return {
        split: jnp.zeros((len(p), classes)).at[:, trees.classes_].set(p)
        for split, p in said.items()
    }


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
