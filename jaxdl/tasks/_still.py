"""Tasks whose frozen modules stay as they are after training."""

import jax

from jaxdl.optimizers import Frozen
from jaxdl.params import paths, running_statistics
from jaxdl.tasks import statistics
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def still(task: Task, opt_state: PyTree) -> Task:
    """The task as it is trained with this optimizer's state: what `freeze` holds does not move."""
    notes = jax.tree.leaves(opt_state, is_leaf=lambda node: isinstance(node, Frozen))
    frozen = {path for note in notes if isinstance(note, Frozen) for path in note.paths}
    if not frozen:
        return task

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        held = {
            path: leaf
            for path, leaf in zip(paths(model_state), jax.tree.leaves(model_state), strict=True)
            if _belongs(path, paths(params), frozen)
        }
        if not train or not held:
            return task.loss(params, model_state, batch, key, train=train)
        modules = {
            statistics.module_of(path) for path in held if path in running_statistics(model_state)
        }
        with statistics.running(modules):
            value, (after, metrics) = task.loss(params, model_state, batch, key, train=True)
        kept = [
            held.get(path, leaf)
            for path, leaf in zip(paths(after), jax.tree.leaves(after), strict=True)
        ]
        return value, (jax.tree.unflatten(jax.tree.structure(after), kept), metrics)

    return task._replace(loss=loss)


def _belongs(path: str, params: list[str], frozen: set[str]) -> bool:
    """Whether all parameters of the module nearest to a leaf of model state are frozen."""
    module = statistics.module_of(path)
    while module and not any(name.startswith(f"{module}/") for name in params):
        module = module.rpartition("/")[0]
    return frozen.issuperset(name for name in params if not module or name.startswith(f"{module}/"))
