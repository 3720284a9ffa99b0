// Names and numbers of points, placed where they hide neither each other nor the points of the front.
// A box is [left, top, right, bottom] in pixels.
const LETTER = 7.6, DIGIT = 6.8;
const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
const hits = (box, boxes) => boxes.reduce((number, other) => number + overlap(box, other), 0);
const square = ([x, y], half) => [x - half, y - half, x + half, y + half];

// Where data lie on the screen: places along an axis as plotly counts them, of a logarithmic one logarithms.
function pixels(plot, ranges, state) {
  const size = [plot.clientWidth - 80, plot.clientHeight - 64];
  const along = (number, logarithmic) => logarithmic ? Math.log10(number) : number;
  const place = ({x, y}) => [along(x, state.logx), along(y, state.logy)];
  const pixel = (point) => place(point).map((at, i) => {
    const share = (at - ranges[i][0]) / (ranges[i][1] - ranges[i][0]);
    return size[i] * (i ? 1 - share : share);
  });
  return {size, place, pixel};
}
// One name for all that stands in one place.
function joined(names, pixel) {
  const places = new Map();
  for (const {words, ...point} of names) {
    const at = pixel(point).map(Math.round).join();
    places.set(at, {...point, words: places.has(at) ? `${places.get(at).words}, ${words}` : words});
  }
  return [...places.values()];
}
function namesBeside(names, {size, place, pixel}, points) {
  const taken = [], crowd = points.map((point) => square(pixel(point), 7));
  return joined(names, pixel).map((name) => {
    const [x, y] = pixel(name), wide = LETTER * name.words.length, left = x > size[0] / 2;
    const tried = [32, -30, 58, -56, 84, -82, 110, -108, 136, -134].flatMap((down) => [left ? -34 : 34, left ? 34 : -34].map((across) => {
      const near = x + across, box = [across < 0 ? near - wide : near, y + down - 11, across < 0 ? near : near + wide, y + down + 11];
      const outside = box[0] < 0 || box[1] < 0 || box[2] > size[0] || box[3] > size[1];
      return {across, down, box, cost: 20 * outside + 20 * hits(box, taken) + hits(box, crowd)};
    }));
    const best = tried.reduce((a, b) => b.cost < a.cost ? b : a);
    taken.push(best.box);
    const [at, high] = place(name);
    return {box: best.box, note: {x: at, y: high, text: name.words, showarrow: true, arrowhead: 0, arrowwidth: 1, arrowcolor: INK,
      ax: best.across, ay: best.down, standoff: 8, xanchor: best.across < 0 ? "right" : "left", font: {size: 13}, bgcolor: "var(--paper)"}};
  });
}
// A number stands left above its point, or right below it; where neither has room, hovering tells it.
function numbersBeside(numbers, points, {pixel}, boxes) {
  const taken = [...boxes, ...points.map((point) => square(pixel(point), 5))];
  return numbers.map((number, i) => {
    const [x, y] = pixel(points[i]), wide = DIGIT * number.length;
    const free = [["top left", [x - 7 - wide, y - 21, x - 5, y - 6]], ["bottom right", [x + 5, y + 6, x + 7 + wide, y + 21]]]
      .find(([, box]) => number && !hits(box, taken));
    if (!free) return ["", "top left"];
    taken.push(free[1]);
    return [number, free[0]];
  });
}
function written({names, numbers, points}, plot, ranges, state) {
  if (!ranges.every(Boolean)) return {annotations: [], text: [], textposition: "top left"};
  const where = pixels(plot, ranges, state), beside = namesBeside(names, where, points);
  const found = numbersBeside(numbers, points, where, beside.map(({box}) => box));
  return {annotations: beside.map(({note}) => note), text: found.map(([number]) => number), textposition: found.map(([, position]) => position)};
}
