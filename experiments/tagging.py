"""Does a tagger need the words behind a word, and the letters in it?

Sentences of the installed packages' docstrings, whose markup (code, names, references, formulas,
emphasis) is taken off and to be found again; authors mark unevenly. Two directions of an LSTM
against a forward one with equally many weights, and two directions without features of characters,
which can tell something of words that were not seen in training. F1 of spans is micro, by
conlleval's rules. Whole documents are held out; sentences of more than 32 words are left out. A
seed moves initialization and batches, not the test sentences; the rate is chosen by validation
loss.

    python -m experiments.tagging --workdir=runs/tagging  # 4 minutes on 2 cores
    python -m experiments.tagging --workdir=runs/tagging --tag="See numpy.sum if axis is None."
"""

from collections import Counter
from pathlib import Path

import jax
import numpy as np
import pandas as pd

from jaxdl import launch, report, stats, sweep
from jaxdl.data import splits
from jaxdl.data.sources import documents, markup
from jaxdl.data.text import bio, tagged, vocabulary
from jaxdl.data.text.vocabulary import Vocabulary
from jaxdl.launch import setting
from jaxdl.layers.recurrent import RNN, Bidirectional
from jaxdl.metrics import spans
from jaxdl.models import CharacterFeatures, Tagger
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Picture, Section
from jaxdl.tasks import tagging
from jaxdl.types import PyTree

LONGEST, WIDTH = 32, 12
BEST, FORWARD, ALONE = "two directions", "forward", "without characters"
ARMS = {BEST: (True, True), FORWARD: (False, True), ALONE: (True, False)}
"""Whether there are two directions, and characters."""
CLAIMS = BEHIND, BOTH, CHARACTERS = (
    Claim("S2", "the words behind a word help to tag it",
          "paired difference in test accuracy", above=0.01, unit="points"),
    Claim("S10", "forward-only loses",
          "paired difference in test f1", above=0.02, unit="points"),
    Claim("S10", "features of characters help",
          "paired difference in test f1", above=0.02, unit="points"),
)  # fmt: skip


