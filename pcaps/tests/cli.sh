#!/bin/sh
# decode, lint and replay as scripts meet them: exit status and what is said. Usage: cli.sh MQSPEC. Prints TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=$1
here=$top/pcaps
capture=$here/mqtt-js.pcap

# says NAME STATUS STREAM TEXT COMMAND...: the command ends with STATUS within 30 seconds, and TEXT (a basic regular
# expression) stands on its standard output (out) or standard error (err); with "" as TEXT the stream is empty.
says() {
    name=$1 expected=$2 stream=$3 wanted=$4
    shift 4
    timeout 30 "$@" >"$work/out" 2>"$work/err"
    status=$?
    if [ -z "$wanted" ]; then
        [ ! -s "$work/$stream" ]
    else
        grep -q -e "$wanted" "$work/$stream"
    fi
    found=$?
    [ "$status" -eq "$expected" ] && [ "$found" -eq 0 ]
    tell $? "$name" || echo "# status $status, expected $expected; expected on $stream: $wanted"
}

# ---- Files -----------------------------------------------------------------------------------------------------

size=$(wc -c <"$capture")
head -c $((size - 5)) "$capture" >"$work/cut.pcap"
head -c 24 "$capture" >"$work/empty.pcap"
head -c 10 "$capture" >"$work/stub.pcap"
: >"$work/nothing.pcap"
cat "$capture" "$capture" >"$work/twice.pcap"

for command in lint decode replay; do
    target=
    [ "$command" != replay ] || target='--target 127.0.0.1:1'
    # shellcheck disable=SC2086
    {
        says "$command: a file that is not there" 2 err 'No such file' "$mqspec" $command "$work/absent.pcap" $target
        says "$command: a folder" 2 err 'cannot be read' "$mqspec" $command "$work" $target
        says "$command: an empty file" 2 err 'cannot be read' "$mqspec" $command "$work/nothing.pcap" $target
        says "$command: part of a file header" 2 err 'cannot be read' "$mqspec" $command "$work/stub.pcap" $target
        says "$command: not a capture" 2 err 'unknown file format' "$mqspec" $command "$0" $target
        says "$command: a capture without MQTT" 2 err 'no MQTT conversation found' "$mqspec" $command \
            "$work/empty.pcap" $target
        says "$command: a capture that is cut" 2 err 'cut or damaged after packet' "$mqspec" $command \
            "$work/cut.pcap" $target
        says "$command: a second file header among the packets" 2 err 'cut or damaged after packet' "$mqspec" \
            $command "$work/twice.pcap" $target
        says "$command: no file" 2 err 'usage: mqspec' "$mqspec" $command $target
        says "$command: an option that is not there" 2 err "no option '--wrong'" "$mqspec" $command --wrong "$capture"
        says "$command: help" 0 out 'usage: mqspec' "$mqspec" $command --help
    }
done
says 'lint: what stands before the cut is judged' 2 out '7 MQTT connections' "$mqspec" lint "$work/cut.pcap"
says 'lint: nothing wrong' 0 out 'no breach' "$mqspec" lint "$capture"
says 'lint: from standard input' 0 out '7 MQTT connections' sh -c "'$mqspec' lint - <'$capture'"
says 'lint: several files, the worst status counts' 2 out 'no breach' "$mqspec" lint "$capture" "$work/cut.pcap"
says 'lint: JSON' 0 out '"breaches_by_servers"' "$mqspec" lint --json "$capture"
says 'decode: nothing is refused' 0 err '' "$mqspec" decode "$capture"
says 'decode: a line' 0 out 'js-publisher  *-> PUBLISH' "$mqspec" decode "$capture"
says 'decode: a line of 5.0' 0 out 'CONNACK session_present=0 reason_code=0 (Success) topic_alias_maximum=10' \
    "$mqspec" decode "$here/mqtt-js-5.0.pcap"
says 'decode: the client by the name that it was given' 0 out 'auto-[-0-9A-F]* *<- CONNACK' "$mqspec" decode \
    "$here/mqtt-js-5.0.pcap"
