"""Ravines, plateaus and bumps: momentum against plain descent, in two dimensions, without noise.

A quadratic ravine of condition number 100, ½x² + 50y², from starts on one of its level lines; and a
slope that ends in a plateau, with or without a small bump, before a deep minimum. Rates and decays
are chosen on half of the starts and reported on the others; plain descent, which has no decay,
tries as many rates as the others try pairs.

Claims: in the ravine, momentum needs less than half of the steps of SGD to stay below 1e-3 of the
start's loss, and goes less than half as far across it (at SGD's rate and decay 0.9; at its own best
rate); it crosses a plateau in less than half of the steps, and a small bump that SGD does not; its
averaged form at the rate η takes the path of the other at (1 − β)η.

Command: python -m experiments.ravine --workdir=runs/ravine
Minutes: 0.5 on 2 cores.
Last result: 2026-11-21, machine '2-core Xeon, jax 0.10.2', 12 starts for the rates, 12 reported.
Ravine: SGD takes 7.0 [6.4, 7.6] times the steps of momentum, 6.6 of its averaged form, 4.3 of
Nesterov's method, holds. Oscillation at the same rate: the averaged form goes 0.29 as far across as
SGD, momentum as far, Nesterov's method diverges, depends; at the best rates each goes 1.05 to 1.4
times as far, fails: the gain is along the ravine. Plateau: SGD takes 33 [30, 35] times the steps,
holds. Bumps of height 0.1 and 0.3: each form crosses from 12 of 12 starts, SGD from none, holds.
Averaged momentum: the same path to 2e-7, holds.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(300, "Steps of each trial.", low=2),
    "seeds": Field(24, "Starts; rates are chosen on every second.", low=2),
    "bumps": Field((0.0, 0.1, 0.3), "Heights of the bump after the plateau.", low=0, high=1),
}
CONDITION = 100.0
OSCILLATING = 0.95 * 2 / CONDITION
"""A rate at which plain descent crosses the ravine at each step: 0.95 of the largest stable one."""
DECAYS, HABITUAL = (0.5, 0.7, 0.8, 0.9, 0.95), 0.9
AVERAGED, SAME_AS = 0.1, 0.01
SMALLER, HALF, TWICE, SAME_PATH = -1.0, 0.5, 2.0, 1e-3
GOAL, DEEP, IN_SIGHT = 1e-3, -2.0, 1e3
RAVINE, VALLEY = "ravine", "valley"
FORMS = ("momentum", "nesterov", "momentum_averaged")


class Landscape(NamedTuple):
    """value: `(x, y, bump) -> height`; start: `key -> [2]`; rates: the lowest and the highest."""

    value: Callable[..., Any]
    start: Callable[[Any], Any]
    rates: tuple[float, float]


def landscapes() -> dict[str, Landscape]:
    """The ravine, and the valley with a plateau."""
    import jax
    import jax.numpy as jnp

    def ravine(x: Any, y: Any, bump: Any) -> Any:
        return (x**2 + CONDITION * y**2) / 2

    def level(key: Any) -> Any:
        angle = jax.random.uniform(key, maxval=2 * jnp.pi)
        return jnp.stack([jnp.cos(angle), jnp.sin(angle) / CONDITION**0.5])

    def valley(x: Any, y: Any, bump: Any) -> Any:
        slope = jax.nn.softplus(-4 * (x + 1)) / 2
        hill = bump * jnp.exp(-(((x - 2) / 0.3) ** 2) / 2)
        return slope + hill - 3 * jnp.exp(-((x - 5) ** 2) / 2) + y**2 / 2

    def uphill(key: Any) -> Any:
        return jax.random.uniform(key, (2,), minval=-1.0) + jnp.array([-3.0, 0.0])

    return {
        RAVINE: Landscape(ravine, level, (1e-3, 1.0)),
        VALLEY: Landscape(valley, uphill, (1e-2, 10.0)),
    }


def plan(config: Any) -> launch.Plan:
    """One program per landscape and optimizer; rate, decay, height of the bump and start inside."""
    import numpy as np

    from jaxdl import sweep

    programs, trials, labels = {}, [], {}
    for name, landscape in landscapes().items():
        few, many = (sweep.log_spaced(*landscape.rates, n) for n in (25, 121))
        bumps = config.bumps if name == VALLEY else [0.0]
        extra = [OSCILLATING] if name == RAVINE else []
        for optimizer in ("sgd", *FORMS):
            program = f"{optimizer} in the {name}"
            programs[program] = _run(landscape, optimizer, config.steps)
            labels[program] = {"landscape": name, "optimizer": optimizer}
            plain = optimizer == "sgd"
            settings = sweep.grid(
                bump=bumps,
                decay=[0.0] if plain else DECAYS,
                learning_rate=[*(many if plain else few), *extra],
            )
            trials += sweep.trials([program], settings, range(config.seeds))
    return launch.Plan(programs, trials, {"train": {"none": np.zeros(1)}}, 1, {}, labels)


def _run(landscape: Landscape, optimizer: str, steps: int) -> Any:
    """Descent that records where it has been; its curves begin at the start."""
    import jax
    import jax.numpy as jnp

    from jaxdl import sweep, train
    from jaxdl.optimizers import OPTIMIZERS
    from jaxdl.types import Task

    def build(hparams: dict[str, Any]) -> Any:
        def loss(params: Any, state: Any, batch: Any, key: Any, *, train: bool) -> Any:
            value = landscape.value(params[0], params[1], hparams["bump"])
            return value, (state, {"loss": (value, jnp.ones(()))})

        task = Task(lambda key, batch: (landscape.start(key), {}), loss, lambda params, *_: params)
        decay = () if optimizer == "sgd" else (hparams["decay"],)
        return task, OPTIMIZERS[optimizer](hparams["learning_rate"], *decay)

    def init(hparams: dict[str, Any], key: Any, data: Any) -> Any:
        task, tx = build(hparams)
        return train.init(task, tx, key, data["train"])

    def advance(hparams: dict[str, Any], state: Any, data: Any) -> Any:
        task, tx = build(hparams)

        def body(state: Any, _: None) -> Any:
            return train.step(task, tx, state, data["train"])[0], state.params

        state, visited = jax.lax.scan(body, state, None, steps)
        return state, {"x": visited[:, 0], "y": visited[:, 1]}

    def evaluate(hparams: dict[str, Any], state: Any, data: Any) -> Any:
        return {"loss": landscape.value(state.params[0], state.params[1], hparams["bump"])}

    return sweep.Run(init, advance, evaluate)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Settings chosen on some starts, judged on the others."""
    from jaxdl import report, stats

    frame, paths = _measure(config, results)
    tuning = frame["seed"] % 2 == 0
    by, over = ["landscape", "bump", "optimizer"], ["learning_rate", "decay"]
    summary = stats.select(frame[tuning], by, over, "cost", "min")
    chosen = stats.chosen_trials(frame[~tuning], summary, [*by, *over])
    ravine, valley = (chosen[chosen["landscape"].eq(name)] for name in (RAVINE, VALLEY))
    claims = [
        *_faster(ravine, "is at least twice as fast as SGD in a ravine"),
        *_oscillation(frame[~tuning & frame["landscape"].eq(RAVINE)], ravine, paths),
    ]
    for bump, trials in valley.groupby("bump"):
        sentence = "crosses a plateau at least twice as fast as SGD"
        claims += _crossing(trials, bump) if bump else _faster(trials, sentence)
    table = _table(summary, chosen)
    report.show(table)
    shown = valley["bump"].eq(min(filter(None, config.bumps), default=0.0)) & (valley["seed"] < 8)
    pictures = (
        _trajectories(RAVINE, ravine[ravine["seed"].eq(1)], paths),
        _trajectories(VALLEY, valley[shown], paths),
        _far_by_rate(frame[frame["landscape"].eq(RAVINE)]),
    )
    sections = [
        report.Section("At the best rate and decay", (table,)),
        report.Section("Paths", pictures),
    ]
    held = sum(claim.verdict == "holds" for claim in claims)
    fails = sum(claim.verdict == "fails" for claim in claims)
    headline = (
        f"Of {len(claims)} claims {held} hold and {fails} fail; the table of claims says which."
    )
    return launch.Conclusion(claims, sections, headline)


