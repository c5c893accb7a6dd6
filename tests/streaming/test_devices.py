"""Streams over a mesh in one process; tests/faults/test_streaming_processes.py has several."""

import flax.linen as nn
import jax
import numpy as np
import optax
import pytest
from jax.sharding import Mesh, PartitionSpec
from support.compiling import compiled
from support.streams import DATA, STEPS, after, fit, rows

from jaxdl import distributed, parallel, params, streaming, tasks
from jaxdl.data.batches import epochs
from jaxdl.layers import Dropout
from jaxdl.streaming.agreement import Agreement
from jaxdl.streaming.saving import Saver
from jaxdl.streaming.stream import Stream

TX = optax.adam(0.1)


class Net(nn.Module):
    """A line behind noise, which tells the rows of a batch apart by their places."""

    @nn.compact
    def __call__(self, x, *, train):
        return nn.Dense(1)(Dropout(0.2)(nn.Dense(8)(x), train=train))


TASK = tasks.regression(Net())


def split(shape, mesh):
    """Axes of 8 over the devices, however short."""
    return PartitionSpec(*["data" if length == 8 else None for length in shape])


def over(devices):
    return parallel.StepOver(Mesh(np.array(jax.devices()[:devices]), ("data",)), split)


def joined(step):
    mine = parallel.rows_here(step.mesh, 8)
    return parallel.Joined(step.mesh, epochs(DATA, 8, 0, rows=mine))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("whole") / "run"
    return workdir, fit(workdir, TASK, TX, step=over(2))


def test_stopped_on_two_devices_it_ends_with_the_same_bits(tmp_path, whole):
    with pytest.raises(streaming.Interrupted):
        fit(tmp_path, TASK, TX, step=over(2), stop=after(9))
    step = over(2)
    state = fit(tmp_path, TASK, TX, joined(step), step=step)
    assert params.digest(state) == params.digest(whole[1])
    assert rows(tmp_path) == rows(whole[0])
    kernel = state.params["Dense_1"]["kernel"]
    assert kernel.addressable_data(0).shape == (3, 4)


def test_a_run_moves_from_one_device_to_two_and_back(tmp_path, whole):
    for stop, options in enumerate(({}, {"step": over(2)}, {"step": over(1)}), start=1):
        with pytest.raises(streaming.Interrupted):
            fit(tmp_path, TASK, TX, stop=after(3 + stop), **options)
    state = fit(tmp_path, TASK, TX)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        state.params,
        whole[1].params,
    )


def test_the_step_over_a_mesh_is_compiled_once(tmp_path):
    with pytest.raises(streaming.Interrupted):
        fit(tmp_path, TASK, TX, step=over(2), stop=after(2))
    with compiled() as names:
        fit(tmp_path, TASK, TX, step=over(2), steps=STEPS)
    assert [name for name in names if "advance" in name] == []


def test_a_batch_that_the_devices_do_not_divide_is_refused(tmp_path):
    with pytest.raises(ValueError, match="should evenly divide"):
        fit(tmp_path, TASK, TX, epochs(DATA, 5, 0), step=over(2))


# What one process can show of several


def test_each_process_reads_rows_of_its_own_which_make_up_the_batch():
    source = epochs(DATA, 8, 3)
    parts = [epochs(DATA, 8, 3, rows=slice(*rows)) for rows in ((0, 3), (3, 4), (4, None))]
    for number in range(12):  # over the end of two epochs
        if number == 6:
            state = source.get_state()
            for part in parts:  # the position is one for all
                assert part.get_state() == state
                part.set_state(state)
        expected, found = next(source), [next(part) for part in parts]
        for name, array in expected.items():
            assert np.array_equal(np.concatenate([rows[name] for rows in found]), array)
    with pytest.raises(ValueError, match=r"slice\(8, 9, None\) takes no row of a batch of 8"):
        epochs(DATA, 8, 3, rows=slice(8, 9))


def test_positions_of_other_processes_are_refused():
    stream = Stream(epochs(DATA, 8, 0))
    assert stream.positions() == stream.position()
    stream.move([stream.position()])
    with pytest.raises(streaming.Refused, match="each of 3 processes had its own position"):
        stream.move([stream.position()] * 3)


def test_the_steps_of_several_processes_need_a_mesh_of_all(tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    for options in ({}, {"step": over(2)}):
        with pytest.raises(ValueError, match=r"there are 2 processes: step=parallel\.StepOver"):
            fit(tmp_path, TASK, TX, **options)


def test_processes_meet_seldom_and_in_time(tmp_path, monkeypatch):
    """Half the time that is left before a save is due, and never later than `most` steps."""
    now, met = [0.0], []

    def everyones(numbers):
        met.append(step)
        return np.array([numbers, [0] * len(numbers)])

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(distributed, "everyones", everyones)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with Saver(tmp_path, 64.0, None, 1) as saver:
        saver.wait()
        agreement, saved = Agreement(saver, None, 40, 0), []
        for step in range(1, 101):
            now[0] += 1.0
            if agreement.after(step, False).save:
                saved.append(step)
                saver.begin(step)
    assert saved == [64]
    assert met[:8] == [1, 32, 48, 56, 60, 62, 63, 64]
    assert len(met) < 12


def test_what_fails_in_one_process_waits_for_the_meeting(tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(distributed, "everyones", lambda mine: np.array([mine, mine]))
    with Saver(tmp_path, None, None, 1) as saver:
        agreement = Agreement(saver, None, 3, 0)
        agreement.after(1, False)
        with agreement.held():
            raise OSError("no space left")
        for step in (2, 3):
            assert not any(agreement.after(step, False))
        with pytest.raises(OSError, match="no space left"), distributed.one_end():
            agreement.after(4, False)
