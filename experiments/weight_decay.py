"""AdamW against Adam with L2 regularization, at equal tuning, where a fifth of the labels is wrong.

An MLP on a few digits. Adam with λθ added to the gradient (L2) and AdamW (decoupled decay), with
equally many pairs of rate and λ, and Adam alone with the same rates; all on a cosine schedule,
biases do not decay. A seed moves the training examples that are drawn, which fifth of them has a
wrong label, the initialization and the batches, and is shared. Rate and λ are chosen together on
validation, whose labels are right, for accuracies by accuracy and for losses by loss, for each seed
by others. The two lowest rates were added after a run whose best was the lowest of the others.

    python -m experiments.weight_decay --workdir=runs/weight_decay  # 3 minutes on 2 cores
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
import pandas as pd

from jaxdl import keys, launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam, adamw, add_weight_decay, schedules
from jaxdl.params import kernels
from jaxdl.report import Claim, Picture, Section
from jaxdl.types import Array, PyTree, Task

CLAIMS = MORE_ACCURATE, LOWER_LOSS, DECAY_HELPS = (
    Claim("O3", "AdamW beats Adam with L2 at equal tuning, by accuracy",
          "paired difference in test accuracy", above=0.005, unit="points"),
    Claim("O3", "AdamW beats Adam with L2 at equal tuning, by loss",
          "paired difference in test loss", below=-0.01, unit="nats"),
    Claim("O3", "AdamW beats Adam without decay at the same rates, by accuracy",
          "paired difference in test accuracy", above=0.005, unit="points"),
)  # fmt: skip
OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {
    "Adam": lambda rate, decay: adam(rate),
    "Adam + L2": lambda rate, decay: optax.chain(add_weight_decay(decay, kernels), adam(rate)),
    "AdamW": lambda rate, decay: adamw(rate, weight_decay=decay, mask=kernels),
}
"""`(rate, decay) -> transformation`, by name."""


class Config(launch.Config):
    """How few the examples are, and which pairs of rate and λ are tried."""

    steps: int = setting(1000, "Training steps of each trial.", low=1)
    seeds: int = setting(50, "Seeds of each setting.", low=1)
    examples: int = setting(200, "Training examples, drawn by the seed.", low=1, high=1077)
    wrong: float = setting(0.2, "Share of their labels that are wrong.", low=0, high=1)
    batch_size: int = setting(50, "Examples in a step.", low=1, high=1077)
    hidden: tuple[int, ...] = launch.widths(128, 128)
    learning_rates: tuple[float, ...] = launch.rates(3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
    l2: tuple[float, ...] = setting(
        (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0), "λ of Adam with L2 to try: λθ is added.", low=0
    )
    decoupled: tuple[float, ...] = setting(
        (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0), "λ of AdamW to try: rate·λθ is taken off.", low=0
    )


def plan(config: Config) -> sweep.Plan:
    """One program per optimizer; rate, decay and seed are numbers inside it."""
    if config.batch_size > config.examples:
        raise launch.UserError(f"config.batch_size: more than the {config.examples} examples")
    dataset = catalog.load("digits")
    data, _ = splits.for_run(dataset, scaling.fit_max)
    task = tasks.classification(MLP(config.hidden, dataset.num_classes))

    def few(hparams: PyTree, key: Array, data: sweep.Data) -> sweep.Data:
        """The few examples that the key draws, some with another label."""
        classes = dataset.num_classes
        train = sweep.drawn_examples(key, data, config.examples)["train"]
        which, other = (keys.named(key, name) for name in ("wrong", "label"))
        wrong = jax.random.bernoulli(which, config.wrong, train["y"].shape)
        further = jax.random.randint(other, train["y"].shape, 1, classes)
        y = jnp.where(wrong, (train["y"] + further) % classes, train["y"])
        return {**data, "train": {**train, "y": y}}

    def program(optimizer: Callable[..., optax.GradientTransformation]) -> sweep.Run:
        def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
            rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
            return task, optimizer(rate, hparams["decay"])

        return sweep.on(
            few, sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
        )

    def points(decays: tuple[float, ...]) -> list[sweep.Point]:
        return sweep.grid(learning_rate=config.learning_rates, decay=decays)

    decays = {"Adam": (0.0,), "Adam + L2": config.l2, "AdamW": config.decoupled}
    return sweep.plan(
        {name: (program(OPTIMIZERS[name]), points(values)) for name, values in decays.items()},
        data,
        seeds=config.seeds,
        column="optimizer",
    )


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Rate and decay chosen together on validation, once by accuracy and once by loss."""
    frame, over = results.frame(), ("learning_rate", "decay")
    accuracy = stats.tune(frame, "optimizer", over)
    loss = stats.tune(frame, "optimizer", over, "validation_loss")
    against_l2 = [
        MORE_ACCURATE.judge(accuracy.gain("test_accuracy", "AdamW", "Adam + L2")),
        LOWER_LOSS.judge(loss.gain("test_loss", "AdamW", "Adam + L2")),
    ]
    alone = DECAY_HELPS.judge(accuracy.gain("test_accuracy", "AdamW", "Adam"))
    tables = (
        report.tuned_table(accuracy, "test_accuracy", against="AdamW"),
        report.tuned_table(loss, "test_loss", against="AdamW"),
    )
    maps = tuple(heat_map(frame, name) for name in ("Adam + L2", "AdamW"))
    return launch.Conclusion(
        [*report.depends(against_l2), alone],
        [
            Section("At rates and decays that other seeds chose", tables),
            Section("Validation over rate and decay", maps),
        ],
    )


def heat_map(frame: pd.DataFrame, name: str) -> Picture:
    """Validation accuracy over rate and decay, with Adam alone as λ = 0."""
    mine = frame[frame["optimizer"].isin(["Adam", name])]
    cells = mine.groupby(["learning_rate", "decay"])["validation_accuracy"]
    means = 100 * cells.mean().where(cells.count() == cells.size()).unstack()
    means.index = means.index.map("{:g}".format).rename("learning rate")
    means.columns = means.columns.map("{:g}".format).rename("decay λ")
    figure = report.heat_map(
        means, title=f"{name}: validation accuracy", label="validation accuracy (%)"
    )
    caption = "Mean over seeds in %; λ = 0 is Adam alone. A grey cell: a seed diverged."
    return report.picture(figure, caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
