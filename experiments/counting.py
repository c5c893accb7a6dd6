"""Do recurrent networks count? Words aⁿbⁿ, n far beyond the training length.

Networks read all words aⁿbⁿ with n up to `trained` in every step and say what follows each b, which
is certain: b, or the end (Gers & Schmidhuber 2001; Weiss, Goldberg & Yahav 2018,
https://arxiv.org/abs/1805.04908). A word is right if all of these are. A seed moves the
initialization, and is shared by the cells. The rate of a cell is the one at which, on average, most
of the words of up to twice the training length are right: these count in how far a cell comes, too,
which is all of the GRU's way and half of the LSTM's.

Steps and rates were set after a look at two seeds that had half the steps. The LSTM that counts
furthest has a cell that goes up by a step an a and down by a step a b; the states of the GRU
saturate.

    python -m experiments.counting --workdir=runs/counting  # 0.5 minutes on 2 cores
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from jaxdl import launch, report, stats, sweep
from jaxdl.data.sources import sequences
from jaxdl.launch import setting
from jaxdl.layers.cells import CELLS, Cell
from jaxdl.layers.recurrent import RNN
from jaxdl.models import OneHot, Transducer
from jaxdl.optimizers import adam, clip_by_global_norm, schedules
from jaxdl.report import Claim, Picture, Section
from jaxdl.report.style import house_style, line_styles, new_figure
from jaxdl.tasks import language_model
from jaxdl.types import Array, PyTree, Task, TrainState

VALIDATION, FAR = 2, 3
SHARE = f"share of seeds with all words right up to {FAR} times the training length"
CLAIMS = LSTM_COUNTS, GRU_DOES_NOT, FURTHER = (
    Claim("S1", f"the LSTM counts to {FAR} times the training length", SHARE, above=0.5, unit="%"),
    Claim("S1", f"the GRU does not count to {FAR} times the training length",
          SHARE, below=0.5, unit="%"),
    Claim("S1", "the LSTM counts further than the GRU, by half the training length",
          "difference in the largest n up to which all words are right",
          above=5.0, unit="letters a"),
)  # fmt: skip


class Config(launch.Config):
    """Which cells are compared, and how far they are to count."""

    steps: int = setting(3000, "Training steps of each trial, each on all words.", low=1)
    seeds: int = setting(48, "Seeds of each setting.", low=2)
    cells: tuple[str, ...] = setting(("lstm", "gru", "elman"), "Recurrent cells.")
    trained: int = setting(10, "Longest n in training.", low=2)
    tested: int = setting(60, "Longest n that is tested.", low=6)
    hidden: int = setting(8, "Units of each network.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(0.01, 0.03, 0.1)


def words(highest: int) -> dict[str, np.ndarray]:
    """One word for each n up to `highest`: x, y `[highest, 2·highest]`, y only where certain."""
    rng = np.random.default_rng(0)
    found = {name: np.zeros((highest, 2 * highest), np.int32) for name in ("x", "y")}
    for n in range(1, highest + 1):
        word = sequences.a_n_b_n(rng, 1, n, n)
        found["x"][n - 1, : 2 * n] = word["x"]
        found["y"][n - 1, : 2 * n] = word["y"] * (word["mask"] > 0)
    return found


def plan(config: Config) -> sweep.Plan:
    """One program per cell; rate and seed are numbers inside it."""
    if config.tested < FAR * config.trained:
        raise launch.UserError(f"config.tested: {FAR} times config.trained is needed")
    points = sweep.grid(learning_rate=config.learning_rates)
    cells = launch.choose_all("cells", config.cells, CELLS)
    programs = {name: (counting(config, cell), points) for name, cell in cells.items()}
    data = {"train": words(config.trained), "words": words(config.tested)}
    return sweep.plan(programs, data, seeds=config.seeds, column="cell", keep_states=True)


def counting(config: Config, cell: Cell) -> sweep.Run:
    """Training to say which id follows, and which of the words are right afterwards."""
    size = sequences.STOP + 1
    network = Transducer(size, RNN(config.hidden, cell), OneHot(size), padding=sequences.PAD)
    task = language_model(network, padding=0)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
        return task, optax.chain(clip_by_global_norm(1.0), adam(rate))

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        batch = data["words"]
        logits = task.predict(state.params, state.model_state, batch)
        wrong = (logits.argmax(axis=-1) != batch["y"]) & (batch["y"] != 0)
        right = ~wrong.any(axis=1)
        reach = jnp.cumprod(right.astype(jnp.int32)).sum()
        far = VALIDATION * config.trained
        found = {"validation_right": right[:far].mean(), "reach": reach}
        return sweep.numbered(found | {"right": right})

    run = sweep.make_run(build, steps=config.steps, batch_size=config.trained)
    return run._replace(evaluate=evaluate)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Shares of seeds right by n, at the rate of each cell; the states of two networks."""
    far = FAR * config.trained
    tuned = stats.tune(results.frame(), "cell", "learning_rate", "validation_right")
    # A diverged network counts nothing.
    columns = ["reach", *(f"right_{n + 1}" for n in range(config.tested))]
    trials = tuned.trials.assign(**tuned.trials[columns].astype(float).fillna(0.0))
    reach = trials.pivot(index="seed", columns="cell", values="reach")
    claims = [
        claim.judge(stats.proportion_of(reach[cell] >= far))
        for cell, claim in {"lstm": LSTM_COUNTS, "gru": GRU_DOES_NOT}.items()
        if cell in reach
    ]
    if {"lstm", "gru"} <= set(reach):
        further = dataclasses.replace(FURTHER, above=config.trained / 2)
        claims.append(further.judge(stats.paired_interval(reach["lstm"], reach["gru"])))
    rows = [
        {"cell": cell, "rate": report.distinct(mine["learning_rate"])}
        | {f"all right to {n} (%)": (mine["reach"] >= n).mean() for n in (config.trained, far)}
        | mine["reach"].agg(["min", "median", "max"]).add_suffix(" reach").to_dict()
        for cell, mine in trials.groupby("cell", sort=False)
    ]
    caption = (
        f"Reach: the largest n up to which all words are right, {config.tested} at most; trained "
        f"to {config.trained}. Shares of the seeds, {report.CHOSEN}."
    )
    by_n = (right_picture(config, trials), report.table(rows, caption))
    states = Section("States while reading", states_pictures(config, plan, trials))
    return launch.Conclusion(claims, [Section("By n", by_n), states])


