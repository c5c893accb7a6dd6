"""Seconds of an epoch of training on sequences of unequal length, batched in three ways.

Phonemes of the words of CMUdict, each predicted from those before by an LSTM, in batches of 128:
padded to the longest of all, to the longest of their batch, or in four buckets whose bounds need
the fewest positions. Batches lie ready; each length is a program, compiled before the measurement.
"""

import functools
from collections.abc import Sequence

import jax
import numpy as np

from benchmarks import harness
from benchmarks.harness import Row
from jaxdl import train
from jaxdl.data.sources import pronunciations
from jaxdl.data.text import bounds, bucketing, vocabulary
from jaxdl.layers.recurrent import RNN
from jaxdl.models import LanguageModel
from jaxdl.optimizers import adam
from jaxdl.tasks import language_model

FEATURES, UNITS, BATCH, BUCKETS = 32, 128, 128, 4
BATCHES, REPEATS = 200, 5
BUCKETED = f"{BUCKETS} buckets"
TARGETS = {"padded to the longest of their batch": 1.5, "padded to the longest of all": 2.5}


def sequences(count: int) -> tuple[list[np.ndarray], int, int]:
    """Words drawn from the dictionary, as framed ids; its longest, and the vocabulary's size."""
    words = [pair.phonemes for pair in pronunciations.load().train]
    known = vocabulary.build(phoneme for word in words for phoneme in word)
    rows = np.random.default_rng(0).permutation(len(words))[:count]
    framed = [vocabulary.framed(vocabulary.encode(known, words[row])) for row in rows]
    return framed, max(map(len, words)) + 1, len(known)


def ways(lengths: np.ndarray, longest: int) -> dict[str, list[bucketing.Planned]]:
    """The same sequences in batches, in each way."""
    whole = bucketing.plan(lengths, np.array([longest]), BATCH, 0)
    chosen = bounds.least_padding(lengths, BUCKETS)
    return {
        BUCKETED: bucketing.plan(lengths, chosen, BATCH, 0),
        "padded to the longest of their batch": bucketing.to_longest(lengths, whole),
        "padded to the longest of all": whole,
    }


def batches(
    framed: Sequence[np.ndarray], planned: Sequence[bucketing.Planned]
) -> list[dict[str, np.ndarray]]:
    """x: each sequence without its last id, y: without its first; padding for rows not real."""
    made = []
    for rows, real, length in planned:
        ids = bucketing.pad([framed[row] for row in rows], length + 1)["x"]
        y = np.where(real[:, None], ids[:, 1:], vocabulary.PAD)
        made.append({"x": ids[:, :-1], "y": y})
    return made


def measure(quick: bool) -> list[Row]:
    """Four buckets against the other two; `quick`: fewer batches."""
    framed, longest, size = sequences(BATCH * (20 if quick else BATCHES))
    lengths = np.array([len(ids) - 1 for ids in framed])
    planned = ways(lengths, longest)
    model = LanguageModel(size, FEATURES, RNN(UNITS))
    # A task of its own for each way: none is compiled by another.
    tasks = {name: language_model(model, padding=vocabulary.PAD) for name in planned}
    made = {name: batches(framed, plan) for name, plan in planned.items()}
    tx = adam(1e-3)
    state = train.init(tasks[BUCKETED], tx, jax.random.key(0), made[BUCKETED][0])

    def seconds(name: str, many: list[dict[str, np.ndarray]]) -> float:
        def epoch() -> None:
            *_, last = train.fit(tasks[name], tx, state, many)
            jax.block_until_ready(last)

        return harness.seconds(epoch)

    firsts = {name: list({b["x"].shape: b for b in many}.values()) for name, many in made.items()}
    compiling = {
        name: seconds(name, shapes) - seconds(name, shapes) for name, shapes in firsts.items()
    }
    epochs = [functools.partial(seconds, name, many) for name, many in made.items()]
    timings = dict(zip(made, harness.alternate(REPEATS, *epochs), strict=True))

    def told(name: str) -> str:
        waste = 100 * bucketing.waste(lengths, planned[name])
        programs = f"{len(firsts[name])} program(s) compiled in {compiling[name]:.1f} s"
        return f"{harness.spread(timings[name])} s, {waste:.0f} % padding, {programs}"

    ours = timings[BUCKETED]
    return [
        Row(
            f"an epoch of {len(framed):,} words in {BUCKETED}",
            ours.median,
            timings[name].median,
            name,
            "s",
            timings[name].median / ours.median,
            target,
            f"buckets of {', '.join(map(str, bounds.least_padding(lengths, BUCKETS)))}: "
            f"{told(BUCKETED)}; theirs: {told(name)}",
        )
        for name, target in TARGETS.items()
    ]


if __name__ == "__main__":
    harness.main(__doc__ or "", measure)
