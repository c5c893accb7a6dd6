"""Is a network trained with dropout an ensemble of the networks that its masks leave?

MLPs of 1 and 2 hidden layers on 200 of the digits, which the seed draws, with dropout. After
training, three predictions for the test digits: one pass of the whole network, as it is used; the
geometric mean of the probabilities under so many draws of masks; and single masks, each alone. With
one hidden layer and a softmax on it the geometric mean over all 2^n masks is exactly the whole
network with its outputs scaled (Hinton et al. 2012); with more layers it is held to be near. Beside
it an ensemble of networks without dropout, trained apart, which the sentence is measured against.

    python -m experiments.dropout_ensemble --workdir=runs/dropout_ensemble  # 1 minute on 2 cores
"""

import functools

import jax
import jax.numpy as jnp

from jaxdl import ensembles, keys, launch, report, stats, sweep, tasks, train
from jaxdl.data import batches, catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Section
from jaxdl.report.tables import Cell
from jaxdl.types import Array, Batch, PyTree, Task, TrainState

CLAIMS = SAME, BETTER, AS_ENSEMBLE = (
    Claim("R1", "the whole network says what the geometric mean over masks says",
          "share of test digits on which the two agree", above=0.98, unit="%"),
    Claim("R1", "the geometric mean over masks is better than one mask alone",
          "paired difference in test accuracy", above=0.005, unit="points"),
    Claim("R1", "a network with dropout is as good as an ensemble of networks without",
          "paired difference in test accuracy", above=-0.005, unit="points"),
)  # fmt: skip
ALONE = "one network without dropout"


class Config(launch.Config):
    """The networks, and how many masks and members there are."""

    steps: int = setting(600, "Training steps of each network.", low=1)
    seeds: int = setting(40, "Seeds of each setting.", low=2)
    examples: int = setting(200, "Training images.", low=1, high=1077)
    batch_size: int = setting(50, "Examples in a step, at most all of them.", low=1, high=1077)
    width: int = setting(128, "Units of each hidden layer.", low=1)
    depths: tuple[int, ...] = setting((1, 2), "Numbers of hidden layers.", low=1)
    rate: float = setting(0.5, "Share of hidden units that are dropped.", low=0, high=0.99)
    masks: int = setting(200, "Draws of masks.", low=1)
    members: int = setting(8, "Networks of an ensemble.", low=1)
    learning_rate: float = setting(3e-3, "Learning rate of Adam.", low=1e-12)


def plan(config: Config) -> sweep.Plan:
    """One program per depth."""
    if config.batch_size > config.examples:
        raise launch.UserError("config.batch_size: a batch is larger than config.examples")
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    points: list[sweep.Point] = [{}]
    programs = {f"{depth} hidden": (program(config, depth), points) for depth in config.depths}
    return sweep.plan(programs, data, seeds=config.seeds, column="depth")


def network(config: Config, depth: int, rate: float) -> MLP:
    """So many hidden layers, with dropout after each."""
    return MLP((config.width,) * depth, 10, dropout=rate)


