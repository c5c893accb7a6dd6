"""Which random change of an image helps a network that has seen few of them?

A convolutional network of two blocks on 100 of the digits, which the seed draws, as they are, or
each time moved, turned, zoomed, cropped, mirrored, brighter or darker, of more or less contrast,
noisy, with a square cut out, or mixed with another and its label: each change by itself, of a
strength that other seeds chose on validation. A mirrored digit is often none. A seed moves the
images, the initialization, the batches and the changes, and is shared.

    # 3 minutes on 2 cores
    python -m experiments.image_augmentation --workdir=runs/image_augmentation
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl import launch, report, stats, sweep
from jaxdl.data import augmentation, catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import CNN
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Picture, Section
from jaxdl.tasks import noise
from jaxdl.types import Array, Batch, PyTree, Task

NOTHING, MIXED = "nothing", "mixup"
CHANGES = {
    "shift": (augmentation.shift, "pixels", (0.5, 1.0)),
    "rotate": (augmentation.rotate, "degrees", (10.0, 25.0)),
    "zoom": (augmentation.zoom, "amount", (0.1, 0.3)),
    "crop": (augmentation.crop, "amount", (0.1, 0.3)),
    "flip": (augmentation.flip, "probability", (0.5,)),
    "brightness": (augmentation.brightness, "amount", (0.1, 0.3)),
    "contrast": (augmentation.contrast, "amount", (0.2, 0.5)),
    "noise": (augmentation.noise, "deviation", (0.1, 0.2)),
    "cutout": (augmentation.cutout, "size", (2.0, 3.0)),
}
"""Function, the name of its strength, and strengths to try."""
STRENGTHS = {
    NOTHING: (0.0,), **{name: tried for name, (*_, tried) in CHANGES.items()}, MIXED: (0.2, 1.0)
}  # fmt: skip
HELPS = {
    name: Claim("R9", f"{name} helps on few images",
                "paired gain in test accuracy", above=0.005, unit="points")
    for name in STRENGTHS if name not in (NOTHING, "flip")
}  # fmt: skip
HURTS = Claim(
    "R9", "flip, which makes other shapes of digits, hurts", "paired gain in test accuracy",
    below=-0.005, unit="points",
)  # fmt: skip
CLAIMS = (*HELPS.values(), HURTS)
SHOWN = 8


class Config(launch.Config):
    """The network, and how it is trained."""

    steps: int = setting(300, "Training steps of each trial.", low=1)
    seeds: int = setting(25, "Seeds of each setting.", low=2)
    examples: int = setting(100, "Training images, drawn by the seed.", low=10, high=1077)
    batch_size: int = setting(50, "Images in a step.", low=2)
    channels: tuple[int, ...] = launch.widths(16, 32, help="Channels of each block.")
    learning_rate: float = setting(3e-3, "Peak rate of Adam.", low=1e-12)


def plan(config: Config) -> sweep.Plan:
    """One program; the change and its strength are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    model = CNN(tuple((width,) for width in config.channels), 10)
    plain = noise.soft_classification(model, 10)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        rate = schedules.scaled(config.learning_rate, schedules.cosine(config.steps))
        return noise.in_training(plain, functools.partial(changed, hparams)), adam(rate)

    run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
    points = [
        point
        for name, tried in STRENGTHS.items()
        for point in sweep.grid(change=[name], strength=tried)
    ]
    programs = {"CNN": (sweep.few_examples(config.examples, run), points)}
    categories = {"change": list(STRENGTHS)}
    return sweep.plan(programs, data, seeds=config.seeds, categories=categories)


def changed(hparams: PyTree, batch: Batch, key: Array) -> Batch:
    """A batch with every change, of which all but the trial's own have strength 0."""
    amount = sweep.only(list(STRENGTHS), hparams["change"], hparams["strength"])
    functions = [
        functools.partial(change, **{strength: amount[name]})
        for name, (change, strength, _) in CHANGES.items()
    ]
    augment_key, mix_key = jax.random.split(key)
    batch = augmentation.augment(batch, augment_key, functions)
    labelled = {**batch, "y": scaling.one_hot(batch["y"], 10)}
    return augmentation.mixup(labelled, mix_key, amount[MIXED])


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Gains on test, paired over seeds, at the strengths that other seeds chose."""
    tuned = stats.tune(results.frame(), "change", "strength")
    gains = tuned.gains("test_accuracy", NOTHING)
    claims = [claim.judge(gains[name]) for name, claim in HELPS.items()]
    claims.append(HURTS.judge(gains["flip"]))
    figure = report.intervals(
        claims, [*HELPS, "flip"], title="What each change gains in test accuracy"
    )
    table = report.tuned_table(tuned, "test_accuracy", against=NOTHING)
    blocks = (report.picture(figure), table, examples(plan))
    return launch.Conclusion(claims, [Section("By change", blocks)])


def examples(plan: sweep.Plan) -> Picture:
    """The first images, and what each change makes of them at its largest strength."""
    images = jnp.asarray(plan.data["train"]["x"][:SHOWN])
    sheet = {NOTHING: images}
    for name, (change, strength, tried) in CHANGES.items():
        one = functools.partial(change, **{strength: jnp.asarray(max(tried))})
        found = jax.random.split(jax.random.key(0), SHOWN)
        sheet[name] = jax.jit(jax.vmap(one))(images, found)
    stacked = np.stack([np.asarray(each)[..., 0] for each in sheet.values()])
    figure = report.images(stacked, list(sheet), [], "What the network sees")
    return report.picture(figure, "The largest strength of each change that was tried.")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
