#!/bin/sh
# Wireshark's eyes on our captures: what we write is without fault to it, and it counts the packets that we count.
# Usage: tshark.sh MQSPEC BUILD_DIRECTORY. Prints TAP.
set -u
mqspec=$1
build=$2
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! command -v tshark >/dev/null 2>&1; then
    echo "1..0 # SKIP tshark is not installed"
    echo "ok 1 - tshark # SKIP it is not installed"
    exit 0
fi

number=0
failed=0
# verdict NAME EXPECTED RECEIVED
verdict() {
    number=$((number + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $number - $1"
    else
        failed=1
        echo "not ok $number - $1"
        echo "# expected: $2"
        echo "# received: $3"
    fi
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

for capture in "$here"/*.pcap; do
    verdict "$(basename "$capture"): as many MQTT packets" "$(tshark_count "$capture")" "$(our_count "$capture")"
done
echo "1..$number"
exit $failed
