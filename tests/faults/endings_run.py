"""How sessions of several processes end: all alike, and one of them says why.

Each process does all of them, one after the other, and prints what `fit` raised.
"""

import jax
import numpy as np
import optax
from jax.sharding import Mesh
from support import streams
from support.streams import DATA, STEPS, TASK, TX, Listed, after

from jaxdl import checkpoint, distributed, parallel, params, streaming
from jaxdl.data.batches import epochs
from jaxdl.streaming.log import Log

RATES = {"config": {"rate": 0.1}}


def rows(mesh, seed=0):
    """The rows of each batch that this process reads."""
    return epochs(DATA, 8, seed, rows=parallel.rows_here(mesh, 8))


def poisoned(mesh, at, count=STEPS):
    """What one process reads becomes NaN."""
    source = rows(mesh)
    found = [dict(next(source)) for _ in range(count)]
    if not distributed.is_first():
        found[at]["y"] = found[at]["y"] * np.float32("nan")
    return Listed(found)


def short(mesh, count):
    """What one process reads ends too early."""
    source = rows(mesh)
    found = [next(source) for _ in range(STEPS)]
    return Listed(found if distributed.is_first() else found[:count])


def apart(mesh):
    """Each process has a position of its own."""
    source = rows(mesh)
    batches = Listed([next(source) for _ in range(STEPS)])
    place = batches.get_state
    batches.get_state = lambda: {**place(), "process": jax.process_index()}
    return batches


def failing(write_at, number):
    """A disk that is full at a step."""

    def write(where, step, *arguments, **options):
        if step == number:
            raise OSError("no space left")
        return write_at(where, step, *arguments, **options)

    return write


def trained(folder):
    """All sessions, each in a workdir below `folder`."""
    mesh = Mesh(np.array(jax.devices()), ("data",))
    over, second = parallel.StepOver(mesh), not distributed.is_first()

    def fit(name, batches=None, tx=TX, state=None, **options):
        options = {"steps": STEPS, "log_steps": 5, "save_steps": 4, "save_seconds": None, **options}
        batches = parallel.Joined(mesh, rows(mesh) if batches is None else batches)
        state = over.init(TASK, tx, jax.random.key(streams.SEED), DATA) if state is None else state
        try:
            state = streaming.fit(
                TASK, tx, state, batches, folder / name, **{"step": over, **options}
            )
            print(name, params.digest(jax.device_get(state.params)), flush=True)
        except BaseException as error:
            said = "" if isinstance(error, SystemExit) else error
            print(f"{name} {type(error).__name__} {getattr(error, 'code', '')} {said}", flush=True)

    fit("done", **RATES)
    fit("done", **RATES)
    fit("done", config={"rate": 0.2})
    fit("done", rows(mesh, seed=1), **RATES)
    fit("differing", tx=optax.adam(0.1 + second))
    fit("alone", state=streams.initial(TASK, TX, jax.random.key(streams.SEED), DATA))
    fit("nan", poisoned(mesh, 9))
    fit("end", poisoned(mesh, 9, 10))
    fit("short", short(mesh, 9))
    fit("asked", apart(mesh), stop=after(6 if second else 100))
    fit("asked", apart(mesh), stop=after(100))
    checkpoint.save, save = failing(checkpoint.save, STEPS), checkpoint.save
    fit("full")
    checkpoint.save, Log.write = save, failing(Log.write, STEPS)
    fit("row")
    return 0
