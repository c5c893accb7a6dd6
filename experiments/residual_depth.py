"""Do deep networks train without shortcuts? Residual against plain ones on the digits.

Networks of 3 × 3 convolutions with batch normalization (He et al. 2016, section 4.2), 8 channels
wide all through, on digits of 4 × 4 pixels, each the mean of four; the plain twin has the same
layers and parameters, only its blocks add their input times 0. Momentum with a cosine schedule;
each network and depth has the same rates to choose from, by the mean validation loss over seeds.

    python -m experiments.residual_depth --workdir=runs/residual_depth  # 1 minute on 2 cores
"""

import math

import numpy as np
import optax

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.initializers import he_normal
from jaxdl.launch import setting
from jaxdl.models import ResNet, identity_shortcut
from jaxdl.optimizers import momentum, schedules
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, Task

RATIO = "natural logarithm of the ratio of training losses"
CLAIMS = HALF, STALLS, GOES_ON = (
    Claim("V4", "the residual network ends with less than half the training loss of its plain twin",
          RATIO, below=math.log(0.5)),
    Claim("V4", "the plain network stalls: deep, it ends with more than ten times the training "
          "loss of the shallow one", RATIO, above=math.log(10)),
    Claim("V4", "the residual network, deep, does not end with ten times the training loss of the "
          "shallow one", RATIO, below=math.log(10)),
)  # fmt: skip
SHORTCUTS = {"plain": 0.0, "residual": 1.0}


class Config(launch.Config):
    """How deep the networks are, and how they are trained."""

    steps: int = setting(300, "Training steps of each trial.", low=1)
    seeds: int = setting(4, "Seeds of each setting.", low=2)
    batch_size: int = setting(32, "Examples in a step.", low=2, high=1077)
    learning_rates: tuple[float, ...] = launch.rates(
        0.01, 0.03, 0.1, help="Peak rates of momentum to try."
    )
    depths: tuple[int, ...] = setting((8, 56), "Depths, two or more: 2n + 2 of one stage.", low=4)
    channels: tuple[int, ...] = launch.widths(
        8, help="Channels of each stage; each but the first halves."
    )


def plan(config: Config) -> sweep.Plan:
    """One program per depth; kind of network, rate and seed are numbers inside it."""
    stages = len(config.channels)
    for depth in config.depths:
        if (depth - 2) % (2 * stages):
            raise launch.UserError(f"config.depths: {depth} is not {2 * stages}n + 2")
    if len(config.depths) < 2:
        raise launch.UserError("config.depths: two or more are compared")
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)
    data = {name: {**split, "x": halved(split["x"])} for name, split in data.items()}
    points = sweep.grid(shortcut=list(SHORTCUTS.values()), learning_rate=config.learning_rates)

    def program(depth: int) -> sweep.Run:
        def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
            def shortcut(x: Array, y: Array) -> Array:
                return identity_shortcut(hparams["shortcut"] * x, y)

            rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
            blocks = (depth - 2) // (2 * stages)
            model = ResNet(config.channels, blocks, 10, shortcut, kernel_init=he_normal)
            return tasks.classification(model), momentum(rate)

        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    programs = {f"{depth} layers": (program(depth), points) for depth in config.depths}
    labels = {f"{depth} layers": {"depth": str(depth)} for depth in config.depths}
    return sweep.plan(programs, data, seeds=config.seeds, labels=labels)


def halved(images: np.ndarray) -> np.ndarray:
    """`[..., H, W, C]` to `[..., H / 2, W / 2, C]`: means of four pixels."""
    *leading, height, width, channels = images.shape
    blocks = images.reshape(*leading, height // 2, 2, width // 2, 2, channels)
    return blocks.mean(axis=(-4, -2))


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Rates by validation loss; training losses at the end of training, paired over seeds."""
    frame, losses = results.frame().rename(columns={"program": "layers"}), results.curves()["loss"]
    frame["network"] = frame["shortcut"].map({value: name for name, value in SHORTCUTS.items()})
    last = np.arange(1, losses.shape[1] + 1) > 0.9 * losses.shape[1]
    frame["training_loss"] = losses[:, last].mean(axis=1, dtype=float)
    tuned = stats.tune(frame, ("layers", "network"), "learning_rate", "validation_loss")
    at_depth, of_kind = tuned.groups("layers"), tuned.groups("network")
    shallow, deep = (f"{extreme(config.depths)} layers" for extreme in (min, max))

    def deeper(kind: str) -> stats.Interval:
        return of_kind[kind].gain("training_loss", deep, shallow, log=True)

    ratios = {
        name: twins.gain("training_loss", "residual", "plain", log=True)
        for name, twins in at_depth.items()
    }
    where = f"{deep} against {shallow}"
    claims = [
        *HALF.judge_each(ratios),
        STALLS.judge(deeper("plain"), where),
        GOES_ON.judge(deeper("residual"), where),
    ]
    section = Section("By depth", (
        *report.tuned_curves(results, tuned),
        "Training loss: mean over the last tenth of the steps, geometric over seeds.",
        report.tuned_table(tuned, "training_loss", against="plain"),
        report.tuned_table(tuned, "test_accuracy"),
    ))  # fmt: skip
    return launch.Conclusion(claims, [section])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
