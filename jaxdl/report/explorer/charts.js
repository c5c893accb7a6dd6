// The two charts: a metric along a column, and the training curves of some trials.

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
const MARKERS = ["circle", "square", "triangle", "diamond", "inverted_triangle"];
const SERIES = 7;
const MOST_CURVES = 60;
const MOST_DECADES = 7;
const GRIDDED = 40;
const FAR = 15; // times the middle half of the values
const HEIGHT = 380;

const inked = (name) => getComputedStyle(root).getPropertyValue(name).trim();

/** The colour and the marker of each value of a column; numbers have a ramp in their order. */
const looks = (column) => {
  const unknown = { colour: inked("--soft"), marker: "circle" };
  if (column.levels) {
    const known = new Map(column.different.map((value, place) => [value, {
      colour: inked(`--series-${place % SERIES}`),
      marker: MARKERS[Math.floor(place / SERIES) % MARKERS.length],
    }]));
    return (value) => known.get(value) ?? unknown;
  }
  const ramp = Bokeh.Palettes.Viridis256;
  const [first, last] = inked("--ramp").split(" ").map(Number);
  const low = scaled(column.different[0], column.log);
  const high = scaled(column.different.at(-1), column.log);
  return (value) => {
    if (Number.isNaN(value)) return unknown;
    const share = high > low ? (scaled(value, column.log) - low) / (high - low) : 0.5;
    const colour = ramp[Math.round(first + (last - first) * share)];
    return { colour: `#${colour.toString(16).padStart(8, "0").slice(0, 6)}`, marker: "circle" };
  };
};

const scaled = (value, log) => (log ? Math.log10(value) : value);
const unscaled = (value, log) => (log ? 10 ** value : value);

/** A range around numbers, with room at both ends. */
const range = (values, log, pad = 0.06) => {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    const at = scaled(value, log);
    if (at < low) low = at;
    if (at > high) high = at;
  }
  if (low > high) return [log ? -1 : 0, log ? 0 : 1];
  const room = high > low ? pad * (high - low) : Math.max(0.05 * Math.abs(low), 0.5);
  return [low - room, high + room];
};

/** A range around numbers without those far from the others, and how many these are. */
const without = (values, log) => {
  const sorted = Float64Array.from(values, (value) => scaled(value, log)).sort();
  const low = sorted[sorted.length >> 2], high = sorted[(3 * sorted.length) >> 2];
  const room = high > low ? FAR * (high - low) : Infinity;
  const near = values.filter((value) => {
    const at = scaled(value, log);
    return at >= low - room && at <= high + room;
  });
  return { ends: range(near, log), beyond: values.length - near.length };
};

/** A figure of the house: no frame, thin lines, the colours of the page. */
const newFigure = ({ x, y, hover, select }) => {
  const touch = matchMedia("(pointer: coarse)").matches;
  const zooms = [
    new Bokeh.PanTool(), new Bokeh.BoxZoomTool(), new Bokeh.WheelZoomTool(),
    new Bokeh.ResetTool(), new Bokeh.SaveTool(),
  ];
  const toolbar = [...select, ...zooms, hover];
  const figure = Bokeh.Plotting.figure({
    height: HEIGHT, sizing_mode: "stretch_width", min_border_right: 12,
    background_fill_color: null, border_fill_color: null, outline_line_color: null,
    toolbar_location: "above", tools: toolbar,
    x_range: axisRange(x), y_range: axisRange(y),
    x_axis_type: x.log ? "log" : "linear", y_axis_type: y.log ? "log" : "linear",
    x_axis_label: x.label, y_axis_label: y.label,
  });
  const drag = select.find((tool) => tool instanceof Bokeh.BoxSelectTool) ?? zooms[1];
  figure.toolbar.setv({
    logo: null, active_drag: touch ? null : drag, active_scroll: null,
    stylesheets: [".bk-divider { opacity: 0.25; }"],
  });
  const ink = inked("--ink"), soft = inked("--soft"), line = inked("--line");
  figure.axis.each((axis) => axis.setv({
    axis_label_text_font: FONT, axis_label_text_font_size: "13px", axis_label_standoff: 8,
    axis_label_text_font_style: "normal", axis_label_text_color: ink,
    major_label_text_font: FONT, major_label_text_font_size: "12px",
    major_label_text_color: soft, axis_line_color: line, major_tick_line_color: line,
    major_tick_in: 0, minor_tick_line_color: null,
  }));
  for (const grid of figure.grids) grid.setv({ grid_line_color: line, grid_line_alpha: 0.6 });
  if (x.ticks) {
    figure.xaxis.ticker = new Bokeh.FixedTicker({ ticks: [...x.ticks.keys()], minor_ticks: [] });
    figure.xaxis.major_label_overrides = x.ticks;
    if (x.slanted) figure.xaxis.major_label_orientation = Math.PI / 5;
    for (const grid of figure.xgrids) grid.setv({ grid_line_color: null });
  }
  return figure;
};

const axisRange = ({ ends, log }) =>
  new Bokeh.Range1d({ start: unscaled(ends[0], log), end: unscaled(ends[1], log) });

