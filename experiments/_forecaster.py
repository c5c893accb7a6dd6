"""The networks of `forecasting`, and what a finished run does with the one that it has kept."""

from pathlib import Path
from typing import NamedTuple

import flax.linen as nn
import jax
import numpy as np

from jaxdl import forecasting, launch, report, sweep, tasks
from jaxdl.data import scaling, series
from jaxdl.layers.causal import Causal
from jaxdl.layers.recurrent import RNN
from jaxdl.models import MLP, Acceptor, Forecaster
from jaxdl.types import PyTree

LSTM, FED, DENSE, CAUSAL = "LSTM", "LSTM, fed back", "MLP", "causal convolutions"
MODELS = (LSTM, FED, DENSE, CAUSAL)
MOST, SHOWN = 1000, 3
"""Values that can be asked for; windows of history in a picture."""


class Loaded(NamedTuple):
    """A series, as it is `[T]` and in windows."""

    values: np.ndarray
    prepared: series.Prepared


def network(model: str, length: int, horizon: int, units: int) -> Forecaster:
    """The model, from plain numbers: quantiles of `horizon` steps, or of the next one."""
    ahead = 1 if model == FED else horizon
    outputs = ahead * len(forecasting.LEVELS)
    if model == DENSE:
        body: nn.Module = MLP((2 * units, 2 * units), outputs)
    elif model == CAUSAL:
        doublings = range(max(1, int(np.ceil(np.log2(length))) - 1))
        body = Acceptor(outputs, Causal(units, [2**n for n in doublings]))
    else:
        body = Acceptor(outputs, RNN(units))
    return Forecaster(body, ahead)


def save(
    plan: sweep.Plan,
    row: PyTree,
    params: PyTree,
    options: dict[str, int],
    loaded: Loaded,
    longest_gap: int,
) -> None:
    """Keeps the LSTM of a row, with the end of its series, to go on from."""
    assert plan.workdir is not None
    history = loaded.values[-SHOWN * options["length"] :]
    launch.save_best(
        plan.workdir, params, None, loaded.prepared.scalings[0],
        task="forecasting", model="forecaster", options={"model": LSTM, **options},
        input_shape=(options["length"], 1), history=history.tolist(), values=len(loaded.values),
        longest_gap=longest_gap,
        **{name: row[name] for name in ("series", "trial", "learning_rate", "seed")},
    )  # fmt: skip


def forecast(workdir: Path, text: str) -> str:
    """The next values behind the end of the series, with their intervals, as a table and drawn."""
    kept = launch.load(workdir, lambda found: tasks.forecasting(network(**found["options"])))
    steps = int(text) if text.isdecimal() else 0
    if not 1 <= steps <= MOST:
        raise ValueError(f"{text!r} is no whole number from 1 to {MOST}")
    facts, history = kept.description, np.array(kept.description["history"], np.float64)
    length, horizon = (facts["options"][name] for name in ("length", "horizon"))
    window = series.carried(history[:, None], facts["longest_gap"])[-length:]
    if np.isnan(window).any():
        raise ValueError(
            f"the last {length} values of {facts['series']} have a gap of more than "
            f"{facts['longest_gap']}, and so cannot be gone on from"
        )
    assert kept.scaling is not None
    x = scaling.apply(kept.scaling, window[None])
    predict = jax.jit(lambda x: kept.task.predict(kept.params, {}, {"x": x}))
    found = np.asarray(forecasting.forecast(predict, x, steps))[0, :, 0]
    quantiles = found * np.asarray(kept.scaling.scale) + np.asarray(kept.scaling.mean)
    first, name = facts["values"] + 1, facts["series"]
    rows = [
        {"step": str(step), "forecast": middle, "80 % interval": report.between(low, high)}
        for step, (low, middle, high) in enumerate(quantiles, start=first)
    ]
    title = f"{name}: the next {steps} values"
    figure = report.fan(history, quantiles, title=title, first=first - len(history))
    drawn = workdir / "forecast.png"
    drawn.write_bytes(report.to_png(figure))
    lines = [report.to_markdown(report.table(rows)), f"Drawn in {drawn}."]
    if steps > horizon:
        lines.append(
            f"Beyond {horizon} steps forecasts are fed back, their intervals may be too narrow."
        )
    return "\n".join(lines)
