// Conveniences; every page works without them.
"use strict";

// The time zone that the browser knows, where nothing better has been chosen yet.
for (const select of document.querySelectorAll("select[data-guess-zone]")) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if ([...select.options].some((option) => option.value === zone)) select.value = zone;
}

// A second press within three seconds sends nothing: the first is under way.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 3000);
});

// An error summary takes the focus, so that it is read out and the next Tab leads to its links.
document.querySelector("[data-focus]")?.focus();
