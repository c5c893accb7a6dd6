"""Are deeper features of a convolutional network more abstract?

A network of three blocks learns digits that stand anywhere on a canvas of 16 × 16. Then linear
probes, least squares on the features of each block for the training images, say of test images
which digit it is, and where it stands. A more abstract feature knows more of the first and less of
the second. The same of a network with its initial weights, to see what is of the architecture.
Features are averaged over a grid of 2 × 2 positions, so that all blocks have few numbers; the
penalty of a probe is the same for all.

    python -m experiments.probes --workdir=runs/probes  # 1 minute on 2 cores
"""

import functools
from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl import keys, launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.layers.conv import Conv
from jaxdl.ops.pooling import avg_pool, global_avg_pool, max_pool
from jaxdl.optimizers import adam
from jaxdl.optimizers.schedules import cosine, scaled
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, TrainState

CLAIMS = MORE, LEARNED, LESS = (
    Claim("V3", "a probe on the last block tells digits better than one on the first",
          "paired difference in test accuracy", above=0.05, unit="points"),
    Claim("V3", "what the last block tells of digits is learned",
          "paired difference in test accuracy, trained minus initial weights",
          above=0.05, unit="points"),
    Claim("V3", "a probe on the last block tells less of the place than one on the first",
          "paired difference in the share of the variance of the place that is told",
          below=-0.05, unit="points"),
)  # fmt: skip
CANVAS, ROOM, BLOCKS, RIDGE = 16, 9, 3, 1e-3
TRAINED, INITIAL = ("trained", "initial")


class Network(nn.Module):
    """Blocks of a convolution, all but the last halved; then an average and a dense layer."""

    channels: int

    def setup(self) -> None:
        self.blocks = [Conv(self.channels, (3, 3)) for _ in range(BLOCKS)]
        self.last = nn.Dense(10)

    def features(self, x: Array) -> list[Array]:
        """The output of each block, `[B, H, W, C]`."""
        found = []
        for block in self.blocks:
            x = nn.relu(block(x))
            found.append(x)
            x = max_pool(x, (2, 2))
        return found

    def __call__(self, x: Array, *, train: bool) -> Array:
        return self.last(global_avg_pool(self.features(x)[-1]))


class Config(launch.Config):
    """How large the network is, and how it is trained."""

    steps: int = setting(600, "Training steps of each trial.", low=1)
    seeds: int = setting(24, "Seeds.", low=2)
    batch_size: int = setting(64, "Examples in a step.", low=1, high=1077)
    channels: int = setting(24, "Channels of each block.", low=1)
    learning_rate: float = setting(1e-2, "Peak rate of Adam.", low=1e-12)


