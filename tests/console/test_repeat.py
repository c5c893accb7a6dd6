"""What two runs have in common, and of which experiment a workdir may be."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from support import tiny_sweep as tiny

from jaxdl import console, launch
from jaxdl.console import repeat, same
from jaxdl.sweep import fingerprint, ledger


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "first"
    few = [trial for trial in tiny.TRIALS if trial.program == "adam"][:4]
    tiny.execute(workdir, trials=few)
    launch.save_best(workdir, {"kernel": np.ones((2, 3))}, task="classification", model="mlp")
    (workdir / "environment.json").write_text('{"experiment": "xor"}')
    (workdir / "config.json").write_text('{"steps": 4}')
    (workdir / "verdict.json").write_text("{}")
    return workdir


@pytest.fixture
def second(first, tmp_path):
    return shutil.copytree(first, tmp_path / "second")


def words(capsys):
    return " ".join(capsys.readouterr().out.split())


def rewrite(workdir, change):
    path = workdir / "trials.jsonl"
    rows = [change(number, row) for number, row in enumerate(ledger.read(path))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_sweep_from_python_has_nothing_to_launch_again(second, tmp_path):
    (second / "environment.json").unlink()
    with pytest.raises(launch.UserError, match=r"second has no environment\.json: it is of no exp"):
        repeat.run(second, tmp_path / "to")
    with pytest.raises(launch.UserError, match="nowhere is no folder"):
        repeat.run(tmp_path / "nowhere", tmp_path / "to")


def test_equal_runs_are_equal(first, second, capsys):
    assert same.tell(first, second) == 0
    said = f"Equal bit for bit in {second} and {first}: 4 of 4 rows, 4 of 4 curves, 1 of 1 arrays"
    assert said.replace(" ", "") in words(capsys).replace(" ", "")


def test_the_first_trial_that_differs_is_named(first, second, capsys):
    third = ledger.read(first / "trials.jsonl")[2]

    def nudge(number, row):
        changed = float(np.nextafter(np.float32(row["validation_loss"]), np.float32(9)))
        return {**row, "validation_loss": changed} if number >= 2 else row

    rewrite(second, nudge)
    assert same.tell(first, second) == 1
    text = words(capsys)
    assert f"trial {third['trial']}: validation_loss is" in text


def test_nothing_is_not_equal(first, second):
    (second / "trials.jsonl").unlink()
    with pytest.raises(launch.UserError, match="holds no rows to compare with"):
        same.tell(second, first)


def test_a_trial_that_is_missing_differs(first, second, capsys):
    path = second / "trials.jsonl"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    assert same.tell(first, second) == 1
    assert "it has no row" in words(capsys)


def test_a_bit_of_a_curve_or_of_the_best_differs(first, second, capsys):
    with np.load(second / "curves.npz") as arrays:
        parts = {name: arrays[name] for name in arrays.files}
    parts["loss"][1, 3] = np.nextafter(parts["loss"][1, 3], np.float32(9))
    np.savez_compressed(second / "curves.npz", **parts)
    assert same.tell(first, second) == 1
    assert f"trial {parts['trial'][1]}: loss, value 4, is" in words(capsys)
    shutil.copy(first / "curves.npz", second / "curves.npz")
    launch.save_best(second, {"kernel": np.zeros((2, 3))}, task="classification", model="mlp")
    assert same.tell(first, second) == 1
    assert "best: params/kernel" in words(capsys)


def test_rows_of_other_conditions_are_said_and_not_called_wrong(first, second, capsys):
    (name, facts), *_ = fingerprint.recall(second).items()
    other = {**facts, "jaxlib": "0.0.1"}
    renamed = fingerprint.fingerprint(other)
    (second / "conditions.json").write_text(json.dumps({renamed: other}))

    def change(number, row):
        return {**row, "validation_loss": 9.0, "fingerprint": renamed}

    rewrite(second, change)
    assert same.tell(first, second) == 0
    text = words(capsys)
    assert "made under other conditions throughout" in text
    assert f"jaxlib ({facts['jaxlib']} there, 0.0.1 here)" in text
    assert name != renamed


def test_rows_that_cannot_be_compared_are_counted_apart(first, second, capsys):
    facts = next(iter(fingerprint.recall(second).values()))
    other = {**facts, "jaxlib": "0.0.1"}
    renamed = fingerprint.fingerprint(other)
    known = {**fingerprint.recall(second), renamed: other}
    (second / "conditions.json").write_text(json.dumps(known))
    rewrite(second, lambda n, row: {**row, "fingerprint": renamed} if n == 0 else row)
    assert same.tell(first, second) == 0
    text = words(capsys)
    assert "1 of 4 rows, 1 of 4 curves, 1 of 1 arrays of best" in text.partition("comparable")[2]
    assert ": 3 of 4 rows, 3 of 4 curves. Not" in text


@pytest.mark.parametrize("name", ["os", "../xor", "xor; rm -rf .", "__init__", "", "x" * 200, None])
def test_a_name_that_is_no_experiment_is_never_run(second, tmp_path, monkeypatch, capsys, name):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("ran"))
    (second / "environment.json").write_text(json.dumps({"experiment": name}))
    assert console.main(["repeat", str(second), "--to", str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_is_asked_for_by_its_configuration_alone(second, tmp_path, monkeypatch):
    asked = []

    class Process:
        def __init__(self, command, env):
            asked.extend(command)

        def wait(self):
            return 75

    monkeypatch.setattr(repeat.subprocess, "Popen", Process)
    new = tmp_path / "new"
    assert console.main(["repeat", str(second), "--to", str(new)]) == 75
    assert asked[1:] == [
        *("-m", "experiments.xor"),
        f"--config={second / 'config.json'}",
        f"--workdir={new}",
    ]


@pytest.mark.parametrize("name", ["curves.npz", "trials.jsonl", "best/params.safetensors"])
def test_what_is_damaged_is_one_line_before_anything_runs(
    second, tmp_path, monkeypatch, capsys, name
):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("ran"))
    (second / name).write_bytes(b"PK\x03\x04 damaged\n")
    assert console.main(["repeat", str(second), "--to", str(tmp_path / "new")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("jaxdl: ")
    assert str(second / name.split("/")[0]) in said
    assert said.count("\n") == 1


def test_curves_that_the_second_run_lost_are_one_line(first, second):
    (second / "curves.npz").write_bytes(b"PK")
    with pytest.raises(launch.UserError, match=r"second/curves\.npz is damaged"):
        same.tell(first, second)


@pytest.mark.parametrize("damage", ["itself", "unfinished", "no environment", "no config"])
def test_what_cannot_be_repeated_is_one_line(second, tmp_path, capsys, damage):
    to = second if damage == "itself" else tmp_path / "new"
    file = {"unfinished": "verdict", "no environment": "environment", "no config": "config"}
    if damage in file:
        (second / f"{file[damage]}.json").unlink()
    assert console.main(["repeat", str(second), "--to", str(to)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
