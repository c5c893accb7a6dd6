"""Ensembles of small networks on tables, against a single one and against boosted trees.

On 60 examples of breast cancer, wine or iris: one network; eleven that differ in their
initialization; eleven by bagging, with four ways to combine them (the learned one is fitted on the
validation examples); AdaBoost; gradient boosting. Each seed splits a table anew: 60 examples to
train on, whose mean and deviation scale the columns, a fifth of the table for validation, the rest
for test; so the intervals over seeds hold the chance that lies in the choice of examples from this
table. Splits overlap: for another table they would be wider (Nadeau & Bengio 2003). Members of an
ensemble are trained on full batches by one program, at the rate that other seeds chose on
validation. The yardstick is scikit-learn's boosted trees (its histogram form of what xgboost does;
leaves of 5 examples or more, else as they come: validation tunes no number of theirs) and, where it
is installed, xgboost.

    python -m experiments.ensembles --workdir=runs/ensembles  # 3 minutes on 2 cores
"""

import importlib.util
import itertools
from collections.abc import Callable, Iterable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from jaxdl import ensembles, keys, launch, losses, report, stats, sweep, tasks
from jaxdl.data import batches
from jaxdl.data.sources import tabular
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Picture, Section
from jaxdl.report.tables import Cell
from jaxdl.train import fit_scan
from jaxdl.types import Array, Batch, PyTree, Task, TrainState

CLASSES = {"breast_cancer": 2, "wine": 3, "iris": 3}
SINGLE, BY_MEAN, SHRINKAGE = "single network", "bagging, mean", 0.5
VOTES = ("bagging, majority", "bagging, by confidence", "bagging, learned")
OTHERS = (SINGLE, "initializations, mean", BY_MEAN, "AdaBoost", "gradient boosting")
FAMILIES = {name: name for name in OTHERS} | dict.fromkeys(VOTES, BY_MEAN)
"""The method by whose validation accuracy a method's rate is chosen: that of its members."""
TREES, XGBOOST = "boosted trees", "boosted trees of xgboost"
PAIRS = (*((name, SINGLE) for name in list(FAMILIES)[1:]), (BY_MEAN, TREES), (BY_MEAN, XGBOOST))
CLAIMS = tuple(
    Claim("R5", f"{name} is above {baseline}", "paired difference of test accuracy",
          above=0.005, unit="points")
    for name, baseline in PAIRS
)  # fmt: skip
SCORE = "test accuracy (%)"
MEMBERS = ("initializations", "bagging", "AdaBoost", "gradient boosting")
HELD_OUT = ("validation", "test")
Splits = Mapping[str, Batch]


class Config(launch.Config):
    """Which tables, how many members, how they are trained."""

    steps: int = setting(150, "Training steps of each member, on all examples.", low=1)
    seeds: int = setting(100, "Seeds of each setting.", low=1)
    tables: tuple[str, ...] = setting(tuple(CLASSES), "Tables.", choices=tuple(CLASSES))
    members: int = setting(11, "Members of an ensemble.", low=2)
    examples: int = setting(60, "Training examples of each split.", low=10, high=90)
    hidden: tuple[int, ...] = launch.widths(16)
    learning_rates: tuple[float, ...] = launch.rates(0.003, 0.01, 0.03)


def plan(config: Config) -> sweep.Plan:
    """One program per table; the rate is a number inside it."""
    rates = sweep.grid(learning_rate=config.learning_rates)
    programs = {name: (run(config, name), rates) for name in config.tables}
    return sweep.plan(programs, whole_tables(config.tables), seeds=config.seeds)


def whole_tables(names: Iterable[str]) -> dict[str, Batch]:
    """All rows of each table, which a seed splits anew."""
    data: dict[str, Batch] = {}
    for name in names:
        table = tabular.load(name)
        parts = (table.train, table.validation, table.test)
        data[name] = {
            column: np.concatenate([part[column] for part in parts]) for column in ("x", "y")
        }
    return data


def run(config: Config, table: str) -> sweep.Run:
    """A trial of all families of members."""
    classes = CLASSES[table]

    def blank(splits: Splits) -> dict[str, PyTree]:
        family = blank_probabilities(splits, config.members, classes)
        return {**dict.fromkeys(MEMBERS, family), "say": jnp.zeros(config.members)}

    def train(hparams: PyTree, key: Array, splits: Splits) -> dict[str, PyTree]:
        inputs = {split: splits[split]["x"] for split in HELD_OUT}
        return trained(config, classes, hparams["learning_rate"], key, splits["train"], inputs)

    return of_members(config.examples, table, blank, train, accuracies)


