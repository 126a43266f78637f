#!/bin/sh
# usage: embed.sh MQSPEC BUILD_DIRECTORY
#
# libmqspec as a stranger has it: installed, found by pkg-config, compiled against, run, and spoken to by mosquitto's
# clients. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

build=${2:?usage: embed.sh MQSPEC BUILD_DIRECTORY}
evidence='told error made said'

installs() { make -s -C "$top" B="$build" PREFIX="$work/usr" DESTDIR= install >"$work/made" 2>&1; }
uninstalls() {
    make -s -C "$top" B="$build" PREFIX="$work/usr" uninstall >"$work/made" 2>&1 &&
        [ -z "$(find "$work/usr" ! -type d)" ]
}
stages() { # DESTDIR does not go into what is installed
    make -s -C "$top" B="$build" PREFIX=/opt/mqspec DESTDIR="$work/stage" install >"$work/made" 2>&1 &&
        grep -qx 'prefix=/opt/mqspec' "$work/stage/opt/mqspec/lib/pkgconfig/mqspec.pc" &&
        [ -x "$work/stage/opt/mqspec/bin/mqspec" ]
}

# A library with sanitizers is for programs with sanitizers.
sanitize=
! nm "$build/mqspec" | grep -q __asan_init || sanitize=-fsanitize=address,undefined

PKG_CONFIG_PATH=$work/usr/lib/pkgconfig
LD_LIBRARY_PATH=$work/usr/lib
export PKG_CONFIG_PATH LD_LIBRARY_PATH

compiles() { # source, program, further arguments
    source=$1
    program=$2
    shift 2
    # shellcheck disable=SC2046 # the flags are words
    gcc -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wpedantic -Werror -g $sanitize "$@" "$source" \
        $(pkg-config --cflags --libs mqspec) -o "$program" 2>"$work/error"
}

compiles_static() { # source, program
    # shellcheck disable=SC2046 # the flags are words
    gcc -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror $sanitize $(pkg-config --cflags mqspec) "$1" \
        "$work/usr/lib/libmqspec.a" $(pkg-config --static --libs-only-l mqspec | sed 's/-lmqspec//') -o "$2" \
        2>"$work/error" && ! ldd "$2" | grep -q libmqspec
}

# Only what the header declares can be seen, in either library.
hides_all_else() {
    { nm -D --defined-only "$work/usr/lib/libmqspec.so" && nm -g --defined-only "$work/usr/lib/libmqspec.a"; } |
        awk 'NF == 3 { count++; if ($3 !~ /^mqspec_/) { print $3; wrong = 1 } } END { exit wrong || count < 20 }'
}

# The same header in C++, without a warning.
reads_as_cxx() {
    printf '#include <mqspec.h>\nint main() { mqspec_settings settings{}; return settings.deviation_count != 0; }\n' \
        >"$work/cxx.cpp"
    # shellcheck disable=SC2046 # the flags are words
    g++ -std=c++11 -Wall -Wextra -Wpedantic -Werror $(pkg-config --cflags mqspec) -c "$work/cxx.cpp" -o "$work/cxx.o" \
        2>"$work/error"
}

starts() { # program
    "$@" >"$work/told" 2>"$work/error" &
    host_pid=$!
    await grep -q 'port [1-9]' "$work/told" && port=$(sed -n 's/.*port //p' "$work/told")
}

fails() { ! "$@"; }

certifies() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
        -keyout "$work/key.pem" -out "$work/certificate.pem" 2>"$work/error"
}

stops() {
    kill -TERM "$host_pid" && await_end "$host_pid"
}

tells() { await grep -qxF "$1" "$work/told"; } # a line

publishes() { # Client Identifier, topic, further arguments
    name=$1
    topic=$2
    shift 2
    timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" -i "$name" -t "$topic" -m text "$@" 2>"$work/said"
}

reads() { # Client Identifier, filter, what comes, further arguments
    name=$1
    filter=$2
    expected=$3
    shift 3
    said=$(timeout 10 mosquitto_sub -h 127.0.0.1 -p "$port" -i "$name" -t "$filter" -C 1 -F '%t %p' "$@" 2>"$work/said")
    [ "$said" = "$expected" ]
}

