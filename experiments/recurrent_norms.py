"""Does an LSTM bear a norm inside its cell: batch norm, or layer norm?

Digits read row by row, four pixels at a time: an LSTM as it is; one whose
sums for the gates and whose memory are standardized over their units (layer norm, Ba et al. 2016);
one where they are standardized over the batch, with one set of running statistics for all steps
(batch norm, Laurent et al. 2016 and Cooijmans et al. 2017, who keep statistics of each step, and
begin with γ = 0.1; here it is 1, as elsewhere). Rates are chosen on validation; a seed moves
initialization and batches, and is shared. The thresholds are from before any run; the momentum of
the statistics was raised from 0.9, to batch norm's advantage, after a first one.

    python -m experiments.recurrent_norms --workdir=runs/recurrent_norms  # 2 minutes on 2 cores
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.layers import LSTM, NORMED, RNN, BatchNorm
from jaxdl.optimizers import adam
from jaxdl.optimizers.schedules import cosine
from jaxdl.report import Claim, Section
from jaxdl.types import Array

MORE = "paired difference in test accuracy"
CLAIMS = LAYER_TRAINS, BATCH_LOSES, THAN_LAYER = (
    Claim("R3", "an LSTM whose cell is layer-normed is as good as one without a norm",
          f"{MORE}, layer norm minus none", above=-0.01, unit="points"),
    Claim("R2", "an LSTM whose cell is batch-normed is worse than one without a norm",
          f"{MORE}, batch norm minus none", below=-0.02, unit="points"),
    Claim("R2", "in a cell, batch norm is worse than layer norm",
          f"{MORE}, batch norm minus layer norm", below=-0.02, unit="points"),
)  # fmt: skip
NONE, LAYER, BATCH = "none", "layer norm", "batch norm"
AT_ONCE, AVERAGE = 4, 0.99
"""Pixels of a step, and the momentum of running statistics, which are to be of all 16 steps."""


class Config(launch.Config):
    """The network, and its training."""

    steps: int = setting(400, "Training steps of each trial.", low=1)
    seeds: int = setting(40, "Seeds of each setting.", low=2)
    batch_size: int = setting(50, "Digits in a step.", low=2, high=1077)
    units: int = setting(32, "Units of the LSTM.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, 3e-2)


class _BatchNormed(nn.Module):
    """A step of an LSTM with three batch norms: of a, of u and of the memory."""

    train: bool

    @nn.compact
    def __call__(self, carry: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Array]:
        h, c = carry
        wide, init = 4 * h.shape[-1], nn.initializers.orthogonal()
        a = nn.Dense(wide, use_bias=False)(x)
        u = nn.Dense(wide, use_bias=False, kernel_init=init)(h)
        gates = sum(BatchNorm(AVERAGE)(part, train=self.train) for part in (a, u))
        i, f, g, o = jnp.split(jnp.asarray(gates), 4, axis=-1)
        c = jax.nn.sigmoid(f + 1) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(BatchNorm(AVERAGE)(c, train=self.train))
        return (h, c), h


class Reader(nn.Module):
    """Logits of the digit, from the state behind the last pixels."""

    norm: str
    units: int

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        x = x.reshape(len(x), -1, AT_ONCE)
        if self.norm == BATCH:
            cell, zeros = _BatchNormed(train), jnp.zeros((len(x), self.units))
            if self.is_initializing():
                cell((zeros, zeros), x[:, 0])
            # Statistics move from step to step in training; afterwards they are as they are.
            moving = "batch_stats" if self.is_mutable_collection("batch_stats") else False
            over_time = nn.scan(
                _BatchNormed.__call__,
                variable_broadcast="params" if moving else ["params", "batch_stats"],
                variable_carry=moving,
                split_rngs={"params": False},
                in_axes=1,
                out_axes=1,
            )
            (last, _), _ = over_time(cell, (zeros, zeros), x)
        else:
            (last, *_), _ = RNN(self.units, NORMED if self.norm == LAYER else LSTM)(x)
        return nn.Dense(10)(last)


def plan(config: Config) -> sweep.Plan:
    """One program per norm; rate and seed are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    points = sweep.grid(learning_rate=config.learning_rates)

    def program(norm: str) -> sweep.Run:
        task = tasks.classification(Reader(norm, config.units))
        build = sweep.by_rate(task, adam, cosine(config.steps))
        return sweep.make_run(
            build, steps=config.steps, batch_size=config.batch_size, evaluate_train=512
        )

    programs = {norm: (program(norm), points) for norm in (NONE, LAYER, BATCH)}
    return sweep.plan(programs, data, seeds=config.seeds, column="norm")


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracies paired over seeds, at the rates that other seeds chose."""
    frame = results.frame()
    frame["test_accuracy"] = frame["test_accuracy"].astype(float).fillna(1 / 10)
    tuned = stats.tune(frame, "norm", "learning_rate")
    claims = [
        LAYER_TRAINS.judge(tuned.gain("test_accuracy", LAYER, NONE)),
        BATCH_LOSES.judge(tuned.gain("test_accuracy", BATCH, NONE)),
        THAN_LAYER.judge(tuned.gain("test_accuracy", BATCH, LAYER)),
    ]
    tables = [
        report.tuned_table(tuned, f"{part}_accuracy", against=NONE) for part in ("test", "train")
    ]
    curves = report.tuned_curves(results, tuned, y_label="training loss (nats)")
    return launch.Conclusion(claims, [Section("By norm", (*tables, *curves))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
