#!/bin/sh
# usage: websocket.sh MQSPEC BUILD_DIRECTORY
#
# MQTT.js, and mqspec replay, over WebSocket with mqspec broker and with mosquitto, recorded by tcpdump in a network of
# their own. decode tells each packet that tshark tells, of the same type and in the same frame. MQTT.js cuts packets
# over several frames of WebSocket, which tshark does not put together: it is compared in what the broker sent. TAP.
# What cannot be had is skipped and says why.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

# ---- Recording ---------------------------------------------------------------------------------------------------

listens() {
    grep -qs ':1F90 .* 0A ' /proc/net/tcp /proc/net/tcp6
}

exchange() {
    for version in 3.1.1 5.0; do
        timeout 60 node "$top/pcaps/clients/mqtt_js.js" $version "$url" || return
    done
}

# Messages of 300,000 bytes, too.
exchange_large() {
    for level in 4 5; do
        timeout 60 node "$top/reference/tests/transports.js" "$url" $level /dev/null || return
    done
}

repeat() {
    for capture in mosquitto-clients mosquitto-clients-5.0 paho-python; do
        timeout 60 "$mqspec" replay "$top/pcaps/$capture.pcap" --target "${url%/mqtt}" --speed max >/dev/null
        [ $? -le 1 ] || return # differences are of no concern here
    done
}

# In a network of its own, on HTTP's own second port: tshark looks for WebSocket there.
record_here() { # mqspec, capture, what to do, broker with its arguments
    url=ws://127.0.0.1:8080/mqtt
    mqspec=$1
    out=$2
    exchange=$3
    shift 3
    ip link set lo up
    # Each packet takes 128 KiB of the buffer in this mode; what leaves lo comes in again.
    tcpdump -i lo -U --immediate-mode -B 131072 -w "$out" 'tcp port 8080 and inbound' 2>"$out.dump" &
    dump=$!
    await grep -q 'listening on' "$out.dump" || return
    "$@" >"$out.broker" 2>&1 &
    broker=$!
    await listens && $exchange
    status=$?
    kill $broker
    await_end $broker
    kill -INT $dump
    await_end $dump
    [ $status -eq 0 ] && grep -q '^0 packets dropped by kernel' "$out.dump" && return
    cat "$out.broker" "$out.dump" >&2
    return 1
}

case $1 in
--record)
    shift
    record_here "$@"
    exit
    ;;
--stays) # until timeout ends it
    shift
    ip link set lo up
    "$@"
    [ $? -eq 124 ]
    exit
    ;;
esac

mqspec=$1
build=$2
name='WebSocket as tshark sees it'
require "$name" tshark tcpdump unshare ip
if ! unshare -n ip link set lo up 2>"$work/err"; then
    skip "$name" 'no network of its own can be made here'
    finish
fi
node_package "$build/mqttjs" mqtt@5 || {
    skip "$name" "$reason"
    finish
}

record() { # name, what to do, broker with its arguments
    recorded=$work/$1-$2.pcap
    exchange=$2
    shift 2
    unshare -n sh "$0" --record "$mqspec" "$recorded" "$exchange" "$@" >"$work/out" 2>"$work/err"
}

# ---- Comparing ---------------------------------------------------------------------------------------------------

# As it is, tshark stops at WebSocket. One line of Lua has it go on to MQTT.
echo 'DissectorTable.get("ws.protocol"):add("mqtt", Dissector.get("mqtt"))' >"$work/mqtt.lua"

# Frame and type of each packet, in words; a frame can hold several.
tshark_packets() { # capture, filter
    tshark -X "lua_script:$work/mqtt.lua" -r "$1" -d tcp.port==8080,http -Y "mqtt and $2" -T fields -e frame.number \
        -e mqtt.msgtype 2>/dev/null | awk '
        BEGIN {
            split("CONNECT CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK" \
                " PINGREQ PINGRESP DISCONNECT AUTH", names, " ")
        }
        { count = split($2, types, ","); for (i = 1; i <= count; i++) print $1, names[types[i]] }'
}

our_packets() { # capture, pattern of lines
    "$mqspec" decode --json "$1" | grep -- "$2" | sed -n 's/.*"frame":\([0-9]*\),.*"type":"\([A-Z]*\)".*/\1 \2/p'
}

agrees() { # filter, pattern
    tshark_packets "$recorded" "$1" >"$work/theirs"
    our_packets "$recorded" "$2" >"$work/ours"
    diff "$work/theirs" "$work/ours" >"$work/out"
}

are_many() {
    [ "$(wc -l <"$work/ours")" -ge 40 ]
}

# Each of two runs publishes one, and gets it back.
told_large() {
    "$mqspec" decode "$recorded" >"$work/out" 2>"$work/err"
    [ "$(grep -c '(300000 bytes)' "$work/out")" -eq 4 ]
}

is_blameless() {
    "$mqspec" lint "$recorded" >"$work/out" 2>"$work/err"
}

check_broker() { # name, broker with its arguments
    name=$1
    shift
    check "$name: MQTT.js exchanges messages with it" record "$name" exchange "$@" || return
    check "$name: each packet that it sent is told as tshark tells it" agrees 'tcp.srcport == 8080' '"sender":"server"'
    check "$name: they are many" are_many
    check "$name: captures are replayed to it" record "$name" repeat "$@" || return
    check "$name: each packet is told as tshark tells it" agrees tcp .
    check "$name: they are many, too" are_many
}

own="$mqspec broker -p 0 --listen ws://127.0.0.1:8080"
# shellcheck disable=SC2086 # it is words
{
    check_broker mqspec $own
    # mosquitto 2.0.11 closes the connection that sends one over WebSocket.
    check 'mqspec: large messages pass' record mqspec exchange_large $own &&
        check 'mqspec: and are told, each way' told_large
}
check 'mqspec: lint finds no fault in them' is_blameless

# Without another listener, mosquitto 2.0.11 takes one of WebSocket for none.
printf 'allow_anonymous true\nlistener 1883 127.0.0.1\nlistener 8080 127.0.0.1\nprotocol websockets\n' \
    >"$work/mosquitto.conf"
if ! command -v mosquitto >/dev/null; then
    skip 'mosquitto' 'mosquitto is not installed'
elif ! unshare -n sh "$0" --stays timeout 1 mosquitto -c "$work/mosquitto.conf" 2>/dev/null; then
    skip 'mosquitto' 'this mosquitto has no WebSocket'
else
    check_broker mosquitto mosquitto -c "$work/mosquitto.conf"
fi
finish