class Taggers(launch.Config):
    """The sentences, and the sizes of taggers."""

    documents: int = setting(16000, "Docstrings to take, of all splits.", low=500)
    batch_size: int = setting(32, "Sentences in a step.", low=1, high=100)
    features: int = setting(48, "Numbers that a word is embedded in.", low=1)
    letters: int = setting(32, "Numbers that the characters of a word give.", low=1)
    hidden: int = setting(48, "Units of each of two directions.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, 3e-2)


class Config(Taggers):
    """The sentences, the taggers, and their training."""

    steps: int = setting(400, "Training steps of each trial.", low=1)
    seeds: int = setting(8, "Seeds of each setting.", low=2)
    taggers: tuple[str, ...] = setting(tuple(ARMS), "What to compare.")


def load(config: Taggers) -> tuple[sweep.Data, Vocabulary, Vocabulary]:
    """The data as a run takes it, and the vocabularies of words and characters."""
    found = documents.sample(documents.docstrings(), config.documents, np.random.default_rng(0))
    kept = {
        name: [sentence for sentence in part if len(sentence.words) <= LONGEST]
        for name, part in markup.split(documents.split(found))._asdict().items()
    }
    words = [word for sentence in kept["train"] for word in sentence.words]
    known = vocabulary.build(words, min_count=2), vocabulary.build("".join(words), min_count=20)
    data = {
        name: tagged.encode(part, *known, markup.TYPES, LONGEST, WIDTH)
        for name, part in kept.items()
    }
    return splits.in_batches(data, 100), *known


def tagger(
    words: int, characters: int, features: int, letters: int, hidden: int, both: bool, spelled: bool
) -> Tagger:
    """The model, from plain numbers; a forward one is as wide as makes it equally large."""
    tags = len(bio.labels(markup.TYPES))

    def weights(width: int) -> int:
        return 4 * width * (features + letters * spelled + width + 1) + width * tags

    def miss(width: int) -> int:
        return abs(weights(width) - 2 * weights(hidden))

    body = (
        Bidirectional(RNN(hidden), RNN(hidden, reverse=True))
        if both
        else RNN(min(range(hidden, 2 * hidden + 1), key=miss))
    )
    return Tagger(
        words, features, body, tags, CharacterFeatures(characters, letters) if spelled else None
    )


def options(config: Taggers, words: Vocabulary, characters: Vocabulary, arm: str) -> PyTree:
    """What a tagger is built from."""
    sizes = {name: getattr(config, name) for name in ("features", "letters", "hidden")}
    both, spelled = ARMS[arm]
    vocabularies = {"words": len(words), "characters": len(characters)}
    return vocabularies | sizes | {"both": both, "spelled": spelled}


def plan(config: Config) -> sweep.Plan:
    """A program for each arm; rate and seed are numbers inside it."""
    if {BEST, FORWARD} - set(config.taggers):
        raise launch.UserError(f"config.taggers: {BEST!r} and {FORWARD!r} are to be among them")
    arms = launch.choose_all("taggers", config.taggers, ARMS)
    data, words, characters = load(config)
    points = sweep.grid(learning_rate=config.learning_rates)

    def run(arm: str) -> sweep.Run:
        task = tagging(tagger(**options(config, words, characters, arm)))
        build = sweep.by_rate(task, adam, schedules.cosine(config.steps))
        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    programs = {arm: (run(arm), points) for arm in arms}
    return sweep.plan(programs, data, seeds=config.seeds, column="model", keep_states=True)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy and F1 on test, paired over seeds, each arm at its own rates."""
    frame = results.frame()
    tuned = stats.tune(frame, "model", "learning_rate", "validation_loss")
    of_spans = [BOTH.judge(tuned.gain("test_f1", BEST, FORWARD))]
    if ALONE in config.taggers:
        of_spans.append(CHARACTERS.judge(tuned.gain("test_f1", BEST, ALONE)))
    names = [claim.claim for claim in of_spans]
    gains = report.intervals(of_spans, names, title="What is gained in span F1")
    test = plan.data["test"]
    outside = float((test["y"][real_words(test)] == 0).mean())
    blocks = (
        report.tuned_table(tuned, "test_f1", against=FORWARD),
        report.tuned_table(tuned, "test_accuracy", against=FORWARD),
        f"{report.percent(outside)} % of the words are outside any markup.",
        report.picture(gains),
    )
    sections = [Section("On sentences of held-out documents", blocks)]
    if row := stats.example(frame, tuned, BEST):
        sections.append(Section("By kind of markup", (by_type(config, plan, row),)))
    behind = BEHIND.judge(tuned.gain("test_accuracy", BEST, FORWARD))
    return launch.Conclusion([behind, *of_spans], sections)


def real_words(batch: PyTree) -> np.ndarray:
    """Which places hold a word of a sentence."""
    return (batch["words"] > 0) & (batch["mask"][..., None] > 0)


def by_type(config: Config, plan: sweep.Plan, row: PyTree) -> Picture:
    """Precision, recall and F1 of each type for one trained tagger, which is kept."""
    _, words, letters = load(config)
    plain = options(config, words, letters, BEST)
    params, test = plan.replay(row).params, plan.data["test"]
    assert plan.workdir is not None
    launch.save_best(
        plan.workdir, params, task="tagging", model="tagger", options=plain, words=words.words,
        letters=letters.words, **{name: row[name] for name in ("trial", "learning_rate", "seed")},
    )  # fmt: skip
    predict = tagging(tagger(**plain)).predict
    logits = jax.jit(lambda test: jax.lax.map(lambda b: predict(params, {}, b), test))(test)
    real = real_words(test).reshape(-1, LONGEST)
    ours, theirs = (
        spans.read(ids.reshape(-1, LONGEST), real, markup.TYPES)
        for ids in (np.asarray(logits).argmax(axis=-1), test["y"])
    )
    count = Counter(one.type for row in theirs for one in row)
    cells = pd.DataFrame(
        {f"{kind} ({count[kind]} spans)": spans.score_of_type(ours, theirs, kind)
         for kind in markup.TYPES},
        index=["precision", "recall", "F1"],
    )  # fmt: skip
    figure = report.heat_map(
        100 * cells.T, title=f"Spans on test: {BEST}", label="share of spans (%)", limits=(0, 100)
    )
    return report.picture(figure, "One seed.")


def tag(workdir: Path, text: str) -> str:
    """The user's sentence with the spans that the trained tagger finds: `[axis]/CODE`."""
    words = markup.words(text)
    if not words:
        raise ValueError("there is no word in it")
    loaded = launch.load(workdir, lambda found: tagging(tagger(**found["options"])))
    known, letters = (Vocabulary(tuple(loaded.description[name])) for name in ("words", "letters"))
    sentence = markup.Sentence(words, ["O"] * len(words))
    batch = tagged.encode([sentence], known, letters, markup.TYPES, len(words), WIDTH)
    logits = np.asarray(jax.jit(loaded.task.predict)(loaded.params, {}, batch))
    (found,) = spans.read(logits.argmax(axis=-1), np.ones((1, len(words)), bool), markup.TYPES)
    if not found:
        return f"{' '.join(words)}\n(no span found; looked for {', '.join(markup.TYPES)})"
    return bio.bracketed(words, found)


USES = {"tag": launch.Use("Sentence to tag with what the run has trained.", tag)}

if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, USES))
