"""A known landscape as the validation loss of a run. Also a program, for tests that kill it."""

import os
import signal
import sys

import jax
import jax.numpy as jnp

from jaxdl import sweep

SPACE = {
    "x": sweep.Uniform(-1.0, 1.0),
    "rate": sweep.LogUniform(1e-4, 1.0),
    "k": sweep.Integer(1, 5),
    "kind": sweep.Choice(("flat", "steep")),
}


def height(x, rate, k, kind):
    """Least, 1, at x = 0.3, rate = 0.01, k = 2, flat (0)."""
    slope = 1.0 + kind
    return 1 + slope * (x - 0.3) ** 2 + 0.2 * jnp.log10(rate / 0.01) ** 2 + 0.1 * (k - 2) ** 2


def evaluate(hparams, state, data):
    """Beyond x = 0.9 it is no number; seeds differ a little."""
    loss = height(**hparams) + 0.002 * jax.random.normal(state.key)
    loss = jnp.where(hparams["x"] > 0.9, jnp.nan, loss)
    return {"validation_loss": loss, "test_loss": loss + 1}


RUN = sweep.without_training(evaluate)


def search(workdir, **options):
    return sweep.search(
        RUN, SPACE, sweep.NO_DATA, workdir=workdir, metric="validation_loss",
        **{"points": 16, "seeds": 2, "segments": 10, "chunk": 4, **options},
    )  # fmt: skip


class Killing(sweep.Progress):
    """Kills its process when so many trials are done."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def show(self, program):
        if self.done >= self.after:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    search(sys.argv[1], method=sys.argv[2], lanes=2, progress=Killing(float(sys.argv[3])))
