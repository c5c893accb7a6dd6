"""Do saddles, not minima, stop SGD as dimension grows?

Smooth Gaussian fields f(x) = √(2/M) Σ cos(w·x + b), w ~ N(0, I), of 1 to 32 dimensions: heights and
slopes have variance 1. SGD goes down each from several places, with noise of 0.1 in each coordinate
of the gradient: do directions lead down where it is first slow, and where it ends? Slow is a slope
below 0.1 a dimension; directions lead down where a curvature is negative. Half of them do where a
field is at its mean (`critical_points`). And `workloads.landscapes.saddle`, where one direction of
up to 1,000 leads down, from random starts at a distance of 0.01: how long is SGD near it?

    python -m experiments.saddles --workdir=runs/saddles  # 2 minutes on 2 cores
"""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from jaxdl import keys, launch, report, stats, sweep
from jaxdl.launch import setting
from jaxdl.optimizers import sgd
from jaxdl.report import Claim, Judged, Picture, Section
from jaxdl.types import Array, Batch, Metrics, PyTree, Task, TrainState
from jaxdl.workloads import landscapes

SHARE = "share of starts"
CLAIMS = SLOWED, STOPPED, LONGER = (
    Claim("O8", "SGD is first slow where directions lead down", SHARE, above=0.5, unit="%"),
    Claim("O8", "SGD ends where directions lead down", SHARE, above=0.5, unit="%"),
    Claim("O8", "SGD is longer near a saddle with one direction down in the most dimensions",
          "steps until it is halfway down, of those in the fewest dimensions", above=2),
)  # fmt: skip
STARTS, FEATURES, SLOW, NEAR, HIGH = 16, 256, 0.1, 0.01, 8
NOISE, RATE = 0.1, 0.2
HALFWAY = 0.5
"""Of the way along the direction down: the lowest points are at 1."""
FIELD, SADDLE = KINDS = ("field", "saddle")
Value = Callable[[Array], Array]
"""`point [D] -> height`"""


class Config(launch.Config):
    """How many dimensions there are, and how long SGD goes."""

    steps: int = setting(500, "Steps of SGD.", low=2)
    seeds: int = setting(24, "Fields of each dimension, and starts at each saddle.", low=2)
    dimensions: tuple[int, ...] = setting((1, 2, 4, 8, 16, 32), "Of the fields.", low=1)
    saddles: tuple[int, ...] = setting((2, 10, 100, 1000), "Dimensions of the saddles.", low=2)


def plan(config: Config) -> sweep.Plan:
    """One program per surface and dimension."""
    runs = {FIELD: (config.dimensions, on_field), SADDLE: (config.saddles, on_saddle)}
    programs: dict[str, tuple[sweep.Run, list[sweep.Point]]] = {}
    labels = {}
    for kind, (sizes, run) in runs.items():
        noises = [NOISE] if kind == FIELD else [0.0, NOISE]
        for size in sizes:
            name = f"{size}-D {kind}"
            programs[name] = run(config, size), sweep.grid(size=[float(size)], noise=noises)
            labels[name] = {"kind": kind, "surface": name}
    return sweep.plan(programs, sweep.NO_DATA, seeds=config.seeds, labels=labels)


def field(key: Array, dimension: int) -> Value:
    """A Gaussian field of zero mean and covariance exp(−r²/2), from so many random waves."""
    waves, phases = jax.random.split(keys.named(key, "field"))
    w = jax.random.normal(waves, (FEATURES, dimension))
    b = jax.random.uniform(phases, (FEATURES,), maxval=2 * jnp.pi)
    return lambda point: jnp.sqrt(2 / FEATURES) * jnp.cos(w @ point + b).sum()


def places(key: Array, count: int, dimension: int) -> Array:
    """Places all over a field, `[count, dimension]`."""
    return jax.random.uniform(key, (count, dimension), maxval=100.0)


def slope(value: Value, point: Array) -> Array:
    """Root mean square of the gradient."""
    return jnp.linalg.norm(jax.grad(value)(point)) / jnp.sqrt(point.size)


def curvatures(value: Value, point: Array) -> Array:
    """Eigenvalues of the Hessian, rising."""
    return jnp.linalg.eigvalsh(jax.hessian(value)(point))


def on_field(config: Config, dimension: int) -> sweep.Run:
    """SGD down a field from several starts, and where it is slow."""
    rate = RATE / dimension**0.5

    def init(hparams: PyTree, key: Array, data: sweep.Data) -> TrainState:
        points = places(keys.named(key, "starts"), STARTS, dimension)
        first = {"slowed": jnp.zeros(STARTS, bool), "saddle": jnp.zeros(STARTS, bool)}
        return TrainState(jnp.zeros((), jnp.int32), key, points, first, ())

    def advance(
        hparams: PyTree, state: TrainState, data: sweep.Data
    ) -> tuple[TrainState, dict[str, Array]]:
        value = field(state.key, dimension)

        def body(state: TrainState, _: None) -> tuple[TrainState, dict[str, Array]]:
            points, first = state.params, state.model_state
            drawn = jax.random.fold_in(state.key, state.step)
            slow = jax.vmap(lambda point: slope(value, point))(points) < SLOW
            down = jax.lax.map(lambda point: curvatures(value, point)[0] < 0, points)
            first = {
                "slowed": first["slowed"] | slow,
                "saddle": jnp.where(first["slowed"], first["saddle"], slow & down),
            }
            noisy = jax.vmap(jax.grad(value))(points)
            noisy += NOISE * jax.random.normal(drawn, points.shape)
            curves = {
                "loss": jax.vmap(value)(points).mean(),
                "slow_at_saddles": (slow & down).mean(),
                "slow_at_minima": (slow & ~down).mean(),
            }
            moved = state._replace(
                step=state.step + 1, params=points - rate * noisy, model_state=first
            )
            return moved, curves

        return jax.lax.scan(body, state, None, config.steps)

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        value, first = field(state.key, dimension), state.model_state
        lowest = jax.lax.map(lambda point: curvatures(value, point)[0], state.params)
        slowed = jnp.maximum(first["slowed"].sum(), 1)
        return {
            "first_at_saddle": first["saddle"].sum() / slowed,
            "slowed": first["slowed"].mean(),
            "ends_at_saddle": (lowest < 0).mean(),
        }

    return sweep.Run(init, advance, evaluate)