says 'decode: the topic that an alias stands for' 0 out 'topic="" .* topic_of_alias="demo5/1"$' "$mqspec" decode \
    "$here/mqtt-js-5.0.pcap"
says 'decode: the same in JSON' 0 out '"topic_of_alias": *"demo5/1"' "$mqspec" decode --json "$here/mqtt-js-5.0.pcap"
says 'decode: fields on lines of their own' 0 out '^ *subscription_identifier: 268435455$' "$mqspec" decode -v \
    "$here/mqtt-js-5.0.pcap"
says 'lint: nothing wrong in 5.0' 0 out '9 MQTT connections, 102 packets, no breach' "$mqspec" lint \
    "$here/mqtt-js-5.0.pcap"
says 'decode: JSON' 0 out '"type": *"CONNACK"' "$mqspec" decode --json "$capture"
if command -v python3 >/dev/null 2>&1; then
    says 'decode: each line is JSON' 0 out '^62$' sh -c "'$mqspec' decode --json '$capture' |
        python3 -c 'import json, sys; print(len([json.loads(line) for line in sys.stdin]))'"
    # Without its first six packets: the handshake of the first connection, its CONNECT and CONNACK.
    python3 -c 'import struct, sys
data = open(sys.argv[1], "rb").read()
at = 24
for _ in range(6):
    at += 16 + struct.unpack("<I", data[at + 8:at + 12])[0]
open(sys.argv[2], "wb").write(data[:24] + data[at:])' "$here/mqtt-js-5.0.pcap" "$work/joined.pcap"
    says 'decode: joined in 5.0, the first SUBSCRIBE' 0 out 'c1 .* SUBSCRIBE .* retain_handling=0$' "$mqspec" decode \
        "$work/joined.pcap"
    says 'decode: joined in 5.0, nothing is refused' 0 err '' "$mqspec" decode "$work/joined.pcap"
    says 'lint: joined in 5.0, nothing is judged of it' 0 err '1 connections of MQTT 5.0 begin before' "$mqspec" lint \
        "$work/joined.pcap"
    says 'lint: joined in 5.0, the others are judged' 0 out '9 MQTT connections, .*, no breach' "$mqspec" lint \
        "$work/joined.pcap"
    says 'lint: all of it is JSON' 0 out '^62$' sh -c "'$mqspec' lint --json '$capture' |
        python3 -c 'import json, sys; print(json.load(sys.stdin)[0][\"packets\"])'"
else
    skip 'decode: each line is JSON' 'no python3'
    skip 'lint: all of it is JSON' 'no python3'
    skip 'joined in 5.0' 'no python3'
fi

# ---- Filters of decode -----------------------------------------------------------------------------------------

# shows NAME LINES ARGUMENTS...: decode succeeds and prints that many lines.
shows() {
    name=$1 lines=$2
    shift 2
    timeout 30 "$mqspec" decode "$@" >"$work/out" 2>"$work/err"
    status=$?
    [ $status -eq 0 ] && [ "$(wc -l <"$work/out")" -eq "$lines" ]
    tell $? "filter: $name" || echo "# status $status, expected 0 and $lines lines"
}
# What other filters are held against: all that has to do with one client, with a topic, of a type.
five=$here/mqtt-js-5.0.pcap
"$mqspec" decode "$capture" >"$work/all"
"$mqspec" decode "$five" >"$work/all5"
first=$(awk '$1 <= 1 { n++ } END { print n }' "$work/all")
shows 'a client' "$(grep -c ' js-publisher ' "$work/all")" "$capture" --client js-publisher
shows 'clients by a wildcard' "$(grep -c ' js-' "$work/all")" "$capture" --client 'js-*'
shows 'a client by the name that it was given' "$(grep -c ' auto-' "$work/all5")" "$five" --client 'auto-*'
shows 'a type' "$(grep -c -e '[<-][->] PUBLISH ' "$work/all")" "$capture" --type publish
shows 'types' "$(grep -c -e '[<-][->] \(CONNECT\|CONNACK\) ' "$work/all")" "$capture" --type CONNECT,CONNACK
shows 'a topic, also behind an alias' "$(grep -c -e 'PUBLISH.*"demo5/1"' "$work/all5")" "$five" --topic demo5/1 \
    --type PUBLISH
