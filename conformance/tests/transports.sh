#!/bin/sh
# The suite over TLS and WebSocket, against the built-in broker and against one that is started: transports.sh MQSPEC.
# Prints TAP. Certificates are made here.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=$1

# only TRANSPORT: all results of the JSON in $work/json have this one.
only() {
    python3 -c '
import json, sys
results = json.load(open(sys.argv[1]))["results"]
sys.exit(0 if results and {one["transport"] for one in results} == set(sys.argv[2].split()) else 1)' "$work/json" "$1"
}

# ---- The built-in broker -------------------------------------------------------------------------------------------

for row in 'tcp:' 'tls:--tls' 'ws:--ws' 'wss:--tls --ws' 'tcp tls ws wss:--every-transport'; do
    # shellcheck disable=SC2086 # the list is words
    runs "the built-in broker over ${row%%:*}" 0 ' 0 fail, 0 warn' "$mqspec" test ${row#*:} 'qos[012]_*' 'retain_*'
    # shellcheck disable=SC2086
    runs "results say so" 0 '' "$mqspec" test ${row#*:} --json "$work/json" 'qos2_*'
    check "all of them" only "${row%%:*}"
done
runs 'the summary names each transport' 0 '^wss  *[1-9]' "$mqspec" test --every-transport 'qos0_*'
runs 'section 6 over WebSocket' 0 ' 14 pass, 0 fail' "$mqspec" test --ws 'websocket_*'
runs 'section 6 over WebSocket and TLS' 0 ' 14 pass, 0 fail' "$mqspec" test --ws --tls 'websocket_*'
runs 'section 6 in virtual time' 0 ' 14 pass, 0 fail' "$mqspec" test --virtual 'websocket_*'
runs 'section 6 shows over nothing else' 2 'need --ws' "$mqspec" test 'websocket_*'
for id in 6.0.0-1 6.0.0-2 6.0.0-4; do
    runs "the deviation MQTT311:$id is noticed" 1 "statement  MQTT311:$id" "$mqspec" test --ws --timeout 0.5 \
        --deviate "MQTT311:$id" -V 3.1.1 'websocket_*'
    runs "the deviation MQTT5:$id is noticed" 1 "statement  MQTT5:$id" "$mqspec" test --ws --tls --timeout 0.5 \
        --deviate "MQTT5:$id" -V 5.0 'websocket_*'
done
runs 'another deviation over WebSocket and TLS' 1 'statement  MQTT311:3.3.1-8' "$mqspec" test --ws --tls \
    --deviate MQTT311:3.3.1-8 -V 3.1.1 'retain_*'

# ---- A broker with certificates of its own -------------------------------------------------------------------------

key() { # name
    openssl ecparam -name prime256v1 -genkey -noout -out "$work/$1.key"
}

make_certificates() {
    key ca && openssl req -x509 -new -key "$work/ca.key" -subj /CN=ca -days 2 -out "$work/ca.pem" || return 1
    printf 'subjectAltName = DNS:localhost, IP:127.0.0.1\n' >"$work/extensions"
    for who in localhost sensor elsewhere; do
        [ $who != elsewhere ] || echo 'subjectAltName = DNS:elsewhere' >"$work/extensions"
        key $who && openssl req -new -key "$work/$who.key" -subj "/CN=$who" -out "$work/$who.csr" &&
            openssl x509 -req -in "$work/$who.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial \
                -extfile "$work/extensions" -days 2 -out "$work/$who.pem" || return 1
    done
}
make_certificates >"$work/out" 2>&1
tell $? 'certificates are made'

run_with() { # scheme, options of the broker, whose certificate
    own=$work/${3:-localhost}
    echo "$mqspec broker --listen $1://127.0.0.1:{port} --cert $own.pem --key $own.key $2"
}
demanding="--ca $work/ca.pem --client-cert required"

runs 'a broker over TLS' 0 ' 0 fail' "$mqspec" test --tls --ca "$work/ca.pem" --run "$(run_with mqtts '')" 'qos1_*'
runs 'a broker over WebSocket and TLS' 0 ' 0 fail' "$mqspec" test --tls --ws --ca "$work/ca.pem" --ws-path /any \
    --run "$(run_with wss '')" 'qos1_*' 'websocket_*'
runs 'a broker over WebSocket' 0 ' 0 fail' "$mqspec" test --ws \
    --run "$mqspec broker --listen ws://127.0.0.1:{port}" 'qos1_*' 'websocket_*'
runs 'a broker that nobody certifies' 3 'handshake failed: unable to get local issuer certificate' "$mqspec" test \
    --tls --run "$(run_with mqtts '')" 'qos1_*'
runs 'a certificate that is not looked at' 0 ' 0 fail' "$mqspec" test --tls --insecure \
    --run "$(run_with mqtts '')" 'qos1_*'
runs 'a certificate for another host' 3 'handshake failed: hostname mismatch' "$mqspec" test --tls \
    --ca "$work/ca.pem" --run "$(run_with mqtts '' elsewhere)" 'qos1_*'
runs 'a broker that demands a certificate' 0 ' 0 fail' "$mqspec" test --tls --ca "$work/ca.pem" \
    --cert "$work/sensor.pem" --key "$work/sensor.key" --run "$(run_with mqtts "$demanding")" 'qos1_*'
runs 'a broker that demands one in vain' 3 'TLS failed: .*certificate required' "$mqspec" test --tls \
    --ca "$work/ca.pem" --run "$(run_with mqtts "$demanding")" 'qos1_*'
runs 'TLS where there is none' 3 'does not answer\|handshake' "$mqspec" test --tls --insecure --timeout 0.5 \
    --run "$mqspec broker --bind 127.0.0.1 -p {port}" 'qos1_*'
runs 'WebSocket where there is none' 3 'does it speak TLS or WebSocket there' "$mqspec" test --ws \
    --run "$mqspec broker --bind 127.0.0.1 -p {port}" 'qos1_*'

# ---- Wrong options -------------------------------------------------------------------------------------------------

runs 'a CA without TLS' 2 'add --tls' "$mqspec" test --target localhost:1 --ca "$work/ca.pem"
runs 'a CA for the built-in broker' 2 'has a certificate of its own' "$mqspec" test --tls --ca "$work/ca.pem"
runs 'a CA that is not there' 2 "cannot read the CA '/nowhere'" "$mqspec" test --tls --ca /nowhere --target localhost:1
runs 'a key that does not fit' 2 'does not belong to the certificate' "$mqspec" test --tls --insecure \
    --target localhost:1 --cert "$work/sensor.pem" --key "$work/ca.key"
runs 'a path that is none' 2 'does not begin with /' "$mqspec" test --ws --ws-path mqtt
runs 'a path with a line in it' 2 'has characters' "$mqspec" test --ws --ws-path "/a
b"
runs 'every transport of another broker' 2 'is for the built-in broker' "$mqspec" test --every-transport \
    --target localhost:1
runs 'a transport without sockets' 2 'need no transport' "$mqspec" test --virtual --ws

finish
