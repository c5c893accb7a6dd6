"""Command lines and files of any kind: a run, or one line that says what is wrong.

1,000 are read in this process; of real commands there are as many as JAXDL_FUZZ says.
"""

import json
import os
import random
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments import optimizers_x_initializers, xor
from jaxdl import launch
from jaxdl.launch import UserError, config, runner
from jaxdl.launch.fields import Config, setting


class Some(Config):
    rate: float = setting(0.1, "Rate.", low=0.0, high=1.0)
    nesterov: bool = setting(False, "Look ahead.")
    name: str = setting("digits", "Data.")
    optimizers: tuple[str, ...] = setting(("sgd", "adam"), "Optimizers.")
    rates: tuple[float, ...] = setting((0.1, 1.0), "Rates.", low=0.0)
    hidden: tuple[int, ...] = setting((4, 4), "Widths.", low=1, repeats=True)
    mode: str = setting("a", "Mode.", choices=("a", "b"))


USES = {"generate": "Text to go on from."}
KINDS = (Some, xor.Config, optimizers_x_initializers.Config)
FUZZ = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=100,
)
# What no shell can hand over: a NUL, and halves of surrogate pairs.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.one_of(
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["1e400", "-0", "0x10", "1_000", "١٢", "1e-320", " 7 ", "nan", "-inf", "True"]),
)
VALUES = st.one_of(NUMBERS, TEXT, st.lists(st.one_of(NUMBERS, TEXT), max_size=3).map(",".join))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)


def names(kind):
    """Flags that there are, flags that there almost are, and flags that nobody has."""
    known = [
        *(f"config.{key}" for key in kind.fields()),
        *kind.fields(),
        *config.SWITCHES,
        *("workdir", "config", "precision", "generate", "undefok", "flagfile", "help"),
    ]
    there = st.sampled_from(known)
    cut = st.tuples(there, st.integers(0, 20)).map(lambda cut: cut[0][: cut[1]])
    return st.one_of(there, there, cut, there.map(lambda n: f"no{n}"), TEXT)


def words(kind):
    dashes = st.sampled_from(["--", "--", "--", "-", "", "---"])
    flag = st.tuples(dashes, names(kind)).map("".join)
    return st.one_of(flag, st.tuples(flag, VALUES).map("=".join), VALUES)


@st.composite
def lines(draw):
    kind = draw(st.sampled_from(KINDS))
    return kind, draw(st.lists(words(kind), max_size=4))


def refusal_of(function, *arguments):
    """What `function` gives, and the message with which it refuses, empty if it does not."""
    try:
        return function(*arguments), ""
    except UserError as error:
        return None, str(error) or "refused without a word"


def read(kind, arguments):
    """The configuration, or None where the command line was refused in one line."""
    command, message = refusal_of(config.parse, ["x", *arguments], kind, "xor", USES)
    assert len(message.splitlines()) <= 1, message
    return command and command.config


@settings(FUZZ, max_examples=700)
@given(lines())
def test_any_command_line_is_a_configuration_or_one_line(line):
    kind, arguments = line
    found = read(kind, arguments)
    if found is not None:
        # What was read is what is written, and read again.
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False))


@st.composite
def files(draw):
    kind = draw(st.sampled_from(KINDS))
    keys = st.one_of(st.sampled_from(sorted(kind.fields())), TEXT)
    values = draw(st.dictionaries(keys, JSON, max_size=4))
    text = json.dumps(draw(st.one_of(st.just(values), JSON)))
    if draw(st.booleans()):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(TEXT) + text[place + draw(st.integers(0, 3)) :]
    return kind, text.encode() + draw(st.sampled_from([b"", b"", b"\xff", b"\0"]))


@settings(FUZZ, max_examples=300)
@given(files())
def test_any_file_is_a_configuration_or_one_line(tmp_path, made):
    kind, content = made
    path = tmp_path / "config.json"
    path.write_bytes(content)
    found = read(kind, [f"--config={path}"])
    if found is not None:
        again = json.dumps(found.to_dict(), allow_nan=False)
        path.write_text(again)
        assert json.dumps(read(kind, [f"--config={path}"]).to_dict()) == again


