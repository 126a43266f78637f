#!/bin/sh
# What `mqspec test` says and returns when things are wrong, and that nothing of it takes long: test_cli.sh MQSPEC.
# Prints TAP. Run it from the top of the repository.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=$1
wrong=$work/wrong_target
${CC:-cc} -o "$wrong" conformance/tests/wrong_target.c || exit 1

is_gone() { # process
    ! kill -0 "$1" 2>/dev/null
}

# ---- Usage ----------------------------------------------------------------------------------------------------

runs "help" 0 "usage: mqspec test" "$mqspec" test --help
runs "unknown option" 2 "there is no option '--bogus'" "$mqspec" test --bogus
runs "unknown letter" 2 "there is no option '-x'" "$mqspec" test -vx
runs "option without its value" 2 "option '--target' needs a value" "$mqspec" test --target
runs "bad version" 2 "'4.0' is no version of MQTT" "$mqspec" test -V 4.0
runs "bad timeout" 2 "'soon' is no timeout" "$mqspec" test --timeout soon
runs "timeout of nothing" 2 "'0' is no timeout" "$mqspec" test --timeout 0
runs "user without its value" 2 "option '--user' needs a value" "$mqspec" test --user
runs "bad seed" 2 "'-1' is no seed" "$mqspec" test --seed -1
runs "target and run" 2 "exclude each other" "$mqspec" test --target a:1 --run b
runs "target without a port number" 2 "the port is not a number" "$mqspec" test --target localhost:mqtt
runs "IPv6 without brackets" 2 "in brackets" "$mqspec" test --target ::1:1883
runs "unknown deviation" 2 "names no statement" "$mqspec" test --deviate 9.9.9-9
runs "pattern that fits nothing" 2 "no scenario fits" "$mqspec" test 'no_such_*'
runs "file that cannot be written" 2 "cannot write '$work/no/such.json'" \
    "$mqspec" test --virtual --json "$work/no/such.json"
runs "list of expected failures that is not there" 2 "cannot read '$work/none'" \
    "$mqspec" test --virtual --expected-failures "$work/none"
echo "no_such_scenario 3.1.1" >"$work/expected"
runs "list of expected failures with an unknown name" 2 "expected:1: there is no scenario 'no_such_scenario'" \
    "$mqspec" test --virtual --expected-failures "$work/expected"

# ---- What is played ---------------------------------------------------------------------------------------------

runs "list" 0 "MQTT311:3.1.2-24" "$mqspec" test --list
name=$("$mqspec" test --list | head -n 1 | cut -f 1)
"$mqspec" test --list "$name" | cut -f 1 >"$work/out" 2>"$work/err"
check "pattern that is a name" test "$(cat "$work/out")" = "$name"
"$mqspec" test --list '3.1.2-24' >"$work/out" 2>"$work/err"
[ -s "$work/out" ] && ! grep -qv '3\.1\.2-24' "$work/out"
tell $? "pattern that is a statement"
runs "built-in broker in virtual time" 0 "" "$mqspec" test --virtual
runs "built-in broker over TCP" 0 "" "$mqspec" test "$name"
runs "built-in broker that deviates" 1 "" "$mqspec" test --virtual --deviate 3.1.2-24
runs "built-in broker in 5.0" 0 " 0 fail" "$mqspec" test --virtual -V 5.0
runs "TAP" 0 "TAP version 13" "$mqspec" test --virtual --tap "$name"
echo "$name # passes" >"$work/expected"
runs "expected failure that passes" 0 "'$name' was expected to fail and did not" \
    "$mqspec" test --virtual --expected-failures "$work/expected" "$name"
"$mqspec" test --virtual --deviate 3.1.2-24 --json "$work/json" >"$work/out" 2>"$work/err"
if command -v python3 >/dev/null; then
    python3 -m json.tool "$work/json" >"$work/out" 2>"$work/err"
    tell $? "JSON parses"
    python3 -c 'import json, sys
