"""How is a word said? An encoder and a decoder with one context, and with attention, by length.

Words of the CMU pronouncing dictionary, letter by letter, to their phonemes without stress. Both
models read in two directions; one feeds the decoder the last states at every step, the other lets
it look at each letter before each phoneme (Luong's general score). On unseen words, decoded
greedily: edits to the right phonemes over right phonemes, in all, of short words (3 to 5 letters)
and of long ones (9 to 12). A seed moves the initialization and the batches; the rate is chosen by
that error on validation.

    python -m experiments.pronunciation --workdir=runs/pronunciation  # 2 minutes on 2 cores
    python -m experiments.pronunciation --workdir=runs/pronunciation --pronounce=attention
"""

import functools
import math
from pathlib import Path

import jax
import numpy as np
import optax
import pandas as pd
from flax import linen as nn

from jaxdl import launch, report, stats, sweep
from jaxdl.data import splits
from jaxdl.data.sources import documents, pronunciations
from jaxdl.data.text import bucketing, vocabulary
from jaxdl.data.text.vocabulary import Vocabulary
from jaxdl.launch import setting
from jaxdl.layers.attention import General, Soft
from jaxdl.models import Attentive, Encoder, FixedContext, Seq2Seq
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Picture, Section
from jaxdl.report.alignments import Alignment, alignments
from jaxdl.tasks import sequence_to_sequence, token_errors
from jaxdl.types import PyTree, Task

CLAIMS = BETTER, LESS, GROWS = (
    Claim("S9", "attention lowers the phoneme error rate",
          "error with one context minus error with attention", above=0.02, unit="points"),
    Claim("S9", "attention takes off a part of the penalty of length",
          "growth of the error from short to long words, one context minus attention",
          above=0.02, unit="points"),
    Claim("S8", "with one context, errors grow with the length of the word",
          "error of long words minus error of short words", above=0.05, unit="points"),
)  # fmt: skip
ONE, ATTENTION = "one context", "attention"
LETTERS, PHONEMES, NEW = range(3, 13), 12, 1000
SHORT, LONG = range(3, 6), range(9, 13)
DRAWN, BEAM, SAID = (5, 8, 11), 8, 3


class Config(launch.Config):
    """The words, the size of the models, and the training."""

    steps: int = setting(1200, "Training steps of each trial.", low=1)
    seeds: int = setting(4, "Seeds of each setting.", low=1)
    words: int = setting(20_000, "Words to train on.", low=128, high=100_000)
    batch_size: int = setting(64, "Words in a step.", low=1, high=128)
    features: int = setting(32, "Numbers that a letter or a phoneme is embedded in.", low=1)
    width: int = setting(64, "Units of the encoder, both directions, and of the decoder.", low=2)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, help="Peak rates of Adam to try.")


