"""Attacks on digits, and training against them: what robustness gains, and what it costs.

An MLP is trained on plain digits, and on digits attacked at every step by projected gradient
ascent (PGD); the radius ε of the attack is a traced number, 0 is plain training. The networks are
then attacked in one step (FGSM) and in 20 (PGD), at radii up to 0.3 of the range from white to
black. A seed moves initialization, batches and attacks, and is shared. What is gained is judged
under attacks of the radius that was trained against.

    python -m experiments.adversarial_robustness --workdir=runs/robustness  # 0.5 minutes on 2 cores
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from jaxdl import launch, report, stats, sweep, tasks, train
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Picture, Section
from jaxdl.tasks import adversarial, attacked
from jaxdl.types import Array, Batch, PyTree, Task, TrainState

CLAIMS = UNDER_PGD, UNDER_FGSM, CLEAN = (
    Claim("R8", "adversarial training lifts accuracy under PGD",
          "paired change of test accuracy", above=0.1, unit="points"),
    Claim("R8", "adversarial training lifts accuracy under FGSM",
          "paired change of test accuracy", above=0.1, unit="points"),
    Claim("R8", "adversarial training costs accuracy on clean digits",
          "paired change of test accuracy", below=-0.005, unit="points"),
)  # fmt: skip
PLAIN, PGD_STEPS, SHOWN = 0.0, 20, 8


class Config(launch.Config):
    """The network, and the attacks in training."""

    seeds: int = setting(10, "Seeds of each setting.", low=1)
    hidden: tuple[int, ...] = launch.widths(128)
    batch_size: int = setting(50, "Examples in a step.", low=1, high=1077)
    learning_rate: float = setting(1e-3, "Learning rate of Adam.", low=1e-12)
    attack_steps: int = setting(5, "Steps of the attack in training.", low=1)
    radii: tuple[float, ...] = setting((0.05, 0.1, 0.2), "ε to train against.", low=1e-6, high=1)

    @property
    def tested(self) -> list[float]:
        """The radii of the attacks at test time."""
        return sorted({PLAIN, 0.025, 0.15, 0.3, *self.radii})


def plan(config: Config) -> sweep.Plan:
    """One program: the radius of the attack in training is a number inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    plain = task_of(config)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        attack = functools.partial(tasks.pgd, eps=hparams["radius"], steps=config.attack_steps)
        return adversarial(plain, attack), adam(config.learning_rate)

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        """Test accuracy under both attacks, at each radius."""
        batch = {name: array[0] for name, array in data["test"].items()}
        pgd = functools.partial(tasks.pgd, steps=PGD_STEPS)

        def accuracy(attack: Callable[..., Array], eps: Array) -> Array:
            task = attacked(plain, functools.partial(attack, eps=eps))
            return train.mean(train.measure(task, state, batch))["accuracy"]

        found: dict[str, Array] = {}
        for name, attack in (("FGSM", tasks.fgsm), ("PGD", pgd)):
            values = jax.lax.map(functools.partial(accuracy, attack), jnp.array(config.tested))
            names = [f"{name} {eps:g}" for eps in config.tested]
            found |= dict(zip(names, values, strict=True))
        return found

    run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
    points = sweep.grid(radius=(PLAIN, *config.radii))
    programs = {"MLP": (run._replace(evaluate=evaluate), points)}
    return sweep.plan(programs, data, seeds=config.seeds)


