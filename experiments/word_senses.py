"""Do vectors of words in their context tell two senses of a word apart better than static ones?

Pseudo-words (Schütze 1992; Gale, Church & Yarowsky 1992): two words of like frequency become one,
before anything is learned; the sense of an occurrence is which of the two stood there. The pairs
are drawn, by one seed, from words that occur often enough. Prose of docstrings, each document and
each sentence in one part only. Of the first part skip-gram, an ELMo and a BERT (masked words) are
learned, one seed each. A logistic classifier of each pair then learns from 4 or 16 occurrences of
each sense in another part, in 32 words of running text, and is judged on others. The static vector
of the word itself is the same for both senses, so half are right; its rivals are made of static
vectors of the words around: their mean, rare ones weighing more (Arora et al. 2017), near or far,
or four of them in order, of which the best on validation is compared with. A seed moves which
occurrences are labelled; rates are chosen by other seeds on validation. Intervals are over pairs of
words, and hold no chance of what was learned of the first part.

    python -m experiments.word_senses --workdir=runs/word_senses  # 5 minutes on 2 cores
"""

import functools
import itertools
from collections.abc import Mapping, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from experiments import _small_bert, elmo
from jaxdl import launch, losses, metrics, report, stats, sweep, tasks, train
from jaxdl.data import scaling, splits
from jaxdl.data.sources import documents, sentences
from jaxdl.data.text import masking, streams, tokenizers, vocabulary
from jaxdl.data.text.vocabulary import END, SPECIAL, Vocabulary
from jaxdl.launch import setting
from jaxdl.layers.mix import LayerMix
from jaxdl.models import BERTPretraining, ELMo
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Picture, Section
from jaxdl.types import Array, Batch, Metrics, PyTree
from jaxdl.word_vectors import training

CLAIMS = ELMO_WINS, BERT_WINS = (
    Claim("T6", "ELMo's vectors in context tell two senses apart better than static ones around",
          "paired difference in test accuracy", above=0.02, unit="points"),
    Claim("T5", "BERT's vectors in context tell two senses apart better than static ones around",
          "paired difference in test accuracy", above=0.02, unit="points"),
)  # fmt: skip
OF_ELMO, OF_BERT = "ELMo, layers mixed", "BERT, last layer"
NEAR, FAR, ORDER = "static, mean of 10", "static, mean of 30", "static, 4 in order"
LABELS, LENGTH, HALF, DEPTH = (4, 16), elmo.WINDOW, elmo.WINDOW // 2, 2
SHARES = {"text": 0.58, "train": 0.14, "validation": 0.08, "test": 0.2}
EACH = {"train": 32, "validation": 16, "test": 40}
"""Of the documents, the share of each part; of each sense, the occurrences that are taken."""
COMMON, SHORTEST, RARE = 100, 3, 1e-3


class Config(launch.Config):
    """The pairs, what is learned of plain text, and the classifiers."""

    steps: int = setting(200, "Training steps of each classifier.", low=1)
    seeds: int = setting(6, "Seeds of each setting.", low=2)
    pairs: int = setting(24, "Pairs of words made one.", low=2)
    sentences: int = setting(30_000, "Sentences of plain text to learn from, at most.", low=500)
    vocabulary: int = setting(2000, "Words that are known, special ones among them.", low=200)
    width: int = setting(96, "Numbers of a vector; a direction of ELMo has half.", low=4)
    heads: int = setting(4, "Heads of each layer of BERT.", low=1)
    epochs: int = setting(5, "Times that skip-gram goes through the text.", low=1)
    reading_steps: int = setting(1200, "Training steps of ELMo, and of BERT.", low=1)
    batch_size: int = setting(32, "Windows of text in such a step.", low=1)
    bert_rate: float = setting(3e-3, "Peak rate of Adam for BERT.", low=1e-12)
    learning_rates: tuple[float, ...] = launch.rates(
        1e-3, 1e-2, 1e-1, help="Peak rates of Adam for the classifiers."
    )