def load(config: Config) -> tuple[sweep.Data, Vocabulary, Vocabulary]:
    """The data as a run takes it, and the vocabularies of letters and of phonemes."""
    parts = {}
    for name, part in pronunciations.load()._asdict().items():
        count = config.words if name == "train" else NEW
        fitting = pronunciations.plain(part, LETTERS, PHONEMES)
        parts[name] = documents.sample(fitting, count, np.random.default_rng(0))
    letters = vocabulary.build(letter for word, _ in parts["train"] for letter in word)
    phonemes = vocabulary.build(phoneme for _, spoken in parts["train"] for phoneme in spoken)
    data = {}
    for name, pairs in parts.items():
        y = [vocabulary.framed(vocabulary.encode(phonemes, spoken)) for _, spoken in pairs]
        x = vocabulary.rows(letters, (word for word, _ in pairs), max(LETTERS))
        data[name] = {"x": x, "y": bucketing.pad(y, PHONEMES + 2)["x"]}
    return splits.in_batches(data, NEW // 4), letters, phonemes


def network(decoder: str, letters: int, phonemes: int, features: int, width: int) -> Seq2Seq:
    """The model, from plain values."""
    # Orthogonal kernels cost seconds of compilation, and the words are short.
    init = nn.initializers.lecun_normal()
    width -= width % 2
    decoders = {
        ONE: lambda: FixedContext(width, recurrent_init=init),
        ATTENTION: lambda: Attentive(width, recurrent_init=init, attention=Soft(General(width))),
    }
    encoder = Encoder(letters, features, width // 2, recurrent_init=init)
    return Seq2Seq(encoder, decoders[decoder](), phonemes, features)


def options(config: Config, decoder: str, letters: Vocabulary, phonemes: Vocabulary) -> PyTree:
    """What the network is built from."""
    sizes = {"features": config.features, "width": config.width}
    return {"decoder": decoder, "letters": len(letters), "phonemes": len(phonemes)} | sizes


def plan(config: Config) -> sweep.Plan:
    """One program a decoder; the rate is a number inside it."""
    data, letters, phonemes = load(config)
    points = sweep.grid(learning_rate=config.learning_rates)

    def run(decoder: str) -> sweep.Run:
        task = reading(network(**options(config, decoder, letters, phonemes)))
        build = sweep.by_rate(task, clipped, schedules.cosine(config.steps))
        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    programs = {name: (run(name), points) for name in (ONE, ATTENTION)}
    return sweep.plan(programs, data, seeds=config.seeds, column="model", keep_states=True)


def clipped(rate: schedules.Shape) -> optax.GradientTransformation:
    """Adam on gradients of norm 1 at most."""
    return optax.chain(optax.clip_by_global_norm(1.0), adam(rate))


def reading(model: Seq2Seq) -> Task:
    """The task, which in evaluation reports the errors of greedy decoding too."""
    groups = {"errors": LETTERS, "errors_short": SHORT, "errors_long": LONG}
    groups |= {f"errors_{size}": range(size, size + 1) for size in LETTERS}
    return token_errors.with_token_errors(sequence_to_sequence(model), model, PHONEMES + 1, groups)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Errors on test at the rates that others chose; the first seed's model is kept."""
    frame = results.frame()
    tuned = stats.tune(frame, "model", "learning_rate", "validation_errors")
    parts = {"all words": "", "short words": "_short", "long words": "_long"}
    error, short, long = (tuned.scores(f"test_errors{part}") for part in parts.values())
    growth = long - short
    claims = [
        BETTER.judge(stats.paired_interval(error[ONE], error[ATTENTION])),
        LESS.judge(stats.paired_interval(growth[ONE], growth[ATTENTION])),
        GROWS.judge(stats.paired_interval(long[ONE], short[ONE])),
    ]
    table = report.table(
        (
            {"model": name, "rate": report.distinct(trials["learning_rate"])}
            | {
                f"{words} (%)": stats.mean_interval(trials[f"test_errors{part}"])
                for words, part in parts.items()
            }
            for name, trials in tuned.trials.groupby("model", sort=False)
        ),
        f"Phoneme error rates on unseen words, means over seeds and 95 % intervals, "
        f"{report.CHOSEN}.",
    )
    wide = tuned.trials.drop(columns="test_errors")
    lengths = pd.wide_to_long(wide, "test_errors", ["model", "seed"], "letters", sep="_")
    by_length = report.along(
        lengths.reset_index(), "letters", "test_errors", line="model", x_scale="linear",
        title="Errors by length of the word",
        x_label="letters of the word", y_label="phoneme error rate (%)",
    )  # fmt: skip
    row = stats.example(frame, tuned, ATTENTION)
    pictures = [] if row is None else [kept(config, plan, row)]
    heading = "By decoder, and by the length of the word"
    return launch.Conclusion(claims, [Section(heading, (*by_length, table, *pictures))])


def kept(config: Config, plan: sweep.Plan, row: PyTree) -> Picture:
    """Keeps the trained model, and draws its attention to words of three lengths."""
    _, letters, phonemes = load(config)
    built, params = options(config, ATTENTION, letters, phonemes), plan.replay(row).params
    assert plan.workdir is not None
    launch.save_best(
        plan.workdir, params, task="sequence_to_sequence", model="pronunciation", options=built,
        letters=letters.words, phonemes=phonemes.words, trial=row["trial"], seed=row["seed"],
    )  # fmt: skip
    words = plan.data["test"]["x"].reshape(-1, max(LETTERS))
    sizes = (words != vocabulary.PAD).sum(axis=1)
    x = np.stack([words[np.flatnonzero(sizes == size)[0]] for size in DRAWN])
    look = functools.partial(token_errors.attended, network(**built), length=PHONEMES + 1)
    maps = []
    for ids, spoken, weights in zip(
        x, *map(np.asarray, jax.jit(look)({"params": params}, x)), strict=True
    ):
        word = vocabulary.decode(letters, vocabulary.content(ids))
        said = [*vocabulary.decode(phonemes, vocabulary.content(spoken)), "end"][: len(spoken)]
        maps.append(Alignment(weights[: len(said), : len(word)], said, word))
    figure = alignments(
        maps,
        title="What is looked at before each phoneme",
        output_label="phoneme said",
        input_label="letter looked at",
    )
    return report.picture(figure, "Unseen words, decoded greedily")


def pronounce(workdir: Path, word: str) -> str:
    """The likeliest ways that beam search finds to say a word, with their probabilities."""
    loaded = launch.load(workdir, lambda description: reading(network(**description["options"])))
    letters, phonemes = (
        Vocabulary(tuple(loaded.description[name])) for name in ("letters", "phonemes")
    )
    word = word.strip().lower()
    if strange := set(word) - set(letters.ids):
        raise ValueError(f"the model does not know {', '.join(map(repr, sorted(strange)))}")
    if not word:
        raise ValueError("there is no word to pronounce")
    model, length = network(**loaded.description["options"]), 2 * len(word) + 2
    search = functools.partial(token_errors.beam, model, length=length, width=BEAM)
    x = vocabulary.encode(letters, word)[None]
    (found,), (scores,) = map(np.asarray, jax.jit(search)({"params": loaded.params}, x))
    said = [vocabulary.decode(phonemes, vocabulary.content(ids)) for ids in found[:SAID]]
    pairs = zip(said, scores, strict=False)
    return "\n".join(f"{' '.join(spoken)}   ({math.exp(score):.2f})" for spoken, score in pairs)


USES = {"pronounce": launch.Use("A word to say, with what the run has trained.", pronounce)}

if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, USES))
