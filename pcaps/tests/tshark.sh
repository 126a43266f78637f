#!/bin/sh
# Wireshark's eyes on our captures: what we write is without fault to it, and it counts the packets that we count.
# Usage: tshark.sh MQSPEC BUILD_DIRECTORY. Prints TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=$1
build=$2
require tshark tshark

# verdict NAME EXPECTED RECEIVED
verdict() {
    [ "$2" = "$3" ]
    tell $? "$1" || printf '# expected: %s\n# received: %s\n' "$2" "$3"
}

look() {
    tshark -r "$1" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -Y "$2" 2>/dev/null
}

# MQTT packets as tshark counts them; a frame can hold several.
tshark_count() {
    tshark -r "$1" -Y mqtt -T fields -e mqtt.msgtype 2>/dev/null | tr ',' '\n' | grep -c .
}

our_count() {
    "$mqspec" decode --json "$1" | grep -c '"type"'
}

sample=$work/sample.pcap
"$build/pcaps/tests/test_capture" --write "$sample"
verdict 'the sample is written' 0 $?
verdict 'no checksum is wrong' '' "$(look "$sample" 'ip.checksum.status == "Bad" or tcp.checksum.status == "Bad"')"
verdict 'every checksum is verified' "$(look "$sample" tcp | wc -l)" \
    "$(look "$sample" 'ip.checksum.status == "Good" and tcp.checksum.status == "Good"' | wc -l)"
verdict 'TCP analysis finds nothing' '' "$(look "$sample" tcp.analysis.flags)"
verdict 'nothing is malformed' '' "$(look "$sample" _ws.malformed)"
verdict 'both connections are complete' 2 \
    "$(look "$sample" 'tcp.flags.syn == 1 and tcp.flags.ack == 0' | wc -l | tr -d ' ')"
verdict 'the sample holds 8 MQTT packets' 8 "$(tshark_count "$sample")"
verdict 'and we count as many' 8 "$(our_count "$sample")"


# ---- What fuzzing and the proxy write --------------------------------------------------------------------------

# is_clean NAME CAPTURE: Wireshark has nothing to say against it, and it holds packets.
is_clean() {
    verdict "$1: no checksum is wrong" '' "$(look "$2" 'ip.checksum.status == "Bad" or tcp.checksum.status == "Bad"')"
    verdict "$1: TCP analysis finds nothing" '' "$(look "$2" tcp.analysis.flags)"
    starts=$(look "$2" "tcp.flags.syn == 1 and tcp.flags.ack == 0" | wc -l)
    verdict "$1: each connection begins with a handshake" "$starts" \
        "$(tshark -r "$2" -T fields -e tcp.stream 2>/dev/null | sort -u | wc -l)"
    counted=$(our_count "$2")
    [ "$counted" -gt 0 ]
    verdict "$1: it holds packets" 0 $?
}
for input in qos0 queued-while-away resent-on-reconnect; do
    MQSPEC_PCAP=$work/fuzzed.pcap "$build/fuzz/replay_broker" "$top/corpus/broker/$input" 2>"$work/err"
    is_clean "an input of the fuzzer, $input" "$work/fuzzed.pcap"
done
# As many packets as the proxy has shown, with a fault in between, over a connection on either side of it.
proxies() {
    start_broker && rm -f "$work/proxy-port"
    "$mqspec" proxy --listen 0 --target "127.0.0.1:$port" --port-file "$work/proxy-port" --pcap "$work/proxied.pcap" \
        "$@" >"$work/out" 2>"$work/err" &
    proxy_pid=$!
    await test -s "$work/proxy-port" &&
        "$mqspec" test --target "127.0.0.1:$(cat "$work/proxy-port")" 'qos[012]_*' >"$work/suite" 2>&1
    kill "$proxy_pid" && await_end "$proxy_pid"
    stop_broker
}
proxies
is_clean 'the proxy' "$work/proxied.pcap"
proxies --fault 'delay PUBACK 10ms' --fault 'cut PUBREL in the middle every 5' --fault 'duplicate PUBLISH every 3'
is_clean 'the proxy with faults' "$work/proxied.pcap"

# ---- The values of fields --------------------------------------------------------------------------------------

fields='frame.number mqtt.msgtype mqtt.topic mqtt.msgid mqtt.clientid mqtt.kalive mqtt.msg mqtt.willtopic mqtt.willmsg
    mqtt.connack.reason_code mqtt.puback.reason_code mqtt.pubrec.reason_code mqtt.pubrel.reason_code
    mqtt.pubcomp.reason_code
    mqtt.suback.reason_code mqtt.unsuback.reason_code mqtt.disconnect.reason_code mqtt.auth.reason_code
    mqtt.prop_number mqtt.property.max_qos mqtt.property.topic_alias mqtt.property.content_type mqtt.prop_string
    mqtt.prop_key mqtt.prop_value mqtt.subscription_options_nl mqtt.subscription_options_rap
    mqtt.subscription_options_retain'

