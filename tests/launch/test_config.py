import json

import pytest

from jaxdl.launch.config import parse, usage
from jaxdl.launch.fields import Config, UserError, choose, setting
from jaxdl.launch.settings import rates, widths


class Some(Config):
    steps: int = setting(100, "Steps.", low=1)
    rate: float = setting(0.1, "Rate.", low=0.0, high=1.0)
    nesterov: bool = setting(False, "Look ahead.")
    name: str = setting("digits", "Data.")
    optimizers: tuple[str, ...] = setting(("sgd", "adam"), "Optimizers.")
    rates: tuple[float, ...] = setting((0.1, 1.0), "Rates.", low=0.0)
    mode: str = setting("a", "Mode.", choices=("a", "b"))


def read(*arguments):
    return parse(["program", *arguments], Some, "xor")


def test_defaults():
    command = read()
    assert command.config == Some()
    assert (str(command.workdir), command.dry_run) == ("runs/xor", False)


def test_values_are_typed():
    command = read(
        "--workdir=runs/a",
        "--dry_run",
        "--config.steps=7",
        "--config.rate",
        "0.5",
        "--config.nesterov=true",
        "--config.optimizers=adam, lion",
        "--config.rates=1e-3,1",
        "--config.mode=b",
    )
    config = command.config
    assert (config.steps, config.rate, config.nesterov) == (7, 0.5, True)
    assert config.optimizers == ("adam", "lion")
    assert config.rates == (0.001, 1.0)
    assert (str(command.workdir), command.dry_run, config.mode) == ("runs/a", True, "b")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config.stepz=3"], "config.stepz.*config.steps"),
        (["--wrkdir=x"], "wrkdir.*workdir"),
        (["--config.steps=many"], "config.steps: 'many' is not a whole number"),
        (["--config.steps=2.5"], "config.steps: '2.5' is not a whole number"),
        (["--config.steps="], "config.steps: '' is not a whole number"),
        (["--config.steps=0"], "config.steps: 0 is not at least 1"),
        (["--config.steps=99999999999"], "config.steps: 99999999999 does not fit 32 bits"),
        (["--config.rate=nan"], "config.rate: nan is not a finite number"),
        (["--config.rate=inf"], "config.rate: inf is not a finite number"),
        (["--config.rate=-0.1"], "config.rate: -0.1 is not between 0 and 1"),
        (["--config.nesterov=maybe"], "config.nesterov: 'maybe' is not true or false"),
        (["--config.rates=0.1,x"], "config.rates: 'x' is not a number"),
        (["--config.rates=0.1,nan"], "config.rates: nan is not a finite number"),
        (["--config.rates="], "config.rates is empty"),
        (["--config.optimizers=sgd,sgd"], "config.optimizers names a value twice: sgd,sgd"),
        (["--config.mode=c"], "config.mode: 'c' is none of a, b"),
        (["--config.nesterov"], "for flag --config.nesterov; values are given as --config.KEY=V"),
        (["steps=3"], "unexpected argument 'steps=3'"),
        (["--config=/nowhere.json"], "--config=/nowhere.json cannot be read: No such file"),
        (["--workdir="], "--workdir is empty"),
    ],
)
def test_a_mistake_is_one_line(arguments, message):
    with pytest.raises(UserError, match=message) as caught:
        read(*arguments)
    assert "\n" not in str(caught.value)


def test_a_saved_configuration_is_read_back_and_flags_go_before_it(tmp_path):
    path = tmp_path / "config.json"
    first = read("--config.steps=7", "--config.rates=0.5").config
    path.write_text(json.dumps(first.to_dict()))
    assert read(f"--config={path}").config.to_dict() == first.to_dict()
    assert read(f"--config={path}", "--config.steps=9").config.steps == 9


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "not a JSON object"),
        ("{", "is not a JSON file"),
        ('{"stepz": 1}', "unknown key 'stepz'; known: steps"),
        ('{"steps": "1"}', "config.steps: '1' is not a whole number"),
        ('{"steps": true}', "config.steps: True is not a whole number"),
        ('{"steps": -1}', "config.steps: -1 is not at least 1"),
        ('{"rates": ["x"]}', "config.rates: 'x' is not a number"),
        ('{"rates": 0.1}', "config.rates: 0.1 is not a list"),
        ('{"rate": NaN}', "nan is not a finite number"),
        ('{"rate": 1' + "0" * 400 + "}", "config.rate: a number of 401 digits"),
        ("[" * 100_000, "is not a JSON file"),
    ],
)
def test_a_saved_configuration_is_data_and_is_checked(tmp_path, content, message):
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        read(f"--config={path}")


