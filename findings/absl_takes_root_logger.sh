#!/usr/bin/env bash
# absl-py 2.5.1, grain 0.2.18, orbax-checkpoint 0.12.8: an import turns the program's log off.
#
# Expected: a library logs to its own logger and leaves the root logger to the program;
#   `logging.basicConfig(level=logging.INFO)` after the imports shows the program's INFO lines.
# Instead: every log call of absl, shown or not, calls `logging.basicConfig()` where the root logger
#   has no handler, and a later `basicConfig` of the program does nothing: its level stays WARNING.
#   Two imports make such a call: grain where JAX is not installed (a warning), and orbax.checkpoint
#   always (a `vlog` at a level that is not shown), thus grain, too, where Orbax is installed.
#   Importing absl.logging alone does no harm.
# Seen on 2026-11-29:
#   absl-py 2.5.1, grain 0.2.18, neither JAX nor Orbax
#   import absl.logging: shown
#   import absl.logging; absl.logging.debug('never shown'): lost
#   import grain: lost
#   and jax 0.10.2
#   import grain: shown
#   and orbax-checkpoint 0.12.8
#   import orbax.checkpoint: lost
#   import grain: lost
# Why it matters: the INFO lines of a long run (steps, losses) are lost, and since the handler keeps
#   the stderr of the moment of the import, so is every line if that was redirected then. Which
#   packages are installed, and the order of imports, decides.
# Remedy: configure logging before the imports, or `basicConfig(..., force=True)` after them.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
install() { venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"; }
export JAX_PLATFORMS=cpu

cat >probe.py <<'PYTHON'
"""Runs a statement, sets the program's log up, and says whether an INFO line was shown."""

import io
import logging
import sys
from contextlib import redirect_stderr

with redirect_stderr(io.StringIO()):
    exec(sys.argv[1])
stream = io.StringIO()
logging.basicConfig(level=logging.INFO, stream=stream)
logging.getLogger("program").info("step 1")
shown = "step 1" in stream.getvalue()
print(f"{sys.argv[1]}: {'shown' if shown else 'lost'}", flush=True)
sys.exit(shown != (sys.argv[2] == "shown"))
PYTHON
expect() { venv/bin/python probe.py "$2" "$1" || { echo "no longer so"; exit 1; }; }

install absl-py==2.5.1 grain==0.2.18
echo "absl-py 2.5.1, grain 0.2.18, neither JAX nor Orbax"
expect shown "import absl.logging"
expect lost "import absl.logging; absl.logging.debug('never shown')"
expect lost "import grain"
install jax==0.10.2 jaxlib==0.10.2
echo "and jax 0.10.2"
expect shown "import grain"
install orbax-checkpoint==0.12.8
echo "and orbax-checkpoint 0.12.8"
expect lost "import orbax.checkpoint"
expect lost "import grain"
