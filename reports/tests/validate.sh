#!/bin/sh
# usage: validate.sh SAMPLE_REPORT, or validate.sh MQSPEC BUILD_DIRECTORY
#
# Lets others read what the reports write: JSON, XML and HTML by python3's parsers, TAP by its shape. TAP.
set -u

generator=${1:?usage: validate.sh SAMPLE_REPORT, or validate.sh MQSPEC BUILD_DIRECTORY}
[ $# -lt 2 ] || generator=$2/reports/sample_report
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

if ! "$generator" "$work"; then
    echo "1..1"
    echo "not ok 1 - $generator writes its reports"
    exit 1
fi

python3 - "$work" <<'PYTHON'
import html.parser, json, os, re, sys
import xml.etree.ElementTree as tree

work = sys.argv[1]
sizes = {"empty": 0, "passing": 1, "mixed": 10, "many": 3000}
number = failures = 0

def check(name, test):
    global number, failures
    number += 1
    try:
        wrong = test()
    except Exception as error:
        wrong = f"{type(error).__name__}: {error}"
    print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
    if wrong:
        failures += 1
        print("# " + str(wrong).replace("\n", "\n# "))

def read(name, ending):
    with open(os.path.join(work, f"{name}.{ending}"), encoding="utf-8", newline="") as file:
        return file.read()

def the_json(name):
    report = json.loads(read(name, "json"))
    results, totals = report["results"], report["totals"]
    if len(results) != sizes[name] or sum(totals[each] for each in ("pass", "fail", "warn", "skip")) != sizes[name]:
        return f"{len(results)} results, {totals}"
    for result in results:
        missing = {"scenario", "version", "transport", "statements", "verdict", "reason"} - result.keys()
        if missing or (result["verdict"] == "fail") > ("transcript" in result):
            return f"{result['scenario']} lacks {missing or 'its transcript'}"

def the_xml(name):
    suites = tree.fromstring(read(name, "xml").encode())
    counts = lambda of: [int(of.get(each)) for each in ("tests", "failures", "skipped")]
    found = lambda of: [len(of.findall(f".//{each}")) for each in ("testcase", "failure", "skipped")]
    if counts(suites)[0] != sizes[name]:
        return f"{counts(suites)[0]} tests"
    for suite in [suites, *suites.findall("testsuite")]:
        if counts(suite) != found(suite):
            return f"{suite.get('name')} tells {counts(suite)} and holds {found(suite)}"
    if any(set(each.tag for each in case) - {"failure", "skipped", "system-out"} for case in suites.iter("testcase")):
        return "an element that JUnit does not know"

def the_tap(name):
    lines = read(name, "tap").split("\n")
    if lines[:2] != ["TAP version 13", f"1..{sizes[name]}"] or lines[-1] != "":
        return "wrong beginning or end: " + repr(lines[:2] + lines[-1:])
    tests, inside = 0, False
    for line in lines[2:-1]:
        if inside:
            if line == "  ...":
                inside = False
            elif not re.fullmatch(r'  (\w+: (\d+|\|2|"([^"\\]|\\.)*")| +\d+\.\d{3} s  .*)', line):
                return "not YAML: " + line
        elif line == "  ---":
            inside = True
        else:
            tests += 1
            directive = "( # (SKIP|TO" "DO|warning:) .*)?"
            if not re.fullmatch(rf"(ok|not ok) {tests} - [^#]+" + directive, line):
                return "not TAP: " + line
    if inside or tests != sizes[name]:
        return f"{tests} tests, {'an open block' if inside else 'all closed'}"

class Page(html.parser.HTMLParser):
    void = {"meta", "input"}

    def __init__(self):
        super().__init__()
        self.open, self.scripts, self.wrong = [], [], []

    def handle_starttag(self, tag, attributes):
        if tag not in self.void:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")
        self.wrong += [name for name, _ in attributes if name in ("src", "href") or name.startswith("on")]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append("</" + tag + ">")

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data

def the_html(name):
    page = Page()
    page.feed(read(name, "html"))
    page.close()
    if page.wrong or page.open or len(page.scripts) != 2:
        return f"{page.wrong} {page.open} {len(page.scripts)} scripts"
    data = json.loads(page.scripts[0])
    if data["results"] != json.loads(read(name, "json"))["results"]:
        return "the page holds other results than the JSON"
    named = {each for result in data["results"] for each in result["statements"]}
    if not named <= data["statements"].keys():
        return f"no paraphrase of {named - data['statements'].keys()}"

def the_text(name):
    text = read(name, "txt")
    if re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", text):
        return "a control character"
    if not re.search(r"\d+ pass, \d+ fail, \d+ warn, \d+ skip.* in \d+\.\d\d s$", text.rstrip("\n").split("\n")[-1]):
        return "the last line is no summary"
    plain = re.sub(r"\x1b\[\d+m", "", read(name, "ansi"))
    if "\x1b" in plain or not text.endswith(plain):
        return "the coloured text differs by more than its colours"

for name in sizes:
    for kind, test in (("JSON", the_json), ("XML", the_xml), ("TAP", the_tap), ("HTML", the_html), ("text", the_text)):
        check(f"{kind} of {name}", lambda: test(name))
print(f"1..{number}")
sys.exit(failures > 0)
PYTHON