shows 'a topic, also in subscriptions' "$(grep -c -e 'SUBSCRIBE.*"demo5/' "$work/all5")" "$five" --topic 'demo5/#' \
    --type SUBSCRIBE,UNSUBSCRIBE
shows 'all topics are not of all packets' "$(grep -c -e ' PUBLISH \| SUBSCRIBE \| UNSUBSCRIBE \|will_topic' \
    "$work/all")" "$capture" --topic '#'
shows 'to a time' "$first" "$capture" --to-time 1
shows 'from a time' "$(($(wc -l <"$work/all") - first))" "$capture" --from-time 1.0000001
shows 'a time of UTC, before' "$(wc -l <"$work/all")" "$capture" --from-time 2001-02-03T04:05:06.7Z
shows 'a time of UTC, behind' 0 "$capture" --from-time 2999-01-01T00:00:00Z
shows 'two at once' "$(grep ' js-publisher ' "$work/all" | grep -c ' PUBLISH ')" "$capture" --client js-publisher \
    --type PUBLISH
shows 'JSON, too' "$(grep -c -e '[<-][->] PUBLISH ' "$work/all")" "$capture" --type PUBLISH --json
says 'filter: nothing meets it' 0 err 'none of its 62 packets meets all filters' "$mqspec" decode "$capture" \
    --client nobody
says 'filter: no such type' 2 err "no packet type 'PING'.*PINGREQ" "$mqspec" decode "$capture" --type PING
says 'filter: an empty type' 2 err "no packet type ''" "$mqspec" decode "$capture" --type PUBLISH,
says 'filter: no Topic Filter' 2 err "'a/b#' is no Topic Filter" "$mqspec" decode "$capture" --topic 'a/b#'
says 'filter: no time' 2 err "from-time takes seconds" "$mqspec" decode "$capture" --from-time yesterday
says 'filter: a time before the start' 2 err "to-time takes seconds" "$mqspec" decode "$capture" --to-time -1
says 'filter: a date without its zone' 2 err "to-time takes seconds" "$mqspec" decode "$capture" \
    --to-time 2026-03-01T12:00:00
says 'filter: not for bytes by hand' 2 err 'leave them out' "$mqspec" decode --hex c000 --type PINGREQ

if [ -w /dev/full ]; then
    says 'decode: output that cannot be written' 2 err 'could not be written' sh -c \
        "'$mqspec' decode '$capture' >/dev/full"
else
    skip 'decode: output that cannot be written' 'no /dev/full'
fi

# ---- Bytes by hand ---------------------------------------------------------------------------------------------

says 'hex: PINGREQ' 0 out '^PINGREQ$' "$mqspec" decode --hex 'c0 00'
says 'hex: blanks, colons and capitals' 0 out '^PINGRESP$' "$mqspec" decode --hex 'D0:00'
says 'hex: several packets' 0 out '^DISCONNECT$' "$mqspec" decode --hex 'c000e000'
says 'hex: the side is told' 1 out 'refused' "$mqspec" decode --hex 'c0 00' --from server
says 'hex: a packet that is refused' 1 out 'MQTT311:3.3.1-4.*\[36\]' "$mqspec" decode --hex '36 06 00 01 74 00 01 78'
says 'hex: bytes that end within a packet' 1 out 'end within a packet (3 bytes)' "$mqspec" decode --hex '30 05 00'
says 'hex: JSON of what is refused' 1 out '"statement": *"MQTT311:3.3.1-4"' "$mqspec" decode --json --hex \
    '36 06 00 01 74 00 01 78'
says 'hex: an odd digit' 2 err 'no second one' "$mqspec" decode --hex 'c0 0'
says 'hex: no digit' 2 err 'no hexadecimal digit' "$mqspec" decode --hex 'c0 0g'
says 'hex: nothing' 2 err 'no bytes' "$mqspec" decode --hex ''
says 'hex: a version that is not there' 2 err "no MQTT version '6'" "$mqspec" decode --hex c000 -V 6
says 'hex: 5.0 by option' 0 out '^DISCONNECT reason_code=142 (Session taken over)$' "$mqspec" decode --hex 'e0 01 8e' \
    -V 5.0
