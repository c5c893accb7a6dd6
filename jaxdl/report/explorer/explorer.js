// What is chosen on the page: metric, axes, colours, filters, trials; and what follows from it.

const root = document.querySelector(".explorer");
const read = () => {
  const given = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  return { ...given, columns: given.columns.map(readColumn), curves: given.curves.map(readCurve) };
};

const { columns, curves, count, start } = read();
const named = new Map(columns.map((column) => [column.name, column]));
const metrics = columns.filter(({ role }) => role === "metric");
const asked = columns.filter(({ role }) => role === "condition");
const state = {
  metric: named.get(start.metric), against: named.get(start.against),
  colour: named.get(start.colour), curve: curves[0], filters: new Map(), chosen: [],
  logX: named.get(start.against).log, logY: named.get(start.metric).log, logCurve: curves[0]?.log,
};
const parts = Object.fromEntries(
  ["controls", "legend", "filters", "scatter", "curves", "chosen", "table", "shown"]
    .map((name) => [name, root.querySelector(`.x-${name}`)]),
);

const TIP = `margin: -6px; padding: 8px 12px; display: grid; grid-template-columns: auto auto;
  gap: 1px 14px; font: 13px/1.45 ${FONT}; color: var(--ink); background: var(--paper);
  border: 1px solid var(--soft);`;

/** What a pointer says of a trial; its style stands in it, for it is shown outside the page's. */
const tip = (trial) => {
  const told = [...asked, ...metrics, ...columns.filter(({ name }) => name === "status")];
  return element("div", { class: "tip", style: TIP }, ...told.slice(0, 14).flatMap((column) => [
    element("span", { style: "color: var(--soft)" }, column.label),
    element("span", { style: "text-align: right" }, written(column, column.values[trial])),
  ]));
};

const shown = () => passing(columns, state.filters, count);

/** The trials whose curves are drawn while none is chosen: the best of each colour. */
const exemplars = (trials) => {
  const groups = state.colour.few ? [...grouped(state.colour, trials).values()] : [trials];
  return groups.map((each) => best(state.metric, each));
};

const drawPoints = () => {
  if (shown().length) {
    return drawScatter(parts.scatter, { ...state, shown: shown(), choose });
  }
  parts.scatter.choose = null;
  noteBelow(parts.scatter, "");
  parts.scatter.replaceChildren(element("p", { class: "none" }, "No trial passes the filters."));
};

const drawChosenCurves = () => {
  if (!curves.length) return;
  const trials = state.chosen.length ? state.chosen : exemplars(shown());
  noteBelow(parts.curves, state.chosen.length
    ? state.chosen.length > MOST_CURVES
      ? `The first ${MOST_CURVES} of ${counted(state.chosen.length, "chosen trial")}.` : ""
    : `Nothing is chosen: the best trial of each ${state.colour.label}.`);
  return drawCurves(parts.curves, {
    ...state, logY: state.logCurve, trials, choose,
  });
};

/** Chooses trials, wherever: in the chart, by a curve, in the table. */
let choosing = false;
const choose = (trials, from = null) => {
  if (choosing) return;
  choosing = true;
  state.chosen = trials;
  for (const part of [parts.scatter, parts.table]) if (part !== from) part.choose?.(trials);
  choosing = false;
  tellChosen();
  drawChosenCurves();
};

const tellChosen = () => {
  const { chosen, metric } = state;
  const clear = element("button", { type: "button", onclick: () => choose([]) }, "Clear");
  if (!chosen.length) {
    parts.chosen.replaceChildren(
      "Choose trials by a click on a point, a curve or a row, or by a box drawn around points; ",
      "Shift adds to the choice.",
    );
  } else if (chosen.length === 1) {
    const pairs = columns.map((column) => element("div", {},
      element("dt", {}, column.label),
      element("dd", {}, written(column, column.values[chosen[0]]))));
    parts.chosen.replaceChildren(element("p", {}, element("b", {}, "1 trial chosen"), clear),
      element("dl", {}, ...pairs));
  } else {
    const values = chosen.map((i) => metric.values[i]).filter((value) => !Number.isNaN(value));
    const text = values.length
      ? `; ${metric.label} ${written(metric, Math.min(...values))} … ` +
        `${written(metric, Math.max(...values))}, median ${written(metric, median(values))}`
      : `; none of them has a ${metric.label}`;
    parts.chosen.replaceChildren(element("p", {},
      element("b", {}, counted(chosen.length, "trial") + " chosen"), text, clear));
  }
};

/** Filters were moved. */
const refilter = () => {
  const passed = shown();
  const there = new Set(passed);
  const kept = state.chosen.filter((i) => there.has(i));
  for (const chip of root.querySelectorAll(".chip")) chip.press();
  parts.table.show(passed);
  tellShown(passed.length);
  drawPoints();
  if (kept.length < state.chosen.length) choose(kept);
  else if (!kept.length && passed.length) drawChosenCurves();
};

const tellShown = (passed) => {
  const reset = element("button", { type: "button", onclick: () => {
    state.filters.clear();
    for (const input of parts.filters.querySelectorAll("input")) input.value = "";
    refilter();
  } }, "Show all");
  const text = passed === count
    ? `${counted(count, "trial")}, `
    : `${passed.toLocaleString("en")} of ${counted(count, "trial")}`;
  parts.shown.replaceChildren(...(passed === count
    ? [text, "the best first; a heading sorts."] : [text, reset]));
};

