"""Weights & Biases, MLflow and TensorBoard themselves read back what they were told.

Needs `pip install -c constraints.txt -e '.[test,trackers]'`.
"""

import json
import math
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from support import streams, told

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def proxy():
    """A proxy that every client would have to ask; who asked."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(1000))

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked


@pytest.fixture
def run(proxy):
    """Runs `told_run`; nothing may be sent."""
    address, asked = proxy
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    environment = {name: value for name, value in os.environ.items() if "WANDB" not in name}
    environment |= dict.fromkeys(names, address)
    environment |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "WANDB_API_KEY": "0" * 40}
    for name in ("no_proxy", "NO_PROXY", "MLFLOW_TRACKING_URI"):
        environment.pop(name, None)

    def run(*arguments):
        script = ROOT / "tests/support/told_run.py"
        command = [sys.executable, script, *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    yield run
    assert asked == []


def test_a_database_of_mlflow_that_was_killed_while_it_was_made(tmp_path, run):
    pytest.importorskip("mlflow")
    script = ROOT / "tests/support/told_run.py"
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    command = [sys.executable, script, "sweep", "mlflow", tmp_path]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        while not list(tmp_path.glob("*mlflow.db*")):
            assert process.poll() is None
        process.kill()
    assert not (tmp_path / "mlflow.db").exists()  # half made it would never be opened again
    done = run("sweep", "mlflow", tmp_path)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob("*mlflow.db*.draft*"))
    assert len(of_mlflow(tmp_path)[0]) == 6


def of_mlflow(workdir):
    """`{id: [(step, name, value)]}`, hyperparameters and states."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{workdir / 'mlflow.db'}")
    (experiment,) = [e for e in client.search_experiments() if e.name != "Default"]
    found, hparams, states = {}, {}, {}
    for one in client.search_runs([experiment.experiment_id]):
        name = one.data.tags["jaxdl.run"]
        assert name not in found
        found[name] = [
            (metric.step, key, metric.value)
            for key in one.data.metrics
            for metric in client.get_metric_history(one.info.run_id, key)
        ]
        hparams[name], states[name] = one.data.params, one.info.status
    return found, hparams, states


def of_wandb(workdir):
    """`{name: [(step, name, value)]}` and hyperparameters, of the files that `wandb sync` sends."""
    from wandb.proto.wandb_internal_pb2 import Record

    found, hparams, states = {}, {}, {}
    for path in (workdir / "wandb").glob("offline-run-*/*.wandb"):
        rows = []
        for content in of_log(path.read_bytes()):
            record = Record.FromString(content)
            kind = record.WhichOneof("record_type")
            if kind == "run" and record.run.display_name:
                name = record.run.display_name
                hparams.setdefault(name, {}).update(
                    {item.key: json.loads(item.value_json) for item in record.run.config.update}
                )
            elif kind == "history":
                row = {
                    item.key or "/".join(item.nested_key): json.loads(item.value_json)
                    for item in record.history.item
                }
                step = row.get("_step", record.history.step.num)
                rows += [(step, key, float(row[key])) for key in row if key[0] != "_"]
            elif kind == "exit":
                states[name] = record.exit.exit_code
        assert name not in found
        found[name] = rows
    return found, hparams, states


def of_log(content):
    """Records of a file in LevelDB's log format: blocks of 32 KiB, behind a head of 7 bytes."""
    place, parts = 7, []
    while place + 7 <= len(content):
        if (left := -place % 32768) and left < 7:
            place += left
            continue
        length, kind = struct.unpack("<HB", content[place + 4 : place + 7])
        parts.append(content[place + 7 : place + 7 + length])
        place += 7 + length
        if kind in (1, 4):
            yield b"".join(parts)
            parts = []


READERS = {"mlflow": of_mlflow, "wandb": of_wandb}


