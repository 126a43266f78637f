#!/bin/sh
# usage: campaign.sh MQSPEC
#
# mqspec fuzz against real processes: brokers that keep the standard, break one rule, crash, hang or grow. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=$1
case $mqspec in /*) ;; *) mqspec=$PWD/$mqspec ;; esac
require campaigns python3

# ---- The command line -------------------------------------------------------------------------------------------

exits() { # status, arguments
    expected=$1
    shift
    timeout 60 "$mqspec" fuzz "$@" >"$work/out" 2>"$work/err"
    [ $? -eq "$expected" ]
}
says() { grep -q -e "$1" "$work/out" "$work/err"; }
refuses() { # what is said, arguments
    said=$1
    shift
    exits 2 "$@" && says "$said"
}
check 'help' exits 0 --help
check 'help tells the options' says '--repro DIR'
check 'no broker' refuses 'needs a broker'
check 'two brokers' refuses 'needs a broker' --target localhost --run 'x {port}'
check 'a command without {port}' refuses '{port} in it' --run true
check 'no time' refuses '30m, 8h' --target localhost --time fast
check 'no number' refuses 'from 1 to 256' --target localhost --at-once 0
check 'an unknown option' refuses 'tells the options' --target localhost --fast
check 'an argument too many' refuses 'options only' --target localhost here
unreachable() { exits 3 "$@" && says "$said"; }
said='ended before it could be tested'
check 'a command that ends at once' unreachable --run 'exit 4; {port}'
said='line 2 is no step'
mkdir "$work/spoiled"
printf '0 open\n0 jump\n' >"$work/spoiled/plan.txt"
check 'a plan that is none' unreachable --repro "$work/spoiled" --target localhost

# ---- A broker that keeps the standard -----------------------------------------------------------------------------

clean() {
    exits 0 --run "$mqspec broker -p {port}" --time 4 --seed 7 --out "$work/clean" --strict && says '^0 findings'
}
check 'nothing is found where nothing is wrong' clean
check 'with a plot of progress' says 'shapes of answers seen'
check 'and what was done' says ' conversations in '
two_jobs() { exits 0 --run "$mqspec broker -p {port}" --time 2 --seed 8 --out "$work/clean" --jobs 2 --json; }
check 'two jobs' two_jobs
is_json() {
    python3 -c 'import json, sys
result = json.load(sys.stdin)
assert result["conversations"] > 100 and not result["findings"]' <"$work/out"
}
check 'tell one result, as JSON' is_json

# ---- Brokers that break one rule ------------------------------------------------------------------------------------

finds() { # statement, further arguments
    statement=$1
    shift
    exits 1 --run "$mqspec broker -p {port} --deviate $statement" --time 20 --findings 1 --breaches-only --seed 1 \
        --out "$work/found" "$@" && says "^breach of $statement"
}
for statement in MQTT311:3.12.4-1 MQTT311:3.3.1-5 MQTT311:3.8.4-2 MQTT5:3.3.2-18 MQTT5:3.1.4-4; do
    check "the breach of $statement is found and named" finds "$statement" --no-shrink
done
check 'one is cut down' finds MQTT311:3.1.2-8

# ---- What is kept of a finding --------------------------------------------------------------------------------------

found=$work/found/breach-MQTT311_3.1.2-8
small() { [ "$(wc -l <"$found/plan.txt")" -le 8 ]; }
check 'a finding is cut down' small
check 'it is summed up' grep -q 'statement MQTT311:3.1.2-8: ' "$found/finding.txt"
check 'it is drawn' grep -q '> CONNECT .*will_topic=' "$found/diagram.txt"
reads_capture() { "$mqspec" decode "$found/capture.pcap" >"$work/out" 2>&1 && says 'CONNECT .*will_topic'; }
check 'its capture can be read' reads_capture
repeats() { # status, deviation
    exits "$1" --repro "$found" --run "$mqspec broker -p {port} $2"
}
check 'it can be repeated' repeats 1 '--deviate MQTT311:3.1.2-8'
check 'and does not show where it is mended' repeats 0 ''

# The scenario is compiled into a suite of its own: the broker that keeps the standard passes it.
is_a_scenario() {
    {
        echo '#include "conformance/scenarios/shorthand.h"'
        echo 'static const struct scenario scenarios[] = {'
        cat "$found/scenario.c"
        echo '};'
        echo 'int main(void) { return scenarios[0].step_count > 3 ? 0 : 1; }'
    } >"$work/scenario.c"
    "${CC:-cc}" -std=c11 -Wno-override-init -I"$top" -I"$2" -o "$work/scenario" "$work/scenario.c" >"$work/out" 2>&1 &&
        "$work/scenario"
}
check 'its scenario compiles' is_a_scenario . "$2"

# ---- Brokers that fail ----------------------------------------------------------------------------------------------

# ends, stops or goes on after some time, as nothing does on demand.
cat >"$work/failing.sh" <<'END'
"$1" broker -p "$2" &
sleep 2
case $3 in
crash) kill -SEGV $!; wait $!; exit 134 ;;
hang) kill -STOP $!; sleep 60 ;;
esac
END
fails() { # how, finding
    exits 1 --run "sh $work/failing.sh $mqspec {port} $1" --time 20 --findings 1 --no-shrink --out "$work/$1" &&
        says "^$1"
}
check 'a crash is found' fails crash
check 'and how it ended is told' says 'ended with exit status 134'
check 'a hang is found' fails hang
grows() { exits 1 --run "$mqspec broker -p {port}" --time 20 --findings 1 --memory-limit 1 --out "$work/memory"; }
check 'memory that grows is found' grows
check 'and how much it is' says 'it holds [0-9]* MiB'

# ---- Seeds from a capture -------------------------------------------------------------------------------------------

from_capture() {
    exits 0 --run "$mqspec broker -p {port}" --count 500 --strict --out "$work/clean" \
        --capture "$top/pcaps/mosquitto-clients.pcap"
}
check 'a capture gives conversations to begin with' from_capture
finish
