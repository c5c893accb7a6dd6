"""`jaxdl open`, with a browser that notes what it is shown."""

import json
import os
import subprocess
import sys
from pathlib import Path

from jaxdl import console

ROOT = Path(__file__).parents[2]


def test_the_browser_is_shown_the_report_and_its_path_is_printed(tmp_path):
    browser, shown = tmp_path / "browser", tmp_path / "shown"
    browser.write_text(f'#!/bin/sh\necho "$1" > {shown}\n')
    browser.chmod(0o755)
    page = tmp_path / "my run/report.html"
    page.parent.mkdir()
    page.write_text("<html></html>")
    environment = {**os.environ, "BROWSER": f"{browser} %s", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "jaxdl", "open", "my run"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, f"{page}\n"), done.stderr
    assert shown.read_text() == f"{page.as_uri()}\n"


def test_without_a_report_the_command_that_makes_one_is_told(tmp_path, capsys):
    workdir = tmp_path / "my run"
    workdir.mkdir()

    def said():
        assert console.main(["open", str(workdir)]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        return err

    assert "has no report.html\n" in said()
    (workdir / "trials.jsonl").touch()
    assert "jaxdl.report.write makes one" in said()
    (workdir / "environment.json").write_text(json.dumps({"experiment": "xor"}))
    config = f"'--config={workdir / 'config.json'}'"
    assert f"jaxdl run xor {config} '--workdir={workdir}'" in said()
    (workdir / "environment.json").write_text(json.dumps({"experiment": "m", "file": "/a/m.py"}))
    assert "jaxdl run /a/m.py " in said()
