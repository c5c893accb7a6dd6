"""What a launch says of a mistake, in this process; `tests/faults` launches as a user does."""

import importlib
import json
import subprocess
import sys
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from support import tiny_sweep as tiny

from jaxdl import checkpoint, launch, sweep
from jaxdl.console import runs
from jaxdl.launch import UserError, config, runner, workdirs

ROOT = Path(__file__).parents[2]
SMALL = (
    "--config.steps=20",
    "--config.seeds=2",
    "--config.hidden=0,2",
    "--config.learning_rates=0.1",
)


@pytest.fixture
def within(monkeypatch, capsys):
    """`run`, in this process."""
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)

    def run(*arguments, experiment="xor"):
        monkeypatch.setattr(sys, "argv", [experiment, *arguments])
        module = importlib.import_module(f"experiments.{experiment}")
        with pytest.raises(SystemExit) as ended:
            launch.main(
                launch.Experiment(module.Config, module.plan, module.conclude, module.CLAIMS)
            )
        return ended.value.code, *capsys.readouterr()

    return run


MISTAKES = [
    ("xor", ["--config.hiden=2"], "Did you mean: config.hidden"),
    ("xor", ["--config.steps=abc"], "config.steps: 'abc' is not a whole number"),
    ("xor", ["--config.activation=rleu"], "did you mean relu"),
    ("optimizers_x_initializers", ["--config.optimizers=adm"], "did you mean adam"),
    ("optimizers_x_initializers", ["--config.initializers=one"], "xavier_uniform"),
    ("optimizers_x_initializers", ["--config.learning_rates=nan"], "nan is not a finite number"),
    ("optimizers_x_initializers", ["--config.learning_rates=-1"], "-1.0 is not at least"),
    ("optimizers_x_initializers", ["--config.batch_size=9999"], "9999 is more than the 1077"),
    ("optimizers_x_initializers", ["--config.dataset=minst"], "'minst' is none of digits, mnist"),
    ("optimizers_x_initializers", ["--config.dataset=mnist", "--config.data_dir=/nowhere"], "tfds"),
    ("optimizers_x_initializers", ["--config.seeds=0"], "0 is not at least 1"),
    ("xor", ["--launcher=slurm"], "--launcher=slurm: value should be one of <local|processes|"),
    ("xor", ["--tracker=wnadb"], "--tracker: 'wnadb' is none of tensorboard, wandb, mlflow, none"),
    ("xor", ["--workers=-1"], "--workers=-1: "),
    ("xor", ["--launcher=submitit", "--submitit=gpu"], "--submitit: 'gpu' is not KEY=VALUE"),
    ("xor", ["--launcher=processes", "--profile"], "not with --launcher=processes"),
]


@pytest.mark.parametrize(("experiment", "arguments", "message"), MISTAKES)
def test_a_mistake_is_one_line_and_writes_nothing(tmp_path, within, experiment, arguments, message):
    workdir = tmp_path / "run"
    code, out, err = within(f"--workdir={workdir}", *arguments, experiment=experiment)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert message in err
    assert not workdir.exists()


def test_what_fails_is_noted_until_it_is_run_again(tmp_path):
    module = importlib.import_module("experiments.xor")

    def broken(config, plan, results):
        raise RuntimeError("not\ntoday")

    def launched(conclude):
        command = config.parse(["x", f"--workdir={tmp_path}", *SMALL], module.Config, "xor")
        experiment = launch.Experiment(module.Config, module.plan, conclude)
        return runner.launch(experiment, "xor", command)

    with pytest.raises(RuntimeError, match="today"):
        launched(broken)
    (run,) = runs.below(tmp_path)
    assert (run.status, run.done, run.planned) == ("failed", 6, 6)
    noted = json.loads((tmp_path / "environment.json").read_text())["failed"]
    assert noted == "RuntimeError: not today"
    assert launched(module.conclude) == 0
    assert "failed" not in json.loads((tmp_path / "environment.json").read_text())


@pytest.mark.parametrize("kind", ["file", "below a file", "impossible"])
def test_a_workdir_that_cannot_be_used_is_one_line(tmp_path, within, kind):
    taken = tmp_path / "taken"
    taken.write_text("")
    workdir = {"file": taken, "below a file": taken / "a", "impossible": Path("/proc/jaxdl")}[kind]
    code, _, err = within(f"--workdir={workdir}", *SMALL)
    assert code == 2
    assert err.count("\n") == 1, err
    assert "--workdir" in err


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("environment.json", '{"name": "base", "dependencies": []}', "names no experiment"),
        ("environment.json", "[1]", "names no experiment"),
        ("environment.json", '{"experiment": 3}', "names no experiment"),
        ("environment.json", '{"experiment": "xo', "names no experiment"),
        ("environment.json", '{"experiment": "a\\nb"}', "belongs to a b, not to xor"),
        ("verdict.json", '{"guilty": true}', "no environment.json"),
    ],
)
@pytest.mark.parametrize("more", [(), ("--dry_run",), ("--allow_config_change",)])
def test_a_file_of_another_program_is_not_overwritten(tmp_path, within, file, text, message, more):
    (tmp_path / file).write_text(text)
    code, out, err = within(f"--workdir={tmp_path}", *SMALL, *more)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert message in err
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {file: text}


