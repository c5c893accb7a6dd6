"""A plan whose programs compile in no time, and a launcher whose workers run in this process."""

import contextlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import sweep
from jaxdl.cluster import workers
from jaxdl.types import TrainState

SEGMENTS, STEPS = 2, 3
DATA = {"train": {"x": np.arange(3, dtype=np.float32)}}


def program(power):
    """Three numbers go towards those of the data."""

    def init(hparams, key, data):
        return TrainState(jnp.int32(0), key, jax.random.normal(key, (3,)), {}, ())

    def advance(hparams, state, data):
        def body(state, _):
            off = state.params - data["train"]["x"]
            params = state.params - hparams["rate"] * jnp.sign(off) * jnp.abs(off) ** power
            state = state._replace(step=state.step + 1, params=params)
            return state, {"loss": jnp.mean(off**2)}

        return jax.lax.scan(body, state, None, STEPS)

    def evaluate(hparams, state, data):
        return {"validation_loss": jnp.mean((state.params - data["train"]["x"]) ** 2)}

    return sweep.Run(init, advance, evaluate)


def plan(halving=False, rates=(0.01, 0.1, 0.3)):
    """Two programs, each with four trials of every rate."""
    programs = {"straight": program(1.0), "root": program(0.5)}
    return sweep.Plan(
        programs,
        sweep.trials(list(programs), sweep.grid(rate=rates), range(4)),
        DATA,
        segments=SEGMENTS,
        prune=sweep.Halving([1], sweep.Best("validation_loss", 0.5)) if halving else None,
    )


class Here(NamedTuple):
    """Runs the parts one after another; the driver is killed after so many."""

    workers: int
    ran: list[str]
    killed_after: int | None = None

    @contextlib.contextmanager
    def pool(self, plan, command, workdir, stop):
        def run(names):
            for name in names:
                if self.killed_after == len(self.ran):
                    raise KeyboardInterrupt
                refused = workers.run(plan, workdir, name, stop)
                if refused:
                    raise sweep.ForeignRows(refused)
                self.ran.append(name)
                yield name

        yield run
