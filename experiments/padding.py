"""Does bucketing by length save the time that it saves in padding?

An LSTM predicts the phonemes of the words of CMUdict, in batches padded to the longest word of all,
to the longest of their batch, and in 2, 4 and 8 buckets whose bounds need the fewest positions.
The same words are passed over through `train.fit` in each way, in turn, after every length has
been compiled; a seed is a repeat, with words, order and initialization of its own.

Claims: of the share of the positions that 4 buckets save, against padding to the longest of all and
against padding to the longest of the batch, at least 0.9 is saved in time too.

Command: python -m experiments.padding --workdir=runs/padding
Minutes: 1.3 on 2 cores.
Last result: 2026-11-21, 2-core Xeon, jax 0.10.2, 77 s. 4 buckets pad 17 % of their positions, the
longest of the batch 49 %, the longest of all 75 %; they are 3.3 [3.2, 3.4] times faster than the
last, for 3.3 times fewer positions. Of the share of positions, 1.00 [0.98, 1.01] is saved in time
against the longest of all, 0.99 [0.94, 1.04] against the longest of the batch: both hold. That one
needs 10 programs here, the buckets 4.
"""

import time
from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(100, "Batches of words in a repeat.", low=1),
    "seeds": Field(8, "Repeats of the measurement.", low=2),
    "batch_size": Field(128, "Words in a batch.", low=1),
    "buckets": Field((2, 4, 8), "Numbers of buckets.", low=2),
    "units": Field(128, "Cells of the LSTM.", low=1),
}
ALL, BATCH = "longest of all", "longest of the batch"
SHARE = 0.9


