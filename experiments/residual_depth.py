"""Deep networks with and without shortcuts: residual against plain on the digits.

Networks of 3 × 3 convolutions with batch normalization (He et al. 2016, section 4.2), 8 channels
wide all through, on digits of 4 × 4 pixels, each the mean of four; the plain twin has the same
layers and parameters, only its blocks add their input times 0. Momentum with a cosine schedule;
each network and depth has the same rates to choose from, by the mean validation loss over seeds.

Claims: with 8 and with 56 layers, the residual network ends with less than half the training loss
of its plain twin; the plain network of 56 layers stalls: it ends with more than ten times the
training loss of the one of 8 layers, the residual one does not.

Command: python -m experiments.residual_depth --workdir=runs/residual_depth
Minutes: 1 on 2 cores
Last result: 2026-11-21, 2-core Xeon (shared, 349 s), jax 0.10.2, 4 seeds. Training loss with 8 and
56 layers: plain 0.149 and 1.81 nats, residual 0.128 and 0.171. Ratio residual to plain 0.86
(0.74 … 0.98) with 8 layers and 0.091 (0.054 … 0.153) with 56: depends. Ratio of 56 layers to 8:
plain 12.1 (10.9 … 13.5), residual 1.3 (0.9 … 1.9): both hold. All but the residual network of 56
layers chose the largest rate.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(300, "Training steps of each trial.", low=1),
    "seeds": Field(4, "Seeds of each setting.", low=2),
    "batch_size": Field(32, "Examples in a step.", low=2, high=1077),
    "learning_rates": Field((0.01, 0.03, 0.1), "Peak rates of momentum to try.", low=1e-12),
    "depths": Field((8, 56), "Depths, two or more: 2n + 2 of one stage.", low=4),
    "channels": Field(
        (8,), "Channels of each stage; each but the first halves.", low=1, repeats=True
    ),
}
SHORTCUTS = {"plain": 0.0, "residual": 1.0}
HALF, TEN, END = 0.5, 10.0, 0.1


def plan(config: Any) -> launch.Plan:
    """One program per depth; kind of network, rate and seed are numbers inside it."""
    from jaxdl import sweep, tasks
    from jaxdl.data import catalog, scaling, splits
    from jaxdl.initializers import he_normal
    from jaxdl.models import ResNet, identity_shortcut
    from jaxdl.optimizers import momentum, schedules

    init: Any = he_normal
    stages = len(config.channels)
    for depth in config.depths:
        if (depth - 2) % (2 * stages):
            raise launch.UserError(f"config.depths: {depth} is not {2 * stages}n + 2")
    if len(config.depths) < 2:
        raise launch.UserError("config.depths: two or more are compared")
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)
    data = {name: {**split, "x": halved(split["x"])} for name, split in data.items()}

    def run(depth: int) -> sweep.Run:
        def build(hparams: dict[str, Any]) -> Any:
            def shortcut(x: Any, y: Any) -> Any:
                return identity_shortcut(hparams["shortcut"] * x, y)

            rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
            blocks = (depth - 2) // (2 * stages)
            model = ResNet(config.channels, blocks, 10, shortcut, kernel_init=init)
            return tasks.classification(model), momentum(rate)

        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    programs = {f"{depth} layers": run(depth) for depth in config.depths}
    labels = {f"{depth} layers": {"depth": str(depth)} for depth in config.depths}
    settings = sweep.grid(shortcut=list(SHORTCUTS.values()), learning_rate=config.learning_rates)
    trials = sweep.trials(list(programs), settings, range(config.seeds))
    return launch.Plan(programs, trials, data, segments=1, labels=labels)


def halved(images: Any) -> Any:
    """`[..., H, W, C]` to `[..., H / 2, W / 2, C]`: means of four pixels."""
    *leading, height, width, channels = images.shape
    blocks = images.reshape(*leading, height // 2, 2, width // 2, 2, channels)
    return blocks.mean(axis=(-4, -2))


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Rates by validation loss; training losses at the end of training, paired over seeds."""
    from jaxdl import report, stats

    frame = results.to_pandas()
    names = {value: name for name, value in SHORTCUTS.items()}
    frame["network"] = frame["shortcut"].map(names)
    frame["training_loss"] = final_losses(results, frame)
    keys = ["network", "depth"]
    selection = stats.select(frame, keys, "learning_rate", "validation_loss", "min")
    chosen = stats.chosen_trials(frame, selection, [*keys, "learning_rate"])
    final = chosen.pivot(index="seed", columns=keys, values="training_loss").astype(float)
    claims = judge(final, [str(depth) for depth in config.depths])
    table = _table(selection, chosen, final, int(plan.data["test"]["mask"].sum()))
    report.show(table)
    figure = report.training_curves(
        results.curve_frame("loss", chosen).assign(panel=lambda rows: "depth " + rows["depth"]),
        panel="panel",
        line="network",
        title="Training with and without shortcuts, each at its own rate",
    )
    caption = "Mean over seeds of the loss of single batches, in windows of steps."
    picture = report.Picture("curves", report.to_png(figure), "Training loss by network", caption)
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, [report.Section("By depth", (picture, table))], headline)


