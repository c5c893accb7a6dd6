"""Dropout in a recurrent network with little text: of outputs, or one mask a sequence of the state?

LSTM language models of characters learn 20,000 characters of docstrings, far too few for them.
Dropout: none; of what goes into the layer and comes out of it, drawn anew at each step (Zaremba et
al. 2014); of the state where it meets the recurrent weights, one mask for all steps of a sequence
(Gal & Ghahramani 2016); both. Every trial counts as it was at its best evaluation on validation, so
that stopping early helps those who overfit; the dropout rate is chosen on validation. A seed moves
the initialization, the batches and the masks.

    python -m experiments.recurrent_dropout --workdir=runs/recurrent_dropout  # 3 minutes on 2 cores
"""

import numpy as np
import optax
import pandas as pd

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.data.sources import documents
from jaxdl.data.text import vocabulary
from jaxdl.launch import setting
from jaxdl.layers.dropout import Dropout
from jaxdl.layers.recurrent import RNN
from jaxdl.models import LanguageModel
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Section
from jaxdl.types import PyTree, Task

NONE, OUTPUTS, STATE, BOTH = "none", "outputs", "state", "outputs and state"
SAVED, UNIT = "paired difference in test bits", "bit a character"
PAIRS = (NONE, STATE), (NONE, OUTPUTS), (OUTPUTS, STATE)
CLAIMS = (
    Claim("S5", "one mask a sequence on the state needs fewer bits than none",
          f"{SAVED}: {NONE} minus {STATE}", above=0.05, unit=UNIT),
    Claim("S5", "dropout of outputs needs fewer bits than none",
          f"{SAVED}: {NONE} minus {OUTPUTS}", above=0.05, unit=UNIT),
    Claim("S5", "a mask on the state needs fewer bits than dropout of outputs",
          f"{SAVED}: {OUTPUTS} minus {STATE}", above=0.0, unit=UNIT),
)  # fmt: skip
HELD_OUT, FEATURES, EVALUATIONS = 20_000, 32, 16
COLUMNS = {
    "validation_bits": "validation at best (bits)",
    "test_bits": "test there (bits)",
    "last_bits": "test at the end (bits)",
    "train_bits": "last training batch (bits)",
}
KINDS = {(0, 0): NONE, (1, 0): OUTPUTS, (0, 1): STATE, (1, 1): BOTH}
"""By whether the rate is that of outputs, and whether it is that of the state."""


class Config(launch.Config):
    """What is learned from, by which network, at which dropout rates."""

    steps: int = setting(640, "Training steps of each trial.", low=1)
    seeds: int = setting(8, "Seeds of each setting.", low=1)
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
        shuffled = documents.sample(part, len(part), np.random.default_rng(0))
        size = config.characters if name == "train" else HELD_OUT
        texts[name] = "\n\n".join(shuffled)[: size + 1]
    known = vocabulary.build(texts["train"])
    data = {}
    for name, text in texts.items():
        ids = vocabulary.encode(known, text)
        size = (len(ids) - 1) // config.length * config.length
        x, y = (ids[shift : shift + size].reshape(-1, config.length) for shift in (0, 1))
        data[name] = {"x": x, "y": y}
    return splits.in_batches(data, 100), len(known)


def plan(config: Config) -> sweep.Plan:
    """One program: both dropout rates are numbers inside it, and 0 for those that have none."""
    data, size = load(config)
    segments = sweep.segments(config.steps, EVALUATIONS)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        body = RNN(config.width, recurrent_dropout=hparams["state"])
        model = LanguageModel(size, FEATURES, body, Dropout(hparams["outputs"]))
        return tasks.language_model(model), adam(config.learning_rate)

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
    claims = [
        claim.judge(tuned.gain("test_bits", baseline, condition))
        for claim, (baseline, condition) in zip(CLAIMS, PAIRS, strict=True)
    ]
    return launch.Conclusion(claims, [shown(config, plan, results, frame, tuned)])


def shown(
    config: Config,
    plan: sweep.Plan,
    results: sweep.Results,
    frame: pd.DataFrame,
    tuned: stats.Tuned,
) -> Section:
    """Validation by step, and what each kind of dropout reached at its rates."""
    picture = report.course(
        results, tuned.trials.assign(model="LSTM"), "validation_loss", panel="model",
        line="dropout", y_scale="linear", every=config.steps // plan.segments, factor=1 / np.log(2),
        title=f"An LSTM with {config.characters:,} characters to learn from",
        y_label="validation loss (bits a character)",
    )  # fmt: skip
    caption = "Bits a character, means over seeds.  * the rate that all seeds chose on validation."
    table = report.table(report.searched(frame, tuned, COLUMNS), caption)
    return Section("At the best evaluation of each trial", (picture, table))


def stopped(results: sweep.Results) -> pd.DataFrame:
    """The trials with the bits of their best evaluation on validation, kind and rate by name."""
    frame = at_best(results)
    on = (frame[name] > 0 for name in ("outputs", "state"))
    return frame.assign(
        dropout=[KINDS[kind] for kind in zip(*on, strict=True)],
        rate=frame[["outputs", "state"]].max(axis=1),
    )


def at_best(results: sweep.Results) -> pd.DataFrame:
    """The trials with the bits of their best evaluation on validation."""
    frame = results.frame()
    curves = {name: found / np.log(2) for name, found in results.curves().items() if "loss" in name}
    validation = np.where(np.isnan(curves["validation_loss"]), np.inf, curves["validation_loss"])
    at = (np.arange(len(frame)), validation.argmin(axis=1))
    return frame.assign(
        validation_bits=validation[at],
        test_bits=curves["test_loss"][at],
        last_bits=curves["test_loss"][:, -1],
        train_bits=curves["loss"][:, -1],
    )


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
