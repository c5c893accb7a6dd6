"""Ravines, plateaus and bumps: momentum against plain descent, in two dimensions, without noise.

A quadratic ravine of condition number 100, ½x² + 50y², from starts on one of its level lines; and a
slope that ends in a plateau, with or without a small bump, before a deep minimum. Rates and decays
are chosen on half of the starts and reported on the others; plain descent, which has no decay,
tries as many rates as the others try pairs. A trial has arrived when its loss stays below 1e-3 of
the start's in the ravine, below −2 in the valley, whose deep minimum is at −3. Oscillation is the
way across the ravine, at SGD's rate and decay 0.9, and of each form at its own best rate.

    python -m experiments.ravine --workdir=runs/ravine  # 0.5 minutes on 2 cores
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from jaxdl import launch, report, stats, sweep, train
from jaxdl.launch import setting
from jaxdl.optimizers import OPTIMIZERS
from jaxdl.report import Claim, Judged, Picture, Section, Table
from jaxdl.report.panels import set_scale
from jaxdl.report.tables import Cell
from jaxdl.types import Array, Batch, Metrics, PyTree, Task, TrainState
from jaxdl.workloads import landscapes as known

STEPS = "steps of SGD, of those of momentum; unfinished: all its steps"
SHARE = "share of starts that end in the deep minimum"
CLAIMS = FAST_IN_RAVINE, DAMPS, SAME_PATH, FAST_ON_PLATEAU, CROSSES, STAYS = (
    Claim("O2", "momentum is at least twice as fast as SGD in a ravine", STEPS, above=2),
    Claim("O2", "momentum damps oscillation across a ravine",
          "way across the ravine, of that of SGD (log2)", below=-1),
    Claim("O1", "averaged momentum at the rate η takes the path of momentum at (1 − β)η",
          "largest distance between the paths, of the start's", below=1e-3),
    Claim("O2", "momentum crosses a plateau at least twice as fast as SGD", STEPS, above=2),
    Claim("O2", "momentum crosses a bump", SHARE, above=0.5, unit="%"),
    Claim("O2", "SGD does not cross a bump", SHARE, below=0.5, unit="%"),
)  # fmt: skip
OSCILLATING = 0.95 * 2 / known.CONDITION
"""A rate at which plain descent crosses the ravine at each step: 0.95 of the largest stable one."""
DECAYS, HABITUAL = (0.5, 0.7, 0.8, 0.9, 0.95), 0.9
AVERAGED, SAME_AS = 0.1, 0.01
GOAL, DEEP, IN_SIGHT = 1e-3, -2.0, 1e3
RAVINE, VALLEY = "ravine", "valley"
FORMS = ("momentum", "nesterov", "momentum_averaged")
BY, OVER = ("landscape", "bump", "optimizer"), ("learning_rate", "decay")
Paths = Mapping[str, np.ndarray]
"""Where a trial has been, [steps, 2], by trial."""


class Config(launch.Config):
    """How many starts there are, and how high the bumps."""

    steps: int = setting(300, "Steps of each trial.", low=2)
    seeds: int = setting(24, "Starts; rates are chosen on every second.", low=2)
    bumps: tuple[float, ...] = setting(
        (0.0, 0.1, 0.3), "Heights of the bump after the plateau.", low=0, high=1
    )


class Landscape(NamedTuple):
    """value: `(x, y, bump) -> height`; start: `key -> [2]`; rates: the ends; lowest: the point."""

    value: Callable[..., Array]
    start: Callable[[Array], Array]
    rates: tuple[float, float]
    lowest: tuple[float, float]


def landscapes() -> dict[str, Landscape]:
    """The ravine, and the valley with a plateau."""

    def ravine(x: Array, y: Array, bump: Array) -> Array:
        return known.ravine(x, y)

    return {
        RAVINE: Landscape(ravine, known.on_a_level_line, (1e-3, 1.0), (0.0, 0.0)),
        VALLEY: Landscape(known.valley, known.uphill, (1e-2, 10.0), (5.0, 0.0)),
    }


def plan(config: Config) -> sweep.Plan:
    """One program per landscape and optimizer; rate, decay, height of the bump and start inside."""
    programs, labels = {}, {}
    for name, landscape in landscapes().items():
        few, many = (sweep.log_spaced(*landscape.rates, n) for n in (25, 121))
        bumps = config.bumps if name == VALLEY else [0.0]
        extra = [OSCILLATING] if name == RAVINE else []
        for optimizer in ("sgd", *FORMS):
            plain, program = optimizer == "sgd", f"{optimizer} in the {name}"
            points = sweep.grid(
                bump=bumps,
                decay=[0.0] if plain else DECAYS,
                learning_rate=[*(many if plain else few), *extra],
            )
            programs[program] = (descent(landscape, optimizer, config.steps), points)
            labels[program] = {"landscape": name, "optimizer": optimizer}
    return sweep.plan(programs, sweep.NO_DATA, seeds=config.seeds, labels=labels)


def descent(landscape: Landscape, optimizer: str, steps: int) -> sweep.Run:
    """Descent that records where it has been; its curves begin at the start."""

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        def loss(
            params: PyTree, state: PyTree, batch: Batch, key: Array, *, train: bool
        ) -> tuple[Array, tuple[PyTree, Metrics]]:
            value = landscape.value(params[0], params[1], hparams["bump"])
            return value, (state, {"loss": (value, jnp.ones(()))})

        task = Task(lambda key, batch: (landscape.start(key), {}), loss, lambda params, *_: params)
        decay = () if optimizer == "sgd" else (hparams["decay"],)
        return task, OPTIMIZERS[optimizer](hparams["learning_rate"], *decay)

    def init(hparams: PyTree, key: Array, data: sweep.Data) -> TrainState:
        return train.init(*build(hparams), key, data["train"])

    def advance(
        hparams: PyTree, state: TrainState, data: sweep.Data
    ) -> tuple[TrainState, dict[str, Array]]:
        task, tx = build(hparams)

        def body(state: TrainState, _: None) -> tuple[TrainState, Array]:
            return train.step(task, tx, state, data["train"])[0], state.params

        state, visited = jax.lax.scan(body, state, None, steps)
        return state, {"x": visited[:, 0], "y": visited[:, 1]}

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        return {"loss": landscape.value(state.params[0], state.params[1], hparams["bump"])}

    return sweep.Run(init, advance, evaluate)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Settings chosen on some starts, judged on the others."""
    frame, paths = measured(config, results)
    tuning = frame["seed"] % 2 == 0
    selection = stats.select(frame[tuning], BY, OVER, "cost")
    chosen = stats.chosen_trials(frame[~tuning], selection, [*BY, *OVER])
    ravine, valley = (chosen[chosen["landscape"].eq(name)] for name in (RAVINE, VALLEY))
    others = frame[~tuning & frame["landscape"].eq(RAVINE)]
    claims = [*faster(FAST_IN_RAVINE, ravine), *oscillation(others, ravine, paths)]
    for bump, trials in valley.groupby("bump"):
        claims += crossing(trials, bump) if bump else faster(FAST_ON_PLATEAU, trials)
    low = min(filter(None, config.bumps), default=0.0)
    pictures = (
        trajectories(RAVINE, ravine[ravine["seed"].eq(1)], paths),
        trajectories(VALLEY, valley[valley["bump"].eq(low) & (valley["seed"] < 8)], paths),
        far_by_rate(frame[frame["landscape"].eq(RAVINE)]),
    )
    table = Section("At the best rate and decay", (best(selection, chosen),))
    return launch.Conclusion(claims, [table, Section("Paths", pictures)])


