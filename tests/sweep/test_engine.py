import contextlib
import signal
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import tiny_sweep as tiny
from support.compiling import compiled
from support.stopping import Stop

from jaxdl import _cpu, checkpoint, sweep, train
from jaxdl.data.batches import padded_batches, shuffled_indices, take
from jaxdl.optimizers import adam, sgd
from jaxdl.types import TrainState


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The sweep, uninterrupted."""
    return tiny.execute(tmp_path_factory.mktemp("whole"))


def without(row, *names):
    return {name: value for name, value in row.items() if name not in names}


def same(results, expected, but=()):
    """Equal rows and curves, to the bit."""
    assert [without(row, *but) for row in results.rows] == [
        without(row, *but) for row in expected.rows
    ]
    ours, theirs = results.curves(), expected.curves()
    assert set(ours) == set(theirs)
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_every_trial_has_one_row_that_says_what_was_asked(whole):
    assert [row["trial"] for row in whole.rows] == [sweep.trial_id(t) for t in tiny.TRIALS]
    for row, trial in zip(whole.rows, tiny.TRIALS, strict=True):
        assert row["program"] == trial.program
        assert {name: row[name] for name in trial.hparams} == trial.hparams
        assert (row["seed"], row["status"], row["steps"]) == (trial.seed, "ok", 12)
        assert 0 <= row["validation_accuracy"] <= 1
    frame = whole.to_pandas()
    assert len(frame) == len(tiny.TRIALS)
    # A program's rows share its fingerprint; seeds and rates do not enter it.
    assert frame.groupby("program")["fingerprint"].nunique().tolist() == [1, 1]
    assert frame["fingerprint"].nunique() == 2


def test_the_clock_tells_compilation_from_the_steps_that_ran(whole):
    clock = whole.clock()
    assert list(clock.index) == ["adam", "momentum"]
    taken = dict.fromkeys(clock.index, 0)
    for row in whole.rows:
        taken[row["program"]] += row["steps"]
    assert clock["steps"].to_dict() == taken
    assert (clock["running"] > 0).all()
    assert (clock["compiling"] >= 0).all()  # 0 for what this process had compiled before


def test_a_workdir_without_a_clock_and_one_with_a_torn_line(tmp_path):
    assert sweep.Results([], tmp_path).clock().empty
    lines = '{"program": "a", "compiling": 2.0}\n{"program": "a", "run{"program": "a"}\n'
    (tmp_path / "clock.jsonl").write_text(lines)
    assert sweep.Results([], tmp_path).clock().loc["a"].tolist() == [2.0, 0.0, 0.0]


def test_a_trial_is_the_plain_training_loop(whole):
    for number in (3, 9):  # he_normal, of both optimizers: see TRIALS
        trial = [t for t in tiny.TRIALS if t.program == "adam"][number]
        hparams = {
            "initializer": tiny.NAMES.index(trial.hparams["initializer"]),
            "learning_rate": trial.hparams["learning_rate"],
        }
        task, tx = tiny.task(hparams), adam(hparams["learning_rate"])
        first = {name: array[: tiny.BATCH] for name, array in tiny.TRAIN.items()}
        state = train.init(task, tx, jax.random.key(trial.seed), first)
        key = jax.random.fold_in(state.key, jnp.uint32(0xFFFFFFFF))
        order = shuffled_indices(key, 40, tiny.BATCH, 0, 12)
        losses = []
        batches = [take(tiny.TRAIN, indices) for indices in order]
        for state, metrics in train.fit(task, tx, state, batches):
            losses.append(float(metrics["loss"]))
        row = tiny.TRIALS.index(trial)
        np.testing.assert_allclose(whole.curves()["loss"][row], losses, rtol=1e-5)
        held_out = train.evaluate(task, state, [tiny.HELD_OUT])
        assert whole.rows[row]["validation_loss"] == pytest.approx(held_out["loss"], rel=1e-5)
        assert whole.rows[row]["validation_accuracy"] == pytest.approx(held_out["accuracy"])


@pytest.mark.parametrize("lanes", [2, 10, None])
def test_bits_do_not_depend_on_how_many_trials_are_in_flight(tmp_path, whole, lanes):
    same(tiny.execute(tmp_path, lanes=lanes), whole, but=("lanes", "fingerprint"))


def test_one_device_gives_the_bits_of_two(tmp_path, whole):
    results = tiny.execute(tmp_path, devices=jax.devices()[:1], lanes=3)
    same(results, whole, but=("lanes", "fingerprint"))


def test_side_by_side_equals_one_after_another(whole):
    """The placement of accelerators, on the CPU."""
    placement = sweep.place()._replace(over_lanes=sweep.placement.side_by_side)
    trials = [trial for trial in tiny.TRIALS if trial.program == "adam"]
    columns = sweep.chunk.columns(trials, {"initializer": tiny.NAMES})
    data = jax.device_put(tiny.DATA, placement.everywhere)
    program = sweep.compile_run(tiny.PROGRAMS["adam"], placement, columns, data, len(trials))
    assert program.lanes == len(trials)
    seeds = np.array([trial.seed for trial in trials], np.uint32)
    state = program.init(columns, seeds, data)
    alive = np.arange(len(trials)) != 1
    curves = []
    for _ in range(tiny.SEGMENTS):
        state, curve, finite, steps = program.advance(columns, state, alive, data)
        curves.append(curve["loss"])
    assert np.asarray(finite).all()
    losses = np.concatenate(curves, axis=1)
    expected = whole.curves()["loss"][: len(trials)]
    np.testing.assert_allclose(losses[alive], expected[alive], rtol=1e-4)
    assert (losses[~alive] == 0).all()
    assert np.asarray(steps).tolist() == [12 * int(is_alive) for is_alive in alive]
    np.testing.assert_array_equal(steps, state.step)
    metrics = program.evaluate(columns, state, alive, data)
    expected = [row["validation_loss"] for row in whole.rows[: len(trials)]]
    ours = np.asarray(metrics["validation_loss"])
    np.testing.assert_allclose(ours[alive], np.array(expected)[alive], rtol=1e-4)


@pytest.mark.parametrize("rate", [np.inf, np.nan])
def test_a_trial_that_diverges_leaves_the_bits_of_the_others_alone(tmp_path, rate):
    program = tiny.program(lambda r: sgd(jnp.where(r > 0.5, rate, r)))
    mixed = tiny.execute(tmp_path / "mixed", programs={"sgd": program}, trials=of_sgd())
    clean = tiny.execute(tmp_path / "clean", programs={"sgd": tiny.program(sgd)}, trials=of_sgd())
    for ours, theirs in zip(mixed.rows, clean.rows, strict=True):
        if ours["learning_rate"] == 1.0:
            # The first update is not finite, so the second loss is the first that shows it.
            assert (ours["status"], ours["diverged_at"], ours["steps"]) == ("diverged", 2, 2)
            assert ours["validation_loss"] is None
            assert ours["message"] == "loss not finite from step 2 on"
        else:
            assert without(ours, "code", "fingerprint") == without(theirs, "code", "fingerprint")
            assert ours["message"] is None


def of_sgd():
    space = sweep.grid(initializer=tiny.NAMES[1:], learning_rate=tiny.RATES)
    return sweep.trials(["sgd"], space, range(3))


def test_two_sweeps_in_one_workdir_at_once_are_refused(tmp_path):
    with (
        checkpoint.lock(tmp_path, ".sweep.lock"),
        pytest.raises(checkpoint.WorkdirBusy, match="in use"),
    ):
        tiny.execute(tmp_path)


def test_three_compilations_a_program_whatever_the_number_of_trials(tmp_path):
    sweep.programs.forget()
    progress = sweep.Progress()
    with compiled() as names:
        tiny.execute(tmp_path, progress=progress)
    # 12 trials of each program in chunks of 4: three chunks of three segments each.
    assert progress.compilations == 6
    assert len(names) == 6, names


def test_a_program_that_raises_leaves_the_others_alone(tmp_path, whole, caplog):
    def broken(rate):
        raise RuntimeError("no such optimizer\nsecond line")

    programs = {"adam": tiny.program(broken), "momentum": tiny.PROGRAMS["momentum"]}
    progress = sweep.Progress()
    results = tiny.execute(tmp_path, programs=programs, progress=progress)
    bad, good = results.rows[:12], results.rows[12:]
    assert {row["status"] for row in bad} == {"error"}
    assert {row["message"] for row in bad} == {"RuntimeError: no such optimizer"}
    assert good == whole.rows[12:]
    (record,) = caplog.records
    assert record.getMessage() == "program adam failed"
    places = [line for line in caplog.text.splitlines() if line.startswith("  File ")]
    files = [Path(line.split('"')[1]).name for line in places]
    assert files == ["tiny_sweep.py", "test_engine.py"]
    assert str(progress).startswith("12/24 trials, 12 failed")


def test_splits_that_are_not_evaluation_batches_are_named(tmp_path):
    data = {"train": tiny.TRAIN, "validation": tiny.HELD_OUT}
    categories = {"initializer": tiny.NAMES}
    with pytest.raises(
        sweep.Failed, match=r"adam: .*data\['validation'\].*padded_batches"
    ) as found:
        sweep.execute(tiny.PROGRAMS, tiny.TRIALS, data, workdir=tmp_path, categories=categories)
    assert isinstance(found.value.__cause__, ValueError)


def test_all_cores_cannot_be_had_once_jax_has_begun(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")  # which it leaves alone, for what other tests start
    monkeypatch.setattr(_cpu, "count", jax.device_count)
    sweep.use_all_cores()  # nothing to be done
    monkeypatch.setattr(_cpu, "count", lambda: jax.device_count() + 1)
    with pytest.raises(RuntimeError, match="before anything else of JAX"):
        sweep.use_all_cores()


def test_a_repaired_program_is_run_again(tmp_path, whole):
    def broken(rate):
        raise RuntimeError("not yet")

    failed = tiny.execute(tmp_path, programs={**tiny.PROGRAMS, "adam": tiny.program(broken)})
    assert np.isnan(failed.curves()["loss"][:12]).all()  # what has no curve is not missing
    assert np.isfinite(failed.curves()["loss"][12:]).all()
    same(tiny.execute(tmp_path), whole)


def test_rows_of_another_program_are_refused(tmp_path):
    tiny.execute(tmp_path, trials=tiny.TRIALS[:4])
    before = (tmp_path / "trials.jsonl").read_bytes()
    other = {**tiny.PROGRAMS, "adam": tiny.program(lambda rate: adam(rate, 0.8))}
    with pytest.raises(
        sweep.ForeignRows, match=r"4 rows of adam .* conditions: the program \(model"
    ):
        tiny.execute(tmp_path, programs=other)
    assert (tmp_path / "trials.jsonl").read_bytes() == before


def test_interrupted_with_some_lanes_and_resumed_with_others(tmp_path, whole):
    with pytest.raises(sweep.Interrupted):
        tiny.execute(tmp_path, stop=Stop(1))
    same(tiny.execute(tmp_path, lanes=6), whole, but=("lanes", "fingerprint"))
    assert not (tmp_path / "checkpoints").exists()


def test_fewer_trials_than_before_and_then_all_again(tmp_path, whole):
    with pytest.raises(sweep.Interrupted):
        tiny.execute(tmp_path, stop=Stop(5))
    few = tiny.execute(tmp_path, trials=tiny.TRIALS[2:5])
    np.testing.assert_array_equal(few.curves()["loss"], whole.curves()["loss"][2:5])
    same(tiny.execute(tmp_path), whole)


def test_a_space_of_seeds_alone(tmp_path):
    run = sweep.make_run(
        lambda hparams: (tiny.task({"initializer": 1}), adam(0.1)), steps=4, batch_size=8
    )
    trials = sweep.trials(["adam"], [{}], range(3))
    results = tiny.execute(tmp_path, programs={"adam": run}, trials=trials)
    assert [row["status"] for row in results.rows] == ["ok"] * 3
    assert len({row["validation_loss"] for row in results.rows}) == 3


def test_whole_and_broken_numbers_are_one_program(tmp_path):
    trials = sweep.trials(
        ["adam"], sweep.grid(initializer=["zeros"], learning_rate=[1, 2, 0.1]), [0]
    )
    results = tiny.execute(tmp_path, trials=trials, lanes=2)
    assert [row["status"] for row in results.rows] == ["ok"] * 3


@pytest.mark.parametrize("name", ["steps", "lanes"])
def test_a_hyperparameter_may_not_hide_a_column(tmp_path, name):
    point = {"initializer": "zeros", "learning_rate": 0.1, name: 7}
    with pytest.raises(ValueError, match=f"{name}: a row has a column of that name"):
        tiny.execute(tmp_path, trials=[sweep.Trial("adam", point, 0)])


def test_a_batch_of_padding_has_not_diverged(tmp_path):
    data = {**tiny.DATA, "train": {**tiny.TRAIN, "mask": np.zeros(40, np.float32)}}
    results = sweep.execute(
        {"adam": tiny.PROGRAMS["adam"]},
        tiny.TRIALS[:2],
        data,
        workdir=tmp_path,
        categories={"initializer": tiny.NAMES},
    )
    assert [row["status"] for row in results.rows] == ["ok"] * 2
    assert (results.curves()["loss"] == 0).all()


@pytest.mark.parametrize("after", [0, 1, 2, 4, 8])
def test_interrupted_and_resumed_gives_the_same_bits(tmp_path, whole, after):
    with pytest.raises(sweep.Interrupted):
        tiny.execute(tmp_path, stop=Stop(after))
    assert not (tmp_path / "curves.npz").exists()
    same(tiny.execute(tmp_path), whole)
    assert list(tmp_path.glob("checkpoints/*")) == []


def test_a_resumed_chunk_goes_on_and_does_not_begin_anew(tmp_path):
    with pytest.raises(sweep.Interrupted):
        tiny.execute(tmp_path, stop=Stop(1))  # after two of the first chunk's three segments
    progress = sweep.Progress()
    seen = []
    progress.show = lambda program: seen.append(progress.done)
    tiny.execute(tmp_path, progress=progress)
    assert seen[2] == pytest.approx(4 * 2 / 3)  # start, compiled, resumed


def test_a_state_is_not_gone_on_with_by_an_optimizer_whose_state_looks_the_same(tmp_path):
    """Adamax has Adam's leaves, by path, shape and dtype."""
    trials = [trial for trial in tiny.TRIALS if trial.program == "adam"][:4]
    begun, other = ({"adam": tiny.program(each)} for each in (optax.adam, optax.adamax))
    with pytest.raises(sweep.Interrupted):
        tiny.execute(tmp_path / "begun", begun, trials, stop=Stop(0))
    assert list(tmp_path.glob("begun/checkpoints/*/step_*"))
    same(
        tiny.execute(tmp_path / "begun", other, trials),
        tiny.execute(tmp_path / "whole", other, trials),
    )