denied() { "$@" && grep -qi "not authori[sz]ed" "$work/said"; } # mosquitto_pub takes it for a success
refused() { ! "$@" && grep -qi "not authori[sz]ed" "$work/said"; }
denied_subscription() {
    timeout 10 mosquitto_sub -h 127.0.0.1 -p "$port" -i nosy -u me -P me -t secret/a -V 5 2>"$work/said" >&2
    grep -qi "denied\|not authori[sz]ed" "$work/said"
}

# The rest of what one Client sends waits too, and keeps its order.
order_is_kept() {
    timeout 10 mosquitto_sub -h 127.0.0.1 -p "$port" -i orderly -u me -P me -q 2 -t 'in/order' -C 200 >"$work/order" &
    reader_pid=$!
    tells 'orderly subscribed to in/order at QoS 2' || return 1
    seq 200 | timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" -i counting -u me -P me -q 2 -t in/order -l || return 1
    wait "$reader_pid"
    seq 200 | cmp -s - "$work/order"
}

# Clients that go while the host thinks about them, many at once.
survives_the_impatient() {
    python3 - "$port" <<'PYTHON'
import socket, sys
connect = bytes.fromhex("101a00044d51545404c2003c") + b"\x00\x04gone\x00\x02me\x00\x02me"
connect = bytes([0x10, len(connect) - 2]) + connect[2:]
for _ in range(50):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
        s.sendall(connect)
PYTHON
}

runs_the_readme() {
    awk '/^## Embed it/ { on = 1; next } /^## / { on = 0 }
         on && /^    #include/ { code = 1 } on && code && /^[^ ]/ { exit } on && code' "$top/README.md" |
        sed 's/^    //' >"$work/readme.c"
    sed -i 's/:1883"/:0"/' "$work/readme.c"
    compiles "$work/readme.c" "$work/readme" || return 1
    starts "$work/readme" || return 1
    publishes someone some/topic && tells 'some/topic: text' && stops
}

check "it installs" installs
check "it installs into a staging directory" stages
check "the libraries show what the header declares, and nothing else" hides_all_else
check "the header is C++ too" reads_as_cxx
check "the example compiles against the shared library" compiles "$top/examples/embedded_broker.c" "$work/example"
check "and against the static one" compiles_static "$top/examples/embedded_broker.c" "$work/example_static"
check "it starts" starts "$work/example" mqtt://127.0.0.1:0
check "who connects is greeted by the host, after an answer that came later" \
    reads reader 'greeting/reader' 'greeting/reader welcome' -u me -P me -q 1
check "the host hears of the Client" tells 'reader is here: me'
check "and of its subscription" tells 'reader subscribed to greeting/reader at QoS 1'
check "and of its end" tells 'reader is gone: the Client sent DISCONNECT'
check "a wrong password is refused later" refused publishes thief some/topic -u me -P you
check "and in MQTT 5.0" refused publishes thief some/topic -u me -P you -V 5
check "a message is published" publishes writer some/topic -u me -P me -q 2 -r
check "the host hears of it" tells 'writer published to some/topic, retained'
check "a topic is denied" denied publishes spy secret/plan -u me -P me -q 1 -V 5
check "the host was asked" tells 'spy may not publish to secret/plan'
check "a subscription is denied later" denied_subscription
check "packets behind a question keep their order" order_is_kept
check "Clients that do not wait for the answer do no harm" survives_the_impatient
check "it still serves" reads reader 'some/topic' 'some/topic text' -u me -P me
check "it stops" stops
check "(a certificate is made)" certifies
check "it starts with TLS" starts "$work/example" mqtts://127.0.0.1:0 "$work/certificate.pem" "$work/key.pem"
check "it greets over TLS" reads reader 'greeting/reader' 'greeting/reader welcome' -u me -P me -q 1 \
    --cafile "$work/certificate.pem"
check "and not without" fails publishes writer some/topic -u me -P me
check "it stops" stops
if command -v valgrind >/dev/null 2>&1 && [ -z "$sanitize" ]; then
    check "it starts under valgrind" \
        starts valgrind -q --leak-check=full --error-exitcode=9 "$work/example" mqtt://127.0.0.1:0
    check "it serves" reads reader 'greeting/reader' 'greeting/reader welcome' -u me -P me -q 1
    check "a topic is denied" denied publishes spy secret/plan -u me -P me -q 1 -V 5
    check "Clients go" survives_the_impatient
    check "it stops without a leak or a wrong access" stops
fi
check "the program in README.md compiles and runs" runs_the_readme
check "it uninstalls" uninstalls

finish
