"""A checkpoint is whole and verified, or it is not used: checked with real kills, limits, flips."""

import errno
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from support.compiling import compiled

from jaxdl import _files, checkpoint
from jaxdl.types import TrainState

DTYPES = [
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
    *(ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.int4),
]
F = np.float32

# Starts in seconds, then forks a fresh child in milliseconds for each line of source it is sent.
SERVER = """
import json, os, sys, traceback
import orbax.checkpoint
from jaxdl import _files, checkpoint
for line in sys.stdin:
    source, arguments = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            exec(source, {"arguments": arguments, "checkpoint": checkpoint, "_files": _files})
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

SAVE_ON = """
import numpy as np
directory, step = arguments
while True:
    tree = {"step": np.int64(step), "w": np.full(30_000, step, np.float32)}
    checkpoint.save(directory, step, tree, {"step": step})
    step += 1
"""

# Python announces each rename and removed directory before it is done: die at the n-th.
SAVE_AND_DIE = """
import os, signal, sys
import numpy as np
directory, step, value, moment = arguments
def die(event, _):
    global moment
    if event in ("os.rename", "os.rmdir"):
        moment -= 1
        if moment < 0:
            os.kill(os.getpid(), signal.SIGKILL)
import jax
jax.devices()
sys.addaudithook(die)
checkpoint.save(directory, step, {"w": np.full(3, value, np.float32)}, keep=1)
"""

FILL_THE_DISK = """
import resource, signal
import numpy as np
directory, target, limits = arguments
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
tree = {"w": np.random.default_rng(0).standard_normal((500, 500))}
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
for limit in limits:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    for call in (lambda: checkpoint.save(directory, 2, tree),
                 lambda: _files.write_atomic(target, "x" * 2_000_000)):
        try:
            call()
        except OSError as error:
            assert "File too large" in str(error), error
        else:
            raise AssertionError(limit)
"""

RESTORE = """
import warnings
import numpy as np
directory, step = arguments
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    found = checkpoint.restore(directory, {"w": np.zeros(3, np.float32)})
assert found.step == step and (found.tree["w"] == step).all(), found
assert len(caught) == 1, caught
"""

HOLD = """
import pathlib, time
workdir, = arguments
with checkpoint.lock(workdir):
    pathlib.Path(workdir, "held").touch()
    time.sleep(60)
"""

OUTLIVE = """
import os, signal, time
workdir, = arguments
with checkpoint.lock(workdir):
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
try:
    with checkpoint.lock(workdir):
        pass
finally:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


SAVE_AND_LEAVE = """
import os
import numpy as np
os.chdir(arguments[0])
checkpoint.save("here", 1, {"w": np.ones(3, np.float32)})
os._exit(0)
"""