def of_members(
    examples: int,
    table: str,
    blank: Callable[[Splits], PyTree],
    train: Callable[[PyTree, Array, Splits], PyTree],
    evaluate: Callable[[PyTree, Splits], dict[str, Array]],
) -> sweep.Run:
    """A trial whose parameters are what trained members say of the validation and test examples.

    blank: the same before training. train: `(hparams, key, splits) -> said`; evaluate: `(said,
    splits) -> metrics`.
    """

    def splits_by(key: Array, data: sweep.Data) -> Splits:
        return split_by(examples, key, data[table])

    def init(hparams: PyTree, key: Array, data: sweep.Data) -> TrainState:
        return TrainState(jnp.zeros((), jnp.int32), key, blank(splits_by(key, data)), {}, {})

    def advance(
        hparams: PyTree, state: TrainState, data: sweep.Data
    ) -> tuple[TrainState, dict[str, Array]]:
        key = keys.named(state.key, "members")
        said = train(hparams, key, splits_by(state.key, data))
        finite = jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(said)]).all()
        curves = {"loss": jnp.where(finite, 0.0, jnp.nan)[None]}
        return state._replace(step=state.step + 1, params=said), curves

    def measured(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        return evaluate(state.params, splits_by(state.key, data))

    return sweep.Run(init, advance, measured)


def blank_probabilities(splits: Splits, members: int, classes: int) -> dict[str, Array]:
    """Zeros `[M, N, K]` for what members say of the validation and test examples."""
    return {split: jnp.zeros((members, len(splits[split]["y"]), classes)) for split in HELD_OUT}


def accuracy(scores: Array, labels: Array) -> Array:
    """Share of examples whose highest score is that of their class."""
    return (scores.argmax(-1) == labels).mean()


def split_by(examples: int, key: Array, table: Batch) -> dict[str, Batch]:
    """The three splits of a table that a key draws, the first of so many rows, which scale all."""
    count = len(table["y"])
    rows = batches.permutation(keys.named(key, "examples"), count)
    ends = [examples, examples + count // 5]
    parts = dict(zip(("train", *HELD_OUT), jnp.split(rows, ends), strict=True))
    found = {name: batches.take(table, part) for name, part in parts.items()}
    x = found["train"]["x"]
    mean, spread = x.mean(axis=0)[None], x.std(axis=0)[None]
    spread = jnp.where(spread > 0, spread, 1)
    return {name: {**part, "x": (part["x"] - mean) / spread} for name, part in found.items()}


def learner(
    config: Config, rate: Array, build: Callable[[MLP], Task], outputs: int
) -> tuple[Callable[[Array, Batch], PyTree], Callable[[PyTree, Array], Array]]:
    """`(key, rows) -> parameters` of a network, and `(parameters, x) -> [B, K]`."""
    task = build(MLP(config.hidden, outputs))

    # Traced once, whoever asks for it.
    @jax.jit
    def fit(key: Array, rows: Batch) -> PyTree:
        options = {"steps": config.steps, "batch_size": config.examples}
        return fit_scan(task, adam(rate), key, rows, **options).params

    return fit, jax.jit(lambda params, x: task.predict(params, {}, {"x": x}))


def trained(
    config: Config, classes: int, rate: Array, key: Array, rows: Batch, inputs: Mapping[str, Array]
) -> dict[str, PyTree]:
    """Logits of each family's members, by split, and AdaBoost's weights of them."""
    fit, logits = learner(config, rate, tasks.classification, classes)
    fit_real, values = learner(config, rate, tasks.regression, classes)
    member_keys, sample_keys = jax.random.split(key, (2, config.members))

    def weighted(key: Array, weights: Array) -> PyTree:
        return fit(key, {**rows, "mask": weights})

    boosted, say = ensembles.adaboost(
        weighted, lambda member: logits(member, rows["x"]), member_keys, rows["y"], classes
    )
    additive = ensembles.gradient_boosting(
        lambda key, targets: fit_real(key, {"x": rows["x"], "y": targets}),
        lambda member: values(member, rows["x"]),
        member_keys,
        rows["y"],
        start=jnp.zeros(classes),
        rate=SHRINKAGE,
        loss=losses.softmax_cross_entropy,
    )
    # Both kinds of ensemble in one program: half with equal weights, half with bootstrap samples.
    samples = jax.vmap(lambda key: ensembles.bootstrap(key, config.examples))(sample_keys)
    weights = jnp.concatenate([jnp.ones_like(samples), samples])
    both = ensembles.over_members(weighted, jnp.concatenate([member_keys, member_keys]), weights)
    alike = jax.tree.map(lambda leaf: leaf[: config.members], both)
    bagged = jax.tree.map(lambda leaf: leaf[config.members :], both)
    groups = ((logits, alike), (logits, bagged), (logits, boosted), (values, additive))
    said: dict[str, PyTree] = {
        name: {split: jax.vmap(outputs, (0, None))(members, x) for split, x in inputs.items()}
        for name, (outputs, members) in zip(MEMBERS, groups, strict=True)
    }
    return {**said, "say": say}


def accuracies(said: PyTree, splits: Mapping[str, Batch]) -> dict[str, Array]:
    """Accuracy of every method, on validation and test."""
    p = jax.tree.map(jax.nn.softmax, {name: said[name] for name in ("initializations", "bagging")})
    labels = splits["validation"]["y"]
    combiner = ensembles.fit_combiner(p["bagging"]["validation"], labels, jnp.ones(len(labels)))
    start, found = jnp.zeros(said["gradient boosting"]["test"].shape[-1]), {}
    for split in HELD_OUT:
        alone, bagged = p["initializations"][split], p["bagging"][split]
        boosted = said["gradient boosting"][split]
        scores = {
            SINGLE: alone[0],
            "initializations, mean": ensembles.mean_probability(alone),
            BY_MEAN: ensembles.mean_probability(bagged),
            "bagging, majority": ensembles.majority_vote(bagged),
            "bagging, by confidence": ensembles.confidence_weighted_vote(bagged),
            "bagging, learned": ensembles.combine(combiner, bagged),
            "AdaBoost": ensembles.majority_vote(said["AdaBoost"][split], said["say"]),
            "gradient boosting": ensembles.additive(boosted, start, SHRINKAGE),
        }
        for name, score in scores.items():
            found[f"{split} {name}"] = accuracy(score, splits[split]["y"])
    return found


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Rates chosen on validation; all differences paired over seeds."""
    frame = results.frame()
    tuned = {
        name: stats.tune(frame, "program", "learning_rate", f"validation {family}", "max")
        for name, family in FAMILIES.items()
    }
    scores = {name: chosen.scores(f"test {name}") for name, chosen in tuned.items()}
    scores |= trees(config, plan)
    shown = {table: table.replace("_", " ") for table in sorted(config.tables)}
    judged, names = [], []
    for claim, (name, baseline) in zip(CLAIMS, PAIRS, strict=True):
        if baseline in scores:
            judged += claim.judge_each({
                shown[table]: stats.paired_interval(scores[name][table], scores[baseline][table])
                for table in config.tables
            })  # fmt: skip
            against = "" if baseline == SINGLE else f" − {baseline.split()[-1]}"
            names += [f"{name}{against}, {shown[table]}" for table in config.tables]
    rows: list[dict[str, Cell]] = []
    for key, name in itertools.product(shown, sorted(scores)):
        score = stats.mean_interval(scores[name][key], "share")
        rates = report.distinct(tuned[name].of(key)["learning_rate"]) if name in tuned else "–"
        rows.append({"table": shown[key], "method": name, "rate": rates, SCORE: score})
    title = "Test accuracy minus that of a single network, or of boosted trees"
    chosen_by = f"{report.CHOSEN[0].upper()}{report.CHOSEN[1:]}."
    bars = Picture("differences", report.intervals(judged, names, title=title), title, chosen_by)
    table = report.table(rows, f"Means over seeds and their 95 % intervals, {report.CHOSEN}.")
    return launch.Conclusion(judged, [Section("Ensembles", (bars, table))])


def trees(config: Config, plan: sweep.Plan) -> dict[str, pd.DataFrame]:
    """Test accuracy of boosted trees on the rows that each seed draws, a column a table."""
    models: dict[str, Callable[[], HistGradientBoostingClassifier]] = {
        TREES: lambda: HistGradientBoostingClassifier(min_samples_leaf=5)
    }
    if importlib.util.find_spec("xgboost"):
        from xgboost import XGBClassifier  # an optional extra

        models[XGBOOST] = XGBClassifier

    def score(model: Callable[[], HistGradientBoostingClassifier], table: str, seed: int) -> float:
        parts = jax.tree.map(
            np.asarray, split_by(config.examples, jax.random.key(seed), plan.data[table])
        )
        train, test = parts["train"], parts["test"]
        return model().fit(train["x"], train["y"]).score(test["x"], test["y"])

    # On tables this small, threads only wait for each other.
    with threadpool_limits(1):
        return {
            name: pd.DataFrame({
                table: [score(model, table, seed) for seed in range(config.seeds)]
                for table in config.tables
            })
            for name, model in models.items()
        }  # fmt: skip


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
