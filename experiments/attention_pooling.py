"""Where to look in a cluttered image: weights over positions, or the mean of all of them?

Digits of 8 × 8 pixels somewhere on a canvas of 24 × 24, among four pieces of 4 × 4 of other
digits. A network of two blocks, whose 6 × 6 positions are averaged, averaged by learned weights
(softmax over positions), or flattened into the dense layer. On the object is the part of the weight
that lies on positions whose own 4 × 4 pixels meet the digit's; equal weights would have as much on
it as there are such positions. The canvases are drawn once; a seed moves initialization and
batches, and is shared by the networks. The rate is chosen on validation. Pieces, scenes and steps
were set after a look at seeds 0 and 1, which are judged too: with eight pieces none learned.

    python -m experiments.attention_pooling --workdir=runs/attention_pooling  # 3 minutes on 2 cores
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.layers.attention_pooling import AttentionPool
from jaxdl.models import CNN
from jaxdl.ops.pooling import global_avg_pool
from jaxdl.optimizers import adam
from jaxdl.optimizers.schedules import cosine
from jaxdl.report import Claim, Picture, Section
from jaxdl.types import Array, PyTree, TrainState

MORE = "paired difference in test accuracy"
CLAIMS = BETTER, THAN_FLAT, ON_OBJECT = (
    Claim("V12", "weights over positions are better than their mean on cluttered scenes",
          MORE, above=0.02, unit="points"),
    Claim("V12", "weights over positions are better than a dense layer on all of them",
          MORE, above=0.02, unit="points"),
    Claim("V12", "the weights are on the object",
          "weight on the object, minus what equal weights have there", above=0.25, unit="points"),
)  # fmt: skip
CANVAS, SIDE, PIECE, PIECES, CELL = 24, 8, 4, 4, 4
WEIGHTED, AVERAGED, FLAT = "weighted", "averaged", "flattened"
POOLS: dict[str, Callable[[], Callable[[Array], Array]]] = {
    WEIGHTED: AttentionPool,
    AVERAGED: lambda: global_avg_pool,
    FLAT: lambda: lambda x: x.reshape(len(x), -1),
}


class Config(launch.Config):
    """The scenes, the networks, and their training."""

    steps: int = setting(1000, "Training steps of each trial.", low=1)
    seeds: int = setting(6, "Seeds of each setting.", low=2)
    scenes: int = setting(8, "Scenes of each training digit.", low=1)
    batch_size: int = setting(64, "Scenes in a step.", low=1, high=1077)
    channels: tuple[int, ...] = launch.widths(16, 32, help="Channels of the two blocks.")
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, 3e-2)


def load(config: Config) -> sweep.Data:
    """Scenes as a run takes them; `corner` is where the digit begins, `[..., 2]`."""
    digits = catalog.load("digits")
    scale = scaling.fit_max(digits.train["x"])
    rng, parts = np.random.default_rng(0), {}
    for name, times in (("train", config.scenes), ("validation", 1), ("test", 1)):
        part = getattr(digits, name)
        x = np.tile(scaling.apply(scale, part["x"]), (times, 1, 1, 1))
        scenes, corner = cluttered(rng, x)
        parts[name] = {"x": scenes, "y": np.tile(part["y"], times), "corner": corner}
    return splits.in_batches(parts, 360)


def cluttered(rng: np.random.Generator, digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scenes `[N, 24, 24, 1]` of digits `[N, 8, 8, 1]`, and the corner of each, int32 `[N, 2]`."""
    count = len(digits)
    scenes = np.zeros((count, CANVAS, CANVAS, 1), np.float32)
    corners = rng.integers(0, CANVAS - SIDE + 1, (count, 2)).astype(np.int32)
    for scene, digit, (top, left) in zip(scenes, digits, corners, strict=True):
        for _ in range(PIECES):
            row, column = rng.integers(0, SIDE - PIECE + 1, 2)
            y, x = rng.integers(0, CANVAS - PIECE + 1, 2)
            other = digits[rng.integers(count), row : row + PIECE, column : column + PIECE]
            scene[y : y + PIECE, x : x + PIECE] = other
        scene[top : top + SIDE, left : left + SIDE] = digit
    return scenes, corners


