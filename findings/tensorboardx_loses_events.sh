#!/usr/bin/env bash
# tensorboardX 2.6.5: a flush is not one, and a second writer can erase what a first one wrote.
#
# Expected: what was added before `SummaryWriter.flush()` has been handed to the system, and outlives
#   the process; two writers that follow each other in one folder leave the events of both.
# Instead: `flush` flushes the file, and does not wait for the queue in front of it, in which up to
#   ten events and one in a pipe wait for a thread. The name of a file is made of the host and of the
#   time in whole seconds, and it is opened to be overwritten.
# Seen on 2026-11-30:
#   50 events added, flushed, killed: 43 49 47 41 45 43 46 48 46 44 43 44 45 44 42 43 46 49 42 41 of
#   51 records; two writers of 5 events, one after the other: 6 of 12 records
# Why it matters: a checkpoint says that metrics up to here are kept, and they are not; a run that is
#   started again at once loses all it had shown before.
# Remedy: write records oneself (`tensorboardX.record_writer.masked_crc32c`), or `close` before what
#   has to be kept, and a `filename_suffix` of one's own.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check tensorboardX==2.6.5

cat >killed.py <<'PYTHON'
import os
import signal
import sys

from tensorboardX import SummaryWriter

writer = SummaryWriter(logdir=sys.argv[1])
for step in range(50):
    writer.add_scalar("loss", 1.0, step)
writer.flush()
os.kill(os.getpid(), signal.SIGKILL)
PYTHON

cat >probe.py <<'PYTHON'
"""Counts the records on disk; the first of each file tells its version."""

import struct
import subprocess
import sys
import time
from pathlib import Path

from tensorboardX import SummaryWriter


def records(folder):
    count = 0
    for path in Path(folder).iterdir():
        content = path.read_bytes()
        while len(content) >= 16:
            content = content[struct.unpack("<Q", content[:8])[0] + 16 :]
            count += 1
    return count


tries = []
for number in range(20):
    subprocess.run([sys.executable, "killed.py", f"killed{number}"])
    tries.append(records(f"killed{number}"))
print("50 events added, flushed, killed:", *tries, "of 51 records")
time.sleep(1 - time.time() % 1)
for writer in (SummaryWriter(logdir="turns") for _ in range(2)):
    for step in range(5):
        writer.add_scalar("loss", 1.0, step)
    writer.close()
print("two writers of 5 events, one after the other:", records("turns"), "of 12 records")
sys.exit(min(tries) == 51 and records("turns") == 12)
PYTHON
venv/bin/python probe.py || { echo "no longer so"; exit 1; }
