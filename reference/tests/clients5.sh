#!/bin/sh
# usage: clients5.sh MQSPEC [BUILD_DIRECTORY]
#
# Independent clients of MQTT 3.1.1 and 5.0 talk to the broker command: mosquitto's (C), MQTT.js and paho-mqtt (Python).
# TAP. npm and pip install theirs below BUILD_DIRECTORY (build); what cannot be had is skipped and says why.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=${1:?usage: clients5.sh MQSPEC [BUILD_DIRECTORY]}
build=${2:-build}
here=$top/reference/tests
evidence='err log messages.*'
children=

check 'the broker starts' start_broker || finish

# ---- mosquitto ---------------------------------------------------------------------------------------------------

publish() {
    timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" -V "$version" "$@"
}

# A subscriber in the background, subscribed when this returns. Each message is a line of $work/messages.NAME that
# begins with "got": QoS, retain flag, topic, payload, User Properties.
subscriber() { # name, arguments of mosquitto_sub
    messages=$work/messages.$1
    shift
    : >"$messages"
    stdbuf -oL mosquitto_sub -h 127.0.0.1 -p "$port" -V "$version" -F 'got %q %r %t %p %P' -d "$@" >"$messages" 2>&1 &
    client_pid=$!
    children="$children $client_pid"
    await grep -q Subscribed "$messages"
}

# The messages that the subscriber has got are these, a line each, once it has got as many.
got() { # name, lines
    printf '%s\n' "$2" | sed 's/ *$//' >"$work/expected"
    await has_lines "$work/messages.$1" "$(grep -c . "$work/expected")"
    sed -n 's/^got //p' "$work/messages.$1" | sed 's/ *$//' | cmp -s - "$work/expected"
}

has_lines() { # file, number
    [ "$(grep -c '^got ' "$1")" -ge "$2" ]
}

# All subscribers go, and what they got.
leave() {
    for child in $children; do
        kill "$child" 2>/dev/null
        wait "$child" 2>/dev/null
    done
    children=
    rm -f "$work"/messages.*
}

mosquitto_exchanges() {
    for qos in 0 1 2; do
        check "mosquitto $version: subscribe at QoS $qos" subscriber "q$qos" -t "m/q$qos" -q $qos
        for text in one two three; do
            check "mosquitto $version: publish at QoS $qos" publish -t "m/q$qos" -q $qos -m $text
        done
        check "mosquitto $version: three messages come in order at QoS $qos" got "q$qos" "$qos 0 m/q$qos one
$qos 0 m/q$qos two
$qos 0 m/q$qos three"
    done
}

mosquitto_retained() {
    check "mosquitto $version: publish a retained message" publish -t m/kept -q 1 -r -m text
    check "mosquitto $version: subscribe behind it" subscriber kept -t m/kept -q 2
    check "mosquitto $version: it comes with its flag" got kept '1 1 m/kept text'
    check "mosquitto $version: clear it" publish -t m/kept -q 1 -r -n
    check "mosquitto $version: subscribe again" subscriber cleared -t m/kept -q 2
    check "mosquitto $version: publish a fence" publish -t m/kept -q 1 -m fence
    check "mosquitto $version: only the fence comes" got cleared '1 0 m/kept fence'
}

mosquitto_will() {
    check "mosquitto $version: subscribe to a will" subscriber will -t m/will -q 2
    check "mosquitto $version: connect with a will" subscriber dying -t m/nothing --will-topic m/will \
        --will-payload gone --will-qos 2
    kill -9 "$client_pid"
    check "mosquitto $version: the will comes" got will '2 0 m/will gone'
}

mosquitto_will_with_delay() {
    check 'mosquitto 5: subscribe to a will' subscriber late -t m/late -q 2
    check 'mosquitto 5: connect with a will and a delay' subscriber dying -t m/nothing -i m-dying -x 60 \
        --will-topic m/late --will-payload gone --will-qos 1 -D will will-delay-interval 2
    began=$(date +%s)
    kill -9 "$client_pid"
    check 'mosquitto 5: publish when the connection is broken' publish -t m/late -q 1 -m first
    check 'mosquitto 5: the will comes behind that' got late '1 0 m/late first
1 0 m/late gone'
    check 'mosquitto 5: and after its delay' test $(($(date +%s) - began)) -ge 1
}

