// The trials as columns: how they are read and written, and which of them are shown.

const decode = (text, type) => {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return new type(bytes.buffer);
};

const ascending = (a, b) => a - b;

const FEW = 16;

/** A column with its numbers, and the different ones among them; names are numbered by level. */
const readColumn = (column) => {
  const values = decode(column.values, Float64Array);
  const different = [...new Set(values)].filter((value) => !Number.isNaN(value)).sort(ascending);
  return { ...column, values, different, few: different.length <= FEW };
};

const readCurve = (curve) => ({ ...curve, values: decode(curve.values, Float32Array) });

/** A number in four significant digits. */
const figures = (value) => {
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return String(value).replace("-", "−");
  const text = size >= 1e5 || size < 1e-4 ? value.toExponential(2) : value.toPrecision(4);
  return text.replaceAll("-", "−");
};

/** The same without zeros that say nothing, for what was asked. */
const short = (value) =>
  figures(value).replace(/(\.\d*?)0+(?=$|e)/, "$1").replace(/\.(?=$|e)/, "");

/** A value as it is written, without its unit. */
const written = (column, value) => {
  if (Number.isNaN(value)) return "–";
  if (column.levels) return column.levels[value];
  if (column.decimals !== null) return value.toFixed(column.decimals);
  return column.role === "metric" ? figures(value) : short(value);
};

const counted = (number, noun) =>
  `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

/** The median of numbers, all of them known. */
const median = (values) => {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** The trials that every filter lets through: `only` some values, or those `from` … `to`. */
const passing = (columns, filters, count) => {
  const active = columns.filter((column) => filters.has(column.name));
  const shown = [];
  for (let i = 0; i < count; i++) {
    const passes = active.every(({ name, values }) => {
      const { only, from, to } = filters.get(name);
      return only ? only.has(values[i]) : values[i] >= from && values[i] <= to;
    });
    if (passes) shown.push(i);
  }
  return shown;
};

/** Which of the trials is best by a metric; the first of them where better is not known. */
const best = (column, trials) => {
  const sign = column.better === "min" ? -1 : 1;
  const worth = (i) => (Number.isNaN(column.values[i]) ? -Infinity : sign * column.values[i]);
  if (!column.better) return trials[0];
  return trials.reduce((one, other) => (worth(other) > worth(one) ? other : one));
};

/** The trials by their value in a column, each value with its trials. */
const grouped = (column, trials) => {
  const groups = new Map();
  for (const i of trials) {
    const value = column.values[i];
    if (!groups.has(value)) groups.set(value, []);
    groups.get(value).push(i);
  }
  return groups;
};

/** An element with its attributes and children; `on…` are listeners. */
const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
};
