"""Is a small network better for learning what a large one says than for learning labels?

An MLP of 12 hidden units on 100 to 800 of the digits, which the seed draws and all conditions
share: trained on labels; on smoothed labels, which are soft too and know nothing; and on the soft
targets of a teacher, three convolutional networks that were trained once, on all 1,077 training
images. So the teacher knows of more labels than its student sees. Rate and strength, a temperature
or an amount, are chosen on validation. Intervals are over seeds of the student: another teacher
might teach otherwise.

    python -m experiments.distillation --workdir=runs/distillation  # 1 minute on 2 cores
"""

import functools
import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import _costs
from jaxdl import clocks, ensembles, keys, launch, losses, report, stats, sweep, tasks
from jaxdl.data import batches, catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import CNN, MLP
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Section
from jaxdl.tasks import noise
from jaxdl.train import fit_scan
from jaxdl.types import Array, Batch, PyTree, Task

CLAIMS = QUALITY, KNOWLEDGE, FEWER, FASTER = (
    Claim("T8", "a student is better than the same net trained on labels",
          "paired difference in test accuracy", above=0.005, unit="points"),
    Claim("T8", "a student is better than the same net trained on smoothed labels",
          "paired difference in test accuracy", above=0.005, unit="points"),
    Claim("T8", "soft targets of half the images are worth more than labels of all of them",
          "paired difference in test accuracy", above=0.0, unit="points"),
    Claim("T8", "the student answers 10 times as fast as its teacher",
          "time of the teacher over that of the student", above=10.0),
)  # fmt: skip
LABELS, SMOOTHED, SOFT = "labels", "smoothed labels", "soft targets"
STRENGTHS = {LABELS: (0.0,), SMOOTHED: (0.1, 0.2, 0.4), SOFT: (2.0, 4.0, 8.0)}
"""Nothing, an amount, a temperature."""
TEACHER, MEMBERS, TIMED = CNN(((16, 16), (32,)), 10, (64,)), 3, 20
TEACHER_BATCH, BATCH = 64, 32


class Config(launch.Config):
    """The student, its teacher, and how many images there are."""

    steps: int = setting(1000, "Training steps of each student.", low=1)
    seeds: int = setting(24, "Seeds of each setting.", low=2)
    examples: tuple[int, ...] = setting(
        (100, 200, 400, 800), "Numbers of training images, each twice the one before.", low=10,
        high=1077,
    )  # fmt: skip
    hidden: tuple[int, ...] = launch.widths(12, help="Hidden units of the student.")
    alpha: float = setting(0.9, "Weight of the soft targets; the rest is on labels.", low=0.0)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, help="Peak rates of Adam.")
    teacher_steps: int = setting(600, "Training steps of the teacher.", low=1)


def plan(config: Config) -> sweep.Plan:
    """One program; condition, strength, rate and number of images are numbers inside it."""
    if any(2 * half != whole for half, whole in itertools.pairwise(config.examples)):
        raise launch.UserError("config.examples: each is twice the one before")
    known, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    said = teacher(config, known["train"])
    data = {
        split: {**arrays, "teacher": np.asarray(said(arrays["x"]))}
        for split, arrays in known.items()
    }
    points = [
        point
        for name, strengths in STRENGTHS.items()
        for point in sweep.grid(
            condition=[name], examples=config.examples, strength=strengths,
            learning_rate=config.learning_rates,
        )
    ]  # fmt: skip
    return sweep.plan(
        {"student": (sweep.of_hparams(functools.partial(run, config)), points)},
        data,
        seeds=config.seeds,
        categories={"condition": list(STRENGTHS)},
    )


def teacher(config: Config, arrays: Batch) -> Callable[[Array], Array]:
    """`x [..., 8, 8, 1] -> [..., 10]`: the logarithm of its networks' mean probabilities."""
    task, peak = tasks.classification(TEACHER), schedules.cosine(config.teacher_steps)

    @jax.jit
    def trained(keys: Array) -> PyTree:
        def member(key: Array) -> PyTree:
            options = {"steps": config.teacher_steps, "batch_size": TEACHER_BATCH}
            return fit_scan(task, adam(schedules.scaled(2e-3, peak)), key, arrays, **options).params

        return ensembles.over_members(member, keys)

    members = trained(jax.random.split(jax.random.key(0), MEMBERS))
    return jax.jit(lambda x: answer(members, x))


def answer(members: PyTree, x: Array) -> Array:
    """What the teacher's networks `[M, ...]` say together."""
    flat = x.reshape(-1, *x.shape[-3:])
    logits: PyTree = jax.vmap(lambda own: TEACHER.apply({"params": own}, flat, train=False))(
        members
    )
    together = jax.nn.logsumexp(jax.nn.log_softmax(logits), axis=0) - jnp.log(MEMBERS)
    return together.reshape(*x.shape[:-3], 10)


