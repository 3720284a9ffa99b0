"use strict";
{% if browsable %}
{% include "study.js" %}
{% include "rules.js" %}
{% include "front.js" %}
{% include "curves.js" %}
{% include "card.js" %}
{% include "chooser.js" %}
{% include "draw.js" %}
{% endif %}
{% include "tables.js" %}
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
