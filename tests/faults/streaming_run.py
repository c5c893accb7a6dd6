"""Training on a stream of digits, as a program that tests kill: the last line tells the end's bits.

    python tests/faults/streaming_run.py WORKDIR --steps=400 --save_steps=20 ...

A perceptron with batch norm and dropout on digits that are shifted at random, batch by batch, by a
grain pipeline. The same command goes on where it was killed. Exit codes as everywhere: 0 done, 1
failed, 2 a mistake of the user's, 75 interrupted and to be resumed by the same command.

With `--spread` it trains over all devices of all processes, each of which is started with the same
command, and reads its own rows of each batch.
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
from jax.sharding import Mesh

from jaxdl import checkpoint, distributed, parallel, params, quiet, streaming, tasks, train
from jaxdl.data.batches import epochs
from jaxdl.layers import BatchNorm, Dropout

with quiet.absl(logging.WARNING):
    import grain


class Net(nn.Module):
    """Two hidden layers, with running statistics and with noise."""

    width: int = 32

    @nn.compact
    def __call__(self, x, *, train):
        x = x.reshape(len(x), -1)
        for _ in range(2):
            x = nn.Dense(self.width)(x)
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


def arguments(given):
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
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--spread", action="store_true", help="over all devices and processes")
    parser.add_argument("--allow_config_change", action="store_true")
    return parser.parse_args(given)


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


def main(workdir=None, *options):
    given = arguments([str(workdir), *options] if workdir else None)
    # What a shell starts in the background ignores SIGINT, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if given.slow_disk:
        checkpoint.save = slow(checkpoint.save, given.slow_disk)
    images, labels = digits()
    rows = [{"x": x, "y": y} for x, y in zip(images[:1500], labels[:1500], strict=True)]
    held_out = {"x": images[1500:], "y": labels[1500:]}
    task, tx = tasks.classification(Net(given.width)), optax.sgd(given.rate, momentum=0.9)
    source = grain.MapDataset.source(rows).seed(1).random_map(shifted)

    def measure(state):
        time.sleep(given.nap)
        return train.evaluate(task, state, [held_out])

    example = {name: array[: given.batch_size] for name, array in held_out.items()}
    if given.spread:
        mesh = Mesh(np.array(jax.devices()), ("data",))
        step = parallel.StepOver(mesh, parallel.sharded)
        state = step.init(task, tx, jax.random.key(0), example)
        mine = parallel.rows_here(mesh, given.batch_size)
        batches = parallel.Joined(mesh, epochs(source, given.batch_size, 2, rows=mine))
    else:
        step, batches = train.step, epochs(source, given.batch_size, 2)
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
            step=step,
            allow_config_change=given.allow_config_change,
        )
    held = distributed.gathered(state)
    if held is not None:
        best = checkpoint.restore(given.workdir / "best", held)
        print(json.dumps({"state": params.digest(held), "best": params.digest(best.tree)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
