(function () {
  const { data: captures, element } = common;
  const page = 200; // rows at first

  const count = (number, one, many) => `${number} ${number === 1 ? one : many || one + "s"}`;
  const apart = (time, from) => (time < from ? "\u2212" : "+") + (Math.abs(time - from) / 1e6).toFixed(6) + " s";
  const clock = (time) => new Date(time / 1000).toISOString().replace("T", " ").replace("Z", " UTC");

  function table(name, heads, rows) {
    return element("table", { class: name },
      element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", {}, ...rows));
  }

  const cell = (content, name) => element("td", name ? { class: name } : {}, content);
  const number = (value) => cell(String(value), "number" + (value === 0 ? " zero" : ""));

  // ---- One breach or notice

  const kindOf = (finding) => finding.statement || finding.notice;
  const partyOf = (finding) => finding.broken_by || finding.by;

  function packets(finding) {
    const rows = finding.packets.map((packet) => element("tr", packet.offends ? { class: "offends" } : {},
      number(packet.frame), cell(apart(packet.time, finding.time), "number"),
      cell(packet.sender === "client" ? "client \u2192" : "\u2190 server", "side"),
      cell(element("code", {}, packet.packet)), cell(packet.offends ? "\u25C0 broken here" : "", "fail side")));
    return [element("h3", {}, "The packets around it on this connection"),
      table("packets", ["Frame", "Time", "Sender", "Packet", ""], rows)];
  }

  function details(finding) {
    const facts = element("dl", {});
    const fact = (name, value) => facts.append(element("dt", {}, name), element("dd", {}, value));
    fact("Time", clock(finding.time));
    fact("Connection", `${finding.connection}, from ${finding.client_address} to ${finding.server_address}`);
    fact("In Wireshark", element("code", {}, `frame.number == ${finding.frame}`));
    if (finding.threshold) fact("Told at", finding.threshold);
    const rule = element("div", { class: "rule" }, element("code", {}, kindOf(finding)),
      finding.paraphrase || finding.why);
    return element("tr", { class: "details" }, element("td", { colspan: 5 }, rule, facts,
      ...(finding.packets && finding.packets.length ? packets(finding) : [])));
  }

  function row(finding) {
    const breach = Boolean(finding.statement);
    const button = element("button", { type: "button", "aria-expanded": "false" },
      breach ? "\u2717 " + partyOf(finding) : "notice");
    const made = element("tr", { class: "result" }, cell(button, breach ? "fail" : "skip"), number(finding.frame),
      cell(finding.client), cell(element("code", {}, kindOf(finding)), "statements"),
      cell(breach ? finding.what : `${finding.title}: ${finding.what}`));
    made.onclick = () => {
      const open = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!open));
      if (open) made.nextSibling.remove();
      else made.after(details(finding));
    };
    return made;
  }

  // ---- All of one capture, behind filters

  function list(capture) {
    const all = [...capture.breaches, ...capture.notices].sort((a, b) => a.frame - b.frame);
    const body = element("tbody", {}), more = element("button", { type: "button", class: "more" });
    const search = element("input", { type: "search", placeholder: "Filter by client, statement or what was seen",
      "aria-label": "Filter by client, statement or what was seen" });
    const choose = (label, values) => element("select", { "aria-label": label },
      element("option", { value: "" }, label), ...values.map((value) => element("option", { value }, value)));
    const client = choose("All clients", [...new Set(all.map((each) => each.client))].sort());
    const kind = choose("All statements and notices", [...new Set(all.map(kindOf))].sort());
    const status = element("span", { class: "soft", role: "status" });
    function show(most) {
      const words = search.value.toLowerCase();
      const wanted = all.filter((each) => (!client.value || each.client === client.value) &&
        (!kind.value || kindOf(each) === kind.value) &&
        (!words || [each.client, kindOf(each), each.what, each.paraphrase || each.title].join(" ").toLowerCase()
          .includes(words)));
      body.replaceChildren(...wanted.slice(0, most).map(row));
      status.textContent = `${wanted.length} of ${all.length}`;
      more.hidden = wanted.length <= most;
      more.textContent = `Show the other ${wanted.length - most}`;
    }
    for (const input of [search, client, kind]) input.addEventListener("input", () => show(page));
    more.onclick = () => show(Infinity);
    show(page);
    const results = table("results findings", ["By", "Frame", "Client", "Statement or notice", "What was seen"], []);
    results.querySelector("tbody").replaceWith(body);
    return [element("h3", {}, "In order of the capture ", status),
      element("div", { class: "filters", role: "search" }, search, client, kind), results, more];
  }

  // ---- The summary

  function summary(capture) {
    const made = [];
    if (capture.by_statement.length)
      made.push(element("h3", {}, "By statement"), table("counts", ["Statement", "What it asks for", "Breaches"],
        capture.by_statement.map((each) => element("tr", {}, cell(element("code", {}, each.statement), "side"),
          cell(each.paraphrase), number(each.breaches)))));
    if (capture.by_client.length)
      made.push(element("h3", {}, "By client"), table("counts",
        ["Client", "Breaches by it", "Breaches by its server", "Notices"],
        capture.by_client.map((each) => element("tr", {}, cell(each.client), number(each.by_client),
          number(each.by_server), number(each.notices)))));
    if (capture.by_notice.length)
      made.push(element("h3", {}, "Notices ", element("span", { class: "soft" },
        "what looks wrong though no statement forbids it")), table("counts", ["Notice", "What it means", "Times"],
        capture.by_notice.map((each) => element("tr", {}, cell(element("code", {}, each.notice), "side"),
          cell(element("div", {}, `${each.title[0].toUpperCase()}${each.title.slice(1)}. ${each.why}`,
            element("div", { class: "soft" }, "Told at: " + each.threshold))), number(each.notices)))));
    return made;
  }

  function section(capture) {
    const breaches = capture.breaches_by_clients + capture.breaches_by_servers;
    const made = element("section", {}, element("h2", {}, capture.file));
    made.append(element("p", { class: "headline " + (breaches ? "fail" : "pass") }, breaches ?
      `${count(breaches, "breach", "breaches")} of the standard: ${capture.breaches_by_clients} by clients, ` +
      `${capture.breaches_by_servers} by servers` : "No breach of the standard was found."));
    made.append(element("p", { class: "soft" }, `${count(capture.connections, "MQTT connection")}, ` +
      `${count(capture.packets, "packet")}, ${count(capture.notice_count, "notice")}.` +
      (capture.connections_not_judged ? ` ${count(capture.connections_not_judged, "connection")} not judged.` : "")));
    if (capture.unreadable)
      made.append(element("p", { class: "warn" }, `Not read to its end: ${capture.unreadable}.`));
    made.append(...summary(capture));
    if (capture.left_off)
      made.append(element("p", { class: "warn" }, `${capture.left_off} further breaches and notices are counted ` +
        "above and not shown below."));
    if (capture.breaches.length + capture.notices.length) made.append(...list(capture));
    return made;
  }

  document.getElementById("captures").append(...captures.map(section));
})();