def _measure(config: Any, results: Any) -> tuple[Any, dict[str, Any]]:
    """The ledger with what the paths show, and the paths `[steps, 2]` by trial.

    needed: steps until the loss stays below its goal; cost: the same, or all steps plus what the
    last loss lacks; far: the way across, in units of the start's distance.
    """
    import numpy as np

    frame, curves = results.to_pandas(), results.curves()
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


def _oscillation(frame: Any, best: Any, paths: Mapping[str, Any]) -> Any:
    import numpy as np

    from jaxdl import report, stats

    habitual = frame[frame["decay"].isin([0.0, HABITUAL])]
    equal = habitual[habitual["learning_rate"].eq(OSCILLATING)]
    quantity = "way across the ravine, of that of SGD (log2)"
    for trials, when in ((equal, f"rate {OSCILLATING:g}, decay {HABITUAL}"), (best, "best rates")):
        far = np.log2(trials.pivot(index="seed", columns="optimizer", values="far"))
        gaps = {form: stats.paired_interval(far[form], far["sgd"]) for form in FORMS}
        sentence = f"damps oscillation across a ravine, {when}"
        yield from _each_form(gaps, sentence, quantity, SMALLER, "below")
    at = {"momentum": SAME_AS, "momentum_averaged": AVERAGED}
    pairs = [
        habitual[habitual["optimizer"].eq(n) & habitual["learning_rate"].eq(at[n])] for n in at
    ]
    apart = [
        np.abs(paths[one] - paths[other]).max() / np.abs(paths[one][0]).max()
        for one, other in zip(*(pair.sort_values("seed")["trial"] for pair in pairs), strict=True)
    ]
    sentence = "averaged momentum at the rate η takes the path of momentum at (1 − β)η"
    quantity = "largest distance between the paths, of the start's"
    interval = stats.mean_interval(apart)
    yield report.judge("O1", sentence, quantity, "1", SAME_PATH, interval, "below")


