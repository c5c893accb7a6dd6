import jax
import pytest

from experiments import backprop_cost
from jaxdl.models import MLP


@pytest.mark.parametrize(("depth", "width"), [(1, 3), (3, 5)])
def test_parameters_are_counted_as_flax_has_them(depth, width):
    x = jax.numpy.zeros((1, 8, 8, 1))
    model = MLP((width,) * depth, 10)
    shapes = jax.eval_shape(lambda key: model.init(key, x, train=False), jax.random.key(0))
    counted = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    assert backprop_cost.parameter_count(depth, width) == counted


def test_a_count_beyond_int32_is_exact():
    width = 2**16
    expected = 65 * width + (width + 1) * width + (width + 1) * 10
    assert backprop_cost.parameter_count(2, width) == expected
