#!/bin/sh
# usage: run.sh BUILD_DIRECTORY [BROKER...]
#
# Plays the suite against brokers that other people wrote, each installed from the registry of its language into
# BUILD_DIRECTORY/field/BROKER, and prints what came out. Without a BROKER, against all of them; --help names them.
# A broker that cannot be installed here is named and passed over.
#
# The reports are BUILD_DIRECTORY/field/reports/BROKER-VERSION.{txt,json,html}. The exit status is 0 when every broker
# that could be had was tested to the end, whatever it was found to break; 1 when one could not.
set -u

here=$(cd "$(dirname "$0")" && pwd)
known='mosquitto mochi hivemq rmqtt rumqttd aedes amqtt'

usage() {
    cat <<END
usage: run.sh BUILD_DIRECTORY [BROKER...]

Plays the suite against brokers in many languages and prints a table, with how many scenarios made the broker end.
BROKER is one of:
  mosquitto  C         as installed on this machine
  mochi      Go        2.7.9
  hivemq     Java      Community Edition 2025.5
  rmqtt      Rust      0.24.0
  rumqttd    Rust      0.20.0
  aedes      Node.js   1.2.0
  amqtt      Python    0.12.1

OPTIONS=... in the environment are further options for mqspec test, such as --timeout 10.
END
}

case ${1:-} in
-h | --help)
    usage
    exit 0
    ;;
'' | -*)
    usage >&2
    exit 2
    ;;
esac
mkdir -p "$1/field/reports" || exit 2
build=$(cd "$1" && pwd)
shift
mqspec=$build/mqspec
reports=$build/field/reports
work=$(mktemp -d) || exit 1
broker_pid=
port=$((20000 + $$ % 10000))
PATH=$PATH:/usr/sbin:/usr/local/sbin

[ -x "$mqspec" ] || {
    echo "field: $mqspec is not there; make it first" >&2
    exit 2
}
[ $# -gt 0 ] || set -- $known
for broker; do
    case " $known " in
    *" $broker "*) ;;
    *)
        echo "field: no broker is called '$broker'; there are $known" >&2
        exit 2
        ;;
    esac
done

# ---- Starting and stopping ---------------------------------------------------------------------------------------

stop_broker() {
    [ -n "$broker_pid" ] || return 0
    kill "$broker_pid" 2>/dev/null
    tries=50
    while [ $tries -gt 0 ] && kill -0 "$broker_pid" 2>/dev/null; do
        tries=$((tries - 1))
        sleep 0.1
    done
    kill -9 "$broker_pid" 2>/dev/null
    wait "$broker_pid" 2>/dev/null
    broker_pid=
}

trap 'stop_broker; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# Whether something that speaks this version of MQTT answers on the port: one scenario can be played, however it ends.
answers() { # version
    "$mqspec" test --target "127.0.0.1:$port" -V "$1" --timeout 2 "$(head -n 1 "$work/all")" >/dev/null 2>&1 </dev/null
    [ $? -lt 2 ]
}

# Starts the broker on a port of its own and waits for at most a minute until it answers. If the port was another's,
# the broker has ended by then, and the next is tried.
start_broker() { # broker, version
    attempts=5
    while [ $attempts -gt 0 ]; do
        attempts=$((attempts - 1))
        port=$((port + 1))
        rm -rf "$work/run"
        mkdir "$work/run"
        (
            trap - EXIT INT TERM
            cd "$work/run" && "run_$1" "$2"
        ) >"$report.log" 2>&1 &
        broker_pid=$!
        tries=120
        while [ $tries -gt 0 ] && kill -0 "$broker_pid" 2>/dev/null; do
            answers "$2" && kill -0 "$broker_pid" 2>/dev/null && return
            tries=$((tries - 1))
            sleep 0.5
        done
        stop_broker
    done
    echo "field: $1 does not start, or does not answer in MQTT $2; its last words:" >&2
    tail -n 5 "$report.log" >&2
    return 1
}

# ---- Brokers -----------------------------------------------------------------------------------------------------
#
# versions_NAME     the versions of MQTT that it says it speaks
# release_NAME      its own version
# install_NAME      puts it into $directory; false with $reason where it cannot
# run_NAME VERSION  becomes the broker, listening on 127.0.0.1:$port; the working directory is its own and empty
#
# Each has its defaults, but for what it takes to listen on loopback and to admit anyone.

