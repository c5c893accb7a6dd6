"""Layers of a recurrent network one after the other, or along diagonals: the time by T and L.

An LSTM of L layers over T steps takes T·L steps layer by layer and T + L − 1 along its diagonals,
where a step does the work of all layers at once. Outputs alone, compiled, measured in turn; a seed
is a repeat, with the median of `steps` calls. The slope of log time by log L, at the largest T, is
0 where a step costs the same however many layers it has, 1 where time grows with T·L; likewise by
T. Narrow layers leave lanes free; wide ones, on as few cores, do not.

Claims: along diagonals the slope by L is below 0.5 at every width, and the slope by T above 0.8;
layer by layer the slope by L is above 0.8.

Command: python -m experiments.wavefront --workdir=runs/wavefront
Minutes: 0.4 on 2 cores.
Last result: 2026-11-21, 2-core Xeon, jax 0.10.2, 19 s. Slopes of 8, 16 and 256 units: along
diagonals by L 0.25, 0.27 and 1.14 [1.09, 1.20]: depends; by T 0.57 [0.47, 0.68], fails, 0.64
[0.38, 0.90], not decided, and 0.74 [0.68, 0.79], fails: times this short have a part that no step
adds to. Layer by layer by L 0.71, 0.64 and 0.95 [0.91, 1.00]: depends. 8 layers of 16 units are 1.8
times faster along diagonals, 8 of 256 units 2.4 times slower.
"""

import statistics
import time
from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(5, "Timed calls in each repeat, of which the median counts.", low=1),
    "seeds": Field(6, "Repeats of the measurement.", low=2),
    "widths": Field((8, 16, 256), "Units of each layer.", low=1),
    "layers": Field((1, 4, 8), "Numbers of layers.", low=1),
    "lengths": Field((64, 256), "Time steps.", low=1),
    "batch_size": Field(1, "Sequences side by side.", low=1),
}
WAYS = DIAGONALS, LAYERS = "along diagonals", "layer by layer"