says 'hex: 5.0 by a CONNECT among the bytes' 0 out '^DISCONNECT reason_code=4 (Disconnect with Will Message)$' \
    "$mqspec" decode --hex '10 0e 00 04 4d 51 54 54 05 02 00 3c 00 00 01 61 e0 01 04'
says 'hex: 5.0 without either is refused' 1 out 'refused: ' "$mqspec" decode --hex 'e0 01 04'
says 'hex: and the version is hinted at' 1 err 'as MQTT 5.0 all of it can be read: give -V 5.0' "$mqspec" decode \
    --hex 'e0 01 04'
says 'hex: no hint where 5.0 refuses it too' 1 err '' "$mqspec" decode --hex '36 06 00 01 74 00 01 78'
says 'hex: no hint where the version was given' 1 err '' "$mqspec" decode --hex 'e0 01 04' -V 3.1.1
says 'hex: each code of SUBACK by its name' 0 out 'reason_code=1 (Granted QoS 1) reason_code=135 (Not authorized)$' \
    "$mqspec" decode --hex '90 05 00 01 00 01 87' -V 5.0
says 'hex: text that looks like a code is left as it is' 0 out 'payload=" reason_code=4"$' "$mqspec" decode \
    --hex '30 12 00 01 74 00 20 72 65 61 73 6f 6e 5f 63 6f 64 65 3d 34' -V 5.0
says 'hex: also behind an escaped quotation mark' 0 out 'payload="\\" reason_code=4"$' "$mqspec" decode \
    --hex '30 13 00 01 74 00 22 20 72 65 61 73 6f 6e 5f 63 6f 64 65 3d 34' -V 5.0
says 'hex: only a Server sends this PUBLISH' 0 out '"sender": *"server"' "$mqspec" decode --json -V 5.0 \
    --hex '30 07 00 01 61 02 0b 05 78'
says 'hex: and it is refused from a Client' 1 out 'MQTT5:3.3.4-6' "$mqspec" decode -V 5.0 --from client \
    --hex '30 07 00 01 61 02 0b 05 78'
says 'hex: AUTH with its properties' 0 out 'AUTH reason_code=24 (Continue authentication) authentication_method="X"' \
    "$mqspec" decode --hex 'f0 06 18 04 15 00 01 58' -V 5.0
says 'hex: a User Property' 0 out 'user_property="a":"b"' "$mqspec" decode -V 5.0 \
    --hex 'e0 09 00 07 26 00 01 61 00 01 62'
says 'hex: a User Property in JSON' 0 out '"name": *"user_property","key": *"a","value": *"b"' "$mqspec" \
    decode --json --hex 'e0 09 00 07 26 00 01 61 00 01 62' -V 5.0
says 'hex: the meaning of a code in JSON' 0 out \
    '"name": *"reason_code","value": *0,"meaning": *"Normal disconnection"' \
    "$mqspec" decode --json --hex 'e0 00' -V 5.0
says 'hex: a property where it may not stand' 1 out 'MQTT5:.*\[23\]' "$mqspec" decode -V 5.0 \
    --hex 'e0 05 00 03 23 00 01'
says 'hex: fields on lines of their own' 0 out '^ *user_property: "a" = "b"$' "$mqspec" decode -v -V 5.0 \
    --hex 'e0 09 00 07 26 00 01 61 00 01 62'
says 'hex: and the meaning behind them' 0 out '^ *reason_code: 142 (Session taken over)$' "$mqspec" decode --verbose \
    -V 5.0 --hex 'e0 01 8e'
says 'hex: and the bytes' 0 out '^ *bytes: e0 01 8e$' "$mqspec" decode -v -V 5.0 --hex 'e0 01 8e'
says 'hex: a side that is not there' 2 err 'client or server' "$mqspec" decode --hex c000 --from both
says 'hex and a file' 2 err 'either' "$mqspec" decode --hex c000 "$capture"
says 'hex: a value is missing' 2 err 'value is missing' "$mqspec" decode --hex