def program(config: Config, depth: int) -> sweep.Run:
    """The run whose parameters are logits for the test digits, by who gives them."""
    model = network(config, depth, config.rate)
    task, plain = (tasks.classification(each) for each in (model, network(config, depth, 0.0)))

    def fit(task: Task, key: Array, arrays: Batch) -> PyTree:
        return train.fit_scan(
            task, adam(config.learning_rate), key, arrays,
            steps=config.steps, batch_size=config.batch_size,
        ).params  # fmt: skip

    def init(hparams: PyTree, key: Array, data: sweep.Data) -> TrainState:
        logits = jnp.zeros((*data["test"]["y"].shape, 10))
        found = {
            "whole": logits,
            "masked": jnp.zeros((config.masks, *logits.shape)),
            "members": jnp.zeros((config.members, *logits.shape)),
        }
        return TrainState(jnp.zeros((), jnp.int32), key, found, {}, ())

    def advance(
        hparams: PyTree, state: TrainState, data: sweep.Data
    ) -> tuple[TrainState, dict[str, Array]]:
        rows = batches.permutation(keys.named(state.key, "examples"), len(data["train"]["y"]))
        arrays, x = batches.take(data["train"], rows[: config.examples]), data["test"]["x"]
        params = fit(task, keys.named(state.key, "dropout"), arrays)

        def logits(params: PyTree, key: Array | None = None) -> Array:
            rngs = None if key is None else {"dropout": key}
            given = functools.partial(model.apply, {"params": params}, train=key is not None)
            return jax.lax.map(lambda images: given(images, rngs=rngs), x)

        def member(key: Array) -> Array:
            fitted = fit(plain, key, arrays)
            return jax.lax.map(lambda images: plain.predict(fitted, {}, {"x": images}), x)

        drawn = jax.random.split(keys.named(state.key, "masks"), config.masks)
        each = jax.random.split(keys.named(state.key, "members"), config.members)
        found = {
            "whole": logits(params),
            "masked": jax.lax.map(functools.partial(logits, params), drawn),
            "members": ensembles.over_members(member, each),
        }
        finite = jnp.isfinite(found["whole"]).all()
        curves = {"loss": jnp.where(finite, 0.0, jnp.nan)[None]}
        return state._replace(step=state.step + config.steps, params=found), curves

    return sweep.Run(init, advance, evaluate)


def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
    """Agreement and accuracies on test, by who gives the logits."""
    labels, real = data["test"]["y"], data["test"]["mask"]
    found = {name: jax.nn.log_softmax(each) for name, each in state.params.items()}

    def share(flags: Array) -> Array:
        return (flags * real).sum() / real.sum()

    # A mean of logarithms, normalized, is the geometric mean: the likeliest class is the same.
    geometric = found["masked"].mean(axis=0).argmax(axis=-1)
    whole = found["whole"].argmax(axis=-1)
    return {
        "agreement": share(geometric == whole),
        "whole_accuracy": share(whole == labels),
        "geometric_accuracy": share(geometric == labels),
        "single_accuracy": share((found["masked"].argmax(axis=-1) == labels[None]).mean(axis=0)),
        "ensemble_accuracy": share(
            jnp.exp(found["members"]).mean(axis=0).argmax(axis=-1) == labels
        ),
        "alone_accuracy": share((found["members"].argmax(axis=-1) == labels[None]).mean(axis=0)),
    }


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Agreement and accuracies, paired over seeds, by depth."""
    frame = results.frame()
    examples = int(plan.data["test"]["mask"].sum())
    by_depth = {str(name): rows for name, rows in frame.groupby("depth", sort=False)}
    same = {
        name: stats.mean_interval(rows["agreement"], "share", examples=examples)
        for name, rows in by_depth.items()
    }

    def ahead(one: str, other: str) -> dict[str, stats.Interval]:
        return {
            name: stats.paired_interval(rows[f"{one}_accuracy"], rows[f"{other}_accuracy"])
            for name, rows in by_depth.items()
        }

    claims = [
        *SAME.judge_each(same),
        *BETTER.judge_each(ahead("geometric", "single")),
        *AS_ENSEMBLE.judge_each(ahead("whole", "ensemble")),
    ]
    shown = {
        "whole network": "whole",
        "geometric mean over masks": "geometric",
        "one mask": "single",
        "ensemble without dropout": "ensemble",
        ALONE: "alone",
    }
    cells: list[dict[str, Cell]] = []
    for name, rows in by_depth.items():
        own: dict[str, Cell] = {"depth": name, "agreement (%)": same[name]}
        for words, column in shown.items():
            shares = rows[f"{column}_accuracy"]
            own[f"{words} (%)"] = stats.mean_interval(shares, "share", examples=examples)
        cells.append(own)
    table = report.table(
        cells,
        f"Test accuracies, means over {config.seeds} seeds; {config.masks} masks, "
        f"{config.members} members.",
    )
    gains = [claim for claim in claims if claim.unit == "1" and claim.shown == "points"]
    figure = report.intervals(gains, [each.claim for each in gains], title="Test accuracy: gains")
    return launch.Conclusion(claims, [Section("Who says what", (table, report.picture(figure)))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
