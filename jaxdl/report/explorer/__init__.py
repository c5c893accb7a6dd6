"""The trials of a run in the page: charts and a table that answer when they are touched."""

from jaxdl.report.explorer.embed import policy, script_tags, style, to_html
from jaxdl.report.explorer.trials import Column, Curve, Trials, trials

__all__ = ["Column", "Curve", "Trials", "policy", "script_tags", "style", "to_html", "trials"]
