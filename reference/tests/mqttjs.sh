#!/bin/sh
# usage: mqttjs.sh MQSPEC [BUILD_DIRECTORY]
#
# MQTT.js from npm talks to the broker command. TAP. npm installs it below BUILD_DIRECTORY (build); where npm, node
# or the network is missing, all is skipped and says why.
set -u

mqspec=${1:?usage: mqttjs.sh MQSPEC [BUILD_DIRECTORY]}
directory=${2:-build}/mqttjs
script=$(cd "$(dirname "$0")" && pwd)/mqttjs.js
work=$(mktemp -d) || exit 1
broker_pid=

trap '[ -n "$broker_pid" ] && kill "$broker_pid" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

skip() { # reason
    echo "ok 1 - MQTT.js # SKIP $1"
    echo '1..1'
    exit 0
}

command -v node >/dev/null || skip 'node is not installed'
command -v npm >/dev/null || skip 'npm is not installed'
mkdir -p "$directory"
if [ ! -d "$directory/node_modules/mqtt" ]; then
    timeout 120 npm install --prefix "$directory" --no-audit --no-fund --silent mqtt@5 >"$work/npm" 2>&1 ||
        skip "npm cannot install mqtt: $(head -n 1 "$work/npm")"
fi

"$mqspec" broker --bind 127.0.0.1 --port 0 --port-file "$work/port" 2>"$work/log" &
broker_pid=$!
tries=200
until [ -s "$work/port" ]; do
    tries=$((tries - 1))
    if [ $tries -eq 0 ] || ! kill -0 "$broker_pid" 2>/dev/null; then
        echo 'Bail out! the broker does not start'
        sed 's/^/# /' "$work/log"
        exit 1
    fi
    sleep 0.05
done
NODE_PATH=$(cd "$directory" && pwd)/node_modules timeout 60 node "$script" "$(cat "$work/port")"