/** Shows a figure where another was; of several that are asked for at once the last stays. */
const place = async (holder, figure) => {
  const turn = (holder.turn = (holder.turn ?? 0) + 1);
  const fresh = element("div");
  const view = await Bokeh.Plotting.show(figure, fresh);
  if (turn !== holder.turn) return view.remove();
  holder.view?.remove();
  holder.view = view;
  holder.replaceChildren(fresh);
};

const noteBelow = (holder, text) => {
  holder.parentElement.querySelector(".x-note").textContent = text;
};

/** Where trials stand along a column: side by side by colour where many share a value. */
const places = (column, log, trials, colour) => {
  const { different, levels } = column;
  const crowded = different.length <= GRIDDED && trials.length > 2 * different.length;
  const at = different.map((value) => scaled(value, log));
  const gaps = at.slice(1).map((value, i) => value - at[i]);
  const gap = gaps.length ? Math.min(...gaps) : 1;
  const groups = colour !== column && colour.few ? [...grouped(colour, trials).keys()] : [0];
  groups.sort(ascending);
  const width = ((levels ? 0.8 : 0.64) * gap) / groups.length;
  const shift = new Map(groups.map((g, i) => [g, (i - (groups.length - 1) / 2) * width]));
  const centre = (value, group) => scaled(value, log) + (crowded ? shift.get(group) ?? 0 : 0);
  const position = (i) => {
    const spread = crowded ? (((i * 0.618034) % 1) - 0.5) * 0.7 * width : 0;
    return unscaled(centre(column.values[i], colour.values[i]) + spread, log);
  };
  const ends = crowded || levels
    ? [at[0] - 0.55 * gap, at.at(-1) + 0.55 * gap]
    : range(trials.map((i) => column.values[i]), log);
  const ticks = (levels ? at.length <= GRIDDED : at.length <= 12) && evenly(gap, at)
    ? new Map(different.map((value) => [value, written(column, value)])) : null;
  return { crowded, position, centre, ends, ticks };
};

/** Whether labels at every value have room. */
const evenly = (gap, at) => gap * 14 > at.at(-1) - at[0];

/** A metric along a column: a point a trial, a line through the medians of each colour. */
const drawScatter = (holder, { metric, against, colour, logX, logY, shown, chosen, choose }) => {
  const look = looks(colour);
  const trials = shown.filter((i) => !Number.isNaN(against.values[i]));
  const known = trials.filter((i) => !Number.isNaN(metric.values[i]));
  const lost = trials.filter((i) => Number.isNaN(metric.values[i]));
  const along = places(against, logX, trials, colour);
  const { ends, beyond } = without(known.map((i) => metric.values[i]), logY);
  const strip = lost.length ? widen(ends, metric) : null;
  const source = new Bokeh.ColumnDataSource({ data: {
    trial: trials,
    x: trials.map(along.position),
    y: trials.map((i) => {
      const value = metric.values[i];
      return Number.isNaN(value) ? unscaled(strip.at, logY) : value;
    }),
    colour: trials.map((i) => look(colour.values[i]).colour),
    marker: trials.map((i) =>
      (Number.isNaN(metric.values[i]) ? "x" : look(colour.values[i]).marker)),
  } });
  const hover = new Bokeh.HoverTool({
    tooltips: (_, { index }) => tip(trials[index]), limit: 1, show_arrow: false,
  });
  const labels = [...(along.ticks?.values() ?? [])];
  const slanted = labels.join("").length * 8 + labels.length * 16 > holder.clientWidth - 70;
  const figure = newFigure({
    x: { label: against.label, log: logX, ends: along.ends, ticks: along.ticks, slanted },
    y: { label: metric.label, log: logY, ends },
    hover, select: [new Bokeh.BoxSelectTool(), new Bokeh.LassoSelectTool(), new Bokeh.TapTool()],
  });
  if (strip) drawStrip(figure, strip, lost.length, logY);
  const dense = trials.length > 4000 ? 4 : trials.length > 400 ? 6 : 8;
  const points = figure.scatter({ field: "x" }, { field: "y" }, {
    source, marker: { field: "marker" }, size: dense, fill_color: { field: "colour" },
    line_color: { field: "colour" }, fill_alpha: trials.length > 1000 ? 0.45 : 0.7,
    line_alpha: 0.9, line_width: lost.length ? 1 : 0.5,
    nonselection_fill_alpha: 0.1, nonselection_line_alpha: 0.15,
  });
  points.selection_glyph = points.glyph.clone();
  points.selection_glyph.setv({
    fill_alpha: 1, line_alpha: 1, line_color: inked("--ink"), line_width: 1, size: dense + 3,
  });
  hover.renderers = [points];
  if (along.crowded) drawMedians(figure, { along, metric, against, colour, look, known, logX });
  const medians = against.levels ? "bars are medians" : "lines join medians";
  const lie = beyond === 1 ? "lies" : "lie";
  const outside = beyond ? ` ${counted(beyond, "trial")} ${lie} outside of the axis.` : "";
  noteBelow(holder, `A point is a trial${along.crowded ? `, ${medians}` : ""}.${outside}`);
  const placeOf = new Map(trials.map((i, row) => [i, row]));
  holder.choose = (indices) => {
    source.selected.indices = indices.filter((i) => placeOf.has(i)).map((i) => placeOf.get(i));
  };
  holder.choose(chosen);
  source.selected.properties.indices.change.connect(() =>
    choose(source.selected.indices.map((row) => trials[row]), holder));
  return place(holder, figure);
};

