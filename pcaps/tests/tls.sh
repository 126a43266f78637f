#!/bin/sh
# TLS of real clients and brokers, recorded by tcpdump and read with their key logs: packet by packet as tshark does.
# Usage: tls.sh MQSPEC BUILD_DIRECTORY. Prints TAP. Runs in a network of its own, which takes root or user namespaces.
set -u

inside() {
    # shellcheck disable=SC2086 # it is words
    for isolate in 'unshare -n' 'unshare -rn'; do
        $isolate sh -c 'ip link set lo up' >/dev/null 2>&1 || continue
        MQSPEC_TEST_NETWORK=own exec $isolate sh -c 'ip link set lo up && exec sh "$0" "$@"' "$0" "$@"
    done
}
[ -n "${MQSPEC_TEST_NETWORK:-}" ] || inside "$@"

. "$(dirname "$0")/../../.ci/tap.sh"
mqspec=$1
evidence='out err log dump client.log'
require tcpdump tcpdump
require openssl openssl
if [ -z "${MQSPEC_TEST_NETWORK:-}" ]; then
    skip 'TLS of a capture' 'no network of its own: that takes root or user namespaces'
    finish
fi

# ---- Recording -------------------------------------------------------------------------------------------------------

certifies() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout "$work/key.pem" -out "$work/certificate.pem" 2>"$work/err"
}
check 'a certificate is made' certifies || finish

listens() {
    grep -q 'listening on' "$work/dump"
}

record() { # name
    : >"$work/dump"
    # -Z: who has no other user here cannot become one.
    tcpdump -Z root -i lo -U --immediate-mode -s 0 -B 65536 -w "$work/$1.pcap" tcp 2>"$work/dump" &
    tcpdump_pid=$!
    await listens
}

stop_recording() {
    kill -INT "$tcpdump_pid" && await_end "$tcpdump_pid" && grep -q '^0 packets dropped by kernel' "$work/dump"
}

# What is read: frame and type of each packet.
ours() { # name, key log
    "$mqspec" decode --json --keys "$2" "$work/$1.pcap" 2>"$work/err" |
        sed -n 's/.*"frame":\([0-9]*\),.*"type":"\([A-Z]*\)","version".*/\1 \2/p'
}

# tshark tells the types of a frame by number, with commas between.
theirs() { # name, key log, port
    tshark -r "$work/$1.pcap" -o "tls.keylog_file:$2" -d "tls.port==$3,mqtt" -d "tcp.port==$3,tls" -Y mqtt -T fields \
        -e frame.number -e mqtt.msgtype 2>>"$work/err" | awk '
        BEGIN {
            split("CONNECT CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK " \
                "PINGREQ PINGRESP DISCONNECT AUTH", names, " ")
        }
        { count = split($2, types, ","); for (i = 1; i <= count; i++) print $1, names[types[i]] }'
}

agrees() { # name, key log, port, fewest packets
    ours "$1" "$2" >"$work/ours"
    theirs "$1" "$2" "$3" >"$work/theirs"
    [ "$(wc -l <"$work/ours")" -ge "$4" ] && diff "$work/theirs" "$work/ours" >"$work/out"
}

compare() { # what, name, key log, port, fewest packets
    if command -v tshark >/dev/null 2>&1; then
        check "$1: tshark reads the same packets in the same frames" agrees "$2" "$3" "$4" "$5"
    else
        skip "$1: as tshark reads it" 'no tshark'
    fi
}

# ---- Clients of openssl, one for each suite --------------------------------------------------------------------------

starts_tls() {
    start_broker --listen mqtts://localhost:0 --cert "$work/certificate.pem" --key "$work/key.pem" \
        --key-log "$work/broker.keys" && port=$(awk 'END { print $NF }' "$work/port")
}
check 'the broker starts' starts_tls || finish

# CONNECT, PUBLISH of QoS 1, PINGREQ, DISCONNECT.
printf '\020\015\0\004MQTT\004\002\0\074\0\001a\062\010\0\003a/b\0\001x\300\0\340\0' >"$work/packets"

speaks() { # arguments of s_client
    timeout 10 openssl s_client -quiet -no_ign_eof -connect "localhost:$port" -CAfile "$work/certificate.pem" \
        -keylogfile "$work/openssl.keys" "$@" <"$work/slow" >"$work/out" 2>"$work/client.log"
}

# The input stays open until the broker has answered: the end of it would end the connection.
talks() { # arguments of s_client
    rm -f "$work/slow"
    mkfifo "$work/slow"
    : >"$work/out"
    (cat "$work/packets" && await answered) >"$work/slow" &
    speaks "$@"
    grep -q -a "$(printf '\320')" "$work/out"
}

# PINGRESP is the last answer.
answered() {
    [ "$(wc -c <"$work/out")" -ge 10 ]
}

check 'tcpdump records' record openssl || finish
conversations=0
for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256; do
    talks -tls1_3 -ciphersuites $suite
    tell $? "TLS 1.3 with $suite" && conversations=$((conversations + 1))
done
for suite in ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-CHACHA20-POLY1305 \
    DHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-SHA256 ECDHE-RSA-AES256-SHA384 ECDHE-RSA-AES256-SHA AES128-SHA; do
    talks -tls1_2 -cipher "$suite"
    tell $? "TLS 1.2 with $suite" && conversations=$((conversations + 1))
done
talks -tls1_2 -sess_out "$work/session" && talks -tls1_2 -sess_in "$work/session"
tell $? 'TLS 1.2, and its session again' && conversations=$((conversations + 2))
talks -tls1_3 -groups X448:P-256
tell $? 'TLS 1.3 with another group' && conversations=$((conversations + 1))
check 'all is recorded' stop_recording
for keys in openssl broker; do
    compare "openssl, with the keys of $keys" openssl "$work/$keys.keys" "$port" $((conversations * 7))
    ours openssl "$work/$keys.keys" | grep -c PINGRESP >"$work/count"
    check "with the keys of $keys, each connection is read to its end" test "$(cat "$work/count")" = $conversations
