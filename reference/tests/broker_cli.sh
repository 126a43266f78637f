#!/bin/sh
# usage: broker_cli.sh MQSPEC
#
# The broker command from outside: its options and exit statuses, and the clients of mosquitto talking to it. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=${1:?usage: broker_cli.sh MQSPEC}
subcommand=broker

# ---- Clients -----------------------------------------------------------------------------------------------------

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
    await_end "$client_pid"
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
while read -r option lowest highest; do
    check "--$option over $highest is wrong usage" ends_with 2 "--$option" "$highest"0
    check "the range of --$option is told" said "--$option takes a number from $lowest to $highest"
done <<END
receive-maximum 1 65535
topic-alias-max 0 65535
max-keep-alive 0 65535
max-session-expiry 0 4294967295
END
check 'a Receive Maximum of 0 is wrong usage' ends_with 2 --receive-maximum 0
for user in u u: :password ''; do
    check "the user '$user' is wrong usage" ends_with 2 --scram-user "$user"
done
check 'the form of a user is told' said '--scram-user takes NAME:PASSWORD'
# shellcheck disable=SC2046 # 65 options
check 'more users than fit are wrong usage' ends_with 2 $(seq -f '--scram-user u%g:p' 65)
check 'the most users are told' said 'at most 64 times'
check 'a server without a name is wrong usage' ends_with 2 --redirect ''
check 'the form of a server is told' said '--redirect takes the name of a server'
check 'a server with a name too long is wrong usage' ends_with 2 --redirect "$(printf '%01001d' 0)"
check 'a server that is no text is wrong usage' ends_with 2 --redirect "$(printf 'a\377')"

check 'deviations are listed' ends_with 0 --list-deviations
only_deviations() {
    [ -s "$work/out" ] && ! grep -qvE '^MQTT(311|5):[0-9.]+-[0-9]+	.+$' "$work/out"
}
check 'each with its id and a sentence' only_deviations
check 'those of 3.1.1' printed '^MQTT311:3\.1\.2-24	'
check 'and those of 5.0' printed '^MQTT5:3\.1\.2-24	'
deviation=$(sed -n '1s/	.*//p' "$work/out")

check 'a deviation from a statement that there is not is wrong usage' ends_with 2 --deviate MQTT311:9.9.9-9
check 'it says that there is no such statement' said "no statement is called 'MQTT311:9.9.9-9'"
fixed=$(awk -F'\t' 'NR > 1 && $7 == "" { sub("MQTT-", "", $1); print $1; exit }' "$top/spec/mqtt-3.1.1.tsv")
check 'a deviation from a statement that cannot be switched off is wrong usage' ends_with 2 --deviate "MQTT311:$fixed"
check 'it says that it cannot be switched off' said 'cannot be switched off'
fixed=$(awk -F'\t' 'NR > 1 && $7 == "" { sub("MQTT-", "", $1); print $1; exit }' "$top/spec/mqtt-5.0.tsv")
check 'nor can every statement of 5.0' ends_with 2 --deviate "MQTT5:$fixed"
check 'it is named with its version' said "MQTT5:$fixed cannot be switched off"
check 'a statement of 5.0 that there is not is wrong usage' ends_with 2 --deviate MQTT5:9.9.9-9
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

# ---- MQTT 5.0 ------------------------------------------------------------------------------------------------------

# What CONNACK said to the last Client.
connack_said() {
    grep 'CONNACK' "$work/log" | tail -n 1 | grep -q -- "$1"
}

check 'a broker with limits for 5.0 starts' start_broker -v -v --receive-maximum 7 --topic-alias-max 3 \
    --max-keep-alive 20 --max-session-expiry 30 --scram-user 'name:pass:word'
