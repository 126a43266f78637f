"use strict";
(function () {
  const report = JSON.parse(document.getElementById("data").textContent);
  const verdicts = ["fail", "warn", "skip", "pass"];
  const state = { text: "", verdict: "", section: "", version: "" };
  const root = document.documentElement;

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {}))
      if (key === "onclick" || key === "oninput") made[key] = value;
      else made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function drawing(name, attributes, text) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // ---- light and dark

  function setTheme(dark) {
    root.classList.toggle("dark", dark);
    root.style.colorScheme = dark ? "dark" : "light";
  }
  setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
  document.getElementById("theme").onclick = () => setTheme(!root.classList.contains("dark"));

  // ---- the sequence diagram of one result

  const rowHeight = 34, timeWidth = 92, laneGap = 560, top = 46;

  function lanesOf(lines) {
    const clients = [...new Set(lines.map((line) => line.client).filter(Boolean))].sort();
    return clients.concat("broker");
  }

  // Client lanes stand left of the broker's; an arrow runs between its client and the broker.
  function laneX(lanes, name) {
    const at = lanes.indexOf(name);
    return timeWidth + 40 + (name === "broker" ? (lanes.length - 2) * 90 + laneGap + 180 : at * 90);
  }

  function shorten(text, length) {
    return text.length > length ? text.slice(0, length - 1) + "\u2026" : text;
  }

  function drawLine(svg, lanes, line, y) {
    const right = laneX(lanes, "broker");
    const wrong = line.offending ? " wrong" : "";
    const left = line.client ? laneX(lanes, line.client) : timeWidth + 40;
    const lastClient = laneX(lanes, lanes[lanes.length - 2] || "broker");
    const textX = lastClient + 16;
    if (line.offending)
      svg.append(drawing("rect", { x: 0, y: y - 22, width: right + 70, height: rowHeight, class: "offending" }));
    svg.append(drawing("text", { x: 8, y, class: "time" }, (line.time_us / 1e6).toFixed(3) + " s"));
    const label = drawing("text", { x: textX, y: y - 6, class: line.offending ? "wrongtext" : "" },
      shorten(line.text, Math.floor((right - textX) / 7.9)));
    label.append(drawing("title", {}, line.text));
    const arrow = (from, to, extra) => {
      const way = Math.sign(to - from);
      svg.append(drawing("path", { d: `M${from} ${y}H${to - way * 8}`, class: "arrow" + extra + wrong }));
      svg.append(drawing("path", { d: `M${to} ${y}l${-way * 10} -5v10z`, class: "head" }));
    };
    const cross = (x) =>
      svg.append(drawing("path", { d: `M${x - 6} ${y - 6}l12 12m0 -12l-12 12`, class: "arrow" + wrong }));
    if (line.kind === "sent") arrow(left, right, "");
    else if (line.kind === "received") arrow(right, left, "");
    else if (line.kind === "opened") arrow(left, right, " dashed");
    else if (line.kind === "closed") { arrow(right, left, " dashed"); cross(left); }
    else if (line.kind === "dropped") { arrow(left, right, " dashed"); cross(right); }
    else {
      label.setAttribute("class", line.offending ? "wrongtext" : "note");
      label.textContent = (line.kind === "expected" ? "expected: " : "") + line.text;
      label.setAttribute("y", y - 2);
    }
    svg.append(label);
  }

  function diagram(result) {
    const lines = result.transcript || [];
    const lanes = lanesOf(lines);
    const width = laneX(lanes, "broker") + 70, height = top + lines.length * rowHeight + 16;
    const svg = drawing("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
      "aria-label": "Sequence of packets between the tester's clients and the broker" });
    for (const lane of lanes) {
      const x = laneX(lanes, lane);
      svg.append(drawing("path", { d: `M${x} ${top - 14}V${height - 8}`, class: "lane" }));
      svg.append(drawing("text", { x, y: 22, "text-anchor": "middle", class: "title" },
        lane === "broker" ? "broker" : "client " + lane));
    }
    lines.forEach((line, i) => drawLine(svg, lanes, line, top + 18 + i * rowHeight));
    return element("div", { class: "diagram" }, svg);
  }

  // ---- the details of one result

  function pairs(list) {
    const made = element("dl");
    for (const [name, value] of list)
      if (value) made.append(element("dt", {}, name), element("dd", {}, value));
    return made;
  }

  function repeat(result) {
    return report.command.replace("mqspec test", "mqspec test " + result.scenario);
  }

  function details(result) {
    const rules = element("div");
    for (const id of result.statements)
      rules.append(element("div", {}, element("code", {}, id), " " + (report.statements[id] || "")));
    const list = [["tests", rules], ["verdict", element("b", { class: result.verdict }, result.verdict)],
      ["reason", result.reason],
      ["breaks", result.broken && result.broken !== "-"
        ? element("div", {}, element("code", {}, result.broken), " " + (report.statements[result.broken] || "")) : ""],
      ["expected", result.expected ? element("code", {}, result.expected) : ""],
      ["received", result.received ? element("code", {}, result.received) : ""],
      ["scenario", element("code", {}, `${result.file}:${result.line}`)],
      ["repeat", report.command ? element("code", {}, repeat(result)) : ""]];
    const cell = element("td", { colspan: 5 }, pairs(list));
    if (result.transcript && result.transcript.length) cell.append(diagram(result));
    return element("tr", { class: "details" }, cell);
  }

  // ---- the table

  const body = document.getElementById("results");
  const key = (result) => `${result.scenario}-${result.version}`;

  function toggle(row, result) {
    const open = row.nextSibling && row.nextSibling.className === "details";
    row.querySelector("button").setAttribute("aria-expanded", String(!open));
    if (open) row.nextSibling.remove();
    else row.after(details(result));
    if (!open) history.replaceState(null, "", "#" + key(result));
  }

  function makeRow(result) {
    const name = element("button", { "aria-expanded": "false" }, element("code", {}, result.scenario));
    const row = element("tr", { class: "result" },
      element("td", {}, element("b", { class: result.verdict }, result.verdict)),
      element("td", {}, name, element("div", { class: "soft" }, result.title)),
      element("td", { class: "wide" }, result.version),
      element("td", { class: "wide mono" }, result.statements.join(" ")),
      element("td", { class: "wide" }, result.verdict === "pass" ? "" : result.reason));
    row.onclick = () => toggle(row, result);
    return row;
  }

  const chapter = (result) => result.section.split(".").slice(0, 2).join(".");
  for (const result of report.results) {
    result.chapter = chapter(result);
    result.search = [result.scenario, result.title, result.reason, result.statements.join(" ")].join(" ").toLowerCase();
  }
  const order = report.results.slice().sort((a, b) => verdicts.indexOf(a.verdict) - verdicts.indexOf(b.verdict));

  function show() {
    const shown = order.filter((result) => result.search.includes(state.text) &&
      (!state.verdict || result.verdict === state.verdict) && (!state.section || result.chapter === state.section) &&
      (!state.version || result.version === state.version));
    body.replaceChildren(...shown.map(makeRow));
    document.getElementById("count").textContent = `${shown.length} of ${order.length}`;
    document.querySelectorAll(".totals button").forEach((button) =>
      button.setAttribute("aria-pressed", String(button.dataset.verdict === state.verdict)));
  }

  // ---- totals and filters

  const totals = document.getElementById("totals");
  for (const verdict of ["pass", "fail", "warn", "skip"]) {
    totals.append(element("button", { "data-verdict": verdict, "aria-pressed": "false",
      onclick: () => { state.verdict = state.verdict === verdict ? "" : verdict; show(); } },
      element("b", { class: report.totals[verdict] ? verdict : "zero" }, String(report.totals[verdict])), verdict));
  }

  function fill(id, values, property, label) {
    const select = document.getElementById(id);
    select.append(element("option", { value: "" }, label));
    for (const value of values) select.append(element("option", { value }, value));
    select.oninput = () => { state[property] = select.value; show(); };
    return select;
  }
  const sections = fill("section", report.chapters.map((each) => each.name), "section", "all sections");
  fill("version", [...new Set(report.results.map((result) => result.version))].sort(), "version", "all versions");
  document.getElementById("search").oninput = (event) => { state.text = event.target.value.toLowerCase(); show(); };

  const grid = document.getElementById("sections");
  const half = Math.ceil(report.chapters.length / 2) || 1;
  for (let at = 0; at < report.chapters.length; at += half) {
    const table = element("table", {}, element("tr", {}, element("th", {}, "section"),
      ...["pass", "fail", "warn", "skip"].map((name) => element("th", { class: "number" }, name)), element("th")));
    for (const each of report.chapters.slice(at, at + half)) {
      const sum = verdicts.reduce((total, name) => total + each[name], 0);
      const bar = element("div", { class: "bar" });
      for (const name of ["pass", "warn", "skip", "fail"])
        if (each[name]) bar.append(element("i", { class: name, style: `width:${(100 * each[name]) / sum}%` }));
      const pick = element("button", { onclick: () => {
        state.section = sections.value = each.name; show(); document.getElementById("search").focus(); } },
        `${each.name} ${each.title}`);
      table.append(element("tr", {}, element("td", {}, pick),
        ...["pass", "fail", "warn", "skip"].map((name) => element("td",
          { class: "number " + (each[name] ? name : "zero") }, String(each[name]))), element("td", {}, bar)));
    }
    grid.append(table);
  }

  show();
  const wanted = decodeURIComponent(location.hash.slice(1));
  const index = wanted ? order.findIndex((result) => key(result) === wanted) : -1;
  if (index >= 0) {
    toggle(body.children[index], order[index]);
    body.children[index].scrollIntoView();
  }
})();