def refused(_):
    raise ValueError("planned")


@FUZZ
@given(
    name=st.sampled_from(["config.json", "environment.json", "verdict.json"]),
    content=st.one_of(JSON.map(lambda value: json.dumps(value).encode()), st.binary(max_size=20)),
    switches=st.lists(st.sampled_from(["--dry_run", "--allow_config_change", "--generate=a"])),
)
def test_whatever_is_in_a_workdir_a_launch_ends_in_one_line_and_changes_nothing(
    tmp_path, name, content, switches
):
    for file in tmp_path.iterdir():
        file.unlink()
    (tmp_path / name).write_bytes(content)
    use = launch.Use("Text to go on from.", lambda *_: "done")
    experiment = launch.Experiment(
        Some, refused, lambda *_: pytest.fail("concluded"), uses={"generate": use}
    )
    command = config.parse(["x", f"--workdir={tmp_path}", *switches], Some, "xor", USES)
    code, message = refusal_of(runner.launch, experiment, "xor", command)
    assert code == 0 or len(message.splitlines()) == 1
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == content


@FUZZ
@given(st.text(string.printable + "é\0/.", min_size=1, max_size=300))
def test_any_name_of_a_workdir_is_taken_or_refused_in_one_line(tmp_path, name):
    experiment = launch.Experiment(Some, refused, lambda *_: pytest.fail("concluded"))
    workdir = tmp_path / name.lstrip("/")
    command = config.parse(["x"], Some, "xor")._replace(workdir=workdir)
    with pytest.raises(UserError) as caught:
        runner.launch(experiment, "xor", command)
    assert len(str(caught.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


ROOT = Path(__file__).parents[2]
CASES = int(os.environ.get("JAXDL_FUZZ", "6"))
SMALL = ["--config.steps=2", "--config.seeds=2", "--config.learning_rates=0.1"]
MODULES = {
    "experiments.xor": (xor, [*SMALL, "--config.hidden=0"]),
    "experiments.optimizers_x_initializers": (
        optimizers_x_initializers,
        [*SMALL, "--config.optimizers=sgd", "--config.initializers=zeros,he_normal"],
    ),
}
ODD = [
    *("0", "-1", "1", "2", "3", "1e-3", "0.1,0.1", "0.1,0.10000000001", "1e39", "1e-46", "nan", ""),
    *("true", "sgd", "sgd,adam", "tanh", "digits", "x" * 300, "é\x1b[31m", "a\nb", "{}", "None"),
]


def command_of(number):
    """A module and its arguments, some of them odd."""
    rng = random.Random(number)
    module = rng.choice(list(MODULES))
    kind, small = MODULES[module][0].Config, MODULES[module][1]
    flags = [*(f"config.{key}" for key in kind.fields()), *config.SWITCHES, "config", "precision"]
    odd = []
    for _ in range(rng.randint(1, 2)):
        flag = rng.choice(flags)
        flag = flag if rng.random() < 0.8 else flag[: rng.randint(0, len(flag))]
        odd.append(rng.choice([f"--{flag}", f"--{flag}={rng.choice(ODD)}"]))
    dry = ["--dry_run"] if number % 4 else []
    return module, [*small, *odd, *dry]


@pytest.mark.parametrize("number", range(CASES))
def test_any_real_command_ends_in_a_run_or_one_line(tmp_path, number):
    workdir = tmp_path / "run"
    module, arguments = command_of(number)
    done = subprocess.run(
        [sys.executable, "-m", module, f"--workdir={workdir}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr, done.stderr
    if done.returncode == 0:
        wrote = not {"--dry_run", "--check_overfit"} & {*arguments}
        assert (workdir / "verdict.json").exists() == wrote
    else:
        told = "--check_overfit" in arguments and done.returncode == 1
        assert told or (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert not workdir.exists()
