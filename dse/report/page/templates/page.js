"use strict";
{% include "tables.js" %}
{% if browsable %}
{% include "study.js" %}
{% include "rules.js" %}
{% include "front.js" %}
{% include "labels.js" %}
{% include "curves.js" %}
{% include "card.js" %}
{% include "brushes.js" %}
{% include "parallel.js" %}
{% include "chooser.js" %}
{% include "draw.js" %}
{% endif %}
// Paper has no closed tables.
addEventListener("beforeprint", () => {
  for (const closed of document.querySelectorAll("details:not([open])"))
    Object.assign(closed, {open: true}).dataset.closed = "yes";
});
addEventListener("afterprint", () => {
  for (const opened of document.querySelectorAll("details[data-closed]")) {
    opened.open = false;
    delete opened.dataset.closed;
  }
});