def right_picture(config: Config, trials: pd.DataFrame) -> Picture:
    """The share of the seeds of every cell that have the word of n right."""
    n = range(1, config.tested + 1)
    styles = line_styles(list(config.cells))
    with house_style():
        figure = new_figure(3.6, f"Words aⁿbⁿ that are right, trained with n ≤ {config.trained}")
        axes = figure.subplots()
        for cell, mine in trials.groupby("cell", sort=False):
            share = 100 * mine[[f"right_{k}" for k in n]].mean()
            axes.plot(n, share, label=cell, markevery=0.1, **styles[cell])
        axes.axvspan(0.5, config.trained + 0.5, color="#777777", alpha=0.15, label="trained", lw=0)
        axes.set(xlabel="n (letters)", ylabel="share of seeds that are right (%)", ylim=(-3, 103))
        figure.legend(loc="outside right upper")
    return Picture("right_by_n", figure, "Share of seeds right by n")


def states_pictures(config: Config, plan: sweep.Plan, trials: pd.DataFrame) -> tuple[Picture, ...]:
    """What the units of the seed that counts furthest hold while reading a word."""
    alive = trials[trials["status"].eq("ok") & trials["cell"].isin(["lstm", "gru"])]
    shown = alive.sort_values("reach").groupby("cell").tail(1)
    if shown.empty:
        return ()
    n = FAR * config.trained
    inputs = jnp.asarray(OneHot(4).apply({}, words(n)["x"][-1:]))
    # The carry behind each step: the state of one more sequence, cut there.
    rows, cut = np.repeat(inputs, 2 * n, axis=0), np.tril(np.ones((2 * n, 2 * n), np.float32))
    with house_style():
        figure = new_figure(3.4, f"States while reading a^{n} b^{n}, the seed that counts furthest")
        panels = figure.subplots(1, len(shown), squeeze=False)[0]
        for axes, (_, row) in zip(panels, shown.iterrows(), strict=True):
            params = plan.replay(row).params["body"]
            body = RNN(config.hidden, CELLS[row["cell"]])
            carry, _ = body.apply({"params": params}, rows, mask=cut)
            axes.plot(range(1, 2 * n + 1), carry[-1], marker="", linewidth=1.1)
            axes.axvline(n + 0.5, color="#777777", linestyle=":")
            axes.set_title(f"{row['cell']}, right to n = {row['reach']:g}", loc="left")
            held = "cell state c" if len(carry) == 2 else "state h"
            axes.set(xlabel="step (letters read)", ylabel=f"{held} of each unit (1)")
    caption = f"One line a unit; the dotted line parts the {n} a from the {n} b."
    return (Picture("states", figure, "States by step", caption),)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
