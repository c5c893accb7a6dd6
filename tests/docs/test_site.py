"""The site has a page for every room of jaxdl, and every page is found."""

import ast
import importlib
import inspect
import pkgutil
import re
from types import ModuleType

import pytest
from support import pages

import jaxdl

DOCS = pages.ROOT / "docs"
IN_NAV = re.findall(r"^ +- (?:[^:]+: )?(\S+\.md)$", (DOCS / "mkdocs.yml").read_text(), re.MULTILINE)
FLOORS = ["data.sources", "data.text"]
"""Packages within a room that have pages of their own."""
ROOMS = [name for name in jaxdl.__all__ if isinstance(getattr(jaxdl, name), ModuleType)]
BY_MODULES = [*FLOORS, "data", "ops", "word_vectors"]


def test_every_room_has_a_page_and_every_page_a_room():
    rooms = [match[1] for page in IN_NAV if (match := re.fullmatch(r"reference/(.*)\.md", page))]
    assert sorted(rooms) == sorted([*ROOMS, *FLOORS])


def test_the_pages_are_those_of_the_nav():
    there = [str(page.relative_to(DOCS / "pages")) for page in (DOCS / "pages").rglob("*.md")]
    assert sorted(IN_NAV) == sorted(there)


@pytest.mark.parametrize("room", [*ROOMS, *FLOORS])
def test_the_page_of_a_room_shows_its_public_modules(room):
    name = f"jaxdl.{room}"
    text = (DOCS / f"pages/reference/{room}.md").read_text()
    shown = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    assert shown == [name, *(f"{name}.{module}" for module in public_modules(name))]


@pytest.mark.parametrize("room", ROOMS)
def test_the_reference_shows_what_a_room_exports(room):
    """It is made from the source: a function that another one makes has no `def` there."""
    module = getattr(jaxdl, room)
    for each in [getattr(module, name) for name in getattr(module, "__all__", dir(module))]:
        ours = getattr(each, "__module__", "").startswith("jaxdl.")
        if ours and (inspect.isfunction(each) or inspect.isclass(each)):
            source = inspect.getsource(importlib.import_module(each.__module__))
            assert each.__name__ in [getattr(part, "name", "") for part in ast.parse(source).body]


def public_modules(name):
    """The modules that a package exports; of one that is used by its modules, those without `_`."""
    room = importlib.import_module(name)
    names = [each.name for each in pkgutil.iter_modules(getattr(room, "__path__", []))]
    if name.removeprefix("jaxdl.") not in BY_MODULES:
        return [each for each in names if each in room.__all__]
    floors = [floor.rpartition(".")[2] for floor in FLOORS if f"jaxdl.{floor}" != name]
    return [each for each in names if not each.startswith("_") and each not in floors]
