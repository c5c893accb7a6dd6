"""The trials of a run in the page: charts and a table that answer when they are touched."""

from jaxdl.report.explorer._trials import Column, Curve, Trials, trials
from jaxdl.report.explorer.embed import policy, script_tags, style, to_html

__all__ = ["Column", "Curve", "Trials", "policy", "script_tags", "style", "to_html", "trials"]
