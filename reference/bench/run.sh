#!/bin/sh
# usage: run.sh BUILD_DIRECTORY
#
# Puts the same load on each broker found (mqspec's and, if installed, mosquitto) and prints what a delivered message
# costs in the broker's CPU time. BENCH_SECONDS (3) is the time of publishing for each line.
set -u

build=${1:?usage: run.sh BUILD_DIRECTORY}
seconds=${BENCH_SECONDS:-3}
load=$build/reference/bench/load
work=$(mktemp -d) || exit 1
broker_pid=

stop_broker() {
    [ -z "$broker_pid" ] && return
    kill "$broker_pid" 2>/dev/null
    wait "$broker_pid" 2>/dev/null
    broker_pid=
}

trap 'stop_broker; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# ---- Brokers: each start_NAME sets broker_pid and port, or fails -------------------------------------------------

# Waits for at most 10 seconds until `command` is true or the broker has ended.
await_broker() {
    tries=100
    until "$@" 2>/dev/null; do
        tries=$((tries - 1))
        kill -0 "$broker_pid" 2>/dev/null && [ $tries -gt 0 ] || return 1
        sleep 0.1
    done
}

start_mqspec() {
    rm -f "$work/port"
    "$build/mqspec" broker --bind 127.0.0.1 --port 0 --port-file "$work/port" --max-in-flight 100 \
        --max-queued 100000 --max-output 67108864 2>"$work/mqspec.log" &
    broker_pid=$!
    await_broker test -s "$work/port" || return 1
    port=$(cat "$work/port")
}

start_mosquitto() {
    tries_left=20
    port=$((20000 + $$ % 10000))
    while [ $tries_left -gt 0 ]; do
        tries_left=$((tries_left - 1))
        port=$((port + 1))
        cat >"$work/mosquitto.conf" <<END
listener $port 127.0.0.1
allow_anonymous true
persistence false
log_dest none
max_inflight_messages 100
max_queued_messages 0
END
        mosquitto -c "$work/mosquitto.conf" 2>"$work/mosquitto.log" &
        broker_pid=$!
        # One message through it shows that it serves. If the port was another's, mosquitto has ended by then.
        await_broker "$load" -n 1 "$port" >/dev/null && kill -0 "$broker_pid" 2>/dev/null && return
        stop_broker
    done
    return 1
}

# ---- Loads: name, then what load takes --------------------------------------------------------------------------

loads='1 publisher to 50 subscribers, QoS 0|-P 1 -S 50 -q 0 -w 500
20 pairs, QoS 0|-P 20 -S 1 -q 0 -w 500
10 pairs, QoS 1|-P 10 -S 1 -q 1 -w 100
10 pairs, QoS 2|-P 10 -S 1 -q 2 -w 100
1 publisher to 50 subscribers, QoS 0, MQTT 5.0|-V 5 -P 1 -S 50 -q 0 -w 500
10 pairs, QoS 1, MQTT 5.0|-V 5 -P 10 -S 1 -q 1 -w 100'

# Appends a line to the results: load, broker, published, delivered, wall seconds, CPU seconds.
measure() { # broker, name of the load, options of load
    # shellcheck disable=SC2086 # the options are several words
    result=$("$load" $3 -s 64 -t "$seconds" -b "$broker_pid" "$port") || {
        echo "bench: $1 did not stand the load '$2'" >&2
        return 1
    }
    printf '%s|%s|%s\n' "$2" "$1" "$(echo "$result" | tr ' ' '|')" >>"$work/results"
}

PATH=$PATH:/usr/sbin:/usr/local/sbin
brokers=mqspec
if command -v mosquitto >/dev/null; then
    brokers='mqspec mosquitto'
    mosquitto -h | head -n 1
else
    echo "bench: mosquitto is not installed, so there is nothing to compare with" >&2
fi

failed=0
: >"$work/results"
echo "$loads" >"$work/loads"
while IFS='|' read -r name options; do
    for broker in $brokers; do
        if ! "start_$broker"; then
            echo "bench: $broker does not start" >&2
            cat "$work/$broker.log" >&2
            exit 1
        fi
        measure "$broker" "$name" "$options" || failed=1
        stop_broker
    done
done <"$work/loads"

awk -F'|' '
    BEGIN { format = "%-11s %10s %8s %8s %14s %18s\n" }
    $1 != load {
        load = $1
        printf "\n%s\n", load
        printf "  " format, "broker", "delivered", "wall s", "CPU s", "CPU us/message", "messages/CPU second"
        own = 0
    }
    {
        cpu = $6 > 0 ? $6 : 0.01 # less than one tick of the clock
        rate = $4 / cpu
        printf "  " format, $2, $4, $5, $6, sprintf("%.3f", cpu * 1e6 / $4), sprintf("%.0f", rate)
        if ($2 == "mqspec")
            own = rate
        else if (own > 0)
            printf "  mqspec delivers %.2f times as many messages in a CPU second as %s\n", own / rate, $2
    }' "$work/results"
exit $failed