def test_a_finished_sweep_is_not_run_again(tmp_path, whole):
    first = tiny.execute(tmp_path)
    progress = sweep.Progress()
    before = (tmp_path / "trials.jsonl").read_bytes()
    draft = tmp_path / ".curves.npz.1234.draft"  # of a process that was killed
    draft.touch()
    again = tiny.execute(tmp_path, progress=progress)
    assert not draft.exists()
    assert progress.compilations == 0
    assert (tmp_path / "trials.jsonl").read_bytes() == before
    same(again, first)


def test_more_trials_can_be_added_to_a_sweep(tmp_path, whole):
    tiny.execute(tmp_path, trials=tiny.TRIALS[:7])
    same(tiny.execute(tmp_path), whole)


def test_programs_of_different_lengths_share_a_sweep(tmp_path, whole):
    def short(hparams, state, data):
        state, curves = tiny.PROGRAMS["adam"].advance(hparams, state, data)
        return state, {"loss": curves["loss"][:1]}

    programs = {**tiny.PROGRAMS, "adam": tiny.PROGRAMS["adam"]._replace(advance=short)}
    results = tiny.execute(tmp_path, programs=programs)
    loss, expected = results.curves()["loss"], whole.curves()["loss"]
    np.testing.assert_array_equal(loss[12:], expected[12:])
    np.testing.assert_array_equal(loss[:12, :3], expected[:12, ::4])
    assert np.isnan(loss[:12, 3:]).all()


