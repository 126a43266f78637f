#!/bin/sh
# usage: proxy.sh MQSPEC [BUILD_DIRECTORY]
#
# The proxy between real clients and brokers: what it shows, its faults by their effects, its captures, TLS and
# WebSocket, the suite through it. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"
PATH=$PATH:/usr/sbin # where Debian has mosquitto
mqspec=$1
subcommand=proxy

# ---- Usage -----------------------------------------------------------------------------------------------------------

runs 'it explains itself and its faults' 0 'cut TYPE in the middle' "$mqspec" proxy --help
runs 'it wants to know where' 2 'give --listen' "$mqspec" proxy
runs 'it wants to know whereto' 2 'give --listen' "$mqspec" proxy --listen 0
runs 'a port is a number' 2 'port from 0 to 65535' "$mqspec" proxy --listen nowhere:x --target localhost:1883
runs 'a target has an address' 2 'has no address' "$mqspec" proxy --listen 0 --target :1883
runs 'and not the port 0' 2 'from 1 to 65535' "$mqspec" proxy --listen 0 --target localhost:0
runs 'a fault is understood or explained' 2 'needs a time' "$mqspec" proxy --fault 'delay PUBACK'
runs 'a seed is a number' 2 'takes a number' "$mqspec" proxy --seed x
runs 'TLS needs a certificate' 2 'give --cert' "$mqspec" proxy --listen mqtts://127.0.0.1:0 --target localhost:1883
runs 'certificates need TLS' 2 'are for clients over TLS' "$mqspec" proxy --listen 0 --target localhost:1883 --cert x
runs 'on the side of the target too' 2 'a target with TLS' "$mqspec" proxy --listen 0 --target localhost:1 \
    --target-insecure
runs 'a capture has a file' 2 'give --pcap a file' "$mqspec" proxy --listen 0 --target localhost:1 --pcap -
runs 'that can be written' 2 'cannot write' "$mqspec" proxy --listen 0 --target 127.0.0.1:1 --pcap "$work/none/x.pcap"

# ---- Peers by hand ---------------------------------------------------------------------------------------------------

if command -v python3 >/dev/null; then
    mkdir "$work/peers"
    rows_of 'proxy_peers.py' python3 "$top/pcaps/tests/proxy_peers.py" "$mqspec" "$work/peers"
else
    skip 'peers that are no MQTT clients' 'python3 is not installed'
fi

# ---- Starting and ending ---------------------------------------------------------------------------------------------

# Starts the proxy in front of $port, the broker's; true when it listens at $proxy_port.
start_proxy() { # further arguments
    rm -f "$work/proxy_port"
    "$mqspec" proxy --listen 0 --target "127.0.0.1:$port" --port-file "$work/proxy_port" "$@" \
        >"$work/out" 2>"$work/err" &
    proxy_pid=$!
    await test -s "$work/proxy_port" && proxy_port=$(cat "$work/proxy_port")
}
ends_proxy() { # expected status
    kill -INT "$proxy_pid" && await_end "$proxy_pid"
    [ $? -eq "$1" ]
}
shows() { # pattern; waited for, since what is shown follows what is done
    await grep -q -- "$1" "$work/out"
}
shows_nothing_of() {
    ! grep -q -- "$1" "$work/out"
}

check 'a broker starts' start_broker
check 'the proxy starts' start_proxy
runs 'a port in use is told' 3 'choose another port' "$mqspec" proxy --listen "$proxy_port" --target 127.0.0.1:1
check 'the proxy ends by a signal, without a breach' ends_proxy 0
check 'it says that nobody came' printed 'no MQTT connection'

# ---- Real clients ----------------------------------------------------------------------------------------------------

require 'mosquitto clients through the proxy' mosquitto_pub mosquitto_sub mosquitto

publish() { # further arguments
    timeout 10 mosquitto_pub -p "$proxy_port" -i publisher -t a/b -m hello "$@" >"$work/pub" 2>&1
}
# Subscribes and waits for messages; true once the subscription stands. What comes goes to $work/messages.
subscribes() { # further arguments
    timeout 10 mosquitto_sub -p "$proxy_port" -i subscriber -t 'a/#' "$@" >"$work/messages" 2>&1 &
    subscriber_pid=$!
    shows '<- SUBACK'
}
got() { # messages, one a line
    wait "$subscriber_pid"
    printf '%s\n' "$@" | cmp -s - "$work/messages"
}