needs() { # commands
    for command; do
        command -v "$command" >/dev/null && continue
        reason="$command is not installed"
        return 1
    done
}

# Runs what installs, once for each version: the mark that it leaves names it.
once() { # version, command...
    [ -e "$directory/installed-$1" ] && return
    mark=$directory/installed-$1
    shift
    echo "field: installing $broker" >&2
    if timeout 3600 "$@" >"$directory/install.log" 2>&1; then
        : >"$mark"
        return
    fi
    reason="it cannot be installed: $(tail -n 1 "$directory/install.log"); all is in $directory/install.log"
    return 1
}

versions_mosquitto='3.1 3.1.1 5.0'
release_mosquitto() {
    mosquitto -h | sed -n '1s/.*version //p'
}
install_mosquitto() {
    needs mosquitto
}
run_mosquitto() {
    printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" >mosquitto.conf
    exec mosquitto -c mosquitto.conf
}

versions_mochi='3.1 3.1.1 5.0'
release_mochi() {
    echo 2.7.9
}
install_mochi() {
    needs go && once 2.7.9 env GOBIN="$directory/bin" go install github.com/mochi-mqtt/server/v2/cmd@v2.7.9
}
run_mochi() {
    exec "$build/field/mochi/bin/cmd" -tcp "127.0.0.1:$port" -ws 127.0.0.1:0 -info 127.0.0.1:0
}

versions_hivemq='3.1 3.1.1 5.0'
release_hivemq() {
    echo 2025.5
}
install_hivemq() {
    needs java mvn && once 2025.5 mvn -q -B -f "$here/hivemq/pom.xml" dependency:copy-dependencies \
        -DoutputDirectory="$directory/jars" -DincludeScope=runtime
}
run_hivemq() {
    exec java -cp "$build/field/hivemq/jars/*" "$here/hivemq/HiveMQHost.java" "$port" .
}

versions_rmqtt='3.1 3.1.1 5.0'
release_rmqtt() {
    echo 0.24.0
}
install_rmqtt() {
    needs cargo || return 1
    rm -rf "$directory/host" && cp -R "$here/rmqtt" "$directory/host" || return 1
    once 0.24.0 cargo build --release --manifest-path "$directory/host/Cargo.toml" --target-dir "$directory/target"
}
run_rmqtt() {
    exec "$build/field/rmqtt/target/release/rmqtt-host" "$port"
}

