"""Dates as people write them, translated to ISO 8601: by an LSTM that hands its states to another,
with attention, and by a transformer.

Days of a hundred years in nine ways to write them ("the 3rd of March 2021", "03/03/21"), letter by
letter. The plain encoder and decoder: an LSTM reads the date, another begins with its last states
(h, c), is told START and goes on to END; the date as it is, or from its end to its beginning
(Sutskever et al. 2014). Beside them attention over an encoder of both directions, and a transformer
of as many units, an encoder and a decoder of two layers each. Right is a date that greedy decoding
gives wholly, of days and ways not trained on. A seed moves the initialization and the batches; the
rate is chosen on validation.

    python -m experiments.translation --workdir=runs/translation  # 3 minutes on 2 cores
    python -m experiments.translation --workdir=runs/translation --translate="3rd of May 2021"
"""

from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from experiments.pronunciation import clipped
from jaxdl import launch, metrics, report, stats, sweep
from jaxdl.data import splits
from jaxdl.data.sources import dates
from jaxdl.data.text import bucketing, vocabulary
from jaxdl.data.text.vocabulary import Vocabulary
from jaxdl.launch import setting
from jaxdl.layers.attention import General, Soft
from jaxdl.layers.cells import LSTM
from jaxdl.models import Attentive, Encoder, FromStates, Seq2Seq, StateEncoder, Transformer
from jaxdl.optimizers import schedules
from jaxdl.report import Claim, Section, Table
from jaxdl.tasks import sequence_to_sequence, token_errors
from jaxdl.tasks._examples import weights
from jaxdl.types import Array, Batch, Metrics, PyTree, Task

CLAIMS = PLAIN_DOES, BACKWARDS_HELPS, ATTENTION_HELPS, TRANSFORMER_DOES = (
    Claim("S16", "an LSTM translates dates from the last states of another",
          "dates wholly right on test", above=0.9, unit="%"),
    Claim("S16", "reading the date backwards helps the plain translator",
          "paired difference in dates wholly right", above=0.02, unit="points"),
    Claim("S9", "attention translates more dates rightly than the plain translator",
          "paired difference in dates wholly right", above=0.02, unit="points"),
    Claim("T3", "a transformer translates as many dates rightly as LSTMs with attention",
          "paired difference in dates wholly right", above=-0.02, unit="points"),
)  # fmt: skip
KINDS = PLAIN, BACKWARDS, ATTENTION, TRANSFORMER = (
    "plain", "plain, backwards", "attention", "transformer",
)  # fmt: skip
ISO, LONGEST, HELD_OUT, SHOWN = 11, 32, 1000, 9
"""Tokens of an ISO date with END; letters of a date at most."""
HEADS, DEPTH = 4, 2
Translator = Seq2Seq | Transformer


class Config(launch.Config):
    """The dates, the size of the models, and the training."""

    steps: int = setting(1000, "Training steps of each trial.", low=1)
    seeds: int = setting(4, "Seeds of each setting.", low=2)
    dates: int = setting(20_000, "Dates to train on.", low=100)
    batch_size: int = setting(64, "Dates in a step.", low=1, high=100)
    features: int = setting(32, "Numbers that a letter is embedded in.", low=1)
    width: int = setting(64, "Units of each LSTM.", low=2)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, help="Peak rates of Adam to try.")
    transformer_rates: tuple[float, ...] = launch.rates(1e-3, 3e-3, help="Those of a transformer.")


def load(config: Config) -> tuple[dict[str, list[dates.Pair]], Vocabulary, Vocabulary]:
    """Pairs of each part, none of which is in two, and the letters of both sides."""
    drawn = dates.dates(np.random.default_rng(0), 2 * (config.dates + 2 * HELD_OUT))
    pairs = list(dict.fromkeys(drawn))
    ends = (HELD_OUT, 2 * HELD_OUT, 2 * HELD_OUT + config.dates)
    parts = {
        name: pairs[first:end]
        for name, first, end in zip(("test", "validation", "train"), (0, *ends), ends, strict=False)
    }
    letters, digits = (
        vocabulary.build(letter for pair in parts["train"] for letter in pair[side])
        for side in (0, 1)
    )
    return parts, letters, digits


def read(letters: Vocabulary, text: str, backwards: bool) -> np.ndarray:
    """Ids of the letters of a date, in the order in which they are read."""
    ids = vocabulary.encode(letters, text)
    return ids[::-1] if backwards else ids


def encoded(
    pairs: list[dates.Pair], letters: Vocabulary, digits: Vocabulary, backwards: bool
) -> dict[str, np.ndarray]:
    """What is read `[N, 32]` and what is to be said `[N, 12]`, START and END with it."""
    x = [read(letters, pair.human, backwards) for pair in pairs]
    y = [vocabulary.framed(vocabulary.encode(digits, pair.iso)) for pair in pairs]
    return {"x": bucketing.pad(x, LONGEST)["x"], "y": bucketing.pad(y, ISO + 1)["x"]}


