"""Training data on the host: the numbers of the same data on the devices, and little memory."""

import resource

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import tiny_sweep as tiny

from jaxdl import params, sweep, train
from jaxdl.data.batches import padded_batches
from jaxdl.optimizers import momentum
from jaxdl.sweep import blocks, chunk, compilation, hosted, hosted_programs

ROW = 3 * 4 + 4  # bytes of a row of tiny.TRAIN
PROGRAMS = {"adam": tiny.PROGRAMS["adam"]}
POINTS = sweep.grid(initializer=["he_normal"], learning_rate=tiny.RATES)
TRIALS = sweep.trials(["adam"], POINTS, [0, 1])


def kept(block_bytes=2**20, arrays=tiny.TRAIN):
    return {**tiny.DATA, "train": sweep.Hosted(arrays, block_bytes=block_bytes)}


def execute(workdir, data, programs=PROGRAMS, **options):
    common = {"segments": tiny.SEGMENTS, "categories": {"initializer": tiny.NAMES}, "lanes": 4}
    return sweep.execute(programs, TRIALS, data, workdir=workdir, **{**common, **options})


def assert_same(found, expected):
    assert found.rows == expected.rows  # fingerprints, too
    curves, theirs = found.curves(), expected.curves()
    assert set(curves) == set(theirs)
    for name, values in curves.items():
        np.testing.assert_array_equal(values, theirs[name])


@pytest.fixture(scope="module")
def resident(tmp_path_factory):
    """With all data on the devices."""
    return execute(tmp_path_factory.mktemp("resident"), tiny.DATA)


# Of one step, and of two or three, where both lanes of a device read rows of the other.
@pytest.mark.parametrize("block_bytes", [1, 20 * ROW])
def test_a_sweep_has_the_bits_of_resident_data(tmp_path, resident, block_bytes):
    assert_same(execute(tmp_path, kept(block_bytes)), resident)


@pytest.mark.parametrize("ways", [(kept(1), tiny.DATA), (tiny.DATA, kept(20 * ROW))])
def test_an_interrupted_sweep_goes_on_with_data_elsewhere(tmp_path, resident, ways):
    first, then = ways
    asked = iter([False, True])
    with pytest.raises(sweep.Interrupted):
        execute(tmp_path, first, stop=lambda: next(asked))
    assert_same(execute(tmp_path, then), resident)


def test_lanes_side_by_side_rungs_and_accumulation(tmp_path):
    run = sweep.make_run(
        lambda hparams: (tiny.task(hparams), momentum(hparams["learning_rate"])),
        steps=3,
        batch_size=4,
        accumulate=2,
    )
    common = {"programs": {"adam": run}, "batched": True, "prune": tiny.HALVING}
    expected = execute(tmp_path / "resident", tiny.DATA, **common)
    assert_same(execute(tmp_path / "hosted", kept(10 * ROW), **common), expected)


def test_of_a_trial_that_diverges_the_data_are_looked_at(tmp_path):
    arrays = {**tiny.TRAIN, "x": np.where(tiny.X[:40] > 1.5, np.inf, tiny.X[:40])}
    with pytest.warns(sweep.NoResult):
        row = execute(tmp_path, kept(20 * ROW, arrays), segments=1).rows[0]
    assert row["status"] == "diverged"
    count = np.sum(~np.isfinite(arrays["x"]))
    assert row["message"].endswith(f"data['train']['x'] holds {count} numbers that are not finite")


def test_a_file_is_never_read_whole(tmp_path):
    """Four gigabytes of zeros, which take no room on the disk."""
    rows, row = 2**16, 2**14
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (rows, row))
    data = {"train": sweep.Hosted({"x": x, "y": np.arange(rows) % 2}, block_bytes=16 * row * 4)}
    data["train"].known[params.digest({})] = "told"  # or else read, in pieces, to be known

    def learn(hparams):
        def step(state, batch):
            seen = jnp.sum(batch["y"] + batch["x"][:, 0])
            return state._replace(step=state.step + 1), {"seen": seen + hparams["rate"]}

        return step

    def rows_of(hparams, key, step, examples):
        return (1009 * (8 * step + jnp.arange(48)) % examples).reshape(6, 8)

    def init(hparams, key, data):
        return train.TrainState(jnp.int32(0), key, {}, {}, {})

    run = sweep.Run(init, sweep.ByRows(rows_of, learn), lambda *_: {})
    trials = sweep.trials(["r"], sweep.grid(rate=[0.0]), [0, 1])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = sweep.execute({"r": run}, trials, data, workdir=tmp_path / "run", segments=2)
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert more < 2**18  # KiB; two blocks on each of two devices are 4 MiB
    expected = (1009 * np.arange(96) % rows % 2).reshape(12, 8).sum(axis=1)
    np.testing.assert_array_equal(found.curves()["seen"][1], expected)


