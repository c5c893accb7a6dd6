"""Transfer from the digits 0-4: how much to keep, by amount of data and likeness of the task.

An MLP of two hidden layers, or a network of two convolutions, learns the digits 0-4. The target is
similar (the digits 5-9) or different (which of two photographs an 8×8 patch is from), with 50
labels or 500. Five strategies, which differ only in the layers that are copied and in their rates:
from scratch; freeze both layers and train the head; copy and freeze the lower layer, with a new
upper layer and head on it; copy both and train the upper and the head; copy both and train all,
each layer at 1/2.6 of the rate of the one above. A seed moves the pretraining, the labelled
examples and the initialization; it is at the rate that other seeds chose on validation. Frozen
strategies choose the highest rates.

    python -m experiments.transfer --workdir=runs/transfer  # 3 minutes on 2 cores
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl import keys, launch, optimizers, report, stats, sweep, tasks, train
from jaxdl.data import batches, catalog, scaling, splits
from jaxdl.data.sources import photographs
from jaxdl.launch import setting
from jaxdl.models import CNN, MLP
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Picture, Section
from jaxdl.types import Array, PyTree, Task, TrainState

MANY, CLASSES = 500, 5
DECAY = 1 / 2.6
SCRATCH, TOP, LOWER = "from scratch", "freeze, new head", "head on lower layer"
UPPER, ALL = "train upper layer", "train all, by layer"
STRATEGIES = {
    SCRATCH: ((0, 0), (1, 1)),
    TOP: ((1, 1), (0, 0)),
    LOWER: ((1, 0), (0, 1)),
    UPPER: ((1, 1), (0, 1)),
    ALL: ((1, 1), (DECAY**2, DECAY)),
}
"""For the two lower layers: whether it is copied, and its share of the rate. The head is new."""
DENSE, CONVOLUTIONAL = "dense", "convolutional"
LAYERS = {DENSE: ("Dense_0", "Dense_1"), CONVOLUTIONAL: ("Conv_0", "Conv_1")}
"""The names of those layers."""
TARGETS = ("similar", "different")
CELLS = {
    ("similar", "little"): (TOP, SCRATCH, 0.02),
    ("similar", "much"): (ALL, TOP, 0.01),
    ("different", "little"): (LOWER, TOP, 0.01),
    ("different", "much"): (ALL, TOP, 0.02),
}
"""What should win, against what, and by how much."""
CLAIMS = tuple(
    Claim("V9", f"{amount} data, {likeness} task: {winner} beats {loser}",
          "paired difference in test accuracy", above=by, unit="points")
    for (likeness, amount), (winner, loser, by) in CELLS.items()
)  # fmt: skip


class Config(launch.Config):
    """How much is learned from what, at which rates."""

    steps: int = setting(300, "Training steps, of pretraining and of each target.", low=1)
    seeds: int = setting(16, "Seeds of each setting.", low=1)
    few: int = setting(50, "Labels of a target with little data.", low=1, high=500)
    batch_size: int = setting(50, "Examples in a step.", low=1, high=500)
    hidden: tuple[int, ...] = launch.widths(64, 64, help="Widths of the two hidden layers.")
    channels: tuple[int, ...] = launch.widths(16, 32, help="Channels of the two convolutions.")
    source_rate: float = setting(3e-3, "Rate of Adam in pretraining.", low=1e-12)
    learning_rates: tuple[float, ...] = launch.rates(
        1e-3, 3e-3, 1e-2, 3e-2, help="Rates of Adam on the target."
    )


def plan(config: Config) -> sweep.Plan:
    """A program a network: target, number of labels, strategy and rate are numbers inside it."""
    points = sweep.grid(
        target=TARGETS, labels=(float(config.few), float(MANY)), strategy=list(STRATEGIES),
        learning_rate=config.learning_rates,
    )  # fmt: skip
    categories = {"target": TARGETS, "strategy": list(STRATEGIES)}
    blocks = tuple((width,) for width in config.channels)
    networks = {DENSE: MLP(config.hidden, CLASSES), CONVOLUTIONAL: CNN(blocks, CLASSES)}
    programs = {name: (run(config, net, LAYERS[name]), points) for name, net in networks.items()}
    return sweep.plan(
        programs, datasets(), seeds=config.seeds, categories=categories, column="network"
    )


def datasets() -> sweep.Data:
    """The source, and both targets side by side: train [2, 500, ...], others [2, 1, B, ...]."""
    digits = catalog.load("digits")
    scale = scaling.fit_max(digits.train["x"])

    def half(split: str, upper: bool) -> dict[str, np.ndarray]:
        arrays = getattr(digits, split)
        rows = (arrays["y"] >= CLASSES) == upper
        return {"x": scaling.apply(scale, arrays["x"][rows]), "y": arrays["y"][rows] % CLASSES}

    similar = {split: half(split, True) for split in ("train", "validation", "test")}
    most = {split: min(MANY, len(arrays["y"])) for split, arrays in similar.items()}
    targets = [
        splits.in_batches({
            split: {name: array[: most[split]] for name, array in arrays.items()}
            for split, arrays in parts.items()
        })
        for parts in (similar, photographs.which())
    ]  # fmt: skip
    return {"source": half("train", False)} | jax.tree.map(lambda *both: np.stack(both), *targets)


def run(config: Config, model: nn.Module, layers: Sequence[str]) -> sweep.Run:
    """Pretraining, the copy of layers and the training on the target, as one trial."""
    task = tasks.classification(model)
    copies, rates = (jnp.array(part, float) for part in zip(*STRATEGIES.values(), strict=True))

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        factors = dict(zip(layers, rates[hparams["strategy"]], strict=True))
        return task, optax.chain(adam(hparams["learning_rate"]), optimizers.scale_by_path(factors))

    target = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    def chosen(hparams: PyTree, key: Array, data: sweep.Data) -> dict[str, PyTree]:
        parts = {name: part for name, part in data.items() if name != "source"}
        return jax.tree.map(lambda array: array[hparams["target"]], parts)

    def advance(
        hparams: PyTree, state: TrainState, data: sweep.Data
    ) -> tuple[TrainState, dict[str, Array]]:
        source_key, draw_key = (keys.named(state.key, name) for name in ("source", "labelled"))
        source = train.fit_scan(
            task, adam(config.source_rate), source_key, data["source"],
            steps=config.steps, batch_size=config.batch_size,
        )  # fmt: skip
        params = dict(state.params)
        for layer, copied in zip(layers, copies[hparams["strategy"]], strict=True):
            params[layer] = optax.tree.where(copied > 0, source.params[layer], params[layer])
        parts = chosen(hparams, state.key, data)
        rows = batches.part_indices(draw_key, MANY, hparams["labels"])
        parts["train"] = batches.take(parts["train"], rows)
        return target.advance(hparams, state._replace(params=params), parts)

    return sweep.on(chosen, target)._replace(advance=advance)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Rates chosen on validation; strategies compared seed by seed within each cell."""
    frame = results.frame()
    frame["data"] = frame["labels"].map({float(config.few): "little", float(MANY): "much"})
    tuned = stats.tune(frame, ("network", "target", "data", "strategy"), "learning_rate")
    judged = [
        each
        for claim, (cell, (winner, loser, _)) in zip(CLAIMS, CELLS.items(), strict=True)
        for each in claim.judge_each({
            f"{network} network": tuned.gain(
                "test_accuracy", (network, *cell, winner), (network, *cell, loser)
            )
            for network in LAYERS
        })
    ]  # fmt: skip
    examples = int(plan.data["test"]["mask"][0].sum())
    maps = [strategies(config, tuned, network, examples) for network in LAYERS]
    names = [f"{amount}, {likeness}: {network}" for likeness, amount in CELLS for network in LAYERS]
    bars = report.intervals(judged, names, title="Differences between strategies")
    caption = "; ".join(claim.text for claim in CLAIMS) + "."
    table = report.tuned_table(tuned, "test_accuracy", against=SCRATCH)
    blocks: list[Picture | report.Table] = [*maps, report.picture(bars, caption), table]
    return launch.Conclusion(judged, [Section("Strategies, each at its own rates", blocks)])


def strategies(config: Config, tuned: stats.Tuned, network: str, examples: int) -> Picture:
    """Test accuracy of a network by strategy and cell."""
    scores = {
        f"{amount}, {likeness}": {
            name: tuned.interval("test_accuracy", (network, likeness, amount, name), examples)
            for name in STRATEGIES
        }
        for likeness, amount in CELLS
    }
    drawn = report.interval_map(
        scores, down="strategy", across="target data, task", best=True,
        title=f"Transfer from the digits 0-4, {network} network", label="test accuracy (%)",
        caption=f"Mean over seeds and its 95 % interval, {report.CHOSEN}. "
        f"Little: {config.few} labels, much: {MANY}.",
    )  # fmt: skip
    return drawn._replace(name=f"{network}_network")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