class Children:
    """Fresh processes, one at a time."""

    def __init__(self, log):
        command = [sys.executable, "-W", "ignore", "-c", SERVER]
        self._log = log
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )

    def start(self, source, *arguments):
        """The process id of a new child."""
        self._log.truncate(0)
        self._server.stdin.write(json.dumps([source, arguments]) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def wait(self):
        """The child's exit code, and what it wrote to stderr."""
        code = int(self._server.stdout.readline())
        return code, Path(self._log.name).read_text()

    def close(self):
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()


@pytest.fixture(scope="module")
def children(tmp_path_factory):
    with (tmp_path_factory.mktemp("children") / "stderr").open("a") as log:
        server = Children(log)
        yield server
        server.close()


def simple(value):
    return {"w": np.full(3, value, np.float32)}


def saved(directory, *steps, keep=9):
    for step in steps:
        checkpoint.save(directory, step, simple(step), {"at": step}, keep=keep)


def files(path):
    return sorted(file for file in path.rglob("*") if file.is_file())


def wait_for(path):
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not appear"
        time.sleep(0.005)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def assert_same_bits(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert type(one) is type(other)
        if isinstance(other, jax.Array):
            assert one.aval == other.aval
            if jnp.issubdtype(other.dtype, jax.dtypes.prng_key):
                assert jax.random.key_impl(one) == jax.random.key_impl(other)
                one, other = jax.random.key_data(one), jax.random.key_data(other)
        one, other = np.asarray(one), np.asarray(other)
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()


# What is saved comes back


class Pair(NamedTuple):
    left: object
    right: object


def train_state():
    params = {"dense": {"kernel": jnp.arange(6.0).reshape(2, 3), "bias": jnp.zeros(3)}}
    tx = optax.chain(optax.clip(1.0), optax.adam(1e-3))
    return TrainState(jnp.int32(7), jax.random.key(3), params, {}, tx.init(params))


TREES = {
    "train state": train_state,
    "weak types of L-BFGS": lambda: jax.jit(optax.lbfgs().init)({"w": jnp.ones(3)}),
    "weak arrays": lambda: {"f": jnp.full((2, 3), 0.1), "i": jnp.asarray(3), "s": jnp.zeros(2)},
    "keys": lambda: [
        jax.random.key(0),
        jax.random.split(jax.random.key(1, impl="rbg"), (2, 3)),
        jax.random.split(jax.random.key(2), 0),
        jax.random.PRNGKey(5),
    ],
    "empty": dict,
    "only structure": lambda: (None, optax.EmptyState(), {"a": ()}),
    "no elements": lambda: {"x": jnp.zeros((0, 3)), "y": np.zeros((2, 0), np.int8)},
    "scalars": lambda: [np.float32(2.5), np.int64(-1), np.array(True), 3, 2.5, True, 1 - 2j],
    "order and layout": lambda: {
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "strided": np.arange(10)[::3],
    },
    "special values": lambda: np.array([np.nan, -np.nan, np.inf, -0.0, 5e-324]),
    "odd names": lambda: {"a/b": {"..": 1, "": 2}, "a": {"b/..": 3, "\u00e9\n": 4}, "a.b": 5},
    "more than ten leaves": lambda: [np.int32(i) for i in range(23)],
    "types of container": lambda: Pair([jnp.ones(2)], (np.ones(1), {"z": np.zeros(2), "a": 1})),
}


@pytest.mark.parametrize("name", TREES)
def test_a_tree_comes_back_to_the_bit(tmp_path, name):
    tree = TREES[name]()
    path = checkpoint.save(tmp_path, 12, tree, {"epoch": 3, "note": "é"})
    assert path == tmp_path / "step_00000012"
    found = checkpoint.restore(tmp_path, tree)
    assert found.step == 12
    assert found.meta == {"epoch": 3, "note": "é"}
    assert_same_bits(found.tree, tree)


def test_an_abstract_template_gives_the_same_arrays(tmp_path):
    tree = {name: TREES[name]() for name in ("train state", "weak types of L-BFGS", "keys")}
    checkpoint.save(tmp_path, 0, tree)
    found = checkpoint.restore(tmp_path, jax.eval_shape(lambda: tree))
    assert found.meta == {}
    assert_same_bits(found.tree, tree)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: np.dtype(dtype).name)
@pytest.mark.parametrize("as_jax", [False, True], ids=["numpy", "jax"])
def test_every_dtype_comes_back(tmp_path, dtype, as_jax):
    array = np.arange(-3, 4).astype(dtype).reshape(7, 1)
    with jax.enable_x64(True):
        tree = jnp.asarray(array) if as_jax else array
    checkpoint.save(tmp_path, 1, tree)
    assert_same_bits(checkpoint.restore(tmp_path, tree).tree, tree)


def test_64_bits_survive_a_session_of_32(tmp_path):
    with jax.enable_x64(True):
        tree = {"strong": jnp.arange(3.0) / 3, "weak": jnp.asarray(0.1), "int": jnp.asarray(2**40)}
        template = jax.eval_shape(lambda: tree)
    checkpoint.save(tmp_path, 1, tree)
    assert_same_bits(checkpoint.restore(tmp_path, template).tree, tree)


@settings(max_examples=8, deadline=None)
@given(st.dictionaries(st.text(), st.lists(st.floats(width=32), max_size=3), max_size=4))
def test_any_dict_comes_back(tmp_path_factory, columns):
    tree = {name: np.array(column, np.float32) for name, column in columns.items()}
    directory = tmp_path_factory.mktemp("any")
    checkpoint.save(directory, 0, tree)
    assert_same_bits(checkpoint.restore(directory, tree).tree, tree)


def test_a_restored_state_is_not_compiled_again(tmp_path):
    @jax.jit
    def step(state):
        params, rate = state
        return params * rate, rate * 0.5

    state = step((jnp.ones(3, jnp.bfloat16), jnp.asarray(0.1)))
    assert state[1].weak_type
    state = step(state)
    checkpoint.save(tmp_path, 1, state)
    found = checkpoint.restore(tmp_path, state)
    with compiled() as names:
        assert_same_bits(step(found.tree), step(state))
    assert names == []


@pytest.mark.parametrize("abstract", [False, True])
def test_arrays_go_where_the_template_lies(tmp_path, abstract):
    mesh = Mesh(np.array(jax.devices()), ("trial",))
    split = NamedSharding(mesh, PartitionSpec("trial"))
    x = np.arange(8.0, dtype=np.float32).reshape(4, 2)
    keys = jax.random.split(jax.random.key(0), 4)
    checkpoint.save(tmp_path, 1, jax.device_put({"x": x, "key": keys}, split))
    like = {"x": jax.device_put(x * 0, split), "key": jax.device_put(keys, split)}
    if abstract:
        like = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=split), like)
    on_two = checkpoint.restore(tmp_path, like).tree
    assert on_two["x"].sharding == split
    assert on_two["key"].sharding == split
    on_one = checkpoint.restore(tmp_path, {"x": jnp.asarray(x), "key": keys}).tree
    assert len(on_one["x"].sharding.device_set) == 1
    for found in (on_two, on_one):
        assert (np.asarray(found["x"]) == x).all()
        assert (jax.random.key_data(found["key"]) == jax.random.key_data(keys)).all()


