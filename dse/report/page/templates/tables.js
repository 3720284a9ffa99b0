// Tables sort by a click on a title, and show the rows with given words; those that scroll start at the answer.
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
// Rows are shown that have all the words and, in tables of trials, whose stop or recipe is kept.
let keptInTables = null;
function filterRows(table) {
  const box = table.closest(".filtered").querySelector(".filter"), words = (box?.querySelector("input").value ?? "").toLowerCase().split(/\s+/);
  const rows = [...table.tBodies[0].rows], ofTrials = table.classList.contains("of-trials");
  for (const row of rows) {
    const said = row.textContent.toLowerCase();
    row.hidden = (keptInTables && ofTrials && !isKept(row, keptInTables)) || !words.every((word) => said.includes(word));
  }
  const shown = rows.filter((row) => !row.hidden).length;
  if (box) box.querySelector("span").textContent = shown < rows.length ? `${shown} of ${rows.length} rows` : "";
}
function isKept(row, kept) {
  const [trial, epoch] = (row.querySelector("a[href^='#pin=']")?.hash.slice(5) ?? row.cells[0].dataset.v).split(".").map(Number), recipe = recipeOfTrial.get(trial);
  return recipe !== undefined && (epoch ? kept.stop([recipe, epoch]) : kept.recipes[recipe]);
}
function filterTables(kept) {
  if (kept === keptInTables) return;
  keptInTables = kept;
  document.querySelectorAll("table.of-trials").forEach(filterRows);
}
for (const box of document.querySelectorAll(".filter"))
  box.addEventListener("input", () => filterRows(box.closest(".filtered").querySelector("table")));
for (const row of document.querySelectorAll(".tall tr.answer")) {
  const frame = row.closest(".tall");
  frame.scrollTop = row.offsetTop - frame.clientHeight / 2;
}
