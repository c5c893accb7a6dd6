import json

import pytest

from jaxdl.data.text import documents, packages


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A standard library and two packages of a few lines, and an empty cache."""
    texts = {
        "stdlib/a.py": '"""Of Python."""\ndef f():\n    """Shared."""',
        "site/one/__init__.py": '"""Of one."""',
        "site/one/code.py": '"""Shared."""\ndef f():\n    """More of one."""',
        "site/one-1.0.dist-info/METADATA": "Name: one\nVersion: 1.0\n",
        "site/two/__init__.py": '"""Of two."""',
        "site/two-1.0.dist-info/METADATA": "Name: two\nVersion: 1.0\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(documents.sysconfig, "get_path", {"stdlib": tmp_path / "stdlib"}.get)
    monkeypatch.setattr(documents, "PACKAGES", {"two": "two", "one": "one", "absent": "absent"})
    return tmp_path


EXPECTED = {"python": ["Of Python.", "Shared."], "one": ["Of one.", "More of one."],
            "two": ["Of two."]}  # fmt: skip


def test_a_docstring_is_of_the_first_package_that_has_it(installed):
    found = packages.docstrings()
    assert {name: sorted(texts) for name, texts in found.items()} == {
        name: sorted(texts) for name, texts in EXPECTED.items()
    }
    assert [text for texts in found.values() for text in texts] == documents.docstrings()


def test_the_second_time_no_source_is_read(installed, monkeypatch):
    first = packages.docstrings()
    monkeypatch.setattr(documents, "_of_folder", lambda root: pytest.fail("read"))
    assert packages.docstrings() == first


@pytest.mark.parametrize("content", ["{}", "[1]", "{", json.dumps({"python": 1})])
def test_a_damaged_cache_is_written_anew(installed, content):
    first = packages.docstrings()
    (path,) = (installed / "cache/jaxdl/text").glob("packages-*.json")
    path.write_text(content)
    assert packages.docstrings() == first
    assert json.loads(path.read_text()) == {"python": 2, "one": 2, "two": 1}
