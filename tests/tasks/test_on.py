import jax
import numpy as np

from jaxdl import tasks
from jaxdl.models import MLP

RNG = np.random.default_rng(0)


def test_a_task_sees_what_is_chosen_of_a_batch():
    x = RNG.normal(size=(4, 6)).astype(np.float32)
    batch = {"x": x, "y": np.arange(8).reshape(4, 2) % 3}
    plain = tasks.classification(MLP((), 3))
    second = {"x": x[:, 3:], "y": batch["y"][:, 1]}
    task = tasks.on(lambda all_: {"x": all_["x"][:, 3:], "y": all_["y"][:, 1]}, plain)
    key = jax.random.key(0)

    @jax.jit
    def both():
        params, state = task.init(key, batch)
        return [
            (
                each.predict(params, state, given),
                each.loss(params, state, given, key, train=True)[0],
            )
            for each, given in ((task, batch), (plain, second))
        ]

    (outputs, found), (expected_outputs, expected) = both()
    np.testing.assert_array_equal(outputs, expected_outputs)
    assert float(found) == float(expected)
