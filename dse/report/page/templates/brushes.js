// Objectives and choices as axes, and brushes: what is kept of each.
// Where a stop stands on an axis is a share of the axis, 0 its lower end; below it those that have no such value.
const ABSENT = Math.fround(-0.14), NEAR = 1e-3, FEW_VALUES = 8, MOST_TICKS = 14;

function quantity(key, title, of, {unit = "count", lower = false, logarithmic = false}) {
  const finite = lineStops.map((stop) => of(...stop)).filter(Number.isFinite), right = unit === "share";
  const least = right ? finite.reduce((a, b) => b < 1 ? Math.min(a, 1 - b) : a, 1) / 2 : 0;
  // Accuracies by the logarithm of their error: the best would else be one line.
  const to = right ? (number) => -Math.log(Math.max(1 - number, least)) : logarithmic ? Math.log : (number) => number;
  const back = right ? (at) => 1 - Math.exp(-at) : logarithmic ? Math.exp : (at) => at;
  const [low, high] = finite.map(to).reduce(([a, b], at) => [Math.min(a, at), Math.max(b, at)], [Infinity, -Infinity]);
  const turned = (share) => lower ? 1 - share : share;
  const share = (number) => turned((to(number) - low) / (high - low));
  const ends = [back(low), back(high)];
  const ticks = right ? (logTicks(1 - ends[1], 1 - ends[0]) ?? [1 - ends[0], 1 - ends[1]]).map((error) => 1 - error) : (logarithmic && logTicks(...ends)) || evenTicks(...ends);
  const said = (number) => tickText(Number((right ? 100 * number : number).toPrecision(6)));
  return {
    key, title, continuous: true, of: (...stop) => Number.isFinite(of(...stop)) ? share(of(...stop)) : ABSENT,
    ticks: thinned(ticks, 8).map((tick) => [share(tick), said(tick)]).filter(([at]) => at > -NEAR && at < 1 + NEAR),
    steps: Array.from({length: 21}, (_, i) => i / 20),
    name: (at) => String(Number(back(low + turned(at) * (high - low)).toPrecision(5))),
    find: (name) => Math.min(1, Math.max(0, share(Number(name)))),
    order: (names) => names.sort((a, b) => a - b), say: (name) => unit === "share" || unit === "s" ? text(unit, Number(name)) : tickText(Number(name)),
  };
}
function evenTicks(low, high) {
  const power = 10 ** Math.floor(Math.log10((high - low) / 4)), step = [10, 5, 2, 1].map((size) => size * power).find((size) => (high - low) / size >= 4) ?? power;
  return Array.from({length: Math.floor(high / step) - Math.ceil(low / step) + 1}, (_, i) => (Math.ceil(low / step) + i) * step);
}
const thinned = (ticks, most) => ticks.filter((_, i) => i % Math.ceil(ticks.length / most) === 0);
// A list of stages by the values of each, which else begin alike.
const named = (given) => Array.isArray(given) ? given.map((part) => part && typeof part === "object" ? Object.values(part).join(":") : part).join(" ") : scalar(given);
function choice(key, title, values, places) {
  const order = values.map((_, place) => place).sort((a, b) => typeof values[a] === "number" && typeof values[b] === "number" ? values[a] - values[b]
    : String(values[a]).localeCompare(String(values[b]), "en", {numeric: true}));
  const shares = [], names = order.map((place) => named(values[place]).replaceAll("_", " "));
  order.forEach((place, i) => shares[place] = i / (order.length - 1));
  return {
    key, title, of: (recipe) => places[recipe] < 0 ? ABSENT : shares[places[recipe]],
    slack: 0.25 / Math.max(5, names.length - 1),
    ticks: thinned(names.map((name, i) => [i / (names.length - 1), name]), MOST_TICKS),
    steps: names.map((_, i) => i / (names.length - 1)),
    name: (at) => names[Math.round(at * (names.length - 1))], find: (name) => names.includes(name) ? names.indexOf(name) / (names.length - 1) : NaN, order: (names) => names, say: (name) => name,
  };
}
function choiceOrQuantity({title, column}) {
  const {path, values, of} = recipes.content[column], key = path.join(".");
  if (values.length <= FEW_VALUES || !values.every((given) => typeof given === "number")) return choice(key, title, values, of);
  const low = Math.min(...values);
  return quantity(key, title, (recipe) => values[of[recipe]] ?? NaN, {logarithmic: low > 0 && Math.max(...values) >= 10 * low});
}
let axesSideBySide = null;
const lineStops = (({top, others}) => [...top, ...others])(planeOf(...study.plane));
function parallelAxes() {
  if (axesSideBySide) return axesSideBySide;
  const given = Object.entries(axes).map(([name, {title, unit, maximise}]) =>
    [name, title, (...stop) => value(name, ...stop), {unit, lower: !maximise, logarithmic: unit !== "share"}]);
  if (baseline && study.ofCurves) {
    const reached = recipes.trial.map((_, recipe) => firstReaching(recipe, baseline.accuracy)).map((epoch, recipe) => epoch ? value("train_seconds", recipe, epoch) : NaN);
    given.push(["reached", "time to the baseline's accuracy (s)", (recipe) => reached[recipe], {unit: "s", lower: true, logarithmic: true}]);
  }
  const differ = given.filter(([, , of]) => new Set(lineStops.map((stop) => of(...stop)).filter(Number.isFinite)).size > 1);
  axesSideBySide = [...differ.map((each) => quantity(...each)), ...study.dimensions.map(choiceOrQuantity)];
  for (const axis of axesSideBySide) {
    axis.at = Float32Array.from(lineStops, (stop) => axis.of(...stop));
    axis.absent = axis.at.some((at) => at === ABSENT);
  }
  return axesSideBySide;
}
const nameAt = (axis, at) => at === ABSENT ? "" : axis.name(at);
const shareOf = (axis, name) => name === "" ? ABSENT : axis.find(name);

