"""Does a recurrent network of characters predict documentation better than counted n-grams do?

An LSTM reads the docstrings of the installed packages as parallel streams in chunks, its state
carried from one to the next. Held-out documents: bits a character, against the best of
interpolated n-gram models with Kneser–Ney smoothing, counted over the same text, their order and
discount chosen on the validation documents. A seed moves the initialization; the rate is chosen on
validation, where the state begins at zero in every chunk, which costs the network a little. The
steps pass over the text six times (with `full` over 4,000,000 characters nine times); docstrings
often repeat each other word for word, which counts remember.

    python -m experiments.char_rnn --workdir=runs/char_rnn  # 4 minutes on 2 cores
    # 20 minutes:
    python -m experiments.char_rnn --config.full=true --config.characters=4000000 --workdir=runs/x
    python -m experiments.char_rnn --workdir=runs/char_rnn --generate="Returns the "
"""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl import decoding, launch, report, stats, sweep
from jaxdl.data import batches
from jaxdl.data.sources import documents
from jaxdl.data.text import streams, vocabulary
from jaxdl.data.text.vocabulary import Vocabulary
from jaxdl.launch import setting
from jaxdl.launch.best import Loaded
from jaxdl.layers.dropout import Dropout
from jaxdl.layers.recurrent import RNN, Stack
from jaxdl.models import LanguageModel, ngram
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Code, Section
from jaxdl.tasks import language_model
from jaxdl.types import Array, PyTree, Task

CLAIMS = (FEWER_BITS,) = (
    Claim("S7", "the LSTM needs fewer bits a character than the best n-gram model",
          "bits of the n-gram model minus those of the LSTM", above=0.0, unit="bit a character"),
)  # fmt: skip
Begin = Callable[[PyTree, Array], tuple[PyTree, Array]]
"""`(variables, ids [B, T]) -> (carry, last ids [B])`, for `decoding`."""
EVALUATED, EVALUATED_LENGTH, PROMPT = 100_000, 256, 30
ORDERS, DISCOUNTS = (3, 4, 5, 6, 7), (0.5, 0.75, 0.9)
SHOWN, FEW, HELD_OUT = 400, 100, ("validation", "test")
WAYS = {
    "drawn at temperature 0.5": 0.5,
    "drawn at temperature 1": 1.0,
    "the likeliest character each time": None,
}


