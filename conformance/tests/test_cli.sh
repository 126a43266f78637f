#!/bin/sh
# What `mqspec test` says and returns when things are wrong, and that nothing of it takes long: test_cli.sh MQSPEC.
# Prints TAP. Run it from the top of the repository.
set -u

mqspec=$1
work=$(mktemp -d)
wrong=$work/wrong_target
tests=0
failed=0
background=

cleanup() {
    for pid in $background; do
        kill -9 "$pid" 2>/dev/null
    done
    rm -rf "$work"
}
trap cleanup EXIT

${CC:-cc} -o "$wrong" conformance/tests/wrong_target.c || exit 1

# verdict NAME OK: one line of TAP; what the last command wrote follows a failure.
verdict() {
    tests=$((tests + 1))
    if [ "$2" -eq 0 ]; then
        echo "ok $tests - $1"
    else
        failed=$((failed + 1))
        echo "not ok $tests - $1"
        sed 's/^/# /' "$work/out" "$work/err" 2>/dev/null
    fi
}

# check NAME STATUS TEXT COMMAND...: runs the command for at most 30 seconds; its status must be STATUS and TEXT must
# be in what it writes.
check() {
    what=$1
    status=$2
    text=$3
    shift 3
    timeout 30 "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    echo "exit status $got" >>"$work/err"
    [ "$got" -eq "$status" ] && cat "$work/out" "$work/err" | grep -qF -- "$text"
    verdict "$what" $?
}

# gone PID: waits until the process has ended, for at most five seconds.
gone() {
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.2
    done
    return 1
}

# written FILE: waits until the file holds something, for at most five seconds.
written() {
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
        [ -s "$1" ] && return 0
        sleep 0.2
    done
    return 1
}

# ---- Usage ----------------------------------------------------------------------------------------------------

check "help" 0 "usage: mqspec test" "$mqspec" test --help
check "unknown option" 2 "there is no option '--bogus'" "$mqspec" test --bogus
check "unknown letter" 2 "there is no option '-x'" "$mqspec" test -vx
check "option without its value" 2 "option '--target' needs a value" "$mqspec" test --target
check "bad version" 2 "'4.0' is no version of MQTT" "$mqspec" test -V 4.0
check "bad timeout" 2 "'soon' is no timeout" "$mqspec" test --timeout soon
check "timeout of nothing" 2 "'0' is no timeout" "$mqspec" test --timeout 0
check "user without its value" 2 "option '--user' needs a value" "$mqspec" test --user
check "bad seed" 2 "'-1' is no seed" "$mqspec" test --seed -1
check "target and run" 2 "exclude each other" "$mqspec" test --target a:1 --run b
check "target without a port number" 2 "the port is not a number" "$mqspec" test --target localhost:mqtt
check "IPv6 without brackets" 2 "in brackets" "$mqspec" test --target ::1:1883
check "unknown deviation" 2 "names no statement" "$mqspec" test --deviate 9.9.9-9
check "pattern that fits nothing" 2 "no scenario fits" "$mqspec" test 'no_such_*'
check "file that cannot be written" 2 "cannot write '$work/no/such.json'" \
    "$mqspec" test --virtual --json "$work/no/such.json"
check "list of expected failures that is not there" 2 "cannot read '$work/none'" \
    "$mqspec" test --virtual --expected-failures "$work/none"
echo "no_such_scenario 3.1.1" >"$work/expected"
check "list of expected failures with an unknown name" 2 "expected:1: there is no scenario 'no_such_scenario'" \
    "$mqspec" test --virtual --expected-failures "$work/expected"

# ---- What is played ---------------------------------------------------------------------------------------------

check "list" 0 "MQTT311:3.1.2-24" "$mqspec" test --list
name=$("$mqspec" test --list | head -n 1 | cut -f 1)
"$mqspec" test --list "$name" | cut -f 1 >"$work/out" 2>"$work/err"
[ "$(cat "$work/out")" = "$name" ]
verdict "pattern that is a name" $?
"$mqspec" test --list '3.1.2-24' >"$work/out" 2>"$work/err"
[ -s "$work/out" ] && ! grep -qv '3\.1\.2-24' "$work/out"
verdict "pattern that is a statement" $?
check "built-in broker in virtual time" 0 "" "$mqspec" test --virtual
check "built-in broker over TCP" 0 "" "$mqspec" test "$name"
check "built-in broker that deviates" 1 "" "$mqspec" test --virtual --deviate 3.1.2-24
check "built-in broker in 5.0" 0 " 0 fail" "$mqspec" test --virtual -V 5.0
check "TAP" 0 "TAP version 13" "$mqspec" test --virtual --tap "$name"
echo "$name # passes" >"$work/expected"
check "expected failure that passes" 0 "'$name' was expected to fail and did not" \
    "$mqspec" test --virtual --expected-failures "$work/expected" "$name"
