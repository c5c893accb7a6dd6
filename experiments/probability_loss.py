"""Is minus the probability of the label as good an objective as minus its logarithm?

An MLP on the digits, trained by Adam on either; from weights of He's variance, from weights so
large that the network is wrong and certain of it, and with a share of the training labels drawn at
random. Minus the probability has no gradient where the network is certain, right or wrong: that
costs from large weights, and is what makes it bear wrong labels. Each has its own best rate.

    python -m experiments.probability_loss --workdir=runs/probability_loss  # 0.5 minutes on 2 cores
"""

import functools

import jax
import jax.numpy as jnp
import optax

from jaxdl import keys, launch, losses, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.initializers import he_normal
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, Task

CLAIMS = (AS_GOOD,) = (
    Claim("F5", "minus the probability is as good an objective as the log loss",
          "paired difference in test accuracy, probability minus logarithm",
          above=-0.005, unit="points"),
)  # fmt: skip
LOG, PROBABILITY = OBJECTIVES = ("log", "probability")
USUAL, LARGE, WRONG = STARTS = ("He's weights", "large weights", "wrong labels")


class Config(launch.Config):
    """How the objectives are tried."""

    steps: int = setting(500, "Training steps of each trial.", low=1)
    seeds: int = setting(16, "Seeds of each setting.", low=2)
    batch_size: int = setting(64, "Examples in a step.", low=1, high=1077)
    hidden: tuple[int, ...] = launch.widths(64, 64)
    learning_rates: tuple[float, ...] = launch.rates(3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
    scale: float = setting(5.0, "Large weights, of He's.", low=1.0)
    wrong: float = setting(0.4, "Share of labels drawn at random.", low=0, high=1)


def plan(config: Config) -> sweep.Plan:
    """One program: objective, start and rate are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    names = {"start": STARTS, "objective": OBJECTIVES}
    points = sweep.grid(**names, learning_rate=config.learning_rates)
    run = sweep.make_run(
        functools.partial(built, config), steps=config.steps, batch_size=config.batch_size
    )
    programs = {"MLP": (sweep.on(functools.partial(relabelled, config), run), points)}
    return sweep.plan(programs, data, seeds=config.seeds, categories=names)


def built(config: Config, hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
    """The network from the trial's weights, and its objective."""
    scale = jnp.where(hparams["start"] == STARTS.index(LARGE), config.scale, 1.0)

    def kernels(key: Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> Array:
        return scale * he_normal(key, shape, dtype)

    def loss(logits: Array, labels: Array) -> Array:
        nats = losses.softmax_cross_entropy(logits, labels)
        by_probability = hparams["objective"] == OBJECTIVES.index(PROBABILITY)
        return jnp.where(by_probability, -jnp.exp(-nats), nats)

    model = MLP(config.hidden, 10, kernel_init=kernels)
    return tasks.classification(model, loss=loss), adam(hparams["learning_rate"])


def relabelled(config: Config, hparams: PyTree, key: Array, data: sweep.Data) -> sweep.Data:
    """The data with some of the training labels drawn anew, where the trial says so."""
    which, what = jax.random.split(keys.named(key, "labels"))
    labels = data["train"]["y"]
    drawn = jax.random.randint(what, labels.shape, 0, 10, labels.dtype)
    chosen = jax.random.uniform(which, labels.shape) < config.wrong
    chosen &= hparams["start"] == STARTS.index(WRONG)
    return {**data, "train": {**data["train"], "y": jnp.where(chosen, drawn, labels)}}


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracies at the rates that other seeds chose, paired over seeds."""
    frame = results.frame()
    tuned = stats.tune(frame, ("start", "objective"), "learning_rate")
    gains = {
        start: group.gain("test_accuracy", PROBABILITY, LOG)
        for start, group in tuned.groups("start").items()
    }
    pictures = report.along(
        frame, "learning_rate", "test_accuracy", panel="start", line="objective",
        title="Test accuracy by the objective", y_label="test accuracy (%)",
    )  # fmt: skip
    table = report.tuned_table(tuned, "test_accuracy", against=LOG)
    section = Section("By start and objective", (table, *pictures))
    return launch.Conclusion(AS_GOOD.judge_each(gains), [section])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
