"""Small sweeps that `make soak` kills: plain, halving, searching. A program that ends by printing
the sha256 of everything it found, as one line of JSON."""

import hashlib
import json
import sys
from pathlib import Path

import flax.linen as nn
import jax.numpy as jnp
from support import tiny_sweep as tiny

from jaxdl import sweep, tasks
from jaxdl.layers.dropout import Dropout
from jaxdl.optimizers import adam, momentum
from jaxdl.params import digest
from jaxdl.sweep.distributions import LogUniform

SEGMENTS, LANES = 4, 4


class Model(nn.Module):
    """With all that a state can hold: batch norm's statistics, and keys that dropout draws from."""

    @nn.compact
    def __call__(self, x, *, train):
        x = nn.BatchNorm(use_running_average=not train)(nn.Dense(8)(x))
        return nn.Dense(2)(Dropout(0.3)(nn.relu(x), train=train))


def program(optimizer):
    task = tasks.classification(Model())
    return sweep.make_run(sweep.by_rate(task, optimizer), steps=4, batch_size=8)


def plan(kind):
    """The last of the rates is lost, so that diverged trials are among what is killed."""
    programs = {"adam": program(adam), "momentum": program(momentum)}
    points = sweep.grid(learning_rate=[0.003, 0.01, 0.1, 1e38])
    if kind == "searching":
        points = sweep.grid(learning_rate=[0.01])
    prune = sweep.Halving([1, 2], sweep.Best("validation_loss", 0.5))
    found = sweep.plan(
        {name: (run, points) for name, run in programs.items()},
        tiny.DATA,
        seeds=3 if kind != "searching" else 2,
        segments=SEGMENTS,
        prune=prune if kind == "halving" else None,
        keep_states=kind == "plain",
    )
    if kind != "searching":
        return found
    space = {"learning_rate": LogUniform(1e-3, 1.0)}
    goals = {name: sweep.Goal(space, "validation_loss") for name in programs}
    return sweep.asked(found, goals, points=5, chunk=2)


def execute(kind, workdir):
    asked = plan(kind)
    options = {"lanes": LANES, "checkpoint_seconds": 0.0, "progress": sweep.reporter()}
    return asked._replace(workdir=workdir), asked.execute(workdir, **options)


def facts(asked, results):
    """sha256 of rows, curves and kept states, in the order of the trials."""
    rows = json.dumps(sorted(results.rows, key=lambda row: row["trial"]), sort_keys=True)
    found = {"rows": hashlib.sha256(rows.encode()).hexdigest()}
    curves = results.curves()
    order = curves.pop("trial").argsort()
    found |= {f"curve {name}": digest(jnp.asarray(c[order])) for name, c in curves.items()}
    if asked.keep_states:
        found |= {f"state {row['trial']}": digest(kept(asked, row)) for row in results.rows}
    return found


def kept(asked, row):
    trial = next(each for each in asked.trials if sweep.trial_id(each) == row["trial"])
    state = sweep.kept_state(asked.workdir, asked.programs[row["program"]], trial, row, asked.data)
    assert state is not None, row
    return state


if __name__ == "__main__":
    print(json.dumps(facts(*execute(sys.argv[1], Path(sys.argv[2])))))
