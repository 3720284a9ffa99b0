// Tables sort by a click on a title; those that scroll start at the answer.
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
