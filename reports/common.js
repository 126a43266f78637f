"use strict";
// What the pages have in common: their data, making elements, light and dark.
const common = (function () {
  // What a stranger sent may hold characters that cannot be seen, or that turn or break lines: shown as escapes.
  const unseen = new RegExp("[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u200b-\\u200f\\u2028-\\u202e" +
    "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\ufffe\\uffff]", "g");
  const escape = (character) => {
    const code = character.charCodeAt(0);
    return code < 256 ? "\\x" + code.toString(16).padStart(2, "0") : "\\u" + code.toString(16).padStart(4, "0");
  };
  const data = JSON.parse(document.getElementById("data").textContent,
    (name, value) => (typeof value === "string" ? value.replace(unseen, escape) : value));

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {}))
      if (typeof value === "function") made.addEventListener(key, value);
      else made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // As the system has it, until the button is used.
  document.getElementById("theme").onclick = () => {
    const root = document.documentElement;
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
  };

  return { data, element };
})();