def measured(config: Config, results: sweep.Results) -> tuple[pd.DataFrame, Paths]:
    """The ledger with what the paths show, and the paths.

    needed: steps until the loss stays below its goal; cost: the same, or all steps plus what the
    last loss lacks; far: the way across, in units of the start's distance.
    """
    frame, curves = results.frame(), results.curves()
    x, y = (np.clip(np.nan_to_num(curves[name], nan=1e15), -1e15, 1e15) for name in "xy")
    needed, cost = np.zeros(len(frame)), np.zeros(len(frame))
    for name, landscape in landscapes().items():
        mine = frame["landscape"].eq(name).to_numpy()
        height = np.asarray(landscape.value(x[mine], y[mine], frame["bump"].to_numpy()[mine, None]))
        goal = GOAL * height[:, :1] if name == RAVINE else np.full((mine.sum(), 1), DEEP)
        above = height > goal
        last = config.steps - 1 - above[:, ::-1].argmax(axis=1)
        needed[mine] = np.where(above.any(axis=1), last + 1, 0)
        cost[mine] = needed[mine] + np.maximum(height[:, -1] - goal[:, 0], 0)
    far = np.abs(np.diff(y.astype(np.float64), axis=1)).sum(axis=1) / np.abs(y[:, 0])
    frame = frame.assign(needed=needed, cost=cost, far=far, crossed=needed < config.steps)
    return frame, dict(zip(frame["trial"], np.stack([x, y], axis=-1), strict=True))


def faster(claim: Claim, trials: pd.DataFrame) -> list[Judged]:
    """How many times as many steps SGD needs, of each form."""
    needed = trials.pivot(index="seed", columns="optimizer", values="needed").clip(lower=1)
    ratios = {form: stats.mean_interval(needed["sgd"] / needed[form], "positive") for form in FORMS}
    return claim.judge_each(ratios)


