"""A campaign of kills: runs die at random moments, go on, and end with the very same numbers.

    python tests/faults/soak.py [--kills=200] [--minutes=60] [--seed=0] [--only=plain,halving]

Each subject first runs undisturbed, twice. Then *ways* are drawn: a fresh workdir, one to four
deaths (SIGKILL, now and then SIGTERM; at a moment of the clock, or on the brink of the n-th change
to the workdir), in between now and then a flipped bit in a state, a ledger torn at its end or a
lost file of a rung, and a last launch that is left alone; now and then with nothing compiled
before. Lost is a way that does not end, or with other numbers or files than undisturbed. The seed
draws all of it; moments of the clock depend on the machine besides.
"""

import argparse
import dataclasses
import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from subjects import SUBJECTS, Facts, Subject, differing, moment_of, place

ROOT = Path(__file__).parents[2]
DYING = ROOT / "tests/support/dying.py"
ENVIRONMENT = {
    "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
    "JAX_NUM_CPU_DEVICES": "2",
    "NPROC": "3",
    "OPENBLAS_NUM_THREADS": "1",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
}
LONGEST = 900.0
"""Seconds after which a launch is said to hang."""
KILLED, STOPPED, HANGS = -signal.SIGKILL, (75, -signal.SIGTERM), 124
"""Exit codes; the last is that of none, as `timeout` has it."""


@dataclasses.dataclass
class Whole:
    """An undisturbed run: how long it takes, how often it changes the workdir, what it finds."""

    seconds: float
    changes: int
    facts: Facts


class Death(NamedTuple):
    """How a launch dies: after so many seconds, or on the brink of a change; then the damage."""

    number: int
    seconds: float
    change: int
    damage: str