def network(kind: str, letters: int, digits: int, features: int, width: int) -> Translator:
    """The model, from plain values."""
    if kind == TRANSFORMER:
        # A multiple of the heads; norms first, which train without a warm-up.
        width += -width % HEADS
        return Transformer(
            digits, width, DEPTH, HEADS, LONGEST, hidden=2 * width, pre_norm=True,
            x_vocabulary=letters,
        )  # fmt: skip
    # Orthogonal kernels cost seconds of compilation, and dates are short.
    init = nn.initializers.lecun_normal()
    width -= width % 2
    if kind == ATTENTION:
        encoder: nn.Module = Encoder(letters, features, width // 2, LSTM, recurrent_init=init)
        attention = Soft(General(width))
        decoder: nn.Module = Attentive(width, LSTM, recurrent_init=init, attention=attention)
    else:
        encoder = StateEncoder(letters, features, width, LSTM, recurrent_init=init)
        decoder = FromStates(width, LSTM, recurrent_init=init)
    return Seq2Seq(encoder, decoder, digits, features)


def options(config: Config, kind: str, letters: Vocabulary, digits: Vocabulary) -> PyTree:
    """What the network is built from."""
    sizes = {"features": config.features, "width": config.width}
    return {"kind": kind, "letters": len(letters), "digits": len(digits)} | sizes


def translating(model: Translator) -> Task:
    """The task, which in evaluation reports the dates that greedy decoding gives wholly."""
    task = sequence_to_sequence(model)

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        value, (after, measured) = task.loss(params, model_state, batch, key, train=train)
        if not train:
            said = token_errors.greedy(model, {"params": params}, batch["x"], ISO)
            right = (said == batch["y"][:, 1:]).all(axis=1).astype(jnp.float32)
            measured = {**measured, "right": metrics.mean(right, weights(batch))}
        return value, (after, measured)

    return task._replace(loss=loss)


def plan(config: Config) -> sweep.Plan:
    """One program a kind; the rate is a number inside it."""
    parts, letters, digits = load(config)
    data = {
        order: splits.in_batches(
            {name: encoded(part, letters, digits, backwards) for name, part in parts.items()}, 250
        )
        for order, backwards in (("forwards", False), ("backwards", True))
    }

    def run(kind: str) -> sweep.Run:
        task = translating(network(**options(config, kind, letters, digits)))
        build = sweep.by_rate(task, clipped, schedules.cosine(config.steps))
        made = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
        return sweep.on_part("backwards" if kind == BACKWARDS else "forwards", made)

    def points(kind: str) -> list[sweep.Point]:
        tried = config.transformer_rates if kind == TRANSFORMER else config.learning_rates
        return sweep.grid(learning_rate=tried)

    programs = {kind: (run(kind), points(kind)) for kind in KINDS}
    return sweep.plan(programs, data, seeds=config.seeds, column="translator", keep_states=True)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Dates wholly right on test; the best plain translator of a seed is kept."""
    frame = results.frame()
    tuned = stats.tune(frame, "translator", "learning_rate", "validation_right")
    claims = [
        PLAIN_DOES.judge(tuned.interval("test_right", PLAIN, HELD_OUT)),
        BACKWARDS_HELPS.judge(tuned.gain("test_right", BACKWARDS, PLAIN)),
        ATTENTION_HELPS.judge(tuned.gain("test_right", ATTENTION, PLAIN)),
        TRANSFORMER_DOES.judge(tuned.gain("test_right", TRANSFORMER, ATTENTION)),
    ]
    table = report.tuned_table(tuned, "test_right", against=PLAIN)
    curves = report.tuned_curves(results, tuned, y_label="training loss (nats a character)")
    row = stats.example(frame, tuned, PLAIN)
    examples = [] if row is None else [kept(config, plan, row)]
    return launch.Conclusion(claims, [Section("By translator", (table, *examples, *curves))])


def kept(config: Config, plan: sweep.Plan, row: PyTree) -> Table:
    """Keeps the trained translator, and shows a test date of each way to write one."""
    parts, letters, digits = load(config)
    built, params = options(config, PLAIN, letters, digits), plan.replay(row).params
    assert plan.workdir is not None
    launch.save_best(
        plan.workdir, params, task="sequence_to_sequence", model="translation", options=built,
        letters=letters.words, digits=digits.words, trial=row["trial"], seed=row["seed"],
    )  # fmt: skip
    pairs = parts["test"][:SHOWN]
    said = translated(network(**built), params, letters, digits, [pair.human for pair in pairs])
    rows = [
        {"written": pair.human, "translated": found, "right": pair.iso}
        for pair, found in zip(pairs, said, strict=True)
    ]
    return report.table(rows, "The first test dates, by the plain translator of one seed.")


def translated(
    model: Translator, params: PyTree, letters: Vocabulary, digits: Vocabulary, texts: list[str]
) -> list[str]:
    """What greedy decoding gives for dates."""
    x = bucketing.pad([read(letters, text, False) for text in texts], LONGEST)["x"]
    found = jax.jit(lambda x: token_errors.greedy(model, {"params": params}, x, ISO))(x)
    return [
        "".join(vocabulary.decode(digits, vocabulary.content(ids))) for ids in np.asarray(found)
    ]


def translate(workdir: Path, text: str) -> str:
    """The date in ISO 8601, as the trained translator has it."""
    loaded = launch.load(workdir, lambda found: translating(network(**found["options"])))
    letters, digits = (
        Vocabulary(tuple(loaded.description[name])) for name in ("letters", "digits")
    )
    if strange := set(text) - set(letters.ids):
        raise ValueError(f"the model does not know {', '.join(map(repr, sorted(strange)))}")
    if not 0 < len(text) <= LONGEST:
        raise ValueError(f"a date of 1 to {LONGEST} letters is read, not one of {len(text)}")
    model = network(**loaded.description["options"])
    return translated(model, loaded.params, letters, digits, [text])[0]


USES = {"translate": launch.Use("A date to translate with what the run has trained.", translate)}

if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, USES))
