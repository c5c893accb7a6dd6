"""Critical points of high dimension: saddles rather than minima, the more the higher they are?

Smooth Gaussian fields (`saddles`) of 1 to 32 dimensions, searched from random places; and the loss
of networks of a few tanh units on 128 digits of 4 × 4 pixels, with 0.01 · Σθ², searched from all
along several trainings. A search minimizes the slope (Levenberg-Marquardt) and is left out where it
does not end at a slope below 1e-4 a dimension. Directions lead down where curvatures are negative.
In theory their share is that of a semicircle below the height, which is why higher critical points
have more of them (Bray & Dean 2007, https://arxiv.org/abs/cond-mat/0611023; Dauphin et al. 2014,
https://arxiv.org/abs/1406.2572).

    python -m experiments.critical_points --workdir=runs/critical_points  # 3 minutes on 2 cores
"""

from collections.abc import Iterator

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax.flatten_util import ravel_pytree

from experiments.saddles import Value, curvatures, field, places, slope
from jaxdl import keys, launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.report import Claim, Judged, Picture, Section
from jaxdl.types import Array, PyTree, TrainState

CLAIMS = RARE, HIGHER = (
    Claim("O8", "minima are rare among critical points", "share of those that were found",
          below=0.05, unit="%"),
    Claim("O8", "the higher a critical point, the more directions lead down from it",
          "correlation of height and share of directions", above=0.5),
)  # fmt: skip
STARTS, FOUND, HIGH = 24, 1e-4, 8
RATE, PENALTY = 0.2, 0.01
FIELD, NETWORK = KINDS = ("field", "network")
POINT = ("height", "down", "found")


class Config(launch.Config):
    """On what is searched."""

    steps: int = setting(500, "Of descent on a network's loss; searches begin along it.", low=1)
    seeds: int = setting(12, "Fields and networks of each size.", low=2)
    iterations: int = setting(300, "Of a search for a critical point.", low=1)
    dimensions: tuple[int, ...] = setting((1, 2, 4, 8, 16, 32), "Of the fields.", low=1)
    units: tuple[int, ...] = setting((1, 2, 4), "Hidden units of the networks.", low=1)