def plan(config: Config) -> sweep.Plan:
    """Two programs: the network trained, and as it begins."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    model = Network(config.channels)
    task = tasks.classification(model)
    run = sweep.make_run(
        lambda _: (task, adam(schedule(config))), steps=config.steps, batch_size=config.batch_size
    )
    still = sweep.make_run(lambda _: (task, adam(0.0)), steps=1, batch_size=1)
    programs: dict[str, tuple[sweep.Run, list[sweep.Point]]] = {}
    for name, each in ((TRAINED, run), (INITIAL, still)):
        probed = each._replace(evaluate=functools.partial(evaluate, model))
        programs[name] = (sweep.on(placed, probed), [{}])
    return sweep.plan(programs, data, seeds=config.seeds, column="weights")


def schedule(config: Config) -> optax.Schedule:
    """A cosine from the peak rate."""
    return scaled(config.learning_rate, cosine(config.steps))


def placed(hparams: PyTree, key: Array, data: sweep.Data) -> sweep.Data:
    """Each digit somewhere on a canvas, where the seed says; `place` is where, `[..., 2]`."""

    def one(image: Array, corner: Array) -> Array:
        canvas = jnp.zeros((CANVAS, CANVAS, 1), image.dtype)
        return jax.lax.dynamic_update_slice(canvas, image, (corner[0], corner[1], 0))

    found = {}
    for name, part in data.items():
        flat = part["x"].reshape(-1, 8, 8, 1)
        corners = jax.random.randint(keys.named(key, f"places {name}"), (len(flat), 2), 0, ROOM)
        canvases = jax.vmap(one)(flat, corners)
        lead = part["x"].shape[:-3]
        found[name] = {
            **part,
            "x": canvases.reshape(*lead, CANVAS, CANVAS, 1),
            "place": corners.reshape(*lead, 2).astype(jnp.float32),
        }
    return found


def evaluate(
    model: Network, hparams: PyTree, state: TrainState, data: sweep.Data
) -> dict[str, Array]:
    """What linear probes on each block tell of test images."""
    train, test = data["train"], {name: each.reshape(-1, *each.shape[2:])
                                  for name, each in data["test"].items()}  # fmt: skip
    real = test["mask"]

    def features(x: Array) -> list[Array]:
        found = model.apply({"params": state.params}, x, method="features")
        return [pooled(each) for each in cast(list[Array], found)]

    measured: dict[str, Array] = {}
    for block, (seen, new) in enumerate(
        zip(features(train["x"]), features(test["x"]), strict=True)
    ):
        targets = jnp.concatenate([jax.nn.one_hot(train["y"], 10), train["place"]], axis=1)
        told = probe(seen, targets, new)
        right = told[:, :10].argmax(axis=1) == test["y"]
        measured[f"digit_{block + 1}_accuracy"] = (right * real).sum() / real.sum()
        error = (jnp.square(told[:, 10:] - test["place"]) * real[:, None]).sum()
        middle = (test["place"] * real[:, None]).sum(axis=0)[None] / real.sum()
        spread = (jnp.square(test["place"] - middle) * real[:, None]).sum()
        measured[f"place_{block + 1}"] = jnp.maximum(0.0, 1 - error / spread)
    return measured


def pooled(features: Array) -> Array:
    """Means over a grid of 2 × 2: `[B, H, W, C]` to `[B, 4·C]`."""
    half = features.shape[1] // 2
    return avg_pool(features, (half, half)).reshape(len(features), -1)


def probe(seen: Array, targets: Array, new: Array) -> Array:
    """Least squares with a small penalty from features, standardized, to targets: for new ones."""
    mean, deviation = seen.mean(axis=0)[None], seen.std(axis=0)[None] + 1e-6
    known, asked = ((each - mean) / deviation for each in (seen, new))
    level = targets.mean(axis=0)[None]
    gram = known.T @ known / len(known) + RIDGE * jnp.eye(known.shape[1])
    weights = jnp.linalg.solve(gram, known.T @ (targets - level) / len(known))
    return asked @ weights + level


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """The first block against the last, paired over seeds."""
    frame = results.frame()
    wide = frame.pivot(index="seed", columns="weights")
    digit, place = ([wide[name.format(n + 1)] for n in range(BLOCKS)]
                    for name in ("digit_{}_accuracy", "place_{}"))  # fmt: skip
    claims = [
        MORE.judge(stats.paired_interval(digit[-1][TRAINED], digit[0][TRAINED])),
        LEARNED.judge(stats.paired_interval(digit[-1][TRAINED], digit[-1][INITIAL])),
        LESS.judge(stats.paired_interval(place[-1][TRAINED], place[0][TRAINED])),
    ]
    rows = [
        {
            "weights": weights,
            "block": str(block + 1),
            "digits told (%)": stats.mean_interval(digit[block][weights], "share"),
            "variance of the place told (%)": place[block][weights].mean(),
        }
        for weights in (TRAINED, INITIAL)
        for block in range(BLOCKS)
    ]
    table = report.table(rows, f"Linear probes; means over {config.seeds} seeds.")
    names = ["digits, last minus first block", "digits, trained minus initial",
             "place, last minus first block"]  # fmt: skip
    figure = report.intervals(claims, names, title="What a linear probe tells: differences")
    return launch.Conclusion(claims, [Section("By block", (table, report.picture(figure)))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
