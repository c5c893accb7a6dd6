"""Optimizers on diagnostic problems: each difficulty and each attempt is a lane of one program."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from jaxdl import sweep, train
from jaxdl.comparison.entrants import Entrant
from jaxdl.comparison.study import halton
from jaxdl.sweep.space import Trial
from jaxdl.types import Array, PyTree, Task, TrainState
from jaxdl.workloads.stress import Problem

HOLD = 10
"""Steps in a row that the error is at the goal: what only swings through it has not solved it."""
DIFFICULTY = "difficulty"
"""The hyperparameter that is the problem's."""
BY = ("problem", "optimizer")


class Exam(NamedTuple):
    """Who is examined, on what, in how many attempts at each difficulty.

    An attempt is one point of the entrant's space, quasi-random and the same for all who search the
    same space, from a start of its own.
    """

    entrants: Mapping[str, Entrant]
    problems: Sequence[Problem]
    attempts: int = 100

    def plan(self) -> sweep.Plan:
        """A program for each optimizer on each problem. Raises ValueError, in one line."""
        if not self.problems:
            raise ValueError("problems: there is none")
        for problem in self.problems:
            if problem.steps < HOLD:
                raise ValueError(
                    f"{problem.name} has {problem.steps} steps: solved is what holds for {HOLD}"
                )
        for name, one in self.entrants.items():
            if one.kind != "optimizer":
                raise ValueError(f"{name} is of the kind {one.kind}: the card is one of optimizers")
            if DIFFICULTY in one.point():
                raise ValueError(f"{name}: {DIFFICULTY!r} is the problem's hyperparameter")
        programs, trials, labels = {}, [], {}
        points = {name: halton(one, self.attempts) for name, one in self.entrants.items()}
        for name, one in self.entrants.items():
            for problem in self.problems:
                program = f"{problem.name}: {name}"
                programs[program] = run(problem, one)
                labels[program] = dict(zip(BY, (problem.name, name), strict=True))
                trials += [
                    Trial(program, {**point, DIFFICULTY: level}, attempt)
                    for level in problem.levels
                    for attempt, point in enumerate(points[name])
                ]
        return sweep.Plan(
            programs, trials, sweep.NO_DATA, labels=labels, keep_curves=False, batched=True
        )

    def grades(self, frame: pd.DataFrame) -> pd.DataFrame:
        """What the trials of the plan show, a row for each problem, optimizer and difficulty.

        The columns `problem`, `optimizer`, `level` (1 … 4), `difficulty`, `attempts`, `solved` (how
        many), `diverged`, `needed` (attempts until the first that solves it, in the mean over their
        orders; inf where none does), `steps` (median of those that solve it) and `message`, of a
        program that raised.
        """
        told = frame.reindex(columns=[*frame, *({"solved"} - {*frame})])
        known = {problem.name: problem.levels for problem in self.problems}
        rows = []
        for (problem, optimizer, difficulty), mine in told.groupby([*BY, DIFFICULTY], sort=False):
            there = mine["solved"].eq(1)
            failed = mine["status"].eq("error")
            rows.append(
                {
                    "problem": problem,
                    "optimizer": optimizer,
                    "level": 1 + known[problem].index(difficulty),
                    DIFFICULTY: difficulty,
                    "attempts": len(mine),
                    "solved": int(there.sum()),
                    "diverged": int(mine["status"].eq("diverged").sum()),
                    "needed": (len(mine) + 1) / (there.sum() + 1) if there.any() else np.inf,
                    "steps": float(mine.loc[there, "steps"].median()),
                    "message": mine.loc[failed, "message"].iloc[0] if failed.any() else None,
                }
            )
        return pd.DataFrame(rows)


def run(problem: Problem, one: Entrant) -> sweep.Run:
    """An entrant on a problem, whose state stands still as soon as it is solved.

    Its rows have `solved` (1 or 0), and as `steps` those that it took; `least_error`.
    """

    def init(hparams: PyTree, key: Array, data: sweep.Data) -> TrainState:
        state = train.init(*_built(problem, one, hparams), key, {})
        told = {"held": jnp.zeros((), jnp.int32), "least": jnp.full((), jnp.inf)}
        return state._replace(model_state={"problem": state.model_state, **told})

    def advance(
        hparams: PyTree, state: TrainState, data: sweep.Data
    ) -> tuple[TrainState, dict[str, Array]]:
        task, tx = _built(problem, one, hparams)

        def body(state: TrainState, _: None) -> tuple[TrainState, dict[str, Array]]:
            told = state.model_state
            inner = state._replace(model_state=told["problem"])
            params = inner.params
            if one.eval_params is not None:
                params = one.eval_params(inner.opt_state, params)
            error = problem.error(params, told["problem"]["memory"], hparams[DIFFICULTY])
            held = jnp.where(error <= problem.goal, told["held"] + 1, 0)
            moved, metrics = train.step(task, tx, inner, {})
            kept = jax.tree.map(lambda old, new: jnp.where(held >= HOLD, old, new), inner, moved)
            told = {"held": held, "least": jnp.fmin(told["least"], error)}
            kept = kept._replace(model_state={"problem": kept.model_state, **told})
            return kept, {"loss": train.mean(metrics)["loss"]}

        return jax.lax.scan(body, state, None, problem.steps)

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        told = state.model_state
        return {"solved": (told["held"] >= HOLD).astype(jnp.float32), "least_error": told["least"]}

    return sweep.Run(init, advance, evaluate)


def _built(
    problem: Problem, one: Entrant, hparams: Mapping[str, Array]
) -> tuple[Task, optax.GradientTransformation]:
    own = {name: value for name, value in hparams.items() if name != DIFFICULTY}
    return problem.task(hparams[DIFFICULTY]), one.make(**own)