def oscillation(frame: pd.DataFrame, best: pd.DataFrame, paths: Paths) -> list[Judged]:
    """The way across the ravine, of each form; and whether two forms take the same path."""
    habitual = frame[frame["decay"].isin([0.0, HABITUAL])].sort_values("seed")
    equal = habitual[habitual["learning_rate"].eq(OSCILLATING)]
    claims = []
    for trials, when in ((equal, f"rate {OSCILLATING:g}, decay {HABITUAL}"), (best, "best rates")):
        far = np.log2(trials.pivot(index="seed", columns="optimizer", values="far"))
        gaps = {f"{form}, {when}": from_everywhere(far[form] - far["sgd"]) for form in FORMS}
        claims += DAMPS.judge_each(gaps)
    pairs = (
        habitual.loc[habitual["optimizer"].eq(name) & habitual["learning_rate"].eq(rate), "trial"]
        for name, rate in {"momentum": SAME_AS, "momentum_averaged": AVERAGED}.items()
    )
    apart = [
        np.abs(paths[one] - paths[other]).max() / np.abs(paths[one][0]).max()
        for one, other in zip(*pairs, strict=True)
    ]
    return [*claims, SAME_PATH.judge(stats.mean_interval(apart))]


def from_everywhere(values: pd.Series) -> stats.Interval:
    """Least and largest of all starts: descent on a quadratic is linear, so none is by chance."""
    low, high = values.min(), values.max()
    return stats.Interval(values.mean(), low, high, len(values), "least and largest of all starts")


def crossing(trials: pd.DataFrame, bump: float) -> list[Judged]:
    """From what share of the starts each form, and SGD, comes over a bump."""
    crossed, height = trials.groupby("optimizer")["crossed"], f"height {bump:g}"
    shares = {name: stats.proportion_of(group) for name, group in crossed}
    crosses = CROSSES.judge_each({f"{form}, {height}": shares[form] for form in FORMS})
    return [*crosses, STAYS.judge(shares["sgd"], height)]


def best(selection: pd.DataFrame, chosen: pd.DataFrame) -> Table:
    """Every condition at its rate and decay."""
    means = chosen.groupby(list(BY))[["needed", "far", "crossed"]].mean().reset_index()
    rows: list[dict[str, Cell]] = [
        {name: str(row[name]) for name in BY}
        | {name: report.number(row[name]) + "*" * (name in row["borders"]) for name in OVER}
        | {"steps": row["needed"], "way across": row["far"], "arrived (%)": row["crossed"]}
        for row in selection.merge(means, on=list(BY)).to_dict("records")
    ]
    caption = (
        "Rate and decay chosen on other starts than those reported. Steps: until the loss stays "
        "below its goal, all steps where it never does. Way across: Σ|Δy| of the start's |y|. "
        "* on the border of its grid."
    )
    return report.table(rows, caption)


def trajectories(name: str, trials: pd.DataFrame, paths: Paths) -> Picture:
    """Level lines and paths, one panel an optimizer."""
    bump = float(trials["bump"].iloc[0])
    title = "Paths in the ravine" if name == RAVINE else f"Paths over a bump of height {bump:g}"
    panels = {}
    for optimizer, mine in trials.groupby("optimizer", sort=False):
        rate, decay = mine[["learning_rate", "decay"]].iloc[0]
        words = f", {decay:g}" if decay else ""
        title_of = f"{optimizer.removeprefix('momentum_')} {rate:.3g}{words}"  # or it is cut
        panels[title_of] = [paths[one] for one in mine["trial"]]
    landscape = landscapes()[name]
    figure = report.trajectories(
        lambda x, y: landscape.value(x, y, bump), panels, np.array([landscape.lowest]), title=title
    )
    caption = (
        "At rate and decay; circle: start; cross: end; star: lowest point; dots: steps; darker is "
        "lower. Each axis has a scale of its own."
    )
    return report.picture(figure, caption)


def far_by_rate(ravine: pd.DataFrame) -> Picture:
    """The way across against the rate, where a trial ends in sight of the ravine."""
    figure = report.lines(
        ravine[ravine["far"] < IN_SIGHT], "learning_rate", "far", panel="optimizer", line="decay",
        title="Way across the ravine against the rate",
        x_label="learning rate (log scale)", y_label="way across (start's distance)", points=125,
    )  # fmt: skip
    for axes in figure.axes:
        axes.set_xlim(8e-4, 1.2)
        set_scale(axes, "x", "log")  # ticks for these limits
    return report.picture(figure, "Lines: mean over the starts. They end where the ravine is left.")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