@pytest.mark.parametrize("more", [(), ("--dry_run",), ("--check_overfit",)])
def test_a_configuration_of_another_program_is_not_gone_on_from(tmp_path, within, more):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    code, out, err = within(f"--workdir={tmp_path}", *SMALL, *more)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert "model_type (bert there, None asked)" in err


def test_a_finished_run_whose_code_has_changed_runs_anew_where_it_is_asked(tmp_path, capsys):
    module = importlib.import_module("experiments.xor")

    def launched(factor, *flags):
        def plan(config):
            made = module.plan(config)

            def slower(run):
                return run._replace(
                    init=lambda hparams, key, data: jax.tree.map(
                        lambda leaf: leaf * factor if leaf.dtype == jnp.float32 else leaf,
                        run.init(hparams, key, data),
                    )
                )

            return made._replace(programs={n: slower(run) for n, run in made.programs.items()})

        command = config.parse(["x", f"--workdir={tmp_path}", *SMALL, *flags], module.Config, "xor")
        code = runner.launch(
            launch.Experiment(module.Config, plan, module.conclude), "xor", command
        )
        return code, capsys.readouterr().out, (tmp_path / "trials.jsonl").read_text()

    first = launched(1.0)[2]
    code, out, kept = launched(2.0)
    assert (code, "has changed since needs another workdir or --allow_config_change" in out) == (
        0,
        True,
    )
    assert kept == first
    code, out, anew = launched(2.0, "--allow_config_change")
    assert (code, "is complete" in out) == (0, False)
    assert anew != first
    assert (tmp_path / "superseded.jsonl").read_text().count("\n") == first.count("\n") == 6


def test_jaxdl_alone_loads_neither_jax_nor_numpy():
    program = "import sys, jaxdl; dir(jaxdl); sys.exit(bool({'jax', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0


def test_a_program_that_fails_is_exit_code_1(tmp_path, capsys):
    def broken(rate):
        raise RuntimeError("no such optimizer")

    programs = {"adam": tiny.program(broken), "momentum": tiny.PROGRAMS["momentum"]}
    plan = sweep.Plan(programs, tiny.TRIALS, tiny.DATA, tiny.SEGMENTS, {"initializer": tiny.NAMES})
    experiment = launch.Experiment(
        launch.Config, lambda config: plan, lambda *_: pytest.fail("concluded")
    )
    command = config.parse(["x", f"--workdir={tmp_path / 'run'}"], launch.Config, "broken")
    assert runner.launch(experiment, "broken", command) == 1
    assert "adam (RuntimeError: no such optimizer)" in capsys.readouterr().err
    assert not (tmp_path / "run/verdict.json").exists()


def test_a_plan_that_is_refused_is_the_users_mistake(tmp_path):
    def plan(config):
        raise ValueError("axis 'rate'\nis empty")

    experiment = launch.Experiment(launch.Config, plan, lambda *_: pytest.fail("concluded"))
    command = config.parse(["x", f"--workdir={tmp_path / 'run'}"], launch.Config, "broken")
    with pytest.raises(UserError, match="axis 'rate' is empty"):
        runner.launch(experiment, "broken", command)


def test_a_damaged_file_of_a_search_is_one_line(tmp_path):
    def damaged(workdir, found):
        raise checkpoint.CheckpointError("optuna.log is damaged; delete it")

    plan = sweep.untrained("none", [{"x": 1.0}], seeds=1)._replace(ask=damaged)
    experiment = launch.Experiment(
        launch.Config, lambda config: plan, lambda *_: pytest.fail("concluded")
    )
    command = config.parse(["x", f"--workdir={tmp_path / 'run'}"], launch.Config, "broken")
    with pytest.raises(UserError, match=r"optuna\.log is damaged; delete it"):
        runner.launch(experiment, "broken", command)


def test_precision_is_part_of_the_configuration_and_reaches_jax(tmp_path):
    seen = []

    def plan(config):
        seen.append((config.precision, jax.config.jax_default_matmul_precision))
        raise ValueError("planned")

    experiment = launch.Experiment(launch.Config, plan, lambda *_: pytest.fail("concluded"))
    before = jax.config.jax_default_matmul_precision
    for argument in ("--precision=float32", "--config.precision=default"):
        command = config.parse(["x", f"--workdir={tmp_path}", argument], launch.Config, "x")
        with pytest.raises(UserError, match="planned"):
            runner.launch(experiment, "x", command)
    assert seen == [("float32", "float32"), ("default", before)]
    assert jax.config.jax_default_matmul_precision == before
    with pytest.raises(UserError, match="'half' is none of default, bfloat16"):
        config.parse(["x", "--precision=half"], launch.Config, "x")


def test_rows_of_another_precision_are_refused_and_an_older_workdir_has_the_default(tmp_path):
    (tmp_path / "config.json").write_text('{"steps": 1000, "seeds": 5}')  # of before there was one
    settings = launch.Config(precision="float32").to_dict()
    defaults = launch.Config().to_dict()
    assert workdirs.differences(tmp_path, settings, defaults) == [
        "precision (default there, float32 asked)"
    ]
    assert workdirs.differences(tmp_path, defaults, defaults) == []