def plan(config: Any) -> launch.Plan:
    """One row a size and repeat, with the steps of both ways; the clock runs in `conclude`."""
    import numpy as np

    from jaxdl import sweep

    def evaluate(hparams: dict[str, Any], state: Any, data: Any) -> dict[str, Any]:
        length, layers = hparams["length"], hparams["layers"]
        return {"diagonals": length + layers - 1, "cells": length * layers}

    settings = sweep.grid(width=config.widths, layers=config.layers, length=config.lengths)
    trials = sweep.trials(["sizes"], settings, range(config.seeds))
    data = {"train": {"x": np.zeros(1, np.float32)}}
    return launch.Plan({"sizes": sweep.without_training(evaluate)}, trials, data, segments=1)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Times of every size in both ways, and their slopes."""
    from jaxdl import report, stats

    frame = _measure(
        config, results.to_pandas().astype({"width": int, "layers": int, "length": int})
    )
    claims = [
        *_claims(config, frame, DIAGONALS, "layers", 0.5, "below"),
        *_claims(config, frame, DIAGONALS, "length", 0.8, "above"),
        *_claims(config, frame, LAYERS, "layers", 0.8, "above"),
    ]
    rows = []
    for (width, length, layers), group in frame.groupby(["width", "length", "layers"]):
        times = group.pivot(index="seed", columns="way", values="ms")
        ratio = stats.mean_interval(times[LAYERS] / times[DIAGONALS], "positive")
        cells = (*(report.number(times[way].median()) for way in WAYS), report.number(ratio.mean))
        bounds = report.between(ratio.low, ratio.high)
        rows.append((str(width), str(length), str(layers), *cells, bounds))
    header = ("width", "T", "L", *(f"{way} (ms)" for way in WAYS), "times faster", "95 % interval")
    caption = f"Batch of {config.batch_size}; over {config.seeds} repeats. {claims[0].method}."
    table = report.Table(header, tuple(rows), frozenset(range(7)), caption)
    report.show(table)
    sections = [report.Section("By layers", (_picture(frame, config), table))]
    headline = "; ".join(f"{c.claim} {report.number(c.measured)}: {c.verdict}" for c in claims)
    return launch.Conclusion(claims, sections, headline)


def _claims(
    config: Any, frame: Any, way: str, axis: str, threshold: float, direction: Any
) -> list[Any]:
    """One a width: the slope of the time by an axis is below or above the threshold."""
    from jaxdl import report, stats

    letter = {"layers": "L", "length": "T"}[axis]
    found = []
    for width in config.widths:
        mine = frame[frame["way"].eq(way) & frame["width"].eq(width)]
        found.append(
            report.judge(
                "S13", f"{width} units, {way}: slope by {letter} {direction} {threshold:g}",
                f"slope of log time by log {letter}", "1", threshold,
                stats.mean_interval(_slopes(mine, axis)), direction,
            )
        )  # fmt: skip
    return report.depends(found)


def _slopes(frame: Any, axis: str) -> list[float]:
    """One a repeat, with the other axis at its largest number."""
    import numpy as np

    other = "length" if axis == "layers" else "layers"
    largest = frame[frame[other].eq(frame[other].max())]
    return [
        float(np.polyfit(np.log(group[axis]), np.log(group["ms"]), 1)[0])
        for _, group in largest.groupby("seed")
    ]


def _measure(config: Any, frame: Any) -> Any:
    """Of each row two, one a way: the median milliseconds."""
    import pandas as pd

    rows = []
    for (width, layers, length), group in frame.groupby(["width", "layers", "length"]):
        calls = _calls(int(width), int(layers), int(length), config.batch_size)
        for seed in group["seed"]:
            # In turn, so that what else the machine does meets both.
            pairs = [[call() for call in calls] for _ in range(config.steps)]
            for way, times in zip(WAYS, zip(*pairs, strict=True), strict=True):
                rows.append(
                    {"width": width, "layers": layers, "length": length, "seed": seed, "way": way,
                     "ms": 1000 * statistics.median(times)}
                )  # fmt: skip
    return pd.DataFrame(rows)


def _calls(width: int, layers: int, length: int, batch: int) -> list[Any]:
    """Measures seconds of the outputs, along diagonals and layer by layer, compiled and warm."""
    import jax

    from jaxdl.layers.recurrent import RNN, Stack
    from jaxdl.layers.wavefront import Wavefront, stacked

    x = jax.random.normal(jax.random.key(0), (batch, length, width))
    stack = Stack([RNN(width) for _ in range(layers)])
    params = jax.jit(stack.init)(jax.random.key(1), x)["params"]
    ways = (Wavefront(width, layers), stacked(params)), (stack, params)

    def call_of(body: Any, params: Any) -> Any:
        outputs = jax.jit(lambda params, x: body.apply({"params": params}, x)[1])

        def seconds() -> float:
            began = time.perf_counter()
            jax.block_until_ready(outputs(params, x))
            return time.perf_counter() - began

        seconds()
        return seconds

    return [call_of(*way) for way in ways]


def _picture(frame: Any, config: Any) -> Any:
    from jaxdl import report
    from jaxdl.report import panels, style

    length = max(config.lengths)
    longest = frame[frame["length"].eq(length)]
    table = longest.assign(panel=[f"{width} units" for width in longest["width"]])
    with style.house_style():
        figure, cells = panels.small_multiples(
            table, "layers", "ms", "panel", "way",
            title=f"Time of {length} steps of an LSTM by its layers",
            x_label="layers (log scale)", y_label="time (ms, log scale)",
            x_scale="log", y_scale="log", marker_every=1, heights=(2.6,),
        )  # fmt: skip
        for axes, *_ in cells.values():
            axes.set_xticks(
                sorted(table["layers"].unique()), labels=map(str, sorted(table["layers"].unique()))
            )
            axes.minorticks_off()
    caption = "Lines: mean over the repeats; bands: lowest to highest."
    return report.Picture("times", report.to_png(figure), "Time by layers", caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
