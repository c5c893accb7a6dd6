"""Is a second network that makes the perturbations a teacher of robustness as good as PGD?

An MLP learns the digits: plain; against perturbations that a second network makes of each input,
the two trained together; or against five steps of projected gradient ascent (PGD) at every step.
Perturbations are within ε of the range from white to black. A step with PGD costs six passes
forward and back, one with the second network about two, so that it takes three times as many steps:
equal cost. All are then attacked by 20 steps of PGD. A seed moves initialization, batches and
attacks, and is shared; the rate is chosen by validation accuracy under that attack.

    python -m experiments.adversary --workdir=runs/adversary  # 2 minutes on 2 cores
"""

import functools

import flax.linen as nn
import jax.numpy as jnp

from jaxdl import launch, report, stats, sweep, tasks, train
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Section
from jaxdl.tasks._adversary import ADVERSARY, MODEL, perturbed
from jaxdl.types import Array, Batch, PyTree, Task, TrainState

UNDER = "paired difference in test accuracy under PGD"
CLAIMS = LIFTS, AS_GOOD, RAISES = (
    Claim("R11", "training against a second network lifts accuracy under PGD",
          f"{UNDER}, from plain training", above=0.1, unit="points"),
    Claim("R11", "training against a second network is as good as PGD training at equal cost",
          f"{UNDER}, from PGD training", above=-0.02, unit="points"),
    Claim("R11", "the second network raises the loss within its radius",
          "test loss on its perturbations minus that on the digits", above=0.1, unit="nats"),
)  # fmt: skip
PLAIN, NETWORK, PGD = "plain", "second network", "PGD"
TIMES = {PLAIN: 3, NETWORK: 3, PGD: 1}
"""Steps of each, of those that are configured."""
TESTED = 20


class Perturber(nn.Module):
    """What is added to each pixel, before tanh: of one hidden layer."""

    width: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        flat = x.reshape(len(x), -1)
        hidden = nn.relu(nn.Dense(self.width)(flat))
        return nn.Dense(flat.shape[1])(hidden).reshape(x.shape)


class Config(launch.Config):
    """The networks, and the radius."""

    steps: int = setting(300, "Steps against PGD; the others take three times these.", low=1)
    seeds: int = setting(8, "Seeds of each setting.", low=2)
    radius: float = setting(0.15, "Radius ε of the perturbations.", low=1e-6, high=1)
    hidden: tuple[int, ...] = launch.widths(128)
    perturber: int = setting(128, "Units of the second network.", low=1)
    batch_size: int = setting(50, "Examples in a step.", low=1, high=1077)
    learning_rates: tuple[float, ...] = launch.rates(1e-3, 3e-3, 1e-2)


def plan(config: Config) -> sweep.Plan:
    """One program per teacher; rate and seed are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    points = sweep.grid(learning_rate=config.learning_rates)
    programs = {name: (program(config, name), points) for name in TIMES}
    return sweep.plan(programs, data, seeds=config.seeds, column="teacher")


def program(config: Config, name: str) -> sweep.Run:
    """Training, and accuracy on validation and test, as they are and under PGD."""
    plain, second = tasks.classification(MLP(config.hidden, 10)), Perturber(config.perturber)
    pgd = functools.partial(tasks.pgd, eps=config.radius)
    task = {
        PLAIN: lambda: plain,
        NETWORK: lambda: tasks.with_adversary(plain, second, config.radius),
        PGD: lambda: tasks.adversarial(plain, functools.partial(pgd, steps=5)),
    }[name]()
    run = sweep.make_run(
        sweep.by_rate(task, adam), steps=TIMES[name] * config.steps, batch_size=config.batch_size
    )
    strong = tasks.attacked(plain, functools.partial(pgd, steps=TESTED))

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        own = state._replace(params=state.params[MODEL] if name == NETWORK else state.params)
        found: dict[str, Array] = {"raised_loss": jnp.zeros(())}
        for split in ("validation", "test"):
            batch = {column: array[0] for column, array in data[split].items()}
            clean = train.mean(train.measure(plain, own, batch))
            found[f"{split}_accuracy"] = clean["accuracy"]
            found[f"{split}_robust_accuracy"] = accuracy(strong, own, batch)
            if name == NETWORK and split == "test":
                x = perturbed(second, state.params[ADVERSARY], batch["x"], config.radius, 0.0, 1.0)
                moved = train.mean(train.measure(plain, own, {**batch, "x": x}))
                found["raised_loss"] = moved["loss"] - clean["loss"]
        return found

    return run._replace(evaluate=evaluate)


def accuracy(task: Task, state: TrainState, batch: Batch) -> Array:
    """Of a state, on a batch."""
    return train.mean(train.measure(task, state, batch))["accuracy"]


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy under PGD on test, paired over seeds, at the rates that other seeds chose."""
    frame = results.frame()
    tuned = stats.tune(frame, "teacher", "learning_rate", "validation_robust_accuracy")
    claims = [
        LIFTS.judge(tuned.gain("test_robust_accuracy", NETWORK, PLAIN)),
        AS_GOOD.judge(tuned.gain("test_robust_accuracy", NETWORK, PGD)),
        RAISES.judge(stats.mean_interval(tuned.of(NETWORK)["raised_loss"])),
    ]
    tables = [
        report.tuned_table(tuned, f"test_{kind}accuracy", against=PLAIN) for kind in ("robust_", "")
    ]
    curves = report.along(
        frame, "learning_rate", "test_robust_accuracy", line="teacher",
        title=f"Accuracy under PGD of ε = {config.radius:g}", y_label="test accuracy (%)",
    )  # fmt: skip
    return launch.Conclusion(claims, [Section("By teacher", (*tables, *curves))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
