"""`jaxdl diff`: what differs is told, and the numbers are those of SciPy."""

import json
import shutil

import numpy as np
import pytest
from scipy import stats as scipy_stats
from support import tiny_sweep as tiny

from jaxdl import console, sweep
from jaxdl.console import outcomes

ADAM = [trial for trial in tiny.TRIALS if trial.program == "adam"]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("swept") / "run"
    tiny.execute(workdir, trials=ADAM)
    (workdir / "config.json").write_text('{"steps": 4, "rates": [0.1, 1.0], "seeds": 2}')
    facts = {"jax": "0.10.2", "device": "2 × CPU core", "date": "2026-01-01", "command": ["x"]}
    (workdir / "environment.json").write_text(json.dumps(facts))
    return workdir


def told(capsys, *workdirs):
    code = console.main(["diff", *map(str, workdirs)])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return code, {row[0]: row[1:] for row in cells}


def test_a_copy_differs_in_nothing(swept, tmp_path, capsys):
    code, rows = told(capsys, swept, shutil.copytree(swept, tmp_path / "copy"))
    assert code == 0
    assert [name for name in rows if name.startswith(("config", "environment", "cond"))] == []
    assert rows["adam: validation loss (nats)"][0] == rows["adam: validation loss (nats)"][1]


def test_configuration_and_environment_are_told_key_by_key(swept, tmp_path, capsys):
    other = shutil.copytree(swept, tmp_path / "other")
    (other / "config.json").write_text('{"steps": 8, "rates": [0.1], "seeds": 2}')
    facts = {"jax": "0.11.0", "device": "2 × CPU core", "date": "2026-02-02", "command": ["y"]}
    (other / "environment.json").write_text(json.dumps(facts))
    code, rows = told(capsys, swept, other)
    assert code == 1
    assert rows["config.steps"][:2] == ["4", "8"]
    assert rows["config.rates"][:2] == ["0.1, 1.0", "0.1"]
    assert rows["environment.jax"][:2] == ["0.10.2", "0.11.0"]
    assert [name for name in rows if name.startswith("environment")] == ["environment.jax"]


def test_other_data_and_other_code_are_conditions(swept, tmp_path, capsys):
    data = {**tiny.DATA, "train": {**tiny.TRAIN, "y": 1 - tiny.TRAIN["y"]}}
    run, categories = tiny.PROGRAMS["adam"], {"initializer": tiny.NAMES}
    options = {"segments": 2, "categories": categories, "lanes": 4}
    sweep.execute({"adam": run}, ADAM, data, workdir=tmp_path / "other", **options)
    code, rows = told(capsys, swept, tmp_path / "other")
    conditions = {name: row[:2] for name, row in rows.items() if name.startswith("conditions")}
    assert code == 1
    assert conditions == {
        "conditions.data": ["one", "another"],
        "conditions.segments": ["3", "2"],
    }


def runs(folder, *, first, second, seeds=(range(4), range(4))):
    """Two ledgers of one program without hyperparameters, a value a seed."""
    made = []
    for number, (values, of) in enumerate(zip((first, second), seeds, strict=True)):
        workdir = folder / f"run{number}"
        workdir.mkdir()
        rows = [
            {"trial": f"{number}{seed}", "program": "p", "seed": seed, "status": "ok", "steps": 1,
             "diverged_at": None, "message": None, "test_error": float(value), "lanes": 1}
            for seed, value in zip(of, values, strict=True)
        ]  # fmt: skip
        (workdir / "trials.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        made.append(workdir)
    return made


VALUES = np.array([[0.21, 0.25, 0.24, 0.31], [0.29, 0.34, 0.31, 0.42]])


def difference(folder, **given):
    rows = {row[0]: row for row in outcomes.compared(*runs(folder, **given))}
    return rows["p: test error"][3]


def test_runs_of_the_same_seeds_are_compared_seed_by_seed(tmp_path):
    found = scipy_stats.ttest_rel(VALUES[1], VALUES[0]).confidence_interval()
    text = difference(tmp_path, first=VALUES[0], second=VALUES[1])
    assert text == f"0.0875 ({found.low:.3g} … {found.high:.3g}), paired, n = 4"


def test_only_common_seeds_are_paired(tmp_path):
    found = scipy_stats.ttest_rel(VALUES[1, :3], VALUES[0, 1:]).confidence_interval()
    seeds = (range(4), range(1, 5))
    text = difference(tmp_path, first=VALUES[0], second=VALUES[1], seeds=seeds)
    assert text.endswith(f"({found.low:.3g} … {found.high:.3g}), paired, n = 3")


def test_runs_of_other_seeds_are_compared_by_welch(tmp_path):
    found = scipy_stats.ttest_ind(VALUES[1], VALUES[0], equal_var=False).confidence_interval()
    seeds = (range(4), range(10, 14))
    text = difference(tmp_path, first=VALUES[0], second=VALUES[1], seeds=seeds)
    assert text == f"0.0875 ({found.low:.3g} … {found.high:.3g}), n = 4"


def test_a_tuned_program_reports_what_other_seeds_chose(swept):
    """Each seed of two at the point that is best for the other one, by hand."""
    rows = [json.loads(line) for line in (swept / "trials.jsonl").read_text().splitlines()]
    point = {(row["initializer"], row["learning_rate"]) for row in rows}
    value = {
        (row["initializer"], row["learning_rate"], row["seed"]): row["validation_accuracy"]
        for row in rows
    }
    order = [(row["initializer"], row["learning_rate"]) for row in rows]
    chosen = {seed: max(order, key=lambda at: value[*at, 1 - seed]) for seed in (0, 1)}
    (program,) = outcomes._programs(swept).values()
    reported = program.reported.set_index("seed")["validation_accuracy"]
    assert len(point) == 6
    assert {seed: reported[seed] for seed in (0, 1)} == {
        seed: value[*chosen[seed], seed] for seed in (0, 1)
    }


def test_streams_are_compared_by_their_last_values(tmp_path, capsys):
    for name, loss in (("one", 0.5), ("two", 0.25)):
        (tmp_path / name).mkdir()
        rows = [
            {"step": 1, "train/loss": 9.0, "speed/steps": loss},
            {"step": 2, "train/loss": loss},
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / name / "metrics.jsonl").write_text(text)
    code, rows = told(capsys, tmp_path / "one", tmp_path / "two")
    assert code == 1
    assert rows["train/loss"] == ["0.5", "0.25", "-0.25"]
    assert "speed/steps" not in rows


def test_what_is_no_run_is_one_line(swept, tmp_path, capsys):
    assert console.main(["diff", str(swept), str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"jaxdl: {tmp_path} holds no run\n"


def test_what_is_no_ledger_is_one_line_and_an_empty_one_no_program(tmp_path, capsys):
    rows = {"none": "", "torn": '{"trial": "a", "prog', "odd": '{"trial": "a"}\n'}
    for name, text in rows.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "trials.jsonl").write_text(text)
    (tmp_path / "folder/trials.jsonl").mkdir(parents=True)
    assert console.main(["diff", str(tmp_path / "none"), str(tmp_path / "torn")]) == 0
    for name, message in {
        "odd": "row 1 of the ledger has no program",
        "folder": "directory",
    }.items():
        assert console.main(["diff", str(tmp_path / "none"), str(tmp_path / name)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
    (tmp_path / "none/conditions.json").write_text("[]")
    assert console.main(["diff", str(tmp_path / "none"), str(tmp_path / "torn")]) == 2
    assert "conditions.json holds no conditions" in capsys.readouterr().err
