"""A headless Chromium, and a page in it."""

import os
import shutil
from types import SimpleNamespace

import pytest
from playwright.sync_api import sync_playwright
from support.explored import made_rows, write_page


@pytest.fixture(scope="session")
def path(tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("report"), made_rows())


@pytest.fixture(scope="session")
def chromium():
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert executable, "these tests need Chromium; on Debian: apt-get install chromium"
    sandbox = [] if os.getuid() else ["--no-sandbox"]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def show(chromium):
    """Opens a page and fails at the end if it asked for anything or complained."""
    opened = []

    def open_page(path, width=1200, scheme="light"):
        context = chromium.new_context(
            viewport={"width": width, "height": 1400}, color_scheme=scheme
        )
        context.set_offline(True)
        tab, heard = context.new_page(), SimpleNamespace(requests=[], errors=[])
        tab.on("request", lambda request: heard.requests.append(request.url))
        tab.on("pageerror", lambda error: heard.errors.append(str(error)))
        tab.on("console", lambda line: line.type in ("error", "warning")
               and heard.errors.append(line.text))  # fmt: skip
        opened.append((context, heard, f"file://{path}"))
        tab.goto(f"file://{path}")
        tab.wait_for_selector(".explorer[data-ready]", state="attached")
        return tab

    yield open_page
    for context, heard, address in opened:
        context.close()
        assert heard.errors == []
        assert [url for url in heard.requests if not url.startswith("data:")] == [address]