# Which checkpoints stay


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_the_newest_stay(tmp_path, keep):
    saved(tmp_path, 1, 5, 99_999_999, 100_000_000, keep=keep)
    expected = ["step_00000001", "step_00000005", "step_99999999", "step_100000000"][-keep:]
    assert names(tmp_path) == sorted(expected)
    assert checkpoint.restore(tmp_path, simple(0)).step == 100_000_000


def test_going_on_from_an_earlier_step_removes_no_good_one(tmp_path):
    saved(tmp_path, 4, 8, 12)
    flip(tmp_path / "step_00000012" / "contents.json", 0)
    saved(tmp_path, 10, keep=2)
    assert names(tmp_path) == ["step_00000008", "step_00000010", "step_00000012"]
    with pytest.warns(UserWarning, match="step_00000012"):
        assert checkpoint.restore(tmp_path, simple(0)).step == 10
    saved(tmp_path, 12, keep=2)
    assert names(tmp_path) == ["step_00000010", "step_00000012"]
    assert checkpoint.restore(tmp_path, simple(0)).step == 12


def test_a_step_saved_again_is_replaced(tmp_path):
    saved(tmp_path, 3)
    checkpoint.save(tmp_path, 3, simple(-1))
    assert names(tmp_path) == ["step_00000003"]
    assert checkpoint.restore(tmp_path, simple(0)).tree["w"][0] == -1


# Damage


def flip(file, position):
    content = bytearray(file.read_bytes())
    content[position] ^= 1 << (position % 8)
    file.write_bytes(content)


