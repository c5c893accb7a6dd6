"""How much of a gradient is left many steps back: recurrent cells by lag, new and trained.

The gradient of the answer of an acceptor to its input k steps before the end, ∂ŷ/∂x_{T−k} (mean
over sequences of the sum of absolute values), on the adding task: with the initial weights, and
after training with Adam. Our cells of the LSTM's kind start with a forget bias of 1; the LSTM is
also shown with others, since f^k is what a gradient through its memory is multiplied by. A seed
moves initialization and batches, and is shared by the cells.

Claims: at the longest lag less than a hundredth of the gradient at lag 1 is left in an Elman
network, more in an LSTM with forget bias 1; each new and trained (*depends* where these disagree).

Command: python -m experiments.gradient_lag --workdir=runs/gradient_lag
Minutes: 0.6 on 2 cores.
Last result: 2026-11-21, 2-core Xeon, jax 0.10.2, 33 s, 8 seeds; decades left at lag 50.
Elman: -4.50 [-5.19, -3.80] new, -6.83 [-8.51, -5.15] trained, holds. LSTM: -3.82 [-4.39, -3.24]
new, -0.25 [-0.36, -0.13] trained, depends: with our forget bias of 1 it vanishes in a new LSTM too,
less with a bias of 3 (-0.55), more in a new GRU (-8.29). What training finds is a memory: the
gradient is level over the lags afterwards in every cell with gates (-0.25 … -0.40; with a bias of 3
in six seeds of eight).
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(400, "Training steps of each trial.", low=1),
    "seeds": Field(8, "Seeds of each setting.", low=2),
    "cells": Field(("elman", "lstm", "peephole", "coupled", "gru", "minimal_gru"), "Cells."),
    "lag": Field(50, "Longest lag that is measured; sequences are ten steps longer.", low=2),
    "hidden": Field(32, "Units of each network.", low=1),
    "learning_rate": Field(0.01, "Rate of Adam; gradients are clipped to norm 1.", low=1e-12),
    "forget_biases": Field((0.0, 3.0), "Other forget biases of the LSTM than 1."),
}
DEFAULT_BIAS, VANISHED = 1.0, -2.0
TIMES = {"new": "at initialization", "trained": "after training"}
MEASURED = 64


def plan(config: Any) -> launch.Plan:
    """One program per cell; seed and forget bias are numbers inside it."""
    import numpy as np

    from jaxdl import sweep
    from jaxdl.data.sources import sequences
    from jaxdl.layers.cells import CELLS

    made = sequences.adding(np.random.default_rng(0), 4096, config.lag + 10)
    data = {"train": {"x": made["x"], "y": made["y"][:, None]}}
    cells = launch.choose_all("cells", config.cells, CELLS)
    programs = {name: _run(config, cell) for name, cell in cells.items()}
    seeds = range(config.seeds)
    usual = sweep.grid(forget_bias=[DEFAULT_BIAS])
    trials = sweep.trials(list(programs), usual, seeds)
    others = [bias for bias in config.forget_biases if bias != DEFAULT_BIAS]
    if others and "lstm" in cells:
        trials += sweep.trials(["lstm"], sweep.grid(forget_bias=others), seeds)
    labels = {name: {"cell": name} for name in programs}
    return launch.Plan(programs, trials, data, segments=1, labels=labels)


def _run(config: Any, cell: Any) -> Any:
    """Training, with the gradient by lag kept from the first weights for the end."""
    import jax
    import jax.numpy as jnp
    import optax

    from jaxdl import sweep, tasks
    from jaxdl.layers.recurrent import RNN
    from jaxdl.models import Acceptor
    from jaxdl.optimizers import adam, clip_by_global_norm

    model = Acceptor(1, RNN(config.hidden, cell))
    task = tasks.regression(model)
    tx = optax.chain(clip_by_global_norm(1.0), adam(config.learning_rate))
    run = sweep.make_run(lambda hparams: (task, tx), steps=config.steps, batch_size=32)

    def by_lag(params: Any, x: Any) -> Any:
        """log10 of the gradient at lags 1 … L; what underflows is the smallest normal number."""

        def total(x: Any) -> Any:
            return jnp.sum(jnp.asarray(model.apply({"params": params}, x)))

        slopes = jax.grad(total)(x)
        size = jnp.abs(slopes).sum(axis=2).mean(axis=0)
        return jnp.log10(jnp.maximum(size, jnp.finfo(size.dtype).tiny))[::-1][1 : config.lag + 1]

    def init(hparams: dict[str, Any], key: Any, data: Any) -> Any:
        state = run.init(hparams, key, data)
        if cell.forget is not None:
            body = state.params["body"]
            gates = body["bias"].reshape(cell.gates, -1)
            bias = gates.at[cell.forget].set(hparams["forget_bias"]).ravel()
            state = state._replace(params={**state.params, "body": {**body, "bias": bias}})
        return state._replace(
            model_state={"new": by_lag(state.params, data["train"]["x"][:MEASURED])}
        )

    def advance(hparams: dict[str, Any], state: Any, data: Any) -> Any:
        after, curves = run.advance(hparams, state._replace(model_state={}), data)
        return after._replace(model_state=state.model_state), curves

    def evaluate(hparams: dict[str, Any], state: Any, data: Any) -> dict[str, Any]:
        trained = by_lag(state.params, data["train"]["x"][:MEASURED])
        found = {"new": state.model_state["new"], "trained": trained}
        return {f"{time}_{k + 1}": found[time][k] for time in TIMES for k in range(config.lag)}

    return sweep.Run(init, advance, evaluate)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """The ratio of the longest lag to lag 1, in decades, over seeds."""
    from jaxdl import report, stats

    frame = results.to_pandas()
    columns = [f"{time}_{k + 1}" for time in TIMES for k in range(config.lag)]
    networks = [
        cell if bias == DEFAULT_BIAS else f"{cell}, forget bias {bias:g}"
        for cell, bias in zip(frame["cell"], frame["forget_bias"], strict=True)
    ]
    frame = frame.astype(dict.fromkeys(columns, float)).copy().assign(network=networks)

    def left(line: str, time: str) -> Any:
        mine = frame[frame["network"] == line]
        return stats.mean_interval(mine[f"{time}_{config.lag}"] - mine[f"{time}_1"])

    claims = []
    sentences: Any = (
        ("elman", "the gradient vanishes in an Elman network", "below"),
        ("lstm", "the gradient does not vanish in an LSTM with forget bias 1", "above"),
    )
    for line, words, direction in sentences:
        if line not in config.cells:
            continue
        quantity = f"log10 of the gradient at lag {config.lag} / lag 1"
        claims += report.depends(
            [
                report.judge(
                    "S4",
                    f"{words}, {TIMES[time]}",
                    quantity,
                    "decades",
                    VANISHED,
                    left(line, time),
                    direction,
                )
                for time in TIMES
            ]
        )
    rows = [
        (line, *(_decades(left(line, time)) for time in TIMES))
        for line in frame["network"].unique()
    ]
    header = ("cell", *(f"left {words} (decades)" for words in TIMES.values()))
    caption = f"log10 of the gradient at lag {config.lag} over that at lag 1; Student's t, 95 %."
    table = report.Table(header, tuple(rows), frozenset({1, 2}), caption)
    report.show(table)
    picture = _picture(config, frame)
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, [report.Section("By lag", (picture, table))], headline)


def _decades(interval: Any) -> str:
    from jaxdl import report

    return f"{report.number(interval.mean, 3)} ({report.between(interval.low, interval.high)})"


def _picture(config: Any, frame: Any) -> Any:
    import pandas as pd

    from jaxdl import report
    from jaxdl.report import panels, style

    long = pd.concat(
        [
            frame[["network", "seed"]].assign(
                weights=words, lag=k, gradient=10 ** frame[f"{time}_{k}"]
            )
            for time, words in TIMES.items()
            for k in range(1, config.lag + 1)
        ]
    )
    with style.house_style():
        figure, _ = panels.small_multiples(
            long, "lag", "gradient", "weights", "network",
            title="Gradient of the answer to the input k steps before the end, adding task",
            x_label="lag k (steps)", y_label="mean |∂ŷ/∂x| (1)",
            x_scale="linear", y_scale="log", marker_every=0.2, heights=(3.2,),
        )  # fmt: skip
    caption = "Lines: mean over the seeds; bands: from the lowest to the highest seed."
    return report.Picture("gradient_by_lag", report.to_png(figure), "Gradient by lag", caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
