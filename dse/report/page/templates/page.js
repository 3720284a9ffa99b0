"use strict";
const plots = JSON.parse(document.getElementById("plots").textContent);
const labels = JSON.parse(document.getElementById("labels").textContent);

// Colours of text and lines come from the style sheet, so that they follow its light and dark forms.
function coloured(value, style) {
  if (Array.isArray(value)) return value.map((item) => coloured(item, style));
  if (value && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, style)]));
  const named = typeof value === "string" && value.match(/^var\((--\w+)\)$/);
  return named ? style.getPropertyValue(named[1]).trim() : value;
}
function draw() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  for (const [id, figure] of Object.entries(plots)) {
    const {data, layout} = coloured(figure, style);
    for (const key of Object.keys(layout).filter((key) => /^[xy]axis/.test(key)))
      Object.assign(layout[key], {
        gridcolor: colour("--grid"), linecolor: colour("--faint"), tickcolor: colour("--faint"), showline: true,
        title: {...layout[key].title, standoff: 10},
      });
    Object.assign(layout, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: {family: getComputedStyle(document.body).fontFamily, size: 13, color: colour("--ink")},
    });
    layout.hoverlabel = {
      ...layout.hoverlabel, bgcolor: colour("--card"), bordercolor: colour("--faint"), font: {color: colour("--ink"), family: getComputedStyle(document.body).fontFamily, size: 13},
    };
    const element = document.getElementById(id);
    Plotly.react(element, data, layout, {responsive: true, displayModeBar: false, scrollZoom: false}).then(() => {
      if (element.dataset.drawn) return;
      element.dataset.drawn = "yes";
      freeTicks(element);
    });
  }
}
// A swipe scrolls the page and a tap is a click, as everywhere: plotly, which would zoom, is not told of fingers.
for (const element of document.querySelectorAll(".plot"))
  element.addEventListener("touchstart", (event) => event.stopPropagation(), {capture: true, passive: true});
// A curve's points know the number of their trial; its label is stored once and joined here.
for (const trace of Object.values(plots).flatMap((plot) => plot.data))
  if (trace.meta === "curve") trace.text = trace.customdata.map(([trial]) => "<b>" + (labels[trial] ?? "") + "</b>");
// The chosen ticks suit the whole axis; a stretch of it gets plotly's own.
function freeTicks(element) {
  element.on("plotly_relayout", (change) => {
    const zoomed = Object.keys(change).some((key) => key.startsWith("xaxis.range") || key === "xaxis.autorange");
    if (zoomed && plots[element.id].layout.xaxis.tickvals) {
      delete plots[element.id].layout.xaxis.tickvals;
      Plotly.relayout(element, {"xaxis.tickmode": "auto"});
    }
  });
}

for (const table of document.querySelectorAll("table.sortable"))
  table.querySelectorAll("thead th").forEach((header, column) => {
    header.querySelector("button").addEventListener("click", () => sort(table, header, column));
  });
function sort(table, header, column) {
  const rising = header.getAttribute("aria-sort") !== "ascending";
  table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
  header.setAttribute("aria-sort", rising ? "ascending" : "descending");
  const body = table.tBodies[0];
  const key = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent;
  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");  // what is missing comes last, both ways
    const order = isNaN(a) || isNaN(b) ? a.localeCompare(b, "en", {numeric: true}) : a - b;
    return rising ? order : -order;
  };
  body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
}
for (const row of document.querySelectorAll(".tall tr.answer")) {
  const frame = row.closest(".tall");
  frame.scrollTop = row.offsetTop - frame.clientHeight / 2;
}
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
// Paper has no closed tables.
addEventListener("beforeprint", () => {
  for (const closed of document.querySelectorAll("details:not([open])"))
    Object.assign(closed, {open: true}).dataset.closed = "yes";
  draw();
});
addEventListener("afterprint", () => {
  for (const opened of document.querySelectorAll("details[data-closed]")) {
    opened.open = false;
    delete opened.dataset.closed;
  }
});
matchMedia("print").addEventListener("change", draw);
