"""One small comparison, with no more points than optimizers."""

import pytest

from jaxdl import comparison, sweep, workloads


@pytest.fixture(scope="session")
def small():
    sweep.programs.forget()  # it is to compile what it runs, whatever ran before
    return comparison.compare(
        "adam",
        ("sgd", "momentum"),
        [workloads.named("ravine")._replace(steps=100)],
        points=3,
        seeds=2,
        fresh_seeds=3,
    )
