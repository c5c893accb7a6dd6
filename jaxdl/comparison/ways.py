"""The ways of the chosen points over workloads of two numbers, run again to be drawn."""

import jax
import numpy as np

from jaxdl import report
from jaxdl.comparison.comparison import Comparison
from jaxdl.report import Picture
from jaxdl.types import Array, PyTree, TrainState
from jaxdl.workloads import PLANES, Workload

SEEDS = 3
"""Of the fresh ones, as many as can be told apart."""


def ways(found: Comparison, workload: Workload) -> dict[str, np.ndarray]:
    """Where the first fresh seeds of each optimizer went, `[seeds, steps + 1, 2]`.

    They are the trials of the comparison again; nan from where one diverged. Who raised has none.
    """
    raised = found.raised
    walked = [name for name in found.study.entrants if (workload.name, name) not in raised]
    return {name: _way(found, workload, name) for name in walked}


def _way(found: Comparison, workload: Workload, name: str) -> np.ndarray:
    study, one = found.study, found.study.entrants[name]
    run, data = study.run(workload, one, segments=None), {workload.name: workload.data()}
    fresh = found.fresh
    mine = fresh[fresh["workload"].eq(workload.name) & fresh["optimizer"].eq(name)]
    row = mine.iloc[0]
    hparams = {
        key: type(value)(row[key])
        for key, value in one.point().items()
        if key in row and row[key] == row[key]
    }
    steps = found.study.budget(workload)

    @jax.jit
    def walked(hparams: PyTree, seed: Array) -> Array:
        first = run.init(hparams, jax.random.key(seed), data)

        def step(state: TrainState, _: PyTree) -> tuple[TrainState, Array]:
            after, _ = run.advance(hparams, state, data)
            return after, after.params["point"]

        _, points = jax.lax.scan(step, first, None, steps)
        return jax.numpy.concatenate([first.params["point"][None], points])

    seeds = mine["seed"].to_numpy()[:SEEDS]
    return np.stack([walked(hparams, np.uint32(seed)) for seed in seeds])


def pictures(found: Comparison) -> list[Picture]:
    """A picture of each workload of two numbers, a panel an optimizer."""
    made = []
    for workload in found.study.workloads:
        plane = PLANES.get(workload.name)
        if plane is None:
            continue
        rates = found.chosen[found.chosen["workload"].eq(workload.name)].set_index("optimizer")
        panels = {
            f"{name}, rate {report.number(rates.at[name, 'learning_rate'], 2)}": list(each)
            for name, each in ways(found, workload).items()
        }
        figure = report.trajectories(
            plane.height, panels, np.asarray(plane.optima), title=f"Ways on {workload.name}"
        )
        caption = (
            f"The first {min(SEEDS, found.study.fresh_seeds)} of {found.whose}, a colour each. "
            "Circle: start; cross: end; star: lowest point; dots: steps; darker is lower. Each "
            "axis has a scale of its own."
        )
        alt = f"Ways of the optimizers over the level lines of {workload.name}."
        made.append(Picture(f"ways_{workload.name}", figure, alt, caption))
    return made
