"""A sweep of seconds: two optimizers on forty points. Also a program, for tests that kill it."""

import signal
import sys

import flax.linen as nn
import numpy as np

from jaxdl import initializers, sweep, tasks
from jaxdl.data.batches import padded_batches
from jaxdl.models import MLP
from jaxdl.optimizers import adam, momentum

NAMES = ("zeros", "he_normal")
SEGMENTS, STEPS, BATCH = 3, 4, 8
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int32)
TRAIN = {"x": X[:40], "y": Y[:40]}
HELD_OUT = {"x": X[40:], "y": Y[40:]}
DATA = {"train": TRAIN, "validation": padded_batches(HELD_OUT, 16)}


def task(hparams):
    kernel_init = initializers.switch(hparams["initializer"], NAMES)
    return tasks.classification(MLP((4,), 2, nn.tanh, kernel_init=kernel_init))


def program(factory):
    return sweep.make_run(
        lambda hparams: (task(hparams), factory(hparams["learning_rate"])),
        steps=STEPS,
        batch_size=BATCH,
    )


PROGRAMS = {"adam": program(adam), "momentum": program(momentum)}
RATES = [0.01, 0.1, 1.0]
TRIALS = sweep.trials(list(PROGRAMS), sweep.grid(initializer=NAMES, learning_rate=RATES), range(2))
HALVING = sweep.Halving([1, 2], sweep.Best("validation_loss", 0.5))


def execute(workdir, programs=PROGRAMS, trials=TRIALS, **options):
    return sweep.execute(
        programs,
        trials,
        DATA,
        workdir=workdir,
        **{"segments": SEGMENTS, "categories": {"initializer": NAMES}, "lanes": 4, **options},
    )


if __name__ == "__main__":
    # What a shell starts in the background ignores SIGINT, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    halving = HALVING if "halving" in sys.argv else None
    execute(sys.argv[1], checkpoint_seconds=seconds, progress=sweep.reporter(), prune=halving)
