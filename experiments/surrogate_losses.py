"""The 0-1 loss and its surrogates as objectives; cross-entropy fused or in two steps.

A linear model on the digits, plain SGD. Each loss has its own best rate, by validation accuracy.
Rate 0, among the rates, shows the accuracy before training. Second, examples whose logits are large
numbers of random sign: the logarithm of a softmax (which subtracts the largest logit, or not),
against the fused softmax cross-entropy. An example counts as finite if value and gradient are.

    python -m experiments.surrogate_losses --workdir=runs/surrogate  # 0.2 minutes on 2 cores
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import pandas as pd

from jaxdl import launch, losses, numerics, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import sgd
from jaxdl.report import Claim, Section
from jaxdl.types import Array

STILL, TEST = 0.01, "test accuracy"
BROKEN = "share of examples whose value or gradient is not finite"
CLAIMS = UNMOVED, HINGE, CROSS_ENTROPY, SQUARED_ERROR, FUSED, IN_STEPS = (
    Claim("F3", "the 0-1 loss is not trainable by gradient, in most seeds",
          f"share of seeds whose test accuracy no rate changes by more than {STILL:g}",
          above=0.5, unit="%"),
    Claim("F4", "the multiclass hinge loss trains the linear model", TEST, above=0.9, unit="%"),
    Claim("F5", "softmax cross-entropy trains the linear model", TEST, above=0.9, unit="%"),
    Claim("F6", "squared error on one-hot targets trains the linear model", TEST, above=0.9,
          unit="%"),
    Claim("F5", "the fused cross-entropy is finite", BROKEN, below=0.001, unit="%"),
    Claim("F5", "softmax, then the logarithm, is not always finite", BROKEN, above=0.1, unit="%"),
)  # fmt: skip
SURROGATES = {"hinge": HINGE, "cross-entropy": CROSS_ENTROPY, "squared error": SQUARED_ERROR}


class Config(launch.Config):
    """At which rates the losses are minimized, at which logits they are computed."""

    steps: int = setting(1000, "Training steps of each trial.", low=1)
    seeds: int = setting(10, "Seeds; one moves initialization, batches and logits.", low=1)
    batch_size: int = setting(64, "Examples in a step.", low=1, high=1077)
    learning_rates: tuple[float, ...] = launch.rates(1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
    magnitudes: tuple[float, ...] = setting(
        (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 1e4), "Sizes of the random logits.", low=1e-3
    )
    examples: int = setting(1000, "Examples with random logits, for each seed.", low=1)


OBJECTIVES = {
    "0-1": losses.zero_one,
    "hinge": losses.multiclass_hinge,
    "cross-entropy": losses.softmax_cross_entropy,
    "squared error": losses.one_hot_squared_error,
}
FORMS = {
    "exp / sum, then log": lambda z, label: -jnp.log((jnp.exp(z) / jnp.exp(z).sum())[label]),
    "softmax, then log": lambda z, label: -jnp.log(jax.nn.softmax(z)[label]),
    "fused": losses.softmax_cross_entropy,
}


def plan(config: Config) -> sweep.Plan:
    """One program per loss."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)
    model, segments = MLP((), 10), sweep.segments(config.steps, 20)

    def run(loss: Callable[[Array, Array], Array]) -> sweep.Run:
        build = sweep.by_rate(tasks.classification(model, loss=loss), sgd)
        return sweep.make_run(build, steps=config.steps // segments, batch_size=config.batch_size)

    points = sweep.grid(learning_rate=(0.0, *config.learning_rates))
    programs = {name: (run(loss), points) for name, loss in OBJECTIVES.items()}
    return sweep.plan(programs, data, seeds=config.seeds, column="loss", segments=segments)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracies at each loss's best rate; shares of examples that are not finite."""
    frame = results.frame()
    trained = frame[frame["learning_rate"] > 0].reset_index(drop=True)
    examples = int(plan.data["test"]["mask"].sum())
    tuned = stats.tune(trained, "loss", "learning_rate")
    numbers, largest = broken(config), max(config.magnitudes)
    total = numbers[numbers["size"] == largest].groupby("form")[["broken", "examples"]].sum()
    zero_one = frame[frame["loss"] == "0-1"]  # Where one has diverged, its accuracy has changed.
    accuracy = zero_one.pivot(index="seed", columns="learning_rate", values="test_accuracy")
    unmoved = (accuracy.sub(accuracy[0.0], axis=0).abs() <= STILL).all(axis=1)
    claims = [UNMOVED.judge(stats.proportion_of(unmoved))]
    for name, claim in SURROGATES.items():
        claims.append(claim.judge(tuned.interval("test_accuracy", name, examples)))
    for claim, form in ((FUSED, "fused"), (IN_STEPS, "softmax, then log")):
        share = stats.proportion_interval(*total.loc[form])
        claims.append(claim.judge(share, f"logits of ±{largest:,g}"))
    rates = report.along(
        trained, "learning_rate", "validation_accuracy", line="loss",
        title="Validation accuracy by the loss that SGD minimizes",
        x_label="learning rate (log scale)", y_label="validation accuracy (%)",
    )  # fmt: skip
    shares = report.along(
        numbers, "size", "share", line="form",
        title="Examples whose cross-entropy or its gradient is not finite",
        x_label="logits are plus or minus (log scale)", y_label="share of examples (%)",
    )  # fmt: skip
    table = report.summary_table(report.summary(trained, ["loss"], examples=examples), ["loss"])
    sections = [
        Section("Accuracy by the loss that is minimized", (table, *rates)),
        Section("Examples that are not finite", tuple(shares)),
    ]
    return launch.Conclusion(claims, sections)


def broken(config: Config) -> pd.DataFrame:
    """Examples whose loss or gradient is not finite, for each form, size of logits and seed."""

    @jax.jit
    def count(key: Array, size: float) -> dict[str, Array]:
        sign_key, label_key = jax.random.split(key)
        logits = size * jax.random.rademacher(sign_key, (config.examples, 10), jnp.float32)
        labels = jax.random.randint(label_key, (config.examples,), 0, 10)
        return {name: numerics.broken(form, logits, labels).sum() for name, form in FORMS.items()}

    rows = [
        {"form": form, "size": size, "seed": seed, "broken": int(number)}
        for size in config.magnitudes
        for seed in range(config.seeds)
        for form, number in count(jax.random.key(seed), size).items()
    ]
    frame = pd.DataFrame(rows).assign(examples=config.examples, status="ok")
    return frame.assign(share=frame["broken"] / config.examples)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
