"""Operations worked by hand."""

import jax
import jax.numpy as jnp

from jaxdl.operations import counted


def test_a_loop_counts_in_all_of_its_turns_and_a_convolution_by_its_kernel():
    def run(x, w):
        x = jax.lax.scan(lambda x, _: (jnp.tanh(x @ w), None), x, length=7)[0]
        return jax.checkpoint(lambda x: x @ w)(x)

    traced = jax.jit(run).trace(jnp.zeros((2, 3)), jnp.zeros((3, 3)))
    assert counted(traced.jaxpr) == 8 * 2 * 2 * 3 * 3
    image, kernel = jnp.zeros((2, 6, 6, 3)), jnp.zeros((3, 3, 3, 5))
    conv = jax.jit(lambda x, w: jax.lax.conv_general_dilated(
        x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )).trace(image, kernel)  # fmt: skip
    assert counted(conv.jaxpr) == 2 * (2 * 4 * 4 * 5) * (3 * 3 * 3)


def test_of_branches_the_longest_counts_and_of_an_open_loop_one_turn():
    def run(x, w, flag):
        x = jax.lax.cond(flag, lambda x: x @ w @ w, lambda x: x @ w, x)
        return jax.lax.while_loop(lambda x: x.sum() < 9, lambda x: x @ w, x)

    program = jax.make_jaxpr(run)(jnp.zeros((2, 3)), jnp.zeros((3, 3)), True)
    assert counted(program.jaxpr) == 3 * 2 * 2 * 3 * 3
