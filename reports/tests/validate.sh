#!/bin/sh
# usage: validate.sh MQSPEC BUILD_DIRECTORY
#
# Lets others read what the reports write: JSON, XML and HTML by python3's parsers, TAP by its shape. Prints TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

usage="usage: validate.sh MQSPEC BUILD_DIRECTORY"
: "${1:?$usage}"
generator=${2:?$usage}/reports/sample_report
# What sample_report writes, with the number of results in each.
samples="empty:0 passing:1 mixed:10 five:1 hostile:5 many:3000"

check 'the samples are written' "$generator" "$work" || finish

# Says what is wrong with the TAP on its input, and nothing when all is well.
check_tap() {
    awk -v count="$1" '
        function wrong(what) { print what " in line " NR ": " $0; bad = 1; exit }
        NR == 1 { if ($0 != "TAP version 13") wrong("no version"); next }
        NR == 2 { if ($0 != "1.." count) wrong("no plan of " count); next }
        inside && $0 == "  ..." { inside = literal = 0; next }
        inside && $0 == "  transcript: |2" { literal = 1; next }
        inside && literal { if ($0 !~ /^    +[0-9]+\.[0-9][0-9][0-9] s  ./) wrong("no transcript"); next }
        inside { if ($0 !~ /^  [a-z]+: ([0-9]+|"([^"\\]|\\.)*")$/) wrong("no YAML"); next }
        $0 == "  ---" { if (!failed) wrong("a block without a failure"); inside = 1; next }
        {
            tests++
            failed = /^not ok /
            if (index($0, (failed ? "not ok " : "ok ") tests " - ") != 1) wrong("not test " tests)
            signs = split($0, part, /#/) - 1
            if (signs > 1) wrong("a number sign beside that of the directive")
            if (signs == 1 && part[2] !~ /^ (SKIP|TO''DO|warning:) ./) wrong("no directive")
        }
        END {
            if (!bad && inside) print "a block is left open"
            if (!bad && tests + 0 != count) print tests + 0 " tests, not " count
        }'
}

for sample in $samples; do
    check_tap "${sample#*:}" <"$work/${sample%:*}.tap" >"$work/out" 2>&1
    check "TAP of ${sample%:*}" test ! -s "$work/out"
done

if ! command -v python3 >/dev/null 2>&1; then
    for sample in $samples; do
        for kind in JSON XML HTML text; do
            skip "$kind of ${sample%:*}" 'there is no python3'
        done
    done
    finish
fi

rows_of 'JSON, XML, HTML and text' python3 - "$work" "$samples" <<'PYTHON'
import html.parser, json, os, re, sys
import xml.etree.ElementTree as tree

work = sys.argv[1]
sizes = {name: int(size) for name, size in (each.split(":") for each in sys.argv[2].split())}

def check(name, test):
    try:
        wrong = test()
    except Exception as error:
        wrong = f"{type(error).__name__}: {error}"
    print(f"{'not ok' if wrong else 'ok'} - {name}")
    if wrong:
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
    text = read(name, "html")
    page = Page()
    page.feed(text)
    page.close()
    if page.wrong or page.open or len(page.scripts) != 2:
        return f"{page.wrong} {page.open} {len(page.scripts)} scripts"
    found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    if found != page.scripts[:1]:
        return f"{len(found)} elements of data"
    data = json.loads(found[0])
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
    for kind, test in (("JSON", the_json), ("XML", the_xml), ("HTML", the_html), ("text", the_text)):
        check(f"{kind} of {name}", lambda: test(name))
PYTHON
finish