# look_once CAPTURE: what tshark and we see in it goes to files, for the functions below. Frames with bytes that we
# refuse are left out: tshark shows what it can of them.
look_once() {
    names=
    for field in $fields; do
        names="$names -e $field"
    done
    "$mqspec" decode --json "$1" >"$work/all"
    shown=mqtt
    sed -n 's/.*"frame":\([0-9]*\),.*"refused":.*/\1/p' "$work/all" >"$work/frames"
    while read -r frame; do
        shown="$shown && frame.number != $frame"
        sed -i "/\"frame\":$frame,/d" "$work/all"
    done <"$work/frames"
    mv "$work/all" "$work/ours"
    # shellcheck disable=SC2086 # the names are words
    tshark -r "$1" -o "tls.keylog_file:${1%.pcap}.keys" -d tcp.port==8883,tls -Y "$shown" \
        -T fields -E header=y -E occurrence=a -E 'aggregator=|' $names \
        >"$work/theirs" 2>/dev/null
}

# Every value of some of tshark's fields with its frame, one a line; none that is empty.
tshark_values() {
    awk -F '\t' -v wanted="$*" '
        NR == 1 { for (i = 2; i <= NF; i++) if ((" " wanted " ") ~ (" " $i " ")) columns[i] }
        NR > 1 { for (i in columns) { count = split($i, values, "|")
            for (n = 1; n <= count; n++) if (values[n] != "" && values[n] != "<MISSING>") print $1, values[n] } }' \
        "$work/theirs" | LC_ALL=C sort
}

# The types of all packets of each frame, in order.
tshark_order() { awk -F '\t' 'NR > 1 { print $1, $2 }' "$work/theirs" | tr '|' ' '; }
our_order() {
    python3 -c '
import json, sys
types = "CONNECT CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK PINGREQ PINGRESP " \
    "DISCONNECT AUTH"
numbers = {name: number + 1 for number, name in enumerate(types.split())}
frames = {}
for line in sys.stdin:
    packet = json.loads(line)
    frames.setdefault(packet["frame"], []).append(numbers[packet["type"]])
for frame, types in frames.items():
    print(frame, *types)' <"$work/ours"
}

# The same of our fields. tshark shows binary data of properties as text, up to its first zero, and puts the topic into
# a packet that has only its alias.
our_values() {
    python3 -c '
import json, sys
wanted = sys.argv[1:]
for line in sys.stdin:
    packet = json.loads(line)
    frame = packet["frame"]
    if "topic" in wanted and "topic_of_alias" in packet:
        print(frame, packet["topic_of_alias"])
    for field in packet["fields"]:
        if field["name"] not in wanted:
            continue
        for part in ("hex", "key", "value"):
            value = field.get(part, "")
            if field["name"] == "correlation_data":
                value = bytes.fromhex(value).split(b"\0")[0].decode()
            if value != "":
                print(frame, int(value) if isinstance(value, bool) else value)
' $1 <"$work/ours" | LC_ALL=C sort
}

numbers='payload_format_indicator message_expiry_interval subscription_identifier session_expiry_interval
    server_keep_alive request_problem_information will_delay_interval request_response_information receive_maximum
    topic_alias_maximum topic_alias maximum_qos retain_available maximum_packet_size wildcard_subscription_available
    subscription_identifier_available shared_subscription_available'
# compare NAME OUR_FIELDS TSHARK_FIELDS...
compare() {
    name=$1 ours=$2
    shift 2
    verdict "$(basename "$capture"): $name" "$(tshark_values "$@")" "$(our_values "$ours")"
}
# A Reason Code of 0 may be left out on the wire, and tshark then shows none.
compare_but_zeros() {
    name=$1 ours=$2
    shift 2
    verdict "$(basename "$capture"): $name" "$(tshark_values "$@" | grep -v ' 0$')" \
        "$(our_values "$ours" | grep -v ' 0$')"
}

# ---- WebSocket -------------------------------------------------------------------------------------------------

