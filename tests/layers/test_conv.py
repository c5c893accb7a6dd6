"""Convolution against PyTorch, XLA's own and its laws."""

import functools
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, signal

from jaxdl.layers.conv import Conv, ConvTranspose, output_size, receptive_field
from jaxdl.ops.convolution import convolve, convolve_transpose, flipped

KEY = jax.random.key(0)
# Strides, padding, dilation and groups of the goldens.
CASES = {
    "line": (2, [(1, 1)], 1, 1),
    "dilated_line": (1, [(2, 2)], 2, 2),
    "same": (1, "SAME", 1, 1),
    "strided": (2, [(1, 1), (0, 0)], 1, 1),
    "dilated": (1, "VALID", 2, 1),
    "grouped": (2, [(2, 2), (1, 1)], 1, 2),
    "depthwise": (1, "SAME", 1, 3),
}


def golden(case):
    """Renew with tests/goldens/make_conv.py (`make goldens`)."""
    with np.load(Path(__file__).parents[1] / "goldens/conv.npz") as file:
        prefix = case + "/"
        return {
            name.removeprefix(prefix): file[name] for name in file.files if name.startswith(prefix)
        }


def with_gradients(forward, x, kernel, dy):
    y, pull = jax.vjp(forward, x, kernel)
    return y, *pull(dy)


@pytest.fixture(scope="module")
def found():
    """Outputs and both gradients of all cases, compiled as one."""

    @jax.jit
    def all_cases(arrays):
        results = {}
        for name, (strides, padding, dilation, groups) in CASES.items():
            case = arrays[name]
            axes = case["x"].ndim - 2
            forward = functools.partial(
                convolve,
                strides=(strides,) * axes,
                padding=padding,
                dilation=(dilation,) * axes,
                groups=groups,
            )
            results[name] = with_gradients(forward, case["x"], case["kernel"], case["dy"])
        return results

    with jax.enable_x64(True):
        return jax.device_get(all_cases({name: golden(f"conv_{name}") for name in CASES}))


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_those_of_torch(name, found):
    arrays = golden(f"conv_{name}")
    for ours, part in zip(found[name], ("y", "dx", "dkernel"), strict=True):
        np.testing.assert_allclose(ours, arrays[part], rtol=1e-10, atol=1e-12, err_msg=part)


