"""A sweep that is killed, and started again under other conditions: refused or run anew."""

import json

import jax
import numpy as np
import pytest
from support import tiny_sweep as tiny

from jaxdl import sweep
from jaxdl.data import scaling
from jaxdl.data.batches import padded_batches
from jaxdl.optimizers import adam

TRIALS = [trial for trial in tiny.TRIALS if trial.program == "adam"]


def execute(workdir, data=tiny.DATA, trials=TRIALS, run=tiny.PROGRAMS["adam"], **options):
    defaults = {"segments": 3, "categories": {"initializer": tiny.NAMES}, "lanes": 4}
    return sweep.execute({"adam": run}, trials, data, workdir=workdir, **{**defaults, **options})


def with_train(**arrays):
    return {"data": {**tiny.DATA, "train": {**tiny.TRAIN, **arrays}}}


def scaled(factor):
    fit = scaling.Scaling(np.zeros((), np.float32), np.float32(factor))
    return with_train(x=scaling.apply(fit, tiny.TRAIN["x"]))


LONGER = sweep.make_run(
    lambda h: (tiny.task(h), adam(h["learning_rate"])), steps=2 * tiny.STEPS, batch_size=tiny.BATCH
)
WHOLE = sweep.trials(["adam"], sweep.grid(initializer=tiny.NAMES, learning_rate=[1]), range(2))
BROKEN = sweep.trials(["adam"], sweep.grid(initializer=tiny.NAMES, learning_rate=[1, 0.1]), [0, 1])
CHANGES = {
    "labels": (with_train(y=1 - tiny.TRAIN["y"]), "the data"),
    "one pixel": (with_train(x=tiny.TRAIN["x"] + np.eye(40, 3, dtype=np.float32)), "the data"),
    "scaling": (scaled(3.0), "the data"),
    "held out": (
        {"data": {**tiny.DATA, "validation": padded_batches(tiny.TRAIN, 16)}},
        r"the data; the program|the program .*; the data",
    ),
    "segments": ({"segments": 1}, r"segments \(3 there, 1 here\)"),
    "categories": (
        {"categories": {"initializer": tiny.NAMES[::-1]}},
        r"categories.initializer \(\['zeros', 'he_normal'\] there, \['he_normal', 'zeros'\] here\)",
    ),
    "columns": ({"labels": {"adam": {"kind": "b"}}}, r"labels.kind \(None there, b here\)"),
    "code": ({"run": LONGER}, r"the program \(model, loss"),
    "pruning": ({"prune": lambda segment, metrics, alive: alive}, "prune"),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_rows_of_other_conditions_are_refused_or_run_anew_and_never_mixed(
    tmp_path, change, message
):
    stop = iter([False] * 4 + [True] * 9)
    with pytest.raises(sweep.Interrupted):  # after the first chunk of three
        execute(tmp_path, stop=lambda: next(stop))
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(sweep.ForeignRows, match=message) as refusal:
        execute(tmp_path, **change)
    assert "\n" not in str(refusal.value)
    assert {path: path.read_bytes() for path in before} == before

    anew = execute(tmp_path, **change, rerun_changed=True)
    clean = execute(tmp_path / "clean", **change)
    assert anew.rows == clean.rows
    for name, values in clean.curves().items():
        np.testing.assert_array_equal(anew.curves()[name], values)
    moved = (tmp_path / "superseded.jsonl").read_text().splitlines()
    assert len(moved) == 4
    kept = set(json.loads((tmp_path / "conditions.json").read_text()))
    assert {row["fingerprint"] for row in anew.rows} <= kept


def test_the_same_conditions_go_on(tmp_path):
    first = execute(tmp_path, trials=TRIALS[:4])
    more = execute(tmp_path)
    assert more.rows[:4] == first.rows
    assert not (tmp_path / "superseded.jsonl").exists()
    assert len(execute(tmp_path, trials=[t._replace(seed=7) for t in TRIALS[::2]]).rows) == 6


@pytest.mark.parametrize("setting", ["jax_default_matmul_precision", "jax_enable_x64"])
def test_another_precision_is_another_condition(tmp_path, setting):
    execute(tmp_path, trials=TRIALS[:2])
    value = {"jax_enable_x64": True}.get(setting, "highest")
    context = jax.enable_x64(True) if value is True else jax.default_matmul_precision(value)
    with context, pytest.raises(sweep.ForeignRows, match=setting):
        execute(tmp_path, trials=TRIALS[:4])


def test_whole_and_broken_numbers_of_two_launches_are_other_trials(tmp_path):
    whole, broken = execute(tmp_path, trials=WHOLE), execute(tmp_path, trials=BROKEN)
    assert not {row["trial"] for row in whole.rows} & {row["trial"] for row in broken.rows}
    assert {row["code"] for row in whole.rows} != {row["code"] for row in broken.rows}
    with pytest.raises(ValueError, match="learning_rate is float and int"):
        execute(tmp_path, trials=[*WHOLE, *BROKEN])


def test_rows_of_unknown_conditions_are_refused(tmp_path):
    execute(tmp_path, trials=TRIALS[:2])
    (tmp_path / "conditions.json").unlink()
    with pytest.raises(sweep.ForeignRows, match=r"not in conditions\.json"):
        execute(tmp_path)


def test_another_number_of_devices_goes_on_and_says_so(tmp_path):
    execute(tmp_path, trials=TRIALS[:4])
    with pytest.warns(UserWarning, match="4 rows of adam were made on 2 devices"):
        found = execute(tmp_path, devices=jax.devices()[:1])
    assert len({row["fingerprint"] for row in found.rows}) == 2
