"""Diagnostics of training: signals, gradients, bias and variance.

Glorot & Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html (activations and gradients by
layer); Pascanu, Mikolov & Bengio 2013, https://arxiv.org/abs/1211.5063 (gradients through time).
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import pandas
from flax.linen.module import InterceptorContext

from jaxdl import losses, train
from jaxdl.numerics import moderate, norm, root, wide
from jaxdl.similarity import unit
from jaxdl.types import Array, Batch, PyTree, Task

if TYPE_CHECKING:
    import pandas

INTERMEDIATES = "intermediates"
NEAR_ZERO = 0.01
Predicate = Callable[[Array], Array]


def is_zero(outputs: Array) -> Array:
    """Where a ReLU is off."""
    return outputs == 0


def is_near_one(outputs: Array) -> Array:
    """Where |tanh| > 0.99: there its derivative is below 0.02."""
    return jnp.abs(outputs) > 0.99


def gradient_flow(
    task: Task,
    params: PyTree,
    model_state: PyTree,
    batch: Batch,
    key: Array,
    *,
    off: Predicate = is_zero,
    saturated: Predicate = is_near_one,
) -> dict[str, dict[str, Array]]:
    """Outputs and gradients of every module of the task's Flax model on a batch, in training.

    off, saturated: elementwise, outputs to booleans. A module's outputs are counted as they leave
        it; where the activation is no module, as in `nn.relu(nn.Dense(n)(x))`, give the predicates
        of its pre-activations (`lambda z: z <= 0`).
    Returns, by the path of the module and in the order of the calls, scalars: `output_mean`,
    `output_std`; `dead`, the share of units (last axis) that are off in every example and at every
    position; `saturated`, the share of outputs; in float32, whatever the model's dtype;
    `gradient_mean`, `gradient_std` and `gradient_norm`
    of the loss by the parameters of the module itself, nan where it has none. Examples with
    `mask` 0 are left out. Modules inside a lifted loop (`nn.scan`: the repeated blocks of
    `models.ResNet`) are not seen. Works under jit, which sorts the paths.
    Raises ValueError if the task does not give back the collections of `model_state`, as
    `tasks.supervised` does in training.
    """
    order: list[str] = []

    def record(
        call: Callable[..., Any],
        arguments: tuple[Any, ...],
        options: dict[str, Any],
        context: InterceptorContext,
    ) -> Any:
        outputs = call(*arguments, **options)
        path = context.module.path
        if context.method_name == "__call__" and path and isinstance(outputs, jax.Array):
            order.append("/".join(path))
            context.module.sow(INTERMEDIATES, "__call__", outputs)
        return outputs

    def loss(params: PyTree) -> tuple[Array, PyTree]:
        state = {**model_state, INTERMEDIATES: {}}
        value, (state, _) = task.loss(params, state, batch, key, train=True)
        return value, state

    with nn.intercept_methods(record):
        gradients, state = jax.grad(loss, has_aux=True)(params)
    if not state.get(INTERMEDIATES):
        raise ValueError("the task keeps the outputs of its modules to itself")
    weights = jnp.asarray(batch["mask"]) if "mask" in batch else None
    found = {}
    for path in dict.fromkeys(order):
        calls = _at(state[INTERMEDIATES], path).get("__call__")
        if calls is not None:
            outputs = _outputs(calls, weights, off, saturated)
            found[path] = outputs | _gradients(_at(gradients, path))
    return found


def flow_frame(flow: Mapping[str, Mapping[str, Array]]) -> "pandas.DataFrame":
    """`gradient_flow` as a frame: one row a module, under the name `module` of the index."""
    rows = {path: {name: float(value) for name, value in row.items()} for path, row in flow.items()}
    return pandas.DataFrame.from_dict(rows, orient="index").rename_axis("module")


def _at(tree: PyTree, path: str) -> PyTree:
    for name in path.split("/"):
        tree = tree.get(name, {}) if isinstance(tree, Mapping) else {}
    return tree


def _outputs(
    calls: tuple[Array, ...], weights: Array | None, off: Predicate, saturated: Predicate
) -> dict[str, Array]:
    """Statistics over all calls of one module; a module that is shared has several."""
    rows = [outputs.reshape(-1, outputs.shape[-1] if outputs.ndim else 1) for outputs in calls]
    (units,) = wide(jnp.concatenate(rows))
    real = jnp.ones(len(units), bool)
    if weights is not None:
        masks = [jnp.repeat(weights > 0, len(row) // len(weights)) for row in rows]
        # Outputs that are not one or more rows an example cannot be told from padding.
        if sum(map(len, masks)) == len(units):
            real = jnp.concatenate(masks)
    where = jnp.broadcast_to(real[:, None], units.shape)
    return {
        "output_mean": jnp.mean(units, where=where),
        "output_std": jnp.std(units, where=where),
        "dead": jnp.all(off(units) | ~where, axis=0).mean(),
        "saturated": jnp.mean(saturated(units), where=where),
    }


def _gradients(tree: Mapping[str, PyTree]) -> dict[str, Array]:
    leaves = [jnp.ravel(leaf) for leaf in tree.values() if not isinstance(leaf, Mapping)]
    (values,) = wide(jnp.concatenate(leaves) if leaves else jnp.full(1, jnp.nan))
    return {
        "gradient_mean": values.mean(),
        "gradient_std": values.std(),
        "gradient_norm": norm(values),
    }


def largest_singular_value(matrix: Array, iterations: int) -> Array:
    """σ_max of `[M, N]` by power iteration: v ← AᵀAv / |AᵀAv|, σ = |Av|.

    From below, with a relative error that falls as (σ₂ / σ₁)^(4 · iterations). In float32 at least.
    Its gradient is that of σ_max, u vᵀ of the vectors at hand, and 0 of zeros; v is held fixed, so
    that second derivatives are not those of σ_max.
    """
    (matrix,) = wide(matrix)
    matrix, factor = moderate(matrix, (0, 1))
    product = functools.partial(jnp.matmul, precision="highest")
    start = jax.random.normal(jax.random.key(0), matrix.shape[1:], matrix.dtype)

    def iterate(_: Array, v: Array) -> Array:
        return unit(product(matrix.T, unit(product(matrix, v))))

    v = jax.lax.stop_gradient(jax.lax.fori_loop(0, iterations, iterate, unit(start)))
    return root(jnp.square(product(matrix, v)).sum()) * factor[0, 0]


def gradient_norm_by_step(
    step: Callable[[PyTree, Any], PyTree],
    state: PyTree,
    inputs: PyTree,
    loss: Callable[[PyTree], Array],
) -> Array:
    """‖∂loss(s_T)/∂s_t‖ for t = 0 … T, `[T + 1]`, where s_t = step(s_{t−1}, input_t).

    state: s₀, an array or a tree of arrays (an LSTM's pair), whose norm is taken together.
    inputs: arrays `[T, ...]`. Through s_t = s_{t−1} W the norms are bounded by σ_max(W)^(T−t): they
    vanish if σ_max < 1, and can explode if it is above 1.
    """
    steps = len(jax.tree.leaves(inputs)[0])

    def final(nudges: PyTree) -> Array:
        def nudged(state: PyTree, at: tuple[PyTree, PyTree]) -> tuple[PyTree, None]:
            nudge, one = at
            return step(jax.tree.map(jnp.add, state, nudge), one), None

        before = jax.tree.map(lambda nudge: nudge[:-1], nudges)
        last, _ = jax.lax.scan(nudged, state, (before, inputs))
        return loss(jax.tree.map(lambda s, nudge: s + nudge[-1], last, nudges))

    nudges = jax.tree.map(lambda leaf: jnp.zeros((steps + 1, *leaf.shape), leaf.dtype), state)
    by_step = jax.grad(final)(nudges)
    rows = wide(*(leaf.reshape(steps + 1, -1) for leaf in jax.tree.leaves(by_step)))
    # Squares would overflow, or vanish, before the norm does.
    return norm(jnp.concatenate(rows, axis=1))


class Diagnosis(NamedTuple):
    """bias: training error above the target; variance: dev error above the training error."""

    bias: float
    variance: float
    high_bias: bool
    high_variance: bool

    @property
    def finding(self) -> str:
        """In words."""
        names = ("high bias",) * self.high_bias + ("high variance",) * self.high_variance
        return " and ".join(names) or "near the target"


def diagnose(
    train_error: float, dev_error: float, target_error: float, tolerance: float
) -> Diagnosis:
    """Bias and variance from three errors, all in one unit; more than `tolerance` is high.

    High bias asks for a larger model, longer training or a better optimizer; high variance for more
    data or more regularization. Source: Ng, Machine Learning Yearning, 2018, chapters 20 to 24.
    Raises ValueError for an error that is not finite.
    """
    if not all(map(math.isfinite, (train_error, dev_error, target_error))):
        raise ValueError(
            f"errors {train_error}, {dev_error} and {target_error} are not all finite: no diagnosis"
        )
    bias, variance = train_error - target_error, dev_error - train_error
    return Diagnosis(bias, variance, bool(bias > tolerance), bool(variance > tolerance))


class Overfit(NamedTuple):
    """Mean metrics (`loss`, `accuracy` ...) before and after; memorized: the loss came near 0."""

    first: dict[str, float]
    last: dict[str, float]
    memorized: bool


def overfit_batch(
    task: Task,
    tx: optax.GradientTransformation,
    key: Array,
    batch: Batch,
    steps: int,
    near_zero: float = NEAR_ZERO,
) -> Overfit:
    """Trains on one small batch alone: a model, loss and optimizer that work can memorize it.

    near_zero: in the unit of the loss. A loss that does not get there points to an error in the
    code or at a model or rate that is too small, before any time is spent on the whole data.
    """

    @jax.jit
    def run(key: Array, batch: Batch) -> tuple[dict[str, Array], dict[str, Array]]:
        state = train.init(task, tx, key, batch)
        first = train.measure(task, state, batch)
        state, _ = jax.lax.scan(
            lambda state, _: (train.step(task, tx, state, batch)[0], None), state, None, steps
        )
        return train.mean(first), train.mean(train.measure(task, state, batch))

    first, last = ({name: float(m) for name, m in means.items()} for means in run(key, batch))
    return Overfit(first, last, last["loss"] < near_zero)


def signal_by_layer(
    activation: Predicate, kernels: PyTree, batch: Batch, flat: float = 0.1
) -> dict[str, Array]:
    """How far a signal gets in a deep MLP without biases: of each hidden layer, `[depth]` each.

    kernels: `first` `[D, width]`, `hidden` `[depth − 1, width, width]`, `last` `[width, classes]`.
    batch: `x` `[B, ...]`, `y` `[B]`, for the softmax cross-entropy.
    Returns `moment`, log2 of the second moment of the pre-activations; `gradient`, log2 of the norm
    of the kernel's gradient; `saturated`, the share of units and examples whose derivative is less
    than `flat` of its largest; `dead`, the share of units of which that is so for every example.
    """

    def layer(z: Array, kernel: Array) -> tuple[Array, Array]:
        z = activation(z) @ kernel
        return z, z

    def loss(kernels: PyTree) -> tuple[Array, Array]:
        first = batch["x"].reshape(len(batch["y"]), -1) @ kernels["first"]
        last, others = jax.lax.scan(layer, first, kernels["hidden"])
        logits = activation(last) @ kernels["last"]
        value = losses.softmax_cross_entropy(logits, batch["y"]).mean()
        return value, jnp.concatenate([first[None], others])

    def log2_square(x: Array) -> Array:
        # The sum itself may be too small for float32; nan where all is zero.
        largest = jnp.max(jnp.abs(x))
        scaled = x / jnp.where(largest > 0, largest, 1)
        size = 2 * jnp.log2(largest) + jnp.log2(jnp.sum(scaled**2))
        return jnp.where(largest > 0, size, jnp.nan)

    grads, z = jax.grad(loss, has_aux=True)(kernels)
    steepness = jax.vmap(jax.grad(activation))
    steepest = jnp.max(jnp.abs(steepness(jnp.linspace(-5.0, 5.0, 1001))))
    still = (jnp.abs(steepness(z.reshape(-1))) < flat * steepest).reshape(z.shape)
    first, others = log2_square(grads["first"]), jax.vmap(log2_square)(grads["hidden"])
    return {
        "moment": jax.vmap(log2_square)(z) - jnp.log2(z[0].size),
        "gradient": jnp.concatenate([first[None], others]) / 2,
        "saturated": still.mean(axis=(1, 2)),
        "dead": still.all(axis=1).mean(axis=1),
    }
