"""What `jaxdl verify` says of a workdir that is whole, begun, or damaged."""

import json
import shutil
import warnings

import numpy as np
import pytest
from support import tiny_sweep as tiny

from jaxdl import checkpoint, console, launch
from jaxdl.console import activity, verify


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A sweep with all that a finished experiment has."""
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    few = [trial for trial in tiny.TRIALS if trial.program == "adam"][:4]
    tiny.execute(workdir, trials=few, keep_states=True)
    checkpoint.save(workdir / "checkpoints/0123-abc", 1, {"w": np.ones(3)})
    facts = {"experiment": "xor", "date": "2026-01-01", "device": "CPU", "commit": "a", "jax": "1"}
    claims = [{"verdict": "holds"}]
    files = {
        "config.json": {"steps": 4},
        "environment.json": facts,
        "verdict.json": {"seeds": 2, "seconds": 1.0, "claims": claims},
    }
    for name, content in files.items():
        (workdir / name).write_text(json.dumps(content))
    (workdir / "report.html").write_text("<html></html>\n")
    launch.save_best(workdir, {"kernel": np.ones((2, 3))}, task="classification", model="mlp")
    return workdir


@pytest.fixture
def workdir(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def told(capsys, *arguments):
    """Exit code, and what is printed without how it is folded."""
    code = console.main(["verify", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_whole_workdir_is_told_part_by_part(whole, capsys):
    code, out, err = told(capsys, whole)
    assert (code, err) == (0, "")
    assert "4 rows of 1 program: 4 ok" in out
    assert "holds × 1" in out
    assert "1 seal as written" in out
    parts = ["config.json", "environment.json", "conditions.json", "trials.jsonl", "curves.npz"]
    for part in [*parts, "checkpoints", "states", "verdict.json", "report.html", "best"]:
        assert f"| {part} " in out
    assert "damaged" not in out
    assert "begun" not in out


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def flip_last(path):
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def twice(path):
    path.write_bytes(path.read_bytes() + path.read_bytes().split(b"\n")[0] + b"\n")


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def spoil(path):
    path.write_bytes(b"(" + path.read_bytes()[1:])


def lose_conditions(path):
    path.write_text("{}")


def lose_a_curve(path):
    with np.load(path) as arrays:
        fewer = {name: arrays[name][1:] for name in arrays.files}
    np.savez_compressed(path, **fewer)


def lose_the_trials(path):
    np.savez_compressed(path, loss=np.zeros((4, 3)))


def put_an_odd_row(path):
    row = {"trial": "a", "program": [1], "status": {}, "fingerprint": []}
    path.write_text(json.dumps(row) + "\n")


def put_objects(path):
    np.savez(path, trial=np.array([{"a": 1}], object))


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("config.json", spoil, "not as it was written"),
        ("environment.json", lose_conditions, "'experiment'"),
        ("conditions.json", flip, ""),
        ("conditions.json", lose_conditions, "does not know"),
        ("trials.jsonl", twice, "has a row already"),
        ("trials.jsonl", spoil, "line 1 is not a row"),
        ("curves.npz", flip, "not as it was written"),
        ("curves.npz", lose_a_curve, "1 row without"),
        ("curves.npz", lose_the_trials, "not as it was written"),
        ("trials.jsonl", put_an_odd_row, "does not know"),
        ("curves.npz", put_objects, "Object arrays cannot be loaded"),
        ("verdict.json", cut, "not as it was written"),
        ("report.html", cut, ""),
        ("best/params.safetensors", flip_last, "is not as it was written"),
        ("best/params.safetensors", cut, "no trained model"),
        ("checkpoints/0123-abc/step_00000001/contents.json", flip, "not as it was sealed"),
        ("checkpoints/0123-abc/step_00000001/seal.json", flip, ""),
    ],
)
def test_damage_is_exit_code_1_and_named(workdir, capsys, name, damage, message):
    damage(workdir / name)
    code, out, err = told(capsys, workdir)
    assert (code, err) == (1, "")
    assert "damaged" in out
    flat = " ".join(cell.strip() for line in out.splitlines() for cell in line.split("|"))
    assert all(word in flat for word in message.split())


def test_what_a_kill_leaves_is_begun_and_not_damaged(workdir, capsys):
    (workdir / "verdict.json").unlink()
    ledger = workdir / "trials.jsonl"
    ledger.write_bytes(ledger.read_bytes() + b'{"trial": "0123')
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, out, _ = told(capsys, workdir)
    assert code == 0
    assert "line 5 is torn" in out
    assert "the next launch makes good" in " ".join(out.split())


def test_training_on_a_stream_is_told(tmp_path, capsys):
    for step in (2, 4):
        checkpoint.save(tmp_path / "checkpoints", step, {"w": np.full(3, step)})
    rows = [{"step": 2, "train/loss": 1.0}, {"step": 2, "evaluation/loss": 1.0}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out, _ = told(capsys, tmp_path)
    assert code == 0
    assert "2 seals as written, the last checkpoints/step_00000004" in out
    assert "2 rows, the last of step 2" in out
    twice(tmp_path / "metrics.jsonl")
    flip(tmp_path / "checkpoints/step_00000004/contents.json")
    code, out, _ = told(capsys, tmp_path)
    assert code == 1
    assert "step_00000004" in out
    assert "a row is there twice" in out


def test_the_folder_of_a_worker_is_told_too(workdir, capsys):
    place = workdir / "chunks/adam-0"
    place.mkdir(parents=True)
    for name in ("trials.jsonl", "conditions.json", "curves.npz"):
        shutil.copy(workdir / name, place / name)
    assert told(capsys, workdir)[0] == 0
    spoil(place / "trials.jsonl")
    code, out, _ = told(capsys, workdir)
    assert code == 1
    assert "chunks/adam-0/trials.jsonl" in "".join(out.split())


def test_a_process_at_work_is_named(workdir, monkeypatch, capsys):
    monkeypatch.setattr(verify, "worker", lambda _: 4711)
    _, out, _ = told(capsys, workdir)
    assert "Process 4711 is at work there" in " ".join(out.split())


@pytest.mark.skipif(not activity.LOCKS.exists(), reason="not Linux")
def test_who_holds_a_workdir_is_seen_without_its_lock(tmp_path):
    assert activity.worker(tmp_path) is None
    with checkpoint.lock(tmp_path):
        assert activity.worker(tmp_path) is not None
    assert activity.worker(tmp_path) is None


@pytest.mark.parametrize("name", ["nowhere", ""])
def test_what_is_no_workdir_is_one_line(tmp_path, capsys, name):
    code, out, err = told(capsys, tmp_path / name)
    assert (code, out, err.count("\n")) == (2, "", 1)