class Source:
    """Rows by number, as array_record and grain have them."""

    def __len__(self):
        return 40

    def __getitem__(self, row):
        return {"x": tiny.X[row], "y": tiny.Y[row]}


def test_a_source_of_rows_is_as_their_arrays(tmp_path, resident):
    data = kept(20 * ROW, Source())
    assert hosted.content(data) == hosted.content(kept()) == params.digest(tiny.DATA)
    assert execute(tmp_path, data).rows == resident.rows


def test_a_block_ends_before_the_step_that_it_has_no_room_for():
    rows = np.array([[3, 1], [1, 3], [4, 3], [7, 8]])
    assert [blocks.fitting(rows, room).steps for room in (2, 3, 4, 5)] == [2, 3, 3, 4]
    assert blocks.fitting(rows, 3).rows.tolist() == [1, 3, 4, 7, 8]
    assert blocks.fitting(rows, 3).first.tolist() == [0, 0, 2, 3, 3]
    assert blocks.fitting(np.zeros((4, 0), int), 1).steps == 4


def test_the_size_of_a_block():
    data = sweep.Hosted({"x": np.zeros((100, 5), np.float64)}, block_bytes=800)
    assert data.row_bytes == 20
    assert blocks.size_of(data, (9, 4), lanes=2) == (40, 9)  # 40 rows; 25 steps of 8 numbers
    assert blocks.size_of(data, (99, 4), lanes=2) == (40, 25)
    assert blocks.size_of(data, (99, 30), lanes=2) == (60, 3)  # those of a step
    assert blocks.size_of(data, (99, 99), lanes=2) == (100, 2)  # all that there are


def of_all_rows(state, data):
    return state._replace(params=jax.tree.map(lambda p: p + data["train"]["x"].sum(), state.params))


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("advance", lambda run: run.advance.__call__, "does not say which rows it reads"),
        (
            "evaluate",
            lambda run: lambda h, s, data: run.evaluate(h, of_all_rows(s, data), data),
            "the run's evaluate reads it",
        ),
        (
            "init",
            lambda run: lambda h, key, data: of_all_rows(run.init(h, key, data), data),
            "the run's init reads it",
        ),
    ],
)
def test_a_run_that_wants_all_rows_is_told_so(part, change, message):
    run = tiny.PROGRAMS["adam"]
    run = run._replace(**{part: change(run)})
    hparams = chunk.columns(TRIALS[:1], {"initializer": tiny.NAMES})
    with pytest.raises(ValueError, match=message) as caught:
        hosted_programs.streamed(run, sweep.place(), compilation.one_trial(hparams), kept(), 2, "")
    assert "\n" not in str(caught.value)


def test_what_cannot_be_hosted(tmp_path):
    for wrong, message in (
        ({}, "one common length above 0"),
        ({"x": np.zeros(2), "y": np.zeros(3)}, "one common length above 0"),
        ({"x": np.array(["a"])}, "'x' is <U1, which no device holds"),
        (iter([1]), "arrays by name or a source of rows, not <list_iterator"),
        ([1, 2], "a row of hosted data is a dict of arrays, not int"),
    ):
        with pytest.raises(ValueError, match=message):
            sweep.Hosted(wrong)
    with pytest.raises(ValueError, match="block_bytes must be >= 1"):
        sweep.Hosted(tiny.TRAIN, block_bytes=0)
    held_out = sweep.Hosted(padded_batches(tiny.HELD_OUT, 16))
    with pytest.raises(ValueError, match=r"data\['validation'\] is Hosted, which only"):
        execute(tmp_path, {**tiny.DATA, "validation": held_out})