def test_paddings_that_pytorch_lacks_are_those_of_xla_with_their_gradients():
    """Strided SAME, and explicit padding of one side more than of the other."""
    # Size, window, stride, padding, dilation, groups.
    options = [
        (7, 3, 2, "SAME", 1, 1),
        (8, 3, 2, "SAME", 1, 1),
        (8, 2, 3, "SAME", 1, 1),
        (9, 4, 2, "SAME", 2, 2),
        (5, 3, 2, [(2, 0), (0, 3)], 1, 1),
    ]
    rng = np.random.default_rng(0)
    cases = [
        (rng.normal(size=(2, size, 6, 2)), rng.normal(size=(window, 3, 2 // groups, 4)))
        for size, window, *_, groups in options
    ]

    @jax.jit
    def compare(cases):
        results = []
        for (x, kernel), (_, _, stride, padding, dilation, groups) in zip(
            cases, options, strict=True
        ):
            ours = functools.partial(
                convolve,
                strides=(stride, 1),
                padding=padding,
                dilation=(dilation, 1),
                groups=groups,
            )
            theirs = functools.partial(
                jax.lax.conv_general_dilated,
                window_strides=(stride, 1),
                padding=padding,
                rhs_dilation=(dilation, 1),
                feature_group_count=groups,
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )
            dy = jnp.cos(ours(x, kernel))
            results.append([with_gradients(each, x, kernel, dy) for each in (ours, theirs)])
        return results

    with jax.enable_x64(True):
        results = compare(cases)
    for (mine, reference), (size, _, stride, padding, *_) in zip(results, options, strict=True):
        assert padding != "SAME" or mine[0].shape[1] == -(-size // stride)
        for ours, expected in zip(mine, reference, strict=True):
            np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-12)


def test_second_derivatives_are_those_of_xla_with_groups_too():
    """Padding wider than the window and inputs that strides leave out: gradients crop there."""
    # Size, window, stride, padding, groups.
    options = [
        ((6,), (3,), 1, [(3, 4)], 2),
        ((8,), (3,), 3, "VALID", 2),
        ((7, 5), (3, 2), 3, [(1, 0), (3, 1)], 4),
    ]
    rng = np.random.default_rng(0)
    cases = [
        (rng.normal(size=(2, *size, 4)), rng.normal(size=(*window, 4 // groups, 4)))
        for size, window, *_, groups in options
    ]

    def second(forward):
        def first(x, kernel):
            pulled = jax.grad(lambda *args: jnp.sin(forward(*args)).sum(), (0, 1))(x, kernel)
            return sum(jnp.vdot(jnp.cos(each), each) for each in pulled)

        return jax.grad(first, (0, 1))

    @jax.jit
    def compare(cases):
        results = []
        for (x, kernel), (size, _, stride, padding, groups) in zip(cases, options, strict=True):
            axes = "HW"[: len(size)]
            ours = functools.partial(
                convolve,
                strides=(stride,) * len(size),
                padding=padding,
                dilation=(1,) * len(size),
                groups=groups,
            )
            theirs = functools.partial(
                jax.lax.conv_general_dilated,
                window_strides=(stride,) * len(size),
                padding=padding,
                feature_group_count=groups,
                dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"),
            )
            results.append([second(each)(x, kernel) for each in (ours, theirs)])
        return results

    with jax.enable_x64(True):
        for (mine, reference), option in zip(compare(cases), options, strict=True):
            for ours, expected in zip(mine, reference, strict=True):
                scale = np.abs(expected).max()
                assert scale > 0
                np.testing.assert_allclose(ours, expected, atol=1e-11 * scale, err_msg=str(option))


def test_with_its_kernel_turned_round_it_is_the_convolution_of_scipy_and_commutes():
    """Of one channel, with all places at which the two meet: f * g = g * f."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(5, 4)), rng.normal(size=(3, 2))

    @jax.jit
    def both(one, other):
        def full(image, kernel):
            sides = [(size - 1, size - 1) for size in kernel.shape]
            once = (1, 1)
            return convolve(
                image[None, :, :, None], flipped(kernel[..., None, None]),
                strides=once, padding=sides, dilation=once,
            )[0, ..., 0]  # fmt: skip

        return full(one, other), full(other, one)

    with jax.enable_x64(True):
        for found in both(one, other):
            np.testing.assert_allclose(found, signal.convolve2d(one, other), rtol=1e-12)


@pytest.mark.parametrize("window", [(3, 3), (5, 2), (1, 7)])
def test_edges_go_on_with_their_values_as_in_scipy(window):
    """The kernel's middle is where scipy has it; wider windows than the image too."""
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(4, 5)), rng.normal(size=window)
    layer = Conv(1, window, padding="EDGE", use_bias=False)

    @jax.jit
    def found(image, kernel):
        def forward(image):
            params = {"kernel": kernel[..., None, None]}
            return layer.apply({"params": params}, image[None, ..., None])[0, ..., 0]

        y, pull = jax.vjp(forward, image)
        return y, jnp.vdot(y, y), jnp.vdot(pull(y)[0], image)

    with jax.enable_x64(True):
        y, squares, pulled = found(image, kernel)
    origin = tuple(-1 if size % 2 == 0 else 0 for size in window)
    expected = ndimage.correlate(image, kernel, mode="nearest", origin=origin)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    # It is linear in the image: ⟨Cx, y⟩ = ⟨x, Cᵀy⟩.
    np.testing.assert_allclose(squares, pulled, rtol=1e-12)


def test_a_strided_edge_has_as_many_positions_as_same():
    for size, window, stride in [(7, 3, 2), (8, 2, 3), (5, 3, 3), (6, 1, 2)]:
        shapes = {
            jax.eval_shape(
                lambda x, p=padding, w=window, s=stride: convolve(
                    x, jnp.ones((w, 1, 1)), strides=(s,), padding=p, dilation=(1,)
                ),
                jnp.ones((1, size, 1)),
            ).shape
            for padding in ("SAME", "EDGE")
        }
        assert shapes == {(1, -(-size // stride), 1)}


def test_a_transposed_convolution_is_that_of_torch():
    arrays = golden("transposed")
    layer = ConvTranspose(2, (4, 4), strides=2)
    bias = np.array([3.0, -4.0])
    with jax.enable_x64(True):
        variables = {"params": {"kernel": arrays["kernel"], "bias": bias}}
        x = jax.jit(layer.apply)(variables, arrays["y"])
    np.testing.assert_allclose(x, arrays["x"] + bias, rtol=1e-10, atol=1e-12)


def test_convolution_and_its_transpose_are_adjoint():
    """⟨Cx, y⟩ = ⟨x, Cᵀy⟩, with strides that do not divide the sizes."""
    cases = [((7, 6), (3, 4), (2, 3)), ((9,), (5,), (2,))]

    rng = np.random.default_rng(0)
    arrays = [
        (rng.normal(size=(2, *sizes, 3)), rng.normal(size=(*window, 3, 4)))
        for sizes, window, _ in cases
    ]

    @jax.jit
    def products(arrays):
        results = []
        for (x, kernel), (sizes, _, strides) in zip(arrays, cases, strict=True):
            forward = convolve(x, kernel, strides=strides, dilation=(1,) * len(sizes))
            y = jnp.cos(forward)
            back = convolve_transpose(y, kernel, sizes, strides)
            results.append((jnp.vdot(forward, y), jnp.vdot(x, back)))
        return results

    with jax.enable_x64(True):
        for forward, back in products(arrays):
            np.testing.assert_allclose(forward, back, rtol=1e-10)


def test_the_transposed_layer_multiplies_the_size_and_keeps_the_scale():
    """An initializer counts the inputs of one output, 9 · 32 of them, whatever goes out."""
    y = jax.random.normal(KEY, (4, 8, 6, 32))
    init = jax.jit(lambda layer: layer.init_with_output(KEY, y)[0], static_argnums=0)
    assert init(ConvTranspose(3, (3, 3), strides=2)).shape == (4, 16, 12, 3)
    x = init(ConvTranspose(8, (3, 3), kernel_init=nn.initializers.he_normal()))[:, 1:-1, 1:-1]
    assert 1.6 < float(x.var()) < 2.4  # he_normal doubles the variance, for a ReLU to halve it


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        ((32, 5), 28),  # two lost on each side
        ((28, 5, 1, 4), 28),
        ((7, 3, 2), 3),
        ((8, 3, 2), 3),
        ((224, 7, 2, 6), 112),
        ((10, 3, 1, 0, 2), 6),
        ((5, 5), 1),
    ],
)
def test_output_sizes_by_hand(arguments, size):
    assert output_size(*arguments) == size


def test_output_size_is_the_shape_that_comes_out():
    x = jnp.ones((1, 11, 1))
    for window, stride, padding, dilation in [(3, 1, 0, 1), (4, 2, 3, 1), (3, 3, 2, 2)]:
        shape = jax.eval_shape(
            lambda x, w=window, s=stride, p=padding, d=dilation: convolve(
                x, jnp.ones((w, 1, 1)), strides=(s,), padding=[(0, p)], dilation=(d,)
            ),
            x,
        ).shape
        assert shape[1] == output_size(11, window, stride, padding, dilation)


def test_a_window_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match="spans 5 does not fit into 3 \\+ 1"):
        output_size(3, 3, padding=1, dilation=2)


@pytest.mark.parametrize(
    ("layers", "field"),
    [
        ([], 1),
        ([(3, 1, 1)], 3),
        ([(3, 1, 1), (3, 1, 1)], 5),
        ([(3, 1, 1), (2, 2, 1), (3, 1, 1), (2, 2, 1)], 10),
        ([(2, 1, 1), (2, 1, 2), (2, 1, 4)], 8),
    ],
)
def test_receptive_fields_by_hand(layers, field):
    assert receptive_field(layers) == field


def test_the_receptive_field_is_where_the_gradient_is_not_zero():
    layers = [(3, 1, 1), (2, 2, 1), (3, 1, 2)]

    @jax.jit
    @jax.grad
    def middle(x):
        for window, stride, dilation in layers:
            kernel = jnp.ones((window, 1, 1))
            x = convolve(x, kernel, strides=(stride,), padding="VALID", dilation=(dilation,))
        return x[0, x.shape[1] // 2, 0]

    touched = np.flatnonzero(middle(jnp.ones((1, 40, 1))))
    assert touched[-1] - touched[0] + 1 == receptive_field(layers) == 12


@pytest.mark.parametrize("stride", [1, 2])
def test_it_commutes_with_translation(stride):
    """Away from the border: shifted inputs give shifted outputs, by half as much at stride 2."""

    @jax.jit
    def both(x, kernel):
        function = functools.partial(
            convolve, strides=(stride, stride), padding="VALID", dilation=(1, 1)
        )
        return function(x, kernel), function(jnp.roll(x, (2, 4), (1, 2)), kernel)

    x = jax.random.normal(KEY, (1, 12, 12, 2))
    y, moved = both(x, jax.random.normal(jax.random.key(1), (3, 3, 2, 4)))
    down, right = 2 // stride, 4 // stride
    np.testing.assert_allclose(moved[:, down:, right:], y[:, :-down, :-right], atol=1e-5)
    assert not np.allclose(moved, y, atol=0.1)


def test_groups_do_not_see_one_another_and_the_bias_is_added():
    x = jax.random.normal(KEY, (1, 5, 5, 4))
    params = jax.jit(Conv(6, (3, 3), groups=2).init)(KEY, x)["params"]
    assert params["kernel"].shape == (3, 3, 2, 6)
    bias = jnp.arange(6.0)

    @jax.jit
    def both(params, x):
        biased = Conv(6, (3, 3), groups=2).apply({"params": {**params, "bias": bias}}, x)
        plain = Conv(6, (3, 3), groups=2, use_bias=False)
        y, pull = jax.vjp(lambda x: plain.apply({"params": {"kernel": params["kernel"]}}, x), x)
        first_group = jnp.zeros_like(y).at[..., :3].set(1)
        return biased - y, pull(first_group)[0]

    difference, gradient = both(params, x)
    np.testing.assert_allclose(difference, np.broadcast_to(bias, difference.shape), atol=1e-5)
    assert (gradient[..., 2:] == 0).all()
    assert (gradient[..., :2] != 0).all()


def test_lanes_give_what_a_loop_gives():
    """Over kernels: `vmap`, `lax.map` and one after another, with gradients."""

    def lane(x, kernel):
        function = functools.partial(convolve, strides=(2, 2), dilation=(1, 1))
        y, pull = jax.vjp(function, x, kernel)
        return y, *pull(jnp.cos(y))

    @jax.jit
    def three_ways(x, kernels):
        single = [lane(x, kernel) for kernel in kernels]
        return (
            jax.tree.map(lambda *each: jnp.stack(each), *single),
            jax.vmap(lane, (None, 0))(x, kernels),
            jax.lax.map(lambda kernel: lane(x, kernel), kernels),
        )

    x = jax.random.normal(KEY, (2, 6, 6, 2))
    expected, *others = three_ways(x, jax.random.normal(jax.random.key(1), (2, 3, 3, 2, 4)))
    for found in others:
        for ours, each in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, each, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("layer", [Conv(4, (3, 3)), ConvTranspose(4, (3, 3))])
def test_another_rank_is_refused(layer):
    with pytest.raises(ValueError, match=r"\(5, 5, 2\)"):
        layer.init(KEY, jnp.ones((5, 5, 2)))


def test_channels_that_groups_do_not_divide_are_refused():
    with pytest.raises(ValueError, match=r"2 groups .* 3 channels"):
        Conv(4, (3, 3), groups=2).init(KEY, jnp.ones((1, 5, 5, 3)))


@pytest.mark.parametrize("padding", ["same", "REFLECT"])
def test_a_padding_of_another_name_is_refused(padding):
    with pytest.raises(ValueError, match=f"padding '{padding}': SAME, VALID, EDGE, or"):
        Conv(4, (3, 3), padding=padding).init(KEY, jnp.ones((1, 5, 5, 3)))


def test_gradients_of_more_images_than_are_taken_together():
    """19 images, and windows that leave over the end of both axes."""
    keys = jax.random.split(KEY)
    x, kernel = jax.random.normal(keys[0], (19, 9, 8, 3)), jax.random.normal(keys[1], (2, 2, 3, 5))
    dimensions = ("NHWC", "HWIO", "NHWC")

    def by_xla(x, kernel):
        return jax.lax.conv_general_dilated(
            x, kernel, (3, 3), "VALID", dimension_numbers=dimensions
        )

    forward = functools.partial(convolve, strides=(3, 3), padding="VALID", dilation=(1, 1))
    dy = by_xla(x, kernel) + 1
    for ours, theirs in zip(
        with_gradients(forward, x, kernel, dy), with_gradients(by_xla, x, kernel, dy), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("examples", [0, 2])
def test_gradients_where_no_window_sees_anything(examples):
    """Both positions lie in the padding; or there are no images."""
    x, kernel = jnp.ones((examples, 10, 2)), jnp.ones((3, 2, 4))
    forward = functools.partial(convolve, strides=(20,), padding=((24, 0),), dilation=(1,))
    y, dx, dkernel = with_gradients(forward, x, kernel, jnp.ones((examples, 2, 4)))
    assert (y.shape, dx.shape) == ((examples, 2, 4), x.shape)
    np.testing.assert_array_equal(dkernel, np.zeros((3, 2, 4)))
