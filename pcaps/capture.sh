#!/bin/sh
# Makes the captures of real clients that this folder holds: each client in turn against a broker of its own, with
# tcpdump on the loopback device.
#
#   usage: pcaps/capture.sh [DIRECTORY [NAME...]]   writes DIRECTORY/NAME.pcap, by default all of them into this folder;
#                                                   beside those of TLS, NAME.keys, with which they can be read
#
# Needs mosquitto, mosquitto-clients, tcpdump (and the right to capture), openssl, node with npm, python3 with venv, go.
# Ports 1883, 8883, 8083 and 8084 of the loopback address have to be free; this gives a network of its own, where they
# are:
#
#   sudo unshare -n sh -c 'ip link set lo up && pcaps/capture.sh'
#
# MQTT.js and Paho are installed into a directory that is removed at the end. Without network there, install them
# before, and name where: MQTT_JS=DIRECTORY (that holds node_modules) PAHO=python3-that-has-paho PAHO_GO=program, made
# of clients/paho_go.go
#
# Other brokers than mosquitto are those of `make field`, in FIELD=build/gcc/field; GMQTT=DIRECTORY holds gmqtt.
# Captures for which one of them is missing are passed over, with a word. The lossy link needs nft, and a
# network of its own.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
[ $# -eq 0 ] || shift
only=$*
field=${FIELD:-build/gcc/field}
of=mosquitto stopped_by=TERM
work=$(mktemp -d)
broker=
dump=

finish() {
    [ -z "$dump" ] || kill "$dump" 2>/dev/null || :
    [ -z "$broker" ] || kill "$broker" 2>/dev/null || :
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "capture.sh: $1" >&2
    exit 1
}

# wait_for FILE TEXT [COUNT]: until TEXT stands in FILE that many times; at most 10 seconds.
wait_for() {
    tries=0
    while
        found=$(grep -c -e "$2" "$1" 2>/dev/null || :)
        [ "${found:-0}" -lt "${3:-1}" ]
    do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || fail "waited in vain for '$2' in $(basename "$1")"
        sleep 0.05
    done
}

start_mosquitto() {
    printf 'listener 1883 127.0.0.1\nallow_anonymous true\npersistence false\n' >"$work/mosquitto.conf"
    run_mosquitto
}
# The same over TLS, over WebSocket, and over both.
start_mosquitto_everywhere() {
    [ -e "$work/key.pem" ] || openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
        -keyout "$work/key.pem" -out "$work/certificate.pem" 2>"$work/openssl.log"
    {
        printf 'allow_anonymous true\npersistence false\nuser root\n'
        printf 'listener 8883 127.0.0.1\ncertfile %s\nkeyfile %s\n' "$work/certificate.pem" "$work/key.pem"
        printf 'listener 8083 127.0.0.1\nprotocol websockets\n'
        printf 'listener 8084 127.0.0.1\nprotocol websockets\ncertfile %s\nkeyfile %s\n' \
            "$work/certificate.pem" "$work/key.pem"
    } >"$work/mosquitto.conf"
    run_mosquitto
}
run_mosquitto() {
    : >"$work/broker.log"
    mosquitto -v -c "$work/mosquitto.conf" >"$work/broker.log" 2>&1 &
    broker=$!
    wait_for "$work/broker.log" 'running'
}

# begin NAME DEVICE: a fresh broker, and tcpdump that writes NAME.pcap.
begin() {
    "start_$of"
    tcpdump -i "$2" -U --immediate-mode -B 8192 -w "$work/$1.pcap" \
        'tcp port 1883 or tcp port 8883 or tcp port 8083 or tcp port 8084' 2>"$work/dump.log" &
    dump=$!
    wait_for "$work/dump.log" 'listening on'
}

# end NAME: the broker stops first, so that the end of each connection is in the capture.
end() {
    kill -"$stopped_by" "$broker"
    wait "$broker" 2>/dev/null || :
    broker=
    kill -INT "$dump"
    wait "$dump" || :
    dump=
    grep -q '^0 packets dropped by kernel' "$work/dump.log" || fail "packets were lost; run it again"
    cp "$work/$1.pcap" "$out/$1.pcap"
    [ ! -s "$work/$1.keys" ] || cp "$work/$1.keys" "$out/$1.keys"
    echo "$out/$1.pcap"
}

# record NAME DEVICE COMMAND...: the capture of what COMMAND does, unless the command line names others only.
record() {
    name=$1 device=$2
    shift 2
    case " ${only:-$name} " in *" $name "*) ;; *) return ;; esac
    begin "$name" "$device"
    "$@"
    end "$name"
}

