"""The explorer as a part of a page: its data, its script and its style, all in the page."""

import base64
import hashlib
import html
import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from jaxdl._text import clean
from jaxdl.report.explorer._trials import Column, Curve, Trials

BUNDLES = ("bokeh", "bokeh-api", "bokeh-tables")
OURS = ("columns", "charts", "table", "explorer")
WITHOUT = (
    "The trials can be sorted, filtered and drawn here in a browser that runs scripts; "
    "they are in trials.jsonl."
)


def to_html(trials: Trials) -> str:
    """The place of the explorer and its data; `scripts` fill it."""
    columns = [_column(each) for each in trials.columns]
    data = {
        "count": len(trials.columns[0].values),
        "columns": columns,
        "curves": [_curve(each) for each in trials.curves],
        "start": {
            "metric": trials.metric,
            "against": trials.against,
            "colour": trials.colour,
        },
    }
    # In a script only `</script` and `<!--` would be more than text.
    text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    notes = "".join(f'<p class="x-note">{html.escape(clean(note))}</p>' for note in trials.notes)
    return f"""<div class="explorer">
<noscript><p>{WITHOUT}</p></noscript>
<div class="x-controls"></div>
<div class="x-legend"></div>
<details><summary>Filter the trials</summary><div class="x-filters"></div></details>
<div class="x-charts">
<div><div class="x-plot x-scatter"></div><p class="x-note"></p></div>
<div><div class="x-plot x-curves"></div><p class="x-note"></p></div>
</div>
<div class="x-chosen" aria-live="polite"></div>
<p class="x-shown" aria-live="polite"></p>
<div class="x-table"></div>
{notes}<script type="application/json">{text}</script>
</div>"""


@cache
def scripts() -> tuple[str, ...]:
    """The scripts of a page with an explorer, in their order: Bokeh's, then ours."""
    found = importlib.util.find_spec("bokeh")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("reports need bokeh: pip install bokeh")
    bundles = Path(found.origin).parent / "server/static/js"
    theirs = [(bundles / f"{name}.min.js").read_text("utf-8") for name in BUNDLES]
    ours = "\n".join((Path(__file__).parent / f"{name}.js").read_text("utf-8") for name in OURS)
    return (*theirs, f"(() => {{\n{ours}}})();\n")


@cache
def style() -> str:
    """The style of the explorer, in the colours of the page."""
    return (Path(__file__).parent / "explorer.css").read_text("utf-8")


def script_tags() -> str:
    """The scripts as they stand at the end of the page."""
    return "\n".join(f"<script>{text}</script>" for text in scripts())


@cache
def policy() -> str:
    """Which scripts may run: these alone, by their hashes."""
    digests = (hashlib.sha256(text.encode()).digest() for text in scripts())
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return f"script-src {hashes}"


def _column(column: Column) -> dict[str, Any]:
    values = np.where(column.values < 0, np.nan, column.values) if column.levels else column.values
    return {
        "name": column.name,
        "label": clean(column.label),
        "role": column.role,
        "levels": None if column.levels is None else [clean(level) for level in column.levels],
        "log": column.log,
        "better": column.better,
        "decimals": column.decimals,
        "values": _packed(values, "<f8"),
    }


def _curve(curve: Curve) -> dict[str, Any]:
    return {
        "label": clean(curve.label),
        "steps": np.asarray(curve.steps, float).tolist(),
        "log": curve.log,
        "values": _packed(curve.values, "<f4"),
    }


def _packed(values: np.ndarray, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype).tobytes()).decode()
