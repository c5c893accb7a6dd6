"""What optimizers are compared on: data, model, loss, metric, budget and target, one a file.

`sweep.of_workload(workloads.named("digits_mlp"), optimizer)` is the run of one.
"""

import functools
from collections.abc import Callable

from jaxdl._text import meant
from jaxdl.workloads import landscapes, stress
from jaxdl.workloads._breast_cancer import breast_cancer
from jaxdl.workloads._characters import char_gpt, char_rnn
from jaxdl.workloads._deepobs import cifar10_3c3d, fmnist_2c2d, mnist_mlp
from jaxdl.workloads._digits import digits_autoencoder, digits_cnn, digits_mlp
from jaxdl.workloads._known_optimum import (
    PLANES,
    Plane,
    beale,
    cliff,
    himmelblau,
    plateau,
    ravine,
    rosenbrock,
    saddle,
)
from jaxdl.workloads._noisy_quadratic import noisy_quadratic
from jaxdl.workloads._quadratic_deep import quadratic_deep
from jaxdl.workloads._topics import topics
from jaxdl.workloads._workload import NOT_MEASURED, RULE, Workload

WORKLOADS: dict[str, Callable[[], Workload]] = {
    "noisy_quadratic": noisy_quadratic,
    "rosenbrock": rosenbrock,
    "beale": beale,
    "himmelblau": himmelblau,
    "ravine": ravine,
    **{f"saddle_{d}": functools.partial(saddle, d) for d in (2, 10, 100, 1000)},
    "plateau": plateau,
    "cliff": cliff,
    "quadratic_deep": quadratic_deep,
    "quadratic_deep_fixed": functools.partial(quadratic_deep, "fixed"),
    "breast_cancer": breast_cancer,
    "topics": topics,
    "digits_mlp": digits_mlp,
    "digits_cnn": digits_cnn,
    "digits_autoencoder": digits_autoencoder,
    "char_rnn": char_rnn,
    "char_gpt": char_gpt,
    "mnist_mlp": mnist_mlp,
    "fmnist_2c2d": fmnist_2c2d,
    "cifar10_3c3d": cifar10_3c3d,
}
"""Factories by name. The last three need data that TFDS has prepared, the others no network."""


def named(name: str) -> Workload:
    """The workload of that name; ValueError for another, with those there are."""
    if name not in WORKLOADS:
        known = f"{', '.join(WORKLOADS)}{meant(name, WORKLOADS)}"
        raise ValueError(f"unknown workload {name!r}, choose from {known}")
    return WORKLOADS[name]()


__all__ = [
    "NOT_MEASURED",
    "PLANES",
    "RULE",
    "WORKLOADS",
    "Plane",
    "Workload",
    "beale",
    "breast_cancer",
    "char_gpt",
    "char_rnn",
    "cifar10_3c3d",
    "cliff",
    "digits_autoencoder",
    "digits_cnn",
    "digits_mlp",
    "fmnist_2c2d",
    "himmelblau",
    "landscapes",
    "mnist_mlp",
    "named",
    "noisy_quadratic",
    "plateau",
    "quadratic_deep",
    "ravine",
    "rosenbrock",
    "saddle",
    "stress",
    "topics",
]