# ---- mosquitto_pub and mosquitto_sub ---------------------------------------------------------------------------

publish() {
    mosquitto_pub -h 127.0.0.1 -i publisher "$@"
}

# subscribe COUNT NAME ARGUMENTS...: in the background; ends by itself after COUNT messages.
subscribe() {
    subacks=$(grep -c 'Sending SUBACK' "$work/broker.log" || :)
    count=$1 client=$2
    shift 2
    mosquitto_sub -h 127.0.0.1 -i "$client" -C "$count" -W 10 "$@" >/dev/null &
    subscriber=$!
    wait_for "$work/broker.log" 'Sending SUBACK' $((subacks + 1))
}

mosquitto_clients() {
    version=$1
    subscribe 3 subscriber -V "$version" -q 2 -t 'demo/+'
    publish -V "$version" -q 0 -t demo/0 -m 'at most once'
    publish -V "$version" -q 1 -t demo/1 -m 'at least once'
    publish -V "$version" -q 2 -t demo/2 -m 'exactly once'
    wait "$subscriber"

    publish -V "$version" -q 1 -r -t demo/retained -m 'kept'
    subscribe 1 late-subscriber -V "$version" -q 1 -t demo/retained
    wait "$subscriber"
    publish -V "$version" -q 1 -r -t demo/retained -n

    # A client that dies without DISCONNECT: its Will Message is published.
    subscribe 1 watcher -V "$version" -q 1 -t demo/will
    watcher=$subscriber
    subscribe 9 dying -V "$version" -q 0 -t demo/none --will-topic demo/will --will-payload 'gone' --will-qos 1
    kill -KILL "$subscriber"
    wait "$watcher"

    # A session that outlives its connection.
    subscribe 1 sleeper -V "$version" -c -q 1 -t demo/stored
    publish -V "$version" -q 1 -t demo/stored -m 'while connected'
    wait "$subscriber"
    publish -V "$version" -q 1 -t demo/stored -m 'first while away'
    publish -V "$version" -q 1 -t demo/stored -m 'second while away'
    subscribe 2 sleeper -V "$version" -c -q 1 -t demo/stored
    wait "$subscriber"
}

record mosquitto-clients lo mosquitto_clients mqttv311

# MQTT 3.1, on the "any" device: another link layer.
record mosquitto-clients-3.1 any mosquitto_clients mqttv31

