"""Do recurrent networks count? Words aⁿbⁿ, n far beyond the training length.

Networks read all words aⁿbⁿ with n up to `trained` in every step and say what follows each b, which
is certain: b, or the end (Gers & Schmidhuber 2001; Weiss, Goldberg & Yahav 2018,
https://arxiv.org/abs/1805.04908). A word is right if all of these are. A seed moves the
initialization, and is shared by the cells. The rate of a cell is the one at which, on average, most
of the words of up to twice the training length are right: these count in how far a cell comes, too,
which is all of the GRU's way and half of the LSTM's.

Claims: more than half of the LSTM's seeds get all words right up to three times the training
length, fewer than half of the GRU's do; the LSTM counts further than the GRU by half the training
length or more.

Command: python -m experiments.counting --workdir=runs/counting
Minutes: 0.5 on 2 cores.
Last result: 2026-11-21, 2-core Xeon, jax 0.10.2, 28 s, 12 seeds; all are right to 10. To 30:
LSTM 1 seed, 8 % [0, 38], fails; GRU none, 0 % [0, 26], holds. The LSTM counts 9.6 [5.7, 13.5]
letters further, holds: median 19.5 (13 … 34) against 12 (11 … 13), Elman 12 (10 … 19). The LSTM
that counts furthest has a cell that goes up by a step an a and down by a step a b; the states of
the GRU saturate. Steps and rates were set after a look at two seeds that had half the steps.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(3000, "Training steps of each trial, each on all words.", low=1),
    "seeds": Field(12, "Seeds of each setting.", low=2),
    "cells": Field(("lstm", "gru", "elman"), "Recurrent cells."),
    "trained": Field(10, "Longest n in training.", low=2),
    "tested": Field(60, "Longest n that is tested.", low=6),
    "hidden": Field(8, "Units of each network.", low=1),
    "learning_rates": Field((0.01, 0.03, 0.1), "Peak rates of Adam to try.", low=1e-12),
}
VALIDATION, FAR, USUALLY, FURTHER = 2, 3, 0.5, 0.5


def words(highest: int) -> dict[str, Any]:
    """One word for each n up to `highest`: x, y `[highest, 2·highest]`, y only where certain."""
    import numpy as np

    from jaxdl.data.sources import sequences

    rng = np.random.default_rng(0)
    made = [sequences.a_n_b_n(rng, 1, n, n) for n in range(1, highest + 1)]
    widths = [((0, 0), (0, 2 * (highest - n))) for n in range(1, highest + 1)]
    padded = [
        {"x": np.pad(word["x"], width), "y": np.pad(word["y"] * (word["mask"] > 0), width)}
        for word, width in zip(made, widths, strict=True)
    ]
    return {
        name: np.concatenate([word[name] for word in padded]).astype(np.int32)
        for name in ("x", "y")
    }


def network(cell: Any, hidden: int) -> Any:
    """Says which of the ids of aⁿbⁿ follows."""
    from jaxdl.data.sources import sequences
    from jaxdl.layers.recurrent import RNN
    from jaxdl.models import OneHot, Transducer

    size = sequences.STOP + 1
    return Transducer(size, RNN(hidden, cell), OneHot(size), padding=sequences.PAD)


def plan(config: Any) -> launch.Plan:
    """One program per cell; rate and seed are numbers inside it."""
    from jaxdl import sweep
    from jaxdl.layers.cells import CELLS

    if config.tested < FAR * config.trained:
        raise launch.UserError(f"config.tested: {FAR} times config.trained is needed")
    cells = launch.choose_all("cells", config.cells, CELLS)
    data = {"train": words(config.trained), "words": words(config.tested)}
    programs = {name: _run(config, cell) for name, cell in cells.items()}
    settings = sweep.grid(learning_rate=config.learning_rates)
    trials = sweep.trials(list(programs), settings, range(config.seeds))
    labels = {name: {"cell": name} for name in programs}
    return launch.Plan(programs, trials, data, segments=1, labels=labels, keep_states=True)


def _run(config: Any, cell: Any) -> Any:
    import jax.numpy as jnp
    import optax

    from jaxdl import sweep
    from jaxdl.optimizers import adam, clip_by_global_norm, schedules
    from jaxdl.tasks import language_model

    task = language_model(network(cell, config.hidden), padding=0)

    def build(hparams: dict[str, Any]) -> Any:
        rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
        return task, optax.chain(clip_by_global_norm(1.0), adam(rate))

    run = sweep.make_run(build, steps=config.steps, batch_size=config.trained)

    def evaluate(hparams: dict[str, Any], state: Any, data: Any) -> dict[str, Any]:
        batch = data["words"]
        logits = task.predict(state.params, state.model_state, batch)
        wrong = (logits.argmax(axis=-1) != batch["y"]) & (batch["y"] != 0)
        right = ~wrong.any(axis=1)
        reach = jnp.cumprod(right.astype(jnp.int32)).sum()
        far = VALIDATION * config.trained
        found = {"validation_right": right[:far].mean(), "reach": reach}
        return found | {f"right_{n + 1}": right[n] for n in range(config.tested)}

    return run._replace(evaluate=evaluate)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Shares of seeds right by n, at the rate of each cell; the states of two networks."""
    from jaxdl import report, stats

    frame = results.to_pandas()
    best = stats.select(frame, ["cell"], "learning_rate", "validation_right")
    chosen = stats.chosen_trials(frame, best, ["cell", "learning_rate"]).copy()
    # A diverged network counts nothing.
    columns = ["reach", *(f"right_{n + 1}" for n in range(config.tested))]
    chosen[columns] = chosen[columns].astype(float).fillna(0.0)
    claims = list(_claims(config, chosen))
    rows = []
    for cell, mine in chosen.groupby("cell", sort=False):
        reach = mine["reach"]
        rows.append((
            cell,
            report.distinct(mine["learning_rate"]),
            report.percent((reach >= config.trained).mean()),
            report.percent((reach >= FAR * config.trained).mean()),
            *(f"{value:g}" for value in (reach.min(), reach.median(), reach.max())),
        ))  # fmt: skip
    far = FAR * config.trained
    header = ("cell", "rate", f"all right to {config.trained} (%)", f"to {far} (%)",
              "lowest reach", "median", "highest")  # fmt: skip
    caption = (
        f"Reach: the largest n up to which all words are right, {config.tested} at most; trained "
        f"to {config.trained}. Shares of the seeds, {report.CHOSEN}."
    )
    table = report.Table(header, tuple(rows), frozenset(range(1, 7)), caption)
    report.show(table)
    sections = [
        report.Section("By n", (_shares(config, chosen), table)),
        report.Section("States while reading", tuple(_states(config, plan, chosen))),
    ]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def _claims(config: Any, chosen: Any) -> Any:
    from jaxdl import report, stats

    far = FAR * config.trained
    reach = chosen.pivot(index="seed", columns="cell", values="reach")
    sentences: Any = (
        ("lstm", "the LSTM counts", "above"),
        ("gru", "the GRU does not count", "below"),
    )
    for cell, words, side in sentences:
        if cell in reach:
            counted = int((reach[cell] >= far).sum())
            yield report.judge(
                "S1",
                f"{words} to {FAR} times the training length",
                f"share of seeds with all words right up to n = {far}",
                "1",
                USUALLY,
                stats.proportion_interval(counted, len(reach)),
                side,
            )
    if {"lstm", "gru"} <= set(reach):
        yield report.judge(
            "S1",
            "the LSTM counts further than the GRU",
            f"difference in the largest n up to which all words are right, {config.tested} at most",
            "letters a",
            FURTHER * config.trained,
            stats.paired_interval(reach["lstm"], reach["gru"]),
            "above",
        )


