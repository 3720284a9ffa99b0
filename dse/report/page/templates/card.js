// A recipe's card: what it gives, how it was planned, its runs, its content to copy and the command that trains it.
function yaml(content, indent = "") {
  return Object.entries(content).map(([key, given]) => {
    const nested = given && typeof given === "object" && !Array.isArray(given) && Object.keys(given).length;
    return `${indent}${scalar(key)}:` + (nested ? `\n${yaml(given, indent + "  ")}` : ` ${scalar(given)}\n`);
  }).join("");
}
// JSON is YAML, but for numbers as 1e-7, which YAML 1.1 reads as text; words that mean something else stay quoted.
function scalar(given) {
  if (typeof given === "string" && /^[A-Za-z_][\w ]*$/.test(given) && !/^(y|n|yes|no|on|off|true|false|null)$/i.test(given) && !given.endsWith(" "))
    return given;
  if (typeof given === "number") return String(given).replace(/^(-?\d+)e/, "$1.0e");
  if (Array.isArray(given)) return `[${given.map(scalar).join(", ")}]`;
  if (given && typeof given === "object") return `{${Object.entries(given).map(([key, inner]) => `${scalar(key)}: ${scalar(inner)}`).join(", ")}}`;
  return JSON.stringify(given);
}
function copied(title, content) {
  const button = element("button", {type: "button"}, "Copy");
  button.addEventListener("click", () => copy(content, button));
  return element("div", {class: "copied"}, element("div", {class: "head"}, title, button), element("pre", {tabindex: 0, "aria-label": title}, content));
}
async function copy(content, button) {
  try {
    await navigator.clipboard.writeText(content);
    button.textContent = "Copied";
  } catch {  // a page that was opened as a file may not write there
    const range = document.createRange();
    range.selectNodeContents(button.closest(".copied").querySelector("pre"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    button.textContent = document.execCommand("copy") ? "Copied" : "Selected: copy it";
  }
}
// A small line of a value of each epoch, with its ends in words, and a band around it where it spreads.
function sketch(title, steps, words, spread = []) {
  const width = 240, height = 56, high = Math.max(...steps.map(([, last], i) => last + (spread[i] ?? 0))) || 1, wide = width / steps.length;
  const y = (share) => (height - 3 - (height - 6) * share / high).toFixed(1);
  const edge = (sign) => spread.map((half, i) => `${((i + 1) * wide).toFixed(1)} ${y(steps[i][1] + sign * half)}`);
  const band = spread.length ? `<path class="spread" d="M${[...edge(1), ...edge(-1).reverse()].join("L")}Z"/>` : "";
  const path = steps.map(([first, last], i) => `${i ? "L" : "M"}${(i * wide).toFixed(1)} ${y(first)}L${((i + 1) * wide).toFixed(1)} ${y(last)}`).join("");
  const drawing = element("div");
  drawing.innerHTML = `<svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img">${band}<path d="${path}"/></svg>`;
  const svg = drawing.firstChild;
  svg.setAttribute("aria-label", `${title}: ${words}`);
  return element("figure", {class: "sketch"}, element("figcaption", {}, `${title}: ${words}`), svg);
}
function plan(recipe) {
  const epochs = recipes.epochs[recipe], at = starts[recipe], peak = study.plans.peak[recipe];
  const sizes = study.plans.batches.values[study.plans.batches.of[recipe]];
  const shares = Array.from({length: epochs}, (_, i) => [rates[2 * (at + i)], rates[2 * (at + i) + 1]]);
  const batch = [...new Set(sizes)].length === 1 ? `${sizes[0]}` : `${Math.min(...sizes)} to ${Math.max(...sizes)}`;
  const constant = shares.flat().every((share) => share === 255);
  const rate = peak === null ? "not recorded" : constant ? String(peak) : `up to ${peak}`;
  const curve = Array.from({length: epochs}, (_, i) => accuracies[at + i]);
  const spread = recipes.seeds[recipe] > 1 ? curve.map((_, i) => spreads.accuracy[at + i]) : [];
  const low = Math.min(...curve.map((share, i) => share - (spread[i] ?? 0)));
  return element("div", {class: "sketches"},
    sketch("accuracy", curve.map((share, i) => [(i ? curve[i - 1] : share) - low, share - low]), `${text("share", Math.min(...curve))} to ${text("share", Math.max(...curve))} in ${epochs} epoch${epochs > 1 ? "s" : ""}`, spread),
    sketch("learning rate at the ends of epochs", shares, rate), sketch("batch size", sizes.map((size) => [size, size]), batch));
}
function runsTable(recipe) {
  const head = ["trial", "seed", "state", "best epoch", "seconds to it", "accuracy"];
  const body = runsOf[recipe].map((run) => [runs.trial[run], runs.seed[run], runs.state.values[runs.state.of[run]], runs.epoch[run], text("s", runs.seconds[run]), text("share", runs.accuracy[run])]);
  const row = (kind, cells) => element("tr", {}, ...cells.map((cell, i) => element(kind, i === 2 ? {} : {class: "n"}, String(cell))));
  return element("div", {class: "scroll"}, element("table", {}, element("thead", {}, row("th", head)), element("tbody", {}, ...body.map((cells) => row("td", cells)))));
}
function showCard(pin) {
  const card = document.getElementById("card");
  card.hidden = !pin;
  card.replaceChildren();
  if (!pin) return;
  const [recipe, epoch] = pin;
  const close = element("button", {type: "button", class: "close", "aria-label": "Close the card"}, "×");
  close.addEventListener("click", () => update({pin: null}));
  const facts = Object.keys(axes).map((name) => [axes[name].words, valueText(name, recipe, epoch)]);
  if (epoch && !study.paper) facts.push(["test accuracy", text("share", tests[starts[recipe] + epoch - 1] / 65535)]);
  if (epoch && recipes.seeds[recipe] > 1) {
    const at = starts[recipe] + epoch - 1;
    facts.push([`spread of ${recipes.seeds[recipe]} seeds`, `± ${(100 * spreads.accuracy[at]).toFixed(2)} points, ± ${text("s", spreads.seconds[at])}`]);
  }
  const against = compared(pin);
  if (against) facts.push(["against the baseline", against]);
  const judged = study.judged[study.front.findIndex(([other, after]) => other === recipe && after === epoch)];
  if (judged) facts.push(["on the front", judged]);
  const name = /^[\w.,:/@+-]+$/.test(study.name) ? study.name : `'${study.name.replaceAll("'", "'\\''")}'`;
  card.append(close, element("h3", {}, label(recipe)),
    element("p", {class: "note"}, stopText(pin) + (recipe === baseline?.recipe ? ", the baseline" : "")
      + (epoch && epoch < recipes.epochs[recipe] ? ". Its rates were laid out over all its epochs: a plan of fewer is another recipe." : ".")),
    element("dl", {class: "facts"}, ...facts.filter(([, fact]) => fact).map(([name, fact]) => element("div", {}, element("dt", {}, name), element("dd", {}, fact)))),
    plan(recipe), copied("Train it", `dse train ${name}:${recipes.trial[recipe]}${study.train} --seed 0`),
    copied("recipe.yaml", yaml(contentOf(recipe))), runsTable(recipe));
}