talks_through() { # name of the broker, version
    check "$1 $2: the proxy starts" start_proxy --pcap "$work/talk.pcap"
    check "$1 $2: a client subscribes" subscribes -V "$2" -q 2 -C 3
    for qos in 0 1 2; do
        check "$1 $2: another publishes with QoS $qos" publish -V "$2" -q $qos
    done
    check "$1 $2: the messages arrive" got hello hello hello
    check "$1 $2: packets are shown in words" shows 'subscriber .* <- PUBLISH qos=2 .*topic="a/b".*payload="hello"'
    check "$1 $2: connections are closed" await sh -c "[ \$(grep -c 'closed by' $work/out) -eq 4 ]"
    check "$1 $2: nobody broke a rule" ends_proxy 0
    check "$1 $2: the summary says so" printed '^proxy: 4 MQTT connections, .* no breach'
    shown=$(grep -cE ' (->|<-) [A-Z]+' "$work/out")
    runs "$1 $2: nor does lint find anything" 0 '4 MQTT connections, .* no breach' "$mqspec" lint "$work/talk.pcap"
    runs "$1 $2: the capture has the packets that were shown" 0 "connections, $shown packets" \
        "$mqspec" lint "$work/talk.pcap"
}
for version in mqttv311 mqttv5; do
    talks_through mqspec $version
done

look() { # capture, filter
    tshark -r "$1" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -Y "$2" 2>/dev/null
}
is_fine_to_tshark() { # capture
    faults='tcp.analysis.flags or _ws.malformed or ip.checksum.status == "Bad" or tcp.checksum.status == "Bad"'
    look "$1" "$faults" >"$work/err"
    [ ! -s "$work/err" ] && [ -n "$(look "$1" tcp)" ]
}
if command -v tshark >/dev/null; then
    check 'tshark has no complaint about the capture' is_fine_to_tshark "$work/talk.pcap"
    if [ -s "$work/peers/reset.pcap" ]; then
        check 'nor about one of resets' is_fine_to_tshark "$work/peers/reset.pcap"
    fi
else
    skip 'tshark has no complaint about the capture' 'tshark is not installed'
fi

# ---- Faults, by their effects ----------------------------------------------------------------------------------------

milliseconds() { date +%s%3N; }

check 'delay: the proxy starts' start_proxy --fault 'delay PUBACK 400ms'
began=$(milliseconds)
check 'delay: a client publishes' publish -q 1
check 'delay: it has waited for its PUBACK' test $(($(milliseconds) - began)) -ge 400
check 'delay: the proxy ends' ends_proxy 0
check 'delay: it is told' printed "<- PUBACK delayed by the fault 'delay PUBACK 400ms'"

# The client sends its DISCONNECT only when its message is acknowledged: it waits, and timeout ends it.
check 'drop: the proxy starts' start_proxy --fault 'drop PUBCOMP from server' --pcap "$work/drop.pcap"
waits_in_vain() {
    timeout 1 mosquitto_pub -p "$proxy_port" -i publisher -t a/b -m hello -q 2 >"$work/pub" 2>&1
    [ $? -eq 124 ]
}
check 'drop: a client waits for the PUBCOMP' waits_in_vain
check 'drop: nobody is blamed for it' ends_proxy 0
check 'drop: it is told' printed "<- PUBCOMP dropped by the fault"
check 'drop: it is counted' printed "fault 'drop PUBCOMP from server': made 1 times, of 1 such packets"
both_sides_of_the_fault() { # the broker sent a PUBCOMP, and the client received none
    "$mqspec" decode "$work/drop.pcap" --type PUBCOMP >"$work/out" && [ "$(wc -l <"$work/out")" -eq 1 ]
}
check 'drop: the capture has both sides' both_sides_of_the_fault

check 'duplicate: the proxy starts' start_proxy --fault 'duplicate PUBLISH from client'
check 'duplicate: a client subscribes' subscribes -q 1 -C 2
check 'duplicate: another publishes once' publish -q 1
check 'duplicate: the message arrives twice' got hello hello
check 'duplicate: the client is not blamed for it' ends_proxy 0

