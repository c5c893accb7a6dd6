"""From the ledger to a page: tables, plots, claims and one self-contained HTML file."""

from jaxdl.report.blocks import (
    chosen_values,
    diagnoses,
    interval_map,
    searched,
    shares,
    tuned_table,
)
from jaxdl.report.claims import (
    Claim,
    Judged,
    claims_table,
    depends,
    judge,
    to_json,
    write_verdict,
)
from jaxdl.report.compare import comparison
from jaxdl.report.curves import along, course, profile, tuned_curves
from jaxdl.report.explorer import Trials, trials
from jaxdl.report.fans import fan
from jaxdl.report.findings import Columns
from jaxdl.report.flows import gradient_flow
from jaxdl.report.heat_maps import heat_map
from jaxdl.report.histograms import counts
from jaxdl.report.landscapes import trajectories
from jaxdl.report.latex import to_latex
from jaxdl.report.markdown import to_markdown
from jaxdl.report.page import Code, Picture, Report, Section, render, write
from jaxdl.report.pictures import images, picture
from jaxdl.report.plots import dots, intervals, lines, sensitivity, training_curves
from jaxdl.report.searches import of_search
from jaxdl.report.style import to_png
from jaxdl.report.summaries import CHOSEN, chosen_trials, grid, summary, summary_table
from jaxdl.report.tables import (
    Table,
    between,
    distinct,
    estimate,
    from_mapping,
    number,
    percent,
    show,
    table,
    to_html,
)
from jaxdl.report.verdicts import Verdicts, headline, show_claims

__all__ = [
    "CHOSEN",
    "Claim",
    "Code",
    "Columns",
    "Judged",
    "Picture",
    "Report",
    "Section",
    "Table",
    "Trials",
    "Verdicts",
    "along",
    "between",
    "chosen_trials",
    "chosen_values",
    "claims_table",
    "comparison",
    "counts",
    "course",
    "depends",
    "diagnoses",
    "distinct",
    "dots",
    "estimate",
    "fan",
    "from_mapping",
    "gradient_flow",
    "grid",
    "headline",
    "heat_map",
    "images",
    "interval_map",
    "intervals",
    "judge",
    "lines",
    "number",
    "of_search",
    "percent",
    "picture",
    "profile",
    "render",
    "searched",
    "sensitivity",
    "shares",
    "show",
    "show_claims",
    "summary",
    "summary_table",
    "table",
    "to_html",
    "to_json",
    "to_latex",
    "to_markdown",
    "to_png",
    "training_curves",
    "trajectories",
    "trials",
    "tuned_curves",
    "tuned_table",
    "write",
    "write_verdict",
]
