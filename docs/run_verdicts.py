"""Runs experiments in full and keeps their verdicts; started again, it goes on where it was.

`python docs/run_verdicts.py [NAME ...]`, all of them by default, in `runs/verdicts/COMMIT/NAME`, so
that a verdict of other code is not taken for one of this.
"""

import functools
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "docs" / "verdicts"
FACTS = ("date", "device", "commit", "jax")
PAGES = ("fill_verdicts.py", "make_claims.py", "make_gallery.py")


def main(names: Sequence[str]) -> int:
    """Exit code 0, or that of the first experiment that did not end well."""
    known = sorted(path.stem for path in (ROOT / "experiments").glob("[!_]*.py"))
    if unknown := set(names) - set(known):
        print(f"no experiment is named {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    wanted = list(names) or known
    left = [name for name in wanted if not (_workdir(name) / "verdict.json").is_file()]
    seconds = {name: _seconds_before(name) for name in left}
    print(
        f"{len(left)} of {len(wanted)} left, {sum(seconds.values()) / 60:.0f} minutes by their last"
    )
    for name in wanted:
        if name in left:
            began = time.perf_counter()
            code = _run(name)
            if code:
                return code
            spent, ahead = time.perf_counter() - began, left[left.index(name) + 1 :]
            minutes = sum(seconds[other] for other in ahead) / 60
            print(f"{name}: {spent:.0f} s; {len(ahead)} left, {minutes:.0f} minutes", flush=True)
        _keep(name)
    for page in PAGES:
        subprocess.run([sys.executable, ROOT / "docs" / page], check=True)
    return 0


@functools.cache
def _commit() -> str:
    """The commit, and whether code differs from it: verdicts that are kept change `docs` alone."""

    def told(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()

    changed = told("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)docs")
    return told("describe", "--always") + ("-dirty" if changed else "")


def _workdir(name: str) -> Path:
    return ROOT / "runs" / "verdicts" / (_commit() or "unknown") / name


def _seconds_before(name: str) -> float:
    path = KEPT / f"{name}.json"
    return json.loads(path.read_text())["seconds"] if path.is_file() else 300.0


def _run(name: str) -> int:
    command = [sys.executable, "-m", f"experiments.{name}", f"--workdir={_workdir(name)}"]
    return subprocess.run(command, cwd=ROOT).returncode


def _keep(name: str) -> None:
    """The verdict of a finished run, with when and on what it was made."""
    verdict = json.loads((_workdir(name) / "verdict.json").read_text())
    environment = json.loads((_workdir(name) / "environment.json").read_text())
    kept = {fact: environment[fact] for fact in FACTS} | verdict
    KEPT.mkdir(exist_ok=True)
    (KEPT / f"{name}.json").write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