check 'duplicate of QoS 2: the proxy starts' start_proxy --fault 'duplicate PUBLISH from client'
check 'duplicate of QoS 2: a client subscribes' subscribes -q 2 -C 2 -W 2
check 'duplicate of QoS 2: another publishes once' publish -q 2
got_once() { grep -c hello "$work/messages" | grep -qx 1; }
wait "$subscriber_pid"
check 'duplicate of QoS 2: the message arrives once' got_once
check 'duplicate of QoS 2: the proxy ends' ends_proxy 0

comes_back() { # the client connects anew, where the fault does not strike it any more
    timeout 10 mosquitto_sub -p "$proxy_port" -i subscriber -t 'a/#' -C 1 >"$work/messages" 2>&1 &
    subscriber_pid=$!
    await sh -c "[ \$(grep -c '<- SUBACK' $work/out) -ge 1 ]"
}
check 'cut: the proxy starts' start_proxy --fault 'cut after SUBSCRIBE times 1'
check 'cut: a client subscribes, and once more behind the cut' comes_back
check 'cut: it is told' shows 'subscriber .* cut by a fault'
check 'cut: there were two connections' shows 'c2 .*<- SUBACK'
publish -q 0
check 'cut: a message arrives' got hello
check 'cut: the proxy ends' ends_proxy 0

check 'cut in the middle: the proxy starts' start_proxy --fault 'cut PUBLISH in the middle'
loses_its_connection() { ! publish -q 1 && grep -qi 'connection' "$work/pub"; }
check 'cut in the middle: the publisher loses its connection' loses_its_connection
check 'cut in the middle: the broker is not blamed for it' ends_proxy 0
check 'cut in the middle: it is told' printed "PUBLISH cut in the middle by the fault"

by_chance() { # the numbers of the packets that are dropped, of 20
    start_proxy --fault 'drop PUBLISH chance 30%' --seed "$1" --json || return
    seq 20 | timeout 10 mosquitto_pub -p "$proxy_port" -i publisher -t a/b -l -q 0
    await sh -c "grep -q '\"closed\"' $work/out"
    ends_proxy 0 || return
    grep -E '"(packet|fault)"' "$work/out" | grep '"PUBLISH"' | grep -n '"event": *"fault"' | cut -d: -f1 >"$2"
}
check 'chance: a run with a seed' by_chance 7 "$work/first"
check 'chance: one with the same seed' by_chance 7 "$work/second"
check 'chance: one with another' by_chance 8 "$work/third"
check 'chance: it strikes some' test -s "$work/first"
check 'chance: the same seed strikes the same packets' cmp -s "$work/first" "$work/second"
check 'chance: another one others' sh -c "! cmp -s $work/first $work/third"

# ---- Breaches --------------------------------------------------------------------------------------------------------

check 'the broker stops' stop_broker
check 'a broker that breaks a rule starts' start_broker --deviate MQTT311:3.8.4-2
check 'breach: the proxy starts' start_proxy --quiet
timeout 2 mosquitto_sub -p "$proxy_port" -t a -W 1 >/dev/null 2>&1
check 'breach: its status tells' ends_proxy 1
check 'breach: it is told' printed 'the server broke MQTT311:3.8.4-2'
check 'breach: --quiet tells nothing else' shows_nothing_of 'opened by'
check 'the broker stops' stop_broker

# ---- TLS and WebSocket, each side by itself --------------------------------------------------------------------------

