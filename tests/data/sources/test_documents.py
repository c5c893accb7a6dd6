import json
import sys

import numpy as np
import pytest

from jaxdl.data.errors import DataError
from jaxdl.data.sources import documents
from jaxdl.data.text import files

MODULE = '''
"""Of the module."""
class A:
    """Of the class,

        indented.
    """
    def method(self):
        r"""Raw \\d."""
        "no docstring"
async def run():
    """Of the module."""
print(1 / 0)
BAD = "\\d"
'''


def refusal(function, *arguments):
    with pytest.raises(DataError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A standard library and one package of a few lines, and an empty cache."""
    texts = {
        "stdlib/b.py": MODULE,
        "stdlib/a/z.py": '"""First by path."""',
        "stdlib/a/test/t.py": '"""A test."""',
        "stdlib/site-packages/p.py": '"""A package."""',
        "stdlib/python2.py": 'print "old"',
        "stdlib/empty.py": '"""  """',
        "site/own_prose/__init__.py": 'raise OSError("imported")',
        "site/own_prose/code.py": 'def f():\n    """Of the package."""',
        "site/own_prose-1.0.dist-info/METADATA": "Name: own-prose\nVersion: 1.0\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(documents.sysconfig, "get_path", {"stdlib": tmp_path / "stdlib"}.get)
    packages = {"own-prose": "own_prose", "not-there": "not_there"}
    monkeypatch.setattr(documents, "PACKAGES", packages)
    return tmp_path


EXPECTED = [
    "First by path.",
    "Of the module.",
    "Of the class,\n\nindented.",
    r"Raw \d.",
    "Of the package.",
]


def test_docstrings_once_in_the_order_of_the_files_without_running_them(installed):
    assert documents.docstrings() == EXPECTED
    assert "own_prose" not in sys.modules


def test_a_docstring_is_of_the_first_package_that_has_it(installed):
    (installed / "site/own_prose/again.py").write_text('"""Of the module."""\nx = 1')
    found = documents.docstrings_by_package()
    assert found == {"python": EXPECTED[:4], "own-prose": EXPECTED[4:]}


def test_docstrings_are_kept_for_these_versions(installed):
    documents.docstrings()
    (cache,) = (installed / "cache" / "jaxdl" / "text").iterdir()
    cache.write_text(json.dumps({"python": ["kept"]}))
    assert documents.docstrings() == ["kept"]
    cache.write_text("[damaged")
    assert documents.docstrings() == EXPECTED
    cache.write_text(json.dumps({"python": ["kept"]}))
    (installed / "site/own_prose-1.0.dist-info/METADATA").write_text("Name: own-prose\nVersion: 2")
    assert documents.docstrings() == EXPECTED


def test_a_cache_that_cannot_be_written_is_named(installed):
    (installed / "cache").write_text("a file")
    assert f"cannot write {installed / 'cache'}" in refusal(documents.docstrings)


def test_topics_are_prose():
    texts = documents.topics()
    assert texts == documents.topics()
    assert sum(len(text.split()) for text in texts) > 50_000
    assert any('The "assert" statement' in text for text in texts)


def test_a_file_and_a_folder_are_read(tmp_path):
    names = {"b.txt": b"two", "a/c.md": b"\xef\xbb\xbfone\r\n", "z.py": b"\n", "d.bin": b"\xff"}
    for name, content in names.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert documents.read(tmp_path) == ["one\n", "two"]
    assert documents.read(tmp_path / "a" / "c.md") == ["one\n"]


def test_what_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes(b"caf\xe9 au lait")
    for place in (path, tmp_path):
        expected = f"{path} is not UTF-8: byte 0xe9 at offset 3"
        assert refusal(documents.read, place) == expected
    path.write_bytes(b" \n")
    assert refusal(documents.read, path) == f"{path}: the file is empty"
    assert "no text in .txt, .md, .rst, .py files" in refusal(documents.read, tmp_path)
    assert f"cannot read {tmp_path / 'none'}" in refusal(documents.read, tmp_path / "none")


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "text"
    files.write_text(path, "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    assert "No space left" in refusal(files.write_text, path, "new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("text", "old")]


def test_paragraphs_by_hand():
    assert documents.paragraphs("a\nb\n \n\n\n  c\n\n") == ["a\nb", "  c"]


TEXTS = [f"document {i}" for i in range(1000)]


def test_the_split_is_a_partition_in_fixed_shares_and_in_order():
    parts = documents.split(TEXTS)
    assert [len(part) for part in parts] == [900, 50, 50]
    assert sorted(text for part in parts for text in part) == sorted(TEXTS)
    for part in parts:
        assert part == [text for text in TEXTS if text in part]
    # Neither of the held-out parts is a piece of the list.
    for part in parts[1:]:
        places = [TEXTS.index(text) for text in part]
        assert min(places) < 200
        assert max(places) > 800


def test_where_a_document_goes_depends_on_no_other():
    parts = documents.split(TEXTS)
    shuffled = documents.split(TEXTS[::-1])
    assert [set(part) for part in parts] == [set(part) for part in shuffled]
    one_more = documents.split([*TEXTS, "another"])
    assert all(len(set(part) - set(more)) <= 1 for part, more in zip(parts, one_more, strict=True))


def test_equal_documents_go_the_same_way():
    parts = documents.split(TEXTS[:40] * 2)
    sets = [set(part) for part in parts]
    assert sum(map(len, sets)) == len(set.union(*sets)) == 40
    assert [len(part) for part in parts] == [72, 4, 4]


def test_few_documents():
    assert [len(part) for part in documents.split(["a", "b", "c"])] == [1, 1, 1]
    assert "2 distinct documents" in refusal(documents.split, ["a", "b", "a"])


def test_a_sample_is_of_distinct_documents_in_an_order_of_its_own():
    texts = [f"document {number}" for number in range(50)]
    found = documents.sample(texts, 20, np.random.default_rng(3))
    assert found == [texts[place] for place in np.random.default_rng(3).permutation(50)[:20]]
    assert len(set(found)) == 20
    assert found != sorted(found)
    assert sorted(documents.sample(texts, 99, np.random.default_rng(3))) == sorted(texts)