def plan(config: Config) -> sweep.Plan:
    """One program per surface and size."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)
    pixels = np.asarray(nn.avg_pool(data["train"]["x"], (2, 2), (2, 2)))
    few = {"x": pixels[:128], "y": data["train"]["y"][:128]}
    runs = {FIELD: (config.dimensions, on_field), NETWORK: (config.units, on_network)}
    programs: dict[str, tuple[sweep.Run, list[sweep.Point]]] = {}
    labels = {}
    for kind, (sizes, run) in runs.items():
        for size in sizes:
            name = f"{size}-{'unit' if kind == NETWORK else 'D'} {kind}"
            programs[name] = run(config, size), sweep.grid(size=[float(size)])
            labels[name] = {"kind": kind, "surface": name}
    return sweep.plan(programs, {"train": few}, seeds=config.seeds, labels=labels)


def critical(value: Value, start: Array, iterations: int) -> dict[str, Array]:
    """The point to which minimizing the slope leads, by Levenberg and Marquardt's damped steps."""

    def body(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        point, damping = carry
        gradient, hessian = jax.grad(value)(point), jax.hessian(value)(point)
        damped = hessian @ hessian + damping * jnp.eye(point.size)
        new = point - jnp.linalg.solve(damped, hessian @ gradient)
        better = slope(value, new) < slope(value, point)
        damping = jnp.clip(damping * jnp.where(better, 0.2, 4.0), 1e-7, 1e7)
        return (jnp.where(better, new, point), damping), None

    (point, _), _ = jax.lax.scan(body, (start, jnp.ones(())), None, iterations)
    down = jnp.mean(curvatures(value, point) < 0)
    return {"height": value(point), "down": down, "found": slope(value, point) < FOUND}


def searched(value: Value, starts: Array, iterations: int) -> dict[str, Array]:
    """What is found from several starts, point by point and in sum.

    The correlation is 0 where fewer than two are found.
    """
    points = jax.lax.map(lambda start: critical(value, start, iterations), starts)
    found = points["found"].astype(jnp.float32)
    count = jnp.maximum(found.sum(), 1)
    height, down = (points[name] - (found * points[name]).sum() / count for name in POINT[:2])
    spread = jnp.sqrt((found * height**2).sum() * (found * down**2).sum())
    summed = {
        "minima": (found * (points["down"] == 0)).sum() / count,
        "correlation": (found * height * down).sum() / jnp.maximum(spread, 1e-12),
        "share_found": found.mean(),
    }
    return sweep.numbered({**points, "found": found} | summed)


def on_field(config: Config, dimension: int) -> sweep.Run:
    """Critical points of a field, searched from all over it."""

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        starts = places(keys.named(state.key, "starts"), STARTS, dimension)
        return searched(field(state.key, dimension), starts, config.iterations)

    return sweep.without_training(evaluate)


def on_network(config: Config, units: int) -> sweep.Run:
    """Critical points of a network's loss, searched from several times of several trainings."""

    task = tasks.classification(MLP((units,), 10, nn.tanh))

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        drawn = keys.named(state.key, "starts")
        _, unravel = ravel_pytree(task.init(drawn, data["train"])[0])

        def value(point: Array) -> Array:
            loss = task.loss(unravel(point), {}, data["train"], drawn, train=True)[0]
            return loss + PENALTY * jnp.vdot(point, point)

        def start(number: Array) -> Array:
            params, _ = task.init(jax.random.fold_in(drawn, number), data["train"])
            return jax.lax.fori_loop(
                0, number * config.steps // STARTS,
                lambda _, point: point - RATE * jax.grad(value)(point), ravel_pytree(params)[0],
            )  # fmt: skip

        starts = jax.lax.map(start, jnp.arange(STARTS))
        return searched(value, starts, config.iterations)

    return sweep.without_training(evaluate)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """What is found on each surface."""
    frame = results.frame()
    frame["minima"] = frame["minima"].where(frame["share_found"] > 0)  # of none there is no share
    fields, networks = (frame[frame["kind"].eq(kind)] for kind in KINDS)
    by_dimension = report.profile(
        fields.assign(surface="Gaussian field"), "size", "minima", line="surface",
        title="Minima among the critical points of Gaussian fields", x_scale="log",
        x_label="dimensions (log scale)", y_label="minima (%)",
    )  # fmt: skip
    rows = [
        {
            "surface": name,
            "searches that end at one (%)": stats.mean_interval(trials["share_found"], "share"),
            "minima (%)": minima(trials),
            "correlation of height and directions": stats.mean_interval(trials["correlation"]),
        }
        for name, trials in frame.groupby("surface", sort=False)
    ]
    table = report.table(rows, "Means over fields and networks and their 95 % intervals.")
    pictures = [by_dimension, *by_height(fields, networks)]
    sections = [Section("Saddles and minima", pictures), Section("Searches", (table,))]
    return launch.Conclusion([*of_points(fields, networks)], sections)


def minima(trials: pd.DataFrame) -> stats.Interval:
    """Their share of the points that were found; without bounds where a seed found none."""
    found = np.nan_to_num(STARTS * trials["share_found"].mean())
    return stats.mean_interval(trials["minima"], "share", examples=max(1, int(found)))


def of_points(fields: pd.DataFrame, networks: pd.DataFrame) -> Iterator[Judged]:
    """The claims about critical points, of 8 dimensions or more."""
    high = dict(list(fields[fields["size"] >= HIGH].groupby("surface", sort=False)))
    yield from RARE.judge_each({n: minima(t) for n, t in high.items()})
    all_high = high | dict(list(networks.groupby("surface", sort=False)))
    yield from HIGHER.judge_each(
        {n: stats.mean_interval(t["correlation"]) for n, t in all_high.items()}
    )


def by_height(fields: pd.DataFrame, networks: pd.DataFrame) -> Iterator[Picture]:
    """Which share of directions leads down from critical points of a height."""

    def semicircle(z: np.ndarray) -> np.ndarray:
        z = np.clip(z, -1, 1)
        return 50 + 100 * (np.arcsin(z) + z * np.sqrt(1 - z**2)) / np.pi

    for shown, title, label, theory in (
        (fields[fields["size"] > 2], "Gaussian fields", "height / 2√dimensions", semicircle),
        (networks, "Networks", "loss with penalty (nats)", None),
    ):
        points = pd.wide_to_long(shown, POINT, ["trial"], "start", sep="_").reset_index()
        points = points[points["found"] > 0.5]
        if points.empty:
            continue
        scale = 2 * np.sqrt(points["size"]) if theory else 1.0
        points["bin"] = (points["height"] / scale).round(1)
        means = points.groupby(["surface", "seed", "bin"], sort=False)["down"].mean().reset_index()
        yield report.profile(
            means, "bin", "down", line="surface", title=f"{title}: directions down by height",
            x_label=label, y_label="directions that lead down (%)",
            references={"semicircle": theory} if theory else None,
        )._replace(name=f"down_by_height_{title.split()[-1].lower()}")  # fmt: skip


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
