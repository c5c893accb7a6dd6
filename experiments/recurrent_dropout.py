"""Dropout in a recurrent network with little text: of outputs, or one mask a sequence of the state?

LSTM language models of characters learn 20,000 characters of docstrings, far too few for them.
Dropout: none; of what goes into the layer and comes out of it, drawn anew at each step (Zaremba et
al. 2014); of the state where it meets the recurrent weights, one mask for all steps of a sequence
(Gal & Ghahramani 2016); both. Every trial counts as it was at its best evaluation on validation, so
that stopping early helps those who overfit; the dropout rate is chosen on validation. A seed moves
the initialization, the batches and the masks.

Claims: one mask a sequence on the state needs 0.05 bits a character fewer than none; dropout of
outputs needs 0.05 bits fewer than none; the mask on the state needs fewer than dropout of outputs.

Command: python -m experiments.recurrent_dropout --workdir=runs/recurrent_dropout
Minutes: 1 on 2 cores
Last result: 2026-11-21, 2-core Xeon (shared, 69 s), jax 0.10.2, bits saved on test: state against
none 0.07 [-0.01, 0.15], outputs against none 0.09 [-0.02, 0.20], state against outputs -0.02
[-0.06, 0.03]: all three inconclusive, three seeds. Those with dropout were still improving at the
last step, when those without had begun to overfit.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(640, "Training steps of each trial.", low=1),
    "seeds": Field(3, "Seeds of each setting.", low=1),
    "characters": Field(20_000, "Characters to train on.", low=1000),
    "batch_size": Field(16, "Sequences in a step.", low=1, high=16),
    "length": Field(50, "Characters of a sequence.", low=1, high=60),
    "width": Field(96, "Units of the LSTM.", low=1),
    "rates": Field((0.25, 0.5), "Dropout rates to try.", low=1e-3, high=0.99),
    "learning_rate": Field(5e-3, "Rate of Adam.", low=1e-12),
}
HELD_OUT, FEATURES, EVALUATIONS = 20_000, 32, 16
NONE, OUTPUTS, STATE, BOTH = "none", "outputs", "state", "outputs and state"
KINDS = {NONE: (0, 0), OUTPUTS: (1, 0), STATE: (0, 1), BOTH: (1, 1)}
"""Whether the rate is that of outputs, and that of the state."""
FEWER = 0.05


def load(config: Any) -> tuple[dict[str, Any], int]:
    """Sequences of characters of different docstrings; how many ids."""
    import numpy as np

    from jaxdl.data import batches
    from jaxdl.data.sources import documents
    from jaxdl.data.text import vocabulary

    parts = documents.split(documents.docstrings())._asdict()
    texts = {}
    for name, part in parts.items():
        order = np.random.default_rng(0).permutation(len(part))
        size = config.characters if name == "train" else HELD_OUT
        texts[name] = "\n\n".join(part[place] for place in order)[: size + 1]
    known = vocabulary.build(texts["train"])
    data: dict[str, Any] = {}
    for name, text in texts.items():
        ids = vocabulary.encode(known, text)
        rows = (len(ids) - 1) // config.length
        size = rows * config.length
        x, y = (ids[shift : shift + size].reshape(rows, config.length) for shift in (0, 1))
        arrays = {"x": x, "y": y}
        data[name] = arrays if name == "train" else batches.padded_batches(arrays, 100)
    return data, len(known)


def plan(config: Any) -> launch.Plan:
    """One program: both dropout rates are numbers inside it, and 0 for those that have none."""
    from jaxdl import sweep
    from jaxdl.layers.dropout import Dropout
    from jaxdl.layers.recurrent import RNN
    from jaxdl.models import LanguageModel
    from jaxdl.optimizers import adam
    from jaxdl.tasks import language_model

    data, size = load(config)
    segments = launch.segments(config.steps, EVALUATIONS)

    def build(hparams: dict[str, Any]) -> Any:
        body = RNN(config.width, recurrent_dropout=hparams["state"])
        model = LanguageModel(size, FEATURES, body, Dropout(hparams["outputs"]))
        return language_model(model), adam(config.learning_rate)

    run = sweep.make_run(build, steps=config.steps // segments, batch_size=config.batch_size)
    settings = [
        {"outputs": outputs * rate, "state": state * rate}
        for outputs, state in KINDS.values()
        for rate in (config.rates if outputs or state else (0.0,))
    ]
    trials = sweep.trials(["lstm"], settings, range(config.seeds))
    return launch.Plan({"lstm": run}, trials, data, segments)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Bits a character on test, at its best evaluation and the rate that other seeds chose."""
    from jaxdl import report, stats

    frame = _stopped(results)
    best = stats.select(frame, ["dropout"], "rate", "validation_bits", "min")
    chosen = stats.chosen_trials(frame, best, ["dropout", "rate"])
    bits = chosen.pivot(index="seed", columns="dropout", values="test_bits")
    pairs = {
        (STATE, NONE): ("one mask a sequence on the state needs fewer bits than none", FEWER),
        (OUTPUTS, NONE): ("dropout of outputs needs fewer bits than none", FEWER),
        (STATE, OUTPUTS): ("a mask on the state needs fewer bits than dropout of outputs", 0.0),
    }
    claims = [
        report.judge("S5", words, f"paired difference in test bits: {rival} minus {ours}",
                     "bit a character", threshold, stats.paired_interval(bits[rival], bits[ours]),
                     "above")
        for (ours, rival), (words, threshold) in pairs.items()
    ]  # fmt: skip
    table = _table(frame, best)
    report.show(table)
    curves = results.curve_frame("validation_loss", chosen)
    step = curves["step"] * (config.steps // plan.segments)
    figure = report.training_curves(
        curves.assign(step=step, bits=_bits(curves["validation_loss"]), model="LSTM"),
        y="bits",
        panel="model",
        line="dropout",
        y_scale="linear",
        y_label="validation loss (bits a character)",
        title=f"An LSTM with {config.characters:,} characters to learn from",
    )
    caption = (
        "Each seed at the dropout rate that other seeds chose; the lowest point of each trial is "
        "what counts."
    )
    picture = report.Picture("bits", report.to_png(figure), "Validation loss by dropout", caption)
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    section = report.Section("At the best evaluation of each trial", (picture, table))
    return launch.Conclusion(claims, [section], headline)


def _bits(nats: Any) -> Any:
    import numpy as np

    return nats / np.log(2)


def _stopped(results: Any) -> Any:
    """The trials with the bits of their best evaluation on validation, kind and rate by name."""
    import numpy as np

    frame = results.to_pandas()
    names = {ways: name for name, ways in KINDS.items()}
    kinds = [
        names[int(outputs > 0), int(state > 0)]
        for outputs, state in zip(frame["outputs"], frame["state"], strict=True)
    ]
    curves = results.curves()
    validation = np.where(np.isnan(curves["validation_loss"]), np.inf, curves["validation_loss"])
    at = (np.arange(len(frame)), validation.argmin(axis=1))
    return frame.assign(
        dropout=kinds,
        rate=frame[["outputs", "state"]].max(axis=1),
        evaluation=at[1] + 1,
        validation_bits=_bits(validation[at]),
        test_bits=_bits(curves["test_loss"][at]),
        last_bits=_bits(curves["test_loss"][:, -1]),
        train_bits=_bits(curves["loss"][:, -1]),
    )


def _table(frame: Any, best: Any) -> Any:
    from jaxdl import report

    chosen = dict(zip(best["dropout"], best["rate"], strict=True))
    columns = ["validation_bits", "test_bits", "last_bits", "train_bits"]
    means = frame.groupby(["dropout", "rate"], sort=False)[columns].mean()
    rows = [
        (str(kind), f"{rate:g}" + "*" * int(rate == chosen[kind]), *map(report.number, values))
        for (kind, rate), values in zip(means.index, means.to_numpy(), strict=True)
    ]
    header = ("dropout", "rate", "validation at best (bits)", "test there (bits)",
              "test at the end (bits)", "last training batch (bits)")  # fmt: skip
    caption = "Bits a character, means over seeds.  * the rate that all seeds chose on validation."
    return report.Table(header, tuple(rows), frozenset(range(1, 6)), caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
