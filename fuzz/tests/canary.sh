#!/bin/sh
# usage: canary.sh MQSPEC BUILD
#
# The fuzz target as a process: it ends quietly on what is right, and dies with the statement's name on a broker that
# is known to be wrong. And corpus/ holds the seeds as fuzz/seeds.c writes them. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"
build=${2:?usage: canary.sh MQSPEC BUILD}
ulimit -c 0

for folder in corpus/*; do
    target=${folder#corpus/}
    "$build/fuzz/replay_$target" "$folder"/* >"$work/out" 2>"$work/err"
    tell $? "the target $target holds on the whole corpus"
done
"$build/fuzz/replay_broker" -n 10 corpus/broker/* >"$work/out" 2>"$work/err" && grep -q 'a second' "$work/out"
tell $? "executions a second are measured"

dies() { # statement switched off, statement told, input
    (MQSPEC_CANARY=$1 "$build/fuzz/canary" "corpus/broker/$3" >"$work/out" 2>"$work/err")
    [ $? -gt 127 ] && grep -q "^mqspec fuzz: the Server broke $2: " "$work/err"
    tell $? "a broker that breaks $1 dies on $3"
}
dies MQTT311:3.8.4-2 MQTT311:3.8.4-2 qos0 2>/dev/null
dies MQTT311:3.3.1-1 MQTT311:3.3.1-1 resent-on-reconnect 2>/dev/null
dies MQTT311:3.2.2-2 MQTT311:3.2.2-2 queued-while-away 2>/dev/null

(MQSPEC_CANARY=MQTT311:1.1.1-1 "$build/fuzz/canary" corpus/broker/qos0 >"$work/out" 2>"$work/err")
[ $? -eq 2 ]
tell $? "an unknown canary is refused"
(unset MQSPEC_CANARY && "$build/fuzz/canary" corpus/broker/qos0 >"$work/out" 2>"$work/err")
[ $? -eq 2 ]
tell $? "no canary is refused"
"$build/fuzz/replay_broker" "$work/nothing" >"$work/out" 2>"$work/err"
[ $? -eq 2 ]
tell $? "an input that is not there"

for folder in corpus/*; do
    mkdir "$work/${folder#corpus/}"
done
"$build/fuzz/seeds" "$work" >"$work/out" 2>"$work/err"
tell $? "the seeds are written"
status=0
for seed in "$work"/*/*; do
    cmp "$seed" "corpus/${seed#"$work"/}" >>"$work/err" 2>&1 || status=1
done
tell $status "corpus/ holds the seeds as they are written; else: make seeds"

finish
