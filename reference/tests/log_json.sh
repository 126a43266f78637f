#!/bin/sh
# usage: log_json.sh MQSPEC [BUILD_DIRECTORY]
#
# The log of the broker command that programs read: JSON as it stands, and through bunyan from npm, which is installed
# below BUILD_DIRECTORY (build). TAP. Where npm, node or the network is missing, that is skipped and says why.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=$(cd "$(dirname "${1:?usage: log_json.sh MQSPEC [BUILD_DIRECTORY]}")" && pwd)/$(basename "$1")
directory=${2:-build}/bunyan
evidence='err log json'

# The broker serves three ordinary clients and some strange ones, and ends. Its log is in $work/json.
converse() { # arguments
    start_broker --bind 127.0.0.1 --log json "$@" >"$work/json" || return 1
    timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" -i sensor -t room/kitchen -q 1 -r -m 21.5 &&
        timeout 10 mosquitto_sub -h 127.0.0.1 -p "$port" -V 5 -i reader -t room/+ -C 1 >"$work/messages" &&
        timeout 10 node "$top/reference/tests/log_json.js" "$port" || return 1
    timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" -V 5 -i refused -t t -m x -D connect authentication-method \
        none 2>/dev/null # which it is
    stop_broker
}

logged() { # pattern
    grep -q -- "$1" "$work/json"
}

# Every line is a bunyan record; tells which is not.
are_records() {
    node -e '
        const lines = require("fs").readFileSync(0, "utf8").split("\n")
        if (lines.pop() !== "" || lines.length === 0) throw new Error("the last line has no end")
        for (const line of lines) {
            const record = JSON.parse(line)
            const types = { v: "number", name: "string", hostname: "string", pid: "number", level: "number",
                time: "string", msg: "string" }
            for (const field in types)
                if (typeof record[field] !== types[field]) throw new Error(field + " is wrong in " + line)
            if (new Date(record.time).toISOString() !== record.time) throw new Error("the time is wrong in " + line)
            if (/[\x00-\x1f\x7f-\x9f]/.test(line)) throw new Error("a control character in " + line)
        }' <"$work/json" 2>"$work/err"
}

shown() { # extended pattern, in what bunyan printed
    grep -qE -- "$1" "$work/shown"
}

require 'the log as JSON' node npm mosquitto_pub mosquitto_sub

check 'a broker logs events' converse
check 'nothing goes to standard error' test ! -s "$work/log"
check 'each is a record' are_records
check 'it says where it listens' logged "\"level\":30,\"msg\":\"listening on 127.0.0.1:$port\""
check 'a client comes' logged '"level":30,"connection":1,"client":"sensor","version":"3.1.1","msg":"connected with MQTT'
check 'a client goes' logged '"client":"sensor",.*"msg":"disconnected'
check 'a client is refused' logged '"level":40,.*"msg":"refused: '
check 'a statement is named' logged '"statement":"MQTT'
check 'packets are not logged' test "$(grep -c '"PUBLISH"' "$work/json")" -eq 0

check 'a broker logs packets' converse -v
check 'each is a record' are_records
check 'a message has its fields' \
    logged '"packet":"PUBLISH","topic":"room/kitchen","qos":1,"retain":true,"bytes":4,"msg":"< PUBLISH '
check 'acknowledgements are not logged' test "$(grep -c '"PUBACK"' "$work/json")" -eq 0

check 'a broker logs all packets' converse -v -v
check 'each is a record' are_records
check 'an acknowledgement is logged' logged '"level":10,.*"packet":"PUBACK"'

if ! node_package "$directory" bunyan@1; then
    skip bunyan "$reason"
else
    bunyan_reads() { # arguments
        (cd "$directory" && timeout 60 npx --no-install bunyan --no-color "$@") <"$work/json" >"$work/shown" \
            2>"$work/err"
    }
    check 'bunyan reads the log' bunyan_reads
    check 'it shows a client that comes' shown \
        '^\[[0-9T:.-]+Z\]  INFO: mqspec/[0-9]+ on .*: connected with MQTT 5.0 \(.*client=reader, version=5.0\)$'
    check 'it shows a message' shown 'DEBUG: .*: < PUBLISH .*topic=room/kitchen, qos=1, retain=true, bytes=4'
    check 'it shows an acknowledgement' shown 'TRACE: .*: > PUBACK packet_identifier=1 '
    check 'it shows a client that is dropped' shown ' WARN: .*: dropped: '
    check 'it shows all lines' test "$(grep -cE '^\[[0-9T:.-]+Z\] ' "$work/shown")" -eq "$(wc -l <"$work/json")"
    check 'bunyan reads the warnings' bunyan_reads -l warn
    check 'it leaves the others out' test "$(grep -cE '^\[' "$work/shown")" -eq "$(grep -c '"level":40' "$work/json")"
fi

finish