def test_a_curve_as_a_frame(whole):
    trials = whole.to_pandas().iloc[[5, 2]]
    frame = whole.curve_frame("loss", trials)
    assert frame["step"].tolist() == [*range(1, 13)] * 2
    assert frame["trial"].tolist() == [whole.rows[5]["trial"]] * 12 + [whole.rows[2]["trial"]] * 12
    np.testing.assert_array_equal(frame["loss"], whole.curves()["loss"][[5, 2]].ravel())


def test_replay_gives_the_state_behind_a_row(whole):
    trial, row = tiny.TRIALS[9], whole.rows[9]
    state = sweep.replay(
        tiny.PROGRAMS[trial.program],
        trial,
        tiny.DATA,
        segments=tiny.SEGMENTS,
        lanes=row["lanes"],
        categories={"initializer": tiny.NAMES},
        row=row,
    )
    assert int(state.step) == 12
    task = tiny.task({"initializer": 0})  # the initializer no longer matters
    loss = train.evaluate(task, state, [tiny.HELD_OUT])["loss"]
    assert loss == pytest.approx(row["validation_loss"], rel=1e-6)


def test_a_replay_that_is_not_the_model_of_its_row_says_so(whole):
    trial, row = tiny.TRIALS[9], {**whole.rows[9], "validation_loss": 0.5}
    with pytest.warns(UserWarning, match="run again has validation_loss .* its row says 0.5"):
        sweep.replay(
            tiny.PROGRAMS[trial.program],
            trial,
            tiny.DATA,
            segments=tiny.SEGMENTS,
            lanes=row["lanes"],
            categories={"initializer": tiny.NAMES},
            row=row,
        )