def _faster(trials: Any, sentence: str) -> list[Any]:
    from jaxdl import stats

    needed = trials.pivot(index="seed", columns="optimizer", values="needed").clip(lower=1)
    ratios = {form: stats.mean_interval(needed["sgd"] / needed[form], "positive") for form in FORMS}
    quantity = "steps of SGD, of those of momentum; unfinished: all its steps"
    return _each_form(ratios, sentence, quantity, TWICE, "above")


def _crossing(trials: Any, bump: float) -> list[Any]:
    from jaxdl import report, stats

    shares = {
        name: stats.proportion_interval(int(crossed.sum()), len(crossed))
        for name, crossed in trials.groupby("optimizer")["crossed"]
    }
    quantity, stays = (
        "share of starts that end in the deep minimum",
        f"sgd: does not cross a bump of height {bump:g}",
    )
    return [
        *_each_form(shares, f"crosses a bump of height {bump:g}", quantity, HALF, "above"),
        report.judge("O2", stays, quantity, "1", HALF, shares["sgd"], "below"),
    ]


def _each_form(
    intervals: Mapping[str, Any], sentence: str, quantity: str, threshold: float, direction: Any
) -> list[Any]:
    """One claim a form of momentum; where some hold and some fail, it depends."""
    from jaxdl import report

    claims = [
        report.judge(
            "O2", f"{form}: {sentence}", quantity, "1", threshold, intervals[form], direction
        )
        for form in FORMS
    ]
    return report.depends(claims)