def test_usage_names_every_key_with_its_default():
    text = usage("What it shows.", Some, "xor", "python -m experiments.xor")
    assert text.startswith("What it shows.")
    for name in Some.fields():
        assert f"--config.{name}" in text
    assert "--config.rates=0.1,1.0" in text
    # A switch stands alone, a key of the configuration never does.
    assert ("  --dry_run\n" in text, "  --config.nesterov=false\n" in text) == (True, True)
    assert "python -m experiments.xor" in text


def test_choose_suggests():
    with pytest.raises(UserError, match="'adamm' is none of sgd, adam; did you mean adam"):
        choose("optimizers", "adamm", {"sgd": 1, "adam": 2})
    assert choose("optimizers", "adam", {"sgd": 1, "adam": 2}) == 2


USES = {"generate": "Text to go on from.", "pronounce": "A word."}


def test_what_is_done_with_a_finished_run_is_a_flag_with_a_text():
    command = parse(["x", "--generate=def "], Config, "name", USES)
    assert command.use == ("generate", "def ")
    assert parse(["x"], Config, "name", USES).use is None
    assert parse(["x", "--generate="], Config, "name", USES).use == ("generate", "")
    assert "--generate=\n      Text to go on from." in usage(
        "Doc.", Config, "name", "python mine.py", USES
    )
    with pytest.raises(UserError, match="--generate and --pronounce: one at a time"):
        parse(["x", "--generate=a", "--pronounce=b"], Config, "name", USES)


@pytest.mark.parametrize(
    ("body", "steps"),
    [
        ("from ml_collections import ConfigDict\n"
         "def get_config():\n    return ConfigDict({'steps': 7, 'rates': (0.5,)})\n", 7),
        ("def get_config():\n    return {'steps': 7, 'rates': [0.5]}\n", 7),
    ],
    ids=["ConfigDict", "dict"],
)  # fmt: skip
def test_a_python_file_gives_the_configuration_and_flags_stand_above_it(tmp_path, body, steps):
    path = tmp_path / "mine.py"
    path.write_text(body)
    found = parse(["program", f"--config={path}", "--config.rate=0.7"], Some, "xor").config
    assert (found.steps, found.rates, found.rate) == (steps, (0.5,), 0.7)
    assert found.mode == "a"


def test_a_config_dict_is_the_configuration_and_knows_its_keys():
    values = Some().config_dict()
    values.steps = 7
    assert Some(**values.to_dict()) == Some(steps=7)
    with pytest.raises(AttributeError, match="stepz"):
        values.stepz = 8


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("x = 1\n", "has no function get_config"),
        ("def get_config():\n    return 3\n", "gives no ConfigDict"),
        ("def get_config(:\n", "is no Python"),
        ("def get_config():\n    return nothing\n", "line 2: NameError: name 'nothing' is not"),
        ("def get_config():\n    return {'stepz': 3}\n", "unknown key 'stepz'"),
        ("def get_config():\n    return {'steps': 'many'}\n", "'many' is not a whole number"),
    ],
)
def test_a_wrong_python_file_is_told_in_one_line(tmp_path, body, message):
    path = tmp_path / "mine.py"
    path.write_text(body)
    with pytest.raises(UserError, match=message) as caught:
        parse(["program", f"--config={path}"], Some, "xor")
    assert "\n" not in str(caught.value)


def test_rates_and_widths_are_fields():
    class Network(Config):
        rates: tuple[float, ...] = rates(0.1, 1.0)
        hidden: tuple[int, ...] = widths(64, 64, help="Units.")

    def config(*arguments):
        return parse(["program", *arguments], Network, "xor").config

    assert config("--config.hidden=8,8").hidden == (8, 8)
    assert config().rates == (0.1, 1.0)
    with pytest.raises(UserError, match="is not at least"):
        config("--config.rates=0")
