"""Dropout in a recurrent network with little text: of outputs, or one mask a sequence of the state?

LSTM language models of characters learn 20,000 characters of docstrings, far too few for them.
Dropout: none; of what goes into the layer and comes out of it, drawn anew at each step (Zaremba et
al. 2014); of the state where it meets the recurrent weights, one mask for all steps of a sequence
(Gal & Ghahramani 2016); both. Every trial counts as it was at its best evaluation on validation, so
that stopping early helps those who overfit; the dropout rate is chosen on validation. A seed moves
the initialization, the batches and the masks.

    python -m experiments.recurrent_dropout --workdir=runs/recurrent_dropout  # 1 minute on 2 cores
"""

import dataclasses

import numpy as np
import optax
import pandas as pd

from jaxdl import launch, report, stats, sweep
from jaxdl.data import batches
from jaxdl.data.sources import documents
from jaxdl.data.text import vocabulary
from jaxdl.launch import setting
from jaxdl.layers.dropout import Dropout
from jaxdl.layers.recurrent import RNN
from jaxdl.models import LanguageModel
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Picture, Section, Table
from jaxdl.tasks import language_model
from jaxdl.types import PyTree, Task

NONE, OUTPUTS, STATE, BOTH = "none", "outputs", "state", "outputs and state"
SAVED, UNIT = "paired difference in test bits", "bit a character"
CLAIMS = STATE_HELPS, OUTPUTS_HELP, STATE_IS_BETTER = (
    Claim("S5", "one mask a sequence on the state needs fewer bits than none",
          f"{SAVED}: {NONE} minus {STATE}", above=0.05, unit=UNIT),
    Claim("S5", "dropout of outputs needs fewer bits than none",
          f"{SAVED}: {NONE} minus {OUTPUTS}", above=0.05, unit=UNIT),
    Claim("S5", "a mask on the state needs fewer bits than dropout of outputs",
          f"{SAVED}: {OUTPUTS} minus {STATE}", above=0.0, unit=UNIT),
)  # fmt: skip
HELD_OUT, FEATURES, EVALUATIONS = 20_000, 32, 16
KINDS = {(0, 0): NONE, (1, 0): OUTPUTS, (0, 1): STATE, (1, 1): BOTH}
"""By whether the rate is that of outputs, and whether it is that of the state."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(launch.Config):
    """What is learned from, by which network, at which dropout rates."""

    steps: int = setting(640, "Training steps of each trial.", low=1)
    seeds: int = setting(3, "Seeds of each setting.", low=1)
    characters: int = setting(20_000, "Characters to train on.", low=1000)
    batch_size: int = setting(16, "Sequences in a step.", low=1, high=16)
    length: int = setting(50, "Characters of a sequence.", low=1, high=60)
    width: int = setting(96, "Units of the LSTM.", low=1)
    rates: tuple[float, ...] = setting((0.25, 0.5), "Dropout rates to try.", low=1e-3, high=0.99)
    learning_rate: float = setting(5e-3, "Rate of Adam.", low=1e-12)


def load(config: Config) -> tuple[sweep.Data, int]:
    """Sequences of characters of different docstrings; how many ids."""
    texts = {}
    for name, part in documents.split(documents.docstrings())._asdict().items():
        order = np.random.default_rng(0).permutation(len(part))
        size = config.characters if name == "train" else HELD_OUT
        texts[name] = "\n\n".join(part[place] for place in order)[: size + 1]
    known = vocabulary.build(texts["train"])
    data = {}
    for name, text in texts.items():
        ids = vocabulary.encode(known, text)
        rows = (len(ids) - 1) // config.length
        size = rows * config.length
        x, y = (ids[shift : shift + size].reshape(rows, config.length) for shift in (0, 1))
        arrays = {"x": x, "y": y}
        data[name] = arrays if name == "train" else batches.padded_batches(arrays, 100)
    return data, len(known)


def plan(config: Config) -> sweep.Plan:
    """One program: both dropout rates are numbers inside it, and 0 for those that have none."""
    data, size = load(config)
    segments = sweep.segments(config.steps, EVALUATIONS)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        body = RNN(config.width, recurrent_dropout=hparams["state"])
        model = LanguageModel(size, FEATURES, body, Dropout(hparams["outputs"]))
        return language_model(model), adam(config.learning_rate)

    run = sweep.make_run(build, steps=config.steps // segments, batch_size=config.batch_size)
    points: list[sweep.Point] = [
        {"outputs": outputs * rate, "state": state * rate}
        for outputs, state in KINDS
        for rate in (config.rates if outputs or state else (0.0,))
    ]
    return sweep.plan({"lstm": (run, points)}, data, seeds=config.seeds, segments=segments)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Bits a character on test, at its best evaluation and the rate that other seeds chose."""
    frame = stopped(results)
    tuned = stats.tune(frame, "dropout", "rate", "validation_bits")

    def saved(condition: str, baseline: str) -> stats.Interval:
        return tuned.gain("test_bits", baseline, condition)

    curves = results.curve_frame("validation_loss", tuned.trials)
    figure = report.training_curves(
        curves.assign(
            step=curves["step"] * (config.steps // plan.segments),
            bits=bits(curves["validation_loss"]), model="LSTM",
        ),
        y="bits", panel="model", line="dropout", y_scale="linear",
        y_label="validation loss (bits a character)",
        title=f"An LSTM with {config.characters:,} characters to learn from",
    )  # fmt: skip
    caption = (
        "Each seed at the dropout rate that other seeds chose; the lowest point of each trial is "
        "what counts."
    )
    picture = Picture("bits", figure, "Validation loss by dropout", caption)
    return launch.Conclusion(
        [
            STATE_HELPS.judge(saved(STATE, NONE)),
            OUTPUTS_HELP.judge(saved(OUTPUTS, NONE)),
            STATE_IS_BETTER.judge(saved(STATE, OUTPUTS)),
        ],
        [Section("At the best evaluation of each trial", (picture, by_rate(frame, tuned)))],
    )


def bits(nats: pd.Series | np.ndarray) -> pd.Series | np.ndarray:
    """Of a loss in nats."""
    return nats / np.log(2)


def stopped(results: sweep.Results) -> pd.DataFrame:
    """The trials with the bits of their best evaluation on validation, kind and rate by name."""
    frame, curves = results.frame(), results.curves()
    validation = np.where(np.isnan(curves["validation_loss"]), np.inf, curves["validation_loss"])
    at = (np.arange(len(frame)), validation.argmin(axis=1))
    kinds = zip(frame["outputs"] > 0, frame["state"] > 0, strict=True)
    return frame.assign(
        dropout=[KINDS[kind] for kind in kinds],
        rate=frame[["outputs", "state"]].max(axis=1),
        validation_bits=bits(validation[at]),
        test_bits=bits(curves["test_loss"][at]),
        last_bits=bits(curves["test_loss"][:, -1]),
        train_bits=bits(curves["loss"][:, -1]),
    )


def by_rate(frame: pd.DataFrame, tuned: stats.Tuned) -> Table:
    """One row a kind and rate: bits of characters not seen and seen."""
    chosen = dict(zip(tuned.selection["dropout"], tuned.selection["rate"], strict=True))
    rows = [
        {
            "dropout": kind,
            "rate": f"{rate:g}" + "*" * (rate == chosen[kind]),
            "validation at best (bits)": mine["validation_bits"].mean(),
            "test there (bits)": mine["test_bits"].mean(),
            "test at the end (bits)": mine["last_bits"].mean(),
            "last training batch (bits)": mine["train_bits"].mean(),
        }
        for (kind, rate), mine in frame.groupby(["dropout", "rate"], sort=False)
    ]
    caption = "Bits a character, means over seeds.  * the rate that all seeds chose on validation."
    return report.table(rows, caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