def on_saddle(config: Config, dimension: int) -> sweep.Run:
    """SGD from near a saddle, with the way that it has gone along the one direction down."""
    end = np.full(dimension, dimension**-0.5)

    def start(key: Array) -> Array:
        drawn = jax.random.normal(key, (dimension,))
        return NEAR * drawn / jnp.linalg.norm(drawn)

    optima = np.stack([end, -end]).tolist()
    task = landscapes.descent(landscapes.Landscape(landscapes.saddle, start, optima))

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation, sweep.Record]:
        def loss(
            params: PyTree, state: PyTree, batch: Batch, key: Array, *, train: bool
        ) -> tuple[Array, tuple[PyTree, Metrics]]:
            height, rest = task.loss(params, state, batch, key, train=train)
            push = jnp.vdot(jax.random.normal(key, (dimension,)), params["point"])
            return height + hparams["noise"] * push, rest

        def way(state: TrainState) -> dict[str, Array]:
            return {"way": jnp.abs(end @ state.params["point"])}

        return task._replace(loss=loss), sgd(RATE / 2), way

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        return {"test_loss": landscapes.saddle(state.params["point"])}

    return sweep.online(build, lambda *_: {"none": jnp.zeros(1)}, evaluate, config.steps)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Where SGD is slow on fields, and for how long near saddles."""
    frame, way = results.frame(), np.nan_to_num(results.curves()["way"])
    halfway = way > HALFWAY
    steps = np.where(halfway.any(axis=1), halfway.argmax(axis=1) + 1, config.steps)
    first = frame["first_at_saddle"].where(frame["slowed"] > 0)  # of none there is no share
    frame = frame.assign(steps_near=steps, first_at_saddle=first)[frame["status"].eq("ok")]
    fields, saddles = (frame[frame["kind"].eq(kind)] for kind in KINDS)
    slow = [
        report.course(
            results, fields, f"slow_at_{where}", panel="kind", line="surface", y_scale="linear",
            title=f"SGD that is slow at {where}", y_label="share of starts (%)", factor=100,
        )
        for where in ("saddles", "minima")
    ]  # fmt: skip
    near = report.profile(
        saddles.assign(noise="noise " + saddles["noise"].astype(str)), "size", "steps_near",
        line="noise", title="Steps near a saddle with one direction down", x_scale="log",
        x_label="dimensions (log scale)", y_label="steps",
    )  # fmt: skip
    return launch.Conclusion(
        [*of_descent(fields), *of_saddles(saddles)],
        [
            Section("Where SGD is slow", (by_dimension(fields), shares(fields), *slow)),
            Section("One direction down", (near,)),
        ],
    )


def of_descent(fields: pd.DataFrame) -> Iterator[Judged]:
    """The claims about where SGD is slow, in 8 dimensions or more."""
    for claim, share in ((SLOWED, "first_at_saddle"), (STOPPED, "ends_at_saddle")):
        high = fields[fields["size"] >= HIGH].groupby("surface", sort=False)[share]
        found = {n: stats.mean_interval(s, "share", examples=STARTS) for n, s in high}
        yield from claim.judge_each(found)


def of_saddles(saddles: pd.DataFrame) -> Iterator[Judged]:
    """The claim about time."""
    ratios = {}
    for noise, trials in saddles.groupby("noise"):
        steps = trials.pivot(index="seed", columns="size", values="steps_near")
        ratio = steps[steps.columns.max()] / steps[steps.columns.min()]
        ratios[f"noise {noise:g}"] = stats.mean_interval(ratio, "positive")
    yield from LONGER.judge_each(ratios)


def by_dimension(fields: pd.DataFrame) -> Picture:
    """At what share of the places directions lead down."""
    columns = {"where first slow": "first_at_saddle", "at the end": "ends_at_saddle"}
    parts = [fields.assign(share=fields[of], place=name) for name, of in columns.items()]
    return report.profile(
        pd.concat(parts, ignore_index=True), "size", "share", line="place", x_scale="log",
        title="Where SGD is on Gaussian fields", x_label="dimensions (log scale)",
        y_label="directions lead down (%)",
    )  # fmt: skip


def shares(fields: pd.DataFrame) -> report.Table:
    """What of SGD was slow, and where."""
    columns = {
        "slow at some time (%)": "slowed", "first where some lead down (%)": "first_at_saddle",
        "ends where some lead down (%)": "ends_at_saddle",
    }  # fmt: skip
    rows = [
        {"surface": name}
        | {
            header: stats.mean_interval(trials[of], "share", examples=STARTS)
            for header, of in columns.items()
        }
        for name, trials in fields.groupby("surface", sort=False)
    ]
    return report.table(rows, "Means over fields and their 95 % intervals.")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
