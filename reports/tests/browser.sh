#!/bin/sh
# usage: browser.sh MQSPEC BUILD_DIRECTORY
#
# The page in a browser: what it shows at first, behind each filter, and for the result that its address names. Prints
# TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

usage="usage: browser.sh MQSPEC BUILD_DIRECTORY"
: "${1:?$usage}"
generator=${2:?$usage}/reports/sample_report

require_browser
check 'the samples are written' "$generator" "$work" || finish

# What is done to the page and looked at, as a script behind its own; it leaves its lines in the title.
cat >"$work/steps.html" <<'STEPS'
<script>
  const told = [];
  const tell = (name, expected, received) => told.push((String(expected) === String(received) ? "ok" :
    `not ok: expected ${expected}, received ${received}`) + " - " + name);
  const rows = () => document.querySelectorAll("tr.result").length;
  const by = (id) => document.getElementById(id);
  const choose = (id, value) => { by(id).value = value; by(id).dispatchEvent(new Event("input")); };
  const verdicts = () => [...new Set([...document.querySelectorAll("tr.result td:first-child")].map((cell) =>
    cell.textContent.trim().split(/\s+/)[1]))].join();
  const versions = () => [...new Set([...document.querySelectorAll("tr.result td:nth-child(3)")].map((cell) =>
    cell.textContent))].join();
  tell("the result that the address names is open", 1, document.querySelectorAll("tr.details").length);
  tell("and for that all rows are there", 3000, rows());
  by("reset").disabled = false;
  by("reset").click();
  tell("at first no more than a page of rows", 200, rows());
  tell("fails come first", "fail,warn", verdicts());
  tell("the others can be had", "Show the other 2800", by("more").textContent);
  by("more").click();
  tell("and then are there", 3000, rows());
  tell("the button goes", true, by("more").hidden);
  choose("version", "5.0");
  tell("filter by version: nothing else", "5.0", versions());
  tell("filter by version: counted", "120 of 3000", by("count").textContent);
  choose("version", "");
  choose("verdict", "skip");
  tell("filter by verdict: nothing else", "skip", verdicts());
  tell("filter by verdict: counted", "120 of 3000", by("count").textContent);
  choose("verdict", "");
  choose("search", "wrong_user");
  tell("filter by name", "60 of 3000", by("count").textContent);
  choose("search", "MQTT5:4.12");
  tell("filter by statement", "60 of 3000", by("count").textContent);
  choose("search", "nothing has this name");
  tell("filter: nothing matches", false, by("none").hidden);
  choose("search", "overlapping");
  document.querySelector("tr.result button").click();
  tell("a row opens", 1, document.querySelectorAll("tr.details svg").length);
  choose("search", "overlapping_gets");
  tell("and stays open behind a filter", 1, document.querySelectorAll("tr.details svg").length);
  document.querySelector("tr.result button").click();
  tell("and closes", 0, document.querySelectorAll("tr.details").length);
  tell("each standard tells how many statements were tested", 2, document.querySelectorAll(".share").length);
  document.title = told.join("\n");
</script>
STEPS
page_rows "$work/many.html" "$work/steps.html" 'of_no_statement-5.0' 18
finish