done

# ---- mosquitto's clients, with the keys of the broker ----------------------------------------------------------------

subscribed() {
    grep -q "SUBACK" "$work/client.log"
}

exchange() { # TLS version
    : >"$work/client.log"
    stdbuf -oL mosquitto_sub -d -h localhost -p "$port" --cafile "$work/certificate.pem" --tls-version "$1" \
        -i subscriber -q 2 -t 'demo/#' -C 4 -W 20 >"$work/client.log" 2>&1 &
    subscriber=$!
    await subscribed || return 1
    for qos in 0 1 2; do
        mosquitto_pub -h localhost -p "$port" --cafile "$work/certificate.pem" --tls-version "$1" -i "publisher$qos" \
            -q $qos -t demo/$qos -m "of QoS $qos" || return 1
    done
    # Of several records.
    head -c 100000 /dev/zero | tr '\0' x >"$work/large"
    mosquitto_pub -h localhost -p "$port" --cafile "$work/certificate.pem" --tls-version "$1" -i large -q 1 \
        -t demo/large -f "$work/large" || return 1
    await_end $subscriber
}

if command -v mosquitto_sub >/dev/null 2>&1; then
    for version in tlsv1.2 tlsv1.3; do
        record $version && exchange $version
        tell $? "mosquitto's clients over $version"
        check "mosquitto's clients over $version are recorded" stop_recording
        compare "mosquitto's clients over $version" $version "$work/broker.keys" "$port" 35
        runs "lint reads $version" 0 '' "$mqspec" lint --keys "$work/broker.keys" "$work/$version.pcap"
        runs "replay reads $version" 0 'answered as recorded' "$mqspec" replay --speed max --insecure \
            --target "mqtts://localhost:$port" --keys "$work/broker.keys" "$work/$version.pcap"
    done

    # While both the capture and the key log are written.
    "$mqspec" decode -i lo --keys "$work/broker.keys" --filter "tcp port $port" >"$work/live" 2>"$work/err" &
    live_pid=$!
    for version in tlsv1.2 tlsv1.3; do
        await grep -q 'capturing on' "$work/err" && exchange $version
        tell $? "mosquitto's clients over $version, live"
    done
    shown() {
        [ "$(grep -c 'PUBLISH.*demo/large' "$work/live")" -eq 4 ]
    }
    check 'their packets are shown while decode runs' await shown
    check 'decode ends' sh -c "kill -INT $live_pid"
    await_end $live_pid
    check 'and nothing is missing' sh -c "! grep -q missing '$work/live' && ! grep -q 'not read' '$work/err'"
else
    skip "mosquitto's clients" 'no mosquitto_sub'
fi
check 'the broker ends' stop_broker
check 'nobody else can read its key log' test "$(stat -c %a "$work/broker.keys")" = 600

# ---- The suite, whose packets are of all kinds -----------------------------------------------------------------------

plays() { # name, options of mqspec test
    name=$1
    shift
    SSLKEYLOGFILE=$work/$name.keys timeout 60 "$mqspec" test --tls "$@" --at-once 8 'connect_*' 'qos*' \
        >"$work/out" 2>"$work/err"
}

# Packets that are wrong are shown otherwise by tshark; here it is connections that count.
is_read() { # name, options
    record "$@" && plays "$@"
    tell $? "$1 plays" || return
    check "$1 is recorded" stop_recording
    "$mqspec" decode --json --keys "$work/$1.keys" "$work/$1.pcap" >"$work/$1.json" 2>"$work/err"
    grep -c '"type":"CONNECT"' "$work/$1.json" >"$work/out"
    check "$1 is read" test "$(cat "$work/out")" -gt 200
    check "nothing of $1 is left out" test ! -s "$work/err"
    check "and nothing is missing in $1" sh -c "! grep -q 'missing from the capture' '$work/$1.json'"
}

is_read 'suite over TLS'
is_read 'suite over WebSocket and TLS' --ws

# ---- What is said ----------------------------------------------------------------------------------------------------

cp "$work/openssl.pcap" "$work/lonely.pcap"
runs 'with the keys beside it' 0 '' "$mqspec" decode "$work/openssl.pcap"
runs 'without keys' 2 'TLS connections that are not read: 14; give --keys FILE' "$mqspec" decode "$work/lonely.pcap"
runs 'lint without keys' 2 'give --keys FILE' "$mqspec" lint "$work/lonely.pcap"
runs 'replay without keys' 2 'give --keys FILE' "$mqspec" replay --target localhost:1 "$work/lonely.pcap"
: >"$work/empty.keys"
runs 'with keys of nobody' 2 'the key log has no secrets for them' "$mqspec" decode --keys "$work/empty.keys" \
    "$work/openssl.pcap"
runs 'keys that cannot be read' 2 "the key log $work/none cannot be read: No such file" "$mqspec" decode \
    --keys "$work/none" "$work/openssl.pcap"
runs 'keys that are a certificate' 2 'holds no secrets of TLS 1.2 or 1.3' "$mqspec" lint \
    --keys "$work/certificate.pem" "$work/openssl.pcap"
echo 'CLIENT_RANDOM 1234 5678' >"$work/wrong.keys"
runs 'a line that is wrong' 2 'line 1 of the key log' "$mqspec" lint --keys "$work/wrong.keys" "$work/openssl.pcap"
runs 'a key log that cannot be written' 2 'cannot write the key log' "$mqspec" test --tls --key-log "$work/no/where" \
    'connect_*'
finish
