"""Which random change of a signal helps a network that has seen few of them?

Sines, triangles, squares and sawteeth of 64 steps, of any phase, 2 to 5 periods, heights and a
little noise; 40 of them to learn from, which the seed draws. A convolutional network of two blocks,
trained on them as they are, or each time shifted, stretched, made higher or lower, noisy or masked
in part: each change by itself, of a strength that other seeds chose on validation. A seed moves the
signals, the initialization, the batches and the changes, and is shared.

    # 2 minutes on 2 cores
    python -m experiments.signal_augmentation --workdir=runs/signal_augmentation
"""

import functools

import numpy as np
import optax
import pandas as pd

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import augmentation, splits
from jaxdl.data import augmentation_of_signals as signals
from jaxdl.launch import setting
from jaxdl.models import CNN
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Picture, Section
from jaxdl.tasks import noise
from jaxdl.types import Array, Batch, PyTree, Task

NOTHING, LENGTH = "nothing", 64
STRENGTHS: dict[str, tuple[float, ...]] = {
    NOTHING: (0.0,),
    "shift": (4.0, 16.0),
    "stretch": (0.2, 0.5),
    "gain": (0.5, 1.0),
    "noise": (0.1, 0.3),
    "masking": (8.0, 24.0),
}
"""Steps, shares, shares, a standard deviation, steps."""
HELPS = {
    name: Claim("R9", f"{name} helps on few signals",
                "paired gain in test accuracy", above=0.01, unit="points")
    for name in STRENGTHS if name != NOTHING
}  # fmt: skip
CLAIMS = tuple(HELPS.values())
COUNTS = {"train": 1000, "validation": 500, "test": 1000}
SHAPES = ("sine", "triangle", "square", "sawtooth")


class Config(launch.Config):
    """The network, and how it is trained."""

    steps: int = setting(400, "Training steps of each trial.", low=1)
    seeds: int = setting(40, "Seeds of each setting.", low=2)
    examples: int = setting(40, "Training signals, drawn by the seed.", low=4, high=1000)
    batch_size: int = setting(40, "Signals in a step.", low=1)
    channels: tuple[int, ...] = launch.widths(16, 32, help="Channels of each block.")
    learning_rate: float = setting(3e-3, "Peak rate of Adam.", low=1e-12)


def waves(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """Signals `[N, 64, 1]`, and which of `SHAPES` each has."""
    kind = rng.integers(len(SHAPES), size=count).astype(np.int32)
    periods, phase = rng.uniform(2, 5, (count, 1)), rng.uniform(size=(count, 1))
    place = (periods * np.arange(LENGTH) / LENGTH + phase) % 1
    drawn = np.stack([
        np.sin(2 * np.pi * place),
        1 - 4 * np.abs(place - 0.5),
        np.where(place < 0.5, 1.0, -1.0),
        2 * place - 1,
    ])[kind, np.arange(count)]  # fmt: skip
    heights = np.exp(rng.uniform(-0.5, 0.5, (count, 1)))
    x = heights * drawn + 0.1 * rng.normal(size=drawn.shape)
    return {"x": x[..., None].astype(np.float32), "y": kind}


def plan(config: Config) -> sweep.Plan:
    """One program; the change and its strength are numbers inside it."""
    rng = np.random.default_rng(0)
    data = splits.in_batches({name: waves(rng, count) for name, count in COUNTS.items()}, 250)
    model = CNN(tuple((width,) for width in config.channels), len(SHAPES), kernel_size=(5,))
    plain = tasks.classification(model)

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
    return augmentation.augment(batch, key, [
        functools.partial(signals.stretch, amount=amount["stretch"]),
        functools.partial(signals.shift, steps=amount["shift"]),
        functools.partial(signals.gain, amount=amount["gain"]),
        functools.partial(augmentation.noise, deviation=amount["noise"]),
        functools.partial(signals.mask, steps=amount["masking"]),
    ])  # fmt: skip


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Gains on test, paired over seeds, at the strengths that other seeds chose."""
    tuned = stats.tune(results.frame(), "change", "strength")
    gains = tuned.gains("test_accuracy", NOTHING)
    claims = [claim.judge(gains[name]) for name, claim in HELPS.items()]
    figure = report.intervals(claims, list(HELPS), title="What each change gains in test accuracy")
    table = report.tuned_table(tuned, "test_accuracy", against=NOTHING)
    blocks = (report.picture(figure), table, examples(plan))
    return launch.Conclusion(claims, [Section("By change", blocks)])


def examples(plan: sweep.Plan) -> Picture:
    """A signal of each shape."""
    train = plan.data["train"]
    _, rows = np.unique(train["y"], return_index=True)
    frame = pd.concat(
        pd.DataFrame({
            "shape": SHAPES[int(train["y"][row])],
            "seed": 0,
            "step": np.arange(LENGTH),
            "value": train["x"][row, :, 0],
        })
        for row in rows
    )  # fmt: skip
    return report.profile(
        frame, "step", "value", line="shape", title="A signal of each shape",
        x_label="step", y_label="value (1)",
    )  # fmt: skip


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