for qos in 0 1 2; do
    check "a client of 5.0 subscribes at QoS $qos" start_subscriber -V 5 -t "qos/#" -q $qos -C 1
    check "a client of 5.0 publishes at QoS $qos" publish -V 5 -t qos/a -q $qos -m "message $qos" \
        -D publish user-property name value -D publish message-expiry-interval 60
    check "the subscriber at QoS $qos has got it" subscriber_ends
    check "with its text, at QoS $qos" has_message "message $qos"
done
check 'the log names the version' grep -q 'connected with MQTT 5.0' "$work/log"
check 'the property is passed on' grep -q '<.*PUBLISH.* user_property="name":"value"' "$work/log"

check 'a client of 5.0 asks for more than there is' publish -V 5 -c -i lasting -x 3600 -k 60 -t t -m x
check 'it is told the Receive Maximum' connack_said 'receive_maximum=7'
check 'it is told the Topic Alias Maximum' connack_said 'topic_alias_maximum=3'
check 'it is told a Server Keep Alive' connack_said 'server_keep_alive=20'
check 'it is told a Session Expiry Interval' connack_said 'session_expiry_interval=30'
check 'a client of 3.1.1 takes the session up' publish -V mqttv311 -c -i lasting -t t -m x
check 'it is told so' connack_said 'session_present=1'

authenticate() { # method, data; fails, since mosquitto cannot go on with it
    ! publish -V 5 -t t -m x -D connect authentication-method "$1" -D connect authentication-data "$2" \
        >"$work/out" 2>"$work/err"
}
check 'a user that is not known is refused' authenticate SCRAM-SHA-256 'n,,n=nobody,r=abc'
check 'as not authorized' connack_said 'reason_code=135'
check 'another method is refused' authenticate SCRAM-SHA-1 'n,,n=name,r=abc'
check 'as a bad authentication method' connack_said 'reason_code=140'
timeout 2 mosquitto_pub -h 127.0.0.1 -p "$port" -V 5 -t t -m x -D connect authentication-method SCRAM-SHA-256 \
    -D connect authentication-data 'n,,n=name,r=abc' >"$work/out" 2>"$work/err"
check 'a user that is known is challenged' grep -q 'AUTH reason_code=24' "$work/log"
check 'no password is logged' test "$(grep -c 'word' "$work/log")" -eq 0
check 'a client of 5.0 stays' start_subscriber -V 5 -t nothing
check 'SIGTERM ends the broker of 5.0 with status 0' stop_broker TERM
check 'the client was told that the server shuts down' await grep -q 'DISCONNECT (139)' "$work/messages"
kill "$client_pid" 2>/dev/null

check 'a broker that redirects starts' start_broker -v -v --redirect other.example:1883
check 'a client of 5.0 is refused' authenticate SCRAM-SHA-256 data
check 'and told the other server' connack_said 'reason_code=156 server_reference="other.example:1883"'
refused_311() {
    ! publish -V mqttv311 -t t -m x 2>"$work/err"
}
check 'a client of 3.1.1 is refused' refused_311
check 'as by a server that is unavailable' connack_said 'code=3'
check 'SIGTERM ends the broker that redirects with status 0' stop_broker TERM

# ---- Deviations ----------------------------------------------------------------------------------------------------

while read -r given meant; do
    check "the broker starts with --deviate $given" start_broker --deviate "$given"
    check "that means $meant" grep -q "^breaking $meant: " "$work/log"
    check "and nothing else" test "$(grep -c '^breaking ' "$work/log")" -eq 1
    stop_broker TERM
done <<END
MQTT5:3.1.2-24 MQTT5:3.1.2-24
MQTT311:3.1.2-24 MQTT311:3.1.2-24
3.1.2-24 MQTT311:3.1.2-24
MQTT-3.1.2-24 MQTT311:3.1.2-24
4.9.0-1 MQTT5:4.9.0-1
END

check 'the broker starts with a deviation' start_broker --deviate "$deviation"
check 'it says what it breaks' grep -q "^breaking $deviation: " "$work/log"
check 'SIGINT ends the broker with status 0' stop_broker INT

finish
