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
    params, state = task.init(key, batch)
    np.testing.assert_array_equal(
        task.predict(params, state, batch), plain.predict(params, state, second)
    )
    found, expected = (
        each.loss(params, state, given, key, train=True)[0]
        for each, given in ((task, batch), (plain, second))
    )
    assert float(found) == float(expected)