mosquitto_shared() {
    for member in 1 2 3; do
        # shellcheck disable=SC2016 # $share is meant
        check "mosquitto 5: member $member subscribes" subscriber "member$member" -q 1 -t '$share/group/m/shared' \
            -t m/shared-fence
    done
    i=0
    : >"$work/lines"
    while [ $i -lt 30 ]; do
        echo $((100 + i)) >>"$work/lines"
        i=$((i + 1))
    done
    check 'mosquitto 5: publish to a shared subscription' publish -t m/shared -q 1 -l <"$work/lines"
    check 'mosquitto 5: publish a fence' publish -t m/shared-fence -q 1 -m fence
    for member in 1 2 3; do
        check "mosquitto 5: the fence comes to member $member" await grep -q fence "$work/messages.member$member"
    done
    sed -n 's|^got 1 0 m/shared \([0-9]*\) *$|\1|p' "$work"/messages.member? | sort >"$work/received"
    check 'mosquitto 5: each message has come to one member' cmp "$work/lines" "$work/received"
}

mosquitto_properties() {
    check 'mosquitto 5: subscribe' subscriber properties -t m/properties -q 1
    check 'mosquitto 5: publish with user properties' publish -t m/properties -q 1 -m text \
        -D publish user-property first 1 -D publish user-property second 2 -D publish user-property first 3
    check 'mosquitto 5: they come in order' got properties '1 0 m/properties text first:1 second:2 first:3'

    check 'mosquitto 5: publish with an expiry' publish -t m/expiry -q 1 -r -m short -D publish \
        message-expiry-interval 1
    check 'mosquitto 5: publish with a longer one' publish -t m/expiry/long -q 1 -r -m long -D publish \
        message-expiry-interval 60
    sleep 2.1
    check 'mosquitto 5: subscribe when the first has expired' subscriber expiry -t 'm/expiry/#' -q 1
    check 'mosquitto 5: publish a fence' publish -t m/expiry -q 1 -m fence
    check 'mosquitto 5: the other comes' got expiry '1 1 m/expiry/long long
1 0 m/expiry fence'

    check 'mosquitto 5: subscribe to what comes by topic alias' subscriber alias -t m/alias
    printf 'one\ntwo\nthree\n' >"$work/lines"
    check 'mosquitto 5: publish by topic alias' publish -t m/alias -l -D publish topic-alias 7 <"$work/lines"
    check 'mosquitto 5: the messages come with their topic' got alias '0 0 m/alias one
0 0 m/alias two
0 0 m/alias three'
}

mosquitto_versions() {
    version=5
    check 'mosquitto 5: subscribe' subscriber five -t m/both -q 2
    version=311
    check 'mosquitto 311: subscribe' subscriber four -t m/both -q 2
    check 'mosquitto 311: publish' publish -t m/both -q 2 -m 'from 3.1.1'
    version=5
    check 'mosquitto 5: publish' publish -t m/both -q 2 -m 'from 5.0' -D publish user-property a b
    check 'mosquitto 5: both messages come' got five '2 0 m/both from 3.1.1
2 0 m/both from 5.0 a:b'
    check 'mosquitto 311: both messages come' got four '2 0 m/both from 3.1.1
2 0 m/both from 5.0'
}

if command -v mosquitto_sub >/dev/null && command -v mosquitto_pub >/dev/null; then
    for version in 311 5; do
        for group in mosquitto_exchanges mosquitto_retained mosquitto_will; do
            $group
            leave
        done
    done
    for group in mosquitto_will_with_delay mosquitto_shared mosquitto_properties mosquitto_versions; do
        $group
        leave
    done
else
    skip "mosquitto's clients" 'mosquitto_pub and mosquitto_sub are not installed'
fi

# ---- MQTT.js -----------------------------------------------------------------------------------------------------

mqttjs() {
    node_package "$build/mqttjs" mqtt@5 || { skip MQTT.js "$reason" && return; }
    rows_of MQTT.js node "$here/clients5.js" "$port"
}
mqttjs

# ---- paho-mqtt ---------------------------------------------------------------------------------------------------

paho() {
    command -v python3 >/dev/null || { skip paho-mqtt 'python3 is not installed' && return; }
    if [ ! -d "$build/paho/paho" ]; then
        timeout 120 python3 -m pip install --quiet --target "$build/paho" 'paho-mqtt>=2,<3' >"$work/pip" 2>&1 ||
            { skip paho-mqtt "pip cannot install it: $(tail -n 1 "$work/pip")" && return; }
    fi
    rows_of paho-mqtt env PYTHONPATH="$(cd "$build/paho" && pwd)" python3 "$here/clients5.py" "$port"
}
paho

check 'the broker is still there' kill -0 "$broker_pid"
finish
