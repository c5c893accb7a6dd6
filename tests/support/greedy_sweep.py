"""A sweep whose trials hold 256 MiB or more, in a process that gets 3 GiB."""

import json
import resource
import sys
from pathlib import Path

import jax.numpy as jnp

from jaxdl import sweep
from jaxdl.types import TrainState

LIMIT = 3 * 2**30

WORDS = int(sys.argv[3]) * 2**26


def init(hparams, key, data):
    weights = {"w": jnp.full((WORDS,), hparams["start"])}
    return TrainState(jnp.zeros((), jnp.int32), key, weights, {}, {})


def advance(hparams, state, data):
    weights = {"w": state.params["w"] * 0.5}
    curves = {"loss": weights["w"][:1]}
    return state._replace(step=state.step + 1, params=weights), curves


def evaluate(hparams, state, data):
    return {"validation_loss": state.params["w"][0]}


if __name__ == "__main__":
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + LIMIT, used + LIMIT))
    starts = [float(value) for value in range(1, 9)]
    results = sweep.execute(
        {"greedy": sweep.Run(init, advance, evaluate)},
        sweep.trials(["greedy"], sweep.grid(start=starts), [0]),
        {},
        workdir=sys.argv[1],
        lanes=int(sys.argv[2]),
        progress=sweep.reporter(),
    )
    print(
        json.dumps([[row["status"], row.get("lanes"), row.get("message")] for row in results.rows])
    )