def test_wrong_trials_are_refused_before_anything_runs(tmp_path):
    def refused(message, **options):
        with pytest.raises(ValueError, match=message):
            tiny.execute(tmp_path, **options)
        assert not (tmp_path / "trials.jsonl").exists()

    point = {"initializer": "zeros", "learning_rate": 0.1}
    refused("not given: lion", trials=[sweep.Trial("lion", point, 0)])
    unknown = [sweep.Trial("adam", {**point, "initializer": "ones"}, 0)]
    refused("'ones' is none of zeros, he_normal", trials=unknown)
    mixed = [sweep.Trial("adam", point, 0), sweep.Trial("adam", {**point, "decay": 0.9}, 0)]
    refused("different hyperparameters", trials=mixed)
    refused("list its values in `categories`", trials=tiny.TRIALS, categories={})


def test_seconds_are_predicted_of_what_is_left_to_do():
    def predict(trials):
        return sweep.predict_seconds(
            tiny.PROGRAMS,
            trials,
            tiny.DATA,
            segments=tiny.SEGMENTS,
            categories={"initializer": tiny.NAMES},
        )

    assert predict([]) == 0
    assert predict(tiny.TRIALS) > 0


@pytest.mark.parametrize("segments", [3, 12])
def test_a_step_that_is_skipped_is_survived(tmp_path, segments):
    x = tiny.X[:40].copy()
    x[0] = np.nan  # in one of the five batches of an epoch
    data = {**tiny.DATA, "train": {**tiny.TRAIN, "x": x}}
    trials = [trial for trial in tiny.TRIALS if trial.program == "adam"]
    steps = tiny.STEPS * tiny.SEGMENTS // segments
    run = sweep.make_run(
        lambda h: (tiny.task(h), optax.apply_if_finite(adam(h["learning_rate"]), 100)),
        steps=steps,
        batch_size=tiny.BATCH,
    )
    found = sweep.execute(
        {"adam": run},
        trials,
        data,
        workdir=tmp_path,
        segments=segments,
        categories={"initializer": tiny.NAMES},
    )
    skipped = np.isnan(found.curves()["loss"]).sum(axis=1)
    assert set(skipped) <= {2, 3}  # 12 steps of five batches each
    for row, count in zip(found.rows, skipped, strict=True):
        assert (row["status"], row["steps"]) == ("ok", 12)
        assert row["message"] == f"went on after {count} steps whose loss was not finite"
        assert np.isfinite(row["validation_loss"])


