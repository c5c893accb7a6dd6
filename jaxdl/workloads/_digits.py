"""The 8×8 digits: an MLP, a convolutional network, an autoencoder."""

import functools
from typing import Any

from jaxdl import tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.initializers import Initializer, he_normal
from jaxdl.models import CNN, MLP, DenseAutoencoder
from jaxdl.types import Task
from jaxdl.workloads._workload import NOT_MEASURED, RULE, Workload


def digits_mlp() -> Workload:
    """Classification by 64-128-128-10 with ReLU, from `he_normal`."""
    return Workload(
        name="digits_mlp",
        task=_mlp,
        data=_data,
        batch_size=64,
        steps=500,
        metric="accuracy",
        target=NOT_MEASURED,
        source=RULE,
    )


def digits_cnn() -> Workload:
    """Classification by 3×3 convolutions of 16 and 32 channels, each pooled, from `he_normal`."""
    return Workload(
        name="digits_cnn",
        task=_cnn,
        data=_data,
        batch_size=64,
        steps=300,
        metric="accuracy",
        target=NOT_MEASURED,
        source=RULE,
    )


def digits_autoencoder() -> Workload:
    """64-128-32-8-32-128-64 with ReLU and a linear code, from `he_normal`.

    Its loss is the mean squared error of a pixel; ink is 1.
    """
    return Workload(
        name="digits_autoencoder",
        task=_autoencoder,
        data=_data,
        batch_size=64,
        steps=1000,
        metric="loss",
        target=NOT_MEASURED,
        source=RULE,
    )


@functools.cache
def _data() -> dict[str, Any]:
    return splits.for_run(catalog.load("digits"), scaling.fit_max)[0]


def _mlp(kernel_init: Initializer | None = None) -> Task:
    return tasks.classification(MLP((128, 128), 10, kernel_init=kernel_init or he_normal))


def _cnn(kernel_init: Initializer | None = None) -> Task:
    return tasks.classification(CNN(((16,), (32,)), 10, kernel_init=kernel_init or he_normal))


def _autoencoder(kernel_init: Initializer | None = None) -> Task:
    init = kernel_init or he_normal
    return tasks.reconstruction(DenseAutoencoder((8, 8, 1), (128, 32), 8, kernel_init=init))