class Campaign:
    """Where it happens, by which seed, and what it has come to."""

    def __init__(self, folder: Path, seed: int, tell: Callable[[str], None]) -> None:
        self.folder, self.seed, self.tell = folder, seed, tell
        # Not the one of other tests: what is cut off in it would make them warn.
        self.cache = self.kept = folder / "cache"
        self.server = subprocess.Popen(
            [sys.executable, str(DYING)],
            cwd=ROOT,
            env={**ENVIRONMENT, **os.environ, "PYTHONPATH": ENVIRONMENT["PYTHONPATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self.kills = self.equal = self.lost = self.ways = 0
        self.moments: Counter[str] = Counter()

    def whole(self, subject: Subject) -> Whole:
        """The subject undisturbed, for what it finds and, with all compiled, how long it takes."""
        seen = []
        for number in range(2):
            workdir, began = self.folder / f"{subject.name}_{number}", time.perf_counter()
            code, out, err = self.launch(subject, workdir)
            assert code == 0, err
            seconds = time.perf_counter() - began
            changes = re.findall(r"^changes: (\d+)$", err, re.MULTILINE)
            seen.append(Whole(seconds, int(changes[-1]), subject.facts(workdir, out)))
            shutil.rmtree(workdir)
        assert seen[0].facts == seen[1].facts, differing(*(each.facts for each in seen))
        _, last = seen
        self.tell(f"{subject.name}: {last.seconds:.1f} s, {last.changes} changes undisturbed")
        return last

    def launch(
        self, subject: Subject, workdir: Path, change: int = 0, death: Death | None = None
    ) -> tuple[int, str, str]:
        """One launch, to its end or its death: exit code and what it said.

        change: on the brink of which it dies, 0 for never.
        """
        out, err = self.folder / "out", self.folder / "err"
        request = {"program": subject.program(workdir), "folder": str(workdir), "change": change}
        request |= {"out": str(out), "err": str(err), "cache": str(self.cache)}
        self.server.stdin.write(f"{json.dumps(request)}\n".encode())
        process = int(self.answer())
        if death is not None and death.change == 0 and not self.answers(death.seconds):
            os.kill(process, death.number)
        hangs = not self.answers(LONGEST)
        if hangs:
            os.kill(process, signal.SIGKILL)
        code = int(self.answer())
        return HANGS if hangs else code, out.read_text(), err.read_text()

    def answers(self, seconds: float) -> bool:
        """Whether the server says something within so many seconds."""
        return bool(select.select([self.server.stdout], [], [], seconds)[0])

    def answer(self) -> bytes:
        if not self.answers(LONGEST):
            raise TimeoutError(f"a launch has not ended after {LONGEST} s")
        return self.server.stdout.readline()

    def deaths(self, rng: random.Random, whole: Whole) -> Iterator[Death]:
        """What is drawn for one way."""
        for _ in range(rng.choice((1, 2, 2, 3, 4))):
            number = signal.SIGTERM if rng.random() < 0.15 else signal.SIGKILL
            by_change = number == signal.SIGKILL and rng.random() < 0.4
            change = 1 + int(rng.random() * whole.changes) if by_change else 0
            seconds = rng.random() * whole.seconds
            damage = rng.choices(("", "flip", "tear", "lose"), (64, 15, 15, 6))[0]
            yield Death(number, seconds, change, damage)

    def way(self, subject: Subject, whole: Whole) -> None:
        """One workdir from its first launch to its end."""
        self.ways += 1
        rng = random.Random(f"{self.seed} {self.ways}")
        workdir = self.folder / f"way_{self.ways}"
        said, kills, fault = [], 0, ""
        # A cold cache is filled by processes that die, too.
        cold = rng.random() < 0.05
        self.cache = self.folder / f"cache_{self.ways}" if cold else self.kept
        for death in self.deaths(rng, whole):
            began = time.perf_counter()
            code, _, err = self.launch(subject, workdir, death.change, death)
            if code == 0:
                if not said:  # how long it takes where the machine is more or less busy than then
                    whole.seconds = time.perf_counter() - began
                said.append("ended before")
                break
            if code != KILLED and (death.number != signal.SIGTERM or code not in STOPPED):
                fault = f"exit code {code}: {err[-2000:]}"
                break
            kills += 1
            moment = moment_of(workdir, err)
            self.moments[moment] += 1
            word = "stopped" if death.number == signal.SIGTERM else "killed"
            said.append(f"{word} {moment}")
            said += filter(None, [damage(death.damage, subject, workdir, rng)])
        fault = fault or self.ended(subject, workdir, whole)
        self.kills += kills
        self.equal += 0 if fault else kills
        self.lost += bool(fault)
        end = f"LOST, see {workdir}: {fault}" if fault else "equal"
        name = f"{self.ways} {subject.name}{' (cold)' * cold}"
        self.tell(f"{name}: {', '.join(said)}; {end} ({self.kills} kills)")
        if not fault:
            shutil.rmtree(workdir)

    def ended(self, subject: Subject, workdir: Path, whole: Whole) -> str:
        """Launched once more and left alone: what is wrong with it then."""
        code, out, err = self.launch(subject, workdir)
        if code != 0:
            return f"exit code {code}: {err[-2000:]}"
        return differing(whole.facts, subject.facts(workdir, out))


def damage(kind: str, subject: Subject, workdir: Path, rng: random.Random) -> str:
    """Does it, where there is something to damage, and says so."""
    ledger = workdir / "trials.jsonl"
    if kind == "tear" and ledger.exists() and (content := ledger.read_bytes()):
        # What is appended later than the last row is lost, with it or without.
        cut = rng.choice((content + b'{"trial": "0123', content[: -1 - rng.randrange(20)]))
        ledger.write_bytes(cut)
        return "ledger torn"
    if kind == "lose" and (held := sorted(workdir.glob("rungs/*/*/*.npz"))):
        rng.choice(held).unlink()  # as a launch asks for where one is damaged
        return "a file of a rung deleted"
    seals = sorted(workdir.glob("checkpoints/**/step_*/seal.json"))
    if kind == "flip" and len(seals) > (not subject.anew):
        newest = max(seals, key=lambda path: path.parent.name).parent
        path = rng.choice(sorted(path for path in newest.rglob("*") if path.is_file()))
        content = bytearray(path.read_bytes())
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        return f"a bit of {place(str(path.relative_to(workdir)))} flipped"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--only", default=",".join(SUBJECTS), help="of " + ", ".join(SUBJECTS))
    asked = parser.parse_args()
    began = time.perf_counter()

    def tell(text: str) -> None:
        print(f"{(time.perf_counter() - began) / 60:5.1f} min  {text}", flush=True)

    tell(f"seed {asked.seed}")
    campaign = Campaign(Path(tempfile.mkdtemp(prefix="soak_")), asked.seed, tell)
    subjects = [SUBJECTS[name] for name in asked.only.split(",")]
    wholes = [campaign.whole(subject) for subject in subjects]
    while campaign.kills < asked.kills and time.perf_counter() - began < 60 * asked.minutes:
        turn = campaign.ways % len(subjects)
        campaign.way(subjects[turn], wholes[turn])
    for moment, count in campaign.moments.most_common():
        print(f"{count:5} {moment}")
    print(
        f"{campaign.kills} kills, {campaign.equal} equal, {campaign.lost} lost "
        f"(--seed={asked.seed}, {campaign.ways} runs)"
    )
    if not campaign.lost:
        shutil.rmtree(campaign.folder)
    return int(campaign.lost > 0 or campaign.kills < asked.kills)


if __name__ == "__main__":
    sys.exit(main())
