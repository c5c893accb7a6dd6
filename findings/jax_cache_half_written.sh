#!/usr/bin/env bash
# jax 0.10.2: an entry of the persistent compilation cache that is damaged once stays so for ever.
#
# Expected: what cannot be read is compiled anew and written again; an entry appears whole or not at
#   all, since several processes share the folder and any of them may be killed.
# Instead: `LRUCache.put` (jax/_src/lru_cache.py) writes into the final file and returns at once
#   where there is one, whatever is in it. A process that is killed while it writes leaves half an
#   entry, and each later process warns, compiles anew and leaves it as it is. Numbers are right: a
#   checksum of the compression notices every change.
# Seen on 2026-11-30:
#   jax 0.10.2
#   whole: read
#   cut in half: 1 warning, the file is still cut
#   once more: 1 warning, the file is still cut
# Why it matters: from then on every start takes the compilation that the cache is there to save,
#   with a warning that reads like a passing one.
# Remedy: delete the entries that are warned of, or the folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check jax==0.10.2
export JAX_PLATFORMS=cpu

cat >probe.py <<'PYTHON'
"""Compiles a function in a process of its own, with an entry that is whole and one that is not."""

import os
import pathlib
import subprocess
import sys

PROGRAM = """
import warnings
import jax
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    jax.jit(lambda x: x * 2 + 1, inline=False)(1.0)
print(sum("persistent compilation cache" in str(each.message) for each in caught))
"""
cache = pathlib.Path("cache").absolute()
environment = os.environ | {
    "JAX_COMPILATION_CACHE_DIR": str(cache),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
}


def warned():
    command = [sys.executable, "-c", PROGRAM]
    return int(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)


warned()
print("whole:", "read" if warned() == 0 else "warned of")
(entry,) = (path for path in cache.glob("*-cache") if "lambda" in path.name)
entry.write_bytes(entry.read_bytes()[: entry.stat().st_size // 2])
size, same = entry.stat().st_size, []
for name in ("cut in half", "once more"):
    count = warned()
    same.append(count == 1 and entry.stat().st_size == size)
    print(f"{name}: {count} warning, the file is", "still cut" if same[-1] else "whole")
sys.exit(not all(same))
PYTHON
venv/bin/python -c "import jax; print('jax', jax.__version__)"
venv/bin/python probe.py || { echo "no longer so"; exit 1; }
