// The table of the trials, of which only the rows in sight are in the page.

const ROW = 30;

const TABLE_STYLE = `
:host { font: 13.5px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.bk-data-table, .slick-viewport, .grid-canvas { background: transparent; color: var(--ink); }
.slick-header-columns, .slick-header-column { background: var(--paper) !important; }
.slick-header-column {
  display: flex !important; align-items: flex-start; gap: 6px; color: var(--ink);
  font-weight: 600; font-style: normal; border: 0 !important; padding: 6px 10px !important;
  height: 34px !important; cursor: pointer; background-image: none !important;
}
.slick-header-column:hover { background: var(--shade) !important; }
.slick-header { border-bottom: 2px solid var(--soft); }
.slick-column-name { white-space: normal; line-height: 1.15; display: inline-block; }
.slick-cell {
  border: 0 !important; border-bottom: 1px solid var(--line) !important; color: var(--ink);
  background: transparent; padding: 4px 10px !important; line-height: 21px;
  font-variant-numeric: tabular-nums;
}
.slick-row { background: var(--paper) !important; }
.slick-row:hover .slick-cell { background: var(--shade); }
.slick-cell.selected, .slick-row:hover .slick-cell.selected {
  background: color-mix(in srgb, var(--accent) 22%, var(--paper)) !important;
}
.slick-cell.active { outline: 2px solid var(--accent); outline-offset: -2px; }
.slick-cell.figure { text-align: right; }
.slick-header-column.figure { justify-content: flex-end; text-align: right; }
.slick-sort-indicator { all: unset; font-size: 10px; line-height: 16px; color: var(--accent); }
.slick-sort-indicator:empty { display: none; }
.slick-sort-indicator-asc, .slick-sort-indicator-desc { display: inline !important; }
.slick-sort-indicator-asc::after { content: "▲"; }
.slick-sort-indicator-desc::after { content: "▼"; }
.slick-viewport { scrollbar-color: var(--soft) transparent; }
`;

/** Text as HTML. */
const escaped = (text) => element("i", {}, text).innerHTML;

/** A column of the table: how its cells are written, aligned and ordered. */
const tableColumn = (column, view) => {
  const longest = column.levels
    ? Math.max(0, ...column.levels.map((level) => Math.min(level.length, 40)))
    : 7;
  const words = column.label.split(" ").map((word) => word.length);
  const width = 28 + 7.6 * Math.max(longest, ...words, column.label.length / 2 + 2);
  const made = new Bokeh.Tables.TableColumn({
    field: column.name, title: escaped(column.label), width: Math.round(width),
    default_sort: column.better === "max" ? "descending" : "ascending",
    sorter: new Bokeh.NanCompare(),
  });
  // A value that is missing stands last in both directions.
  made.sorter.compute = (one, other) => {
    if (Number.isNaN(one) || Number.isNaN(other)) {
      const last = Number.isNaN(one) - Number.isNaN(other);
      return view().grid.getSortColumns()[0].sortAsc ? last : -last;
    }
    return one - other;
  };
  made.formatter.doFormat = (_row, _cell, value) => escaped(written(column, value));
  const toColumn = made.toColumn.bind(made);
  const cssClass = column.levels ? "" : "figure";
  made.toColumn = () => ({
    ...toColumn(), minWidth: Math.round(width), cssClass, headerCssClass: cssClass,
    toolTip: `sort by ${column.label}`,
  });
  return made;
};

/** The table in its place; with `show` for the rows that pass the filters and `choose`. */
const newTable = async (holder, columns, count, choose) => {
  const data = Object.fromEntries(columns.map((column) => [column.name, column.values]));
  const source = new Bokeh.ColumnDataSource({ data });
  const view = new Bokeh.CDSView({ filter: new Bokeh.AllIndices() });
  let shown = null;
  const table = new Bokeh.Tables.DataTable({
    source, view, columns: columns.map((column) => tableColumn(column, () => shown)),
    sizing_mode: "stretch_width", height: 50 + ROW * Math.min(count, 12) + 16, row_height: ROW,
    index_position: null, reorderable: false, autosize_mode: "force_fit",
    stylesheets: [TABLE_STYLE],
  });
  source.selected.properties.indices.change.connect(() =>
    choose([...source.selected.indices], holder));
  shown = await Bokeh.Plotting.show(table, holder);
  holder.choose = (indices) => { source.selected.indices = indices; };
  holder.show = (indices) => {
    view.filter = indices.length === count
      ? new Bokeh.AllIndices() : new Bokeh.IndexFilter({ indices });
  };
  /** Says by which column the rows are in order from the start. */
  holder.mark = (column) => {
    const { grid } = shown;
    const { id } = grid.getColumns().find(({ field }) => field === column.name);
    grid.setSortColumn(id, column.better !== "max");
  };
};