has_certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout "$work/key.pem" -out "$work/cert.pem" 2>"$work/err"
}
# The proxy listens in one way and reaches the broker in another; scenarios are played through it.
plays_over() { # scheme where it listens, scheme of the target, further arguments of `mqspec test`
    to_port=$(awk -v scheme="$2" '$1 == scheme { print $2 }' "$work/port")
    rm -f "$work/proxy_port"
    own='' its=''
    case $1 in mqtts | wss) own="--cert $work/cert.pem --key $work/key.pem" ;; esac
    case $2 in mqtts | wss) its="--target-ca $work/cert.pem" ;; esac
    # shellcheck disable=SC2086 # they are words
    "$mqspec" proxy --listen "$1://localhost:0" --target "$2://localhost:$to_port" --quiet \
        --port-file "$work/proxy_port" $own $its >"$work/out" 2>"$work/err" &
    proxy_pid=$!
    shift 2
    await test -s "$work/proxy_port" || return 1
    timeout 60 "$mqspec" test --target "localhost:$(cat "$work/proxy_port")" "$@" 'qos2_*' >"$work/suite" 2>>"$work/err"
    played=$?
    kill -INT "$proxy_pid" && await_end "$proxy_pid" # some scenarios break a rule on purpose
    [ $? -le 1 ] && [ $played -eq 0 ] && grep -q '[1-9][0-9]* pass, 0 fail' "$work/suite"
}
if command -v openssl >/dev/null && has_certificate; then
    start_broker --cert "$work/cert.pem" --key "$work/key.pem" --listen mqtts://localhost:0 --listen ws://localhost:0 \
        --listen wss://localhost:0
    echo "mqtt $port" >>"$work/port"
    for from in mqtt mqtts ws wss; do
        for to in mqtt mqtts ws wss; do
            [ "$from$to" != mqttmqtt ] || continue
            case $from in
            mqtt) how= ;;
            mqtts) how="--tls --ca $work/cert.pem" ;;
            ws) how=--ws ;;
            wss) how="--tls --ws --ca $work/cert.pem" ;;
            esac
            # shellcheck disable=SC2086
            check "$from to $to: scenarios pass" plays_over "$from" "$to" $how
        done
    done
    tells_distrust() {
        to_port=$(awk '$1 == "mqtts" { print $2 }' "$work/port")
        rm -f "$work/proxy_port"
        "$mqspec" proxy --listen 0 --target "mqtts://localhost:$to_port" --port-file "$work/proxy_port" \
            >"$work/out" 2>"$work/err" &
        proxy_pid=$!
        await test -s "$work/proxy_port" && proxy_port=$(cat "$work/proxy_port")
        ! publish && await grep -q 'certificate' "$work/err"
        told=$?
        ends_proxy 0 && [ $told -eq 0 ]
    }
    check 'a certificate that nobody vouches for is told' tells_distrust
    check 'the broker stops' stop_broker
else
    skip 'TLS and WebSocket on either side' 'openssl is not installed'
fi

# ---- The suite -------------------------------------------------------------------------------------------------------

verdicts() { # port, version, file
    timeout 120 "$mqspec" test --target "127.0.0.1:$1" -V "$2" --tap 2>"$work/err" |
        sed -nE 's/^((not )?ok) [0-9]+ - /\1 /p' | sort >"$3"
}
same_verdicts() { # version
    verdicts "$port" "$1" "$work/direct"
    verdicts "$proxy_port" "$1" "$work/through"
    test -s "$work/direct" && diff "$work/direct" "$work/through" >"$work/err"
}
check 'the suite: a broker starts' start_broker
check 'the suite: the proxy starts' start_proxy --pcap "$work/suite.pcap"
for version in 3.1.1 5.0; do
    check "the suite of $version has the same verdicts through the proxy" same_verdicts $version
done
check 'the suite: what scenarios break is a breach' ends_proxy 1
check 'the suite: by clients, not by the broker' printed ' 0 by servers'
if command -v tshark >/dev/null; then
    no_complaint() {
        look "$work/suite.pcap" 'tcp.analysis.flags or ip.checksum.status == "Bad" or tcp.checksum.status == "Bad"' \
            >"$work/err"
        [ ! -s "$work/err" ]
    }
    check 'the suite: tshark has no complaint about the TCP of its capture' no_complaint
fi
check 'the broker stops' stop_broker

# ---- A broker of other people ----------------------------------------------------------------------------------------

require 'a broker of other people' python3
start_mosquitto() {
    port=$(python3 -c 'import socket; probe = socket.create_server(("127.0.0.1", 0)); print(probe.getsockname()[1])')
    printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >"$work/conf"
    mosquitto -c "$work/conf" >"$work/log" 2>&1 &
    broker_pid=$!
    await mosquitto_pub -p "$port" -t t -m x
}
check 'mosquitto starts' start_mosquitto
for version in mqttv311 mqttv5; do
    talks_through mosquitto $version
done
stop_broker
finish
