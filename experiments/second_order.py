"""Second order: ideal on ill-conditioned bowls, drawn to saddles, and L-BFGS in a deep network.

Rotated quadratics of 20 dimensions, from random starts of norm 1, whose curvatures lie evenly on a
logarithmic scale between 1 and the condition number: steps until the loss is below 1e-6 of the
start's. Gradient descent and momentum search rates in units of 1 / the largest curvature, and
decays; Newton's method solves for its step by 20 iterations of conjugate gradients, each a product
with the Hessian. Rosenbrock's valley as a sum of two squares, by Gauss and Newton's method, from
starts about (−1.2, 1). The saddle of `workloads.saddle`, where 0.001 of the start points downhill.
And the digits' MLP, where L-BFGS, on batches of 64 or on all digits, may take as many gradients of
examples as Adam does; its last line search may exceed them. Settings are chosen on other seeds.

    python -m experiments.second_order --workdir=runs/second_order  # 3 minutes on 2 cores
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from jaxdl import launch, report, stats, sweep, workloads
from jaxdl.launch import setting
from jaxdl.optimizers import adahessian, adam, gauss_newton, momentum, newton, sgd
from jaxdl.report import Claim, Judged, Section
from jaxdl.types import Array, PyTree, Task
from jaxdl.workloads import landscapes

STARTS = "share of starts"
CLAIMS = FEWER_STEPS, CHEAPER, SQUARES, DRAWN, LEAVES, POOR = (
    Claim("O5", "Newton needs a tenth of the steps of momentum on an ill-conditioned bowl, or less",
          "steps of momentum, of those of Newton; unfinished: all of momentum", above=10),
    Claim("O5", "so it does with a product with the Hessian counted as two gradients, though fewer",
          "gradients of momentum, of those of Newton", above=1),
    Claim("O5", "in a bent valley Gauss–Newton needs a tenth of the steps of momentum, or less",
          "steps of momentum, of those of Gauss–Newton; unfinished: all of momentum", above=10),
    Claim("O5", "Newton's method ends at a saddle", STARTS, above=0.5, unit="%"),
    Claim("O5", "damped above the saddle's curvature, or by gradients alone, one leaves it", STARTS,
          above=0.5, unit="%"),
    Claim("O5", "L-BFGS ends below Adam in a deep network after as many gradients of examples",
          "paired difference in test accuracy from Adam", below=-0.005, unit="points"),
)  # fmt: skip
DIMENSIONS, GOAL, DAMPING, NEAR = 20, 1e-6, 2.0, 0.1
DIGITS, VALLEY, LABELS = "the digits", "Rosenbrock's valley", ("optimizer", "problem")
DECAYS, BY_CURVATURE = (0.8, 0.9, 0.95, 0.98), (0.5, 1.0, 1.5, 1.9, 2.0, 3.0, 3.8)
VALLEY_RATES = (1e-4, 3e-4, 1e-3, 3e-3)
GRADIENTS_ALONE = ("sgd", "momentum")
BY, OVER = ("condition", "optimizer"), ("learning_rate", "decay")
PER_STEP = 1 + 2 * DIMENSIONS
"""Gradients that a step of Newton costs at most."""


class Config(launch.Config):
    """How ill the bowls are conditioned, and for how long is trained."""

    steps: int = setting(500, "Steps on the saddles, and of Adam on the digits.", low=2)
    bowl_steps: int = setting(4000, "Steps on the bowls; the second order has 1/40.", low=40)
    seeds: int = setting(10, "Starts of each setting.", low=2)
    conditions: tuple[float, ...] = setting(
        (100.0, 1000.0, 10000.0), "Condition numbers of the bowls.", low=1
    )
    saddles: tuple[int, ...] = setting((2, 100), "Dimensions of the saddles.", low=2)
    rates: tuple[float, ...] = launch.rates(3e-4, 1e-3, 3e-3, 1e-2, help="Adam's on the digits.")


Make = Callable[[PyTree], optax.GradientTransformationExtraArgs]
"""`hparams -> transformation`"""
ON_BOWLS: dict[str, tuple[Make, Sequence[float], Sequence[float]]] = {
    "sgd": (lambda h: sgd(h["learning_rate"] / h["condition"]), BY_CURVATURE, [0.0]),
    "momentum": (
        lambda h: momentum(h["learning_rate"] / h["condition"], h["decay"]), BY_CURVATURE, DECAYS
    ),
    "newton": (lambda h: newton(h["learning_rate"], iterations=DIMENSIONS), [1.0], [0.0]),
    "lbfgs": (lambda h: optax.lbfgs(h["learning_rate"]), [1.0], [0.0]),
    "adahessian": (lambda h: adahessian(h["learning_rate"]), [0.03, 0.1, 0.3, 1.0], [0.0]),
}  # fmt: skip
"""Each with the rates and decays that are searched."""
AT_SADDLES: dict[str, tuple[Make, float]] = {
    "newton": (lambda h: newton(h["learning_rate"]), 1.0),
    "damped newton": (lambda h: newton(h["learning_rate"], DAMPING), 1.0),
    "sgd": (lambda h: sgd(h["learning_rate"]), 0.1),
}


def by_squares(hparams: PyTree) -> optax.GradientTransformationExtraArgs:
    """Gauss–Newton of the valley's residuals 1 − x and 10 (y − x²), whose squares add up to it."""

    def residuals(params: PyTree) -> Array:
        x, y = params["point"]
        return jnp.stack([1 - x, 10 * (y - x**2)])

    tx = gauss_newton(hparams["learning_rate"], iterations=2)
    squares = functools.partial(
        tx.update, outputs_fn=residuals, loss_fn=lambda found: jnp.sum(found**2)
    )
    return tx._replace(update=squares)


