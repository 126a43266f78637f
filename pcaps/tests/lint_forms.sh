#!/bin/sh
# usage: lint_forms.sh MQSPEC BUILD_DIRECTORY
#
# What lint writes beside text, from a capture with breaches and notices: JSON, SARIF against its schema, the page as it
# stands in a browser. Prints TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

usage="usage: lint_forms.sh MQSPEC BUILD_DIRECTORY"
mqspec=${1:?$usage}
build=${2:?$usage}
subcommand=lint
require 'forms of lint' python3

# In a stored capture, each CONNACK claims a session where there can be none, some SUBSCRIBE have wrong flags, and a
# client's name and topics hold what could do harm in a page. It has a notice, too.
bad="$work/bad capture.pcap"
python3 - "$top/pcaps/mosquitto-clients.pcap" "$bad" <<'PYTHON'
import sys
data = open(sys.argv[1], "rb").read()
data = data.replace(b"\x20\x02\0\0", b"\x20\x02\1\0").replace(b"\x82\x0e\0\1", b"\x80\x0e\0\1")
data = data.replace(b"late-subscriber", b"</script><a b>!").replace(b"at least once", b"<b>\x1b[1m\xe2\x80\xae</b")
open(sys.argv[2], "wb").write(data)
PYTHON

# ---- What is written where ---------------------------------------------------------------------------------------

runs 'text: packets around a breach, the offending one marked' 1 '^ *> *+0\.000000  #6  *<- CONNACK session_present=1' \
    "$mqspec" lint "$bad"
runs 'text: one of the packets behind it' 1 '^  *+0\.0000[0-9]*  #8  *-> SUBSCRIBE' "$mqspec" lint "$bad"
runs 'text: by statement' 1 '^    MQTT311:3.2.2-1  *12  Accepting' "$mqspec" lint "$bad"
runs 'text: by client' 1 '^    publisher  *0 by it, 8 by its server, 1 notice' "$mqspec" lint "$bad"
runs 'text: notices in words' 1 'told at: 5 CONNECT packets of one Client Identifier within 10 seconds' "$mqspec" lint \
    "$bad"
runs 'notices do not count as breaches' 0 'no breach; 1 notice$' "$mqspec" lint "$top/pcaps/mosquitto-clients.pcap"
runs 'all forms at once, beside text' 1 '14 breaches: 2 by clients, 12 by servers; 1 notice' "$mqspec" lint "$bad" \
    "--json=$work/lint.json" --html "$work/lint.html" --sarif "$work/lint.sarif"
runs 'JSON, its file apart' 1 '14 breaches' "$mqspec" lint "$bad" --json "$work/apart.json"
check 'and it is the same' cmp -s "$work/apart.json" "$work/lint.json"
runs 'JSON in place of text, a capture behind it' 1 '^\[{"file"' "$mqspec" lint --json "$bad"
runs 'SARIF in place of text' 1 '^{"$schema"' "$mqspec" lint "$bad" --sarif -
runs 'a page in place of text' 1 '^<!doctype html>' "$mqspec" lint "$bad" --html -
runs 'two forms cannot share standard output' 2 'one form only' "$mqspec" lint "$bad" --json --sarif -
runs 'a file that cannot be made' 2 'absent/lint.html cannot be written: No such file' "$mqspec" lint "$bad" --html \
    "$work/absent/lint.html"
if [ -w /dev/full ]; then
    runs 'a file that cannot be written' 2 '/dev/full could not be written whole' "$mqspec" lint "$bad" --sarif \
        /dev/full
else
    skip 'a file that cannot be written' 'no /dev/full'
fi
head -c $(($(wc -c <"$bad") - 5)) "$bad" >"$work/cut.pcap"
runs 'a capture that is cut, beside another' 2 '12 by servers' "$mqspec" lint "$work/cut.pcap" "$bad" --sarif \
    "$work/cut.sarif" --html "$work/cut.html"
runs 'no breach at all' 0 'no breach' "$mqspec" lint "$top/pcaps/mqtt-js.pcap" --sarif "$work/none.sarif" --html \
    "$work/none.html"

# ---- JSON and SARIF ------------------------------------------------------------------------------------------------

rows_of 'JSON and SARIF' python3 - "$work" <<'PYTHON'
import json, os, re, sys

work = sys.argv[1]

def check(name, test):
    try:
        wrong = test()
    except Exception as error:
        wrong = f"{type(error).__name__}: {error}"
    print(f"{'not ok' if wrong else 'ok'} - {name}")
    if wrong:
        print("# " + str(wrong).replace("\n", "\n# "))

def read(name):
    with open(os.path.join(work, name), encoding="utf-8") as file:
        return json.load(file)

