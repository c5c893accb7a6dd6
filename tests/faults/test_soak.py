"""A short campaign of kills; `make soak` is the long one."""

import re
import subprocess
import sys
from pathlib import Path


def test_a_few_kills_at_random_moments_lose_nothing():
    script = Path(__file__).with_name("soak.py")
    command = [
        sys.executable,
        str(script),
        "--kills=5",
        "--seed=0",
        "--only=plain,streaming,experiment",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    *_, last = done.stdout.splitlines() or [""]
    assert done.returncode == 0, done.stdout + done.stderr
    kills, equal, lost = map(int, re.match(r"(\d+) kills, (\d+) equal, (\d+) lost", last).groups())
    assert (equal, lost) == (kills, 0)
    assert kills >= 5
