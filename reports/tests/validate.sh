#!/bin/sh
# Other people's parsers read what the reports write. Usage: validate.sh MQSPEC BUILD_DIRECTORY. TAP.
set -u
build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0

# check NAME COMMAND...
check() {
    number=$((number + 1))
    name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        sed 's/^/# /' "$work/said"
    fi
}

# As many results as the plan says, and no control character but the line's end.
tap_is_sound() {
    awk 'NR == 1 && $0 != "TAP version 13" { exit 1 }
         NR == 2 { split($0, plan, /\.\./) }
         /[\001-\011\013-\037\177]/ { print "control character in line " NR; bad = 1 }
         /^(not )?ok / { count++; at = $1 == "not" ? $3 : $2; if (at != count) { print "number " at; bad = 1 } }
         END { if (count != plan[2]) { print count " of " plan[2]; bad = 1 } exit bad }' "$1"
}

# Nothing that a target sent reaches the terminal as a control character; colours are ours.
text_is_printable() {
    ! sed 's/\x1b\[[0-9;]*m//g' "$1" | LC_ALL=C grep -n '[[:cntrl:]]'
}

json_is_sound() {
    python3 - "$1" <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1], encoding="utf-8"))
assert sum(report["totals"][name] for name in ("pass", "fail", "warn", "skip")) == len(report["results"])
for result in report["results"]:
    for name in ("scenario", "version", "transport", "statements", "verdict", "reason"):
        assert name in result, name
    assert result["verdict"] != "fail" or result["transcript"], result["scenario"]
PYTHON
}

xml_is_sound() {
    python3 - "$1" <<'PYTHON'
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
assert root.tag == "testsuites"
cases = list(root.iter("testcase"))
assert len(cases) == int(root.get("tests")), (len(cases), root.get("tests"))
assert len(list(root.iter("failure"))) == int(root.get("failures"))
PYTHON
}

# One page, nothing fetched, and the data in it still the data whatever a target sent.
page_is_sound() {
    python3 - "$1" "$2" <<'PYTHON'
import json, re, sys
page = open(sys.argv[1], encoding="utf-8").read()
data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1)
embedded, written = json.loads(data), json.load(open(sys.argv[2], encoding="utf-8"))
assert embedded["results"] == written["results"]
assert page.count("<script") == page.count("</script>") == 2, page.count("<script")
assert not re.search(r'(src|href)\s*=', page[:page.index("<script")])
PYTHON
}

check 'sample reports are written' "$build/reports/sample_report" "$work"
for sample in empty passing mixed many; do
    check "$sample: TAP" tap_is_sound "$work/$sample.tap"
    check "$sample: text" text_is_printable "$work/$sample.txt"
    check "$sample: coloured text" text_is_printable "$work/$sample.ansi"
    if command -v python3 >/dev/null 2>&1; then
        check "$sample: JSON" json_is_sound "$work/$sample.json"
        check "$sample: JUnit" xml_is_sound "$work/$sample.xml"
        check "$sample: page" page_is_sound "$work/$sample.html" "$work/$sample.json"
    else
        for form in JSON JUnit page; do
            number=$((number + 1))
            echo "ok $number - $sample: $form # SKIP python3 is not there"
        done
    fi
done

# The checks themselves can fail.
refuses() {
    ! "$@"
}
printf 'TAP version 13\n1..2\nok 1 - a\n' >"$work/wrong"
check 'a plan that is not kept is noticed' refuses tap_is_sound "$work/wrong"
printf 'a \033[2J b\n' >"$work/wrong"
check 'an escape sequence in text is noticed' refuses text_is_printable "$work/wrong"
echo "1..$number"
