"""Initializers of weights `[..., n_in, n_out]`; `switch` picks one by a traced index.

Leading axes are the receptive field of a convolution: fan_in is its size times n_in, fan_out its
size times n_out.
Every initializer is a standard draw times a scale, and every draw but the choice of `sparse` is a
function of the same uniform noise. So `switch` compiles one random stream and a few cheap
branches, and gives what the chosen initializer alone would give for the same key.
Where a layer keeps several matrices side by side in one parameter, as the gates of a recurrent
cell, `side_by_side` lets an initializer see each of them alone.
`lsuv` and `fixup` act on the params of a model that has been drawn, so that they take any model.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.module import InterceptorContext
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.typing import ArrayLike, DTypeLike

from jaxdl.numerics import wide
from jaxdl.params import scaled
from jaxdl.types import Array, Batch, PyTree, Task

_SCALES = "lsuv"
Initializer = Callable[..., Array]
"""`(key, shape, dtype=float32) -> Array`, as Flax's `kernel_init` takes it."""

_TRUNCATED_STDDEV = 0.87962566103423978  # of a standard normal cut at ±2


@dataclasses.dataclass(frozen=True)
class Scaled:
    """An initializer: `draw` from uniform noise times `scale`, as `(key, shape, dtype) -> Array`.

    draw: `(key, noise) -> Array` of the shape of `noise`, which is uniform in [0, 1)
    scale: `shape -> scalar`, possibly traced
    Numbers narrower than float32 are drawn in float32 and rounded once.
    """

    draw: Callable[[Array, Array], Array]
    scale: Callable[[Sequence[int]], ArrayLike]

    def __call__(self, key: Array, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
        noise = _noise(key, shape, dtype)
        return (self.draw(key, noise) * self.scale(shape)).astype(dtype)


def _noise(key: Array, shape: Sequence[int], dtype: DTypeLike) -> Array:
    # The flat stream holds the same numbers as one drawn in `shape` and compiles 2.5 times faster.
    wide = jnp.promote_types(dtype, jnp.float32)
    return jax.random.uniform(key, (math.prod(shape),), wide).reshape(shape)


def _ones(key: Array, noise: Array) -> Array:
    return jnp.ones_like(noise)


def _uniform(key: Array, noise: Array) -> Array:
    return 2 * noise - 1


def _normal(key: Array, noise: Array) -> Array:
    lowest = jnp.nextafter(jnp.array(-1, noise.dtype), jnp.array(0, noise.dtype))
    return math.sqrt(2) * jax.lax.erf_inv(jnp.maximum(noise * (1 - lowest) + lowest, lowest))


def _truncated_normal(key: Array, noise: Array) -> Array:
    edge = math.erf(2 / math.sqrt(2))
    return jnp.clip(math.sqrt(2) * jax.lax.erf_inv(noise * (2 * edge) - edge), -2, 2)


def _orthogonal(key: Array, noise: Array) -> Array:
    _require_matrix(noise.shape)
    rows, columns = math.prod(noise.shape[:-1]), noise.shape[-1]
    tall = _normal(key, noise).reshape(max(rows, columns), min(rows, columns))
    q, r = _one_at_a_time(lambda matrix: tuple(jnp.linalg.qr(matrix)))(tall)
    # QR leaves the signs to the algorithm; a positive diagonal of R makes Q Haar distributed.
    q = q * jnp.where(jnp.diagonal(r) < 0, -1, 1).astype(q.dtype)[None, :]
    return (q if rows >= columns else q.T).reshape(noise.shape)


def _one_at_a_time(draw: Callable[[Array], PyTree]) -> Callable[[Array], PyTree]:
    """`draw`, of which `jax.vmap` makes a loop on CPU.

    There jaxlib 0.10.2 hands the matrices of one factorization to the workers that run programs,
    and waits: when all of them wait, nobody is left to work.
    """
    if jax.default_backend() != "cpu":
        return draw
    return jax.custom_batching.sequential_vmap(draw)


def _identity(key: Array, noise: Array) -> Array:
    _require_matrix(noise.shape)
    *field, n_in, n_out = noise.shape
    centre = tuple((size - 1) // 2 for size in field)
    return jnp.zeros_like(noise).at[centre].set(jnp.eye(n_in, n_out, dtype=noise.dtype))


def _sparse(key: Array, noise: Array, connections: int) -> Array:
    _require_matrix(noise.shape)
    fan_in, n_out = math.prod(noise.shape[:-1]), noise.shape[-1]
    lots = _noise(jax.random.fold_in(key, 1), (n_out, fan_in), noise.dtype)
    _, chosen = jax.lax.top_k(lots, min(connections, fan_in))
    kept = jnp.zeros_like(lots).at[jnp.arange(n_out)[:, None], chosen].set(1)
    return _normal(key, noise) * kept.T.reshape(noise.shape)


def _require_matrix(shape: Sequence[int]) -> None:
    if len(shape) < 2:
        raise ValueError(f"this initializer needs a shape [..., n_in, n_out], got {tuple(shape)}")


def _fans(shape: Sequence[int]) -> tuple[int, int]:
    _require_matrix(shape)
    *field, n_in, n_out = shape
    return n_in * math.prod(field), n_out * math.prod(field)


def _over_fan_in(gain: float) -> Callable[[Sequence[int]], float]:
    """Scale √(gain / fan_in)."""
    return lambda shape: math.sqrt(gain / _fans(shape)[0])


def _over_mean_fan(gain: float) -> Callable[[Sequence[int]], float]:
    """Scale √(gain / mean of fan_in and fan_out)."""
    return lambda shape: math.sqrt(gain * 2 / sum(_fans(shape)))


def constant(value: ArrayLike) -> Scaled:
    """Every weight is `value`."""
    return Scaled(_ones, lambda shape: value)


def normal(stddev: ArrayLike) -> Scaled:
    """N(0, stddev²)."""
    return Scaled(_normal, lambda shape: stddev)


def uniform(limit: ArrayLike) -> Scaled:
    """U[-limit, limit), of variance limit² / 3."""
    return Scaled(_uniform, lambda shape: limit)


def truncated_normal(stddev: ArrayLike) -> Scaled:
    """N(0, stddev²) cut at ±2·stddev, so that its own standard deviation is 0.8796·stddev."""
    return Scaled(_truncated_normal, lambda shape: stddev)


def sparse(connections: int) -> Scaled:
    """`connections` incoming weights of each unit are N(0, 1), the others zero (Martens, 2010).

    A unit with fewer inputs than that is dense.
    """
    return Scaled(functools.partial(_sparse, connections=connections), lambda shape: 1.0)


zeros = constant(0.0)
"""Every weight is 0."""
normal_fan_in = Scaled(_normal, _over_fan_in(1.0))
"""N(0, 1 / fan_in)."""
lecun_normal = Scaled(_truncated_normal, _over_fan_in(1 / _TRUNCATED_STDDEV**2))
"""Variance 1 / fan_in, truncated normal (LeCun et al., 1998)."""
xavier_uniform = Scaled(_uniform, _over_mean_fan(3.0))
"""Variance 2 / (fan_in + fan_out), uniform (Glorot & Bengio, 2010)."""
xavier_normal = Scaled(_truncated_normal, _over_mean_fan(1 / _TRUNCATED_STDDEV**2))
"""Variance 2 / (fan_in + fan_out), truncated normal (Glorot & Bengio, 2010)."""
he_uniform = Scaled(_uniform, _over_fan_in(6.0))
"""Variance 2 / fan_in, uniform (He et al., 2015)."""
he_normal = Scaled(_truncated_normal, _over_fan_in(2 / _TRUNCATED_STDDEV**2))
"""Variance 2 / fan_in, truncated normal (He et al., 2015)."""
orthogonal = Scaled(_orthogonal, lambda shape: 1.0)
"""Haar distributed: orthonormal columns of `[fan_in, n_out]`, or rows if these are fewer
(Saxe et al., 2014)."""
identity = Scaled(_identity, lambda shape: 1.0)
"""The unit matrix, for recurrent weights (Le et al., 2015); at the centre of a convolution."""

INITIALIZERS: dict[str, Scaled] = {
    "zeros": zeros,
    "constant": constant(0.1),
    "small_normal": normal(0.01),
    "large_normal": normal(1.0),
    "normal_fan_in": normal_fan_in,
    "uniform": uniform(0.05),
    "truncated_normal": truncated_normal(0.02),
    "lecun_normal": lecun_normal,
    "xavier_uniform": xavier_uniform,
    "xavier_normal": xavier_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "orthogonal": orthogonal,
    "identity": identity,
    "sparse": sparse(15),
}


def side_by_side(init: Initializer, parts: int) -> Initializer:
    """Initializer of `[..., n_in, parts · n_out]`: equal matrices side by side, each drawn alone.

    Fans, orthogonality and the unit matrix are those of `[..., n_in, n_out]`, and every part has a
    key of its own. On CPU they are drawn one after another.
    """

    def each(key: Array, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
        *rest, width = shape
        if width % parts:
            raise ValueError(f"{parts} equal matrices do not fill {tuple(shape)}")

        draw = _one_at_a_time(lambda key: init(key, (*rest, width // parts), dtype))
        if parts == 1:
            return draw(key)
        return jax.vmap(draw, out_axes=-2)(jax.random.split(key, parts)).reshape(shape)

    return each


def switch(index: ArrayLike, names: Sequence[str] = tuple(INITIALIZERS)) -> Initializer:
    """The initializer `names[index]`, for an integer scalar `index` that may be traced.

    An index past either end is clamped: check it on the host. The shape must suit all the names.
    Raises KeyError for a name that is not in `INITIALIZERS`.
    """
    chosen = [INITIALIZERS[name] for name in names]
    draws = list(dict.fromkeys(initializer.draw for initializer in chosen))
    branches = [draws.index(initializer.draw) for initializer in chosen]

    def init(key: Array, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
        noise = _noise(key, shape, dtype)
        at = jnp.clip(jnp.asarray(index), 0, len(chosen) - 1)
        scale = jnp.array([initializer.scale(shape) for initializer in chosen], noise.dtype)[at]
        drawn = jax.lax.switch(jnp.array(branches)[at], draws, key, noise)
        return (drawn * scale).astype(dtype)

    return init


def lsuv(task: Task, params: PyTree, model_state: PyTree, batch: Batch, key: Array) -> PyTree:
    """`params` by which the outputs of every layer have variance 1 on a batch, in training.

    Layer-sequential unit variance: Mishkin & Matas 2015, https://arxiv.org/abs/1511.06422. Layer
    after layer W ← W / σ, with σ the standard deviation of what the layer makes of the outputs of
    those before it; their orthonormal W is `orthogonal`. One pass is exact, since a layer, a module
    with a parameter `kernel`, is linear in that and in its `bias`, which is divided too. Of a layer
    that is called more than once the first call counts. Outputs that are all equal, and modules
    inside a lifted loop (`nn.scan`), stay as they are. Works under jit.
    Raises ValueError where no layer is seen, as when a task gives no collections back.
    """

    def divide(
        call: Callable[..., Any],
        arguments: tuple[Any, ...],
        options: dict[str, Any],
        context: InterceptorContext,
    ) -> Any:
        outputs, module = call(*arguments, **options), context.module
        is_layer = context.method_name == "__call__" and module.has_variable("params", "kernel")
        if not is_layer or not isinstance(outputs, jax.Array):
            return outputs
        size = jnp.std(wide(outputs)[0])
        scale = 1 / jnp.where(size > 0, size, 1)
        kept = {"init_fn": lambda: scale, "reduce_fn": lambda first, _: first}
        if not module.sow(_SCALES, "scale", scale, **kept):
            return outputs
        return (outputs * module.get_variable(_SCALES, "scale")).astype(outputs.dtype)

    with nn.intercept_methods(divide):
        state = {**model_state, _SCALES: {}}
        _, (state, _) = task.loss(params, state, batch, key, train=True)
    scales = flatten_dict(state.get(_SCALES, {}))
    if not scales:
        raise ValueError("lsuv: no layer with a kernel is seen, or the task keeps them to itself")
    leaves = flatten_dict(params)
    for (*module, _), scale in scales.items():
        for path in ((*module, "kernel"), (*module, "bias")):
            if path in leaves:
                leaves[path] = (leaves[path] * scale).astype(leaves[path].dtype)
    return unflatten_dict(leaves)


def fixup(params: PyTree, *, inner: str, last: str, blocks: int, layers: int) -> PyTree:
    """`params` by which a deep residual network trains without normalization.

    Zhang, Dauphin & Ma 2019, https://arxiv.org/abs/1901.09321: kernels inside residual branches
    times blocks^(−1 / (2 · layers − 2)), after He's draw, and the last of each branch 0, as that of
    the classifier. Their scalar biases and multipliers are the model's.
    inner, last: regular expressions of the paths; where both match, `last` counts.
    blocks: residual branches of the network. layers: of each branch, two or more.
    Raises ValueError for other counts, and where no path matches.
    """
    if blocks < 1 or layers < 2:
        raise ValueError(
            f"fixup takes one block or more of two layers or more, not {blocks} of {layers}"
        )
    return scaled(scaled(params, inner, blocks ** (-1 / (2 * layers - 2))), last, 0)
