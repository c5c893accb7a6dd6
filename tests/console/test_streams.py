"""What `jaxdl watch` and `jaxdl verify` say of a workdir that `streaming.fit` made."""

import shutil

import pytest
from support.streams import STEPS, after, fit

from jaxdl import checkpoint, console, streaming
from jaxdl.console import activity


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "run"
    evaluation = streaming.Evaluation(lambda state: {"loss": 1 / state.step}, 10, "loss", "min")
    with pytest.raises(streaming.Interrupted):
        fit(workdir, evaluation=evaluation, stop=after(7))
    fit(workdir, evaluation=evaluation)
    return workdir


@pytest.fixture
def workdir(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def told(capsys):
    def tell(verb, workdir, *options):
        """Exit code and what is printed, without how it is folded."""
        code = console.main([verb, str(workdir), *options])
        out, err = capsys.readouterr()
        return code, " ".join(f"{out} {err}".replace("|", " ").split())

    return tell


def test_a_finished_one(finished, told):
    code, text = told("watch", finished, "--once")
    assert code == 0
    assert f"done, step {STEPS} of {STEPS}, saved step 000000{STEPS}" in text
    assert "train/loss" in text
    code, text = told("verify", finished)
    assert code == 0
    assert f"seals as written, the last checkpoints/step_000000{STEPS}" in text
    assert f"1 seal as written, the last best/step_000000{STEPS}" in text
    assert f"8 rows, the last of step {STEPS}" in text
    assert "2 files, 12 records" in text


@pytest.mark.skipif(not activity.LOCKS.exists(), reason="not Linux")
def test_one_at_work(workdir, told):
    """As its first steps are made, and later, in the middle of a line."""
    shutil.rmtree(workdir / "checkpoints")
    metrics = workdir / "metrics.jsonl"
    content = metrics.read_bytes()
    with checkpoint.lock(workdir):
        metrics.write_bytes(b"")
        code, text = told("watch", workdir, "--once")
        assert code == 0
        assert f"at work, step 0 of {STEPS}" in text
        metrics.write_bytes(content[:-9])
        code, text = told("watch", workdir, "--once")
        assert code == 0
        assert "at work, step 23 of 23" in text
        code, text = told("verify", workdir)
        assert code == 0
        assert "line 8 is torn" in text
        assert "is at work there" in text


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        (f"checkpoints/step_000000{STEPS}/contents.json", flip, "not as it was sealed"),
        ("best/*/arrays/ocdbt.process_0/d/*", flip, "not as it was sealed"),
        ("metrics.jsonl", cut, "has lost 20 of"),
        ("tb/*.0", flip, "is not as it was written"),
        ("tb/*.1", cut, "has lost 20 of"),
        ("config.json", cut, "not as it was written"),
    ],
)
def test_a_damaged_one(workdir, told, name, damage, message):
    damage(min(workdir.glob(name)))
    code, text = told("verify", workdir)
    assert code == 1
    assert message in text
    code, text = told("watch", workdir, "--once")
    assert code == 0
    assert "train/loss" in text


def test_a_line_that_is_no_row(workdir, told):
    metrics = workdir / "metrics.jsonl"
    metrics.write_bytes(b"(" + metrics.read_bytes()[1:])
    code, text = told("watch", workdir, "--once")
    assert code == 2
    assert "metrics.jsonl holds a line that is no row of metrics" in text
    code, text = told("verify", workdir)
    assert code == 1
    assert "line 1 is no row of metrics" in text
