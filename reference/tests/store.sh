#!/bin/sh
# usage: store.sh MQSPEC BUILD_DIRECTORY
#
# The broker with a store that outlives it, with the clients of mosquitto: what it keeps over kill -9 and over a disk
# that is full, and how it refuses a store that it cannot use. TAP.
set -u

mqspec=${1:?usage: store.sh MQSPEC BUILD_DIRECTORY}
build=${2:?usage: store.sh MQSPEC BUILD_DIRECTORY}
# On a disk, which the place for temporary files may not be.
work_in=$build
. "$(dirname "$0")/../../.ci/tap.sh"
evidence='err log got'

# ---- The broker --------------------------------------------------------------------------------------------------

start() { # further options
    start_broker -v --store "lmdb:$work/store" "$@"
}

# Runs mqspec broker to its end; true when that has this status and it says this.
refuses() { # status, pattern, arguments
    expected=$1
    pattern=$2
    shift 2
    timeout 10 "$mqspec" broker --port 0 "$@" 2>"$work/err"
    [ $? -eq "$expected" ] && grep -q -- "$pattern" "$work/err"
}

publish() { # topic, message, further options; true when it was acknowledged
    topic=$1
    message=$2
    shift 2
    timeout 10 mosquitto_pub -p "$port" -q 1 -t "$topic" -m "$message" "$@" >/dev/null 2>&1
}

# What the client gets, as many messages as are expected; it has a session that stays.
receive() { # count, further options
    count=$1
    shift
    timeout 10 mosquitto_sub -p "$port" -i keeper -c -q 1 -C "$count" "$@" >"$work/got" 2>/dev/null
    # Its acknowledgements have come once its DISCONNECT has.
    await grep -q '"keeper" disconnected' "$work/log"
}

subscribe() { # makes the session
    timeout 10 mosquitto_sub -p "$port" -i keeper -c -q 1 -E -t 'kept/#'
}

got() {
    printf '%s\n' "$@" | cmp -s - "$work/got"
}

# ---- kill -9 -----------------------------------------------------------------------------------------------------

start
subscribe
publish kept/1 one
publish kept/2 two
publish retained/1 first -r
publish retained/1 second -r
publish retained/2 gone -r
publish retained/2 '' -r
publish last message -r
stop_broker KILL
check "it starts again after kill -9" start
receive 2 -t 'kept/#'
check "the session has its messages, in order" got one two
timeout 10 mosquitto_sub -p "$port" -C 2 -v -t 'kept/#' -t 'retained/#' -t last >"$work/got" 2>/dev/null
sort -o "$work/got" "$work/got"
check "topics retain what they did" got 'last message' 'retained/1 second'
check "SIGTERM ends it as ever" stop_broker
start
publish kept/3 three
receive 1 -t 'kept/#'
check "what was acknowledged does not come again, nor does the subscription go" got three

# ---- Stores that cannot be used ----------------------------------------------------------------------------------

check "a store in use is refused, and the process that uses it named" \
    refuses 2 "in use by process $broker_pid" --store "lmdb:$work/store"
stop_broker KILL
check "the store must be named" refuses 2 "memory, or lmdb:" --store lmdb:
check "a kind of store that is not there is refused" refuses 2 "memory, or lmdb:" --store redis:x
check "a place below nothing is refused" refuses 2 "No such file" --store "lmdb:$work/none/below"
: >"$work/file"
check "a place that is a file is refused" refuses 2 "Not a directory" --store "lmdb:$work/file"

# Whoever may write everywhere is made somebody who may not.
as_somebody() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    else
        setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
    fi
}
unwritable() {
    readable=$(mktemp -d) || return 1
    chmod 755 "$readable"
    cp "$mqspec" "$readable/mqspec"
    chmod 555 "$readable"
    as_somebody timeout 10 "$readable/mqspec" broker --port 0 --store "lmdb:$readable" 2>"$work/err"
    ended=$?
    chmod 755 "$readable"
    rm -rf "$readable"
    [ $ended -eq 2 ] && grep -q 'Permission denied; let this user write there' "$work/err"
}
check "a place that may not be written to is refused" unwritable

mkdir "$work/foreign"
printf 'somebody else has this file, which is longer than a header, %4096s' x >"$work/foreign/data.mdb"
cp "$work/foreign/data.mdb" "$work/foreign.before"
check "a file of somebody else is refused" refuses 2 "move it away" --store "lmdb:$work/foreign"
check "and left as it is" cmp -s "$work/foreign/data.mdb" "$work/foreign.before"

# A byte of what topic retained/1 has becomes another.
damage() {
    cp -r "$work/store" "$work/damaged"
    place=$(LC_ALL=C grep -abo second "$work/damaged/data.mdb" | tail -n 1 | cut -d: -f1)
    [ -n "$place" ] || return 1
    for place in $(LC_ALL=C grep -abo second "$work/damaged/data.mdb" | cut -d: -f1); do
        printf S | dd of="$work/damaged/data.mdb" bs=1 seek="$place" conv=notrunc 2>/dev/null
    done
    cp "$work/damaged/data.mdb" "$work/damaged.before"
}
check "(a store is damaged)" damage
check "a damaged store is refused" refuses 2 "is damaged: move it away" --store "lmdb:$work/damaged"
check "and left as it is" cmp -s "$work/damaged/data.mdb" "$work/damaged.before"
truncate -s 9000 "$work/damaged/data.mdb"
check "so is one cut short" refuses 2 "is damaged" --store "lmdb:$work/damaged"

# ---- No room -----------------------------------------------------------------------------------------------------

# Publishes until the broker ends; notes what was acknowledged.
publish_until_full() {
    padding=$(printf '%08000d' 0)
    i=0
    : >"$work/acknowledged"
    while [ $i -lt 400 ] && kill -0 "$broker_pid" 2>/dev/null; do
        i=$((i + 1))
        publish kept/full "$i $padding" && echo $i >>"$work/acknowledged"
    done
    wait "$broker_pid"
    status=$?
}

all_acknowledged_came() {
    receive "$(wc -l <"$work/acknowledged")" -t 'kept/#'
    [ -s "$work/acknowledged" ] && cut -d' ' -f1 "$work/got" | cmp -s - "$work/acknowledged"
}

# What the subscriber had received and not acknowledged when the broker was killed would rightly come again.
begin_anew() {
    timeout 10 mosquitto_sub -p "$port" -i keeper -E -t 'kept/#'
    subscribe
}

# The rest of the script is not bounded so.
start_bounded() {
    rm -f "$work/port"
    (
        ulimit -f 2000 # blocks
        exec "$mqspec" broker --port 0 --port-file "$work/port" --store "lmdb:$work/store" 2>"$work/log"
    ) &
    broker_pid=$!
    await test -s "$work/port" && port=$(cat "$work/port")
}

start_bounded
begin_anew
publish_until_full
check "a disk without room ends it with status 3" [ $status -eq 3 ]
check "and words that say what to do" grep -q 'cannot write .*start the broker again' "$work/log"
check "with room again it starts" start
check "and has all that was acknowledged, in order" all_acknowledged_came
stop_broker KILL

check "it starts with a bound on the store" start --store-size 3
begin_anew
publish_until_full
check "a store that has its full size ends it with status 3" [ $status -eq 3 ]
check "and names the option" grep -q 'store-size' "$work/log"
check "with a larger one it starts" start --store-size 64
check "and has all that was acknowledged, in order" all_acknowledged_came
stop_broker KILL

finish
