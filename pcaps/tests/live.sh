#!/bin/sh
# usage: live.sh MQSPEC
#
# Captures that are read while they are made: on an interface, and from a program that writes into standard input. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=$1
if ! "$mqspec" decode -i lo --duration 0.01 2>&1 | grep -q 'no MQTT conversation'; then
    echo '1..0 # SKIP live captures: this user may not capture on lo, or there is no such interface'
    exit 0
fi
require 'live captures' python3

reader_pid=
# read_live COMMAND ARGUMENT...: in the background; awaits that it captures.
read_live() {
    rm -f "$work/live.out"
    "$mqspec" "$@" >"$work/live.out" 2>"$work/live.err" &
    reader_pid=$!
    await grep -q 'capturing on' "$work/live.err"
}
# ends_with STATUS [SIGNAL]
ends_with() {
    kill "-${2:-INT}" "$reader_pid"
    wait "$reader_pid"
    ended=$?
    reader_pid=
    [ "$ended" -eq "$1" ]
}
shows() { await grep -q "$1" "$work/live.out"; }
# A client that connects, publishes, and stays: bytes by hand. Its output is what the broker says.
cat >"$work/talk.py" <<'END'
import socket, sys, time
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
connection.sendall(bytes.fromhex("100d00044d515454040200010001" + "6c"))
connection.recv(4)
connection.sendall(bytes.fromhex("3207" + "0001" + "74" + "0007" + "6869"))
connection.recv(4)
time.sleep(float(sys.argv[2]))
END
talk() { # seconds that it stays
    python3 "$work/talk.py" "$port" "$1"
}

# ---- An interface ----------------------------------------------------------------------------------------------

check 'a broker starts' start_broker
check 'decode captures' read_live decode -i lo --filter "tcp port $port" -w "$work/kept.pcap"
check 'a client talks' talk 0
check 'its packets are shown while decode runs' shows ' PUBLISH qos=1 .*topic="t"'
check 'so is the answer' shows '<- PUBACK packet_identifier=7'
check 'SIGINT ends it' ends_with 0
keeps_what_it_showed() { "$mqspec" decode "$work/kept.pcap" >"$work/out" && diff "$work/out" "$work/live.out"; }
check 'what it has kept shows the same, with the same frames' keeps_what_it_showed

check 'lint captures everywhere' read_live lint -i any --filter "tcp port $port"
check 'a client talks again' talk 0
check 'SIGTERM ends it' ends_with 0 TERM
check 'with a summary' shows '1 MQTT connection, 4 packets, no breach'
check 'the broker stops' stop_broker

# A client that is silent, and a broker that does not mind: no packet comes that would show it.
check 'a broker starts that lets clients be silent' start_broker --deviate MQTT311:3.1.2-24
check 'lint captures' read_live lint -i lo --filter "tcp port $port"
python3 "$work/talk.py" "$port" 60 &
talker=$!
check 'silence is told while it lasts' shows 'the client broke MQTT311:3.1.2-23'
check 'its status is that of a breach' ends_with 1
kill "$talker"
check 'the broker stops too' stop_broker

# More packets than the kernel has room for, were each to take that of the largest: none is lost while nobody reads.
cat >"$work/burst.py" <<'END'
import socket, sys
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
connection.sendall(bytes.fromhex("100d00044d515454040200000001" + "62"))
connection.recv(4)
for _ in range(1000):
    connection.sendall(bytes.fromhex("c000"))
    connection.recv(2)
END
burst() {
    kill -STOP "$reader_pid"
    timeout 60 python3 "$work/burst.py" "$port"
    status=$?
    kill -CONT "$reader_pid"
    return "$status"
}
shows_all() { grep -c 'PINGRE' "$work/live.out" | grep -qx 2000 && ! grep dropped "$work/live.err"; }
check 'a broker starts for a burst' start_broker
check 'decode captures' read_live decode -i lo --filter "tcp port $port"
check 'a burst while it cannot read' burst
check 'SIGINT ends it' ends_with 0
check 'every packet of the burst is shown' shows_all
check 'the broker stops' stop_broker

ends_by_itself() { "$mqspec" decode -i lo --filter "tcp port 1" --duration 0.2 >"$work/out" 2>"$work/err"; }
ends_by_itself
verdict=$?
is() { [ "$1" -eq "$2" ]; }
check 'a duration ends it' is "$verdict" 2

# ---- Standard input --------------------------------------------------------------------------------------------

# The writer of a capture, who stays when all is written.
writes_and_stays() { # file
    cat "$1" && exec sleep 60
}
read_piped() { # file, COMMAND...
    rm -f "$work/fifo" "$work/live.out"
    mkfifo "$work/fifo"
    writes_and_stays "$1" >"$work/fifo" &
    writer=$!
    shift
    "$mqspec" "$@" <"$work/fifo" >"$work/live.out" 2>"$work/live.err" &
    reader_pid=$!
}
read_piped "$work/kept.pcap" decode -
check 'a pipe: packets are shown while its writer writes' shows '<- PUBACK packet_identifier=7'
check 'a pipe: SIGINT ends the capture' ends_with 0
kill "$writer"
read_piped "$top/pcaps/mosquitto-clients.pcap" lint -
check 'a pipe: what lint notices is told' shows 'notice reconnect-storm'
check 'a pipe: SIGINT ends that too' ends_with 0
check 'a pipe: with a summary' shows '14 MQTT connections, 86 packets, no breach'
kill "$writer"
finish