def same(found, rows):
    """Each number of the rows is there once, and no other."""
    expected = Counter((row["step"], key) for row in rows for key in row if key != "step")
    assert Counter((step, key) for step, key, _ in found) == expected
    values = {(row["step"], key): row[key] for row in rows for key in row}
    for step, key, value in found:
        wanted = values[step, key]
        wanted = math.nan if wanted is None else wanted
        if not key.startswith("speed/"):  # of a session that was killed, measured twice
            assert value == pytest.approx(wanted, nan_ok=True, rel=1e-6)


@pytest.mark.parametrize("name", READERS)
def test_trials_are_there_once_though_the_telling_was_killed(tmp_path, run, name):
    plain = tmp_path / "plain"
    assert run("sweep", "lines", plain).returncode == 0
    expected = told.read(plain / "told")
    workdir = tmp_path / "it"
    assert run("sweep", name, workdir, 7).returncode == -signal.SIGKILL
    for _ in range(2):  # the second time all is there
        done = run("sweep", name, workdir)
        assert done.returncode == 0, done.stderr
        found, hparams, states = READERS[name](workdir)
        key = "id" if name == "mlflow" else "name"
        wanted = {identity[key]: (identity, rows) for identity, rows, _ in expected.values()}
        assert {*found} == {*wanted}
        for one, (identity, rows) in wanted.items():
            same(found[one], rows)
            asked = hparams[one]
            assert all(str(asked[n]) == str(v) for n, v in identity["hparams"].items())
        assert {*states.values()} == {"FINISHED"} if name == "mlflow" else {0}


@pytest.mark.parametrize("calls", [0, 2, 4])
@pytest.mark.parametrize("name", READERS)
def test_a_stream_that_is_killed_has_each_row_once(tmp_path, run, name, calls):
    assert run("stream", name, tmp_path, calls).returncode == -signal.SIGKILL
    done = run("stream", name, tmp_path)
    assert (done.returncode, "not told" in done.stderr) == (0, False), done.stderr
    found, hparams, states = READERS[name](tmp_path)
    ((_, rows),) = found.items()
    same(rows, streams.lines(tmp_path))
    (asked,) = hparams.values()
    assert str(asked["rate"]) == "0.1"
    assert [*states.values()] == ["FINISHED" if name == "mlflow" else 0]


def test_tensorboard_shows_scalars_and_the_table_of_hyperparameters(tmp_path, run):
    """Groups of its table are settings, of which it shows the mean over seeds."""
    assert run("sweep", "lines", tmp_path).returncode == 0
    assert run("sweep", "tensorboard", tmp_path).returncode == 0
    expected = told.read(tmp_path / "told")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = (sys.executable, "-m", "tensorboard.main", "--logdir", tmp_path / "tb")
    options = ("--port", str(port), "--load_fast=false", "--reload_interval=1")
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as server:
        try:
            assert any("Press CTRL" in line for line in server.stderr)
            table = eventually(port, "hparams/session_groups", len(expected) // 2)
            tags = get(port, "scalars/tags")
        finally:
            server.terminate()
    assert len(tags) == len(expected)
    assert all("train/loss" in of for of in tags.values())
    for group in table["sessionGroups"]:
        seeds = [
            rows[-1]["evaluation/validation_loss"]
            for identity, rows, _ in expected.values()
            if identity["group"] == group["name"]
        ]
        assert len(seeds) == 2
        (shown,) = [
            found["value"]
            for found in group["metricValues"]
            if found["name"]["tag"] == "evaluation/validation_loss"
        ]
        assert shown == pytest.approx(sum(seeds) / 2)
        assert group["hparams"]["program"] == "adam"


def eventually(port, path, groups):
    """The table once TensorBoard has read all files."""
    for _ in range(60):
        body = {"startIndex": 0, "sliceSize": 100, "aggregationType": "AGGREGATION_AVG"}
        body["allowedStatuses"] = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE"]
        get(port, "hparams/experiment", {})
        found = get(port, path, body)
        if len(found.get("sessionGroups", ())) == groups:
            return found
        threading.Event().wait(0.5)
    raise AssertionError(found)


def get(port, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/data/plugin/{path}", data, headers=headers
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