class Senses(nn.Module):
    """A logistic classifier a pair, on mixed layers: `[B, 2, P, K, D]` to `[B, 2, P, 2]`."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        mixed = LayerMix()(jnp.moveaxis(x, -2, 0))
        pairs, features = mixed.shape[2:]
        kernel = self.param("kernel", nn.initializers.zeros, (pairs, features, 2))
        bias = self.param("bias", nn.initializers.zeros, (pairs, 2))
        return jnp.einsum("bspd,pdc->bspc", mixed, kernel) + bias[None, None]


def read(config: Config) -> tuple[dict[str, list[np.ndarray]], Vocabulary, np.ndarray]:
    """Sentences of ids of each part, the words, the most frequent first, and the pairs `[P, 2]`."""
    texts = documents.docstrings()
    texts = documents.sample(texts, len(texts), np.random.default_rng(0))
    cuts = np.rint(np.cumsum([0, *SHARES.values()]) * len(texts)).astype(int)
    spoken = [
        [tuple(tokenizers.words(one)) for text in texts[a:b] for one in sentences.prose(text)]
        for a, b in itertools.pairwise(cuts)
    ]
    parts = dict(zip(SHARES, sentences.distinct(spoken, lambda words: words), strict=True))
    parts["text"] = parts["text"][: config.sentences]
    counted = (word for words in parts["text"] for word in words)
    words = vocabulary.build(counted, config.vocabulary - 1).words[len(SPECIAL) :]
    known = Vocabulary((*SPECIAL, _small_bert.MASK, *words))
    ids = {name: [vocabulary.encode(known, one) for one in part] for name, part in parts.items()}
    return ids, known, paired(config, ids, known)


def running(lines: Sequence[np.ndarray]) -> np.ndarray:
    """Sentences one behind the other, `END` after each."""
    return np.concatenate([np.append(line, END) for line in lines])


def paired(
    config: Config, lines: Mapping[str, Sequence[np.ndarray]], known: Vocabulary
) -> np.ndarray:
    """Ids of the words that become one, `[P, 2]`: of those drawn, neighbours by frequency."""
    fit = np.array([word.isalpha() and len(word) >= SHORTEST for word in known.words])
    fit[:COMMON] = False
    for name, least in EACH.items():
        fit &= np.bincount(running(lines[name])[HALF:-HALF], minlength=len(known)) >= least
    found = np.flatnonzero(fit)
    if len(found) < 2 * config.pairs:
        raise launch.UserError(
            f"config.pairs: {config.pairs} pairs need {2 * config.pairs} words that occur often "
            f"enough in every part, there are {len(found)}"
        )
    return np.sort(np.random.default_rng(1).permutation(found)[: 2 * config.pairs]).reshape(-1, 2)


def occurrences(ids: np.ndarray, pairs: np.ndarray, count: int) -> np.ndarray:
    """The text around `count` occurrences of each word of the pairs: `[count, 2, P, LENGTH]`."""
    rng, middle = np.random.default_rng(2), ids[HALF:-HALF]
    starts = [rng.permutation(np.flatnonzero(middle == word))[:count] for word in pairs.T.flat]
    return ids[np.transpose(starts).reshape(count, *pairs.T.shape, 1) + np.arange(LENGTH)]


def load(config: Config) -> sweep.Data:
    """`{kind of vectors: {part: x [N, 2, P, K, D], y [N, 2, P]}}`, each part as a run takes it."""
    lines, known, pairs = read(config)
    one = np.arange(len(known), dtype=np.int32)
    one[pairs[:, 1]] = pairs[:, 0]
    windows = np.concatenate(
        [one[occurrences(running(lines[name]), pairs, count)] for name, count in EACH.items()]
    )
    cuts = np.cumsum([*EACH.values()])[:-1]
    y = np.broadcast_to(np.arange(2, dtype=np.int32)[:, None], windows.shape[:-1])

    def seen(vectors: np.ndarray) -> dict[str, PyTree]:
        parts = np.split(vectors.reshape(*windows.shape[:-1], *vectors.shape[1:]), cuts)
        scale = scaling.fit_per_column(parts[0].reshape(-1, *parts[0].shape[2:]))
        scaled = (scaling.apply(scale, part) for part in parts)
        named = zip(EACH, scaled, np.split(y, cuts), strict=True)
        return splits.in_batches({name: {"x": x, "y": y} for name, x, y in named})

    text = [one[line] for line in lines["text"]]
    found = vectors(config, known, text, windows.reshape(-1, LENGTH))
    return {kind: seen(np.asarray(array)) for kind, array in found.items()}


def vectors(
    config: Config, known: Vocabulary, lines: Sequence[np.ndarray], ids: np.ndarray
) -> dict[str, Array | np.ndarray]:
    """What stands in the middle of `ids [N, LENGTH]`, K vectors, `[N, K, D]`, of each kind."""
    text = running(lines)
    table = training.skip_gram_vectors(lines, len(known), config.width, epochs=config.epochs)
    weights = RARE / (RARE + np.bincount(text, minlength=len(known)) / len(text))

    def mean(reach: int) -> np.ndarray:
        near = np.delete(ids[:, HALF - reach : HALF + reach + 1], reach, axis=1)
        share = weights[near] / weights[near].sum(axis=1, keepdims=True)
        return np.einsum("nt,ntd->nd", share, table[near])[:, None]

    neighbours = table[ids[:, HALF + np.array([-2, -1, 1, 2])]]
    layers = of_elmo(config, len(known), text, ids)
    return {
        NEAR: mean(5),
        FAR: mean(HALF - 1),
        ORDER: neighbours.reshape(len(ids), 1, -1),
        "ELMo, layer 1": layers[:, :1],
        "ELMo, layer 2": layers[:, 1:],
        OF_ELMO: layers,
        OF_BERT: of_bert(config, known, text, ids)[:, None],
    }


def of_elmo(config: Config, size: int, text: np.ndarray, ids: np.ndarray) -> Array:
    """Both layers of an ELMo that has learned the text, the middle of ids: `[N, 2, D]`.

    Its embeddings, the same for both senses, are left out.
    """
    options = elmo.Config(
        features=config.width // 2, language_steps=config.reading_steps, streams=config.batch_size
    )
    params, model = elmo.language_model(options, text, size), ELMo(size, config.width // 2)

    @jax.jit
    def states(params: PyTree, ids: Array) -> Array:
        return jnp.asarray(model.apply({"params": params}, ids, method="states"))[1:, :, HALF]

    return states(params, ids).swapaxes(0, 1)


def of_bert(config: Config, known: Vocabulary, text: np.ndarray, ids: np.ndarray) -> Array:
    """The last layer of a BERT that has guessed masked words, the middle of ids: `[N, D]`."""
    body = _small_bert.network(len(known), config.width, DEPTH, config.heads)
    mask = functools.partial(masking.masked, symbols=_small_bert.symbols(known))
    model = BERTPretraining(body, next_sentence=False)
    task = tasks.noise.in_training(tasks.masked_language_model(model), mask)
    steps, size = config.reading_steps, config.batch_size
    shape = schedules.warmup_then(steps // 10, schedules.cosine(steps - steps // 10))
    tx = adam(schedules.scaled(config.bert_rate, shape))

    @jax.jit
    def states(key: Array, arrays: Batch, ids: Array) -> Array:
        params = train.fit_scan(task, tx, key, arrays, steps=steps, batch_size=size).params
        return jnp.asarray(body.apply({"params": params["body"]}, ids))[:, HALF]

    return states(jax.random.key(0), {"x": streams.streams(text, len(text) // LENGTH)}, ids)


def plan(config: Config) -> sweep.Plan:
    """A program each kind of vectors; the number of labels and the rate are numbers inside it."""
    data = load(config)
    task = tasks.supervised(Senses(), losses.softmax_cross_entropy, measured)
    points = sweep.grid(labels=LABELS, learning_rate=config.learning_rates)
    build = sweep.by_rate(task, adam, schedules.cosine(config.steps))
    run = sweep.few_labels(sweep.make_run(build, steps=config.steps, batch_size=EACH["train"]))

    programs = {kind: (sweep.on_part(kind, run), points) for kind in data}
    return sweep.plan(programs, data, seeds=config.seeds, column="vectors")


def measured(logits: Array, y: Array, weights: Array) -> Metrics:
    """Accuracy on all occurrences, and on those of each pair."""
    of_all = jnp.broadcast_to(weights[:, None, None], y.shape)
    found = {"accuracy": metrics.accuracy(logits, y, of_all)}
    for pair in range(y.shape[-1]):
        own = (array[:, :, pair] for array in (logits, y, of_all))
        found[f"accuracy_{pair}"] = metrics.accuracy(*own)
    return found


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy by kind of vectors, at the rates that other seeds chose; gains over pairs."""
    frame = results.frame()
    frame = frame.assign(labels=frame["labels"].astype(int))
    frame = frame.sort_values("labels", kind="stable", ignore_index=True)
    tuned = stats.tune(frame, ("labels", "vectors"), "learning_rate")
    chosen = tuned.selection.set_index(["labels", "vectors"])["validation_accuracy"].fillna(0)
    best = {
        count: max((NEAR, FAR, ORDER), key=lambda kind: chosen[count, kind]) for count in LABELS
    }

    def of_pairs(count: int, kind: str) -> pd.Series:
        columns = [f"test_accuracy_{pair}" for pair in range(config.pairs)]
        return tuned.of((count, kind))[columns].astype(float).mean(skipna=False)

    def gains(kind: str) -> dict[str, stats.Interval]:
        return {
            f"{count} of each sense": stats.paired_interval(
                of_pairs(count, kind), of_pairs(count, best[count])
            )._replace(method=f"paired Student t over {config.pairs} pairs of words, 95 %")
            for count in LABELS
        }

    claims = [*ELMO_WINS.judge_each(gains(OF_ELMO)), *BERT_WINS.judge_each(gains(OF_BERT))]
    names = [f"{kind}, {count}" for kind in ("ELMo", "BERT") for count in LABELS]
    figure = report.intervals(claims, names, title="What context gains in test accuracy")
    against = ", ".join(f"{kind} at {count}" for count, kind in best.items())
    blocks: tuple[Picture | report.Table, ...] = (
        Picture("gains", figure, "Vectors in context against static ones", f"Against {against}."),
        *report.along(
            tuned.trials, "labels", "test_accuracy", line="vectors", title="Two senses told apart",
            x_label="labelled occurrences of each sense (log scale)", y_label="test accuracy (%)",
        ),
        report.tuned_table(tuned, "test_accuracy", against=NEAR),
    )  # fmt: skip
    most = LABELS[-1]
    columns = {f"{kind} (%)": of_pairs(most, kind) for kind in (best[most], OF_ELMO, OF_BERT)}
    _, known, pairs = read(config)
    rows = [
        {"pair": " | ".join(known.words[word] for word in pair)}
        | {name: values.iloc[place] for name, values in columns.items()}
        for place, pair in enumerate(pairs)
    ]
    table = report.table(
        rows, f"{most} labels of each sense, means over seeds; the most frequent pair first."
    )
    return launch.Conclusion(
        claims, [Section("Held-out documents", blocks), Section("Each pair", (table,))]
    )


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