def truncate(file):
    os.truncate(file, file.stat().st_size // 2)


def test_a_flipped_byte_in_any_file_is_noticed(tmp_path):
    saved(tmp_path, 1, 2)
    newest = tmp_path / "step_00000002"
    assert len(files(newest)) >= 8
    for file in files(newest):
        original = file.read_bytes()
        for position in {0, len(original) // 3, len(original) - 1}:
            flip(file, position)
            with pytest.warns(UserWarning, match="step_00000002 is ignored"):
                assert checkpoint.restore(tmp_path, simple(0)).step == 1
            file.write_bytes(original)
    assert checkpoint.restore(tmp_path, simple(0)).step == 2


def test_a_flipped_byte_anywhere_in_the_seal_is_noticed(tmp_path):
    checkpoint.save(tmp_path, 1, {})
    seal = tmp_path / "step_00000001" / "seal.json"
    original = seal.read_bytes()
    for position in range(len(original)):
        flip(seal, position)
        with (
            pytest.warns(UserWarning, match="step_00000001"),
            pytest.raises(checkpoint.CheckpointError, match="step_00000001"),
        ):
            checkpoint.restore(tmp_path, {})
        seal.write_bytes(original)
    seal.write_bytes(original + b"\n")
    with (
        pytest.warns(UserWarning, match="seal.json is not as it was written"),
        pytest.raises(checkpoint.CheckpointError),
    ):
        checkpoint.restore(tmp_path, {})


@pytest.mark.parametrize("damage", [truncate, Path.unlink, lambda file: file.write_bytes(b"")])
def test_a_truncated_or_missing_file_is_noticed(tmp_path, damage):
    saved(tmp_path, 1, 2)
    newest = tmp_path / "step_00000002"
    for file in files(newest):
        original = file.read_bytes()
        damage(file)
        with pytest.warns(UserWarning, match="step_00000002 is ignored") as caught:
            assert checkpoint.restore(tmp_path, simple(0)).step == 1
        assert file.name in str(caught[0].message)
        file.write_bytes(original)
    assert checkpoint.restore(tmp_path, simple(0)).step == 2


def test_a_file_that_was_not_sealed_is_noticed(tmp_path):
    saved(tmp_path, 1, 2)
    (tmp_path / "step_00000002" / "arrays" / "more").write_text("x")
    with pytest.warns(UserWarning, match="arrays/more is not as it was sealed"):
        assert checkpoint.restore(tmp_path, simple(0)).step == 1
    (tmp_path / "step_00000002" / "arrays" / "more").unlink()
    os.mkfifo(tmp_path / "step_00000002" / "pipe")
    with pytest.warns(UserWarning, match="pipe is not a file"):
        assert checkpoint.restore(tmp_path, simple(0)).step == 1


def test_a_fresh_process_notices_a_flipped_weight(tmp_path, children):
    saved(tmp_path, 1, 2)
    weights = max(
        files(tmp_path / "step_00000002" / "arrays"), key=lambda file: file.stat().st_size
    )
    flip(weights, weights.stat().st_size // 2)
    children.start(RESTORE, str(tmp_path), 1)
    assert children.wait() == (0, "")


def test_all_bad_is_an_error_and_never_a_fresh_start(tmp_path):
    saved(tmp_path, 1, 2, 3)
    for path in tmp_path.iterdir():
        truncate(path / "contents.json")
    with (
        pytest.warns(UserWarning, match="contents.json is not as it was sealed") as caught,
        pytest.raises(checkpoint.CheckpointError, match=r"no checkpoint in .* is intact"),
    ):
        checkpoint.restore(tmp_path, simple(0))
    ordered = ["step_00000003", "step_00000002", "step_00000001"]
    assert [str(w.message).split(" ")[0].split("/")[-1] for w in caught] == ordered


def test_what_only_bears_the_name_is_ignored_and_kept(tmp_path):
    (tmp_path / "step_00000007").mkdir()
    (tmp_path / "step_00000008").mkdir()
    (tmp_path / "step_00000008" / "notes.txt").write_text("mine")
    (tmp_path / "step_00000009").write_text("a file")
    (tmp_path / "step_12").mkdir()
    with pytest.warns(UserWarning, match="it is not a checkpoint") as caught:
        assert checkpoint.restore(tmp_path, simple(0)) is None
    assert len(caught) == 3
    saved(tmp_path, 7, 10, 11, keep=1)
    assert names(tmp_path) == ["step_00000008", "step_00000009", "step_00000011", "step_12"]
    for step in (8, 9):
        with pytest.raises(OSError, match=f"step_0000000{step}"):
            saved(tmp_path, step)
    assert (tmp_path / "step_00000008" / "notes.txt").read_text() == "mine"
    assert checkpoint.restore(tmp_path, simple(0)).step == 11


def test_no_checkpoint_is_none(tmp_path):
    assert checkpoint.restore(tmp_path, {}) is None
    assert checkpoint.restore(tmp_path / "missing", {}) is None


# What does not fit


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        (
            {"w": np.zeros(4, F)},
            r"\['w'\] is float32\[3\] in the checkpoint, float32\[4\] in the t",
        ),
        (
            {"w": np.zeros(3, np.float16)},
            r"\['w'\] is float32\[3\] .* float16\[3\] in the template$",
        ),
        ({"w": np.zeros((3, 1), F)}, r"\['w'\] is float32\[3\] .* float32\[3, 1\] in the"),
        (
            {"w": np.zeros(3, F), "b": 1.0},
            r"\['b'\] is missing in the .* float64\[\] in the template",
        ),
        ({}, r"\['w'\] is float32\[3\] in the checkpoint, missing in the template$"),
        ([np.zeros(3, F)], r"\['a'\]\[0\] is missing in the checkpoint, .* \(1 more\)$"),
        ({"w": jax.random.split(jax.random.key(0), 3)}, r"float32\[3\] .* key<fry>\[3\] in the"),
    ],
)
def test_a_template_that_does_not_fit_is_refused(tmp_path, inside, message):
    checkpoint.save(tmp_path, 1, {"a": {"w": np.zeros(3, np.float32)}})
    with pytest.raises(checkpoint.CheckpointError, match=message):
        checkpoint.restore(tmp_path, {"a": inside})


def test_keys_of_another_kind_are_refused(tmp_path):
    checkpoint.save(tmp_path, 1, jax.random.key(0, impl="rbg"))
    with pytest.raises(checkpoint.CheckpointError, match=r"key<rbg>\[\] .* key<urbg>\[\]"):
        checkpoint.restore(tmp_path, jax.random.key(0, impl="unsafe_rbg"))


@jax.tree_util.register_pytree_with_keys_class
class Twins:
    def tree_flatten_with_keys(self):
        return [(jax.tree_util.GetAttrKey("x"), 1.0), (jax.tree_util.GetAttrKey("x"), 2.0)], None

    @classmethod
    def tree_unflatten(cls, _, leaves):
        return cls()


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        ("adam", r"\['x'\] is <U4\[\]"),
        (np.array([None]), r"\['x'\] is object\[1\]"),
        (lambda: 0, r"\['x'\] is object\[\]"),
        (np.zeros(2, "M8[s]"), r"\['x'\] is datetime64\[s\]\[2\]"),
        (np.zeros(2, [("a", "f4")]), r"\['x'\] is "),
        (Twins(), "the same path"),
    ],
)
def test_a_leaf_that_is_not_numbers_is_refused(tmp_path, leaf, message):
    with pytest.raises(ValueError, match=message):
        checkpoint.save(tmp_path, 1, {"x": leaf})
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"step": -1}, ValueError),
        ({"step": 1.5}, TypeError),
        ({"step": 1, "keep": 0}, ValueError),
        ({"step": 1, "meta": {"loss": float("nan")}}, ValueError),
        ({"step": 1, "meta": {"loss": np.float32(1)}}, TypeError),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(tmp_path, arguments, error):
    with pytest.raises(error):
        checkpoint.save(tmp_path, tree={}, **arguments)
    assert names(tmp_path) == []


