#!/bin/sh
# usage: replay.sh MQSPEC BUILD_DIRECTORY
#
# Captures of much traffic, played again against the broker that they were made with. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=$1
traffic=${2:?usage: replay.sh MQSPEC BUILD_DIRECTORY}/pcaps/bench/traffic

# ---- The suite -------------------------------------------------------------------------------------------------------

plays_suite() { # version
    "$mqspec" test --target "localhost:$port" -V "$1" --pcap "$work/suite.pcap" >"$work/out" 2>"$work/err"
}
# With the pauses of the capture, for what expires and what is kept alive.
is_answered_as_recorded() { # further arguments
    timeout 120 "$mqspec" replay "$work/suite.pcap" --target "localhost:$port" "$@" >"$work/out" 2>"$work/err" &&
        grep -q 'answered as recorded' "$work/out"
}

# Where the machine stands still for half a second, what expires after one is gone in one run and not in the other: then
# the capture is made and played anew, twice at most.
try_suite() { # version
    start_broker && plays_suite "$1" && stop_broker && start_broker && is_answered_as_recorded
    tried=$?
    stop_broker
    return $tried
}
replays_suite() { # version
    for try in 1 2 3; do
        try_suite "$1" && return
        cp "$work/out" "$work/try-$try"
    done
    evidence='try-1 try-2 try-3'
    return 1
}

for version in 3.1.1 5.0; do
    check "a broker answers the suite of $version as recorded" replays_suite "$version"
done

# ---- QoS 2 -----------------------------------------------------------------------------------------------------------

makes_traffic() { "$traffic" "$work/suite.pcap" 1 2 2>"$work/err"; }
check 'a hundred publishers and subscribers at QoS 2 are captured' makes_traffic
check 'a broker starts' start_broker -vv
check 'it answers them as recorded, in no time' is_answered_as_recorded --speed max
waits_for_nothing() { # as many of each packet of the exchange as of the first
    tr -d '\000' <"$work/log" | awk '
        / > PUBLISH qos=2/ { out["PUBLISH"]++ } / < PUBREC/ { out["PUBREC"]++ } / > PUBREL/ { out["PUBREL"]++ }
        / < PUBCOMP/ { out["PUBCOMP"]++ } / < PUBLISH qos=2/ { received++ } / > PUBCOMP/ { completed++ }
        END {
            for (type in out) print type, out[type]
            print "received", received, "completed", completed
            exit out["PUBLISH"] == 0 || out["PUBREC"] != out["PUBLISH"] || out["PUBREL"] != out["PUBLISH"] ||
                out["PUBCOMP"] != out["PUBLISH"] || completed != received
        }' >"$work/out"
}
check 'nothing is outstanding in the end' waits_for_nothing
check 'the broker stops' stop_broker

# ---- Over TLS and WebSocket ------------------------------------------------------------------------------------------

here=$(dirname "$0")/..
has_certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout "$work/key.pem" -out "$work/certificate.pem" 2>"$work/err"
}
listens() { # scheme
    case $1 in
    mqtts | wss) start_broker_at "$1" --cert "$work/certificate.pem" --key "$work/key.pem" ;;
    *) start_broker_at "$1" ;;
    esac
}
start_broker_at() { # scheme, further arguments
    rm -f "$work/port"
    scheme=$1
    shift
    "$mqspec" broker --listen "$scheme://localhost:0" --port-file "$work/port" "$@" 2>"$work/log" &
    broker_pid=$!
    await test -s "$work/port" && port=$(head -n 1 "$work/port")
}
plays_at() { # scheme, further arguments
    place="$1://localhost:$port"
    shift
    timeout 60 "$mqspec" replay "$here/mqtt-js-5.0.pcap" --target "$place" --speed max "$@" >"$work/out" 2>"$work/err"
}
answers_as_recorded_at() { plays_at "$@" && grep -q 'answered as recorded' "$work/out"; }
is_not_reached_at() { # what is said, scheme, further arguments
    said=$1
    shift
    plays_at "$@"
    [ $? -eq 3 ] && grep -q "cannot be reached: .*$said" "$work/err"
}
if command -v openssl >/dev/null 2>&1; then
    check 'a certificate is made' has_certificate
    check 'a broker starts with TLS' listens mqtts
    check 'over TLS it answers as recorded' answers_as_recorded_at mqtts --ca "$work/certificate.pem"
    check 'whom nobody certifies is not trusted' is_not_reached_at 'certificate' mqtts
    check 'who wants WebSocket of it does not reach it' is_not_reached_at 'closed the connection' ws
    check 'it stops' stop_broker
    check 'a broker starts with WebSocket over TLS' listens wss
    check 'over both it answers as recorded' answers_as_recorded_at wss --insecure
    check 'it stops too' stop_broker
else
    skip 'over TLS' 'no openssl'
fi
check 'a broker starts with WebSocket' listens ws
check 'over WebSocket it answers as recorded' answers_as_recorded_at ws
check 'who wants TLS of it does not reach it' is_not_reached_at 'the TLS handshake failed' mqtts --insecure
check 'it stops as well' stop_broker

# ---- A broker of other people ----------------------------------------------------------------------------------------

PATH=$PATH:/usr/sbin # where Debian has mosquitto
require 'a capture of mosquitto played again' mosquitto python3
start_mosquitto() {
    port=$(python3 -c 'import socket; probe = socket.create_server(("127.0.0.1", 0)); print(probe.getsockname()[1])')
    printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >"$work/conf"
    mosquitto -c "$work/conf" >"$work/log" 2>&1 &
    broker_pid=$!
    await mosquitto_answers
}
mosquitto_answers() { mosquitto_pub -p "$port" -t t -m x 2>/dev/null; }
plays_exchanges() {
    "$mqspec" test --target "localhost:$port" --pcap "$work/suite.pcap" 'qos[012]_*' 'retain_*' 'will_*' \
        >"$work/out" 2>"$work/err"
    grep -q '[1-9][0-9]* pass' "$work/out"
}
check 'mosquitto starts' start_mosquitto
check 'exchanges with it are captured' plays_exchanges
stop_broker
check 'another mosquitto starts' start_mosquitto
check 'it answers them as recorded' is_answered_as_recorded
stop_broker
finish