def final_losses(results: Any, frame: Any) -> Any:
    """Mean training loss of the last tenth of the steps of each trial; nan where it diverged."""
    curves = results.curve_frame("loss", frame)
    last = curves[curves["step"] > (1 - END) * curves["step"].max()]
    means = last.groupby("trial")["loss"].agg(lambda losses: losses.mean(skipna=False))
    return frame["trial"].map(means)


def judge(final: Any, depths: list[str]) -> list[Any]:
    """Of final training losses `[seed, (network, depth)]` in nats."""
    import math

    import numpy as np

    from jaxdl import report, stats

    logs = np.log(final)
    shallow, deep = min(depths, key=int), max(depths, key=int)

    def claim(words: str, numerator: Any, denominator: Any, limit: float, direction: Any) -> Any:
        interval = stats.paired_interval(logs[numerator], logs[denominator])
        quantity = "natural logarithm of the ratio of training losses"
        return report.judge("V4", words, quantity, "1", math.log(limit), interval, direction)

    halves = [
        claim(
            f"the residual network of {depth} layers ends with less than half the training loss "
            "of its plain twin",
            ("residual", depth),
            ("plain", depth),
            HALF,
            "below",
        )
        for depth in depths
    ]
    stalls = [
        claim(
            f"the {kind} network of {deep} layers {words} ten times the training loss of the one "
            f"of {shallow}",
            (kind, deep),
            (kind, shallow),
            TEN,
            direction,
        )
        for kind, words, direction in (
            ("plain", "ends with more than", "above"),
            ("residual", "does not end with", "below"),
        )
    ]
    return [*report.depends(halves), *stalls]


def _table(selection: Any, chosen: Any, final: Any, examples: int) -> Any:
    from jaxdl import report, stats

    rows = []
    for _, row in selection.iterrows():
        mine = chosen[chosen["network"].eq(row["network"]) & chosen["depth"].eq(row["depth"])]
        loss = stats.mean_interval(final[row["network"], row["depth"]], "positive")
        values = mine["test_accuracy"].astype(float)
        accuracy = stats.mean_interval(values, "share", examples=examples)
        rows.append((
            row["network"],
            row["depth"],
            report.distinct(mine["learning_rate"]) + "*" * row["on_border"],
            report.number(loss.mean),
            report.between(loss.low, loss.high),
            report.percent(accuracy.mean),
            report.between(accuracy.low, accuracy.high, report.percent),
        ))  # fmt: skip
    header = ("network", "depth", "rate", "training loss (nats)", "95 % interval",
              "test accuracy (%)", "95 % interval")  # fmt: skip
    caption = (
        "Training loss: mean over the last tenth of the steps, geometric over seeds. Intervals "
        f"over seeds, {report.CHOSEN}.  * that of all seeds is on the border of its grid."
    )
    return report.Table(header, tuple(rows), frozenset(range(1, 7)), caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