for result in json.load(open(sys.argv[1]))["results"]:
    if result["verdict"] == "fail":
        print(result["scenario"], result["version"])' "$work/json" >"$work/expected"
    runs "expected failures that fail" 0 "" \
        "$mqspec" test --virtual --deviate 3.1.2-24 --expected-failures "$work/expected"
fi
runs "capture" 0 "" "$mqspec" test --virtual --pcap "$work/pcap" "$name"
check "capture holds something" test "$(wc -c <"$work/pcap")" -gt 100

# ---- Targets that are wrong -------------------------------------------------------------------------------------

runs "nothing listens" 3 "nothing listens there" "$mqspec" test --target 127.0.0.1:1
runs "unknown host" 3 "nowhere.invalid" "$mqspec" test --target nowhere.invalid:1883
runs "target is silent" 3 "does not answer CONNECT in time" \
    "$mqspec" test --timeout 0.5 --run "$wrong silent {port}"
runs "target closes at once" 3 "closes it without answering" "$mqspec" test --run "$wrong closing {port}"
runs "target speaks something else" 3 "not MQTT" "$mqspec" test --run "$wrong garbage {port}"
runs "target wants a password" 3 "without user name and password" "$mqspec" test --run "$wrong refusing {port} 5"
runs "target refuses the version" 3 "does not support this version" \
    "$mqspec" test -V 3.1.1 --run "$wrong refusing {port} 1"
runs "target refuses 5.0 with its Reason Code" 3 "does not support this version" \
    "$mqspec" test -V 5.0 --run "$wrong refusing {port} 132"
runs "target wants a password in 5.0" 3 "without user name and password" \
    "$mqspec" test -V 5.0 --run "$wrong refusing {port} 135"
runs "target does not know 5.0: its scenarios are skipped" 0 "2 pass, 0 fail, 0 warn, 1 skip" \
    "$mqspec" test --run "$wrong old {port}" connect_is_accepted
runs "and it is said why" 0 "the target does not accept this version of MQTT" \
    "$mqspec" test --run "$wrong old {port}" connect_is_accepted
runs "target is asked for nothing but 5.0 and does not know it" 3 "does not support this version" \
    "$mqspec" test -V 5.0 --run "$wrong old {port}" connect_is_accepted
runs "target dies at the start" 3 "exit status 7" "$mqspec" test --run "$wrong dying {port} 1"
runs "target dies in the middle" 1 "giving up at connection 10" \
    "$mqspec" test --timeout 0.5 --at-once 4 --run "$wrong dying {port} 10" "qos*"
runs "target cannot be started" 3 "exit status 127" "$mqspec" test --run "$work/no_such_program {port}"

"$wrong" dying 0 10 >"$work/port" 2>/dev/null &
await test -s "$work/port"
runs "target that runs already dies in the middle" 1 "stopped accepting connections" \
    "$mqspec" test --timeout 0.5 --at-once 4 --target "127.0.0.1:$(cat "$work/port")" "qos*"

# ---- Nothing is left behind --------------------------------------------------------------------------------------

for signal in TERM KILL; do
    rm -f "$work/pid"
    "$mqspec" test --timeout 30 --run "echo \$\$ > $work/pid; exec $wrong stubborn {port}" >"$work/out" 2>"$work/err" &
    tester=$!
    await test -s "$work/pid"
    kill -"$signal" "$tester"
    check "the target ends when the tester is ended by SIG$signal" await is_gone "$(cat "$work/pid")"
done
rm -f "$work/pid"
runs "a target that does not end on SIGTERM" 3 "does not answer" \
    "$mqspec" test --timeout 0.2 --run "echo \$\$ > $work/pid; $wrong stubborn {port}; true"
check "is ended by force" await is_gone "$(cat "$work/pid")"

# ---- A real broker ------------------------------------------------------------------------------------------------

if command -v mosquitto >/dev/null; then
    runs "mosquitto is started and ended" 0 "" "$mqspec" test --run 'mosquitto -p {port}' "$name"
fi

finish
