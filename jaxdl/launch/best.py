"""The chosen parameters of a run on disk: arrays as safetensors, the model as plain data."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from jaxdl._files import write_atomic
from jaxdl.data import preparation as preparations
from jaxdl.data import scaling
from jaxdl.data.preparation import Arrays, Preparation
from jaxdl.data.scaling import Scaling
from jaxdl.launch.fields import UserError
from jaxdl.layers.activations import ACTIVATIONS
from jaxdl.models import MODELS
from jaxdl.tasks import TASKS
from jaxdl.types import PyTree, Task

PARAMS, MODEL, PREPARATION = "params.safetensors", "model.json", "preparation.json"
NO_OPTIONS: Mapping[str, Any] = {}


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A trained model: `loaded.predict(raw)` takes raw inputs `[B, ...]`, scaled as in training, or
    a data frame with the columns of training where there is a `preparation`.

    description: what `best/model.json` says: task, model, options, shape of an input, the trial.
    """

    description: Mapping[str, Any]
    task: Task = dataclasses.field(repr=False)
    params: PyTree = dataclasses.field(repr=False)
    model_state: PyTree = dataclasses.field(repr=False)
    scaling: Scaling | None = dataclasses.field(repr=False)
    preparation: Preparation | None = dataclasses.field(default=None, repr=False)

    def predict(self, x: Any) -> PyTree:
        """Outputs of the task for raw inputs; ValueError if they have another shape, or as
        `Preparation.prepare` raises it."""
        if self.preparation is not None:
            batch = {"x": self.preparation.prepare(x)}
            return self.task.predict(self.params, self.model_state, batch)
        wanted, shape = self.description["input_shape"], np.shape(x)
        if wanted is not None and (shape[1:] != tuple(wanted) or not shape):
            expected = ", ".join(map(str, ("B", *wanted)))
            raise ValueError(f"predict: x has shape {shape}; the model takes ({expected})")
        batch = {"x": x if self.scaling is None else scaling.apply(self.scaling, x)}
        return self.task.predict(self.params, self.model_state, batch)

    def labels(self, raw: Any) -> np.ndarray:
        """What is predicted for raw rows, in the words of the data: classes, or numbers in the
        target's own unit. ValueError for a model that was saved without a preparation."""
        if self.preparation is None:
            raise ValueError("labels: the model was saved without its preparation")
        return self.preparation.labels(self.predict(raw))


def save_best(
    workdir: str | Path,
    params: PyTree,
    model_state: PyTree | None = None,
    scaling: Scaling | None = None,
    *,
    task: str,
    model: str,
    options: Mapping[str, Any] = NO_OPTIONS,
    input_shape: Sequence[int] | None = None,
    preparation: Preparation | None = None,
    **facts: Any,
) -> None:
    """Writes `best/`: parameters, and which task and model they are of: keys of TASKS and
    MODELS, or names for the `build` of `load`; with the sha256 of the parameters' file.

    options: what the model is built with, as plain values; an activation by its name.
    scaling: what inputs go through first, or None.
    input_shape: of one raw example, without the batch; None: any.
    preparation: what `data.read` gave, instead of a scaling and a shape: raw rows go through it.
    facts: anything else worth knowing, such as the trial and its metrics.
    """
    folder = Path(workdir) / "best"
    folder.mkdir(parents=True, exist_ok=True)
    tree = {"params": params, "model_state": model_state or {}}
    if scaling is not None:
        tree["scaling"] = scaling._asdict()
    arrays = {
        name: np.ascontiguousarray(array) for name, array in flatten_dict(tree, sep="/").items()
    }
    content = save(arrays)
    write_atomic(folder / PARAMS, content)
    description = {
        "task": task,
        "model": model,
        "options": dict(options),
        "input_shape": None if input_shape is None else list(input_shape),
        "sha256": hashlib.sha256(content).hexdigest(),
        **facts,
    }
    if preparation is None:
        (folder / PREPARATION).unlink(missing_ok=True)
    else:
        write_atomic(folder / PREPARATION, preparations.to_json(preparation) + "\n")
    write_atomic(folder / MODEL, json.dumps(description, indent=2) + "\n")


def load(workdir: str | Path, build: Callable[[Mapping[str, Any]], Task] | None = None) -> Loaded:
    """The chosen model of a finished run, ready to predict.

    build: `description -> Task`, for a model that is not in `jaxdl.models.MODELS`.
    Raises UserError if there is none, or the description names what jaxdl does not have.
    """
    description, tree = read_best(workdir)
    task = (_build if build is None else build)(description)
    preparation = _preparation(Path(workdir) / "best" / PREPARATION)
    scaled = scaling.Scaling(**tree["scaling"]) if "scaling" in tree else None
    if preparation is not None and isinstance(preparation.inputs, Arrays):
        scaled = preparation.inputs.scaling
    return Loaded(
        description,
        task,
        tree["params"],
        tree.get("model_state", {}),
        scaled,
        preparation,
    )


def read_best(workdir: str | Path) -> tuple[dict[str, Any], PyTree]:
    """What `save_best` wrote: the description, and the tree of arrays, `params` and what else.

    For parameters that need no task, such as word vectors. Raises UserError if there are none.
    """
    folder = Path(workdir) / "best"
    try:
        description = json.loads((folder / MODEL).read_text())
        arrays = load_file(folder / PARAMS)
    except FileNotFoundError:
        raise UserError(
            f"{folder}: no trained model to load: the run kept none, as launch.save_best does"
        ) from None
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(f"{folder}: no trained model to load ({error})") from None
    return description, unflatten_dict(arrays, sep="/")


def _preparation(path: Path) -> Preparation | None:
    if not path.exists():
        return None
    try:
        return preparations.from_json(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None


def _build(description: Mapping[str, Any]) -> Task:
    options = dict(description["options"])
    if "activation" in options:
        options["activation"] = _look_up(ACTIVATIONS, options["activation"], "activation")
    model = _look_up(MODELS, description["model"], "model")(**options)
    return _look_up(TASKS, description["task"], "task")(model)


def _look_up(known: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in known:
        raise UserError(f"{what} {name!r} is none of {', '.join(known)}; pass `build` to load")
    return known[name]
