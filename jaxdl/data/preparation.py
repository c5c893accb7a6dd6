"""What raw rows go through on their way into a model, and outputs on their way back; as JSON."""

import dataclasses
import json
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxdl.data import scaling, tables, targets
from jaxdl.data.check import check_finite
from jaxdl.data.errors import DataError, warn
from jaxdl.data.scaling import Scaling
from jaxdl.data.tables import Columns
from jaxdl.data.targets import Target


class Arrays(NamedTuple):
    """Inputs that are arrays of numbers: the shape of an example, and what scales them."""

    shape: tuple[int, ...]
    scaling: Scaling


@dataclasses.dataclass(frozen=True, eq=False)
class Preparation:
    """Learned of the training part alone, and applied to whatever comes after it.

    inputs: of a data frame, or of arrays. target: what is predicted.
    """

    inputs: Columns | Arrays
    target: Target

    @property
    def outputs(self) -> int:
        """How many outputs a model has: a logit for each class, or a number for each target."""
        return self.target.outputs

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many ids each column of categories has; the last columns of a prepared row."""
        return self.inputs.sizes if isinstance(self.inputs, Columns) else ()

    def prepare(self, raw: Any) -> np.ndarray:
        """Inputs of a model, float32 `[N, ...]`, of raw rows without a target or with one.

        raw: a data frame with the columns of training, in any order, or what has `to_pandas()`; an
            array `[N, ...]` where these were arrays.
        Warns of categories that training did not see, and of gaps where it had none. Raises
        DataError, naming column, row and count, for a column that is missing, text among numbers,
        infinities, and for arrays of another shape, or with NaN.
        """
        if isinstance(self.inputs, Columns):
            frame = raw if isinstance(raw, pd.DataFrame) else _to_frame(raw)
            x = tables.encode(self.inputs._replace(target=None), frame)["x"]
            for line in tables.strange(self.inputs, frame):
                warn(line)
            return x
        x, shape = np.asarray(raw), self.inputs.shape
        if x.shape[1:] != shape or not x.ndim:
            wanted = ", ".join(map(str, ("N", *shape)))
            raise DataError(f"x has shape {x.shape}; rows of training are ({wanted})")
        check_finite("prepare", "x", x)
        with np.errstate(over="ignore"):
            x = scaling.apply(self.inputs.scaling, x)
        check_finite("prepare, in float32", "scaled x", x)
        return x

    def labels(self, outputs: Any) -> np.ndarray:
        """Answers in the words of the data: the likeliest classes `[N]` of logits `[N, K]`, or
        numbers in the target's own unit, `[N]` (`[N, K]` of several targets)."""
        return targets.labels(self.target, outputs)


def to_json(preparation: Preparation) -> str:
    """All of it as text."""
    inputs: dict[str, Any] = preparation.inputs._asdict()
    if isinstance(preparation.inputs, Columns):
        inputs["target"] = None
    else:
        inputs["scaling"] = {
            name: np.asarray(array).tolist()
            for name, array in preparation.inputs.scaling._asdict().items()
        }
    kind = "columns" if isinstance(preparation.inputs, Columns) else "arrays"
    found = {kind: inputs, "target": preparation.target._asdict()}
    return json.dumps(found, ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> Preparation:
    """What `to_json` wrote. Raises ValueError for another text."""
    try:
        found = json.loads(text)
        target = Target(**_tuples(found["target"]))
        if "columns" in found:
            inputs = _tuples(found["columns"])
            known = {name: tuple(each) for name, each in inputs["categories"].items()}
            columns = Columns(**{**inputs, "categories": known, "target": target})
            return Preparation(columns, target)
        of = found["arrays"]["scaling"]
        scaled = Scaling(np.array(of["mean"], np.float64), np.array(of["scale"], np.float64))
        return Preparation(Arrays(tuple(found["arrays"]["shape"]), scaled), target)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no preparation: {type(error).__name__}: {error}") from None


def _tuples(found: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(of) if isinstance(of, list) else of for name, of in found.items()}


def _to_frame(raw: Any) -> pd.DataFrame:
    if not hasattr(raw, "to_pandas"):
        raise DataError(f"a data frame is needed, with the columns of training, not {type(raw)}")
    return raw.to_pandas()