/** Room at the worse end for the trials that have no value. */
const widen = (ends, metric) => {
  const room = 0.09 * (ends[1] - ends[0]);
  if (metric.better === "min") {
    ends[1] += room;
    return { at: ends[1] - room / 2, edge: ends[1] - room };
  }
  ends[0] -= room;
  return { at: ends[0] + room / 2, edge: ends[0] + room };
};

const drawStrip = (figure, { at, edge }, count, log) => {
  const soft = inked("--soft");
  figure.add_layout(new Bokeh.Span({
    location: unscaled(edge, log), dimension: "width", line_color: soft, line_dash: [2, 4],
  }));
  figure.add_layout(new Bokeh.Label({
    x: 6, y: unscaled(at, log), x_units: "screen",
    text: `${counted(count, "trial")} without a value`,
    text_baseline: "middle", text_color: soft, text_font: FONT, text_font_size: "11px",
    background_fill_color: inked("--paper"), background_fill_alpha: 0.8, padding: 2,
  }));
};

const drawMedians = (figure, { along, metric, against, colour, look, known, logX }) => {
  const groups = colour !== against && colour.few ? grouped(colour, known) : new Map([[0, known]]);
  const lines = { xs: [], ys: [], colour: [] };
  for (const [group, trials] of groups) {
    const by = [...grouped(against, trials)].sort(([a], [b]) => a - b);
    lines.xs.push(by.map(([value]) => unscaled(along.centre(value, group), logX)));
    lines.ys.push(by.map(([, each]) => median(each.map((i) => metric.values[i]))));
    lines.colour.push(groups.size > 1 ? look(group).colour : inked("--soft"));
  }
  const source = new Bokeh.ColumnDataSource({ data: lines });
  const under = { field: "xs" }, over = { field: "ys" };
  if (!against.levels) {
    figure.multi_line(under, over, { source, line_color: inked("--paper"), line_width: 4.5 });
    figure.multi_line(under, over, { source, line_color: { field: "colour" }, line_width: 2 });
    return;
  }
  const flat = new Bokeh.ColumnDataSource({ data: {
    x: lines.xs.flat(), y: lines.ys.flat(),
    colour: lines.ys.flatMap((ys, n) => ys.map(() => lines.colour[n])),
  } });
  figure.scatter({ field: "x" }, { field: "y" }, {
    source: flat, marker: "dash", size: 14, line_color: inked("--ink"), line_width: 2.5,
  });
};

/** The curves of these trials; a touch on one chooses its trial. */
const drawCurves = (holder, { curve, colour, logY, steps, trials, choose }) => {
  const look = looks(colour);
  const length = curve.steps.length;
  const drawn = trials.slice(0, MOST_CURVES);
  const data = { xs: [], ys: [], colour: [] };
  let last = 0;
  for (const i of drawn) {
    const ys = curve.values.subarray(i * length, (i + 1) * length);
    const there = curve.steps.map((step, n) => [step, ys[n]])
      .filter(([, value]) => Number.isFinite(value) && (!logY || value > 0));
    data.xs.push(there.map(([step]) => step));
    data.ys.push(there.map(([, value]) => value));
    data.colour.push(look(colour.values[i]).colour);
    if (there.length) last = Math.max(last, there.at(-1)[0]);
  }
  const ends = range(data.ys.flat(), logY);
  if (logY) ends[0] = Math.max(ends[0], ends[1] - MOST_DECADES);
  const source = new Bokeh.ColumnDataSource({ data });
  const hover = new Bokeh.HoverTool({
    tooltips: (_, { index }) => tip(drawn[index]), limit: 1, show_arrow: false,
    line_policy: "interp",
  });
  const figure = newFigure({
    x: { label: "step", log: false, ends: range([0, last], false, 0.02) },
    y: { label: curve.label, log: logY, ends },
    hover, select: [new Bokeh.TapTool()],
  });
  const lines = figure.multi_line({ field: "xs" }, { field: "ys" }, {
    source, line_color: { field: "colour" }, line_width: drawn.length > 20 ? 1.3 : 2,
    line_alpha: drawn.length > 20 ? 0.75 : 1, hover_line_width: 4,
  });
  if (length < 13) {
    figure.scatter({ field: "x" }, { field: "y" }, {
      source: new Bokeh.ColumnDataSource({ data: {
        x: data.xs.flat(), y: data.ys.flat(),
        colour: data.ys.flatMap((ys, n) => ys.map(() => data.colour[n])),
      } }), size: 5, fill_color: { field: "colour" }, line_color: null,
    });
  }
  hover.renderers = [lines];
  source.selected.properties.indices.change.connect(() => {
    const [row] = source.selected.indices;
    if (row !== undefined) choose([drawn[row]], holder);
  });
  return place(holder, figure);
};
