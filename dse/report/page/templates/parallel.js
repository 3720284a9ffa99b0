// Parallel coordinates: each point of the front's figure a line through the axes; lines on a canvas, axes as SVG above it.
const AXIS_ROOM = 76, TALL = 400, ABOVE = 66, BELOW = 16, LEFT = 40, RIGHT = 58;  // pixels
const ALIKE = 12, LATER = 4;
const frame = document.getElementById("parallel"), saidBeside = document.getElementById("beside");
const helpBeside = saidBeside?.textContent;
let sideBySide = null, stroked = null;  // places of the axes in pixels; which lines are on the canvas
const heightOf = (share) => ABOVE + (1 - share) * sideBySide.length;
// Of stops with the same choice the more accurate stand a little higher: their lines lie side by side.
function lineHeight({at, slack = 0}, line) {
  return heightOf(at[line] + slack * (2 * sideBySide.order[line] - 1));
}
function drawnLine(line) {
  return line < 0 ? "" : parallelAxes().map((axis, i) => `${i ? "L" : "M"}${sideBySide.x[i].toFixed(1)} ${lineHeight(axis, line).toFixed(1)}`).join("");
}
// The line of a stop, or else one of its recipe's.
function lineOf([recipe, epoch]) {
  const same = lineStops.findIndex((stop) => stop[0] === recipe && stop[1] === epoch);
  return same >= 0 ? same : lineStops.findIndex((stop) => stop[0] === recipe);
}
function svgElement(name, attributes, ...children) {
  const made = document.createElementNS(frame.querySelector("svg").namespaceURI, name);
  for (const [key, given] of Object.entries(attributes)) made.setAttribute(key, given);
  made.append(...children);
  return made;
}
function byAccuracy() {
  const order = new Float32Array(lineStops.length), accuracy = Float32Array.from(lineStops, (stop) => value("accuracy", ...stop));
  [...order.keys()].sort((a, b) => accuracy[a] - accuracy[b]).forEach((line, place) => order[line] = place / Math.max(1, order.length - 1));
  return order;
}
function layParallel() {
  const all = parallelAxes(), width = Math.max(frame.parentElement.clientWidth, AXIS_ROOM * all.length);
  if (sideBySide?.width === width) return;
  const step = all.length > 1 ? (width - LEFT - RIGHT) / (all.length - 1) : 0;
  sideBySide = {width, x: all.map((_, i) => LEFT + i * step), length: (TALL - ABOVE - BELOW) / (1 - ABSENT), step, order: byAccuracy()};
  const svg = frame.querySelector("svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${TALL}`);
  frame.style.width = `${width}px`;
  svg.replaceChildren(svgElement("path", {class: "pinned"}), svgElement("path", {class: "hovered"}), ...all.map(axisDrawn));
}
function axisDrawn(axis, i) {
  const x = sideBySide.x[i], shown = axis.absent ? [...axis.ticks, [ABSENT, "not there"]] : axis.ticks, most = Math.floor(sideBySide.step / 6.4);
  const lines = broken(axis.title, Math.max(8, Math.floor(Math.min(sideBySide.step, i ? Infinity : 2 * LEFT) / 6.2)));
  const title = svgElement("text", {class: "title", x, y: ABOVE - 18 - 13 * (lines.length - 1)}, ...lines.map((line, i) => svgElement("tspan", {x, dy: i ? 13 : 0}, line)));
  const ticks = shown.flatMap(([at, name]) => [svgElement("path", {d: `M${x - 4} ${heightOf(at)}h8`}), svgElement("text", {x: x + 7, y: heightOf(at) + 4},
    name.length > most ? name.slice(0, Math.max(1, most - 1)) + "…" : name, svgElement("title", {}, name))]);
  const made = svgElement("g", {class: "axis", tabindex: 0, role: "slider", "aria-label": axis.title, "aria-orientation": "vertical", "aria-valuemin": 0, "aria-valuemax": 100, "data-axis": axis.key},
    svgElement("path", {d: `M${x} ${heightOf(1)}V${heightOf(0)}`}), title, ...ticks, svgElement("rect", {class: "brush", x: x - 6, width: 12}),
    svgElement("rect", {class: "grip", x: x - 16, y: ABOVE - 8, width: 32, height: TALL - ABOVE}));
  made.addEventListener("keydown", (event) => brushByKey(axis, event));
  const grip = made.querySelector(".grip");
  grip.addEventListener("pointerdown", (event) => brushByPointer(axis, event));
  grip.addEventListener("touchstart", (event) => event.preventDefault(), {passive: false});  // a finger brushes here and scrolls elsewhere
  return made;
}
function broken(words, most) {
  const lines = [""];
  for (const word of words.split(" "))
    if (lines.at(-1) && (lines.at(-1) + " " + word).length > most) lines.push(word);
    else lines[lines.length - 1] += (lines.at(-1) && " ") + word;
  return lines.length > 4 ? [...lines.slice(0, 3), lines[3] + "…"] : lines;
}
// Arrows narrow the brush from above or below, with shift they widen it; Delete takes it away.
function brushByKey(axis, event) {
  const steps = axis.absent ? [ABSENT, ...axis.steps] : axis.steps, held = state.brush[axis.key] ?? [steps[0], 1];
  const next = (at, by) => {
    const place = by > 0 ? steps.findIndex((step) => step > at + NEAR) : steps.findLastIndex((step) => step < at - NEAR);
    return place < 0 ? at : steps[place];
  };
  const moved = {ArrowDown: event.shiftKey ? [next(held[0], -1), held[1]] : [held[0], next(held[1], -1)],
    ArrowUp: event.shiftKey ? [held[0], next(held[1], 1)] : [next(held[0], 1), held[1]]}[event.key];
  if (moved && moved[0] <= moved[1] + NEAR) brushed(axis.key, snapped(axis, ...moved));
  else if (["Delete", "Backspace", "Escape"].includes(event.key)) brushed(axis.key, null);
  else if (!moved) return;
  event.preventDefault();
}
function brushByPointer(axis, event) {
  const grip = event.target, shareAt = ({clientY}) => 1 - (clientY - frame.getBoundingClientRect().top - ABOVE) / sideBySide.length;
  const from = shareAt(event), begin = event.clientY;
  let ends = null, moved = false;
  grip.setPointerCapture(event.pointerId);
  const move = (event) => {
    moved ||= Math.abs(event.clientY - begin) > 4;
    if (!moved) return;
    ends = snapped(axis, from, shareAt(event));
    showBrush(axis, ends);
  };
  const finish = () => {
    grip.removeEventListener("pointermove", move);
    // A click keeps the value that it meets, and a second one all again.
    const one = axis.continuous ? null : snapped(axis, from, from), same = one && String(one) === String(state.brush[axis.key]);
    brushed(axis.key, moved ? ends : same ? null : one);
  };
  grip.addEventListener("pointermove", move);
  grip.addEventListener("lostpointercapture", finish, {once: true});
  event.preventDefault();
}
function showBrush(axis, ends) {
  const drawnAxis = [...frame.querySelectorAll(".axis")].find(({dataset}) => dataset.axis === axis.key), rect = drawnAxis.querySelector(".brush");
  drawnAxis.setAttribute("aria-valuetext", brushText(axis, ends));
  drawnAxis.setAttribute("aria-valuenow", Math.round(100 * Math.max(0, ends?.[1] ?? 1)));
  rect.setAttribute("y", ends ? heightOf(ends[1]) - 5 : 0);
  rect.setAttribute("height", ends ? heightOf(ends[0]) - heightOf(ends[1]) + 10 : 0);
}
function drawParallel(state, kept) {
  layParallel();
  for (const axis of parallelAxes()) showBrush(axis, state.brush[axis.key]);
  frame.querySelector(".pinned").setAttribute("d", state.pin ? drawnLine(lineOf(state.pin)) : "");
  const now = [sideBySide.width, JSON.stringify(state.brush)].join();
  if (now !== stroked) strokeLines(kept?.lines);
  stroked = now;
}
function strokeLines(lines) {
  const canvas = frame.querySelector("canvas"), style = getComputedStyle(document.documentElement), all = parallelAxes();
  [canvas.width, canvas.height] = [sideBySide.width, TALL].map((size) => size * devicePixelRatio);
  const context = canvas.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  const stroke = (wanted, rank, alpha, wide) => {
    Object.assign(context, {strokeStyle: style.getPropertyValue(`--rank-${rank}`).trim(), globalAlpha: alpha, lineWidth: wide});
    const chosen = [...lineStops.keys()].filter(wanted);
    for (let i = 0; i < chosen.length; i += ALIKE) {  // one path of thousands of lines is slow to draw
      context.beginPath();
      for (const line of chosen.slice(i, i + ALIKE))
        all.forEach((axis, i) => context[i ? "lineTo" : "moveTo"](sideBySide.x[i], lineHeight(axis, line)));
      context.stroke();
    }
  };
  const ranks = lineStops.map(([recipe]) => Math.min(recipes.rank[recipe] ?? Infinity, LATER)), kept = (line) => !lines || lines[line];
  const pale = Math.min(0.9, Math.max(0.12, 60 / Math.max(lineStops.filter((_, line) => kept(line)).length, 1)));
  if (lines) stroke((line) => !kept(line), LATER, Math.min(0.3, pale / 2), 1);
  for (let rank = LATER; rank >= 1; rank--)  // the best above the others
    stroke((line) => ranks[line] === rank && kept(line), rank, Math.max(pale, 1 - rank / LATER), 1 + (LATER - rank) / 3);
}
// The line next to a pointer, among those that are kept.
function nearestLine(event) {
  const box = frame.getBoundingClientRect(), [x, y] = [event.clientX - box.left, event.clientY - box.top], all = parallelAxes();
  const i = Math.min(all.length - 2, Math.max(0, Math.floor((x - LEFT) / sideBySide.step))), share = (x - sideBySide.x[i]) / sideBySide.step;
  const kept = keptBy(state.brush);
  let nearest = -1, least = 9;
  if (all.length < 2) return nearest;
  for (let line = 0; line < lineStops.length; line++) {
    if (kept && !kept.lines[line]) continue;
    const off = Math.abs(y - lineHeight(all[i], line) * (1 - share) - lineHeight(all[i + 1], line) * share);
    if (off < least) [nearest, least] = [line, off];
  }
  return nearest;
}
if (study.dimensions.length) {
  frame.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "mouse" || event.buttons || !sideBySide) return;
    const line = event.target.closest(".axis") ? -1 : nearestLine(event), stop = lineStops[line];
    frame.querySelector(".hovered").setAttribute("d", drawnLine(line));
    saidBeside.textContent = stop ? `${stopText(stop)}: ${label(stop[0])}, rank ${recipes.rank[stop[0]] ?? "unknown"}` : helpBeside;
  });
  frame.addEventListener("click", (event) => {
    const stop = event.target.closest(".axis") || !sideBySide ? null : lineStops[nearestLine(event)];
    if (stop) update({pin: stop});
  });
}
