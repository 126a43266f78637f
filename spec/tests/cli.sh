#!/bin/sh
# usage: cli.sh MQSPEC
#
# The spec command from outside: what it prints and how it ends. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=${1:?usage: cli.sh MQSPEC}
subcommand=spec

lines() { # number, pattern
    [ "$(grep -c -- "$2" "$work/out")" -eq "$1" ]
}
is_silent() {
    [ ! -s "$work/err" ]
}
json() { # a Python expression on what was printed, `it`
    python3 -c "
import json, sys
it = json.load(open(sys.argv[1]))
sys.exit(0 if $1 else 1)" "$work/out"
}

check "an id" ends_with 0 3.1.2-24
check "an id: both versions" lines 2 '^MQTT[0-9]*:3\.1\.2-24$'
check "an id: where it is obeyed" printed 'reference/[a-z_]*\.c:[0-9]'
check "an id: what tests it" printed 'conformance/scenarios/keepalive\.c:[0-9]'
check "an id: how to switch it off" printed 'broker --deviate MQTT311:3\.1\.2-24$'
check "an id: its counterpart in 5.0" printed '^  in MQTT 5\.0   MQTT5:3\.1\.2-22$'
check "an id: its counterpart in 3.1.1" printed '^  in MQTT 3\.1\.1 no such statement$'
check "an id: nothing on standard error" is_silent
check "an id that 5.0 lacks" ends_with 0 MQTT311:3.1.2-22
check "an id that 5.0 lacks: says so" printed '^  in MQTT 5\.0   no such statement$'
check "an id with two counterparts" ends_with 0 MQTT5:2.1.3-1
check "an id with two counterparts: both" printed '^  in MQTT 3\.1\.1 MQTT311:2\.2\.2-1 MQTT311:2\.2\.2-2$'
check "a qualified id" ends_with 0 MQTT5:3.1.2-24
check "a qualified id: one version" lines 1 '^MQTT'
check "several ids, one twice" ends_with 0 MQTT311:4.7.2-1 MQTT311:3.12.4-1 4.7.2-1
check "several ids, one twice: each once" lines 1 '^MQTT311:4\.7\.2-1$'
check "wildcard" ends_with 0 'MQTT311:3.12*'
check "wildcard: all that match" lines 1 '^MQTT'
check "wildcard over both versions" ends_with 0 --list '4.7.2-?'
check "wildcard over both versions: one a line" lines 2 "$(printf '^MQTT[0-9]*:4\\.7\\.2-1\t.')"
check "list" ends_with 0 --list
check "list: all" lines 392 '^MQTT'
check "json" ends_with 0 --json 3.1.2-24
check "json: objects" json 'len(it) == 2 and it[0]["id"] == "MQTT311:3.1.2-24" and it[1]["version"] == "5.0"'
check "json: places" json 'it[0]["obeyed"][0]["line"] > 0 and it[0]["tested"][0]["scenario"] and it[0]["deviation"]'
check "json: counterpart of a 3.1.1 statement" json 'it[0]["in_5_0"] == "MQTT5:3.1.2-22" and "in_3_1_1" not in it[0]'
check "json: counterparts of a 5.0 statement" json 'it[1]["in_3_1_1"] == [] and "in_5_0" not in it[1]'
check "json of all" ends_with 0 --json --list
check "json of all: parses" json 'len(it) == 392 and all(row["asks"] and row["how"] for row in it)'
check "json of all: counterparts agree" json 'all(
    (row["in_5_0"] == other["id"]) == (row["id"] in other["in_3_1_1"])
    for row in it if row["version"] == "3.1.1" for other in it if other["version"] == "5.0")'
check "json of all: most have one" json 'sum(1 for row in it if row.get("in_5_0")) > 120'
check "coverage" ends_with 0 --coverage
check "coverage: both versions" lines 2 '^MQTT '
check "coverage as json" ends_with 0 --coverage --json
check "coverage as json: the contract" json 'set(it) == {"3.1.1", "5.0"} and it["3.1.1"]["statements"] == 141'
check "coverage as json: the counts add up" json 'all(
    v["broker_visible"] == v["with_scenario"] + len(v["uncovered"]) and v["with_deviation"] >= 0 for v in it.values())'
check "help" ends_with 0 --help
check "help: on standard output" printed '^usage: mqspec spec'
check "unknown id" ends_with 2 MQTT311:3.1.2-94
check "unknown id: what may be meant" said "no statement 'MQTT311:3.1.2-94'; did you mean MQTT311:3.1.2-4"
check "unknown id behind a known one" ends_with 2 3.1.2-24 nonsense
check "unknown id behind a known one: nothing printed" [ ! -s "$work/out" ]
check "unknown id: where to look" said "mqspec spec: no statement 'nonsense'; 'mqspec spec --list'"
check "wildcard without match" ends_with 2 '9.*'
check "wildcard without match: message" said "no statement matches '9\.\*'"
check "empty id" ends_with 2 ''
check "no id" ends_with 2
check "no id: what to do" said 'name a statement'
check "unknown option" ends_with 2 --nonsense
check "unknown option: message" said "'--nonsense' is no option here"
check "unknown short option" ends_with 2 -x
check "unknown short option: message" said "'-x' is no option here"
check "coverage of one id" ends_with 2 --coverage 3.1.2-24
check "coverage with list" ends_with 2 --coverage --list

finish