# tshark 4.0 takes WebSocket off, but reads no MQTT in it: so the bytes of each direction are compared.
tshark_carried() {
    tshark -r "$1" -o "tls.keylog_file:${1%.pcap}.keys" -d tcp.port==8083,http -d tcp.port==8084,tls \
        -d tls.port==8084,http -Y 'websocket.opcode == 2' -T fields -e tcp.srcport -e tcp.dstport -e data.data \
        2>/dev/null | awk '{ way = $1 " " $2; gsub(",", "", $3); all[way] = all[way] $3 }
            END { for (way in all) print way, all[way] }' | sort
}
our_carried() {
    "$mqspec" decode --json "$1" | python3 -c '
import json, sys
carried = {}
for line in sys.stdin:
    packet = json.loads(line)
    ports = [packet[end].split(":")[1] for end in ("client_address", "server_address")]
    if packet["sender"] == "server":
        ports.reverse()
    carried[" ".join(ports)] = carried.get(" ".join(ports), "") + packet["bytes"]
for way, bytes in carried.items():
    print(way, bytes)' | sort
}

# ---- The stored captures ---------------------------------------------------------------------------------------

for capture in "$top"/pcaps/*.pcap; do
    case $capture in
    *-ws*)
        if command -v python3 >/dev/null 2>&1; then
            verdict "$(basename "$capture"): the bytes in WebSocket" "$(tshark_carried "$capture")" \
                "$(our_carried "$capture")"
        else
            skip "$(basename "$capture"): the bytes in WebSocket" 'no python3'
        fi
        continue
        ;;
    esac
    look_once "$capture"
    verdict "$(basename "$capture"): as many MQTT packets" "$(tshark_values mqtt.msgtype | wc -l)" \
        "$(grep -c '"type"' "$work/ours")"
    if ! command -v python3 >/dev/null 2>&1; then
        skip "$(basename "$capture"): the values of fields" 'no python3'
        continue
    fi
    verdict "$(basename "$capture"): the order of packets" "$(tshark_order)" "$(our_order)"
    compare 'topics and filters' 'topic filter' mqtt.topic
    compare 'Packet Identifiers' packet_identifier mqtt.msgid
    compare 'Client Identifiers' client_identifier mqtt.clientid
    compare 'Keep Alive' keep_alive mqtt.kalive
    compare 'payloads' 'payload' mqtt.msg
    compare 'Will Topics and Messages' 'will_topic will_message' mqtt.willtopic mqtt.willmsg
    compare_but_zeros 'Reason Codes' reason_code mqtt.connack.reason_code mqtt.puback.reason_code \
        mqtt.pubrec.reason_code mqtt.pubrel.reason_code mqtt.pubcomp.reason_code mqtt.suback.reason_code \
        mqtt.unsuback.reason_code \
        mqtt.disconnect.reason_code mqtt.auth.reason_code
    compare 'numbers of properties' "$numbers" mqtt.prop_number mqtt.property.max_qos mqtt.property.topic_alias
    compare 'texts of properties' \
        'content_type response_topic correlation_data assigned_client_identifier reason_string' \
        mqtt.property.content_type mqtt.prop_string
    compare 'User Properties' user_property mqtt.prop_key mqtt.prop_value
    compare 'Subscription Options' 'no_local retain_as_published retain_handling' mqtt.subscription_options_nl \
        mqtt.subscription_options_rap mqtt.subscription_options_retain
done

# ---- Other links, fragments, and interfaces that differ ----------------------------------------------------------

# rewrapped NAME ARGUMENTS OF REWRAP...: tshark and we see the same packets in the same frames.
rewrapped() {
    name=$1
    shift
    python3 "$top/pcaps/tests/rewrap.py" "$top/pcaps/paho-go.pcap" "$work/rewrapped.pcap" "$@"
    look_once "$work/rewrapped.pcap"
    verdict "$name: as many packets as before" 58 "$(grep -c '"type"' "$work/ours")"
    verdict "$name: the order of packets" "$(tshark_order)" "$(our_order)"
}
if command -v python3 >/dev/null 2>&1; then
    rewrapped 'PPP' ppp
    rewrapped 'PPPoE' pppoe
    rewrapped 'fragments' ethernet 24
    rewrapped 'fragments over PPP' ppp 64
else
    skip 'other links and fragments' 'no python3'
fi
if command -v mergecap >/dev/null 2>&1 && command -v python3 >/dev/null 2>&1; then
    mergecap -w "$work/merged.pcapng" "$top/pcaps/mosquitto-clients.pcap" "$top/pcaps/mosquitto-clients-3.1.pcap"
    look_once "$work/merged.pcapng"
    verdict 'interfaces of two link types: the order of packets' "$(tshark_order)" "$(our_order)"
else
    skip 'interfaces of two link types' 'no mergecap'
fi
finish
