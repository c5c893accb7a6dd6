"""The configuration of an experiment that runs on any data set with a name, or on a table."""

from pathlib import Path
from typing import Any

from jaxdl.data import reading
from jaxdl.data.preparation import Preparation
from jaxdl.launch.fields import Config, UserError, setting


class DatasetConfig(Config):
    """Adds which data set, and where it lies."""

    dataset: str = setting(
        "digits",
        "Digits and the tables come with scikit-learn; the others are read where TFDS has prepared "
        "them in data_dir.",
        choices=reading.NAMES,
    )
    data_dir: str = setting("", "Folder of prepared datasets; empty: the user's cache.")
    csv: str = setting("", "Instead, a file of comma-separated values with a header.")
    target: str = setting("", "Column of that file that is predicted; all others are inputs.")
    target_is: str = setting(
        "auto",
        "What the target holds. auto: text is classes, numbers are numbers; few different whole "
        "numbers may be either, and have to be told.",
        choices=("auto", "classes", "numbers"),
    )


def read(config: DatasetConfig, scaled: str = "") -> tuple[dict[str, Any], Preparation]:
    """`data.read` of what is configured. Raises UserError."""
    if bool(config.csv) != bool(config.target):
        raise UserError("config.csv and config.target: a file, and which of its columns; give both")
    kind: Any = "" if config.target_is == "auto" else config.target_is
    if not config.csv:
        if kind:
            raise UserError("config.target_is: of the target of a file, which config.csv names")
        return reading.read(config.dataset, scaled=scaled, data_dir=config.data_dir or None)
    try:
        return reading.read(Path(config.csv), config.target, target_is=kind, scaled=scaled)
    except ValueError as error:
        raise UserError(f"config.csv: {error}") from None
