// The curves: those on the front above the others, a pinned one above all, with its spread.
const MOST_CURVES = 300;
function curvesFigure(state, kept) {
  const shown = (recipe) => !kept || kept.recipes[recipe], top = new Set(study.front.map(([recipe]) => recipe).filter(shown));
  let others = [...recipes.trial.keys()].filter((recipe) => shown(recipe) && !top.has(recipe));
  if (others.length > MOST_CURVES) others = others.sort((a, b) => bestOf(b) - bestOf(a)).slice(0, MOST_CURVES);
  const pale = Math.min(0.6, Math.max(0.2, 14 / Math.max(others.length, 1)));
  const data = [...lines(others, {width: 1}, {opacity: pale}), ...lines([...top], {width: 2.5}, {mode: "lines+markers", marker: {size: 5}})];
  if (baseline) data.push({...line([baseline.recipe], {color: INK, width: 1.5}), hoverinfo: "skip"});
  if (state.pin) data.push(...band(state.pin[0]), {...line([state.pin[0]], {color: look(state.pin[0])[0], width: 5})});
  const low = state.whole ? -Infinity : study.spans.curves[0];
  const xs = [];
  for (let at = 0; at < seconds.length; at++) if (accuracies[at] >= low && seconds[at] > 0) xs.push(seconds[at]);
  const layout = {...layoutOf(480), xaxis: axisOf("train_seconds", [xs.reduce((a, b) => Math.min(a, b), Infinity), xs.reduce((a, b) => Math.max(a, b), 0)], true),
    yaxis: axisOf("accuracy", [], false)};
  layout.yaxis.title = {text: `${study.images} accuracy (%)`};
  if (!state.whole) layout.yaxis.range = study.spans.curves.map((end) => 100 * end);
  return {data, layout};
}
// One line of a colour draws faster than hundreds: curves lie end to end with gaps between.
function lines(chosen, look_, more) {
  const coloured = new Map();
  for (const recipe of chosen) coloured.set(look(recipe)[0], [...(coloured.get(look(recipe)[0]) ?? []), recipe]);
  return [...coloured].map(([color, alike]) => ({...line(alike, {...look_, color}), ...more}));
}
function line(chosen, look_) {
  const trace = {type: "scatter", mode: "lines", x: [], y: [], customdata: [], hovertext: [], hoverinfo: "text", line: look_};
  for (const recipe of chosen) {
    const name = `<b>${escaped(wrapped(label(recipe))).replaceAll("\n", "<br>")}</b>` + (recipes.seeds[recipe] > 1 ? ` · mean of ${recipes.seeds[recipe]} seeds` : "");
    for (let epoch = 1; epoch <= recipes.epochs[recipe]; epoch++) {
      const at = starts[recipe] + epoch - 1;
      trace.x.push(seconds[at]); trace.y.push(100 * accuracies[at]); trace.customdata.push([recipe, epoch]);
      trace.hovertext.push(`${name}<br>trial ${recipes.trial[recipe]}, epoch ${epoch}, batch ${batchOf(recipe, epoch)}<br>${text("share", accuracies[at])} after ${text("s", seconds[at])}`);
    }
    trace.x.push(null); trace.y.push(null); trace.customdata.push(null); trace.hovertext.push("");
  }
  return trace;
}
function band(recipe) {
  if (recipes.seeds[recipe] < 2) return [];
  const epochs = Array.from({length: recipes.epochs[recipe]}, (_, i) => starts[recipe] + i);
  const edge = (sign) => epochs.map((at) => 100 * (accuracies[at] + sign * spreads.accuracy[at]));
  const x = epochs.map((at) => seconds[at]);
  const none = {type: "scatter", mode: "lines", line: {width: 0}, hoverinfo: "skip", x};
  return [{...none, y: edge(-1)}, {...none, y: edge(1), fill: "tonexty", fillcolor: look(recipe)[0] + "40"}];
}
const batchOf = (recipe, epoch) => study.plans.batches.values[study.plans.batches.of[recipe]][epoch - 1] || "?";