def the_json():
    [capture] = read("lint.json")
    breaches, notices = capture["breaches"], capture["notices"]
    if len(breaches) != 14 or len(notices) != 1 or capture["notice_count"] != 1:
        return f"{len(breaches)} breaches, {len(notices)} notices"
    if sum(each["breaches"] for each in capture["by_statement"]) != 14:
        return f"by statement: {capture['by_statement']}"
    if sum(each["by_client"] + each["by_server"] for each in capture["by_client"]) != 14:
        return f"by client: {capture['by_client']}"
    if [each["frame"] for each in breaches] != sorted(each["frame"] for each in breaches):
        return "breaches out of order"
    for breach in breaches:
        [marked] = [each for each in breach["packets"] if each["offends"]]
        if marked["frame"] != breach["frame"] or marked["packet"] != breach["packet"] or len(breach["packets"]) > 8:
            return f"{breach}"

def the_sarif():
    document = read("lint.sarif")
    [run] = document["runs"]
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    used = {result["ruleId"] for result in run["results"]}
    if document["version"] != "2.1.0" or set(rules) != used or len(run["results"]) != 15:
        return f"{len(run['results'])} results, rules {set(rules) ^ used}"
    if not run["invocations"][0]["executionSuccessful"] or run["invocations"][0]["toolExecutionNotifications"]:
        return "the run did not succeed"
    for rule in rules.values():
        if len(rule["help"]["text"]) < 60 or not rule["shortDescription"]["text"]:
            return f"{rule['id']} has no help"
    for result in run["results"]:
        [place] = result["locations"]
        [logical] = place["logicalLocations"]
        frame, connection = result["properties"]["frame"], result["properties"]["connection"]
        if logical["fullyQualifiedName"] != f"connection {connection}/frame {frame}":
            return f"{logical}"
        if not place["physicalLocation"]["artifactLocation"]["uri"].endswith("/bad%20capture.pcap"):
            return f"{place}"
        if (result["level"] == "note") == ("codeFlows" in result) or f"frame {frame}" not in result["message"]["text"]:
            return f"{result}"

def the_cut():
    [run] = read("cut.sarif")["runs"]
    [told] = run["invocations"][0]["toolExecutionNotifications"]
    if run["invocations"][0]["executionSuccessful"] or "cut or damaged after packet" not in told["message"]["text"]:
        return f"{run['invocations']}"

check("JSON: breaches with their packets, notices, what is counted", the_json)
check("SARIF: rules, results, places", the_sarif)
check("SARIF: a capture that is cut", the_cut)
PYTHON

if node_package "$build/sarif" @microsoft/jest-sarif@1.0.0-beta.0; then
    for sarif in lint cut none; do
        # shellcheck disable=SC2016 # the dollar is of JavaScript
        check "SARIF: $sarif.sarif keeps the schema of OASIS" node -e '
            const fs = require("fs"), path = require("path"), Ajv = require("ajv");
            const folder = path.dirname(require.resolve("@microsoft/jest-sarif/package.json"));
            const ajv = new Ajv({ schemaId: "auto", allErrors: true });
            ajv.addMetaSchema(require("ajv/lib/refs/json-schema-draft-04.json"));
            const keeps = ajv.compile(JSON.parse(fs.readFileSync(
                path.join(folder, "lib/schemas/sarif-2.1.0-rtm.5.json"))));
            if (!keeps(JSON.parse(fs.readFileSync(process.argv[1])))) {
                console.log("# " + ajv.errorsText(keeps.errors));
                process.exit(1);
            }' "$work/$sarif.sarif"
    done
else
    skip 'SARIF: the schema of OASIS' "$reason"
fi

# ---- The page -----------------------------------------------------------------------------------------------------

require_browser

# What is done to the page and looked at, as a script behind its own; it leaves its lines in the title.
cat >"$work/steps.html" <<'STEPS'
<script>
  const told = [];
  const tell = (name, expected, received) => told.push((String(expected) === String(received) ? "ok" :
    `not ok: expected ${expected}, received ${received}`) + " - " + name);
  const all = (what) => document.querySelectorAll(what);
  const choose = (place, value) => {
    const input = all(".filters input, .filters select")[place];
    input.value = value;
    input.dispatchEvent(new Event("input"));
  };
  tell("the headline", "14 breaches of the standard: 2 by clients, 12 by servers",
    document.querySelector(".headline").textContent);
  tell("three summaries", 3, all("table.counts").length);
  tell("all breaches and notices", 15, all("tr.result").length);
  all("tr.result button")[0].click();
  tell("a row opens", 1, all("tr.details").length);
  tell("with the packets around", 5, all("table.packets tbody tr").length);
  tell("the offending one is marked", "6", document.querySelector("tr.offends td").textContent);
  tell("and how Wireshark finds it", true, document.body.textContent.includes("frame.number == 6"));
  all("tr.result button")[0].click();
  tell("and closes", 0, all("tr.details").length);
  choose(1, "publisher");
  tell("filter by client", 9, all("tr.result").length);
  choose(2, "reconnect-storm");
  tell("and by kind", 1, all("tr.result").length);
  choose(1, "");
  choose(2, "");
  choose(0, "3.8.1-1");
  tell("filter by words", 2, all("tr.result").length);
  choose(0, "");
  tell("what a device sent is no markup", 0, all("td a, td b").length);
  document.title = told.join("\n");
</script>
STEPS
page_rows "$work/lint.html" "$work/steps.html" '' 12
finish