/** Toggles for the values of a column: with any of them pressed, only these are shown. */
const toggles = (column, coloured) => {
  const look = coloured ? looks(column) : null;
  const only = () => state.filters.get(column.name)?.only ?? new Set();
  return column.different.map((value) => {
    const chip = element("button", { type: "button", class: "chip", onclick: () => {
      const wanted = new Set(only());
      if (!wanted.delete(value)) wanted.add(value);
      if (wanted.size) state.filters.set(column.name, { only: wanted });
      else state.filters.delete(column.name);
      refilter();
    } }, written(column, value));
    chip.press = () => {
      chip.setAttribute("aria-pressed", String(only().has(value)));
      chip.classList.toggle("out", only().size > 0 && !only().has(value));
    };
    chip.press();
    if (look) {
      const { colour, marker } = look(value);
      const swatch = element("i", { class: `swatch ${marker}` });
      swatch.style.background = colour;
      chip.prepend(swatch);
    }
    return chip;
  });
};

const drawLegend = () => {
  const { colour } = state;
  const hint = { class: "title", title: "press one to see it alone" };
  const title = element("span", hint, colour.label);
  if (colour.few) {
    parts.legend.replaceChildren(title, ...toggles(colour, true));
    return;
  }
  const look = looks(colour);
  const low = colour.different[0], high = colour.different.at(-1);
  const stops = [0, 0.25, 0.5, 0.75, 1].map((share) => look(
    unscaled(scaled(low, colour.log) * (1 - share) + scaled(high, colour.log) * share, colour.log),
  ).colour);
  const ramp = element("i", { class: "ramp" });
  ramp.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  parts.legend.replaceChildren(title, written(colour, low), ramp, written(colour, high));
};

/** From and to, for a column of many numbers. */
const bounds = (column) => {
  const ends = [column.different[0], column.different.at(-1)];
  const given = state.filters.get(column.name);
  const inputs = ["from", "to"].map((name, place) => element("input", {
    type: "text", inputmode: "decimal", size: "7", "aria-label": `${column.label} ${name}`,
    placeholder: written(column, ends[place]),
    value: given && Number.isFinite(given[name]) ? String(given[name]) : "",
    onchange: () => {
      const [from, to] = inputs.map((input) => Number.parseFloat(input.value.replace("−", "-")));
      const filter = {
        from: Number.isNaN(from) ? -Infinity : from, to: Number.isNaN(to) ? Infinity : to,
      };
      if (filter.from === -Infinity && filter.to === Infinity) state.filters.delete(column.name);
      else state.filters.set(column.name, filter);
      refilter();
    },
  }));
  return [inputs[0], " … ", inputs[1]];
};

const drawFilters = () => {
  const groups = columns.filter(({ different }) => different.length > 1).filter(
    ({ few, levels }) => few || !levels).map((column) =>
    element("fieldset", {}, element("legend", {}, column.label),
      ...(column.few ? toggles(column, false) : bounds(column))));
  parts.filters.replaceChildren(...groups);
};

/** A choice among columns or curves, and a box for a log axis beside it. */
const chooser = (label, name, options, after, log) => {
  const select = element("select", { onchange: () => {
    state[name] = options[select.selectedIndex];
    if (log) {
      state[log] = state[name].log;
      box.checked = state[log];
      box.parentElement.hidden = !positive(state[name]);
    }
    after();
  } }, ...options.map((option) => element("option", {}, option.label)));
  select.selectedIndex = options.indexOf(state[name]);
  const made = element("label", {}, element("span", {}, label), select);
  if (!log) return element("div", {}, made);
  const box = element("input", { type: "checkbox", onchange: () => {
    state[log] = box.checked;
    after();
  } });
  box.checked = state[log];
  const check = element("label", { class: "log" }, box, "log");
  check.hidden = !positive(state[name]);
  return element("div", {}, made, check);
};

const positive = ({ levels, values }) => !levels && values.every((value) => !(value <= 0));

const drawControls = () => {
  const along = columns.filter(
    ({ role, different }) => role !== "outcome" && different.length > 1);
  const told = columns.filter(({ levels, few, role }) => (levels ? few : role === "condition"));
  const recolour = () => {
    drawLegend();
    drawPoints();
    drawChosenCurves();
  };
  const measure = () => {
    drawPoints();
    tellChosen();
    drawChosenCurves();
  };
  parts.controls.replaceChildren(
    chooser("Metric", "metric", metrics, measure, "logY"),
    chooser("Along", "against", along, drawPoints, "logX"),
    chooser("Coloured by", "colour", told, recolour),
    ...(curves.length ? [chooser("Curve", "curve", curves, drawChosenCurves, "logCurve")] : []),
  );
};

const begin = async () => {
  Bokeh.set_log_level("error");
  drawControls();
  drawLegend();
  drawFilters();
  tellShown(count);
  tellChosen();
  if (!curves.length) parts.curves.parentElement.remove();
  const table = newTable(parts.table, columns, count, choose);
  await Promise.all([drawPoints(), drawChosenCurves(), table]);
  if (named.get(start.metric).better) parts.table.mark(named.get(start.metric));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawLegend();
    drawPoints();
    drawChosenCurves();
  });
  root.dataset.ready = "";
};

begin();
