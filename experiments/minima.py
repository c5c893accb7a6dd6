"""Do different starts reach different minima, as functions and not merely as weights?

A trial trains two networks of one hidden layer on the digits until they know them: from one start
on batches in another order, from two starts on the same batches, or both. What differs is told by
function: on how many test digits they disagree, and by how much the training loss rises on the
straight line between their weights (above the line between its ends), once as they stand and once
with the hidden units of one renamed so that their weights match best (the assignment problem of
Ainsworth et al. 2022, https://arxiv.org/abs/2209.04836, exact for one hidden layer). Weights alone
cannot tell: a network with its own units renamed is the same function. Adam, no weight decay.

    python -m experiments.minima --workdir=runs/minima  # 1.5 minutes on 2 cores
"""

import jax
import jax.numpy as jnp
import optax
import pandas as pd

from jaxdl import keys, launch, losses, report, stats, sweep, tasks
from jaxdl.data import batches, catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Judged, Section
from jaxdl.types import Array, Batch, Metrics, PyTree, Task, TrainState

BATCHES, START, BOTH = CASES = ("other batches", "other start", "both")
RISE, SHARE = "rise of the training loss on the straight line", "share of test digits"
CLAIMS = DISAGREE, APART, STILL_APART, TOGETHER, ALIKE, FAR = (
    Claim("O8", "networks from different starts disagree", SHARE, above=0.01, unit="%"),
    Claim("O8", "networks from different starts are apart", RISE, above=0.1, unit="nats"),
    Claim("O8", "networks from different starts are apart with their hidden units matched", RISE,
          above=0.1, unit="nats"),
    Claim("O8", "networks from one start on other batches are not apart", RISE,
          below=0.1, unit="nats"),
    Claim("O8", "networks from different starts are equally good",
          "distance of their test accuracies", below=0.01, unit="points"),
    Claim("O8", "a network with its units renamed is as far from itself as one from another start",
          "distance of the weights, of that to another start", above=0.9),
)  # fmt: skip
ALPHAS = jnp.linspace(0.0, 1.0, 21)
ONE, OTHER = "one", "other"


class Config(launch.Config):
    """How wide the networks are, and how long they are trained."""

    steps: int = setting(1000, "Training steps.", low=1)
    seeds: int = setting(12, "Pairs of networks of each setting.", low=2)
    batch_size: int = setting(64, "Digits in a step of one network.", low=1)
    widths: tuple[int, ...] = setting((8, 32, 128), "Numbers of hidden units.", low=2)
    learning_rate: float = setting(3e-3, "Of Adam.", low=1e-12)


def plan(config: Config) -> sweep.Plan:
    """One program per width; what two networks share is a number inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    points = sweep.grid(case=CASES)
    programs = {f"{width} units": (pairs(config, width), points) for width in config.widths}
    return sweep.plan(
        programs, data, seeds=config.seeds, column="width", categories={"case": CASES}
    )


def pairs(config: Config, width: int) -> sweep.Run:
    """A trial that trains two networks side by side."""
    task = tasks.classification(MLP((width,), 10))

    def two(hparams: PyTree) -> Task:
        def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
            one, other = (task.init(keys.named(key, name), batch)[0] for name in (ONE, OTHER))
            same = hparams["case"] == CASES.index(BATCHES)
            other = jax.tree.map(lambda ours, own: jnp.where(same, ours, own), one, other)
            return {ONE: one, OTHER: other}, {}

        def loss(
            params: PyTree, state: PyTree, batch: Batch, key: Array, *, train: bool
        ) -> tuple[Array, tuple[PyTree, Metrics]]:
            size = config.batch_size
            first = {name: rows[:size] for name, rows in batch.items()}
            second = {name: rows[size:] for name, rows in batch.items()}
            one = task.loss(params[ONE], {}, first, key, train=train)[0]
            other = task.loss(params[OTHER], {}, second, key, train=train)[0]
            return one + other, (state, {"loss": ((one + other) / 2, jnp.ones(()))})

        return task._replace(init=init, loss=loss)

    def run(hparams: PyTree) -> sweep.Run:
        def order(key: Array, n: int, size: int, first_step: Array, steps: int) -> Array:
            same = hparams["case"] == CASES.index(START)
            one, other = (
                batches.shuffled_indices(keys.named(key, name), n, size // 2, first_step, steps)
                for name in (ONE, OTHER)
            )
            return jnp.concatenate([one, jnp.where(same, one, other)], axis=1)

        return sweep.make_run(
            lambda hparams: (two(hparams), adam(config.learning_rate)),
            steps=config.steps, batch_size=2 * config.batch_size, order=order,
        )  # fmt: skip

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        return compared(task, state.params[ONE], state.params[OTHER], data)

    return sweep.of_hparams(run)._replace(evaluate=evaluate)


def compared(task: Task, one: PyTree, other: PyTree, data: sweep.Data) -> dict[str, Array]:
    """How far two networks are from each other, as functions and as weights."""
    test = {name: array.reshape(-1, *array.shape[2:]) for name, array in data["test"].items()}
    weights = test["mask"] / test["mask"].sum()
    said = [jnp.argmax(task.predict(params, {}, test), axis=-1) for params in (one, other)]
    right = [jnp.sum(weights * (each == test["y"])) for each in said]
    matched = renamed(other, matching(one, other))
    width = one["Dense_0"]["bias"].size
    itself = renamed(one, jnp.roll(jnp.arange(width), 1))
    found = {
        "disagreement": jnp.sum(weights * (said[0] != said[1])),
        "test_accuracy": (right[0] + right[1]) / 2,
        "gap": jnp.abs(right[0] - right[1]),
        "distance": apart(one, other),
        "matched_distance": apart(one, matched),
        "own_distance": apart(one, itself),
    }
    for name, end in (("line", other), ("matched_line", matched)):
        found[name] = line = along(task, one, end, data["train"])
        straight = line[0] + ALPHAS * (line[-1] - line[0])
        found[f"{name}_rise"] = jnp.max(line - straight)
    return sweep.numbered(found)


def along(task: Task, one: PyTree, other: PyTree, train: Batch) -> Array:
    """The training loss on the straight line between two networks."""

    def loss(alpha: Array) -> Array:
        params = jax.tree.map(lambda a, b: (1 - alpha) * a + alpha * b, one, other)
        logits = task.predict(params, {}, train)
        return losses.softmax_cross_entropy(logits, train["y"]).mean()

    return jax.lax.map(loss, ALPHAS)


def apart(one: PyTree, other: PyTree) -> Array:
    """The distance of weights, of their norm."""
    difference = optax.tree.sub(one, other)
    return optax.tree.norm(difference) / jnp.sqrt(optax.tree.norm(one) * optax.tree.norm(other))


def units(params: PyTree) -> Array:
    """What belongs to each hidden unit, `[units, ...]`."""
    first, last = params["Dense_0"], params["Dense_1"]
    return jnp.concatenate([first["kernel"].T, first["bias"][:, None], last["kernel"]], axis=1)


def matching(one: PyTree, other: PyTree) -> Array:
    """Which unit of the other network is to be each of the one's, so that they are nearest."""
    rows, columns = optax.assignment.hungarian_algorithm(-units(one) @ units(other).T)
    return columns[jnp.argsort(rows)]


