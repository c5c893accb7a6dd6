"""The explorer in a page: its data come back whole, and only its own scripts may run."""

import base64
import hashlib
import html.parser
import json
import re

import numpy as np

from jaxdl.report import explorer, page

EVIL = "</script><script>alert(1)</script><!--"


def trials():
    names = explorer.Column("rule", "rule", "condition", np.array([0.0, 1, -1]), (EVIL, "b"))
    rates = explorer.Column("rate", "rate", "condition", np.array([0.1, np.nan, 1e-7]), log=True)
    metric = explorer.Column("loss", "loss", "metric", np.array([1.0, 2, 3]), better="min")
    curve = explorer.Curve("training loss", np.array([1, 2]), np.array([[1, 2]] * 3, np.float32))
    return explorer.Trials([names, rates, metric], [curve], "loss", "rate", "rule", ["A < b."])


class Scripts(html.parser.HTMLParser):
    """The texts of the scripts, by their type."""

    def __init__(self, text):
        super().__init__()
        self.found, self.inside = [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag == "script":
            assert "src" not in dict(attrs)
            self.inside = dict(attrs).get("type", "text/javascript")

    def handle_endtag(self, tag):
        self.inside = None if tag == "script" else self.inside

    def handle_data(self, data):
        if self.inside:
            self.found.append((self.inside, data))


def rendered():
    return page.render(page.Report("Title", "Lead", (page.Section("Explore", (trials(),)),)))


def test_the_data_come_back_as_they_were():
    ((_, text),) = [each for each in Scripts(rendered()).found if "json" in each[0]]
    data = json.loads(text)
    rule, rate, _ = data["columns"]
    assert rule["levels"] == [EVIL, "b"]
    values = np.frombuffer(base64.b64decode(rule["values"]), "<f8")
    np.testing.assert_array_equal(values, [0, 1, np.nan])
    values = np.frombuffer(base64.b64decode(rate["values"]), "<f8")
    np.testing.assert_array_equal(values, [0.1, np.nan, 1e-7])
    values = np.frombuffer(base64.b64decode(data["curves"][0]["values"]), "<f4")
    np.testing.assert_array_equal(values, [1, 2, 1, 2, 1, 2])
    assert data["count"] == 3


def test_the_policy_names_the_scripts_of_the_page_and_no_others():
    text = rendered()
    scripts = [code for kind, code in Scripts(text).found if kind == "text/javascript"]
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    digests = [hashlib.sha256(code.encode()).digest() for code in scripts]
    hashes = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    assert policy == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src {' '.join(hashes)}"
    )
    assert len(hashes) == 4


def test_notes_are_text():
    assert "A &lt; b." in rendered()


def test_a_page_without_trials_has_no_script():
    text = page.render(page.Report("Title", "Lead", (page.Section("Words", ("x",)),)))
    assert "<script" not in text
    assert "script-src" not in text