def plan(config: Config) -> sweep.Plan:
    """One program per network; rate and seed are numbers inside it."""
    points = sweep.grid(learning_rate=config.learning_rates)
    programs = {name: (program(config, name), points) for name in POOLS}
    return sweep.plan(
        programs, load(config), seeds=config.seeds, column="network", keep_states=True
    )


def network(config: Config, name: str) -> CNN:
    """The model of that name."""
    return CNN(tuple((width,) for width in config.channels), 10, to_vector=POOLS[name]())


def program(config: Config, name: str) -> sweep.Run:
    """Training, with the weight on the object measured at the end."""
    model = network(config, name)
    run = sweep.make_run(
        sweep.by_rate(tasks.classification(model), adam, cosine(config.steps)),
        steps=config.steps, batch_size=config.batch_size,
    )  # fmt: skip
    if name != WEIGHTED:
        return run

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        def on_object(batch: PyTree) -> tuple[Array, Array]:
            there = of_object(batch["corner"])
            found = (weights(model, state.params, batch["x"]) * there).sum(axis=(1, 2))
            gained = found - there.mean(axis=(1, 2))
            return (gained * batch["mask"]).sum(), batch["mask"].sum()

        sums, counts = jax.lax.map(on_object, data["test"])
        return {**run.evaluate(hparams, state, data), "gained": sums.sum() / counts.sum()}

    return run._replace(evaluate=evaluate)


def weights(model: nn.Module, params: PyTree, x: Array) -> Array:
    """The weights of all positions, `[B, 6, 6]`."""
    _, kept = model.apply({"params": params}, x, train=False, mutable=["intermediates"])
    (found,) = kept["intermediates"]["to_vector"]["weights"]
    return jnp.asarray(found)


def of_object(corner: Array) -> Array:
    """Which positions have pixels of the digit, float32 `[B, 6, 6]`."""
    first = jnp.arange(CANVAS // CELL)[None, None] * CELL
    begins = corner[..., None]
    meets = (first + CELL > begins) & (first < begins + SIDE)
    return (meets[:, 0, :, None] & meets[:, 1, None]).astype(jnp.float32)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Rates chosen on validation; differences paired over seeds; what is looked at."""
    frame = results.frame()
    tuned = stats.tune(frame, "network", "learning_rate")
    claims = [
        BETTER.judge(tuned.gain("test_accuracy", WEIGHTED, AVERAGED)),
        THAN_FLAT.judge(tuned.gain("test_accuracy", WEIGHTED, FLAT)),
        ON_OBJECT.judge(stats.mean_interval(tuned.of(WEIGHTED)["gained"])),
    ]
    table = report.tuned_table(tuned, "test_accuracy", against=AVERAGED)
    curves = report.tuned_curves(results, tuned, y_label="training loss (nats)")
    row = stats.example(frame, tuned, WEIGHTED)
    looked = [] if row is None else [looks(config, plan, row)]
    return launch.Conclusion(claims, [Section("By pooling", (table, *looked, *curves))])


def looks(config: Config, plan: sweep.Plan, row: PyTree) -> Picture:
    """Test scenes, and the weights over them."""
    params, x = plan.replay(row).params, plan.data["test"]["x"][0, :6]
    found = np.asarray(jax.jit(lambda x: weights(network(config, WEIGHTED), params, x))(x))
    spread = np.kron(found, np.ones((1, CELL, CELL)))
    shares = spread / spread.max(axis=(1, 2), keepdims=True)
    sheet = np.stack([x[..., 0], shares])
    figure = report.images(sheet, ["scene", "weights"], [], "What is looked at, one seed")
    return Picture("looks", figure, "What is looked at", "Weights of the largest of each scene.")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
