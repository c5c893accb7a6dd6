"""Training on a stream of digits, as a program that tests kill: the last line tells the end's bits.

    python tests/faults/streaming_run.py WORKDIR --steps=400 --save_steps=20 ...

A perceptron with batch norm and dropout on digits that are shifted at random, batch by batch, by a
grain pipeline. The same command goes on where it was killed. Exit codes as everywhere: 0 done, 1
failed, 2 a mistake of the user's, 75 interrupted and to be resumed by the same command.
"""

import argparse
import importlib.util
import json
import logging
import signal
import sys
import time
from pathlib import Path

import flax.linen as nn
import jax
import numpy as np
import optax

from jaxdl import checkpoint, params, quiet, streaming, tasks, train
from jaxdl.data.batches import epochs
from jaxdl.layers import BatchNorm, Dropout

with quiet.absl(logging.WARNING):
    import grain


class Net(nn.Module):
    """Two hidden layers, with running statistics and with noise."""

    @nn.compact
    def __call__(self, x, *, train):
        x = x.reshape(len(x), -1)
        for _ in range(2):
            x = nn.Dense(32)(x)
            x = nn.relu(BatchNorm()(x, train=train))
            x = Dropout(0.2)(x, train=train)
        return nn.Dense(10)(x)


def digits():
    """Rows of 1,797 images; read from scikit-learn's file, since importing it takes a second."""
    folder = Path(importlib.util.find_spec("sklearn").origin).parent
    table = np.loadtxt(folder / "datasets/data/digits.csv.gz", delimiter=",", dtype=np.float32)
    images = table[:, :-1].reshape(-1, 8, 8) / 16
    return images, table[:, -1].astype(np.int32)


def shifted(row, rng):
    """A digit, moved by a pixel at most."""
    return {**row, "x": np.roll(row["x"], rng.integers(-1, 2, size=2), axis=(0, 1))}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--log_steps", type=int, default=10)
    parser.add_argument("--save_steps", type=int, help="checkpoints by steps")
    parser.add_argument("--save_seconds", type=float, default=1.0, help="or by seconds")
    parser.add_argument("--keep", type=int, default=2)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--evaluation_steps", type=int, default=50)
    parser.add_argument("--nap", type=float, default=0.0, help="seconds that an evaluation takes")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds that a batch takes")
    parser.add_argument("--slow_disk", type=float, default=0.0, help="seconds that a save takes")
    parser.add_argument("--allow_config_change", action="store_true")
    return parser.parse_args()


class Paced:
    """Batches that take their time."""

    def __init__(self, batches, seconds):
        self.batches, self.seconds = batches, seconds
        self.get_state, self.set_state = batches.get_state, batches.set_state

    def __iter__(self):
        return self

    def __next__(self):
        time.sleep(self.seconds)
        return next(self.batches)


def slow(save, seconds):
    """As `checkpoint.save` on a disk that takes so long."""

    def later(*arguments, **options):
        print("saving", flush=True)
        time.sleep(seconds)
        return save(*arguments, **options)

    return later


def main():
    given = arguments()
    # What a shell starts in the background ignores SIGINT, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if given.slow_disk:
        checkpoint.save = slow(checkpoint.save, given.slow_disk)
    images, labels = digits()
    rows = [{"x": x, "y": y} for x, y in zip(images[:1500], labels[:1500], strict=True)]
    held_out = {"x": images[1500:], "y": labels[1500:]}
    task, tx = tasks.classification(Net()), optax.sgd(given.rate, momentum=0.9)
    batches = epochs(grain.MapDataset.source(rows).seed(1).random_map(shifted), given.batch_size, 2)

    def measure(state):
        time.sleep(given.nap)
        return train.evaluate(task, state, [held_out])

    example = {name: array[: given.batch_size] for name, array in held_out.items()}
    state = jax.jit(train.init, static_argnums=(0, 1))(task, tx, jax.random.key(0), example)
    with streaming.in_one_line():
        state = streaming.fit(
            task,
            tx,
            state,
            Paced(batches, given.pace),
            given.workdir,
            steps=given.steps,
            config={"rate": given.rate, "batch_size": given.batch_size},
            log_steps=given.log_steps,
            save_steps=given.save_steps,
            save_seconds=given.save_seconds,
            keep=given.keep,
            evaluation=streaming.Evaluation(measure, given.evaluation_steps, "accuracy"),
            allow_config_change=given.allow_config_change,
        )
    best = checkpoint.restore(given.workdir / "best", state)
    print(json.dumps({"state": params.digest(state), "best": params.digest(best.tree)}))


if __name__ == "__main__":
    sys.exit(main())
