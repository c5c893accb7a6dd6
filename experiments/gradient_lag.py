"""How much of a gradient is left many steps back: recurrent cells by lag, new and trained.

The gradient of the answer of an acceptor to its input k steps before the end, ∂ŷ/∂x_{T−k} (mean
over sequences of the sum of absolute values), on the adding task: with the initial weights, and
after training with Adam. Our cells of the LSTM's kind start with a forget bias of 1; the LSTM is
also shown with others, since f^k is what a gradient through its memory is multiplied by. A seed
moves initialization and batches, and is shared by the cells.

What training finds is a memory: in cells with gates the gradient is level over the lags afterwards,
also where it vanished in the new network.

    python -m experiments.gradient_lag --workdir=runs/gradient_lag  # 1 minute on 2 cores
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data.sources import sequences
from jaxdl.launch import setting
from jaxdl.layers.cells import CELLS, Cell
from jaxdl.layers.recurrent import RNN
from jaxdl.models import Acceptor
from jaxdl.optimizers import adam, clip_by_global_norm
from jaxdl.report import Claim, Picture, Section
from jaxdl.types import Array, PyTree, TrainState

LEFT = "log10 of the gradient at the longest lag / lag 1"
CLAIMS = VANISHES, REMAINS = (
    Claim("S4", "the gradient vanishes in an Elman network", LEFT, below=-2.0, unit="decades"),
    Claim("S4", "the gradient does not vanish in an LSTM with forget bias 1",
          LEFT, above=-2.0, unit="decades"),
)  # fmt: skip
JUDGED = {"elman": VANISHES, "lstm": REMAINS}
TIMES = {"new": "at initialization", "trained": "after training"}
DEFAULT_BIAS, MEASURED = 1.0, 64


class Config(launch.Config):
    """Which cells are compared, over how many steps."""

    steps: int = setting(400, "Training steps of each trial.", low=1)
    seeds: int = setting(8, "Seeds of each setting.", low=2)
    cells: tuple[str, ...] = setting(
        ("elman", "lstm", "peephole", "coupled", "gru", "minimal_gru"), "Cells."
    )
    lag: int = setting(50, "Longest lag that is measured; sequences are ten steps longer.", low=2)
    hidden: int = setting(32, "Units of each network.", low=1)
    learning_rate: float = setting(0.01, "Rate; gradients are clipped to norm 1.", low=1e-12)
    forget_biases: tuple[float, ...] = setting((0.0, 3.0), "Other forget biases of the LSTM.")


def plan(config: Config) -> sweep.Plan:
    """One program per cell; seed and forget bias are numbers inside it."""
    made = sequences.adding(np.random.default_rng(0), 4096, config.lag + 10)
    data = {"train": {"x": made["x"], "y": made["y"][:, None]}}
    one, several = (dict.fromkeys((DEFAULT_BIAS, *each)) for each in ((), config.forget_biases))
    programs = {
        name: (adding(config, cell), sweep.grid(forget_bias=several if name == "lstm" else one))
        for name, cell in launch.choose_all("cells", config.cells, CELLS).items()
    }
    return sweep.plan(programs, data, seeds=config.seeds, column="cell")


def adding(config: Config, cell: Cell) -> sweep.Run:
    """Training, with the gradient by lag kept from the first weights for the end."""
    model = Acceptor(1, RNN(config.hidden, cell))
    task = tasks.regression(model)
    tx = optax.chain(clip_by_global_norm(1.0), adam(config.learning_rate))
    plain = sweep.make_run(lambda hparams: (task, tx), steps=config.steps, batch_size=32)

    def by_lag(params: PyTree, data: sweep.Data) -> Array:
        """log10 of the gradient at lags 1 … L; what underflows is the smallest normal number."""

        def total(x: Array) -> Array:
            return jnp.sum(jnp.asarray(model.apply({"params": params}, x)))

        slopes = jax.grad(total)(data["train"]["x"][:MEASURED])
        size = jnp.abs(slopes).sum(axis=2).mean(axis=0)
        return jnp.log10(jnp.maximum(size, jnp.finfo(size.dtype).tiny))[::-1][1 : config.lag + 1]

    def init(hparams: PyTree, key: Array, data: sweep.Data) -> TrainState:
        state = plain.init(hparams, key, data)
        if cell.forget is not None:
            body = state.params["body"]
            gates = body["bias"].reshape(cell.gates, -1)
            bias = gates.at[cell.forget].set(hparams["forget_bias"]).ravel()
            state = state._replace(params={**state.params, "body": {**body, "bias": bias}})
        return state

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        trained = by_lag(state.params, data)
        return sweep.numbered({**state.model_state, "trained": trained})

    run = plain._replace(init=init, evaluate=evaluate)
    return sweep.keeping_first(lambda _, state, data: {"new": by_lag(state.params, data)}, run)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """The ratio of the longest lag to lag 1, in decades, over seeds."""
    frame = results.frame()
    others = frame["forget_bias"].map(", forget bias {:g}".format)
    frame["network"] = frame["cell"] + others.where(frame["forget_bias"] != DEFAULT_BIAS, "")

    def left(network: str) -> dict[str, stats.Interval]:
        mine = frame[frame["network"] == network]
        return {
            f"lag {config.lag}, {words}": stats.mean_interval(
                mine[f"{time}_{config.lag}"] - mine[f"{time}_1"]
            )
            for time, words in TIMES.items()
        }

    judged = {cell: claim for cell, claim in JUDGED.items() if cell in config.cells}
    claims = [each for cell, claim in judged.items() for each in claim.judge_each(left(cell))]
    table = report.table(
        [{"cell": network, **left(network)} for network in frame["network"].unique()],
        "log10 of the gradient at this lag over that at lag 1 (decades), with its 95 % interval "
        "over seeds.",
    )
    return launch.Conclusion(claims, [Section("By lag", (by_lag_picture(frame), table))])


def by_lag_picture(frame: pd.DataFrame) -> Picture:
    """The gradient of every network by lag, new and trained."""
    keys = ["network", "seed", "lag"]
    long = pd.wide_to_long(frame, list(TIMES), keys[:2], "lag", sep="_").reset_index()
    long = long.rename(columns=TIMES).melt(keys, [*TIMES.values()], "weights", "decades")
    return report.profile(
        long.assign(gradient=10 ** long["decades"]),
        "lag", "gradient", panel="weights", line="network", y_scale="log",
        title="Gradient of the answer to the input k steps before the end, adding task",
        x_label="lag k (steps)", y_label="mean |∂ŷ/∂x| (1)",
    )  # fmt: skip


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
