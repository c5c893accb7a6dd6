"""What a program logs reaches its terminal, whatever jaxdl's libraries do to the root logger."""

import contextlib
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from absl import logging as absl_logging

from jaxdl import quiet

STEPS = {
    "digits, prepared and read": "catalog.load('digits')",
    "digits as a stream": "next(batches.epochs(catalog.stream('digits', 'test'), 4, seed=0))",
    "arrays in epochs": "next(batches.epochs({'x': np.ones(8)}, 4, seed=0))",
    "a checkpoint, written": "checkpoint.save('saved', 1, {'w': np.ones(3)})",
    "a checkpoint, read back": "checkpoint.restore('saved', {'w': np.ones(3)})",
}
PROGRAM = """
import logging
import numpy as np
from jaxdl import checkpoint
from jaxdl.data import batches, catalog
{step}
assert not logging.root.handlers, logging.root.handlers
logging.basicConfig(level=logging.INFO)
logging.getLogger("program").info("trains")
logging.error("ends")
"""


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    return tmp_path_factory.mktemp("workdir")


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_program_logs_as_if_nothing_had_been_loaded_before(step, workdir):
    repository = str(Path(__file__).parents[1])
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(step=step)],
        env=os.environ | {"JAXDL_DATA_DIR": str(workdir), "PYTHONPATH": repository},
        cwd=workdir,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stderr == "INFO:program:trains\nERROR:root:ends\n"
    assert process.stdout == ""


@contextlib.contextmanager
def root_handlers(*handlers):
    """The root logger with these handlers, instead of those of pytest."""
    root = logging.getLogger()
    before = root.handlers[:]
    root.handlers[:] = handlers
    try:
        yield root.handlers
    finally:
        root.handlers[:] = before


@pytest.mark.parametrize("own", [(), (logging.NullHandler(),)])
def test_levels_and_handlers_are_put_back_after_an_error(own):
    logger = absl_logging.get_absl_logger()
    before = logger.level
    logger.setLevel(logging.DEBUG)

    def fail():
        with quiet.absl(logging.CRITICAL):
            absl_logging.info("makes absl look at the root logger")
            return logger.level // 0

    try:
        with root_handlers(*own) as handlers:
            with pytest.raises(ZeroDivisionError):
                fail()
            assert handlers == list(own)
        assert logger.level == logging.DEBUG
    finally:
        logger.setLevel(before)


def test_other_messages_of_the_time_are_not_lost(capsys):
    with root_handlers(), quiet.absl(logging.CRITICAL):
        logging.getLogger("program").error("a trial failed")
    assert capsys.readouterr().err == "a trial failed\n"