def test_bad_data_are_said_to_be_the_reason(tmp_path):
    data = {**tiny.DATA, "train": {**tiny.TRAIN, "x": np.full_like(tiny.TRAIN["x"], np.nan)}}
    with pytest.warns(sweep.NoResult, match="2 diverged; the first, of adam: .* 120 numbers"):
        found = sweep.execute(
            {"adam": tiny.PROGRAMS["adam"]},
            tiny.TRIALS[:2],
            data,
            workdir=tmp_path,
            segments=3,
            categories={"initializer": tiny.NAMES},
        )
    assert {row["status"] for row in found.rows} == {"diverged"}
    assert {row["message"] for row in found.rows} == {
        "loss not finite from step 1 on; data['train']['x'] holds 120 numbers that are not finite"
    }


def test_a_loss_that_overflows_has_diverged_though_the_parameters_have_not(tmp_path):
    """Parameters of 1e25 are numbers; their squares, and so the loss, are none."""

    def init(hparams, key, data):
        return TrainState(jnp.zeros((), jnp.int32), key, jnp.float32(1e5), {}, ())

    def advance(hparams, state, data):
        def body(state, _):
            params = state.params * hparams["growth"]
            return state._replace(step=state.step + 1, params=params), {"loss": params**2}

        return jax.lax.scan(body, state, length=5)

    run = sweep.Run(init, advance, lambda hparams, state, data: {"loss_now": state.params**2})
    trials = sweep.trials(["a"], sweep.grid(growth=[1.0, 1e5]), [0])
    found = sweep.execute({"a": run}, trials, {"train": {}}, workdir=tmp_path)
    assert [(row["status"], row["steps"]) for row in found.rows] == [("ok", 5), ("diverged", 3)]


