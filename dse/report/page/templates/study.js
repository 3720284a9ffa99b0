// The study: unpacked, with what each recipe gives when stopped after each epoch.
const study = JSON.parse(document.getElementById("study").textContent);
const {axes, recipes, runs} = study;
const count = recipes.trial.length;

function unpacked(text, Numbers) {
  const letters = atob(text), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return new Numbers(bytes.buffer);
}
const seconds = unpacked(study.curves.seconds, Float32Array);
const accuracies = unpacked(study.curves.accuracy, Float32Array);  // after each epoch, which may be below the best
const tests = unpacked(study.curves.test, Uint16Array);
const rates = unpacked(study.plans.rates, Uint8Array);
const starts = new Uint32Array(count);
for (let recipe = 1; recipe < count; recipe++) starts[recipe] = starts[recipe - 1] + recipes.epochs[recipe - 1];
// Best accuracy so far: of several seeds it is the mean of their bests, which no curve of means holds.
const bests = new Float32Array(accuracies.length);
const spreads = {seconds: new Float32Array(accuracies.length), accuracy: new Float32Array(accuracies.length)};
{
  const given = unpacked(study.curves.best, Float32Array);
  const sds = {seconds: unpacked(study.curves.secondsSd, Float32Array), accuracy: unpacked(study.curves.accuracySd, Float32Array)};
  let read = 0;
  for (let recipe = 0; recipe < count; recipe++)
    for (let epoch = 0; epoch < recipes.epochs[recipe]; epoch++) {
      const at = starts[recipe] + epoch;
      bests[at] = epoch ? Math.max(bests[at - 1], accuracies[at]) : accuracies[at];
      if (recipes.seeds[recipe] > 1) {
        bests[at] = given[read];
        spreads.seconds[at] = sds.seconds[read];
        spreads.accuracy[at] = sds.accuracy[read++];
      }
    }
}
runs.seconds = unpacked(runs.seconds, Float32Array);
runs.accuracy = unpacked(runs.accuracy, Float32Array);
const runsOf = Array.from({length: count}, () => []);
runs.recipe.forEach((recipe, run) => runsOf[recipe].push(run));
const recipeOfTrial = new Map(runs.trial.map((trial, run) => [trial, runs.recipe[run]]));
recipes.trial.forEach((trial, recipe) => recipeOfTrial.set(trial, recipe));

const label = (recipe) => recipes.label.of[recipe].map((part) => recipes.label.values[part]).join(" · ");
const look = (recipe) => recipes.look.values[recipes.look.of[recipe]];
// A stop is a recipe and the epoch it is stopped after; of a whole run the epoch is 0.
function value(name, recipe, epoch) {
  if (epoch === 0) return study.whole[name]?.[recipe] ?? NaN;
  const at = starts[recipe] + epoch - 1;
  if (name === "train_seconds") return seconds[at];
  if (name === "accuracy") return bests[at];
  if (name === "parameters") return recipes.parameters[recipe] ?? NaN;
  return name === "train_flops" ? (recipes.epochFlops[recipe] ?? NaN) * epoch : NaN;
}
let everyEpoch = null;
function stops(whole = !study.ofCurves) {
  const after = (recipe) => Array.from({length: recipes.epochs[recipe]}, (_, i) => [recipe, i + 1]);
  if (whole) return recipes.trial.map((_, recipe) => [recipe, 0]);
  return everyEpoch ??= recipes.trial.flatMap((_, recipe) => after(recipe));
}
function firstReaching(recipe, accuracy) {
  for (let epoch = 1; epoch <= recipes.epochs[recipe]; epoch++)
    if (bests[starts[recipe] + epoch - 1] >= accuracy - ROUNDING) return epoch;
  return null;
}
function contentOf(recipe) {
  const content = {};
  for (const {path, values, of} of recipes.content) {
    const place = of ? of[recipe] : 0;
    if (place < 0) continue;
    const inner = path.slice(0, -1).reduce((group, key) => (group[key] ??= {}), content);
    inner[path.at(-1)] = values[place];
  }
  return content;
}
// Single precision holds seven digits; means of equal accuracies may differ in the last one.
const ROUNDING = 3e-7;
const bestOf = (recipe) => bests[starts[recipe] + recipes.epochs[recipe] - 1];
const {baseline} = study;  // where it first reaches its best, by its complete runs

const superscript = (number) => String(number).replace(/./g, (sign) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign] ?? "⁻");
function text(unit, number) {
  if (number === null || Number.isNaN(number)) return "";
  if (unit === "share") return (100 * number).toFixed(2) + " %";
  if (unit === "s" || unit === "J") return `${number < 99.95 ? number.toPrecision(3) : Math.round(number).toLocaleString("en")} ${unit}`;
  if (unit === "flops" && number >= 1e6) {
    const [digits, exponent] = number.toExponential(2).split("e");
    return `${digits} × 10${superscript(Number(exponent))}`;
  }
  return Math.round(number).toLocaleString("en");
}
const valueText = (name, recipe, epoch) => text(axes[name].unit, value(name, recipe, epoch));
const points = (difference) => (difference < 0 ? "−" : "+") + Math.abs(100 * difference).toFixed(2) + " points";
const stopText = ([recipe, epoch]) => `trial ${recipes.trial[recipe]}` + (epoch ? `, stopped after epoch ${epoch}` : "");
// Against the baseline at the same accuracy; above its best, the accuracy gained.
function compared([recipe, epoch]) {
  if (!baseline || !epoch) return "";
  const accuracy = value("accuracy", recipe, epoch), reached = firstReaching(baseline.recipe, accuracy);
  if (reached === null) {
    const share = value("train_seconds", recipe, epoch) / baseline.seconds;
    return `${points(accuracy - baseline.accuracy)} over the baseline's best, in ${share.toFixed(2)} of its time`;
  }
  const saved = 1 - value("train_seconds", recipe, epoch) / value("train_seconds", baseline.recipe, reached);
  return `${(100 * saved).toFixed(1).replace("-", "−")} % of the baseline's time saved`;
}
// Text that users wrote: plotly reads some tags.
const escaped = (text) => text.replace(/[&<>]/g, (sign) => ({"&": "&amp;", "<": "&lt;", ">": "&gt;"})[sign]);
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, given] of Object.entries(attributes)) made.setAttribute(key, given);
  made.append(...children);
  return made;
}
