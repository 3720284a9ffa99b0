// The front's figure, in any two of the axes.
const INK = "var(--ink)", FAINT = "var(--faint)", MOST_OTHERS = 1000, MOST_BARS = 300, MANY = 5000, SAMPLED = 50;
const scaled = (name, number) => axes[name].unit === "share" ? 100 * number : number;
const before = (name, a, b) => axes[name].maximise ? a > b : a < b;  // whether a is better

// The stops that no other beats in these two axes, by rising x; each recipe's first where several are equal.
function staircase(x, y, among = stops()) {
  // Sorting hundreds of thousands takes long: what one of a few beats is left out before.
  const few = among.length > MANY ? staircase(x, y, among.filter((_, i) => i % SAMPLED === 0)) : [], all = [];
  for (const stop of among) {
    const point = {stop, x: value(x, ...stop), y: value(y, ...stop)};
    if (!Number.isNaN(point.x + point.y) && !isBeaten(point, few, x, y)) all.push(point);
  }
  all.sort((a, b) => (axes[x].maximise ? b.x - a.x : a.x - b.x) || (axes[y].maximise ? b.y - a.y : a.y - b.y));
  const steps = [];
  for (const point of all) if (!steps.length || before(y, point.y, steps.at(-1).y)) steps.push(point);
  return steps.sort((a, b) => a.x - b.x);
}
function isBeaten(point, steps, x, y) {
  let [low, high] = [0, steps.length];  // steps are in the order of x; of those that are as good in x the last or first is the best in y
  while (low < high) {
    const middle = (low + high) >> 1, left = steps[middle].x < point.x || (!axes[x].maximise && steps[middle].x === point.x);
    if (left) low = middle + 1;
    else high = middle;
  }
  const best = steps[axes[x].maximise ? low : low - 1];
  return best !== undefined && !before(y, point.y, best.y) && (before(x, best.x, point.x) || before(y, best.y, point.y));
}
// Where a recipe stands that has no place among these: where it first is best in y.
function bestStop(recipe, y) {
  if (!study.ofCurves) return [recipe, 0];
  let best = 1;
  for (let epoch = 2; epoch <= recipes.epochs[recipe]; epoch++)
    if (before(y, value(y, recipe, epoch), value(y, recipe, best))) best = epoch;
  return [recipe, best];
}
const planes = new Map();
// The front and the other recipes of a plane; of those that are kept, where something is brushed.
function shownPoints(x, y, kept = null) {
  const {line, usual, top, others} = planeOf(x, y), wanted = kept?.stop ?? (() => true);
  return {line, usual, top: top.filter(wanted), others: others.filter(wanted).slice(0, MOST_OTHERS)};
}
function planeOf(x, y) {
  if (!planes.has(x + y)) planes.set(x + y, layPlane(x, y));
  return planes.get(x + y);
}
function layPlane(x, y) {
  const line = staircase(x, y);
  const usual = x === study.plane[0] && y === study.plane[1];
  const top = usual ? study.front.filter(([recipe]) => recipe >= 0) : line.map((point) => point.stop);
  const listed = new Set(top.map(([recipe]) => recipe));
  const others = [...recipes.trial.keys()].filter((recipe) => !listed.has(recipe)).map((recipe) => bestStop(recipe, y))
    .filter((stop) => !Number.isNaN(value(x, ...stop) + value(y, ...stop)));
  others.sort((a, b) => axes[y].maximise ? value(y, ...b) - value(y, ...a) : value(y, ...a) - value(y, ...b));
  return {line, top, others, usual};
}
function card(stop) {
  const [recipe, epoch] = stop, seeds = recipes.seeds[recipe];
  const lines = [`<b>${escaped(wrapped(label(recipe))).replaceAll("\n", "<br>")}</b>`,
    stopText(stop) + (recipe === baseline?.recipe ? " · baseline" : "") + ` · ${seeds} seed${seeds > 1 ? "s" : ""}`, ""];
  for (const [name, axis] of Object.entries(axes)) {
    const shown = valueText(name, recipe, epoch);
    if (shown) lines.push(`${axis.words}  ${shown}`);
  }
  if (study.paper) lines.push("the test set chose the epoch");
  else if (epoch) lines.push(`test accuracy  ${text("share", tests[starts[recipe] + epoch - 1] / 65535)}`);
  const against = compared(stop);
  return lines.concat(against ? ["", against] : []).join("<br>");
}
// A card must fit a phone: its longest line is broken between parts of the label.
function wrapped(long, most = 38) {
  const lines = [""];
  for (const part of long.split(" · ")) {
    const joined = lines.at(-1) ? lines.at(-1) + " · " + part : part;
    if (joined.length > most && lines.at(-1)) lines.push(part);
    else lines[lines.length - 1] = joined;
  }
  return lines.join("\n");
}
function markers(stops, x, y, size, more = {}) {
  return {
    type: "scatter", mode: "markers+text", cliponaxis: false, textfont: {size: 11},
    x: stops.map((stop) => value(x, ...stop)), y: stops.map((stop) => scaled(y, value(y, ...stop))),
    customdata: stops, hovertext: stops.map(card), hoverinfo: "text",
    marker: {
      opacity: 1,  // plotly's own, where sizes differ, is pale
      color: stops.map(([recipe]) => look(recipe)[0]), symbol: stops.map(([recipe]) => look(recipe)[1]),
      size: stops.map(([recipe]) => recipe === baseline?.recipe ? Math.max(size, 12) : size), line: {width: size > 8 ? 2 : 1.3, color: "var(--paper)"},
    }, ...more,
  };
}
function bars(stops, x, y) {
  const spread = (name) => stops.map(([recipe, epoch]) => {
    if (!epoch) return scaled(name, study.whole[`${name}_sd`]?.[recipe] ?? 0);
    const at = starts[recipe] + epoch - 1;
    return name === "train_seconds" ? spreads.seconds[at] : name === "accuracy" ? 100 * spreads.accuracy[at] : 0;
  });
  const look = {color: FAINT, thickness: 1, width: 0};
  return {
    type: "scatter", mode: "markers", marker: {size: 1, color: FAINT}, hoverinfo: "skip",
    x: stops.map((stop) => value(x, ...stop)), y: stops.map((stop) => scaled(y, value(y, ...stop))),
    error_x: {type: "data", array: spread(x), ...look}, error_y: {type: "data", array: spread(y), ...look},
  };
}
function numbered(stops) {
  const last = new Map(stops.map(([recipe], place) => [recipe, place]));
  return stops.map(([recipe], place) => last.get(recipe) === place ? String(recipes.trial[recipe]) : "");
}
// Single runs where each was best: of several seeds one by one, or those that came to no end.
function singleRuns(x, y, wanted, symbol, size, kept) {
  const of = {
    train_seconds: (run) => runs.seconds[run], accuracy: (run) => runs.accuracy[run],
    parameters: (run) => recipes.parameters[runs.recipe[run]], train_flops: (run) => recipes.epochFlops[runs.recipe[run]] * runs.epoch[run],
  };
  if (!of[x] || !of[y]) return null;
  const chosen = runs.trial.map((_, run) => run).filter((run) => wanted(runs.state.values[runs.state.of[run]]) && (!kept || kept.recipes[runs.recipe[run]]));
  return {
    type: "scatter", mode: "markers", x: chosen.map(of[x]), y: chosen.map((run) => scaled(y, of[y](run))),
    customdata: chosen.map((run) => [runs.recipe[run], study.ofCurves ? Math.min(runs.epoch[run], recipes.epochs[runs.recipe[run]]) : 0]),
    marker: {size, symbol, color: chosen.map((run) => look(runs.recipe[run])[0]), line: {width: symbol.endsWith("open") ? 1.6 : 0}}, hoverinfo: "text",
    hovertext: chosen.map((run) => `<b>${escaped(wrapped(label(runs.recipe[run]))).replaceAll("\n", "<br>")}</b><br>trial ${runs.trial[run]}, `
      + `seed ${runs.seed[run]}, ${runs.state.values[runs.state.of[run]]}<br>best in epoch ${runs.epoch[run]}: ${text("share", runs.accuracy[run])}`),
  };
}
// Round values for a log axis, which plotly does not choose well below two decades; see ticks.py.
function logTicks(low, high) {
  const halves = Array.from({length: 18}, (_, i) => 1 + i / 2);
  for (const mantissas of [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7], halves]) {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
      for (const mantissa of mantissas) {
        const tick = Number((mantissa * 10 ** power).toPrecision(6));
        if (tick >= low && tick <= high) ticks.push(tick);
      }
    if (ticks.length >= 4) return ticks;
  }
  return null;
}
function tickText(number) {
  for (const [size, scale, letter] of [[1e12, 1e12, "T"], [1e9, 1e9, "G"], [1e6, 1e6, "M"], [1e4, 1e3, "k"]])
    if (number >= size) return Number((number / scale).toPrecision(4)) + letter;
  return number.toLocaleString("en", {maximumSignificantDigits: 6});
}
function axisOf(name, values, logarithmic) {
  const axis = {title: {text: axes[name].title, standoff: 10}, automargin: true, zeroline: false, ticks: "outside", ticklen: 4, tickangle: 0};
  const finite = values.filter((number) => Number.isFinite(number) && (!logarithmic || number > 0));
  if (!finite.length) return {...axis, type: logarithmic ? "log" : "linear"};
  const ends = [Math.min(...finite), Math.max(...finite)].map((end) => logarithmic ? Math.log10(end) : end);
  const margin = (ends[1] - ends[0]) * 0.05 || (logarithmic ? 0.02 : Math.abs(ends[0]) * 0.005 || 1);
  const range = [ends[0] - margin, ends[1] + margin];
  if (!logarithmic) return {...axis, type: "linear", range};
  const ticks = logTicks(10 ** range[0], 10 ** range[1]);
  return {...axis, type: "log", range, ...(ticks && {tickvals: ticks, ticktext: ticks.map(tickText)})};
}
// The paper's rows, as if their ratios to the baseline held here: another network, other images, another machine.
function publishedPoints(x, y) {
  if (!study.published) return [];
  return Object.entries(study.published.rows).map(([row, [ratio, gain]]) => {
    const at = {train_seconds: ratio * baseline.seconds, accuracy: baseline.accuracy + gain};
    return {row, x: at[x], y: scaled(y, at[y] ?? NaN), told: `<b>the paper's ${row}</b><br>${ratio.toFixed(2)} of its baseline's time to the best epoch, ${points(gain)}`
      + "<br>on its test set, which chose the epoch" + (study.published.scale ? `<br>${wrapped(`smaller here: ${study.published.scale}`.replaceAll(" and ", " · ")).replaceAll("\n", "<br>")}` : "")};
  }).filter((point) => Number.isFinite(point.x + point.y));
}
const kneeStop = kneeOf(stops(false)), answerStop = study.answer;
function frontFigure(state, kept) {
  const {x, y} = state, shown = shownPoints(x, y, kept), printed = state.published ? publishedPoints(x, y) : [];
  const several = [...shown.others, ...shown.top].filter(([recipe]) => recipes.seeds[recipe] > 1);
  const steps = {type: "scatter", mode: "lines", hoverinfo: "skip"};
  const shape = axes[y].maximise && !axes[x].maximise ? "hv" : "vh";
  const data = [];
  if (baseline && study.ofCurves) {
    const curve = Array.from({length: recipes.epochs[baseline.recipe]}, (_, i) => [baseline.recipe, i + 1]);
    data.push({...steps, x: curve.map((stop) => value(x, ...stop)), y: curve.map((stop) => scaled(y, value(y, ...stop))),
      line: {color: FAINT, width: 1.8, dash: "dot", shape}});
  }
  if (shown.usual && study.band) {
    const none = {...steps, x: study.band.x, line: {width: 0, shape}};
    data.push({...none, y: study.band.low.map((end) => scaled(y, end))}, {...none, y: study.band.high.map((end) => scaled(y, end)), fill: "tonexty", fillcolor: "var(--band)"});
  }
  data.push({...steps, x: shown.line.map((point) => point.x), y: shown.line.map((point) => scaled(y, point.y)), line: {color: INK, width: 1.5, shape}});
  const span = shown.usual && !state.whole ? study.spans.front.map((end) => scaled(y, end)) : null;
  const inside = (number) => !span || number >= span[0];
  const spread = several.filter((stop) => inside(scaled(y, value(y, ...stop))));  // bars of others would cross the figure
  if (spread.length) data.push(bars(spread.length > MOST_BARS ? shown.top : spread, x, y));
  if (state.runs) data.push(singleRuns(x, y, (word) => word === "complete", "circle", 4, kept));
  if (state.failures) data.push(singleRuns(x, y, (word) => word !== "complete", "x-thin-open", 8, kept));
  if (printed.length) data.push({type: "scatter", mode: "markers", x: printed.map((point) => point.x), y: printed.map((point) => point.y), hoverinfo: "text",
    hovertext: printed.map(({told}) => told), marker: {symbol: "asterisk-open", size: 9, color: INK, line: {width: 1.4}}});
  data.push(markers(shown.others, x, y, 7), markers(shown.top, x, y, 12));
  const all = [...shown.others, ...shown.top];
  const bases = baseline ? [[baseline.recipe, study.ofCurves ? baseline.epoch : 0]] : [];
  const xs = [...all, ...bases].filter((stop) => inside(scaled(y, value(y, ...stop)))).map((stop) => value(x, ...stop));
  const xaxis = axisOf(x, [...xs, ...printed.map((point) => point.x)], state.logx);
  const yaxis = axisOf(y, [...[...all, ...bases].map((stop) => scaled(y, value(y, ...stop))), ...printed.map((point) => point.y)], state.logy);
  if (span && !state.logy) yaxis.range = span;
  const layout = {...layoutOf(520), xaxis, yaxis, shapes: []};
  const pointOf = (stop) => ({x: value(x, ...stop), y: scaled(y, value(y, ...stop))}), names = [];
  for (const stop of bases) {
    const line = {type: "line", line: {color: INK, width: 1, dash: "4px,3px"}, opacity: 0.45, layer: "below"};
    const [left, high] = [value(x, ...stop), scaled(y, value(y, ...stop))];
    layout.shapes.push({...line, xref: "x", yref: "y domain", x0: left, x1: left, y0: 0, y1: 1}, {...line, xref: "x domain", yref: "y", x0: 0, x1: 1, y0: high, y1: high});
    names.push({...pointOf(stop), words: "baseline's best"});
  }
  if (answerStop) names.push({...pointOf(answerStop), words: "answer"});
  if (shown.usual && study.ofCurves && kneeStop) names.push({...pointOf(kneeStop), words: "knee"});
  names.push(...printed.map((point) => ({x: point.x, y: point.y, words: `paper: ${point.row}`})));
  return {data, layout, labels: {names, numbers: numbered(shown.top), points: shown.top.map(pointOf)}};
}
// Frames around what is pinned, chosen and walked to; as annotations they change without the figure being drawn again.
function frames(state) {
  const {x, y} = state, place = (number, logarithmic) => logarithmic ? Math.log10(number) : number;
  return [[state.pin, 22, 2.5], [state.chosen, 17, 1.5], [state.cursor, 28, 1]]
    .filter(([stop]) => stop && Number.isFinite(value(x, ...stop) + value(y, ...stop)))
    .map(([stop, size, borderwidth]) => ({text: " ", showarrow: false, width: size, height: size, borderwidth, borderpad: 0, bordercolor: INK,
      x: place(value(x, ...stop), state.logx), y: place(scaled(y, value(y, ...stop)), state.logy), xanchor: "center", yanchor: "middle"}));
}
function layoutOf(height) {
  return {height, showlegend: false, margin: {l: 64, r: 16, t: 12, b: 52}, hovermode: "closest", dragmode: "zoom", hoverlabel: {align: "left"}};
}
