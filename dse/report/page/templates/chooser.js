// The chooser, and what the address keeps: wishes, axes, brushes and the pinned stop.
const WISHES = {seconds: 1, accuracy: 0.01, parameters: 1};  // what a field counts in
const form = document.getElementById("chooser");
const usualState = {x: study.plane[0], y: study.plane[1], logx: null, logy: null, whole: false, runs: false, failures: false, published: false, knee: false, pin: null, brush: {}, wanted: {baseline: Boolean(baseline)}};
const SWITCHES = ["whole", "runs", "failures", "published"];
let state = {...usualState};

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1)), next = {...usualState, brush: {}, wanted: {}};
  for (const key of ["x", "y"]) if (Object.hasOwn(axes, given.get(key) ?? "")) next[key] = given.get(key);
  for (const key of ["logx", "logy"]) if (given.has(key)) next[key] = given.get(key) === "1";
  for (const key of SWITCHES) next[key] = given.get(key) === "1";
  if ([...given.keys()].some((key) => key.startsWith("on."))) Object.assign(next.brush, brushesIn(given));
  for (const key of Object.keys(WISHES)) {
    const number = Number(given.get(key));
    if (given.get(key) && Number.isFinite(number)) next.wanted[key] = number;
  }
  next.wanted.baseline = given.get("baseline") !== null ? given.get("baseline") === "1" : Boolean(baseline) && !Object.keys(next.wanted).length && given.get("knee") !== "1";
  next.knee = given.get("knee") === "1";
  const [trial, epoch] = (given.get("pin") ?? "").split(".").map(Number), recipe = recipeOfTrial.get(trial);
  if (recipe !== undefined && given.get("pin"))
    next.pin = [recipe, study.ofCurves ? Math.min(Math.max(Math.trunc(epoch) || bestStop(recipe, "accuracy")[1], 1), recipes.epochs[recipe]) : 0];
  return next;
}
function address(state) {
  const kept = new URLSearchParams();
  for (const key of ["x", "y"]) if (state[key] !== usualState[key]) kept.set(key, state[key]);
  for (const key of ["logx", "logy"]) if (state[key] !== null) kept.set(key, state[key] ? "1" : "0");
  for (const key of [...SWITCHES, "knee"]) if (state[key]) kept.set(key, "1");
  for (const axis of parallelAxes()) if (state.brush[axis.key]) kept.set(`on.${axis.key}`, state.brush[axis.key].map((at) => nameAt(axis, at)).join(".."));
  for (const key of Object.keys(WISHES)) if (state.wanted[key] != null) kept.set(key, state.wanted[key]);
  if (state.wanted.baseline !== (Boolean(baseline) && !state.knee && !Object.keys(WISHES).some((key) => state.wanted[key] != null))) kept.set("baseline", state.wanted.baseline ? "1" : "0");
  if (state.pin) kept.set("pin", recipes.trial[state.pin[0]] + (state.pin[1] ? "." + state.pin[1] : ""));
  return kept.size ? "#" + kept : location.pathname + location.search;
}
function update(change) {
  state = {...state, ...change};
  history.replaceState(null, "", address(state));
  show();
}
function show() {
  fillForm();
  const choice = choose({...state.wanted, knee: state.knee});
  sayChoice(choice);
  showCard(state.pin);
  draw({...state, chosen: choice.chosen, logx: state.logx ?? isLogarithmic(state.x), logy: state.logy ?? isLogarithmic(state.y)});
}
const isLogarithmic = (name) => axes[name].unit !== "share";
function fillForm() {
  for (const key of Object.keys(WISHES)) {
    const field = form.elements[key], given = state.wanted[key];
    if (document.activeElement !== field) field.value = given == null ? "" : Number((given / WISHES[key]).toPrecision(8));
  }
  for (const key of ["baseline", "knee"]) form.elements[key].checked = key === "knee" ? state.knee : state.wanted.baseline;
  const view = document.getElementById("view").elements;
  for (const key of ["x", "y"]) {
    view[key].value = state[key];
    view["log" + key].checked = state["log" + key] ?? isLogarithmic(state[key]);
  }
  for (const key of SWITCHES) if (view[key]) view[key].checked = state[key];
  if (view.published) view.published.disabled = !publishedPoints(state.x, state.y).length;
}
function pinButton(stop) {
  const [recipe, epoch] = stop;
  const button = element("button", {type: "button", class: "stop"}, stopText(stop));
  button.addEventListener("click", () => update({pin: stop}));
  return element("span", {}, button, ` ${label(recipe)}: ${valueText("accuracy", recipe, epoch)} after ${valueText("train_seconds", recipe, epoch)}`);
}
function sayChoice({chosen, runnerUp, more, nearest}) {
  const rows = chosen ? [["Chosen", chosen, compared(chosen)]] : [];
  if (nearest) rows.push(["No recipe gives this; the nearest", nearest, ""]);
  if (runnerUp)
    rows.push(["Runner-up", runnerUp, `${(secondsOf(runnerUp) / secondsOf(chosen)).toFixed(2)} of its time, ${points(accuracyOf(runnerUp) - accuracyOf(chosen))}`]);
  if (more) {
    const wait = secondsOf(more) - secondsOf(chosen);
    rows.push(["A little more", more, (wait > 0 ? `${text("s", wait)} more (+${Math.round(100 * wait / secondsOf(chosen))} %)` : "no more time") + ` for ${points(accuracyOf(more) - accuracyOf(chosen))}`]);
  }
  document.getElementById("choice").replaceChildren(element("dl", {}, ...rows.map(([name, stop, against]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, pinButton(stop), ...(against ? [element("span", {class: "note"}, ` — ${against}`)] : []))))));
}
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", ({target}) => {
  if (target.name === "knee") return update({knee: target.checked, wanted: target.checked ? {...state.wanted, baseline: false} : state.wanted});
  const wanted = {...state.wanted}, key = target.name;
  if (key === "baseline") wanted.baseline = target.checked;
  else {
    const number = target.value === "" ? null : Number(target.value) * WISHES[key];
    wanted[key] = number === null || Number.isNaN(number) ? null : number;
    if (key === "accuracy" && number !== null) wanted.baseline = false;
  }
  update({wanted});
});
document.getElementById("view").addEventListener("input", ({target}) => {
  const change = {[target.name]: target.type === "checkbox" ? target.checked : target.value};
  if (target.name === "x" || target.name === "y") change["log" + target.name] = null;
  update(change);
});
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#pin=']");
  if (!link) return;
  event.preventDefault();
  const [trial, epoch] = link.hash.slice(5).split(".").map(Number), recipe = recipeOfTrial.get(trial);
  if (recipe === undefined) return;
  update({pin: [recipe, epoch || bestStop(recipe, study.ofCurves ? "accuracy" : state.y)[1]]});
  document.getElementById("card").scrollIntoView({block: "nearest"});
});
addEventListener("hashchange", () => {
  state = readAddress();
  show();
});