def renamed(params: PyTree, order: Array) -> PyTree:
    """The same function with its hidden units in another order."""
    first, last = params["Dense_0"], params["Dense_1"]
    return {
        "Dense_0": {"kernel": first["kernel"][:, order], "bias": first["bias"][order]},
        "Dense_1": {**last, "kernel": last["kernel"][order]},
    }


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """What differs by width, and what lies between two networks."""
    frame = results.frame()
    ended = frame[frame["status"].eq("ok")]
    lines = pd.wide_to_long(
        ended, ["line", "matched_line"], ["trial"], "place", sep="_", suffix=r"\d+"
    ).reset_index()
    lines["alpha"] = (lines["place"] - 1) / (len(ALPHAS) - 1)
    drawn = pd.concat([
        lines.assign(loss=lines["line"], between=lines["case"]),
        lines[lines["case"].eq(BOTH)].assign(
            loss=lambda part: part["matched_line"], between="both, units matched"
        ),
    ], ignore_index=True)  # fmt: skip
    picture = report.profile(
        drawn, "alpha", "loss", panel="width", line="between",
        title="Training loss on the straight line between two networks",
        x_label="way from one network to the other (1)", y_label="training loss (nats)",
    )  # fmt: skip
    return launch.Conclusion(
        judged(ended), [Section("Between two minima", (picture, measures(ended)))]
    )


def judged(ended: pd.DataFrame) -> list[Judged]:
    """The claims at each width."""
    different = dict(list(ended[ended["case"].eq(BOTH)].groupby("width", sort=False)))
    alike = dict(list(ended[ended["case"].eq(BATCHES)].groupby("width", sort=False)))
    asked = (
        (DISAGREE, different, lambda t: stats.mean_interval(t["disagreement"], "share")),
        (APART, different, lambda t: stats.mean_interval(t["line_rise"])),
        (STILL_APART, different, lambda t: stats.mean_interval(t["matched_line_rise"])),
        (TOGETHER, alike, lambda t: stats.mean_interval(t["line_rise"])),
        (ALIKE, different, lambda t: stats.mean_interval(t["gap"])),
        (FAR, different, lambda t: stats.mean_interval(t["own_distance"] / t["distance"])),
    )
    return [
        verdict
        for claim, groups, measure in asked
        for verdict in claim.judge_each({name: measure(t) for name, t in groups.items()})
    ]


def measures(ended: pd.DataFrame) -> report.Table:
    """Every measure of every case."""
    shown: dict[str, tuple[str, stats.Scale]] = {
        "disagree (%)": ("disagreement", "share"),
        "test accuracy (%)": ("test_accuracy", "share"),
        "rise (nats)": ("line_rise", "real"),
        "rise, matched (nats)": ("matched_line_rise", "real"),
        "weights apart": ("distance", "positive"),
        "weights apart, matched": ("matched_distance", "positive"),
        "from itself, renamed": ("own_distance", "positive"),
    }
    rows = [
        {"width": width, "case": case}
        | {name: stats.mean_interval(trials[of], scale) for name, (of, scale) in shown.items()}
        for (width, case), trials in ended.groupby(["width", "case"], sort=False)
    ]
    return report.table(
        rows, "Means over pairs and their 95 % intervals. Distances of weights: of their norm."
    )


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