# What only MQTT 5.0 has. Assigned Client Identifiers come where no -i is given.
mosquitto_clients_5() {
    subscribe 5 subscriber -V mqttv5 -q 2 -t 'demo/+' -D connect receive-maximum 5 -D connect topic-alias-maximum 4 \
        -D connect maximum-packet-size 4096 -D connect user-property unit celsius \
        -D subscribe subscription-identifier 7 -D subscribe user-property asked-by capture
    publish -V mqttv5 -q 0 -t demo/0 -m 'at most once' -D publish payload-format-indicator 1 \
        -D publish content-type text/plain -D publish user-property unit celsius -D publish user-property unit kelvin
    publish -V mqttv5 -q 1 -t demo/1 -m 'at least once' -D publish message-expiry-interval 3600
    publish -V mqttv5 -q 2 -t demo/2 -m 'exactly once' -D publish response-topic demo/answer \
        -D publish correlation-data 4711
    printf 'by name\nby alias\n' | mosquitto_pub -h 127.0.0.1 -V mqttv5 -q 1 -t demo/alias -l \
        -D publish topic-alias 1
    wait "$subscriber"
    publish -V mqttv5 -q 1 -t demo/nobody -m 'no matching subscribers'

    publish -V mqttv5 -q 1 -r -t demo/retained -m 'kept' -D publish message-expiry-interval 3600
    subscribe 1 late-subscriber -V mqttv5 -q 1 -t demo/retained
    wait "$subscriber"
    publish -V mqttv5 -q 1 -r -t demo/retained -n

    # A Will Message with properties, after a delay that a new connection does not end.
    subscribe 1 watcher -V mqttv5 -q 1 -t demo/will
    watcher=$subscriber
    subscribe 9 dying -V mqttv5 -q 0 -t demo/none --will-topic demo/will --will-payload 'gone' --will-qos 1 -x 60 \
        -D will will-delay-interval 1 -D will content-type text/plain -D will user-property why silence
    kill -KILL "$subscriber"
    wait "$watcher"

    # A session that outlives its connection, for as long as its Session Expiry Interval says.
    subscribe 1 sleeper -V mqttv5 -c -x 3600 -q 1 -t demo/stored
    publish -V mqttv5 -q 1 -t demo/stored -m 'while connected'
    wait "$subscriber"
    publish -V mqttv5 -q 1 -t demo/stored -m 'first while away' -D publish message-expiry-interval 600
    publish -V mqttv5 -q 1 -t demo/stored -m 'second while away'
    subscribe 2 sleeper -V mqttv5 -c -x 3600 -q 1 -t demo/stored
    wait "$subscriber"

    # One shares a subscription, and then another one in its place.
    subscribe 1 sharer-1 -V mqttv5 -q 1 -t '$share/sharers/demo/shared'
    publish -V mqttv5 -q 1 -t demo/shared -m 'to the first'
    wait "$subscriber"
    subscribe 1 sharer-2 -V mqttv5 -q 1 -t '$share/sharers/demo/shared'
    publish -V mqttv5 -q 1 -t demo/shared -m 'to the second'
    wait "$subscriber"
}

record mosquitto-clients-5.0 lo mosquitto_clients_5

# ---- MQTT.js ---------------------------------------------------------------------------------------------------

if [ -z "${MQTT_JS:-}" ]; then
    MQTT_JS=$work/js
    mkdir "$MQTT_JS"
    (cd "$MQTT_JS" && npm install --silent --no-fund --no-audit mqtt >&2)
fi
mqtt_js() {
    NODE_PATH=$MQTT_JS/node_modules node "$here/clients/mqtt_js.js" "$@"
}
record mqtt-js lo mqtt_js 3.1.1
record mqtt-js-5.0 lo mqtt_js 5.0

# ---- Paho for Python -------------------------------------------------------------------------------------------

if [ -z "${PAHO:-}" ]; then
    python3 -m venv "$work/python"
    "$work/python/bin/pip" install --quiet paho-mqtt
    PAHO=$work/python/bin/python
fi
paho_python() {
    "$PAHO" "$here/clients/paho_python.py" "$@"
}
record paho-python lo paho_python 3.1.1 3.1
record paho-python-5.0 lo paho_python 5.0

# ---- Paho for Go -----------------------------------------------------------------------------------------------

if [ -z "${PAHO_GO:-}" ]; then
    mkdir "$work/go"
    cp "$here/clients/paho_go.go" "$work/go"
    (cd "$work/go" && go mod init capture && go get github.com/eclipse/paho.mqtt.golang && go build -o paho_go .) >&2
    PAHO_GO=$work/go/paho_go
fi
record paho-go lo "$PAHO_GO" tcp://127.0.0.1:1883

