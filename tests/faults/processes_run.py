"""A small training run over all devices of all processes of a job.

Batch norm, dropout, Adam and the last gradients; the state is split over the devices. It goes on
from the newest checkpoint, saves after the steps 1, 2, 3, 4, 8, 12, ... and prints a hash of each
state that it saves, restores or ends with. It exits with 75 after SIGTERM.
"""

import hashlib
import time

import flax.linen as nn
import jax
import numpy as np
import optax
from jax.sharding import Mesh

from jaxdl import checkpoint, distributed, parallel, tasks
from jaxdl.layers import BatchNorm, Dropout

EVERY = 4


class Network(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        h = BatchNorm()(nn.Dense(128)(x), train=train)
        return nn.Dense(3)(Dropout(0.3)(nn.relu(h), train=train))


TASK = tasks.classification(Network())
TX = optax.chain(optax.trace(0.0), optax.adam(0.01))  # the first keeps the gradients
SEED = 0


def batch(step):
    """The whole batch of a step, in every process."""
    rng = np.random.default_rng(step)
    x = rng.normal(size=(16, 64)).astype(np.float32)
    mask = rng.integers(0, 3, 16).astype(np.float32)
    return {"x": x, "y": rng.integers(0, 3, 16).astype(np.int32), "mask": mask}


def sha256(tree):
    """Of all leaves of a tree on the host."""
    hashed = hashlib.sha256()
    for leaf in jax.tree.leaves(tree._replace(key=jax.random.key_data(tree.key))):
        hashed.update(np.ascontiguousarray(leaf).tobytes())
    return hashed.hexdigest()


def tell(word, state, workdir=None):
    """Prints the hash of a state that all processes hold; process 0 saves it in a workdir."""
    held = distributed.gathered(state)
    if held is not None:
        if workdir is not None:
            checkpoint.save(workdir, int(held.step), held)
        print(word, held.step, sha256(held), flush=True)


def trained(workdir, steps, wait=0.0, stuck=600.0):
    """Trains on all devices up to a step; the exit code.

    wait: seconds that a step takes at least. stuck: those of the watchdog.
    """
    mesh = Mesh(np.array(jax.devices()), ("data",))
    spread = parallel.data_parallel(TASK, TX, mesh, parallel.sharded)
    state = spread.init(jax.random.key(SEED), batch(0))
    found = checkpoint.restore(workdir, state)
    if found is not None:
        state = found.tree
        tell("restored", state)
    jax.block_until_ready(spread.step(state, batch(0)))  # compiled before the watchdog looks
    with distributed.watchdog(stuck) as alive:
        for step in range(int(state.step) + 1, steps + 1):
            state, _ = spread.step(state, batch(step))
            jax.block_until_ready(state)
            alive()
            time.sleep(wait)
            stops = distributed.stopping()
            if stops or step < EVERY or step % EVERY == 0:
                tell("saved", state, workdir)
            if stops:
                return 75
    tell("ended", state)
    return 0
