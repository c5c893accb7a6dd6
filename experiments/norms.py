"""What does it matter over which axes a layer is standardized?

A convolutional network of two blocks of two convolutions on 300 of the digits, which the seed
draws: without a norm, with batch norm, layer norm (of each position's channels), group norm (four
groups), instance norm and RMS norm, before each activation. SGD with momentum; the rate of each is
chosen on validation. Test images as they are, and at half the brightness, which norms of one image
can take out. A seed moves the images, the initialization and the batches, and is shared.

    python -m experiments.norms --workdir=runs/norms  # 2 minutes on 2 cores
"""

import functools

import flax.linen as nn
import numpy as np

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.layers import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from jaxdl.models import CNN
from jaxdl.optimizers import momentum
from jaxdl.optimizers.schedules import cosine
from jaxdl.report import Claim, Section

NONE, BATCH = "none", "batch"
NORMS = {
    NONE: None,
    BATCH: BatchNorm,
    "layer": LayerNorm,
    "group": functools.partial(GroupNorm, num_groups=4),
    "instance": InstanceNorm,
    "RMS": RMSNorm,
}
CLAIMS = HELPS, AS_BATCH, TAKEN_OUT = (
    Claim("R3", "a norm is better than none",
          "paired difference in test accuracy", above=0.005, unit="points"),
    Claim("R3", "another norm is as good as batch norm",
          "paired difference in test accuracy", above=-0.005, unit="points"),
    Claim("R3", "with instance norm half the brightness costs less than with batch norm",
          "paired difference in test accuracy lost", below=-0.02, unit="points"),
)  # fmt: skip
DARK = 0.5


class Config(launch.Config):
    """The networks, and their training."""

    steps: int = setting(300, "Training steps of each trial.", low=1)
    seeds: int = setting(10, "Seeds of each setting.", low=2)
    examples: int = setting(300, "Training images.", low=10, high=1077)
    batch_size: int = setting(50, "Images in a step.", low=2, high=1077)
    channels: tuple[int, ...] = launch.widths(8, 16, help="Channels of each block, in fours.")
    learning_rates: tuple[float, ...] = launch.rates(0.01, 0.03, 0.1, 0.3)


def plan(config: Config) -> sweep.Plan:
    """One program per norm; rate and seed are numbers inside it."""
    if any(width % 4 for width in config.channels):
        raise launch.UserError("config.channels: each must be a multiple of 4, for four groups")
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    data = {**data, "dark": {**data["test"], "x": np.float32(DARK) * data["test"]["x"]}}
    blocks = tuple((width, width) for width in config.channels)

    def program(model: nn.Module) -> sweep.Run:
        build = sweep.by_rate(tasks.classification(model), momentum, cosine(config.steps))
        run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
        return sweep.few_examples(config.examples, run)

    points = sweep.grid(learning_rate=config.learning_rates)
    programs = {name: (program(CNN(blocks, 10, norm=norm)), points) for name, norm in NORMS.items()}
    return sweep.plan(programs, data, seeds=config.seeds, column="norm")


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracies paired over seeds, at the rates that other seeds chose."""
    frame = results.frame()
    tuned = stats.tune(frame, "norm", "learning_rate")
    lost = tuned.scores("test_accuracy") - tuned.scores("dark_accuracy")
    against_none = tuned.gains("test_accuracy", NONE)
    against_batch = tuned.gains("test_accuracy", BATCH)
    claims = [
        *HELPS.judge_each(against_none),
        *AS_BATCH.judge_each({
            name: gain for name, gain in against_batch.items() if name != NONE
        }),
        TAKEN_OUT.judge(stats.paired_interval(lost["instance"], lost[BATCH])),
    ]  # fmt: skip
    tables = [
        report.tuned_table(tuned, f"{part}_accuracy", against=NONE) for part in ("test", "dark")
    ]
    curves = report.along(
        frame, "learning_rate", "test_accuracy", line="norm",
        title="Test accuracy against the rate", y_label="test accuracy (%)",
    )  # fmt: skip
    return launch.Conclusion(claims, [Section("By norm", (*tables, *curves))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