# ---- TLS and WebSocket -----------------------------------------------------------------------------------------

mqtt_js_secure() { # name of the capture, version, address
    NODE_PATH=$MQTT_JS/node_modules node --tls-keylog="$work/$1.keys" "$here/clients/mqtt_js.js" "$2" "$3"
}
of=mosquitto_everywhere
record paho-go-tls-1.3 lo "$PAHO_GO" ssl://127.0.0.1:8883 "$work/paho-go-tls-1.3.keys"
record paho-python-tls-1.2-5.0 lo paho_python --tls-1.2 "$work/paho-python-tls-1.2-5.0.keys" 5.0
record mqtt-js-ws lo mqtt_js 3.1.1 ws://127.0.0.1:8083
record paho-python-ws-5.0 lo paho_python --websocket 5.0
record mqtt-js-wss-5.0 lo mqtt_js_secure mqtt-js-wss-5.0 5.0 wss://127.0.0.1:8084
of=mosquitto

# ---- Other brokers ---------------------------------------------------------------------------------------------

# Waits until somebody listens on port 1883.
await_listener() {
    tries=0
    until python3 -c 'import socket; socket.create_connection(("127.0.0.1", 1883)).close()' 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || fail "waited in vain for $of"
        sleep 0.1
    done
}

start_mochi() {
    "$field/mochi/bin/cmd" -tcp 127.0.0.1:1883 -ws 127.0.0.1:0 -info 127.0.0.1:0 >"$work/broker.log" 2>&1 &
    broker=$!
    await_listener
}
start_aedes() {
    node "$field/aedes/aedes_host.mjs" 1883 >"$work/broker.log" 2>&1 &
    broker=$!
    await_listener
}
start_hivemq() {
    mkdir -p "$work/hivemq"
    java -cp "$field/hivemq/jars/*" "$here/../conformance/field/hivemq/HiveMQHost.java" 1883 "$work/hivemq" \
        >"$work/broker.log" 2>&1 &
    broker=$!
    await_listener
}
# record_on BROKER NEEDED NAME DEVICE COMMAND...: against another broker, where the file that is needed is there.
record_on() {
    of=$1
    shift
    if [ -e "$1" ]; then
        shift
        record "$@"
    else
        echo "capture.sh: $2 is passed over: there is no $1" >&2
    fi
    of=mosquitto
}

gmqtt_python() {
    PYTHONPATH=${GMQTT:-} python3 "$here/clients/gmqtt_python.py" "$@"
}
amqtt_python() {
    PYTHONPATH=$field/amqtt/python python3 "$here/clients/amqtt_python.py"
}

record_on aedes "$field/aedes" mqtt-js-aedes lo mqtt_js 3.1.1
record_on mochi "$field/mochi" paho-python-mochi-5.0 lo paho_python 5.0
record_on hivemq "$field/hivemq" mqtt-js-hivemq-5.0 lo mqtt_js 5.0
record_on mosquitto "$field/amqtt" amqtt-python lo amqtt_python
record_on mochi "$field/mochi" gmqtt-python-5.0 lo gmqtt_python 5.0

# ---- A link that loses ---------------------------------------------------------------------------------------------

# One segment of twenty is lost before the capture sees it, and one of twenty behind it: so some are missing until they
# come again, behind later ones, and others are there twice.
lossy() {
    nft -f - <<'END' || return 1
table inet lossy {
    chain sent {
        type filter hook output priority 0
        tcp sport 1883 numgen random mod 20 0 drop
        tcp dport 1883 numgen random mod 20 0 drop
    }
    chain received {
        type filter hook input priority 0
        tcp sport 1883 numgen random mod 20 0 drop
        tcp dport 1883 numgen random mod 20 0 drop
    }
}
END
    mosquitto_clients mqttv311
    paho_python 3.1.1
    nft delete table inet lossy
}
record lossy-link lo lossy
