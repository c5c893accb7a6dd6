"""A run as a user has it: traced, verified, watched, repeated; on a full disk, with a bad cache."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).parents[2]
SMALL = (
    "--config.steps=20",
    "--config.seeds=2",
    "--config.hidden=2",
    "--config.learning_rates=0.1",
    "--precision=float32",
)


def run(*command, environment=os.environ, begin=("-m",)):
    done = subprocess.run(
        [sys.executable, *begin, *map(str, command)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def rows_of(workdir):
    return [json.loads(line) for line in (workdir / "trials.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "xor"
    code, _, err = run("experiments.xor", f"--workdir={workdir}", *SMALL, "--profile")
    assert code == 0, err
    return workdir, err


def test_a_profile_is_in_the_workdir_and_can_be_read(finished):
    workdir, err = finished
    assert f"in {workdir / 'profile'}" in err
    (path,) = workdir.glob("profile/plugins/profile/*/*.xplane.pb")
    planes = jax.profiler.ProfileData.from_file(str(path)).planes
    assert sum(len(list(line.events)) for plane in planes for line in plane.lines) > 100


def test_the_precision_is_in_the_conditions_of_the_rows(finished):
    workdir, _ = finished
    facts = json.loads((workdir / "conditions.json").read_text())
    row = rows_of(workdir)[0]
    assert facts[row["fingerprint"]]["jax_default_matmul_precision"] == "float32"
    assert json.loads((workdir / "config.json").read_text())["precision"] == "float32"


def test_a_finished_run_is_whole_and_repeated_bit_for_bit(finished, tmp_path):
    workdir, _ = finished
    code, out, err = run("jaxdl", "repeat", workdir, "--to", tmp_path / "again")
    assert code == 0, out + err
    cells = [[cell.strip() for cell in line.split("|")[1:5]] for line in out.splitlines()]
    assert ["rows", "2", "2", "0"] in cells
    assert ["curves", "2", "2", "0"] in cells
    code, out, err = run("jaxdl", "verify", tmp_path / "again")
    assert (code, err) == (0, ""), out


LIMITED = """
import resource, runpy, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (600, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""Files end at 600 bytes, as a full disk would end them."""


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(finished, tmp_path):
    workdir = tmp_path / "run"
    command = ("experiments.xor", f"--workdir={workdir}", *SMALL)
    # What is cut off in the cache of the other tests would make them warn.
    alone = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false"}
    code, _, err = run(*command, environment=alone, begin=("-c", LIMITED))
    assert code == 1, err
    assert "failed: [Errno 27] File too large" in err
    assert "Traceback" not in err
    assert not (workdir / "verdict.json").exists()
    code, _, err = run(*command)
    assert code == 0, err
    assert rows_of(workdir) == rows_of(finished[0])


def test_a_damaged_compilation_cache_is_a_warning_and_is_compiled_anew(finished, tmp_path):
    cache = tmp_path / "cache/jaxdl/xla"
    own = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    del own["JAX_COMPILATION_CACHE_DIR"]
    command = ("experiments.xor", *SMALL)
    code, _, err = run(*command, f"--workdir={tmp_path / 'one'}", environment=own)
    assert code == 0, err
    entries = sorted(cache.glob("*-cache"))
    assert entries
    for number, path in enumerate(entries):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content[: len(content) // 2] if number % 2 else content)
    code, _, err = run(*command, f"--workdir={tmp_path / 'two'}", environment=own)
    assert code == 0, err
    assert "xor: Error reading persistent compilation cache entry" in err
    assert rows_of(tmp_path / "two") == rows_of(tmp_path / "one")
    assert [row["test_loss"] for row in rows_of(tmp_path / "two")] == [
        row["test_loss"] for row in rows_of(finished[0])
    ]
    assert not [path for path in entries if path.exists()]  # and the next launch fills it again
