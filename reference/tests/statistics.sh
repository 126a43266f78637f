#!/bin/sh
# usage: statistics.sh MQSPEC
#
# What the broker command tells below $SYS/broker, read by mosquitto's client and held to mosquitto's own topics. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=${1:?usage: statistics.sh MQSPEC}
evidence='log told'

read_topics() { # port; the topics and what they tell are then lines of $work/told
    timeout 10 mosquitto_sub -h 127.0.0.1 -p "$1" -i reader -t '$SYS/#' -t end -F '%r %q %t = %p' >"$work/told" &
    reader=$!
    # All that is retained comes before what is published now.
    await publish_end "$1" && kill "$reader"
    wait "$reader" 2>/dev/null
}

publish_end() {
    timeout 10 mosquitto_pub -h 127.0.0.1 -p "$1" -i publisher -t end -m end && grep -q ' end = end$' "$work/told"
}

told() { # topic, extended pattern
    grep -qE "^1 0 \\\$SYS/broker/$1 = $2\$" "$work/told"
}

# The topic comes to tell this.
comes_to_tell() { # topic, value
    timeout 10 mosquitto_sub -h 127.0.0.1 -p "$port" -i reader -t "\$SYS/broker/$1" -F %p >"$work/told" &
    reader=$!
    await grep -qx -- "$2" "$work/told"
    status=$?
    kill "$reader"
    wait "$reader" 2>/dev/null
    return $status
}

# ---- At the start --------------------------------------------------------------------------------------------------

check 'a broker starts' start_broker
read_topics "$port"
check 'its version is told' told version 'mqspec version [0-9.]+'
check 'its uptime is told' told uptime '[0-9]+ seconds'
check 'no client is there yet' told clients/connected 0
check 'averages are told' told load/messages/received/15min '0\.00'
check 'memory is told' told heap/current '[1-9][0-9]+'
sed -n 's/^1 0 \(.*\) = .*/\1/p' "$work/told" | sort >"$work/ours"

mosquitto=$(command -v mosquitto || echo /usr/sbin/mosquitto)
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
theirs_are_ours() {
    comm -23 "$work/theirs" "$work/ours" >"$work/missing"
    sed 's/^/# not told: /' "$work/missing"
    [ "$(grep -c '^\$SYS/broker/' "$work/theirs")" -gt 40 ] && [ ! -s "$work/missing" ]
}
if [ -x "$mosquitto" ]; then
    other=$(free_port)
    "$mosquitto" -p "$other" >"$work/log" 2>&1 &
    await timeout 10 mosquitto_pub -h 127.0.0.1 -p "$other" -t t -m x
    read_topics "$other"
    sed -n 's/^1 0 \(\$SYS.*\) = .*/\1/p' "$work/told" | sort >"$work/theirs"
    check "all of mosquitto's topics are told" theirs_are_ours
else
    skip "all of mosquitto's topics are told" 'mosquitto is not installed'
fi
check 'the broker stops' stop_broker

# ---- As it goes on -------------------------------------------------------------------------------------------------

check 'a broker that tells each second starts' start_broker --sys-interval 1
timeout 10 mosquitto_sub -h 127.0.0.1 -p "$port" -i lasting -c -q 1 -t queue -t other -E
timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" -i publisher -t queue -q 1 -m 12345
timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" -i publisher -t kept -r -m 12345
check 'a client that reads is counted' comes_to_tell clients/connected 1
check 'the one that is away too' comes_to_tell clients/disconnected 1
check 'both are' comes_to_tell clients/total 2
check 'two were there at no time' comes_to_tell clients/maximum 1
check 'subscriptions are counted' comes_to_tell subscriptions/count 3
check 'messages are counted' comes_to_tell publish/messages/received 2
check 'their bytes are' comes_to_tell publish/bytes/received 10
check 'averages move' comes_to_tell load/publish/received/1min '[0-9]*\.[0-9]*[1-9][0-9]*'
check 'time goes on' comes_to_tell uptime '[1-9][0-9]* seconds'
check 'the broker stops' stop_broker

# ---- Off -----------------------------------------------------------------------------------------------------------

check 'a broker that tells nothing starts' start_broker --sys-interval 0
read_topics "$port"
check 'it tells nothing' test "$(grep -c SYS "$work/told")" -eq 0
check 'the broker stops' stop_broker

# ---- Whose they are ------------------------------------------------------------------------------------------------

for version in 311 5; do
    check "a broker starts, for a client of $version" start_broker
    timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" -V "$version" -t '$SYS/broker/version' -r -q 1 -m stolen \
        >"$work/log" 2>&1
    read_topics "$port"
    check "a client of $version cannot tell them" told version 'mqspec version .*'
    check 'the broker stops' stop_broker
done

finish
