"""Does bucketing by length save the time that it saves in padding?

An LSTM predicts the phonemes of the words of CMUdict, in batches padded to the longest word of all,
to the longest of their batch, and in 2, 4 and 8 buckets whose bounds need the fewest positions.
The same words are passed over through `train.fit` in each way, in turn, after every length has
been compiled; a seed is a repeat, with words, order and initialization of its own. Judged are 4
buckets, or the last number of buckets where 4 are not among them.

    python -m experiments.padding --workdir=runs/padding  # 1.3 minutes on 2 cores
"""

import time
from collections.abc import Sequence

import jax
import numpy as np
import pandas as pd

from jaxdl import launch, report, stats, sweep, train
from jaxdl.data.sources import pronunciations
from jaxdl.data.text import bounds, bucketing, vocabulary
from jaxdl.data.text.bucketing import Planned
from jaxdl.launch import setting
from jaxdl.layers.recurrent import RNN
from jaxdl.models import LanguageModel
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Picture, Section
from jaxdl.tasks import language_model
from jaxdl.types import Batch, TrainState

CLAIMS = (SAVE_TIME,) = (
    Claim("S6", "buckets save time as they save positions",
          "share of the time that is saved over the share of the positions", above=0.9),
)  # fmt: skip
ALL, BATCH = "longest of all", "longest of the batch"


class Config(launch.Config):
    """How much is passed over, and in how many buckets."""

    steps: int = setting(100, "Batches of words in a repeat.", low=1)
    seeds: int = setting(24, "Repeats of the measurement.", low=2)
    batch_size: int = setting(128, "Words in a batch.", low=1)
    buckets: tuple[int, ...] = setting((2, 4, 8), "Numbers of buckets.", low=2)
    units: int = setting(128, "Cells of the LSTM.", low=1)


def plan(config: Config) -> sweep.Plan:
    """One row a repeat, with the numbers of its words' lengths; the clock runs in `conclude`."""
    points = sweep.grid(words=(config.steps * config.batch_size,))
    return sweep.untrained("repeat", points, seeds=config.seeds)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Time and positions of every way, and the shares that buckets save."""
    words = [pair.phonemes for pair in pronunciations.load().train]
    known = vocabulary.build(phoneme for word in words for phoneme in word)
    framed = [vocabulary.framed(vocabulary.encode(known, word)) for word in words]
    lengths = np.array([len(ids) - 1 for ids in framed])
    frame = measured(config, len(known), framed, lengths)
    wide = frame.pivot(index="seed", columns="way")
    seconds, positions = wide["seconds"], wide["positions"]
    chosen = f"{4 if 4 in config.buckets else config.buckets[-1]} buckets"
    saved = {}
    for other in (ALL, BATCH):
        time, work = (1 - each[chosen] / each[other] for each in (seconds, positions))
        saved[f"{chosen}, against the {other}"] = stats.mean_interval(time / work)
    rows = [
        {
            "padded to": name,
            "padding (%)": mine["waste"].mean(),
            "times fewer positions": (positions[ALL] / positions[name]).mean(),
            "times faster": stats.mean_interval(seconds[ALL] / seconds[name], "positive"),
            "programs": int(mine["programs"].iloc[0]),
            "seconds to compile": mine["compiling"].iloc[0],
        }
        for name, mine in frame.groupby("way", sort=False)
    ]
    caption = (
        f"Against padding to the {ALL}, {lengths.max()} positions; over {config.seeds} repeats of "
        f"{config.steps * config.batch_size:,} words, with 95 % intervals of logarithms. "
        "Programs: of the repeats together, each compiled once, outside the measurement."
    )
    sections = [
        Section("Time and padding", (times_picture(frame), report.table(rows, caption))),
        Section("Lengths", (lengths_picture(config, lengths),)),
    ]
    return launch.Conclusion(SAVE_TIME.judge_each(saved), sections)


def planned(
    config: Config, lengths: np.ndarray, seed: int
) -> tuple[np.ndarray, dict[str, list[Planned]]]:
    """The rows that a repeat draws, and their batches in every way."""
    drawn = np.random.default_rng(seed).permutation(len(lengths))
    rows = drawn[: config.steps * config.batch_size]
    own = lengths[rows]
    whole = bucketing.plan(own, lengths.max(keepdims=True), config.batch_size, seed)
    ways = {ALL: whole, BATCH: bucketing.to_longest(own, whole)}
    for count in config.buckets:
        chosen = bounds.least_padding(lengths, count)
        ways[f"{count} buckets"] = bucketing.plan(own, chosen, config.batch_size, seed)
    return rows, ways


def measured(
    config: Config, size: int, framed: list[np.ndarray], lengths: np.ndarray
) -> pd.DataFrame:
    """One row a way and repeat, with the way's programs and the seconds to compile them."""
    model = LanguageModel(size, 32, RNN(config.units))
    task, tx = language_model(model, padding=vocabulary.PAD), adam(1e-3)
    repeats = [planned(config, lengths, seed) for seed in range(config.seeds)]
    shapes = {
        name: {batch.length for _, ways in repeats for batch in ways[name]}
        for name in repeats[0][1]
    }

    def seconds(state: TrainState, batches: Sequence[Batch]) -> float:
        began = time.perf_counter()
        *_, last = train.fit(task, tx, state, batches)
        jax.block_until_ready(last)
        return time.perf_counter() - began

    compiled: dict[int, float] = {}
    rows = []
    for seed, (drawn, ways) in enumerate(repeats):
        own = [framed[row] for row in drawn]
        made = {
            name: [bucketing.next_ids(own, one) for one in batches]
            for name, batches in ways.items()
        }
        state = train.init(task, tx, jax.random.key(seed), made[ALL][0])
        for length in sorted(set().union(*shapes.values()) - set(compiled)):
            ids = np.ones((config.batch_size, length), np.int32)
            first = [{"x": ids, "y": ids}]
            compiled[length] = seconds(state, first) - seconds(state, first)
        rows += [
            {
                "way": name,
                "seed": seed,
                "seconds": seconds(state, made[name]),
                "positions": sum(batch.length * config.batch_size for batch in batches),
                "waste": bucketing.waste(lengths[drawn], batches),
                "programs": len(shapes[name]),
                "compiling": sum(compiled[length] for length in shapes[name]),
            }
            for name, batches in ways.items()
        ]
    return pd.DataFrame(rows)


def times_picture(frame: pd.DataFrame) -> Picture:
    """Every way's positions and time, as shares of those of padding to the longest of all."""
    panels = {}
    for measure, label in {"positions": "positions", "seconds": "time"}.items():
        wide = frame.pivot(index="seed", columns="way", values=measure)[frame["way"].unique()]
        shares = 100 * wide.div(wide[ALL], axis="index")
        panels[f"{label} (% of the {ALL})"] = {name: shares[name] for name in shares}
    figure = report.dots(panels, title="What is left of the work when less is padded")
    return report.picture(figure, "A dot is a repeat, the bar the mean.")


def lengths_picture(config: Config, lengths: np.ndarray) -> Picture:
    """The lengths of all words, with the bounds of the buckets."""
    chosen = {
        f"bounds of {count} buckets": bounds.least_padding(lengths, count)
        for count in config.buckets
    }
    figure = report.counts(
        lengths, chosen, title="Lengths of the words, and the buckets that pad least",
        x_label="positions (the start and the phonemes of a word)", y_label="words (thousands)",
        unit=1000,
    )  # fmt: skip
    return report.picture(figure, "Each mark is the length that a bucket pads to.")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
