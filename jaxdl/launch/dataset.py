"""The configuration of an experiment that runs on any classification data set of the catalog."""

import dataclasses

from jaxdl.data import catalog
from jaxdl.launch.config import Config, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetConfig(Config):
    """Adds which data set, and where it lies."""

    dataset: str = setting(
        "digits",
        "Comes with scikit-learn; the others are read where TFDS has prepared them in data_dir.",
        choices=tuple(catalog.DATASETS),
    )
    data_dir: str = setting("", "Folder of prepared datasets; empty: the user's cache.")
