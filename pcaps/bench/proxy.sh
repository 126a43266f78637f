#!/bin/sh
# usage: proxy.sh MQSPEC BUILD_DIRECTORY [ROUNDS]
#
# What `mqspec proxy` adds to the time in which a broker answers, with what it can be asked to do beside. Status 1 where
# it adds 100 microseconds or more.
set -u
mqspec=$1
latency=$2/pcaps/bench/latency
rounds=${3:-20000}
work=$(mktemp -d) || exit 2
broker= proxy=
clean_up() {
    for process in $proxy $broker; do kill "$process" 2>/dev/null; done
    rm -rf "$work"
}
trap clean_up EXIT

await_port() { # file
    tries=200
    until [ -s "$1" ]; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.05
    done
}
fail() {
    cat "$work/err" >&2
    exit 2
}

"$mqspec" broker --port 0 --port-file "$work/broker" 2>"$work/err" &
broker=$!
await_port "$work/broker" || fail
port=$(head -n 1 "$work/broker")
status=0
measure() { # name, further arguments of the proxy
    name=$1
    shift
    rm -f "$work/proxy"
    "$mqspec" proxy --listen 0 --target "127.0.0.1:$port" --port-file "$work/proxy" "$@" >"$work/out" 2>"$work/err" &
    proxy=$!
    await_port "$work/proxy" || fail
    "$latency" "$name" "$port" "$(cat "$work/proxy")" "$rounds" || status=$?
    kill "$proxy"
    wait "$proxy" || status=2
}
measure 'packets shown'
measure 'breaches alone' --quiet
measure 'JSON and a capture' --json --pcap "$work/bench.pcap"
measure 'with a fault that is not made' --fault 'drop AUTH'
exit $status