"$mqspec" test --virtual --deviate 3.1.2-24 --json "$work/json" >"$work/out" 2>"$work/err"
if command -v python3 >/dev/null; then
    python3 -m json.tool "$work/json" >"$work/out" 2>"$work/err"
    verdict "JSON parses" $?
    python3 -c 'import json, sys
for result in json.load(open(sys.argv[1]))["results"]:
    if result["verdict"] == "fail":
        print(result["scenario"], result["version"])' "$work/json" >"$work/expected"
    check "expected failures that fail" 0 "" \
        "$mqspec" test --virtual --deviate 3.1.2-24 --expected-failures "$work/expected"
fi
check "capture" 0 "" "$mqspec" test --virtual --pcap "$work/pcap" "$name"
[ "$(wc -c <"$work/pcap")" -gt 100 ]
verdict "capture holds something" $?

# ---- Targets that are wrong -------------------------------------------------------------------------------------

check "nothing listens" 3 "nothing listens there" "$mqspec" test --target 127.0.0.1:1
check "unknown host" 3 "nowhere.invalid" "$mqspec" test --target nowhere.invalid:1883
check "target is silent" 3 "does not answer CONNECT in time" \
    "$mqspec" test --timeout 0.5 --run "$wrong silent {port}"
check "target closes at once" 3 "closes it without answering" "$mqspec" test --run "$wrong closing {port}"
check "target speaks something else" 3 "not MQTT" "$mqspec" test --run "$wrong garbage {port}"
check "target wants a password" 3 "without user name and password" "$mqspec" test --run "$wrong refusing {port} 5"
check "target refuses the version" 3 "does not support this version" \
    "$mqspec" test -V 3.1.1 --run "$wrong refusing {port} 1"
check "target refuses 5.0 with its Reason Code" 3 "does not support this version" \
    "$mqspec" test -V 5.0 --run "$wrong refusing {port} 132"
check "target wants a password in 5.0" 3 "without user name and password" \
    "$mqspec" test -V 5.0 --run "$wrong refusing {port} 135"
check "target does not know 5.0: its scenarios are skipped" 0 "2 pass, 0 fail, 0 warn, 1 skip" \
    "$mqspec" test --run "$wrong old {port}" connect_is_accepted
check "and it is said why" 0 "the target does not accept this version of MQTT" \
    "$mqspec" test --run "$wrong old {port}" connect_is_accepted
check "target is asked for nothing but 5.0 and does not know it" 3 "does not support this version" \
    "$mqspec" test -V 5.0 --run "$wrong old {port}" connect_is_accepted
check "target dies at the start" 3 "exit status 7" "$mqspec" test --run "$wrong dying {port} 1"
check "target dies in the middle" 1 "giving up at connection 10" \
    "$mqspec" test --timeout 0.5 --at-once 4 --run "$wrong dying {port} 10" "qos*"
check "target cannot be started" 3 "exit status 127" "$mqspec" test --run "$work/no_such_program {port}"

"$wrong" dying 0 10 >"$work/port" 2>/dev/null &
background="$background $!"
written "$work/port"
check "target that runs already dies in the middle" 1 "stopped accepting connections" \
    "$mqspec" test --timeout 0.5 --at-once 4 --target "127.0.0.1:$(cat "$work/port")" "qos*"

# ---- Nothing is left behind --------------------------------------------------------------------------------------

for signal in TERM KILL; do
    rm -f "$work/pid"
    "$mqspec" test --timeout 30 --run "echo \$\$ > $work/pid; exec $wrong stubborn {port}" >"$work/out" 2>"$work/err" &
    tester=$!
    background="$background $tester"
    written "$work/pid"
    kill -"$signal" "$tester"
    gone "$(cat "$work/pid")"
    verdict "the target ends when the tester is ended by SIG$signal" $?
done
rm -f "$work/pid"
check "a target that does not end on SIGTERM" 3 "does not answer" \
    "$mqspec" test --timeout 0.2 --run "echo \$\$ > $work/pid; $wrong stubborn {port}; true"
gone "$(cat "$work/pid")"
verdict "is ended by force" $?

# ---- A real broker ------------------------------------------------------------------------------------------------

if command -v mosquitto >/dev/null; then
    check "mosquitto is started and ended" 0 "" "$mqspec" test --run 'mosquitto -p {port}' "$name"
fi

echo "1..$tests"
[ "$failed" -eq 0 ]
