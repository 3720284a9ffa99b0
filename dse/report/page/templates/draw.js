// Drawing: colours of text and lines come from the style sheet, so that figures follow its light and dark forms.
const plots = JSON.parse(document.getElementById("plots").textContent);
function coloured(value, style) {
  if (typeof value === "string" && value.startsWith("var(")) return style.getPropertyValue(value.slice(4, -1)).trim();
  if (Array.isArray(value)) return typeof value[0] === "object" ? value.map((item) => coloured(item, style)) : value;
  if (value && typeof value === "object" && !ArrayBuffer.isView(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, key === "customdata" ? item : coloured(item, style)]));
  return value;
}
const frontPlot = document.getElementById("front");
let drawn = null, labels = null, names = [], key = "";
function draw(state, again = false) {
  drawn = state;
  const kept = keptBy(state.brush), view = [state.x, state.y, state.logx, state.logy, state.whole].join();
  const now = [view, ...SWITCHES.map((name) => state[name]), JSON.stringify(state.brush)].join();
  if (again || now !== key) {
    const {data, layout, ...front} = frontFigure(state, kept), beside = written(front.labels, frontPlot, [layout.xaxis.range, layout.yaxis.range], state);
    [labels, names] = [front.labels, beside.annotations];
    Object.assign(data.at(-1), {text: beside.text, textposition: beside.textposition});
    drawFigure("front", {data, layout: {...layout, annotations: [...names, ...frames(state)]}}, view);
    if (frontPlot.dataset.zoomed) rewrite();
    sayBrushes(state.brush, kept);
    filterTables(kept);
  } else Plotly.relayout(frontPlot, {annotations: annotated()});
  key = now;
  if (again) stroked = null;
  if (frame) drawInSight("parallel", () => drawParallel(drawn, keptBy(drawn.brush)));
  drawInSight("curves", () => drawFigure("curves", curvesFigure(drawn, keptBy(drawn.brush)), drawn.whole));
  if (plots.growth && (again || !document.getElementById("growth").dataset.heard)) drawInSight("growth", () => drawFigure("growth", plots.growth, 0));
}
const annotated = () => coloured([...names, ...frames(drawn)], getComputedStyle(document.documentElement));
// Places names and numbers again, in what the reader has zoomed to.
function rewrite() {
  const {annotations, text, textposition} = written(labels, frontPlot, [frontPlot.layout.xaxis.range, frontPlot.layout.yaxis.range], drawn);
  names = annotations;
  Plotly.update(frontPlot, {text: [text], textposition: [textposition]}, {annotations: annotated()}, [frontPlot.data.length - 1]);
}
// Of a large study what is below the screen is drawn when it comes near, or is printed.
const FEW_RECIPES = 1000;
const inSight = new Set(), waiting = new Map();
const sight = new IntersectionObserver((entries) => {
  for (const {target, isIntersecting} of entries) {
    inSight[isIntersecting ? "add" : "delete"](target.id);
    if (isIntersecting) drawWaiting(target.id);
  }
}, {rootMargin: "400px"});
for (const id of ["parallel", "curves", "growth"]) if (document.getElementById(id)) sight.observe(document.getElementById(id));
function drawInSight(id, make) {
  if (count <= FEW_RECIPES || inSight.has(id)) make();
  else waiting.set(id, make);
}
function drawWaiting(id) {
  const make = waiting.get(id);
  waiting.delete(id);
  make?.();
}
function drawFigure(id, figure, view) {
  const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
  const font = {family: getComputedStyle(document.body).fontFamily, size: 13, color: colour("--ink")};
  const {data, layout} = coloured({data: figure.data.filter(Boolean), layout: figure.layout}, style);
  for (const key of ["xaxis", "yaxis"])
    layout[key] = {...layout[key], gridcolor: colour("--grid"), linecolor: colour("--faint"), tickcolor: colour("--faint"), showline: true, title: {...layout[key].title, standoff: 10}};
  Object.assign(layout, {paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font, uirevision: String(view),
    hoverlabel: {align: "left", bgcolor: colour("--card"), bordercolor: colour("--faint"), font}});
  const plot = document.getElementById(id);
  // Where a reader has zoomed, the ticks that were chosen for the whole axis are plotly's own.
  if (plot.dataset.view === String(view) && plot.dataset.zoomed) delete layout.xaxis.tickvals;
  else delete plot.dataset.zoomed;
  plot.dataset.view = String(view);
  Plotly.react(plot, data, layout, {responsive: true, displayModeBar: false, scrollZoom: false});
  if (plot.dataset.heard) return;
  plot.dataset.heard = "yes";
  plot.on("plotly_relayout", (change) => {
    if (!Object.keys(change).some((key) => /^[xy]axis\.(range|autorange)/.test(key))) return;
    plot.dataset.zoomed = "yes";
    if (plot.layout.xaxis.tickvals) Plotly.relayout(plot, {"xaxis.tickvals": null, "xaxis.ticktext": null, "xaxis.tickmode": "auto"});
    if (plot === frontPlot) rewrite();
  });
  plot.on("plotly_click", ({points: [point]}) => point.customdata && update({pin: point.customdata}));
}
// A swipe scrolls the page and a tap is a click, as everywhere: plotly, which would zoom, is not told of fingers.
for (const plot of document.querySelectorAll(".plot"))
  plot.addEventListener("touchstart", (event) => event.stopPropagation(), {capture: true, passive: true});
// By keyboard: arrows walk along the front, Enter shows the card, Escape closes it.
let cursor = -1;
frontPlot.addEventListener("keydown", (event) => {
  const steps = shownPoints(state.x, state.y, keptBy(state.brush)).top;
  const move = {ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1}[event.key];
  if (event.key === "Escape") update({pin: null});
  else if (event.key === "Enter" && steps[cursor]) update({pin: steps[cursor]});
  else if (move && steps.length) {
    cursor = Math.min(steps.length - 1, Math.max(0, cursor + move));
    const said = document.getElementById("walk"), [recipe] = steps[cursor];
    said.textContent = `${stopText(steps[cursor])}: ${label(recipe)}, ${Object.keys(axes).map((name) => valueText(name, ...steps[cursor])).filter(Boolean).join(", ")}. Enter shows its card.`;
    draw({...drawn, cursor: steps[cursor]});
  } else return;
  event.preventDefault();
});
const redraw = () => draw(drawn, true);
addEventListener("resize", () => {
  rewrite();
  if (frame && sideBySide) drawParallel(drawn, keptBy(drawn.brush));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("beforeprint", () => {
  redraw();
  [...waiting.keys()].forEach(drawWaiting);
});
matchMedia("print").addEventListener("change", redraw);
state = readAddress();
show();
