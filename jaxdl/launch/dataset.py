"""The configuration of an experiment that runs on any classification data set of the catalog."""

from jaxdl.data import catalog
from jaxdl.launch.fields import Config, setting


class DatasetConfig(Config):
    """Adds which data set, and where it lies."""

    dataset: str = setting(
        "digits",
        "Comes with scikit-learn; the others are read where TFDS has prepared them in data_dir.",
        choices=tuple(catalog.DATASETS),
    )
    data_dir: str = setting("", "Folder of prepared datasets; empty: the user's cache.")
