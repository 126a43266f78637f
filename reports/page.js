(function () {
  const { data: report, element } = common;
  const verdicts = ["fail", "warn", "skip", "pass"];
  const symbols = { pass: "\u2713", fail: "\u2717", warn: "!", skip: "\u2013" };
  const get = (id) => document.getElementById(id);

  function drawing(name, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // ---- The sequence diagram of one result: clients at the left, the broker at the right, what was said between them

  const size = { time: 78, lane: 68, middle: 900, right: 116, line: 17, head: 46, letter: 7.55 };
  const seconds = (microseconds) => (microseconds / 1e6).toFixed(3) + " s";

  // Breaks a text into lines of at most `most` letters, and gives up after `limit` lines.
  function wrap(text, most, limit) {
    const lines = [];
    let rest = text;
    while (rest.length > most && lines.length < limit - 1) {
      let at = rest.lastIndexOf(" ", most);
      if (at < most / 2) at = most;
      lines.push(rest.slice(0, at).trimEnd());
      rest = rest.slice(at).trimStart();
    }
    lines.push(rest.length > most ? rest.slice(0, most - 1) + "\u2026" : rest);
    return lines;
  }

  function sentence(line) {
    if (line.kind === "expected" && !line.text.startsWith("EXPECT")) return "expected: " + line.text;
    if (line.client && (line.kind === "opened" || line.kind === "dropped")) return line.client + " " + line.text;
    return line.text;
  }

  // Where everything stands: a row for each line of the transcript, and a gap where time passes.
  function layOut(lines) {
    const clients = [...new Set(lines.map((line) => line.client).filter(Boolean))].sort();
    const x = {};
    clients.forEach((client, i) => { x[client] = size.time + 30 + i * size.lane; });
    const text = size.time + 30 + Math.max(0, clients.length - 1) * size.lane + 22;
    x.broker = size.time + size.middle + Math.max(0, clients.length - 4) * size.lane;
    const between = x.broker - text;
    let y = size.head, before = lines.length ? lines[0].time_us : 0;
    const rows = lines.map((line) => {
      const gap = line.time_us - before >= 500000 ? line.time_us - before : 0;
      before = line.time_us;
      y += gap ? 24 : 0;
      const words = wrap(sentence(line), Math.floor((between - 40) / size.letter), 5);
      const remark = line.kind === "note" || line.kind === "expected";
      const row = { line, gap, words, remark, top: y, height: words.length * size.line + (remark ? 22 : 18) };
      row.arrow = y + words.length * size.line + 8;
      y += row.height;
      return row;
    });
    return { clients, x, text, between, rows, width: x.broker + size.right, height: y + 16 };
  }

  function colour(name) {
    return "color: var(--" + (name === "broker" ? "broker" : /^[A-D]$/.test(name) ? "client-" + name : "soft") + ")";
  }

  // A life line is thick while the connection is open.
  function drawLane(svg, plan, name) {
    const x = plan.x[name];
    const lane = drawing("g", { style: colour(name) },
      drawing("text", { x, y: 24, "text-anchor": "middle", class: "name" },
        name === "broker" ? name : "client " + name),
      drawing("path", { d: `M${x} ${size.head - 12}V${plan.height - 8}`, class: "lane" }));
    let from = name === "broker" ? size.head - 12 : null;
    for (const { line, arrow } of plan.rows) {
      if (line.client !== name) continue;
      const ends = line.kind === "closed" || line.kind === "dropped";
      if (from === null && ["opened", "sent", "received"].includes(line.kind)) from = arrow;
      if (from !== null && ends) {
        lane.append(drawing("path", { d: `M${x} ${from}V${arrow}`, class: "alive" }));
        from = null;
      }
    }
    if (from !== null) lane.append(drawing("path", { d: `M${x} ${from}V${plan.height - 8}`, class: "alive" }));
    svg.append(lane);
  }

  function drawText(svg, row, x, y) {
    const text = drawing("text", { x, y, class: row.remark ? "note" : "" }, drawing("title", {}, row.line.text));
    row.words.forEach((words, i) => {
      const packet = i === 0 && !row.remark && /^[A-Z]{3,}\b/.exec(words);
      if (packet)
        text.append(drawing("tspan", { x, y, class: "packet" }, packet[0]), words.slice(packet[0].length));
      else text.append(drawing("tspan", { x, y: y + i * size.line }, words));
    });
    svg.append(text);
  }

  function drawArrow(svg, plan, row) {
    const { kind, client } = row.line, y = row.arrow;
    const left = plan.x[client] === undefined ? plan.text : plan.x[client], right = plan.x.broker;
    const back = kind === "received" || kind === "closed", ends = kind === "closed" || kind === "dropped";
    const packet = kind === "sent" || kind === "received";
    const from = back ? right : left + 10, to = back ? left + 11 : right, way = Math.sign(to - from);
    const group = drawing("g", { style: colour(client) },
      drawing("path", { d: `M${from} ${y}H${to - way * 8}`, class: packet ? "arrow" : "arrow dashed" }),
      drawing("path", { d: `M${to} ${y}l${-way * 11} -5v10z`, class: "head" }),
      drawing("circle", { cx: left, cy: y, r: 9, class: "dot" }),
      drawing("text", { x: left, y: y + 4, "text-anchor": "middle", class: "letter" }, client));
    const end = to - way * 30;
    if (ends) group.append(drawing("path", { d: `M${end - 6} ${y - 6}l12 12m0 -12l-12 12`, class: "cross" }));
    svg.append(group);
  }

  function drawRow(svg, plan, row) {
    const { line, top, height } = row, level = row.arrow + 4 - (row.remark ? 6 : 0);
    if (row.gap)
      svg.append(drawing("text", { x: plan.text + 6, y: top - 6, class: "gap" },
        `\u22ee ${(row.gap / 1e6).toFixed(2)} s pass`));
    if (line.offending)
      svg.append(drawing("rect", { x: 0, y: top - 3, width: plan.width, height: height + 4, class: "highlight" }),
        drawing("rect", { x: 0, y: top - 3, width: 5, height: height + 4, class: "edge" }),
        drawing("text", { x: plan.x.broker + 12, y: level, class: "here" }, "\u25C0 broken here"));
    svg.append(drawing("text", { x: size.time - 8, y: level, "text-anchor": "end", class: "time" },
      seconds(line.time_us)));
    if (row.remark)
      svg.append(drawing("rect", { x: plan.text - 4, y: top + 3, width: plan.between - 10, height: height - 8, rx: 5,
        class: "remark" + (line.kind === "expected" ? " awaited" : "") }));
    else drawArrow(svg, plan, row);
    drawText(svg, row, plan.text + 6, top + (row.remark ? 19 : 14));
  }

  function diagram(result) {
    const plan = layOut(result.transcript);
    const svg = drawing("svg", { viewBox: `0 0 ${plan.width} ${plan.height}`, width: plan.width, height: plan.height,
      role: "img", "aria-label": "The packets between clients and broker, one below the other; the text follows" });
    const marked = plan.rows.filter((row) => row.line.offending);
    for (const row of marked) drawRow(svg, plan, row);
    for (const name of [...plan.clients, "broker"]) drawLane(svg, plan, name);
    for (const row of plan.rows) if (!row.line.offending) drawRow(svg, plan, row);
    return element("div", { class: "diagram", tabindex: "0", role: "region", "aria-label": "Sequence diagram" }, svg);
  }

  const arrows = { sent: "-->", received: "<--", opened: "o--", closed: "--x", dropped: "x--", expected: "???",
    note: "  *" };

  function asText(result) {
    const hex = (line) => line.bytes.replace(/../g, "$& ") +
      (line.length * 2 > line.bytes.length ? `... ${line.length} bytes` : "");
    return result.transcript.map((line) =>
      `${seconds(line.time_us).padStart(10)}  ${line.client || " "} ${arrows[line.kind]} ${line.text}` +
      (line.offending ? "   <== here" : "") + (line.bytes ? `\n${" ".repeat(18)}${hex(line)}` : "")).join("\n");
  }

  // ---- The details of one result

  // The command for this scenario alone, without the documents that it would write again.
  function repeating(result) {
    const plain = report.command.replace(/ --(?:html|json|junit|pcap)(?:=| )(?:'[^']*'|[^\s'])+/g, "");
    return plain.replace(/^mqspec test/, `mqspec test ${result.scenario}`) +
      (/ -V/.test(plain) ? "" : ` -V ${result.version}`);
  }

  function rules(heading, ids) {
    return [element("h3", {}, heading), ...ids.map((id) =>
      element("div", { class: "rule" }, element("code", {}, id), report.statements[id] || ""))];
  }

  const reading = "Time runs downwards. Each arrow is a packet between one of the tester's clients and the broker; " +
    "a dashed one opens a connection or, with a cross, ends it. A dashed frame is what should have come; ~ in it " +
    "stands for text that belongs to this run alone.";

  function details(result) {
    const cell = element("td", { colspan: 5 });
    const broken = result.broken && result.broken !== "-" ? [result.broken] : [];
    const others = result.statements.filter((id) => !broken.includes(id));
    const heading = result.verdict === "warn" ? "The rule it is about" : "The rule that was broken";
    if (broken.length) cell.append(...rules(heading, broken));
    if (others.length) cell.append(...rules(broken.length ? "The scenario also tests" : "The scenario tests", others));
    if (result.reason && result.reason !== result.received)
      cell.append(element("h3", {}, "Reason"), element("p", {}, result.reason));
    if (result.expected || result.received)
      cell.append(element("div", { class: "compare" },
        element("div", { class: "pass" }, element("h3", {}, "Expected"), element("code", {}, result.expected || "-")),
        element("div", { class: "fail" }, element("h3", {}, "Received"), element("code", {}, result.received || "-"))));
    if (result.transcript && result.transcript.length)
      cell.append(element("h3", {}, "What happened"), element("p", { class: "soft" }, reading), diagram(result),
        element("details", {}, element("summary", {}, "The same as text, with the bytes of each packet"),
          element("pre", {}, asText(result))));
    const list = element("dl");
    const tell = (name, value) => list.append(element("dt", {}, name), element("dd", {}, value));
    tell("Scenario", element("code", {}, `${result.file}:${result.line}`));
    tell("Took", `${seconds(result.duration_us)} over ${result.transport}`);
    if (report.command) tell("Play it alone", element("code", {}, repeating(result)));
    cell.append(list);
    return element("tr", { class: "details" }, cell);
  }

  // ---- The table. A row is made when it is first shown, its details when they are first opened.

  const body = get("results");
  const chapterOf = (result) => result.standard + "/" + result.section.split(".").slice(0, 2).join(".");
  const key = (result) => `${result.scenario}-${result.version}`;

  function open(entry, wanted) {
    entry.open = wanted;
    rowOf(entry).button.setAttribute("aria-expanded", String(wanted));
    if (wanted && !entry.details) entry.details = details(entry.result);
    if (entry.details && wanted) entry.row.after(entry.details);
    else if (entry.details) entry.details.remove();
  }

  function makeEntry(result) {
    return { result, row: null, button: null, details: null, open: false, chapter: chapterOf(result),
      text: [result.scenario, result.title, result.reason, result.statements.join(" ")].join(" ").toLowerCase() };
  }

  function rowOf(entry) {
    if (entry.row) return entry;
    const { result } = entry;
    const button = element("button", { type: "button", "aria-expanded": "false" },
      element("code", {}, result.scenario));
    const statements = element("td", { class: "wide mono statements" });
    result.statements.forEach((id) => statements.append(element("div", {}, id)));
    const verdict = element("td", { class: result.verdict }, symbols[result.verdict] + " " + result.verdict);
    if (result.expected_failure) verdict.append(" ", element("span", { class: "expected" }, "expected"));
    const row = element("tr", { class: "result" }, verdict,
      element("td", {}, button, element("div", { class: "soft title" }, result.title)),
      element("td", { class: "wide" }, result.version), statements,
      element("td", { class: "wide" }, result.reason));
    row.addEventListener("click", (event) => {
      const selecting = event.detail > 0 && String(getSelection());
      if (selecting) return;
      open(entry, !entry.open);
      if (entry.open) history.replaceState(null, "", "#" + encodeURIComponent(key(result)));
    });
    return Object.assign(entry, { row, button });
  }

  const rank = (result) => verdicts.indexOf(result.verdict) + (result.expected_failure ? 0.5 : 0);
  const entries = report.results.slice().sort((a, b) => rank(a) - rank(b)).map(makeEntry);

  // ---- Filters

  // A browser takes seconds to lay out thousands of rows, and nobody reads them: these come first.
  const page = 200;
  const state = { text: "", verdict: "", section: "", version: "" };
  let limit = page;

  function matches(entry, words) {
    const { result } = entry;
    return words.every((word) => entry.text.includes(word)) && (!state.verdict || result.verdict === state.verdict) &&
      (!state.section || entry.chapter === state.section) && (!state.version || result.version === state.version);
  }

  function show() {
    const words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = entries.filter((entry) => matches(entry, words));
    const shown = found.slice(0, limit).map(rowOf);
    body.replaceChildren(...shown.flatMap((entry) => (entry.open ? [entry.row, entry.details] : [entry.row])));
    get("count").textContent =
      found.length === entries.length ? String(found.length) : `${found.length} of ${entries.length}`;
    get("none").hidden = found.length > 0 || entries.length === 0;
    get("more").hidden = shown.length === found.length;
    get("more").textContent = `Show the other ${found.length - shown.length}`;
    get("reset").disabled = !Object.values(state).some(Boolean);
    for (const button of document.querySelectorAll("[data-verdict]"))
      button.setAttribute("aria-pressed", String(button.dataset.verdict === state.verdict));
    for (const id of ["verdict", "section", "version"]) get(id).value = state[id];
    if (get("search").value !== state.text) get("search").value = state.text;
  }

  function set(changes) {
    Object.assign(state, changes);
    limit = page;
    show();
  }

  function showAll() {
    limit = entries.length;
    show();
  }
  get("more").addEventListener("click", showAll);

  function fill(id, label, choices) {
    const options = [["", label], ...choices].map(([value, text]) => element("option", { value }, text));
    get(id).append(...options);
    get(id).addEventListener("input", () => set({ [id]: get(id).value }));
  }

  const standards = [...new Set(report.chapters.map((chapter) => chapter.standard))];
  const chapterName = (chapter) => `${chapter.name} ${chapter.title}`;
  fill("verdict", "All verdicts", verdicts.map((verdict) => [verdict, verdict]));
  fill("section", "All sections", report.chapters.map((chapter) => [chapter.standard + "/" + chapter.name,
    (standards.length > 1 ? chapter.standard + ": " : "") + chapterName(chapter)]));
  fill("version", "All versions", [...new Set(report.results.map((result) => result.version))].sort()
    .map((version) => [version, "MQTT " + version]));
  get("search").addEventListener("input", () => set({ text: get("search").value }));
  get("reset").addEventListener("click", () => set({ text: "", verdict: "", section: "", version: "" }));
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT)$/.test(document.activeElement.tagName);
    if (event.key !== "/" || event.ctrlKey || event.metaKey || typing) return;
    event.preventDefault();
    get("search").focus();
  });

  // ---- Totals

  for (const verdict of ["pass", "fail", "warn", "skip"])
    get("totals").append(element("button", { type: "button", "data-verdict": verdict, "aria-pressed": "false",
      class: report.totals[verdict] ? verdict : "zero",
      click: () => set({ verdict: state.verdict === verdict ? "" : verdict }) },
    element("b", {}, String(report.totals[verdict])), element("span", {}, verdict)));

  function sectionTable(standard, chapters) {
    const names = ["pass", "fail", "warn", "skip"];
    const rows = chapters.map((chapter) => {
      const bar = element("div", { class: "bar", "aria-hidden": "true" });
      for (const name of ["pass", "skip", "warn", "fail"])
        if (chapter[name]) {
          bar.append(element("i", { class: name }));
          bar.lastChild.style.flex = `${chapter[name]} 1 0`;
        }
      const pick = element("button", { type: "button", click: () => {
        set({ section: chapter.standard + "/" + chapter.name, verdict: "", text: "" });
        get("scenarios").scrollIntoView({ behavior: "smooth" });
      } }, element("span", { class: "name" }, chapter.name), chapter.title);
      const counts = names.map((name) =>
        element("td", { class: "number " + (chapter[name] ? name : "zero") }, String(chapter[name])));
      return element("tr", {}, element("td", {}, pick), ...counts, element("td", {}, bar));
    });
    const heads = names.map((name) => element("th", { scope: "col", class: "number" }, name));
    const tested = report.tested_statements.find((each) => each.standard === standard);
    const share = element("td", { class: "soft share" },
      `${tested.tested} of ${tested.visible_at_a_broker} statements tested`);
    const head = element("tr", {}, element("th", { scope: "col" }, "MQTT " + standard), ...heads, share);
    return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  }

  for (const standard of standards) {
    const chapters = report.chapters.filter((chapter) => chapter.standard === standard);
    const half = standards.length > 1 || chapters.length < 6 ? chapters.length : Math.ceil(chapters.length / 2);
    for (let at = 0; at < chapters.length; at += half)
      get("sections").append(sectionTable(standard, chapters.slice(at, at + half)));
  }
  if (!standards.length) get("sections").append(element("p", { class: "soft" }, "There are no results."));

  // ---- The result that the address names is opened: page.html#scenario-3.1.1

  function openNamed() {
    let wanted = "";
    try {
      wanted = decodeURIComponent(location.hash.slice(1));
    } catch {
      return;
    }
    const entry = wanted && entries.find((each) => key(each.result) === wanted);
    if (!entry) return;
    if (!rowOf(entry).row.isConnected) {
      Object.assign(state, { text: "", verdict: "", section: "", version: "" });
      showAll();
    }
    open(entry, true);
    entry.row.scrollIntoView();
  }

  show();
  openNamed();
  window.addEventListener("hashchange", openNamed);
})();
