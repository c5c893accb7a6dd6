"""Transfer from the digits 0-4: how much to keep, by amount of data and likeness of the task.

An MLP of two hidden layers learns the digits 0-4. The target is similar (the digits 5-9) or
different (which of two photographs an 8×8 patch is from), with 50 labels or 500. Five strategies,
which differ only in the layers that are copied and in their rates: from scratch; freeze both layers
and train the head; copy and freeze the lower layer, with a new hidden layer and head on it; copy
both and train the upper and the head; copy both and train all, each layer at 1/2.6 of the rate of
the one above. A seed moves the pretraining, the labelled examples and the initialization.

Claims: at the rates that other seeds chose on validation, with few labels and a similar task,
freezing and training the head is two points of test accuracy or more above scratch; with many,
training all is a point or more above freezing; with few labels and a different task, a head on the
lower layer is a point or more above one on top; with many, training all is two points or more above
freezing.

Command: python -m experiments.transfer --workdir=runs/transfer
Minutes: 1 on 2 cores
Last result: 2026-11-21, 2-core Xeon (shared, 67 s), jax 0.10.2, in points: few labels, similar task
−9.8 [−11.7, −7.8], fails (scratch is best, 92.5 %); many, similar +3.3 [2.1, 4.5], holds; few,
different 0.0 [−2.7, 2.7], inconclusive; many, different +5.3 [0.8, 9.8], inconclusive. Frozen
strategies chose the highest rate; with a grid up to 0.01, where they did too, the four were −9.9,
+4.9, +1.8 and +7.5 [5.8, 9.1]: the last then held, the other verdicts were the same.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch, optimizers, train
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(300, "Training steps, of pretraining and of each target.", low=1),
    "seeds": Field(8, "Seeds of each setting.", low=1),
    "few": Field(50, "Labels of a target with little data.", low=1, high=500),
    "batch_size": Field(50, "Examples in a step.", low=1, high=500),
    "hidden": Field((64, 64), "Widths of the two hidden layers.", low=1, repeats=True),
    "source_rate": Field(3e-3, "Rate of Adam in pretraining.", low=1e-12),
    "learning_rates": Field((1e-3, 3e-3, 1e-2, 3e-2), "Rates of Adam on the target.", low=1e-12),
}
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
"""For the two hidden layers: whether it is copied, and its share of the rate. The head is new."""
TARGETS = ("similar", "different")
POINT, TWO_POINTS = 0.01, 0.02
CELLS = {
    ("similar", "little"): (TOP, SCRATCH, TWO_POINTS),
    ("similar", "lots"): (ALL, TOP, POINT),
    ("different", "little"): (LOWER, TOP, POINT),
    ("different", "lots"): (ALL, TOP, TWO_POINTS),
}
"""What should win, against what, and by how much."""


def plan(config: Any) -> launch.Plan:
    """One program: target, number of labels, strategy and rate are numbers inside it."""
    from jaxdl import sweep

    settings = sweep.grid(
        target=TARGETS,
        labels=(float(config.few), float(MANY)),
        strategy=list(STRATEGIES),
        learning_rate=config.learning_rates,
    )
    trials = sweep.trials(["transfer"], settings, range(config.seeds))
    categories = {"target": TARGETS, "strategy": list(STRATEGIES)}
    return launch.Plan({"transfer": run(config)}, trials, datasets(), 1, categories)


def datasets() -> dict[str, Any]:
    """The source, and both targets side by side: train [2, 500, ...], others [2, 1, B, ...]."""
    import numpy as np

    from jaxdl.data import batches, catalog, scaling, splits

    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)

    def half(arrays: Any, upper: bool) -> dict[str, Any]:
        rows = (arrays["y"] >= CLASSES) == upper
        return {"x": arrays["x"][rows], "y": arrays["y"][rows] % CLASSES}

    digits = {
        name: half({key: array.reshape(-1, *array.shape[2:]) if name != "train" else array
                    for key, array in data[name].items()}, True)
        for name in data
    }  # fmt: skip
    patches = photographs()
    parts: dict[str, Any] = {"source": half(data["train"], False)}
    for name in data:
        n = min(MANY, len(digits[name]["y"]))
        pair = [
            {key: array[:n] for key, array in each.items()}
            for each in (digits[name], patches[name])
        ]
        if name != "train":
            pair = [batches.padded_batches(each, n) for each in pair]
        parts[name] = {key: np.stack([each[key] for each in pair]) for key in pair[0]}
    return parts


def photographs() -> dict[str, dict[str, Any]]:
    """Patches of 16×16 pixels of scikit-learn's two photographs, averaged to grey 8×8 ones."""
    import numpy as np
    from sklearn.datasets import load_sample_images

    patches = []
    for image in load_sample_images().images:
        grey = image.mean(axis=2)[:416, :640].reshape(208, 2, 320, 2).mean(axis=(1, 3)) / 255
        patches.append(grey.reshape(26, 8, 40, 8).swapaxes(1, 2).reshape(-1, 8, 8, 1))
    y = np.repeat(np.arange(2, dtype=np.int32), [len(each) for each in patches])
    order = np.random.default_rng(0).permutation(len(y))
    x, y = np.concatenate(patches).astype(np.float32)[order], y[order]
    ends = {"train": (0, 1000), "validation": (1000, 1500), "test": (1500, 2080)}
    return {name: {"x": x[a:b], "y": y[a:b]} for name, (a, b) in ends.items()}


