"""What helps an MLP on 100 digits, and does it still help on 1,000?

Dropout, L1, L2, an elastic net of both, random shifts, four kinds of noise (on inputs, on weights,
wrong labels, smoothed labels) and early stopping, each against training with nothing of them. A
seed draws the training images, the initialization and the batches, and all conditions share it;
sizes and strengths are traced numbers. The 360 validation images are the same at every size, so
that choices made by them are good ones: each seed is at the strength that other seeds chose on
them.

    python -m experiments.small_data --workdir=runs/small_data  # 2 minutes on 2 cores
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl import keys, launch, losses, report, stats, sweep, train
from jaxdl.data import augmentation, batches, catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.params import kernels
from jaxdl.report import Claim, Picture, Section
from jaxdl.sweep.early_stopping import early_stopping
from jaxdl.tasks import noise
from jaxdl.types import Array, Batch, PyTree, Task, TrainState

SEGMENTS = 20
STRENGTHS: dict[str, tuple[str, tuple[float, ...]]] = {
    "nothing": ("R1", (0.0,)),
    "dropout": ("R1", (0.2, 0.35, 0.5)),
    "L2": ("F9", (1e-4, 1e-3, 1e-2)),
    "L1": ("F9", (1e-5, 1e-4, 1e-3)),
    "elastic net": ("F9", (1e-4, 1e-3, 1e-2)),
    "shift": ("R9", (0.25, 0.5, 1.0)),
    "input noise": ("R7", (0.1, 0.2, 0.4)),
    "weight noise": ("R7", (0.01, 0.03, 0.1)),
    "label noise": ("R7", (0.05, 0.1, 0.2)),
    "label smoothing": ("R7", (0.1, 0.2, 0.4)),
    "early stopping": ("R4", (2.0, 4.0, 8.0)),
}
"""Row of the claim, and strengths to try: a rate, a λ (of Σw², Σ|w|, half of each), pixels, two
standard deviations, a share of wrong labels, an amount, segments of patience."""
CONDITIONS = tuple(STRENGTHS)[1:]
HELPS = {
    name: Claim(STRENGTHS[name][0], f"{name} helps on the fewest images",
                "paired gain in test accuracy", above=0.005, unit="points")
    for name in CONDITIONS
}  # fmt: skip
FADES = {
    name: Claim(STRENGTHS[name][0], f"{name} helps more on the fewest images than on the most",
                "paired difference of the gains in test accuracy", above=0.0, unit="points")
    for name in ("dropout", "L2", "shift", "early stopping")
}  # fmt: skip
NARROWS = Claim(
    "R1", "dropout narrows the gap between training and test on the fewest images",
    "paired change of the gap in accuracy", below=-0.005, unit="points",
)  # fmt: skip
CLAIMS = (*HELPS.values(), *FADES.values(), NARROWS)


class Config(launch.Config):
    """What is compared, on how many images."""

    steps: int = setting(
        600, "Training steps of each trial, in up to 20 segments of equal length.", low=1
    )
    seeds: int = setting(26, "Seeds of each setting.", low=1)
    examples: tuple[int, ...] = setting(
        (100, 1000), "Numbers of training images.", low=1, high=1077
    )
    conditions: tuple[str, ...] = setting(
        CONDITIONS, "What is compared with nothing.", choices=CONDITIONS
    )
    hidden: tuple[int, ...] = launch.widths(128, 128)
    batch_size: int = setting(50, "Examples in a step, drawn with replacement.", low=1)
    learning_rate: float = setting(1e-3, "Learning rate of Adam.", low=1e-12)


def plan(config: Config) -> sweep.Plan:
    """One program; condition, strength and number of images are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    segments = sweep.segments(config.steps, SEGMENTS)
    points: list[sweep.Point] = []
    for name in ("nothing", *config.conditions):
        tried = STRENGTHS[name][1]
        points += sweep.grid(condition=[name], examples=config.examples, strength=tried)
    mlp = sweep.of_hparams(lambda hparams: run(config, hparams, config.steps // segments))
    programs, names = {"MLP": (mlp, points)}, {"condition": list(STRENGTHS)}
    return sweep.plan(programs, data, seeds=config.seeds, segments=segments, categories=names)


def run(config: Config, hparams: PyTree, steps: int) -> sweep.Run:
    """The run around a trial's traced numbers."""

    def drawn(key: Array, n: int) -> Array:
        """All rows in the trial's order, of which the first are those it trains on."""
        return batches.permutation(keys.named(key, "examples"), n)

    def order(key: Array, n: int, batch_size: int, first_step: Array, steps: int) -> Array:
        def one(step: Array) -> Array:
            step_key, size = jax.random.fold_in(key, step), hparams["examples"].astype(int)
            return jax.random.randint(step_key, (batch_size,), 0, size)

        return drawn(key, n)[jax.vmap(one)(first_step + jnp.arange(steps))]

    build = functools.partial(regularized, config)
    trained = sweep.make_run(build, steps=steps, batch_size=config.batch_size, order=order)

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        key, n = batches.order_key(state.key), len(data["train"]["y"])
        batch = batches.take(data["train"], drawn(key, n)[: min(config.examples)])
        seen = train.mean(train.measure(build(hparams)[0], state, batch))
        return {**trained.evaluate(hparams, state, data), "train_accuracy": seen["accuracy"]}

    patience = strengths(hparams)["early stopping"]

    def better(value: Array, best: Array) -> Array:
        # Without early stopping it is the last state that counts.
        return (value > best) | (patience == 0)

    waits = jnp.where(patience > 0, patience, SEGMENTS)
    return early_stopping(trained._replace(evaluate=evaluate), "validation_accuracy", waits, better)


def strengths(hparams: PyTree) -> dict[str, Array]:
    """Of each condition: the trial's strength if it is its own, else 0, which is its absence."""
    return sweep.only(list(STRENGTHS), hparams["condition"], hparams["strength"])


def regularized(config: Config, hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
    """The network with all conditions, of which all but the trial's own have strength 0."""
    amount = strengths(hparams)
    l1 = amount["L1"] + 0.5 * amount["elastic net"]
    l2 = amount["L2"] + 0.5 * amount["elastic net"]
    shift = functools.partial(augmentation.shift, pixels=amount["shift"])
    add_noise = functools.partial(augmentation.noise, deviation=amount["input noise"])

    def penalty(params: PyTree) -> Array:
        return losses.elastic_net(params, l1, l2, kernels(params))

    def change(batch: Batch, key: Array) -> Batch:
        of_labels, of_images = jax.random.split(key)
        batch = augmentation.augment(batch, of_images, [shift, add_noise])
        batch = noise.flip_labels(batch, of_labels, 10, amount["label noise"])
        return noise.smooth_labels(batch, 10, amount["label smoothing"])

    model = MLP(config.hidden, 10, dropout=amount["dropout"])
    task = noise.in_training(noise.soft_classification(model, 10, penalty=penalty), change)
    task = noise.weight_noise(task, amount["weight noise"])
    return task, adam(config.learning_rate)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Strengths chosen on validation, for each size; effects paired over seeds."""
    tuned = stats.tune(results.frame(), ("examples", "condition"), "strength")
    scores, few, many = tuned.scores("test_accuracy"), min(config.examples), max(config.examples)
    gap = tuned.scores("train_accuracy") - scores
    groups = tuned.groups("examples")
    effects = {size: groups[size].gains("test_accuracy", "nothing") for size in config.examples}
    claims = [HELPS[name].judge(effects[few][name], f"{few:,}") for name in config.conditions]
    for name in config.conditions:
        if name in FADES and few < many:
            gains = [scores[size, name] - scores[size, "nothing"] for size in (few, many)]
            where = f"{few:,} against {many:,}"
            claims.append(FADES[name].judge(stats.paired_interval(*gains), where))
    if "dropout" in config.conditions:
        change = stats.paired_interval(gap[few, "dropout"], gap[few, "nothing"])
        claims.append(NARROWS.judge(change, f"{few:,}"))
    rows = [
        {
            "condition": name,
            "images": f"{size:,}",
            "strength": report.distinct(group["strength"]),
            "training accuracy (%)": group["train_accuracy"].mean(),
            "test accuracy (%)": group["test_accuracy"].mean(),
            "gap (points)": gap[size, name].mean(),
            "gain (points)": effects[size].get(name),
        }
        for (name, size), group in tuned.trials.groupby(["condition", "examples"], sort=False)
    ]
    note = f"Means over seeds; training accuracy on {few:,} of the images trained on."
    gains_map = report.interval_map(
        {f"{size:,}": found for size, found in effects.items()}, across="training images",
        title="Gain in test accuracy over training with nothing", label="gain (points)",
        caption="Each seed at the strength that other seeds chose on validation, paired over "
        f"{config.seeds} seeds; below it the 95 % interval.",
    )  # fmt: skip
    section = Section("Effects", (gains_map, report.table(rows, note), seen(plan)))
    return launch.Conclusion(claims, [section])


def seen(plan: sweep.Plan) -> Picture:
    """What the networks see of one digit of each class."""
    _, rows = np.unique(plan.data["train"]["y"], return_index=True)
    clean = plan.data["train"]["x"][rows]
    shift = functools.partial(augmentation.shift, pixels=1.0)
    add_noise = functools.partial(augmentation.noise, deviation=0.4)
    sheet = {"clean": clean}
    for name, change in {"shift of 1 pixel": shift, "noise of 0.4": add_noise}.items():
        changed = functools.partial(augmentation.augment, functions=[change])
        sheet[name] = jax.jit(changed)({"x": clean}, jax.random.key(0))["x"]
    title = "Digits as they are, shifted and noisy, at the largest strengths"
    digits = [str(digit) for digit in range(10)]
    figure = report.images(1 - np.stack(list(sheet.values()))[..., 0], list(sheet), digits, title)
    return report.picture(figure, "Drawn anew at every step.")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
