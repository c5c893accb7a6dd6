"""Sweeps as processes of their own."""

import os
import subprocess
import sys
import time
from pathlib import Path

from support import tiny_sweep as tiny

PROGRAM = Path(tiny.__file__)
GREEDY = PROGRAM.with_name("greedy_sweep.py")


def start(program, *arguments, devices=2):
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[2])}
    return subprocess.Popen(
        [sys.executable, str(program), *map(str, arguments)],
        env={**environment, "JAX_NUM_CPU_DEVICES": str(devices)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, process):
    while not condition() and process.poll() is None:
        time.sleep(0.002)