versions_rumqttd='3.1.1 5.0'
release_rumqttd() {
    echo 0.20.0
}
# Not --locked: what its Cargo.lock names no longer compiles.
install_rumqttd() {
    needs cargo && once 0.20.0 env CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
        cargo install --root "$directory" --target-dir "$directory/target" --version 0.20.0 rumqttd
}
# It listens on one port for each version. The limits are those of the configuration that it is delivered with.
run_rumqttd() {
    section=v4
    [ "$1" = 5.0 ] && section=v5
    cat >rumqttd.toml <<END
id = 0
[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[$section.1]
name = "$section-1"
listen = "127.0.0.1:$port"
next_connection_delay_ms = 1
[$section.1.connections]
connection_timeout_ms = 60000
max_payload_size = 20480
max_inflight_count = 100
dynamic_filters = true
END
    exec "$build/field/rumqttd/bin/rumqttd" -c rumqttd.toml
}

versions_aedes='3.1 3.1.1'
release_aedes() {
    echo 1.2.0
}
install_aedes() {
    needs node npm && cp "$here/aedes/aedes_host.mjs" "$directory" &&
        once 1.2.0 npm install --prefix "$directory" --no-audit --no-fund aedes@1.2.0
}
run_aedes() {
    exec node "$build/field/aedes/aedes_host.mjs" "$port"
}

versions_amqtt='3.1.1'
release_amqtt() {
    echo 0.12.1
}
install_amqtt() {
    needs python3 && once 0.12.1 python3 -m pip install --quiet --target "$directory/python" amqtt==0.12.1
}
run_amqtt() {
    cat >amqtt.yaml <<END
listeners:
  default:
    type: tcp
    bind: 127.0.0.1:$port
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
END
    PYTHONPATH=$build/field/amqtt/python exec python3 -c \
        'from amqtt.scripts.broker_script import main; main()' -c amqtt.yaml
}

# ---- Testing -----------------------------------------------------------------------------------------------------

# Plays the suite without the scenarios that end the broker. $ended tells whether the broker ended all the same; false
# where mqspec could not do its work.
play() { # broker, version
    status=2
    grep -vxF -f "$work/deadly" "$work/all" >"$work/names"
    start_broker "$1" "$2" || return 1
    # shellcheck disable=SC2046,SC2086 # names and options are several words
    timeout 1800 "$mqspec" test --target "127.0.0.1:$port" -V "$2" ${OPTIONS:-} --json "$report.json" \
        --html "$report.html" $(cat "$work/names") >"$report.txt" 2>"$work/err"
    status=$?
    answers "$2" && ended=false || ended=true
    stop_broker
    [ $status -le 1 ] || $ended && return
    echo "field: mqspec test ended with status $status" >&2
    tail -n 5 "$work/err" >&2
    return 1
}

# The scenarios that were played before the broker ended. One that ends it may well have passed: it got its closed
# connection.
suspects() {
    awk '/^FAIL/ { name = $2 }
        /^ +reason +not played/ { print name }' "$report.txt" >"$work/not-played"
    grep -vxF -f "$work/not-played" "$work/names"
}

# Plays these; false where the broker then no longer answers. It is started again then, too.
survives() { # broker, version, scenarios...
    broker=$1 version=$2
    shift 2
    "$mqspec" test --target "127.0.0.1:$port" -V "$version" --timeout 1 "$@" >/dev/null 2>&1 </dev/null
    answers "$version" && return
    cp "$report.log" "$work/last.log"
    stop_broker
    start_broker "$broker" "$version"
    return 1
}

# Plays the suspects 50 at a time, and where the broker ends one by one, and notes those that end it. False where none
# does.
find_deadly() { # broker, version
    suspects >"$work/suspects"
    found=false
    rm -f "$work"/batch.*
    split -l 50 "$work/suspects" "$work/batch."
    start_broker "$1" "$2" || return 1
    for batch in "$work"/batch.*; do
        # shellcheck disable=SC2046 # names are words
        survives "$1" "$2" $(cat "$batch") && continue
        while read -r name; do
            survives "$1" "$2" "$name" && continue
            found=true
            echo "$name" >>"$work/deadly"
            echo "field: $1 ended by itself when $name was played" >&2
            cp "$work/last.log" "$report.$name.log"
        done <"$batch"
    done
    stop_broker
    $found || echo "field: $1 ended by itself; no scenario does that alone" >&2
    $found
}

# Plays the suite and appends a line to the table. What ends a broker takes every scenario along that is under way; so
# the suite is played again without the scenarios that do.
measure() { # broker, version
    echo "field: $1 $("release_$1"), MQTT $2" >&2
    report=$reports/$1-$2
    rm -f "$report".*
    : >"$work/deadly"
    "$mqspec" test --list -V "$2" | sed 's/	.*//' >"$work/all"
    rounds=5
    while play "$1" "$2" && $ended; do
        rounds=$((rounds - 1))
        [ $rounds -gt 0 ] && find_deadly "$1" "$2" || return 1
    done
    [ $status -le 1 ] || return 1
    totals=$(sed -n 's/.*: \([0-9]*\) pass, \([0-9]*\) fail, \([0-9]*\) warn, \([0-9]*\) skip in .*/\1 \2 \3 \4/p' \
        "$report.txt" | tail -n 1)
    echo "$1 $("release_$1") $2 $totals $(tr '\n' ' ' <"$work/deadly")" >>"$work/table"
}

failed=0
: >"$work/table"
for broker; do
    directory=$build/field/$broker
    mkdir -p "$directory"
    reason=
    if ! "install_$broker"; then
        echo "field: passing over $broker: $reason" >&2
        continue
    fi
    eval "versions=\$versions_$broker"
    for version in $versions; do
        measure "$broker" "$version" || failed=1
    done
done

awk '
    BEGIN {
        format = "%-10s %-8s %-6s %5s %5s %5s %5s %5s\n"
        printf format, "broker", "release", "MQTT", "pass", "fail", "warn", "skip", "ended"
    }
    { printf format, $1, $2, $3, $4, $5, $6, $7, NF - 7 }
    NF > 7 {
        for (i = 8; i <= NF; i++) deadly = deadly sprintf("%s, MQTT %s: %s\n", $1, $3, $i)
    }
    END { if (deadly != "") printf "\nthese ended the broker, and are not counted:\n%s\n", deadly }' "$work/table"
echo "reports: $reports"
exit $failed
