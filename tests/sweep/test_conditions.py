"""A sweep that is killed, and started again under other conditions: refused or run anew."""

import functools
import json
import re
import shutil

import jax
import numpy as np
import pytest
from support import tiny_sweep as tiny
from support.processes import PROGRAM, start, wait_for

from jaxdl import sweep
from jaxdl.data import scaling
from jaxdl.data.batches import padded_batches
from jaxdl.optimizers import adam
from jaxdl.sweep import fingerprint

TRIALS = [trial for trial in tiny.TRIALS if trial.program == "adam"]


def execute(workdir, data=tiny.DATA, trials=TRIALS, run=tiny.PROGRAMS["adam"], **options):
    defaults = {"segments": 3, "categories": {"initializer": tiny.NAMES}, "lanes": 4}
    return sweep.execute({"adam": run}, trials, data, workdir=workdir, **{**defaults, **options})


def with_train(**arrays):
    return {"data": {**tiny.DATA, "train": {**tiny.TRAIN, **arrays}}}


def one_changed(x):
    x = x.copy()
    x[3, 1] += 1e-3
    return x


def above(bound):
    """Prunes what has a loss above the bound."""
    return sweep.Halving([1], lambda segments, frame: frame["validation_loss"] > bound)


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
    "one number": (with_train(x=one_changed(tiny.TRAIN["x"])), "the data"),
    "seeds and labels": (
        {**with_train(y=1 - tiny.TRAIN["y"]), "trials": [t._replace(seed=9) for t in TRIALS[::2]]},
        "the data",
    ),
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
    "pruning": ({"prune": above(0.5)}, "prune"),
}


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """What a sweep leaves that is interrupted after the first chunk of three."""
    workdir = tmp_path_factory.mktemp("interrupted")
    stop = iter([False] * 4 + [True] * 9)
    with pytest.raises(sweep.Interrupted):
        execute(workdir, stop=lambda: next(stop))
    return workdir


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    """What a sweep of four trials leaves."""
    workdir = tmp_path_factory.mktemp("four")
    execute(workdir, trials=TRIALS[:4])
    return workdir


def copied(source, target):
    shutil.copytree(source, target, dirs_exist_ok=True)


@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_rows_of_other_conditions_are_refused_or_run_anew_and_never_mixed(
    tmp_path, interrupted, change, message, lanes
):
    copied(interrupted, tmp_path)
    change = {**change, "lanes": lanes}
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


class Rule:
    def __init__(self, least):
        self.least = least

    def of(self, segments, frame):
        return frame["loss"] > self.least


def test_rows_of_other_rules_of_pruning_are_told_apart(tmp_path):
    rules = [
        above(0.5).rule,
        above(0.6).rule,
        functools.partial(above(0.5).rule),
        sweep.Best("loss", 0.5),
    ]
    assert len({fingerprint.described(rule) for rule in rules}) == 4
    assert fingerprint.described(above(0.5).rule) == fingerprint.described(rules[0])
    # Sets of equal content are listed in another order, as in another process.
    for kind in (set, frozenset):
        assert fingerprint.described(kind([0, 8])) == fingerprint.described(kind([8, 0]))
    assert fingerprint.described(Rule(1).of) == fingerprint.described(Rule(1).of)
    assert fingerprint.described(Rule(1).of) != fingerprint.described(Rule(2).of)

    def recursive(segments):
        return recursive(segments - 1) if segments else later

    assert fingerprint.described(recursive)
    later = recursive
    execute(tmp_path, trials=TRIALS[:4], prune=above(0.5))
    rule = r"\[1\] above\.<locals>\.<lambda> [0-9a-f]{16}"
    with pytest.raises(sweep.ForeignRows, match=rf"prune \({rule} there, {rule} here\)"):
        execute(tmp_path, prune=above(0.6))


def test_another_share_of_the_best_is_told(tmp_path):
    def best(share):
        return sweep.Halving([1], sweep.Best("validation_loss", share))

    execute(tmp_path, trials=TRIALS[:4], prune=best(0.5))
    words = "share=0.5, mode=None) there, [1] Best(metric='validation_loss', share=0.25"
    with pytest.raises(sweep.ForeignRows, match=re.escape(words)):
        execute(tmp_path, prune=best(0.25))


def test_a_program_that_fails_cannot_be_compared_with_its_rows(tmp_path, four):
    def broken(hparams, state, data):
        raise RuntimeError("not today")

    copied(four, tmp_path)
    run = tiny.PROGRAMS["adam"]._replace(advance=broken)
    with pytest.raises(sweep.ForeignRows, match=r"a program that fails: RuntimeError: not today"):
        execute(tmp_path, run=run)


def test_killed_and_gone_on_with_under_other_labels(tmp_path):
    process = start(PROGRAM, tmp_path)
    wait_for(lambda: (tmp_path / "trials.jsonl").exists(), process)
    process.kill()
    process.communicate()
    other = with_train(y=1 - tiny.TRAIN["y"])
    for data in (tiny.DATA, other["data"]):
        changed = data is not tiny.DATA
        if changed:
            with pytest.raises(sweep.ForeignRows, match="the data"):
                execute(tmp_path, data=data)
        found = execute(tmp_path, data=data, rerun_changed=changed)
        assert found.rows == execute(tmp_path / f"clean{changed}", data=data).rows


@pytest.mark.parametrize("setting", ["jax_default_matmul_precision", "jax_enable_x64"])
def test_another_precision_is_another_condition(tmp_path, four, setting):
    copied(four, tmp_path)
    value = {"jax_enable_x64": True}.get(setting, "highest")
    context = jax.enable_x64(True) if value is True else jax.default_matmul_precision(value)
    with context, pytest.raises(sweep.ForeignRows, match=setting):
        execute(tmp_path)


def test_whole_and_broken_numbers_are_other_conditions(tmp_path):
    execute(tmp_path, trials=WHOLE)
    with pytest.raises(sweep.ForeignRows, match=r"learning_rate \(int32 there, float32 here\)"):
        execute(tmp_path, trials=BROKEN)
    with pytest.raises(ValueError, match="learning_rate is float and int"):
        execute(tmp_path, trials=[*WHOLE, *BROKEN])


def test_rows_of_unknown_conditions_are_refused(tmp_path, four):
    copied(four, tmp_path)
    (tmp_path / "conditions.json").unlink()
    with pytest.raises(sweep.ForeignRows, match=r"not in conditions\.json"):
        execute(tmp_path)


def test_another_number_of_devices_goes_on_and_says_so(tmp_path, four):
    copied(four, tmp_path)
    with pytest.warns(UserWarning, match=r"4 rows of adam .* devices \(2 there, 1 here\)"):
        found = execute(tmp_path, devices=jax.devices()[:1])
    assert len({row["fingerprint"] for row in found.rows}) == 2
