"""Do packed rows save the time that padding costs, and is what is learned of them the same?

Phonemes of the words of CMUdict, each predicted from those before, by an LSTM and by a small GPT:
each word in a row of its own, as long as the longest of all, or words packed one behind the other
in rows of that length. Their ids tell the LSTM where to begin anew, and which phonemes attention
may look at. A training step on a batch of either kind is timed, in turn; a batch of packed rows has
many more words. A seed is a repeat. Gradients are those of the mean over the same words.

    python -m experiments.packing --workdir=runs/packing  # 0.5 minutes on 2 cores
"""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import numpy as np

from jaxdl import clocks, launch, report, stats, sweep, tasks, train
from jaxdl.data.sources import pronunciations
from jaxdl.data.text import bucketing, vocabulary
from jaxdl.launch import setting
from jaxdl.layers.recurrent import RNN
from jaxdl.models import GPT, LanguageModel
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Section
from jaxdl.tasks._language_model import SEGMENTS
from jaxdl.types import Batch, PyTree, Task

APART = "largest distance of two gradients, of the largest gradient"
CLAIMS = SAVE_TIME, SAME, OTHERS = (
    Claim("S6", "packed rows save time as they save positions",
          "share of the time that is saved over the share of the positions", above=0.9),
    Claim("S6", "packed rows give the gradients of words in rows of their own", APART, below=1e-4),
    Claim("S6", "without the ids of the words their gradients are others", APART, above=0.01),
)  # fmt: skip
ALONE, PACKED, HEADS = "a word a row", "packed", 4
Batches = dict[str, Batch]


class Config(launch.Config):
    """The words, and the models."""

    steps: int = setting(5, "Timed calls in each repeat, of which the median counts.", low=1)
    seeds: int = setting(10, "Repeats of the measurement.", low=2)
    words: int = setting(4096, "Words that are packed.", low=64)
    batch_size: int = setting(64, "Rows in a batch.", low=1)
    width: int = setting(128, "Units of the LSTM, and width of the GPT.", low=HEADS)


def plan(config: Config) -> sweep.Plan:
    """One row a repeat; the clock runs in `conclude`."""
    if config.width % HEADS:
        raise launch.UserError(f"config.width: {config.width} is no multiple of {HEADS}")
    return sweep.untrained("repeat", sweep.grid(words=(config.words,)), seeds=config.seeds)


def load(config: Config) -> tuple[list[np.ndarray], int, int]:
    """Words as framed ids, how many phonemes the longest of all has, and how many ids there are."""
    words = [pair.phonemes for pair in pronunciations.load().train]
    known = vocabulary.build(phoneme for word in words for phoneme in word)
    rows = np.random.default_rng(0).permutation(len(words))[: config.words]
    framed = [vocabulary.framed(vocabulary.encode(known, words[row])) for row in rows]
    return framed, max(map(len, words)) + 1, len(known)


def batches_of(framed: list[np.ndarray], length: int) -> Batches:
    """All words as one batch of each kind."""
    ids = bucketing.pad(framed, length + 1)["x"]
    return {
        ALONE: {"x": ids[:, :-1], "y": ids[:, 1:]},
        PACKED: bucketing.next_ids_packed(framed, length),
    }


def models(config: Config, size: int, length: int) -> dict[str, nn.Module]:
    """A recurrent one, and one of attention."""
    return {
        "LSTM": LanguageModel(size, 32, RNN(config.width)),
        "GPT": GPT(size, config.width, 2, HEADS, length),
    }


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Time and positions that are saved, and how far the gradients are apart."""
    framed, length, size = load(config)
    made = batches_of(framed, length)
    few = batches_of(framed[: config.batch_size], length)
    found = {
        name: tasks.language_model(model, padding=vocabulary.PAD)
        for name, model in models(config, size, length).items()
    }
    calls = {
        (name, way): a_step(task, {key: rows[: config.batch_size] for key, rows in batch.items()})
        for name, task in found.items()
        for way, batch in made.items()
    }
    seconds = clocks.in_turn(calls, config.seeds, config.steps)
    rows = {way: len(batch["x"]) for way, batch in made.items()}
    saved_rows = 1 - rows[PACKED] / rows[ALONE]
    spent = {
        (name, way): each * rows[way] / config.batch_size for (name, way), each in seconds.items()
    }
    saved = {
        name: stats.mean_interval((1 - spent[name, PACKED] / spent[name, ALONE]) / saved_rows)
        for name in found
    }
    same, others = (
        {name: distance(task, few, ids) for name, task in found.items()} for ids in (True, False)
    )
    claims = [*SAVE_TIME.judge_each(saved), *SAME.judge_each(same), *OTHERS.judge_each(others)]
    used = sum(len(ids) - 1 for ids in framed)
    table = report.table(
        [
            {
                "model": name, "rows": way, "how many": f"{rows[way]:,}",
                "padding (%)": 1 - used / (rows[way] * length),
                "a step (ms)": 1000 * float(np.median(seconds[name, way])),
                "all words (s)": stats.mean_interval(spent[name, way], "positive"),
            }
            for name, way in seconds
        ],
        f"{len(framed):,} words in rows of {length}; a step is one of {config.batch_size} rows, "
        f"with its gradient and Adam; 95 % intervals over {config.seeds} repeats.",
    )  # fmt: skip
    figure = report.intervals(
        claims[: len(saved)], list(saved), title="Time saved over positions saved"
    )
    return launch.Conclusion(claims, [Section("By model", (table, report.picture(figure)))])


def a_step(task: Task, batch: Batch) -> Callable[[], PyTree]:
    """A training step, compiled, with what it takes."""
    tx = adam(1e-3)
    state = jax.jit(lambda key: train.init(task, tx, key, batch))(jax.random.key(0))
    step = jax.jit(lambda state, batch: train.step(task, tx, state, batch)[0].params)
    return functools.partial(step, state, jax.device_put(batch))


def distance(task: Task, made: Batches, ids: bool) -> stats.Interval:
    """Of the gradients of both kinds of rows, with or without the ids of the packed words."""
    packed = {key: rows for key, rows in made[PACKED].items() if ids or key != SEGMENTS}
    key = jax.random.key(0)

    def gradient(params: PyTree, model_state: PyTree, batch: Batch) -> PyTree:
        return jax.grad(lambda p: task.loss(p, model_state, batch, key, train=True)[0])(params)

    found = jax.jit(gradient)
    start = task.init(key, made[ALONE])
    pairs = [
        (np.abs(one - other).max(), np.abs(one).max())
        for one, other in zip(
            *(map(np.asarray, jax.tree.leaves(found(*start, b))) for b in (made[ALONE], packed)),
            strict=True,
        )
    ]
    apart, largest = (max(float(each) for each in side) for side in zip(*pairs, strict=True))
    return stats.exact(apart / largest, "of one start")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
