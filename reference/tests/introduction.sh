#!/bin/sh
# usage: introduction.sh MQSPEC [BUILD_DIRECTORY]
#
# What an introduction to MQTT with Node.js shows works against the broker command: introduction.js says what. TAP. npm
# installs MQTT.js below BUILD_DIRECTORY (build); where npm, node or the network is missing, all is skipped and says
# why.
set -u

mqspec=${1:?usage: introduction.sh MQSPEC [BUILD_DIRECTORY]}
directory=${2:-build}/mqttjs
script=$(cd "$(dirname "$0")" && pwd)/introduction.js
work=$(mktemp -d) || exit 1
broker_pid=

trap '[ -n "$broker_pid" ] && kill "$broker_pid" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

skip() { # reason
    echo "ok 1 - an introduction with MQTT.js # SKIP $1"
    echo '1..1'
    exit 0
}

give_up() { # what failed; what it said is in $work/log
    echo "Bail out! $1"
    sed 's/^/# /' "$work/log"
    exit 1
}

command -v node >/dev/null || skip 'node is not installed'
command -v npm >/dev/null || skip 'npm is not installed'
command -v mosquitto_passwd >/dev/null || skip 'mosquitto_passwd is not installed'
mkdir -p "$directory"
if [ ! -d "$directory/node_modules/mqtt" ]; then
    timeout 120 npm install --prefix "$directory" --no-audit --no-fund --silent mqtt@5 >"$work/npm" 2>&1 ||
        skip "npm cannot install mqtt: $(head -n 1 "$work/npm")"
fi

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$work/key.pem" -out "$work/certificate.pem" >"$work/log" 2>&1 || give_up 'openssl makes no certificate'
: >"$work/passwords"
mosquitto_passwd -b "$work/passwords" alice secret
printf 'user alice\ntopic deny secret/#\ntopic #\n' >"$work/acl"

"$mqspec" broker --port 0 --listen mqtts://localhost:0 --cert "$work/certificate.pem" --key "$work/key.pem" \
    --port-file "$work/port" --password-file "$work/passwords" --acl-file "$work/acl" -v -v 2>"$work/log" &
broker_pid=$!
tries=200
until [ -s "$work/port" ]; do
    tries=$((tries - 1))
    if [ $tries -eq 0 ] || ! kill -0 "$broker_pid" 2>/dev/null; then
        give_up 'the broker does not start'
    fi
    sleep 0.05
done
tls_port=$(sed -n 's/^mqtts //p' "$work/port" | head -n 1)
NODE_PATH=$(cd "$directory" && pwd)/node_modules timeout 60 node "$script" "$(head -n 1 "$work/port")" "$tls_port" \
    "$work/certificate.pem" "$work/log"