class Config(launch.Config):
    """The network, how it is trained, and on which text."""

    steps: int = setting(2400, "Training steps of each trial.", low=1)
    full: bool = setting(False, "A long run: six times the steps.")
    batch_size: int = setting(32, "Streams read side by side.", low=1)
    length: int = setting(64, "Characters in a chunk.", low=1)
    seeds: int = setting(3, "Seeds of each rate.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(5e-3, 1e-2)
    features: int = setting(32, "Numbers that a character is embedded in.", low=1)
    hidden: tuple[int, ...] = launch.widths(192, help="Units of each layer.")
    dropout: float = setting(0.0, "Dropout rate around the layers.", low=0.0, high=0.99)
    clip: float = setting(1.0, "Largest norm of a step's gradient.", low=1e-6)
    text: str = setting("", "A file, or a folder of .txt, .md, .rst or .py; empty: docstrings.")
    characters: int = setting(1_000_000, "Characters of it to use.", low=10_000)
    evaluations: int = setting(5, "Evaluations on the way, at most.", low=1)


def texts(config: Config) -> dict[str, str]:
    """Train, validation and test: whole documents, in an order that mixes the packages.

    A text that is one piece is cut: the first 80 % of it, the next 10 and the last.
    """
    found = documents.read(config.text) if config.text else documents.docstrings()
    if len(set(found)) < FEW:
        found = [part for text in found for part in documents.paragraphs(text)]
    if len(set(found)) < FEW:
        text = "\n\n".join(found)[: config.characters]
        ends = [len(text) * tenths // 10 for tenths in (0, 8, 9, 10)]
        pieces = [text[start:end] for start, end in itertools.pairwise(ends)]
        return dict(zip(("train", "validation", "test"), pieces, strict=True))
    found = documents.sample(found, len(found), np.random.default_rng(0))
    kept = np.cumsum([len(text) for text in found]) <= config.characters
    parts = documents.split(list(itertools.compress(found, kept)))
    return {name: "\n\n".join(part) + "\n" for name, part in parts._asdict().items()}


def load(config: Config) -> tuple[sweep.Data, Vocabulary]:
    """The data as a run takes it, and the vocabulary of characters."""
    parts = texts(config)
    known = vocabulary.build(parts["train"])
    data = {}
    for name, text in parts.items():
        train = name == "train"
        rows, length = (config.batch_size, config.length) if train else (1, EVALUATED_LENGTH)
        ids = vocabulary.encode(known, text if train else text[:EVALUATED])
        if len(ids) < rows * (length + 1):
            raise launch.UserError(
                f"config.text: its {name} part of {len(ids)} characters does not fill a chunk "
                f"of {length} in {rows} streams; take a longer text, or a smaller batch_size or "
                "length"
            )
        chunks = streams.chunks(streams.streams(ids, rows), length)
        # A last chunk that is not full is left out.
        whole = chunks["mask"].all(axis=(1, 2))
        flat = {key: chunks[key][whole].reshape(-1, length) for key in ("x", "y")}
        start = {"start": chunks["start"][whole].ravel()}
        data[name] = flat | start if train else batches.padded_batches(flat, 64)
    return data, known


def network(vocabulary: int, features: int, hidden: Sequence[int], dropout: float) -> LanguageModel:
    """The model, from plain numbers."""
    drop = Dropout(dropout) if dropout else None
    return LanguageModel(vocabulary, features, Stack([RNN(width) for width in hidden], drop), drop)


def plan(config: Config) -> sweep.Plan:
    """One program; rate and seed are numbers inside it."""
    data, known = load(config)
    total = config.steps * (6 if config.full else 1)
    segments = sweep.segments(total, config.evaluations)
    model = network(len(known), config.features, config.hidden, config.dropout)
    task = language_model(model, carried=True)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(total))
        return task, optax.chain(optax.clip_by_global_norm(config.clip), adam(rate))

    steps, order = total // segments, batches.ordered_indices
    run = sweep.make_run(build, steps=steps, batch_size=config.batch_size, order=order)
    programs = {"lstm": (run, sweep.grid(learning_rate=config.learning_rates))}
    return sweep.plan(programs, data, seeds=config.seeds, segments=segments, keep_states=True)


def n_grams(parts: dict[str, str], known: Vocabulary) -> dict[int, dict[str, float]]:
    """Bits a character on validation and test by order, each at the discount best on the former."""
    ids = {name: vocabulary.encode(known, text) for name, text in parts.items()}
    ids = {name: part if name == "train" else part[:EVALUATED] for name, part in ids.items()}
    found = {}
    # A gram is counted by a number of 63 bits.
    for order in [order for order in ORDERS if len(known) ** order < 2**63]:
        own = {name: ngram.windows_of([ids[name]], order, vocabulary.START) for name in ids}
        counts = ngram.fit(own["train"], len(known))
        best = ngram.best_discount(counts, own["validation"], DISCOUNTS)
        log_p = {name: ngram.kneser_ney(counts, own[name], best) for name in HELD_OUT}
        found[order] = {name: ngram.bits(of_part) for name, of_part in log_p.items()}
    return found


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Bits a character on test, at the rates that others chose; samples of the first seed."""
    parts = texts(config)
    known = vocabulary.build(parts["train"])
    frame = results.frame()
    tuned = stats.tune(frame, "program", "learning_rate", "validation_loss")
    counted = n_grams(parts, known)
    order = min(counted, key=lambda order: counted[order]["validation"])
    bits = {name: tuned.scores(f"{name}_loss")["lstm"] / math.log(2) for name in counted[order]}
    gain = stats.mean_interval(counted[order]["test"] - bits["test"])
    models = {f"{n}-gram{' *' * (n == order)}": found for n, found in counted.items()}
    lstm = {name: stats.mean_interval(values) for name, values in bits.items()}
    rates = report.distinct(tuned.trials["learning_rate"])
    table = report.table(
        (
            {"model": model}
            | {f"{part} (bits a character)": value for part, value in found.items()}
            for model, found in (models | {"LSTM": lstm}).items()
        ),
        f"* the order chosen on validation. LSTM: mean of {len(tuned.trials)} seeds (rate "
        f"{rates}), {report.CHOSEN}, and its 95 % interval.",
    )
    picture = report.course(
        results,
        frame,
        panel="program",
        line="learning_rate",
        title="An LSTM of characters",
        y_label="training loss (nats a character)",
    )
    shown = []
    if row := stats.example(frame, tuned, "lstm"):
        save(config, known, plan.replay(row).params, row, results.workdir)
        model = network(len(known), config.features, config.hidden, config.dropout)
        start = functools.partial(begin, model)
        shown = samples(trained(results.workdir), model, start, parts["validation"][:PROMPT])
    claim = FEWER_BITS.judge(gain, f"of order {order}")
    return launch.Conclusion([claim], [Section("Models", (table, picture)), *shown])


def save(
    config: Config, known: Vocabulary, params: PyTree, row: dict[str, Any], workdir: Path
) -> None:
    """Keeps the trained model of a row of the results."""
    options = {"vocabulary": len(known), "features": config.features}
    launch.save_best(
        workdir,
        params,
        {},
        None,
        task="language_model",
        model="char_rnn",
        options=options | {"hidden": list(config.hidden), "dropout": 0.0},
        input_shape=None,
        words=list(known.words),
        **{name: row[name] for name in ("trial", "learning_rate", "seed")},
    )


def trained(workdir: Path) -> Loaded:
    """The model that a run has kept."""
    return launch.load(workdir, lambda found: language_model(network(**found["options"])))


def complete(workdir: Path, prompt: str) -> str:
    """Three texts that go on from a prompt of the user's."""
    loaded = trained(workdir)
    model = network(**loaded.description["options"])
    return three(loaded, model, functools.partial(begin, model), prompt)


def three(loaded: Loaded, model: nn.Module, begin: Begin, prompt: str) -> str:
    """Three texts; ValueError for a prompt with a character that is not in the training text."""
    if strange := set(prompt) - set(loaded.description["words"]):
        raise ValueError(f"the model has not seen {', '.join(map(repr, sorted(strange)))}")
    return generate(loaded, model, begin, prompt, temperature=0.7, count=3)


def begin(model: LanguageModel, variables: PyTree, ids: Array) -> tuple[PyTree, Array]:
    """The state after all characters but the last, and these."""
    return model.apply(variables, ids[:, :-1])[0], ids[:, -1]


def samples(loaded: Loaded, model: nn.Module, begin: Begin, prompt: str) -> list[Section]:
    """A text that goes on from the prompt for each of `WAYS`."""
    return [
        Section(
            f"Text, {words}",
            (Code(generate(loaded, model, begin, prompt, temperature=temperature, count=1)),),
        )
        for words, temperature in WAYS.items()
    ]


def generate(
    loaded: Loaded,
    model: nn.Module,
    begin: Begin,
    prompt: str,
    *,
    temperature: float | None,
    count: int,
) -> str:
    """Texts that go on from the prompt, by a trained model; temperature None: greedily."""
    known = Vocabulary(tuple(loaded.description["words"]))
    ids = np.tile(vocabulary.encode(known, prompt or "\n"), (count, 1))

    @jax.jit
    def run(variables: PyTree, ids: Array, key: Array) -> Array:
        carry, last = begin(variables, ids)
        step: Callable[..., Any] = functools.partial(model.apply, variables, method="step")
        if temperature is None:
            return decoding.greedy(step, carry, last, SHOWN)
        return decoding.sample(step, carry, last, SHOWN, key, temperature=temperature, top_p=0.95)

    found = run({"params": loaded.params}, jnp.asarray(ids), jax.random.key(0))
    texts = ("".join(vocabulary.decode(known, row)) for row in np.asarray(found))
    return f"\n{'-' * 72}\n".join(prompt + text for text in texts)


USES = {"generate": launch.Use("Text to go on from, three times, at temperature 0.7.", complete)}

if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, USES))