says 'an empty standard input' 2 err 'cannot be read as pcap or pcapng' sh -c '"$0" lint - </dev/null' "$mqspec"

# ---- Live ------------------------------------------------------------------------------------------------------

for command in decode lint; do
    says "$command live: no such interface" 2 err 'there is no such interface; there are \|not allowed' \
        "$mqspec" $command -i no-such-interface --duration 0.1
    says "$command live: a file beside it" 2 err 'either files or -i' "$mqspec" $command -i lo "$capture"
    says "$command live: a filter of a file" 2 err "tcpdump -r FILE -w - FILTER | mqspec $command -" \
        "$mqspec" $command "$capture" --filter tcp
    says "$command live: a duration that is none" 2 err '--duration takes' "$mqspec" $command -i lo --duration soon
    says "$command live: what is kept goes to a file" 2 err 'give -w a file' "$mqspec" $command -i lo -w -
done

# ---- Replay ----------------------------------------------------------------------------------------------------

says 'replay: nobody listens' 3 err 'cannot be reached' "$mqspec" replay "$capture" --target 127.0.0.1:1
says 'replay: no such host' 3 err 'cannot be found' "$mqspec" replay "$capture" --target no-such-host.invalid:1883
says 'replay: no target' 2 err 'give one capture file and --target' "$mqspec" replay "$capture"
says 'replay: a target without address' 2 err 'has no address' "$mqspec" replay "$capture" --target :1883
says 'replay: a port out of range' 2 err 'no port from' "$mqspec" replay "$capture" --target localhost:65536
says 'replay: port 0' 2 err 'from 1 to 65535' "$mqspec" replay "$capture" --target localhost:0
says 'replay: a scheme that is none' 2 err 'mqtts://, ws://' "$mqspec" replay "$capture" --target http://localhost:80
says 'replay: --ca without TLS' 2 err 'mqtts://HOST:PORT' "$mqspec" replay "$capture" --target localhost --ca x.pem
says 'replay: --ws-path without WebSocket' 2 err 'ws://HOST:PORT' "$mqspec" replay "$capture" --target localhost \
    --ws-path /
says 'replay: certificates that cannot be read' 2 err 'no-such-file' "$mqspec" replay "$capture" \
    --target mqtts://localhost --ca no-such-file
says 'replay: a speed of 0' 2 err '--speed takes' "$mqspec" replay "$capture" --target localhost:1 --speed 0
says 'replay: a speed that is no number' 2 err '--speed takes' "$mqspec" replay "$capture" --target localhost:1 \
    --speed fast
says 'replay: a timeout that is none' 2 err '--timeout takes' "$mqspec" replay "$capture" --target localhost:1 \
    --timeout -1

if command -v python3 >/dev/null 2>&1; then
    python3 -c 'import socket, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
time.sleep(60)' >"$work/port" &
    await test -s "$work/port"
    says 'replay: a target that says nothing' 1 out 'gave up\|did not come' "$mqspec" replay "$capture" \
        --target "127.0.0.1:$(cat "$work/port")" --speed max --timeout 0.1
else
    skip 'replay: a target that says nothing' 'no python3'
fi

# Each stored capture against a fresh broker of our own. It answers as mosquitto and aedes did; where others did
# otherwise, that is shown.
for stored in "$here"/*.pcap; do
    name=$(basename "$stored" .pcap) status=0 shown='answered as recorded'
    case $name in
    *mochi* | gmqtt*) status=1 shown='^~ .*PUBLISH .*message_expiry_interval=86400' ;; # which nobody had asked for
    *hivemq*) status=1 shown='^~ .*UNSUBACK .*reason_code=0 (Success) reason_code=0' ;; # for what was not subscribed to
    esac
    start_broker
    says "replay: $name.pcap against the reference broker" $status out "$shown" "$mqspec" replay "$stored" \
        --target "localhost:$port" --speed max --timeout 2
    stop_broker
done
finish