def _shares(config: Any, chosen: Any) -> Any:
    from jaxdl import report
    from jaxdl.report.style import house_style, line_styles, new_figure

    n = range(1, config.tested + 1)
    styles = line_styles(list(config.cells))
    with house_style():
        figure = new_figure(3.6, f"Words aⁿbⁿ that are right, trained with n ≤ {config.trained}")
        axes = figure.subplots()
        for cell, mine in chosen.groupby("cell", sort=False):
            share = 100 * mine[[f"right_{k}" for k in n]].mean()
            axes.plot(n, share, label=cell, markevery=0.1, **styles[cell])
        axes.axvspan(0.5, config.trained + 0.5, color="#777777", alpha=0.15, label="trained", lw=0)
        axes.set_xlabel("n (letters)")
        axes.set_ylabel("share of seeds that are right (%)")
        axes.set_ylim(-3, 103)
        figure.legend(loc="outside right upper")
    return report.Picture("right_by_n", report.to_png(figure), "Share of seeds right by n")


def _states(config: Any, plan: launch.Plan, chosen: Any) -> Any:
    """What the units of the seed that counts furthest hold while reading a word."""
    import numpy as np

    from jaxdl import report
    from jaxdl.layers.cells import CELLS
    from jaxdl.layers.recurrent import RNN
    from jaxdl.models import OneHot
    from jaxdl.report.style import house_style, new_figure

    n = FAR * config.trained
    word = words(n)["x"][-1:]
    inputs: Any = OneHot(4).apply({}, word)
    alive = chosen[chosen["status"].eq("ok")]
    shown = alive[alive["cell"].isin(["lstm", "gru"])].sort_values("reach").groupby("cell").tail(1)
    if shown.empty:
        return
    with house_style():
        figure = new_figure(3.4, f"States while reading a^{n} b^{n}, the seed that counts furthest")
        for axes, (_, row) in zip(
            figure.subplots(1, len(shown), squeeze=False)[0], shown.iterrows(), strict=True
        ):
            params = plan.replay(row).params["body"]
            body = RNN(config.hidden, CELLS[row["cell"]])
            # The carry behind each step: the state of one more sequence, cut there.
            rows = np.tril(np.ones((2 * n, 2 * n), np.float32))
            carry, _ = body.apply({"params": params}, np.repeat(inputs, 2 * n, axis=0), mask=rows)
            axes.plot(range(1, 2 * n + 1), carry[-1], marker="", linewidth=1.1)
            axes.axvline(n + 0.5, color="#777777", linestyle=":")
            held = "cell state c" if len(carry) == 2 else "state h"
            axes.set_title(f"{row['cell']}, right to n = {row['reach']:g}", loc="left")
            axes.set_xlabel("step (letters read)")
            axes.set_ylabel(f"{held} of each unit (1)")
    caption = f"One line a unit; the dotted line parts the {n} a from the {n} b."
    yield report.Picture("states", report.to_png(figure), "States by step", caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