def run(config: Config, hparams: PyTree) -> sweep.Run:
    """The run of a student around its trial's traced numbers."""

    def order(key: Array, n: int, batch_size: int, first_step: Array, steps: int) -> Array:
        def one(step: Array) -> Array:
            size = hparams["examples"].astype(int)
            return jax.random.randint(jax.random.fold_in(key, step), (batch_size,), 0, size)

        drawn = batches.permutation(keys.named(key, "examples"), n)
        return drawn[jax.vmap(one)(first_step + jnp.arange(steps))]

    build = functools.partial(student, config)
    return sweep.make_run(build, steps=config.steps, batch_size=BATCH, order=order)


def student(config: Config, hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
    """The small network under the trial's condition."""
    labels, smoothed, soft = (hparams["condition"] == number for number in range(3))
    temperature = jnp.where(soft, hparams["strength"], 1.0)
    alpha = jnp.where(labels, 0.0, jnp.where(soft, config.alpha, 1.0))

    def told(batch: Batch, key: Array) -> Batch:
        # A teacher who knows nothing: at temperature 1 its targets are the smoothed labels.
        amount = jnp.where(smoothed, hparams["strength"], 0.1)
        ignorant = jnp.log(losses.smooth_labels(batch["y"], 10, amount))
        return {**batch, "teacher": jnp.where(smoothed, ignorant, batch["teacher"])}

    task = tasks.distillation(MLP(config.hidden, 10), temperature, alpha)
    rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
    return noise.in_training(task, told), adam(rate)


def slowness(config: Config) -> stats.Interval:
    """How many times as long the teacher takes for 360 images; a repeat for each seed."""
    x, key = jnp.zeros((360, 8, 8, 1)), jax.random.key(0)
    small = MLP(config.hidden, 10)
    own = small.init(key, x, train=False)
    members = jax.vmap(lambda key: TEACHER.init(key, x, train=False)["params"])(
        jax.random.split(key, MEMBERS)
    )
    calls = {
        "teacher": functools.partial(jax.jit(lambda x: answer(members, x)), x),
        "student": functools.partial(jax.jit(lambda x: small.apply(own, x, train=False)), x),
    }
    seconds = clocks.in_turn(calls, config.seeds, TIMED)
    return stats.mean_interval(seconds["teacher"] / seconds["student"], "positive")


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Strengths and rates chosen on validation, for each number of images."""
    over = ("strength", "learning_rate")
    tuned = stats.tune(results.frame(), ("examples", "condition"), over)

    def gains(pairs: list[tuple[tuple, tuple]]) -> list[stats.Interval]:
        return [tuned.gain("test_accuracy", own, other) for own, other in pairs]

    sizes = config.examples
    effects = {
        name: dict(
            zip(map(str, sizes), gains([((n, SOFT), (n, name)) for n in sizes]), strict=True)
        )
        for name in (LABELS, SMOOTHED)
    }
    halves = list(itertools.pairwise(sizes))
    fewer = gains([((half, SOFT), (whole, LABELS)) for half, whole in halves])
    names = [f"{half} against {whole}" for half, whole in halves]
    claims = [
        *QUALITY.judge_each(effects[LABELS]),
        *KNOWLEDGE.judge_each(effects[SMOOTHED]),
        *FEWER.judge_each(dict(zip(names, fewer, strict=True))),
        FASTER.judge(slowness(config)),
    ]
    test = plan.data["test"]
    right = (test["teacher"].argmax(axis=-1) == test["y"]) * test["mask"]
    rows = [
        {
            "images": f"{size:,}",
            "trained on": name,
            "strength": report.distinct(group["strength"]),
            "test accuracy (%)": tuned.interval("test_accuracy", (size, name)),
            "agrees with the teacher (%)": group["test_agreement"].mean(),
        }
        for (size, name), group in tuned.trials.groupby(["examples", "condition"], sort=False)
    ]
    note = (
        f"Means over {config.seeds} seeds. The teacher has "
        f"{100 * right.sum() / test['mask'].sum():.1f} % of the test images right."
    )
    pictures = report.along(
        tuned.trials, "examples", "test_accuracy", line="condition",
        title="Test accuracy by the number of training images",
        x_label="training images (log scale)", y_label="test accuracy (%)",
    )  # fmt: skip
    table = report.table(rows, note)
    costly = Section("What it costs", (costs(config, plan),))
    return launch.Conclusion(
        claims, [Section("By the number of images", (table, *pictures)), costly]
    )


def costs(config: Config, plan: sweep.Plan) -> report.Table:
    """Operations and joules of the teacher, once, and of a student."""
    taught = plan.data["train"]
    large, small = ({name: taught[name][:n] for name in taught} for n in (TEACHER_BATCH, BATCH))
    own, _ = student(config, {"condition": 2, "strength": 2.0, "learning_rate": 0.01})
    phases = {
        "teacher": _costs.Phase(
            tasks.classification(TEACHER), large, MEMBERS * config.teacher_steps
        ),
        "student": _costs.Phase(own, small, config.steps),
    }
    return _costs.table(
        phases, note="Teacher: of all its networks, once; student: of one trial, in all conditions."
    )


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