def run(config: Any) -> Any:
    """Pretraining, the copy of layers and the training on the target, as one trial."""
    import jax
    import jax.numpy as jnp
    import optax

    from jaxdl import keys, sweep, tasks
    from jaxdl.data import batches
    from jaxdl.models import MLP
    from jaxdl.optimizers import adam

    task = tasks.classification(MLP(config.hidden, CLASSES))
    layers = ("Dense_0", "Dense_1")
    copies, rates = (jnp.array(part, float) for part in zip(*STRATEGIES.values(), strict=True))

    def build(hparams: dict[str, Any]) -> Any:
        factors = dict(zip(layers, rates[hparams["strategy"]], strict=True))
        return task, optax.chain(adam(hparams["learning_rate"]), optimizers.scale_by_path(factors))

    target = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    def chosen(hparams: Any, data: Any) -> dict[str, Any]:
        parts = {name: part for name, part in data.items() if name != "source"}
        return jax.tree.map(lambda array: array[hparams["target"]], parts)

    def advance(hparams: Any, state: Any, data: Any) -> Any:
        source_key, draw_key = (keys.named(state.key, name) for name in ("source", "labelled"))
        options = {"steps": config.steps, "batch_size": config.batch_size}
        source = train.fit_scan(
            task, adam(config.source_rate), source_key, data["source"], **options
        )
        params = dict(state.params)
        for layer, copied in zip(layers, copies[hparams["strategy"]], strict=True):
            params[layer] = optax.tree.where(copied > 0, source.params[layer], params[layer])
        parts = chosen(hparams, data)
        # The labelled examples over and over, so that their number need not change the program.
        rows = batches.permutation(draw_key, MANY)[
            jnp.arange(MANY) % hparams["labels"].astype(jnp.int32)
        ]
        parts["train"] = batches.take(parts["train"], rows)
        return target.advance(hparams, state._replace(params=params), parts)

    return sweep.Run(
        lambda hparams, key, data: target.init(hparams, key, chosen(hparams, data)),
        advance,
        lambda hparams, state, data: target.evaluate(hparams, state, chosen(hparams, data)),
    )


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Rates chosen on validation; strategies compared seed by seed within each cell."""
    import pandas as pd

    from jaxdl import report, stats

    frame = results.to_pandas()
    frame["data"] = frame["labels"].map({float(config.few): "little", float(MANY): "lots"})
    by = ["target", "data", "strategy"]
    best = stats.select(frame, by, "learning_rate")
    chosen = stats.chosen_trials(frame, best, [*by, "learning_rate"])
    seeds = chosen.assign(test_accuracy=chosen["test_accuracy"].astype(float))
    seeds = seeds.pivot(index="seed", columns=by, values="test_accuracy")
    claims = [
        report.judge(
            "V9",
            f"{amount} data, {likeness} task: {winner} beats {loser}",
            "paired difference in test accuracy",
            "1",
            threshold,
            stats.paired_interval(seeds[likeness, amount, winner], seeds[likeness, amount, loser]),
            "above",
        )
        for (likeness, amount), (winner, loser, threshold) in CELLS.items()
    ]
    examples = int(plan.data["test"]["mask"][0].sum())
    cells = {
        f"{amount}, {likeness}": {
            name: stats.mean_interval(seeds[likeness, amount, name], "share", examples=examples)
            for name in STRATEGIES
        }
        for likeness, amount in CELLS
    }
    means, low, high = (
        pd.DataFrame(
            {c: {name: 100 * i[part] for name, i in rows.items()} for c, rows in cells.items()}
        )
        for part in range(3)
    )
    figure = report.heat_map(
        means.rename_axis(index="strategy", columns="target data, task"),
        bounds=(low, high),
        marked=means.eq(means.max()),
        title="Transfer from the digits 0-4",
        label="test accuracy (%)",
        mark_label="best of the column",
    )
    heat = report.Picture(
        "strategies",
        report.to_png(figure),
        "Heat map of test accuracy by strategy and target",
        f"Mean over seeds and its 95 % interval, {report.CHOSEN}. "
        f"Little: {config.few} labels, lots: {MANY}.",
    )
    names = [f"{amount} data, {likeness} task" for likeness, amount in CELLS]
    bars = report.intervals(claims, names, title="The four claims")
    caption = "; ".join(claim.claim for claim in claims) + "."
    bars_picture = report.Picture(
        "claims", report.to_png(bars), "Differences between strategies", caption
    )
    section = report.Section(
        "Strategies, each at its own rates",
        (heat, bars_picture),
    )
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, [section], headline)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
