"""The fields of an experiment that runs on any classification data set of the catalog."""

from jaxdl.data import catalog
from jaxdl.launch.config import Field

DATASET = {
    "dataset": Field(
        "digits",
        "Comes with scikit-learn; the others are read where TFDS has prepared them in data_dir.",
        choices=tuple(catalog.DATASETS),
    ),
    "data_dir": Field("", "Folder of prepared datasets; empty: the user's cache."),
}