@pytest.mark.parametrize(
    ("name", "labels"),
    [("status", {}), ("learning_rate", {}), ("kind", {"adam": {"kind": "x"}}), ("loss", {})],
)
def test_an_evaluation_may_not_hide_a_column_or_a_curve(tmp_path, name, labels):
    run = tiny.PROGRAMS["adam"]._replace(evaluate=lambda h, state, data: {name: jnp.float32(0)})
    with pytest.raises(sweep.Failed, match=f"evaluates {name}: a row or its curves"):
        tiny.execute(tmp_path, programs={"adam": run}, trials=tiny.TRIALS[:1], labels=labels)


@pytest.mark.parametrize("value", [jnp.zeros(3), {"a": jnp.float32(0)}, ()])
def test_an_evaluation_is_a_single_number(tmp_path, value):
    run = tiny.PROGRAMS["adam"]._replace(evaluate=lambda h, state, data: {"score": value})
    with pytest.raises(sweep.Failed, match="evaluates score, no single number"):
        tiny.execute(tmp_path, programs={"adam": run}, trials=tiny.TRIALS[:1])


def test_ctrl_c_in_the_last_segment_ends_the_program_with_all_rows(tmp_path, whole):
    progress, sent = sweep.Progress(), []

    def show(program):
        if progress.done > len(tiny.TRIALS) - 0.1 and not sent:
            sent.append(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)

    progress.show = show
    with pytest.raises(sweep.Interrupted):
        tiny.execute(tmp_path, progress=progress)
    same(tiny.execute(tmp_path), whole)


def test_the_first_failure_is_that_of_its_program(tmp_path):
    def broken(name):
        def factory(rate):
            raise RuntimeError(f"of {name}")

        return tiny.program(factory)

    programs = {"momentum": broken("momentum"), "adam": broken("adam")}
    with pytest.raises(sweep.Failed, match="program momentum: RuntimeError: of momentum"):
        tiny.execute(tmp_path, programs=programs)


def beside(model_state):
    """The program of `adam` whose states carry this model state, unused."""
    inner = tiny.PROGRAMS["adam"]

    def init(hparams, key, data):
        return inner.init(hparams, key, data)._replace(model_state=model_state)

    def advance(hparams, state, data):
        moved, curves = inner.advance(hparams, state._replace(model_state={}), data)
        return moved._replace(model_state=state.model_state), curves

    def evaluate(hparams, state, data):
        return inner.evaluate(hparams, state._replace(model_state={}), data)

    return inner._replace(init=init, advance=advance, evaluate=evaluate)


