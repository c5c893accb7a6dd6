"""What goes forward and back through the modules of a Flax model.

Glorot & Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import pandas as pd
from flax.linen.module import InterceptorContext

from jaxdl.numerics import norm, wide
from jaxdl.types import Array, Batch, PyTree, Task

INTERMEDIATES = "intermediates"
NUDGES = "perturbations"
CALL = "__call__"
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
    `backward_mean` and `backward_std` of the gradient of the loss by the outputs; `gradient_mean`,
    `gradient_std` and `gradient_norm` of that by the parameters of the module itself, nan where it
    has none. Examples with `mask` 0 are left out. Modules inside a lifted loop (`nn.scan`: the
    repeated blocks of `models.ResNet`) are not seen. Works under jit, which sorts the paths.
    Raises ValueError if the task does not give back the collections of `model_state`, as
    `tasks.supervised` does in training.
    """
    order: list[str] = []

    def loss(params: PyTree, nudges: PyTree) -> tuple[Array, PyTree]:
        state = {**model_state, INTERMEDIATES: {}, NUDGES: nudges}
        value, (state, _) = task.loss(params, state, batch, key, train=True)
        return value, state

    with nn.intercept_methods(_recorder(order)):
        _, shapes = jax.eval_shape(loss, params, {})
        if not shapes.get(INTERMEDIATES):
            raise ValueError("the task keeps the outputs of its modules to itself")
        nudges = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes[NUDGES])
        both = jax.grad(loss, argnums=(0, 1), has_aux=True)
        (gradients, by_outputs), state = both(params, nudges)
    weights = jnp.asarray(batch["mask"]) if "mask" in batch else None
    found = {}
    for path in dict.fromkeys(order):
        calls = _at(state[INTERMEDIATES], path).get(CALL)
        if calls is not None:
            nudged = _at(by_outputs, path)
            backward = [nudged[f"{CALL}{number}"] for number in range(len(calls))]
            found[path] = {
                **_outputs(*_rows(calls, weights), off, saturated),
                **_backward(*_rows(backward, weights)),
                **_gradients(_at(gradients, path)),
            }
    return found


def flow_frame(flow: Mapping[str, Mapping[str, Array]]) -> pd.DataFrame:
    """`gradient_flow` as a frame: one row a module, under the name `module` of the index."""
    rows = {path: {name: float(value) for name, value in row.items()} for path, row in flow.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("module")


def _at(tree: PyTree, path: str) -> PyTree:
    for name in path.split("/"):
        tree = tree.get(name, {}) if isinstance(tree, Mapping) else {}
    return tree


def _recorder(order: list[str]) -> Callable[..., Any]:
    """What keeps the outputs of modules and nudges them, and appends the modules' paths."""

    def record(
        call: Callable[..., Any],
        arguments: tuple[Any, ...],
        options: dict[str, Any],
        context: InterceptorContext,
    ) -> Any:
        outputs, module = call(*arguments, **options), context.module
        if context.method_name != "__call__" or not module.path or not _is_array(outputs):
            return outputs
        order.append("/".join(module.path))
        if not module.sow(INTERMEDIATES, CALL, outputs):
            return outputs
        number = len(module.get_variable(INTERMEDIATES, CALL)) - 1
        return module.perturb(f"{CALL}{number}", outputs, NUDGES)

    return record


def _is_array(outputs: Any) -> bool:
    return isinstance(outputs, jax.Array) and jnp.issubdtype(outputs.dtype, jnp.floating)


def _rows(calls: Sequence[Array], weights: Array | None) -> tuple[Array, Array]:
    """All calls of one module as `[N, units]`, and where they are of real examples.

    A module that is shared has several calls.
    """
    rows = [outputs.reshape(-1, outputs.shape[-1] if outputs.ndim else 1) for outputs in calls]
    (units,) = wide(jnp.concatenate(rows))
    real = jnp.ones(len(units), bool)
    if weights is not None:
        masks = [jnp.repeat(weights > 0, len(row) // len(weights)) for row in rows]
        # Outputs that are not one or more rows an example cannot be told from padding.
        if sum(map(len, masks)) == len(units):
            real = jnp.concatenate(masks)
    return units, jnp.broadcast_to(real[:, None], units.shape)


def _outputs(units: Array, where: Array, off: Predicate, saturated: Predicate) -> dict[str, Array]:
    return {
        "output_mean": jnp.mean(units, where=where),
        "output_std": jnp.std(units, where=where),
        "dead": jnp.mean(jnp.all(off(units) | ~where, axis=0), where=where.any(axis=0)),
        "saturated": jnp.mean(saturated(units), where=where),
    }


def _backward(units: Array, where: Array) -> dict[str, Array]:
    return {
        "backward_mean": jnp.mean(units, where=where),
        "backward_std": jnp.std(units, where=where),
    }


def _gradients(tree: Mapping[str, PyTree]) -> dict[str, Array]:
    leaves = [jnp.ravel(leaf) for leaf in tree.values() if not isinstance(leaf, Mapping)]
    (values,) = wide(jnp.concatenate(leaves) if leaves else jnp.full(1, jnp.nan))
    return {
        "gradient_mean": values.mean(),
        "gradient_std": values.std(),
        "gradient_norm": norm(values),
    }