# Kills, full disks, two processes


def test_a_save_that_returned_outlives_a_program_that_ends_at_once(tmp_path, children):
    """In a folder named relative to the program's; nothing is left to its end."""
    children.start(SAVE_AND_LEAVE, str(tmp_path))
    assert children.wait() == (0, "")
    assert checkpoint.restore(tmp_path / "here", simple(0)).step == 1


def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path, children):
    generator = random.Random(0)
    like = {"step": np.int64(0), "w": np.zeros(30_000, np.float32)}
    checkpoint.save(tmp_path, 0, like, {"step": 0})
    step = 0
    for _ in range(10):
        child = children.start(SAVE_ON, str(tmp_path), step + 1)
        wait_for(tmp_path / f"step_{step + 1:08d}")
        time.sleep(generator.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        assert children.wait() == (-signal.SIGKILL, "")
        found = checkpoint.restore(tmp_path, like)
        assert found.step > step
        assert found.meta == {"step": found.step}
        assert found.tree["step"] == found.step
        assert (found.tree["w"] == found.step).all()
        step = found.step
    checkpoint.save(tmp_path, step + 1, like)
    assert names(tmp_path) == [f"step_{step:08d}", f"step_{step + 1:08d}"]


def test_a_kill_at_each_rename_and_removal_leaves_the_old_or_the_new(tmp_path, children):
    outcomes = []
    for moment in range(40):
        directory = tmp_path / str(moment)
        saved(directory, 1, 2)
        children.start(SAVE_AND_DIE, str(directory), 2, -2.0, moment)
        code, log = children.wait()
        assert log == ""
        for path in directory.glob("step_*"):
            sealed = json.loads((path / "seal.json").read_bytes())
            assert len(files(path)) == len(sealed) + 1
        found = checkpoint.restore(directory, simple(0))
        outcomes.append(float(found.tree["w"][0]))
        assert found.step == 2
        saved(directory, 3, keep=1)
        assert names(directory) == ["step_00000003"]
        shutil.rmtree(directory)
        if code == 0:
            break
    assert code == 0
    assert outcomes == sorted(outcomes, reverse=True)
    assert set(outcomes) == {2.0, -2.0}


def test_a_full_disk_is_an_oserror_and_spares_what_is_there(tmp_path, children):
    directory, target = tmp_path / "checkpoints", tmp_path / "config.json"
    saved(directory, 1)
    _files.write_atomic(target, "old")
    limits = [0, 50, 200, 2_000, 100_000, 1_900_000]
    children.start(FILL_THE_DISK, str(directory), str(target), limits)
    assert children.wait() == (0, "")
    assert names(directory) == ["step_00000001"]
    assert checkpoint.restore(directory, simple(0)).step == 1
    assert target.read_text() == "old"
    assert names(tmp_path) == ["checkpoints", "config.json"]


def test_a_directory_that_cannot_be_is_an_oserror(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError) as caught:
        saved(tmp_path / "file", 1)
    assert caught.value.errno in (errno.EEXIST, errno.ENOTDIR)


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path, children):
    child = children.start(HOLD, str(tmp_path))
    wait_for(tmp_path / "held")
    started = time.perf_counter()
    with (
        pytest.raises(checkpoint.WorkdirBusy, match=r"is in use by another process$") as caught,
        checkpoint.lock(tmp_path),
    ):
        raise AssertionError
    assert time.perf_counter() - started < 1
    assert "\n" not in str(caught.value)
    os.kill(child, signal.SIGKILL)
    children.wait()
    with checkpoint.lock(tmp_path):
        pass


