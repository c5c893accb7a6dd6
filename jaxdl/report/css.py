"""The look of a page: on light and dark screens, on narrow ones, and on paper."""

from jaxdl.report.dark import INK, PAPER

LIGHT = {
    "ink": "#1d1f23",
    "soft": "#5b616b",
    "line": "#d9dce1",
    "paper": "#ffffff",
    "shade": "#f5f6f8",
    "accent": "#0072b2",
    "holds": "#0b6b4b",
    "fails": "#b03a00",
    "inconclusive": "#5b616b",
    "depends": "#8a3f78",
}
DARK = {
    "ink": INK,
    "soft": "#a5acb6",
    "line": "#3a3f47",
    "paper": PAPER,
    "shade": "#20242a",
    "accent": "#6cb8e6",
    "holds": "#4cc79c",
    "fails": "#f59766",
    "inconclusive": "#a5acb6",
    "depends": "#dc9cc6",
}
"""Text (`ink`, `soft`, `accent`, the verdicts) and grounds (`paper`, `shade`)."""


def _declared(colours: dict[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


STYLE = (
    f"""
:root {{ color-scheme: light dark; {_declared(LIGHT)} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {_declared(DARK)} }} }}
@media print {{ :root {{ color-scheme: light; }} }}
"""
    + """
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1144px; margin: 0 auto; padding: 32px 16px 64px; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 12px; overflow-wrap: anywhere; }
h1::first-letter { text-transform: uppercase; }
h2 { font-size: 1.3rem; margin: 48px 0 12px; padding-top: 12px;
  border-top: 1px solid var(--line); overflow-wrap: anywhere; }
p { max-width: 75ch; margin: 0 0 12px; overflow-wrap: anywhere; }
.question { color: var(--soft); }
.lead { font-size: 1.2rem; line-height: 1.45; border-left: 4px solid var(--accent);
  padding-left: 16px; margin: 16px 0; }
nav { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 20px 0 0; font-size: 0.95rem; }
a { color: var(--accent); }
figure { margin: 12px 0 20px; }
figure img { display: block; width: auto; max-width: 100%; height: auto; background: #ffffff;
  border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
@media screen and (prefers-color-scheme: dark) {
  figure picture img { background: var(--paper); } }
figcaption, .key { color: var(--soft); font-size: 0.9rem; text-align: left;
  max-width: 90ch; }
figcaption { margin-top: 8px; }
.wide { overflow-x: auto; margin: 0; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { border-bottom: 2px solid var(--soft); vertical-align: bottom; font-weight: 600; }
tbody tr:hover { background: var(--shade); }
.left { text-align: left; }
.right { text-align: right; white-space: nowrap; }
th.right { white-space: normal; }
.verdicts, .verdicts ul { list-style: none; margin: 0; padding: 0; }
.verdicts > li { display: flex; gap: 4px 14px; margin: 0 0 10px; padding: 10px 14px;
  background: var(--shade); border-left: 4px solid; border-radius: 0 8px 8px 0; }
.verdicts .badge { flex: 0 0 8.5em; font-weight: 700; white-space: nowrap; }
.verdicts div { flex: 1; min-width: 0; color: var(--ink); overflow-wrap: anywhere; }
.verdicts p { margin: 2px 0 0; max-width: none; color: var(--soft); }
.verdicts ul { margin: 6px 0 0; font-size: 0.92rem; font-variant-numeric: tabular-nums;
  columns: 24em auto; column-gap: 28px; }
.verdicts ul li { color: var(--ink); break-inside: avoid; padding-left: 1em; text-indent: -1em; }
.mark { font-weight: 700; }
.holds, .holds > .mark { color: var(--holds); }
.fails, .fails > .mark { color: var(--fails); }
.inconclusive, .inconclusive > .mark { color: var(--inconclusive); }
.depends, .depends > .mark { color: var(--depends); }
pre { background: var(--shade); border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 16px; overflow-x: auto; margin: 0 0 16px; font-size: 0.9rem; line-height: 1.45; }
@media (max-width: 600px) {
  main { padding: 20px 12px 48px; }
  h1 { font-size: 1.5rem; } .lead { font-size: 1.08rem; padding-left: 12px; }
  h2 { margin-top: 32px; }
  figure img { padding: 6px; }
  .verdicts > li { flex-direction: column; }
  .verdicts .badge { flex: none; } }
@media print {
  @page { margin: 16mm 14mm; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  nav { display: none; }
  h2 { break-after: avoid; margin-top: 24px; }
  figure, .verdicts > li, tr { break-inside: avoid; }
  figure img { max-height: 230mm; border: none; padding: 0; }
  .wide { overflow: visible; }
  table { font-size: 7.5pt; } th, td { padding: 3px 7px 3px 0; }
  .right { white-space: normal; }
  thead { display: table-header-group; }
  .verdicts > li { border: 1px solid var(--line); border-left: 4px solid; background: none; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; } }
"""
)