def _table(summary: Any, chosen: Any) -> Any:
    from jaxdl import report

    by = ["landscape", "bump", "optimizer"]
    means = chosen.groupby(by)[["needed", "far", "crossed"]].mean().reset_index()
    numbers = ["decay", "needed", "far", "crossed"]
    rows = tuple(
        (
            *(str(row[name]) for name in by),
            report.number(row["learning_rate"]) + "*" * row["on_border"],
            *(report.number(row[name]) for name in numbers),
        )
        for _, row in summary.merge(means, on=by).iterrows()
    )
    names = (*by, "rate", "decay", "steps", "way across", "arrived (1)")
    caption = (
        "Rate and decay chosen on other starts than those reported. Steps: until the loss stays "
        "below its goal, all steps where it never does. Way across: Σ|Δy| of the start's |y|. "
        "* on the border of its grid."
    )
    return report.Table(names, rows, frozenset({1, 3, 4, 5, 6, 7}), caption)


def _trajectories(name: str, trials: Any, paths: Mapping[str, Any]) -> Any:
    """Level lines and paths, one panel an optimizer, both axes in the same unit."""
    import numpy as np

    from jaxdl import report
    from jaxdl.report import style

    bump = float(trials["bump"].iloc[0])
    title = "Paths in the ravine" if name == RAVINE else f"Paths over a bump of height {bump:g}"
    (left, right), high = ((-1.15, 1.15), 0.16) if name == RAVINE else ((-4.5, 7.5), 1.6)
    high = max(high, *(1.05 * np.abs(paths[trial][:, 1]).max() for trial in trials["trial"]))
    grid = np.meshgrid(np.linspace(left, right, 400), np.linspace(-high, high, 120))
    height = np.asarray(landscapes()[name].value(*grid, bump))
    levels = np.quantile(height, np.linspace(0, 1, 16))
    with style.house_style():
        names = list(dict.fromkeys(trials["optimizer"]))
        each = 9.0 * 2 * high / (right - left) + 0.35
        figure = style.new_figure(0.9 + len(names) * each, title)
        panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
        for axes, optimizer in zip(panels, names, strict=True):
            axes.contour(*grid, height, levels=levels, cmap="Greys_r", linewidths=0.7)
            mine = trials[trials["optimizer"].eq(optimizer)]
            for trial, color in zip(mine["trial"], style.COLOURS, strict=False):
                x, y = paths[trial].T
                axes.plot(x, y, color=color, linewidth=0.9, marker=".", markersize=3, alpha=0.9)
                axes.plot(x[0], y[0], "o", color=color, markersize=7, mfc="white")
                axes.plot(x[-1], y[-1], "X", color=color, markersize=8, mec="white")
            first = mine.iloc[0]
            decay = f", decay {first['decay']:g}" if first["decay"] else ""
            axes.set_title(f"{optimizer}: rate {first['learning_rate']:.3g}{decay}", loc="left")
            axes.set_aspect("equal")
            axes.set(xlim=(left, right), ylim=(-high, high))
            axes.grid(False)
        figure.supxlabel("x (unit of length)")
        figure.supylabel("y (unit of length)")
    caption = "Circle: start; cross: end; dots: steps; grey: level lines, darker where lower."
    return report.Picture(f"paths_{name}", report.to_png(figure), title, caption)


def _far_by_rate(ravine: Any) -> Any:
    """The way across against the rate, where a trial ends in sight of the ravine."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    from jaxdl import report
    from jaxdl.report import panels, style

    with style.house_style():
        figure, cells = panels.small_multiples(
            ravine[ravine["far"] < IN_SIGHT],
            "learning_rate",
            "far",
            "optimizer",
            "decay",
            title="Way across the ravine against the rate",
            x_label="learning rate (log scale)",
            y_label="way across (start's distance)",
            x_scale="log",
            y_scale="log",
            marker_every=1,
        )
    for axes in (axes for panel in cells.values() for axes in panel):
        axes.set_xlim(8e-4, 1.2)
        axes.xaxis.set_major_locator(LogLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(panels.power_of_ten))
    caption = "Lines: mean over the starts. They end where the ravine is left."
    return report.Picture("far_by_rate", report.to_png(figure), "Way across by rate", caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
