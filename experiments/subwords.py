"""In what pieces is a text to be read: words, BPE, WordPiece or letters?

In which of six sections of a docstring does a sentence stand? Its tokens are the most frequent
words, others being one unknown; BPE symbols (Sennrich et al. 2016); pieces of WordPiece; or
letters; each vocabulary of 600 at most, made of the training sentences. Of the vectors of up to 4
tokens on end the largest responses classify. Whole documents are held out. The rate is chosen on
validation; a seed moves initialization and batches.

    python -m experiments.subwords --workdir=runs/subwords  # 3 minutes on 2 cores
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from experiments import text_cnn
from experiments.text_cnn import LONGEST, SECTIONS
from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.data.sources import sections
from jaxdl.data.text import tokenizers, vocabulary
from jaxdl.launch import setting
from jaxdl.layers import Embedding
from jaxdl.models import NGrams, TextClassifier
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Section
from jaxdl.report.tables import Cell

CLAIMS = BETTER, AS_LETTERS, COVERS = (
    Claim("E9", "pieces of words are better than the most frequent words alone",
          "paired difference in test accuracy", above=0.0, unit="points"),
    Claim("E9", "pieces of words are as good as letters, or better",
          "paired difference in test accuracy", above=0.0, unit="points"),
    Claim("E1", "of test words, pieces leave fewer unknown than a vocabulary of as many words",
          "share of test words with an unknown token, minus that of words",
          below=-0.1, unit="points"),
)  # fmt: skip
WORDS, BPE, WORDPIECE, LETTERS = "words", "BPE", "WordPiece", "letters"
WIDE = {WORDS: LONGEST, BPE: 3 * LONGEST, WORDPIECE: 3 * LONGEST, LETTERS: 5 * LONGEST}
"""Tokens of a sentence at most."""
Tokenizer = Callable[[str], list[str]]


class Config(launch.Config):
    """The vocabularies, the network and the training."""

    steps: int = setting(500, "Training steps of each trial.", low=1)
    seeds: int = setting(18, "Seeds of each setting.", low=2)
    documents: int = setting(25000, "Docstrings to take, of all splits.", low=500)
    vocabulary: int = setting(600, "Tokens of each vocabulary at most.", low=50)
    batch_size: int = setting(32, "Sentences in a step.", low=1, high=100)
    features: int = setting(32, "Numbers that a token is embedded in.", low=1)
    channels: int = setting(32, "Features of each width.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(1e-3, 3e-3, 1e-2)


def tokenizers_of(config: Config, counts: Counter[str]) -> dict[str, Tokenizer]:
    """Ways to take a word apart, learned from training words."""
    merges = tokenizers.train_bpe(counts, config.vocabulary - len(vocabulary.SPECIAL))
    inside = tokenizers.train_bpe(
        counts, config.vocabulary - len(vocabulary.SPECIAL), tokenizers.INSIDE
    )
    pieces = set(inside.vocabulary)
    return {
        WORDS: lambda word: [word],
        BPE: lambda word: tokenizers.bpe(word, merges),
        WORDPIECE: lambda word: tokenizers.wordpiece(word, pieces),
        LETTERS: lambda word: [*word, " "],
    }


def tokens(words: Sequence[str], cut: dict[str, list[str]], tokenize: Tokenizer) -> list[str]:
    """Of a sentence; cut remembers words."""
    found: list[str] = []
    for word in words:
        if word not in cut:
            cut[word] = tokenize(word)
        found += cut[word]
    return found


def load(config: Config) -> tuple[dict[str, sweep.Data], dict[str, int], dict[str, float]]:
    """By tokenizer: the data as a run takes it, its vocabulary's size, and unknown test words."""
    placed = text_cnn.placed(config.documents)
    counts = Counter(word for one in placed["train"] for word in one.words)
    data: dict[str, sweep.Data] = {}
    sizes, unknown = {}, {}
    for name, tokenize in tokenizers_of(config, counts).items():
        cut: dict[str, list[str]] = {}
        known = vocabulary.build(
            (token for one in placed["train"] for token in tokens(one.words, cut, tokenize)),
            config.vocabulary,
        )
        parts = {
            split: encoded(part, known, cut, tokenize, WIDE[name]) for split, part in placed.items()
        }
        data[name], sizes[name] = splits.in_batches(parts, 100), len(known)
        there = [word for one in placed["test"] for word in one.words]
        lost = [any(token not in known.ids for token in cut[word]) for word in there]
        unknown[name] = float(np.mean(lost))
    return data, sizes, unknown


def encoded(
    part: Sequence[sections.Placed],
    known: vocabulary.Vocabulary,
    cut: dict[str, list[str]],
    tokenize: Tokenizer,
    length: int,
) -> dict[str, np.ndarray]:
    """Ids of tokens, and the number of the section."""
    rows = (tokens(one.words, cut, tokenize)[:length] for one in part)
    y = np.array([SECTIONS.index(one.section) for one in part], np.int32)
    return {"x": vocabulary.rows(known, rows, length), "y": y}


def plan(config: Config) -> sweep.Plan:
    """One program per tokenizer; rate and seed are numbers inside it."""
    data, sizes, _ = load(config)

    def run(name: str) -> sweep.Run:
        body = NGrams(config.channels, (1, 2, 3, 4))
        model = TextClassifier(Embedding(sizes[name], config.features), body, len(SECTIONS))
        build = sweep.by_rate(tasks.classification(model), adam, schedules.cosine(config.steps))
        run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
        return sweep.on_part(name, run)

    points = sweep.grid(learning_rate=config.learning_rates)
    programs = {name: (run(name), points) for name in WIDE}
    return sweep.plan(programs, data, seeds=config.seeds, column="tokens")


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy paired over seeds, each at its own rates, and what is unknown on test."""
    tuned = stats.tune(results.frame(), "tokens", "learning_rate")
    _, sizes, unknown = load(config)
    pieces = (BPE, WORDPIECE)
    claims = [
        *BETTER.judge_each({p: tuned.gain("test_accuracy", p, WORDS) for p in pieces}),
        *AS_LETTERS.judge_each({p: tuned.gain("test_accuracy", p, LETTERS) for p in pieces}),
        *COVERS.judge_each(
            {p: stats.exact(unknown[p] - unknown[WORDS], "counted") for p in pieces}
        ),
    ]  # fmt: skip
    table = report.tuned_table(tuned, "test_accuracy", against=WORDS)
    rows: list[dict[str, Cell]] = [
        {
            "tokens": name,
            "vocabulary": sizes[name],
            "test words with an unknown (%)": share,
            "tokens of a sentence, at most": WIDE[name],
        }
        for name, share in unknown.items()
    ]
    read = report.table(rows, "What is cut off and what is unknown.")
    curves = report.tuned_curves(results, tuned, y_label="training loss (nats)")
    return launch.Conclusion(claims, [Section("By tokens", (table, read, *curves))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