IN_VALLEY: dict[str, tuple[Make, Sequence[float], Sequence[float]]] = {
    "momentum": (lambda h: momentum(h["learning_rate"], h["decay"]), VALLEY_RATES, DECAYS),
    "gauss_newton": (by_squares, [1.0], [0.0]),
}


def plan(config: Config) -> sweep.Plan:
    """One program per problem and optimizer; condition number, rate, decay and start inside."""
    programs: dict[str, tuple[sweep.Run, list[sweep.Point]]] = {}
    for name, (make, rates, decays) in ON_BOWLS.items():
        points = sweep.grid(condition=config.conditions, learning_rate=rates, decay=decays)
        programs[f"{name} on bowls"] = on_bowls(make, budget(config, name)), points
    for name, (make, rates, decays) in IN_VALLEY.items():
        points = sweep.grid(learning_rate=rates, decay=decays)
        programs[f"{name} on {VALLEY}"] = in_valley(make, budget(config, name)), points
    for dimension, (name, (make, rate)) in itertools.product(config.saddles, AT_SADDLES.items()):
        saddle = workloads.saddle(dimension)._replace(steps=config.steps)
        run, points = sweep.of_workload(saddle, make), sweep.grid(learning_rate=[rate])
        programs[f"{name} on the {dimension}-D saddle"] = run, points
    digits = workloads.digits_mlp()._replace(steps=config.steps)
    data, small = digits.data(), digits.batch_size
    run = sweep.of_workload(digits, lambda h: adam(h["learning_rate"]))
    programs[f"adam on {DIGITS}"] = run, sweep.grid(learning_rate=config.rates)
    for words, size in ("small batches", small), ("all digits", len(data["train"]["y"])):
        steps = max(1, config.steps * small // size)
        counted = functools.partial(lbfgs_within, steps)
        run = sweep.of_workload(digits._replace(steps=steps, batch_size=size), counted)
        points = sweep.grid(learning_rate=[0.3, 1.0, 3.0])
        programs[f"lbfgs ({words}) on {DIGITS}"] = run, points
    labels = {name: dict(zip(LABELS, name.rsplit(" on ", 1), strict=True)) for name in programs}
    return sweep.plan(programs, data, seeds=config.seeds, labels=labels)


def budget(config: Config, name: str) -> int:
    """The steps that an optimizer has on a bowl or in the valley."""
    return config.bowl_steps // (1 if name in GRADIENTS_ALONE else 40)


def on_bowls(make: Make, steps: int) -> sweep.Run:
    """Rotated quadratics of condition number `hparams["condition"]`, from starts of norm 1."""
    normal = np.random.default_rng(0).normal(size=(DIMENSIONS, DIMENSIONS))
    rotation = jnp.asarray(np.linalg.qr(normal)[0], jnp.float32)

    def start(key: Array) -> Array:
        point = jax.random.normal(key, (DIMENSIONS,))
        return point / jnp.linalg.norm(point)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        curvatures = hparams["condition"] ** jnp.linspace(0.0, 1.0, DIMENSIONS)

        def value(point: Array) -> Array:
            return jnp.sum(curvatures * (rotation @ point) ** 2) / 2

        bowl = landscapes.Landscape(value, start, [[0.0] * DIMENSIONS])
        return landscapes.descent(bowl), make(hparams)

    return sweep.make_run(build, steps=steps, batch_size=1)


def in_valley(make: Make, steps: int) -> sweep.Run:
    """Descent in Rosenbrock's valley."""

    def start(key: Array) -> Array:
        return jnp.array([-1.2, 1.0]) + 0.1 * jax.random.normal(key, (2,))

    def value(point: Array) -> Array:
        return landscapes.rosenbrock(point[0], point[1])

    valley = landscapes.descent(landscapes.Landscape(value, start, [[1.0, 1.0]]))
    return sweep.make_run(lambda hparams: (valley, make(hparams)), steps=steps, batch_size=1)


def lbfgs_within(budget: int, hparams: PyTree) -> optax.GradientTransformationExtraArgs:
    """L-BFGS that stands still once it has asked for so many gradients, line searches included."""
    lbfgs = optax.lbfgs(hparams["learning_rate"])

    def update(
        updates: PyTree, state: PyTree, params: PyTree | None = None, **extra: Any
    ) -> tuple[PyTree, PyTree]:
        moves, inner = lbfgs.update(updates, state[0], params, **extra)
        moved = moves, (inner, state[1] + 1 + inner[-1].info.num_linesearch_steps)
        still = jax.tree.map(jnp.zeros_like, updates), state
        return jax.tree.map(functools.partial(jnp.where, state[1] < budget), moved, still)

    return optax.GradientTransformationExtraArgs(
        lambda params: (lbfgs.init(params), jnp.zeros((), jnp.int32)), update
    )


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Settings chosen on other seeds than those that report them."""
    frame = measured(config, results)
    bowls = stats.tune(frame[frame["problem"].eq("bowls")], BY, OVER, "cost")
    digits = stats.tune(frame[frame["problem"].eq(DIGITS)], "optimizer", "learning_rate")
    valley = stats.tune(frame[frame["problem"].eq(VALLEY)], "optimizer", OVER, "cost")
    needed = valley.scores("needed_steps")
    fewer = stats.mean_interval(needed["momentum"] / needed["gauss_newton"], "positive")
    saddles = frame[frame["problem"].str.endswith("saddle")]
    tables = (
        f"Where the goal is missed {config.bowl_steps:,} steps are counted, all those of momentum.",
        report.tuned_table(bowls, "needed_steps", "momentum"),
        report.tuned_table(valley, "needed_steps", "momentum"),
        report.tuned_table(digits, "test_accuracy", "adam"),
    )
    pictures = report.along(
        bowls.trials, "condition", "needed_steps", line="optimizer", y_scale="log",
        title="Steps to the target on bowls", x_label="condition number (log scale)",
        y_label="steps",
    )  # fmt: skip
    return launch.Conclusion(
        [
            *faster(bowls),
            SQUARES.judge(fewer),
            *at_saddles(saddles),
            *POOR.judge_each(digits.gains("test_accuracy", "adam")),
        ],
        [Section("At the best settings", tables), Section("Conditioning", tuple(pictures))],
    )


def measured(config: Config, results: sweep.Results) -> pd.DataFrame:
    """The ledger with the steps until the loss is below its goal, or all those of momentum.

    cost: the same, and where the goal was missed what is left of the start's loss.
    """
    frame, loss = results.frame(), results.curves()["loss"]
    reached = loss <= GOAL * loss[:, :1]
    there = reached.any(axis=1)
    needed = np.where(there, reached.argmax(axis=1).clip(1), config.bowl_steps)
    left = (frame["test_loss"] / loss[:, 0]).clip(0, 1e6)
    return frame.assign(needed_steps=needed, cost=needed + np.where(there, 0, left))


def faster(bowls: stats.Tuned) -> list[Judged]:
    """How many times as many steps, and gradients, momentum needs as Newton."""
    steps, gradients = {}, {}
    for condition, group in bowls.groups("condition").items():
        needed = group.scores("needed_steps")
        ratio, where = needed["momentum"] / needed["newton"], f"condition number {condition:g}"
        steps[where] = stats.mean_interval(ratio, "positive")
        gradients[where] = stats.mean_interval(ratio / PER_STEP, "positive")
    return [*FEWER_STEPS.judge_each(steps), *CHEAPER.judge_each(gradients)]


def at_saddles(trials: pd.DataFrame) -> list[Judged]:
    """Which share of the starts ends within 0.1 of the saddle, and at a lowest point."""
    groups = trials.groupby(list(LABELS), sort=False)["test_distance"]
    distances = {" on ".join(where): distance for where, distance in groups}
    plain = [where for where in distances if where.startswith("newton")]
    # The lowest points are at a distance of 1 from the saddle.
    drawn = {at: stats.proportion_of((distances[at] - 1).abs() < NEAR) for at in plain}
    others = [where for where in distances if where not in plain]
    leaves = {at: stats.proportion_of(distances[at] < NEAR) for at in others}
    return [*DRAWN.judge_each(drawn), *LEAVES.judge_each(leaves)]


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
