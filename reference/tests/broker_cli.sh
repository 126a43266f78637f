#!/bin/sh
# usage: broker_cli.sh MQSPEC
#
# The broker command from outside: its options and exit statuses, and the clients of mosquitto talking to it. TAP.
set -u

mqspec=${1:?usage: broker_cli.sh MQSPEC}
here=$(dirname "$0")
work=$(mktemp -d) || exit 1
number=0
failures=0
broker_pid=
client_pid=

clean_up() {
    [ -n "$client_pid" ] && kill -9 "$client_pid" 2>/dev/null
    [ -n "$broker_pid" ] && kill -9 "$broker_pid" 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# ---- TAP ---------------------------------------------------------------------------------------------------------

check() { # name, then a command that is to succeed
    name=$1
    shift
    number=$((number + 1))
    if "$@"; then
        echo "ok $number - $name"
        return
    fi
    echo "not ok $number - $name"
    echo "# failed: $*"
    sed 's/^/# /' "$work/out" "$work/err" 2>/dev/null | head -n 20
    failures=$((failures + 1))
}

# Runs mqspec broker to its end and notes what it printed; true when it ends with that status.
ends_with() { # status, arguments
    expected=$1
    shift
    timeout 10 "$mqspec" broker "$@" >"$work/out" 2>"$work/err"
    [ $? -eq "$expected" ]
}

said() { # pattern, in what went to standard error
    grep -q -- "$1" "$work/err"
}

printed() {
    grep -q -- "$1" "$work/out"
}

# ---- Waiting -----------------------------------------------------------------------------------------------------

# True as soon as the command is, which it has 10 seconds to become.
await() {
    tries=200
    until "$@" 2>/dev/null; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.05
    done
}

start_broker() { # arguments
    rm -f "$work/port"
    "$mqspec" broker --port 0 --port-file "$work/port" "$@" 2>"$work/log" &
    broker_pid=$!
    await test -s "$work/port" || return 1
    port=$(cat "$work/port")
}

stop_broker() { # signal; the broker's exit status is the result
    kill "-$1" "$broker_pid"
    timeout 10 tail --pid="$broker_pid" -f /dev/null || kill -9 "$broker_pid"
    wait "$broker_pid"
    status=$?
    broker_pid=
    return $status
}

# A subscriber in the background; returns once it is subscribed. Its messages go to $work/messages.
start_subscriber() { # arguments of mosquitto_sub
    : >"$work/messages"
    stdbuf -oL mosquitto_sub -h 127.0.0.1 -p "$port" -d "$@" >"$work/messages" 2>&1 &
    client_pid=$!
    await grep -q Subscribed "$work/messages"
}

publish() {
    timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" "$@"
}

has_message() { # text
    grep -qx -- "$1" "$work/messages"
}

subscriber_ends() {
    timeout 10 tail --pid="$client_pid" -f /dev/null
    wait "$client_pid"
    status=$?
    client_pid=
    return $status
}

# ---- Options -----------------------------------------------------------------------------------------------------

check 'help is printed' ends_with 0 --help
check 'help tells that only loopback is listened on' printed '127.0.0.1 and ::1 only'
check 'an unknown option is wrong usage' ends_with 2 --nonsense
check 'the unknown option is named' said '^mqspec broker: .*--nonsense'
check 'an unknown letter is wrong usage' ends_with 2 -x
check 'the unknown letter is named' said '^mqspec broker: .*-x'
check 'an option without its value is wrong usage' ends_with 2 --port
check 'a further word is wrong usage' ends_with 2 1883
for port in 65536 -1 12x ''; do
    check "port '$port' is wrong usage" ends_with 2 --port "$port"
done
check 'the range of ports is told' said '0 to 65535'
check 'a limit out of range is wrong usage' ends_with 2 --max-in-flight 65535
check 'the range of a limit is told' said '--max-in-flight takes a number from 1 to 65534'
check 'a time out of range is wrong usage' ends_with 2 --connect-timeout 0

check 'deviations are listed' ends_with 0 --list-deviations
only_deviations() {
    [ -s "$work/out" ] && ! grep -qvE '^MQTT311:[0-9.]+-[0-9]+	.+$' "$work/out"
}
check 'each with its id and a sentence' only_deviations
deviation=$(sed -n '1s/	.*//p' "$work/out")

check 'a deviation from a statement that there is not is wrong usage' ends_with 2 --deviate MQTT311:9.9.9-9
check 'it says that there is no such statement' said "no statement is called 'MQTT311:9.9.9-9'"
fixed=$(awk -F'\t' 'NR > 1 && $7 == "" { sub("MQTT-", "", $1); print $1; exit }' "$here/../../spec/mqtt-3.1.1.tsv")
check 'a deviation from a statement that cannot be switched off is wrong usage' ends_with 2 --deviate "MQTT311:$fixed"
check 'it says that it cannot be switched off' said 'cannot be switched off'
check 'an address that the machine has not cannot be listened on' ends_with 3 --bind 192.0.2.1 --port 0
check 'it says so' said 'cannot listen on 192.0.2.1:0: this machine does not have that address'
check 'a port file that cannot be written is wrong usage' \
    ends_with 2 --port 0 --port-file "$work/no/such/directory/port"
check 'it names the port file' said 'no/such/directory/port'

# ---- A broker that serves ------------------------------------------------------------------------------------------

check 'the broker writes its port' start_broker -v -v
check 'the port is a number and nothing else' grep -qxE '[0-9]+' "$work/port"
check 'it says where it listens' grep -qx "listening on 127.0.0.1:$port" "$work/log"
check 'a second broker cannot have the same port' ends_with 3 --bind 127.0.0.1 --port "$port"
check 'it says that the port is in use' said "cannot listen on 127.0.0.1:$port: the port is in use"

for qos in 0 1 2; do
    check "a client subscribes at QoS $qos" start_subscriber -t "qos/#" -q $qos -C 2
    check "a client publishes at QoS $qos" publish -t qos/a -q $qos -m "first $qos"
    check "another publishes at QoS $qos" publish -t qos/b -q $qos -m "second $qos"
    check "the subscriber at QoS $qos has got both" subscriber_ends
    check "first message at QoS $qos" has_message "first $qos"
    check "second message at QoS $qos" has_message "second $qos"
done

check 'a retained message is published' publish -t kept -r -q 1 -m 'retained text'
check 'a later subscriber receives it' start_subscriber -t kept -C 1
subscriber_ends
check 'with its text' has_message 'retained text'
check 'a retained message is cleared' publish -t kept -r -n
check 'a later subscriber receives only what comes then' start_subscriber -t kept -t fence -C 1
publish -t fence -m 'behind the fence'
subscriber_ends
check 'and that was not the retained one' has_message 'behind the fence'

check 'a client with a will connects' start_subscriber -t nothing --will-topic will --will-payload 'gone away' \
    --will-qos 1
will_pid=$client_pid
check 'another subscribes to the will' start_subscriber -t will -q 1 -C 1
kill -9 "$will_pid"
check 'the will comes when the first is killed' subscriber_ends
check 'with its text' has_message 'gone away'

check 'a persistent session is made' \
    timeout 10 mosquitto_sub -h 127.0.0.1 -p "$port" -i lasting -c -q 1 -t queue -E
for i in 1 2 3 4; do
    check "message $i is published while its client is away" publish -t queue -q 1 -m "message $i"
done
timeout 10 mosquitto_sub -h 127.0.0.1 -p "$port" -i lasting -c -q 1 -t queue -C 4 >"$work/out" 2>"$work/err"
printf 'message 1\nmessage 2\nmessage 3\nmessage 4\n' >"$work/expected"
check 'all four come in order when it is back' cmp -s "$work/expected" "$work/out"

check 'the log names clients' grep -q '"lasting" connected with MQTT 3.1.1' "$work/log"
check 'the log shows packets' grep -q 'PUBLISH .*message 4' "$work/log"
check 'SIGTERM ends the broker with status 0' stop_broker TERM

check 'the broker starts with a deviation' start_broker --deviate "$deviation"
check 'it says what it breaks' grep -q "^breaking $deviation: " "$work/log"
check 'SIGINT ends the broker with status 0' stop_broker INT

echo "1..$number"
[ $failures -eq 0 ]
