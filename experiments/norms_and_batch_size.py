"""How much accuracy do batch norm and layer norm lose in small batches, after equal examples?

An MLP of one hidden layer on the digits, plain SGD without a schedule, in batches of 1 to 256.
Batches of any size see the same number of examples, so small ones take more steps; the rate is
chosen on validation for each norm and batch size. A trial that diverged counts as guessing. A seed
moves initialization and order of the data, and is shared.

    python -m experiments.norms_and_batch_size --workdir=runs/norms_and_batch_size
    # 1 minute on 2 cores
"""

import warnings

import jax.numpy as jnp
import optax

from experiments.batch_norm import Norm, network
from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.initializers import he_normal
from jaxdl.launch import setting
from jaxdl.layers.norms import BatchNorm, LayerNorm
from jaxdl.optimizers import sgd
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, Task, TrainState

LOST = "test accuracy in the largest batches minus that in these"
CLAIMS = (
    Claim("R2", "batch norm loses five points or more", LOST, above=0.05, unit="points"),
    Claim("R3", "layer norm loses less than five points", LOST, below=0.05, unit="points"),
)
NORMS = ("batch norm", "layer norm")
SMALL, CHANCE = 2, 0.1


class Config(launch.Config):
    """Which batches are compared, at which rates."""

    steps: int = setting(
        40, "Training steps in the largest batches; smaller ones take more.", low=1
    )
    seeds: int = setting(6, "Seeds of each setting.", low=2)
    batch_sizes: tuple[int, ...] = setting(
        (1, 2, 16, 256), "Batch sizes; each divides the largest.", low=1, high=1077
    )
    hidden: tuple[int, ...] = launch.widths(64)
    learning_rates: tuple[float, ...] = launch.rates(
        0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0
    )


def plan(config: Config) -> sweep.Plan:
    """One program per batch size; norm, rate and seed are numbers inside it."""
    sizes, largest = config.batch_sizes, max(config.batch_sizes)
    if any(largest % size for size in sizes):
        raise launch.UserError("config.batch_sizes: each must divide the largest")
    if not min(sizes) <= SMALL < largest:
        raise launch.UserError(f"config.batch_sizes: none up to {SMALL}, or none above")
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)
    points = sweep.grid(norm=NORMS, learning_rate=config.learning_rates)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        model = network(config.hidden, one_of_norms(hparams["norm"]), he_normal)
        return tasks.classification(model), sgd(hparams["learning_rate"])

    def program(batch_size: int) -> sweep.Run:
        steps = config.steps * largest // batch_size
        inner = sweep.make_run(build, steps=steps, batch_size=batch_size)

        def advance(
            hparams: PyTree, state: TrainState, data: sweep.Data
        ) -> tuple[TrainState, dict[str, Array]]:
            state, curves = inner.advance(hparams, state, data)
            # The programs of a sweep share the length of their curves.
            return state, {"loss": curves["loss"].reshape(config.steps, -1).mean(axis=1)}

        return inner._replace(advance=advance)

    return sweep.plan(
        {f"batches of {size}": (program(size), points) for size in sizes},
        data,
        seeds=config.seeds,
        labels={f"batches of {size}": {"batch_size": str(size)} for size in sizes},
        categories={"norm": NORMS},
    )


def one_of_norms(index: Array) -> Norm:
    """`(x, train) -> y` through the norm of this index, which may be traced."""

    def norm(x: Array, train: bool) -> Array:
        # A batch of one is what is measured here; the layer warns of it.
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            batch = BatchNorm()(x, train=train)
        return jnp.stack([batch, LayerNorm()(x)])[index]

    return norm


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy lost from the largest batches to the smallest, with each norm."""
    frame, by = results.frame(), ("norm", "batch_size")
    frame["accuracy"] = frame["test_accuracy"].fillna(CHANCE)
    groups, largest = stats.tune(frame, by, "learning_rate").groups("norm"), max(config.batch_sizes)

    def lost(norm: str) -> dict[str, stats.Interval]:
        return {
            f"batches of {size}": groups[norm].gain("accuracy", str(largest), str(size))
            for size in config.batch_sizes
            if size <= SMALL
        }

    summary = report.summary(frame, by, examples=int(plan.data["test"]["mask"].sum()))
    pictures = report.along(
        frame, "learning_rate", "test_accuracy", panel="norm", line="batch_size",
        title="Test accuracy against the rate after equally many examples, by norm",
        y_label="test accuracy (%)",
    )  # fmt: skip
    pairs = zip(CLAIMS, NORMS, strict=True)
    claims = [judged for claim, norm in pairs for judged in claim.judge_each(lost(norm))]
    table = Section("By norm and batch size", [report.summary_table(summary, by)])
    return launch.Conclusion(claims, [table, Section("By learning rate", pictures)])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