@pytest.mark.parametrize(
    ("model_state", "status"),
    [
        ({"best": {"value": jnp.float32(jnp.inf)}}, "ok"),
        (jnp.array([jnp.inf, 0.0]), "ok"),
        ({"batch_stats": {"mean": jnp.array([jnp.inf, 0.0])}}, "diverged"),
        ({"generator": {"batch_stats": {"mean": jnp.array([jnp.nan])}}}, "diverged"),
    ],
    ids=["best", "array", "statistics", "statistics of a part"],
)
def test_only_running_statistics_must_be_finite_in_a_model_state(tmp_path, model_state, status):
    programs = {"adam": beside(model_state)}
    lost = pytest.warns(sweep.NoResult) if status == "diverged" else contextlib.nullcontext()
    with lost:
        found = tiny.execute(tmp_path, programs=programs, trials=tiny.TRIALS[:2])
    assert {row["status"] for row in found.rows} == {status}


def test_an_evaluation_that_is_no_number_is_said(tmp_path):
    run = tiny.PROGRAMS["adam"]._replace(evaluate=lambda h, s, d: {"value": jnp.float32(jnp.nan)})
    found = tiny.execute(tmp_path, programs={"adam": run}, trials=tiny.TRIALS[:1])
    row = found.rows[0]
    assert (row["status"], row["message"]) == ("ok", "not a finite number: value")


def test_a_trial_may_not_be_there_twice(tmp_path):
    with pytest.raises(ValueError, match="is there twice"):
        tiny.execute(tmp_path, trials=[tiny.TRIALS[0], tiny.TRIALS[0]])


@pytest.mark.parametrize("options", [{"segments": 0}, {"segments": -1}, {"lanes": 0}])
def test_counts_that_mean_to_do_nothing_are_refused(tmp_path, options):
    with pytest.raises(ValueError, match=r"(segments|lanes) must be >= 1, not"):
        tiny.execute(tmp_path, **options)


ONE_STEP = {"steps": 1, "batch_size": 8}


@pytest.mark.parametrize(
    "counts",
    [{"steps": 0}, {"batch_size": 0}, {"accumulate": 0}, {"evaluate_train": 0}, {"reestimate": -1}],
)
def test_a_run_of_no_steps_or_examples_is_refused(counts):
    name, count = next(iter(counts.items()))
    with pytest.raises(ValueError, match=f"{name} must be >= ., not {count}"):
        sweep.make_run(
            lambda h: (tiny.task(h), adam(0.1)), **{"steps": 1, "batch_size": 8, **counts}
        )


def test_a_kept_state_is_the_model_of_its_row(tmp_path, whole):
    results = tiny.execute(tmp_path, keep_states=True)
    categories = {"initializer": tiny.NAMES}
    for number in (3, 17):
        trial, row = tiny.TRIALS[number], results.rows[number]
        arguments = (tiny.PROGRAMS[trial.program], trial, row, tiny.DATA, categories)
        state = sweep.kept_state(tmp_path, *arguments)
        again = sweep.replay(
            tiny.PROGRAMS[trial.program],
            trial,
            tiny.DATA,
            segments=tiny.SEGMENTS,
            lanes=row["lanes"],
            categories=categories,
        )
        for ours, theirs in zip(jax.tree.leaves(state), jax.tree.leaves(again), strict=True):
            assert ours.dtype == theirs.dtype
            assert jnp.array_equal(ours, theirs)
        assert sweep.kept_state(tmp_path / "elsewhere", *arguments) is None
    assert results.rows == whole.rows


def test_the_training_split_can_be_evaluated_without_being_given_twice(tmp_path):
    run = sweep.make_run(
        lambda h: (tiny.task(h), adam(h["learning_rate"])),
        steps=4,
        batch_size=tiny.BATCH,
        evaluate_train=16,
    )
    data = {**tiny.DATA, "again": padded_batches(tiny.TRAIN, 16)}
    found = sweep.execute(
        {"adam": run},
        tiny.TRIALS[:4],
        data,
        workdir=tmp_path,
        categories={"initializer": tiny.NAMES},
    )
    for row in found.rows:
        assert row["train_loss"] == row["again_loss"]
        assert row["train_accuracy"] == row["again_accuracy"]