def fail_inside(workdir):
    with checkpoint.lock(workdir):
        with pytest.raises(checkpoint.WorkdirBusy), checkpoint.lock(workdir):
            raise AssertionError
        raise KeyError


def test_a_lock_ends_with_its_block_even_by_an_error(tmp_path):
    with pytest.raises(KeyError):
        fail_inside(tmp_path)
    with checkpoint.lock(tmp_path):
        pass
    with pytest.raises(FileNotFoundError), checkpoint.lock(tmp_path / "missing"):
        pass


def test_a_forked_child_does_not_keep_the_lock(tmp_path, children):
    children.start(OUTLIVE, str(tmp_path))
    assert children.wait() == (0, "")


@pytest.mark.parametrize("content", ["Größe ∞\n", b"\x00\xff", ""])
def test_write_atomic_replaces_the_content(tmp_path, content):
    path = tmp_path / "a.json"
    for before in (b"longer than what comes after it", content):
        _files.write_atomic(path, before)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert names(tmp_path) == ["a.json"]


DISTRIBUTED = """
import sys
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxdl import _files, checkpoint
port, rank, directory = sys.argv[1], int(sys.argv[2]), sys.argv[3]
jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=2, process_id=rank)
everywhere = NamedSharding(Mesh(np.array(jax.devices()), ("data",)), PartitionSpec())
tree = {"w": jax.jit(lambda: jnp.arange(5.0), out_shardings=everywhere)()}
if rank == 0:
    checkpoint.save(directory, 4, tree)
else:
    try:
        checkpoint.save(directory, 5, tree)
    except RuntimeError as error:
        assert "process 0 saves, this is process 1" in str(error)
    else:
        raise AssertionError
from jax.experimental.multihost_utils import sync_global_devices
sync_global_devices("saved")
found = checkpoint.restore(directory, tree)
assert found.step == 4 and found.tree["w"].sharding == everywhere
assert (np.asarray(found.tree["w"]) == np.arange(5.0)).all()
"""


def test_one_of_two_processes_saves_and_both_restore(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": "1"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", DISTRIBUTED, str(port), str(rank), str(tmp_path)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for rank in ranks:
            _, log = rank.communicate(timeout=60)
            assert rank.returncode == 0, log
    finally:
        for rank in ranks:
            rank.kill()
            rank.communicate()
