"""How much does convolution help against dense layers where digits move?

Each digit stands in the middle of a canvas of 12 × 12, so that a shift by 1 or 2 pixels to one of
four sides loses nothing of it. The networks see digits in the middle only; the MLP has more
parameters than either convolutional network: one flattens its 3 × 3 positions into the dense layer,
one averages over them. Each has the same rates to choose from, by validation in the middle. Pooling
halves the image twice, so only shifts by 4 pixels commute with it.

    python -m experiments.cnn_vs_mlp --workdir=runs/cnn_vs_mlp  # 1 minute on 2 cores
"""

import flax.linen as nn
import jax
import numpy as np

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.initializers import he_normal
from jaxdl.launch import setting
from jaxdl.models import CNN, MLP
from jaxdl.ops.pooling import global_avg_pool
from jaxdl.optimizers import adam
from jaxdl.optimizers.schedules import cosine, scaled
from jaxdl.report import Claim, Picture, Section
from jaxdl.types import Batch

CLAIMS = MIDDLE, FITS, SHIFTED, AVERAGING, INVARIANT = (
    Claim("V3", "a convolutional network beats an MLP of more parameters on digits in the middle",
          "paired difference in test accuracy", above=0.005, unit="points"),
    Claim("V3", "an MLP of more parameters overfits more than a convolutional network",
          "paired difference of the gap in accuracy between training and test",
          above=0.005, unit="points"),
    Claim("V1", "a convolutional network beats an MLP of more parameters on digits shifted by 2 "
          "pixels that saw none shifted",
          "paired difference in test accuracy", above=0.10, unit="points"),
    Claim("V2", "averaging over positions loses less by a shift of 2 pixels than flattening",
          "paired difference in accuracy lost", above=0.10, unit="points"),
    Claim("V2", "features averaged over positions are nearly invariant to a shift of 2 pixels",
          "test accuracy lost", below=0.02, unit="points"),
)  # fmt: skip
SPLITS = {"test": 0, "shifted_1": 1, "shifted_2": 2}
DENSE, FLAT, POOLED = "MLP", "CNN, flattened", "CNN, averaged"


class Config(launch.Config):
    """How large the networks are, and how they are trained."""

    steps: int = setting(400, "Training steps of each trial.", low=1)
    seeds: int = setting(8, "Seeds of each setting.", low=2)
    batch_size: int = setting(64, "Examples in a step.", low=1, high=1077)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, 3e-2)
    channels: tuple[int, ...] = launch.widths(16, 32, help="Channels of each block of the CNNs.")
    hidden: tuple[int, ...] = launch.widths(128, help="Widths of the hidden layers of the MLP.")


def networks(config: Config) -> dict[str, nn.Module]:
    """The three models by name."""
    blocks = tuple((width,) for width in config.channels)
    return {
        DENSE: MLP(config.hidden, 10, kernel_init=he_normal),
        FLAT: CNN(blocks, 10, kernel_init=he_normal),
        POOLED: CNN(blocks, 10, to_vector=global_avg_pool, kernel_init=he_normal),
    }


def plan(config: Config) -> sweep.Plan:
    """One program per network; rate and seed are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    data = {name: {**split, "x": on_canvas(split["x"])} for name, split in data.items()}
    moved = {name: shifted(data["test"], shift) for name, shift in SPLITS.items() if shift}
    data |= splits.in_batches(moved, 512)
    points = sweep.grid(learning_rate=config.learning_rates)

    def program(model: nn.Module) -> sweep.Run:
        task = tasks.classification(model)
        return sweep.make_run(
            lambda hparams: (task, adam(scaled(hparams["learning_rate"], cosine(config.steps)))),
            steps=config.steps,
            batch_size=config.batch_size,
            evaluate_train=512,
        )

    programs = {name: (program(model), points) for name, model in networks(config).items()}
    return sweep.plan(programs, data, seeds=config.seeds, column="network")


def on_canvas(images: np.ndarray) -> np.ndarray:
    """`[..., 8, 8, 1]` to `[..., 12, 12, 1]`: 2 empty pixels on each side."""
    return np.pad(images, [(0, 0)] * (images.ndim - 3) + [(2, 2), (2, 2), (0, 0)])


def shifted(padded: Batch, pixels: int) -> dict[str, np.ndarray]:
    """The real examples of padded batches, moved up, down, left and right: four times as many."""
    flat = {name: array.reshape(-1, *array.shape[2:]) for name, array in padded.items()}
    real = flat["mask"] > 0
    moves = [(axis, step) for axis in (1, 2) for step in (-pixels, pixels)]
    x = np.concatenate([np.roll(flat["x"][real], step, axis) for axis, step in moves])
    return {"x": x, "y": np.tile(flat["y"][real], len(moves))}


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Rates chosen on validation in the middle; accuracies paired over seeds."""
    tuned = stats.tune(results.frame(), "network", "learning_rate")
    clean, moved = tuned.scores("test_accuracy"), tuned.scores("shifted_2_accuracy")
    lost, gap = clean - moved, tuned.scores("train_accuracy") - clean
    claims = [
        MIDDLE.judge(tuned.gain("test_accuracy", FLAT, DENSE)),
        FITS.judge(stats.paired_interval(gap[DENSE], gap[FLAT])),
        SHIFTED.judge(tuned.gain("shifted_2_accuracy", FLAT, DENSE)),
        AVERAGING.judge(stats.paired_interval(lost[FLAT], lost[POOLED])),
        INVARIANT.judge(stats.paired_interval(clean[POOLED], moved[POOLED])),
    ]
    image = plan.data["train"]["x"][:1]
    sizes = [f"{name} {size(model, image):,}" for name, model in networks(config).items()]
    words = f"Numbers of parameters: {', '.join(sizes)}."
    tables = [report.tuned_table(tuned, f"{split}_accuracy", against=DENSE) for split in SPLITS]
    section = Section("Accuracy by shift", [curve(tuned), *tables, words, examples(plan.data)])
    return launch.Conclusion(claims, [section])


def size(model: nn.Module, image: np.ndarray) -> int:
    """How many parameters a network has."""
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), image, train=False))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def curve(tuned: stats.Tuned) -> Picture:
    """Test accuracy over the shift."""
    scores = tuned.trials.rename(columns={f"{split}_accuracy": n for split, n in SPLITS.items()})
    by_shift = scores.melt(["network", "seed"], list(SPLITS.values()), "shift", "accuracy")
    title = "Networks that saw the middle only, on shifted images"
    return report.profile(
        by_shift.astype({"shift": int}), "shift", "accuracy", line="network", title=title,
        x_label="shift (pixels)", y_label="test accuracy (%)",
    )  # fmt: skip


def examples(data: sweep.Data) -> Picture:
    """Two test images as seen, and shifted by 2 pixels."""
    middle = np.asarray(data["test"]["x"])[0, ..., 0]
    moved = np.asarray(data["shifted_2"]["x"]).reshape(-1, *middle.shape[1:])
    real = int(data["test"]["mask"].sum())
    sheet = np.stack([[middle[i], *moved[i : 4 * real : real]] for i in range(2)])
    names = ["seen", "up", "down", "left", "right"]
    figure = report.images(sheet, [], names, "Shifted by 2 pixels")
    return Picture("images", figure, "Test images and their shifts")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