def task_of(config: Config) -> Task:
    """Classification of plain digits."""
    return tasks.classification(MLP(config.hidden, 10))


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Effects of training against each radius, paired over seeds."""
    frame = results.frame()
    seeds = frame.pivot(index="seed", columns="radius")

    def changes(attack: str, at: float | None = None) -> dict[str, stats.Interval]:
        """By radius trained against, under an attack of that radius or of another."""
        found = {}
        for radius in config.radii:
            accuracy = seeds[f"{attack} {radius if at is None else at:g}"]
            found[f"ε = {radius:g}"] = stats.paired_interval(accuracy[radius], accuracy[PLAIN])
        return found

    attacks = ["FGSM 0", *(f"{name} {eps:g}" for name in ("FGSM", "PGD") for eps in config.radii)]
    names = {name: f"{name} (%)" for name in attacks} | {"FGSM 0": "clean (%)"}
    share = functools.partial(
        stats.mean_interval, scale="share", examples=int(plan.data["test"]["mask"].sum())
    )
    rows = [
        {"trained against ε": radius} | {names[name]: share(group[name]) for name in attacks}
        for radius, group in frame.groupby("radius")
    ]
    table = report.table(rows, "Test accuracy: means over seeds with their 95 % intervals.")
    claims = [
        *UNDER_PGD.judge_each(changes("PGD")),
        *UNDER_FGSM.judge_each(changes("FGSM")),
        *CLEAN.judge_each(changes("FGSM", PLAIN)),
    ]
    sections = [
        Section("Accuracy under attack", [curves(config, frame), table]),
        Section("Attacked digits", sheets(config, plan)),
    ]
    return launch.Conclusion(claims, sections)


def curves(config: Config, frame: pd.DataFrame) -> Picture:
    """Accuracy against the radius of the attack."""
    parts = [
        frame.assign(attack=f"{name} ({steps})", eps=eps, accuracy=frame[f"{name} {eps:g}"])
        for name, steps in (("FGSM", "1 step"), ("PGD", f"{PGD_STEPS} steps"))
        for eps in config.tested
    ]
    rows = pd.concat(parts, ignore_index=True)
    rows["training"] = rows["radius"].map("ε = {:g}".format).replace("ε = 0", "plain digits")
    return report.profile(
        rows,
        "eps",
        "accuracy",
        panel="attack",
        line="training",
        title="Test accuracy under attack, by what the network was trained against",
        x_label="radius ε of the attack at test time (1 = from white to black)",
        y_label="test accuracy (%)",
    )


def sheets(config: Config, plan: sweep.Plan) -> tuple[Picture, ...]:
    """The same digits attacked on a plainly trained and on a robust network of the first seed."""
    task, run, eps = task_of(config), plan.programs["MLP"], config.radii[len(config.radii) // 2]
    batch = {name: array[0, :SHOWN] for name, array in plan.data["test"].items()}

    @jax.jit
    def attack(radii: Array, data: sweep.Data, batch: Batch) -> tuple[Array, Array, Array]:
        """Attacked images, and the classes seen in the clean and in the attacked ones."""

        def one(radius: Array) -> tuple[Array, Array, Array]:
            hparams, key = {"radius": radius}, jax.random.key(0)
            state, _ = run.advance(hparams, run.init(hparams, key, data), data)
            x = tasks.pgd(task, state.params, {}, batch, key, eps=eps, steps=PGD_STEPS)
            seen = (task.predict(state.params, {}, {"x": each}) for each in (batch["x"], x))
            return x, *(logits.argmax(-1) for logits in seen)

        return jax.lax.map(one, radii)

    caption = (
        "Above each digit: its class, the class seen in the clean and in the attacked image. "
        "Last row: what the attack adds, black is +ε, white −ε."
    )

    def sheet(name: str, x: Array, before: Array, after: Array) -> Picture:
        change = 0.5 + (x - batch["x"]) / (2 * eps)
        seen = zip(batch["y"], before, after, strict=True)
        figure = report.images(
            1 - np.stack([batch["x"], x, change])[..., 0],
            ["clean", "attacked", "change"],
            [f"{label}: {clean} → {wrong}" for label, clean, wrong in seen],
            f"{name.capitalize()} training, digits attacked by PGD with ε = {eps:g}",
        )
        return Picture(f"attacked_{name}", figure, f"Digits, {name} training", caption)

    found = zip(*attack(jnp.array([PLAIN, eps]), plan.data, batch), strict=True)
    return tuple(sheet(name, *each) for name, each in zip(("plain", "robust"), found, strict=True))


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
