"""The chosen model of a run, out of the house."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jaxdl.export
from jaxdl.data.preparation import Arrays
from jaxdl.launch.best import load
from jaxdl.launch.fields import UserError
from jaxdl.types import Task


def export(
    workdir: str | Path,
    path: str | Path,
    build: Callable[[Mapping[str, Any]], Task] | None = None,
    *,
    input_dtype: str | None = None,
) -> dict[str, Any]:
    """Writes the chosen model of a finished run as a file that JAX alone reads: `jaxdl.export`.

    build: `description -> Task`, as for `load`.
    input_dtype: of raw inputs; by default as `best/model.json` says, or else float32.
    A classifier gives labels and probabilities beside its logits. Of a model that was saved
    with a preparation, `of.target` says what outputs are: numbers are less `mean`, over `scale`.
    One of tables takes rows as `data.tables.encode` makes them, float32 `[B, D]`, of what
    `of.columns` says; the guide has a short function that does so without jaxdl.
    Returns what the file says of itself. Raises UserError where there is no model, or none that
    can be exported.
    """
    found = load(workdir, build)
    facts = dict(found.description)
    shape, own = facts.pop("input_shape"), None
    if found.preparation is not None:
        inputs, target = found.preparation.inputs, found.preparation.target
        if isinstance(inputs, Arrays):
            shape = inputs.shape
        else:
            if input_dtype not in (None, "float32"):
                raise UserError(
                    f"{workdir}: prepared rows of a table are float32, no {input_dtype}"
                )
            shape = (inputs.width,)
            columns = inputs._asdict()
            facts["columns"] = {name: columns[name] for name in columns if name != "target"}
        own = target.classes
        facts["target"] = target._asdict()
    if shape is None:
        raise UserError(
            f"{workdir}: the shape of an input is not known, so nothing can be exported; "
            "save_best is told it as input_shape"
        )
    saved_dtype = facts.pop("input_dtype", "float32")
    classes = facts.pop("classes", own)
    if classes is None and facts["task"] == "classification" and "outputs" in facts["options"]:
        classes = range(facts["options"]["outputs"])
    try:
        return jaxdl.export.save(
            path,
            found.task,
            found.params,
            found.model_state,
            input_shape=shape,
            input_dtype=input_dtype or saved_dtype,
            scaling=found.scaling,
            classes=classes,
            facts={"of": facts},
        )
    except ValueError as error:
        raise UserError(f"{workdir}: {error}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
