"""The 8×8 digits: an MLP, a convolutional network, an autoencoder."""

import functools
from collections.abc import Callable
from typing import Any

from jaxdl import tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.initializers import Initializer, he_normal
from jaxdl.models import CNN, MLP, DenseAutoencoder
from jaxdl.types import Task
from jaxdl.workloads._workload import CROSS_ENTROPY, RULE, Loss, Workload

MLP_TARGET, CNN_TARGET, AUTOENCODER_TARGET = 0.986, 0.988, 0.0199
"""By `RULE`, of 360 digits, at the rates 0.001, 0.01 and 0.003 (2026-11-29, jax 0.10.2, x86-64)."""


def digits_mlp() -> Workload:
    """Classification by 64-128-128-10 with ReLU, from `he_normal`."""
    return _workload("digits_mlp", _mlp, 500, "accuracy", MLP_TARGET)


def digits_cnn() -> Workload:
    """Classification by 3×3 convolutions of 16 and 32 channels, each pooled, from `he_normal`."""
    return _workload("digits_cnn", _cnn, 300, "accuracy", CNN_TARGET)


def digits_autoencoder() -> Workload:
    """64-128-32-8-32-128-64 with ReLU and a linear code, from `he_normal`.

    Its loss is the mean squared error of a pixel; ink is 1.
    """
    return _workload("digits_autoencoder", _autoencoder, 1000, "loss", AUTOENCODER_TARGET)


def _workload(
    name: str, task: Callable[..., Task], steps: int, metric: str, target: float
) -> Workload:
    return Workload(name, task, _data, 64, steps, metric, target, RULE)


@functools.cache
def _data() -> dict[str, Any]:
    return splits.for_run(catalog.load("digits"), scaling.fit_max)[0]


def _mlp(kernel_init: Initializer | None = None, loss: Loss = CROSS_ENTROPY) -> Task:
    model = MLP((128, 128), 10, kernel_init=kernel_init or he_normal)
    return tasks.classification(model, loss=loss)


def _cnn(kernel_init: Initializer | None = None, loss: Loss = CROSS_ENTROPY) -> Task:
    model = CNN(((16,), (32,)), 10, kernel_init=kernel_init or he_normal)
    return tasks.classification(model, loss=loss)


def _autoencoder(kernel_init: Initializer | None = None) -> Task:
    init = kernel_init or he_normal
    return tasks.reconstruction(DenseAutoencoder((8, 8, 1), (128, 32), 8, kernel_init=init))