// What is kept by brushes, each the least and the greatest share of an axis: which stops, lines, and recipes with a line.
let lastKept = ["{}", null];
function keptBy(brushes) {
  const given = JSON.stringify(brushes);
  if (given === lastKept[0]) return lastKept[1];
  const ranges = parallelAxes().filter(({key}) => brushes[key]).map(({key, of}) => [of, brushes[key][0] - NEAR, brushes[key][1] + NEAR]);
  const stop = (stop) => ranges.every(([of, low, high]) => of(...stop) >= low && of(...stop) <= high), lines = lineStops.map(stop);
  const having = new Array(count).fill(false);
  lineStops.forEach(([recipe], line) => having[recipe] ||= lines[line]);
  lastKept = [given, ranges.length ? {stop, lines, recipes: having} : null];
  return lastKept[1];
}
// The steps of an axis between two shares, at least one; null for a whole axis.
function snapped(axis, from, to) {
  const places = axis.absent ? [ABSENT, ...axis.steps] : axis.steps, [low, high] = [Math.min(from, to), Math.max(from, to)];
  let inside = places.filter((at) => at >= low - NEAR && at <= high + NEAR);
  if (axis.continuous) inside = [low < ABSENT / 2 && places[0] === ABSENT ? ABSENT : Math.max(0, low), high < ABSENT / 2 && places[0] === ABSENT ? ABSENT : Math.min(1, Math.max(0, high))];
  if (!inside.length) inside = [places.reduce((a, b) => Math.abs(b - (low + high) / 2) < Math.abs(a - (low + high) / 2) ? b : a)];
  const ends = [inside[0], inside.at(-1)].map((at) => shareOf(axis, nameAt(axis, at)));  // as the address keeps them
  return ends[0] <= places[0] + NEAR && ends[1] >= 1 - NEAR ? null : ends;
}
function brushed(key, ends) {
  const {[key]: _, ...others} = state.brush;
  update({brush: ends ? {...others, [key]: ends} : others});
}
// Brushes as the address writes them, the names of their ends; what this study does not have is left out.
function brushesIn(given) {
  const known = parallelAxes().filter(({key}) => given.has(`on.${key}`));
  return Object.fromEntries(known.map((axis) => [axis.key, given.get(`on.${axis.key}`).split("..").map((name) => shareOf(axis, name)).sort((a, b) => a - b)])
    .filter(([, ends]) => ends.length === 2 && ends.every(Number.isFinite)));
}
function brushText(axis, ends) {
  if (!ends) return "all";
  const inside = ends[1] === ABSENT ? [] : [Math.max(0, ends[0]), ends[1]], names = axis.order(inside.map(axis.name)), said = [...new Set(names.map(axis.say))].join(" to ");
  return [said, ends[0] === ABSENT ? "not there" : ""].filter(Boolean).join(" or ");
}
function sayBrushes(brushes, kept) {
  const all = parallelAxes().filter(({key}) => brushes[key]);
  for (const said of document.querySelectorAll(".brushed")) {
    said.classList.toggle("on", Boolean(kept));
    said.replaceChildren();
    if (!kept) continue;
    const button = element("button", {type: "button", class: "stop"}, "Show all");
    button.addEventListener("click", () => update({brush: {}}));
    said.title = `${kept.recipes.filter(Boolean).length.toLocaleString("en")} of ${count.toLocaleString("en")} recipes: `
      + all.map((axis) => `${axis.title} ${brushText(axis, brushes[axis.key])}`).join("; ");
    said.append(button, ` ${said.title}`);
  }
}
