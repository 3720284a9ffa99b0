// The chooser's rules: those of dse/decision/pick.py, in single precision; a test holds the one to the other.
const LITTLE_MORE = 1.5;
const secondsOf = (stop) => value("train_seconds", ...stop), accuracyOf = (stop) => value("accuracy", ...stop);

function bound(wish) {
  const asked = [wish.accuracy, wish.baseline && baseline ? baseline.accuracy : null].filter((accuracy) => accuracy != null);
  return asked.length ? Math.max(...asked) : null;
}
const timesOver = (number, limit) => Math.log(Math.max(number, limit) / limit);
// By how much a stop misses the limits, each counted alike; 0 if it keeps to all.
function excess(stop, wish, bound) {
  let missed = 0;
  if (wish.seconds != null) missed += timesOver(secondsOf(stop), wish.seconds * (1 + ROUNDING));
  const error = 1 - accuracyOf(stop);
  if (bound !== null && error > 1 - bound + ROUNDING) missed += timesOver(error, 1 - bound + 1e-9);
  if (wish.parameters != null) missed += recipes.parameters[stop[0]] === null ? Infinity : timesOver(recipes.parameters[stop[0]], wish.parameters);
  return missed;
}
// What stops are chosen by, the least first: of what is accurate enough the fastest, else the most accurate; or the knee.
function keysOf(wish, bound, among) {
  const loss = (stop) => -Math.round(1e6 * accuracyOf(stop)), height = wish.knee ? heights(among) : null;
  const first = wish.knee ? [(stop) => -height(stop), secondsOf] : bound !== null ? [secondsOf, loss] : [loss, secondsOf];
  return [...first, ([recipe]) => recipes.trial[recipe], ([, epoch]) => epoch];
}
function firstBy(keys, among) {
  let left = among;
  for (const key of keys) {
    const given = left.map(key), least = given.reduce((a, b) => Math.min(a, b), Infinity);
    left = left.filter((_, i) => given[i] === least);
    if (left.length < 2) break;
  }
  return left[0] ?? null;
}
const kneeOf = (among) => firstBy(keysOf({knee: true}, null, among), among);
function choose(wish) {
  const asked = bound(wish), all = stops(false), missed = all.map((stop) => excess(stop, wish, asked));
  const kept = all.filter((_, place) => !missed[place]);
  if (!kept.length) {
    const keys = keysOf(wish, asked, all), least = missed.reduce((a, b) => Math.min(a, b), Infinity);
    return {chosen: null, nearest: firstBy(keys, all.filter((_, place) => missed[place] === least))};
  }
  const keys = keysOf(wish, asked, kept), able = wish.knee ? kept.filter((stop) => keys[0](stop) !== Infinity) : kept;
  const chosen = firstBy(keys, able), runnerUp = firstBy(keys, able.filter(([recipe]) => recipe !== chosen[0]));
  return {chosen, runnerUp, more: aLittleMore(chosen, wish)};
}
// The most accurate stop within half as much time again, else the fastest that is more accurate at all.
function aLittleMore(chosen, wish) {
  let soon = null, later = null;
  for (const stop of stops(false)) {
    if (!(accuracyOf(stop) > accuracyOf(chosen) + ROUNDING)) continue;
    if (wish.parameters != null && !(recipes.parameters[stop[0]] <= wish.parameters)) continue;
    const [gain, wait] = soon ? [Math.round(1e6 * (accuracyOf(stop) - accuracyOf(soon))), secondsOf(stop) - secondsOf(soon)] : [1, 0];
    if (secondsOf(stop) <= LITTLE_MORE * secondsOf(chosen) * (1 + ROUNDING) && (gain > 0 || (gain === 0 && wait < 0))) soon = stop;
    if (!later || secondsOf(stop) < secondsOf(later)) later = stop;
  }
  return soon ?? later;
}
// How far a stop stands above the line between the ends of the front, by the logarithm of its seconds.
function heights(among) {
  const front = staircase("train_seconds", "accuracy", among);
  const inside = study.corner ? front.filter(({x, y}) => x < study.corner[0] && y > study.corner[1]) : front;
  const ends = inside.length ? inside : front, first = ends[0], last = ends.at(-1);
  const share = (number, low, high) => high > low ? (number - low) / (high - low) : 0;
  const log = (seconds) => Math.log(Math.max(seconds, 1e-9));
  return (stop) => {
    const [x, y] = [secondsOf(stop), accuracyOf(stop)];
    return x < first.x || x > last.x || y < first.y ? -Infinity : share(y, first.y, last.y) - share(log(x), log(first.x), log(last.x));
  };
}
