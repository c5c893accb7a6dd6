"""What dropout does to a model."""

import jax
import numpy as np

KEY = jax.random.key(0)


def alike(model, x, train):
    """Whether two keys of dropout give the same outputs."""

    @jax.jit
    def run():
        variables = model.init(KEY, x, train=False)
        return [
            model.apply(variables, x, train=train, rngs={"dropout": jax.random.key(seed)})
            for seed in (1, 2)
        ]

    return np.array_equal(*run())
