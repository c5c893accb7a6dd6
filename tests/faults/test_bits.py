"""Equal trials have equal bits, on a machine that is busy: rows, replays, resumes, kept states.

The programs begin with a long loop of small steps, which fills the queues of XLA's workers on CPU:
what is wrong then, without a worker to spare, are the convolutions that follow.
"""

import contextlib
import subprocess
import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import sweep, tasks
from jaxdl.data.batches import padded_batches
from jaxdl.layers.attention import Additive, Soft
from jaxdl.layers.recurrent import RNN
from jaxdl.models import CNN
from jaxdl.optimizers import adam

SEGMENTS, LOOP = 2, 3000
RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 14, 14, 8)).astype(np.float32)
Y = (X[:, :7].mean(axis=(1, 2, 3)) > X[:, 7:].mean(axis=(1, 2, 3))).astype(np.int32)
DATA = {
    "train": {"x": X[:64], "y": Y[:64]},
    "validation": padded_batches({"x": X[64:], "y": Y[64:]}, 16),
}
TRIALS = sweep.trials(["a"], sweep.grid(learning_rate=[1e-3, 3e-3]), [0])


class Recurrent(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        _, states = RNN(64)(x.reshape(len(x), 14, -1))
        return nn.Dense(2)(states[:, -1])


class Attending(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        states = nn.Dense(64)(x.reshape(len(x), 14, -1))
        soft = Soft(Additive(64))
        memory = soft.remember(states, jnp.ones(states.shape[:2]))
        _, context, _ = soft((), states.mean(axis=1), memory)
        return nn.Dense(2)(context)


MODELS = {
    "convolutional": CNN(((64,), (32,)), 2, (16,), dropout=0.4),
    "recurrent": Recurrent(),
    "attention": Attending(),
}


def run_of(model):
    inner = sweep.make_run(
        lambda h: (tasks.classification(model), adam(h["learning_rate"])), steps=2, batch_size=16
    )

    def advance(hparams, state, data):
        body = lambda _, z: jnp.tanh(z * 1.01) + jnp.sin(z)  # noqa: E731
        filled = jax.lax.fori_loop(0, LOOP, body, jnp.full((128, 512), hparams["learning_rate"]))
        rate = jnp.where(jnp.isnan(filled).any(), jnp.nan, hparams["learning_rate"])
        return inner.advance({"learning_rate": rate}, state, data)

    return inner._replace(advance=advance)


@contextlib.contextmanager
def load():
    """A process that keeps a core busy."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def same_bits(ours, theirs):
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert one.dtype == other.dtype
        assert jnp.array_equal(one, other)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_rows_replays_resumes_and_states_are_equal_under_load(tmp_path, model):
    programs = {"a": run_of(model)}
    options = {"segments": SEGMENTS, "keep_states": True}
    with load():
        whole = sweep.execute(programs, TRIALS, DATA, workdir=tmp_path / "whole", **options)
        with pytest.raises(sweep.Interrupted):
            sweep.execute(
                programs, TRIALS, DATA, workdir=tmp_path / "again", stop=lambda: True, **options
            )
        again = sweep.execute(programs, TRIALS, DATA, workdir=tmp_path / "again", **options)
        assert again.rows == whole.rows
        np.testing.assert_array_equal(again.curves()["loss"], whole.curves()["loss"])
        for trial, row in zip(TRIALS, whole.rows, strict=True):
            kept = sweep.kept_state(tmp_path / "again", programs["a"], trial, row, DATA)
            lanes = row["lanes"]
            replayed = sweep.replay(
                programs["a"], trial, DATA, segments=SEGMENTS, lanes=lanes, row=row
            )
            same_bits(kept, replayed)