def plan(config: Any) -> launch.Plan:
    """One row a repeat, with the numbers of its words' lengths; the clock runs in `conclude`."""
    import numpy as np

    from jaxdl import sweep

    words = config.steps * config.batch_size
    trials = sweep.trials(["repeat"], sweep.grid(words=(words,)), range(config.seeds))
    data = {"train": {"x": np.zeros(1, np.float32)}}
    return launch.Plan({"repeat": sweep.without_training(lambda *_: {})}, trials, data, segments=1)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Time and positions of every way, and the shares that buckets save."""
    import numpy as np

    from jaxdl import report, stats

    known, framed = sequences()
    lengths = np.array([len(ids) - 1 for ids in framed])
    frame, programs, compiling = _measure(config, len(known), framed, lengths)
    chosen = f"{4 if 4 in config.buckets else config.buckets[-1]} buckets"
    claims, rows = [], []
    for other in (ALL, BATCH):
        saved = {
            measure: 1 - _of(frame, chosen, measure) / _of(frame, other, measure)
            for measure in ("seconds", "positions")
        }
        claims.append(
            report.judge(
                "S6", f"{chosen} save time as they save positions, against the {other}",
                "share of the time that is saved over the share of the positions", "1", SHARE,
                stats.mean_interval(saved["seconds"] / saved["positions"]), "above",
            )
        )  # fmt: skip
    for name in frame["way"].unique():
        times = _of(frame, ALL, "seconds") / _of(frame, name, "seconds")
        faster = stats.mean_interval(times, "positive")
        fewer = (_of(frame, ALL, "positions") / _of(frame, name, "positions")).mean()
        waste = frame[frame["way"].eq(name)]["waste"].mean()
        cells = (report.percent(waste), report.number(fewer), report.number(faster.mean))
        bounds = report.between(faster.low, faster.high)
        rows.append((name, *cells, bounds, str(programs[name]), report.number(compiling[name])))
    header = ("padded to", "padding", "times fewer positions", "times faster", "95 % interval",
              "programs", "seconds to compile")  # fmt: skip
    caption = (
        f"Against padding to the {ALL}, {lengths.max()} positions; over {config.seeds} repeats of "
        f"{config.steps * config.batch_size:,} words. {claims[0].method}. Programs: of the "
        "repeats together, each compiled once, outside the measurement."
    )
    table = report.Table(header, tuple(rows), frozenset(range(1, 7)), caption)
    report.show(table)
    sections = [
        report.Section("Time and padding", (_times_picture(frame), table)),
        report.Section("Lengths", (_lengths_picture(lengths, config),)),
    ]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(report.depends(claims), sections, headline)


def sequences() -> tuple[Any, list[Any]]:
    """The vocabulary of phonemes, and every word as framed ids."""
    from jaxdl.data.sources import pronunciations
    from jaxdl.data.text import vocabulary

    words = [pair.phonemes for pair in pronunciations.load().train]
    known = vocabulary.build(phoneme for word in words for phoneme in word)
    return known, [vocabulary.framed(vocabulary.encode(known, word)) for word in words]


def _planned(config: Any, lengths: Any, seed: int) -> tuple[Any, dict[str, Any]]:
    """The rows that a repeat draws, and their batches in every way."""
    import numpy as np

    from jaxdl.data.text import bounds, bucketing

    drawn = np.random.default_rng(seed).permutation(len(lengths))
    rows = drawn[: config.steps * config.batch_size]
    own = lengths[rows]
    whole = bucketing.plan(own, lengths.max(keepdims=True), config.batch_size, seed)
    ways = {ALL: whole, BATCH: bucketing.to_longest(own, whole)}
    for count in config.buckets:
        chosen = bounds.least_padding(lengths, count)
        ways[f"{count} buckets"] = bucketing.plan(own, chosen, config.batch_size, seed)
    return rows, ways


def _batch(framed: list[Any], planned: Any) -> dict[str, Any]:
    """x: each sequence without its last id, y: without its first; padding for rows not real."""
    import numpy as np

    from jaxdl.data.text import bucketing, vocabulary

    ids = bucketing.pad([framed[row] for row in planned.rows], planned.length + 1)["x"]
    y = np.where(planned.real[:, None], ids[:, 1:], vocabulary.PAD)
    return {"x": ids[:, :-1], "y": y}


def _measure(
    config: Any, size: int, framed: list[Any], lengths: Any
) -> tuple[Any, dict[str, int], dict[str, float]]:
    """One row a way and repeat; of each way its programs and the seconds to compile them."""
    import jax
    import numpy as np
    import pandas as pd

    from jaxdl import train
    from jaxdl.data.text import bucketing, vocabulary
    from jaxdl.layers.recurrent import RNN
    from jaxdl.models import LanguageModel
    from jaxdl.optimizers import adam
    from jaxdl.tasks import language_model

    model = LanguageModel(size, 32, RNN(config.units))
    task, tx = language_model(model, padding=vocabulary.PAD), adam(1e-3)
    repeats = [_planned(config, lengths, seed) for seed in range(config.seeds)]
    shapes = {
        name: {batch.length for _, ways in repeats for batch in ways[name]}
        for name in repeats[0][1]
    }

    def seconds(state: Any, batches: list[Any]) -> float:
        began = time.perf_counter()
        *_, last = train.fit(task, tx, state, batches)
        jax.block_until_ready(last)
        return time.perf_counter() - began

    compiled: dict[int, float] = {}
    rows: list[dict[str, Any]] = []
    for seed, (drawn, ways) in enumerate(repeats):
        own = [framed[row] for row in drawn]
        made = {name: [_batch(own, batch) for batch in batches] for name, batches in ways.items()}
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
            }
            for name, batches in ways.items()
        ]
    compiling = {name: sum(compiled[length] for length in own) for name, own in shapes.items()}
    return pd.DataFrame(rows), {name: len(own) for name, own in shapes.items()}, compiling


def _of(frame: Any, way: str, measure: str) -> Any:
    return frame[frame["way"].eq(way)].sort_values("seed")[measure].to_numpy(float)


def _times_picture(frame: Any) -> Any:
    """Every way's positions and time, as shares of those of padding to the longest of all."""
    import numpy as np

    from jaxdl import report
    from jaxdl.report import style

    names, measures = list(frame["way"].unique()), {"positions": "positions", "seconds": "time"}
    with style.house_style():
        figure = style.new_figure(3.0, "What is left of the work when less is padded")
        axes = figure.subplots()
        for place, (measure, label) in enumerate(measures.items()):
            shares = [100 * _of(frame, name, measure) / _of(frame, ALL, measure) for name in names]
            ends = np.array([(s.mean() - s.min(), s.max() - s.mean()) for s in shares]).T
            heights = np.arange(len(names)) + 0.4 * place
            axes.barh(heights, [s.mean() for s in shares], 0.36, xerr=ends, label=label,
                      color=style.COLOURS[place])  # fmt: skip
        axes.set_yticks(np.arange(len(names)) + 0.2, names)
        axes.invert_yaxis()
        axes.set_xlabel(f"share of padding to the {ALL} (%)")
        axes.legend(frameon=False)
    caption = "Bars: mean over repeats; whiskers: lowest to highest."
    return report.Picture("times", report.to_png(figure), "Time and positions by way", caption)


def _lengths_picture(lengths: Any, config: Any) -> Any:
    """The lengths of all words, with the bounds of the buckets."""
    import numpy as np

    from jaxdl import report
    from jaxdl.data.text import bounds
    from jaxdl.report import style

    counts = np.bincount(lengths)
    with style.house_style():
        figure = style.new_figure(3.0, "Lengths of the words, and the buckets that pad least")
        axes = figure.subplots()
        axes.bar(np.arange(len(counts)), counts / 1000, color="#999999")
        styles = style.line_styles(config.buckets)
        for number, count in enumerate(config.buckets):
            chosen = bounds.least_padding(lengths, count)
            height = counts.max() / 1000 * (1.08 + 0.08 * number)
            own = styles[count] | {"linestyle": "none"}
            axes.plot(chosen, [height] * len(chosen), label=f"bounds of {count} buckets", **own)
        axes.set_xlabel("positions (the start and the phonemes of a word)")
        axes.set_ylabel("words (thousands)")
        axes.legend(frameon=False, loc="center right")
    caption = "Each mark is the length that a bucket pads to."
    return report.Picture("lengths", report.to_png(figure), "Histogram of lengths", caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
