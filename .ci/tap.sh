# shellcheck shell=sh disable=SC2034 # what is set here is read by the scripts
# What the test scripts share: rows of TAP, a folder to work in, waiting, the broker, packages of npm. A script reads it
# by its own place, so that it is found wherever the script is run from, and ends with `finish`:
#
#     . "$(dirname "$0")/../../.ci/tap.sh"
#     check "the codec is there" test -d "$top/codec"
#     finish
#
# $top is the repository. $work is a folder of the script's own, below $work_in where the script has set that: it goes
# when the script ends, and with it whatever the script still has running in the background. Names that begin with tap_
# are for this file alone.

top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
work=$(mktemp -d "${work_in:-${TMPDIR:-/tmp}}/test.XXXXXX") || exit 1
tap_number=0
tap_failures=0

tap_clean_up() {
    # By way of a file: in $(jobs -p), a shell of its own, dash knows of none.
    jobs -p >"$work/jobs"
    # shellcheck disable=SC2046 # the list is words
    [ ! -s "$work/jobs" ] || kill -9 $(cat "$work/jobs") 2>/dev/null
    rm -rf "$work"
}
trap tap_clean_up EXIT
trap 'exit 1' INT TERM

# ---- Rows --------------------------------------------------------------------------------------------------------

# One row: ok where the status is 0, which then is the result too.
tell() { # status, name
    tap_number=$((tap_number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $tap_number - $2"
        return
    fi
    tap_failures=$((tap_failures + 1))
    echo "not ok $tap_number - $2"
    tap_show
    return 1
}

# The files in $work whose ends are shown below a row that failed.
evidence='out err log'
tap_show() (
    cd "$work" || return
    # shellcheck disable=SC2086 # the list is patterns
    for tap_file in $evidence; do
        [ ! -s "$tap_file" ] || tail -n 15 "$tap_file" | cut -c 1-200 | sed "s/^/# $tap_file: /"
    done
)

check() { # name, then a command that is to succeed
    tap_name=$1
    shift
    "$@"
    tell $? "$tap_name" && return
    echo "# failed: $*"
    return 1
}

skip() { # name, reason
    tap_number=$((tap_number + 1))
    echo "ok $tap_number - $1 # SKIP $2"
}

# The plan, and the end of the script: status 1 where a row failed.
finish() {
    echo "1..$tap_number"
    [ "$tap_failures" -eq 0 ]
    exit
}

# Skips the rest of the script where one of the programs is missing.
require() { # name of what is tested, programs
    tap_name=$1
    shift
    for tap_program; do
        command -v "$tap_program" >/dev/null && continue
        skip "$tap_name" "$tap_program is not installed"
        finish
    done
}

# Runs a program that prints rows without numbers, and gives them ours.
rows_of() { # name, command...
    tap_name=$1
    shift
    timeout 300 "$@" >"$work/rows" 2>"$work/err"
    tap_status=$?
    while IFS= read -r tap_line; do
        case $tap_line in
        'ok - '*)
            tap_number=$((tap_number + 1))
            echo "ok $tap_number - ${tap_line#ok - }"
            ;;
        'not ok - '*)
            tap_number=$((tap_number + 1))
            tap_failures=$((tap_failures + 1))
            echo "not ok $tap_number - ${tap_line#not ok - }"
            ;;
        *) printf '%s\n' "$tap_line" ;;
        esac
    done <"$work/rows"
    # One that ends before its last row has failed, and so has one without any.
    if grep -q '^not ok - ' "$work/rows"; then
        tap_show
    elif [ $tap_status -ne 0 ] || ! grep -q '^ok - ' "$work/rows"; then
        tell 1 "$tap_name ends with status 0 and prints rows; it ended with $tap_status"
    fi
}

# ---- What a command says -----------------------------------------------------------------------------------------

# Runs a command for at most a minute: it is to end with the status and to print the text, a basic regular expression.
runs() { # name, status, text, command...
    tap_name=$1
    tap_expected=$2
    tap_text=$3
    shift 3
    timeout 60 "$@" >"$work/out" 2>"$work/err" </dev/null
    tap_status=$?
    [ $tap_status -eq "$tap_expected" ] &&
        { [ -z "$tap_text" ] || cat "$work/out" "$work/err" | grep -q -- "$tap_text"; }
    tell $? "$tap_name" || echo "# ended with status $tap_status, expected $tap_expected and: $tap_text"
}

# Runs a subcommand, $subcommand of $mqspec, to its end and keeps what it prints; true when it ends with that status.
ends_with() { # status, arguments
    tap_expected=$1
    shift
    timeout 10 "$mqspec" "$subcommand" "$@" >"$work/out" 2>"$work/err"
    [ $? -eq "$tap_expected" ]
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
    tap_tries=200
    until "$@" 2>/dev/null; do
        tap_tries=$((tap_tries - 1))
        [ $tap_tries -gt 0 ] || return 1
        sleep 0.05
    done
}

# The exit status of a process in the background, which is ended by force where it does not end within 10 seconds.
await_end() { # process
    timeout 10 tail -s 0.05 --pid="$1" -f /dev/null || kill -9 "$1"
    wait "$1" 2>/dev/null
}

# ---- The broker --------------------------------------------------------------------------------------------------

# Starts mqspec broker on a port that is free; true when it listens at $port. Its log goes to $work/log.
start_broker() { # further arguments
    rm -f "$work/port"
    "$mqspec" broker --port 0 --port-file "$work/port" "$@" 2>"$work/log" &
    broker_pid=$!
    await test -s "$work/port" && port=$(head -n 1 "$work/port")
}

# Ends it; its exit status is the result.
stop_broker() { # signal, TERM if none is given
    kill "-${1:-TERM}" "$broker_pid" && await_end "$broker_pid"
}

# ---- Pages in a browser ----------------------------------------------------------------------------------------------

# Sets $browser; skips the rest of the script where none is installed.
require_browser() {
    browser=
    for tap_browser in chromium chromium-browser google-chrome; do
        [ -n "$browser" ] || browser=$(command -v "$tap_browser" || :)
    done
    [ -n "$browser" ] && return
    skip 'the page in a browser' 'no Chromium is installed'
    finish
}

# The rows that a script behind the page's own leaves in its title, "ok - NAME" or "not ok - NAME" in a line each, and
# that there are so many at least.
page_rows() { # page, script as a page's part, what stands behind # in the address, rows
    sed '/^<\/body>$/d; /^<\/html>$/d' "$1" >"$work/page.html"
    cat "$2" >>"$work/page.html"
    printf '</body>\n</html>\n' >>"$work/page.html"
    # A browser that cannot start here is no fault of the page.
    if ! timeout 90 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" --dump-dom \
        "file://$work/page.html#$3" >"$work/shown" 2>"$work/err" || [ ! -s "$work/shown" ]; then
        skip 'the page in a browser' "$browser cannot be run here"
        return
    fi
    rows_of 'the page' awk -v least="$4" '
        /<title>/ { inside = 1; sub(/.*<title>/, "") }
        inside {
            last = sub(/<\/title>.*/, "")
            number++
            name = $0
            sub(/.* - /, "", name)
            print (/^ok/ ? "ok" : "not ok") " - page: " name
            if (!/^ok/) print "# " $0
            if (last) exit
        }
        END { if (number < least) print "not ok - page: all steps were done" }' "$work/shown"
}

# ---- Packages of npm ---------------------------------------------------------------------------------------------

# Has npm install a package into a folder, unless it is there, and node find it there. False with $reason where that
# cannot be.
node_package() { # folder, package@version
    for tap_program in node npm; do
        command -v $tap_program >/dev/null && continue
        reason="$tap_program is not installed"
        return 1
    done
    mkdir -p "$1"
    if [ ! -d "$1/node_modules/${2%@*}" ] && ! timeout 120 npm install --prefix "$1" --ignore-scripts --no-audit \
        --no-fund --silent "$2" >"$work/npm" 2>&1; then
        reason="npm cannot install ${2%@*}: $(head -n 1 "$work/npm")"
        return 1
    fi
    NODE_PATH=$(cd "$1/node_modules" && pwd)
    export NODE_PATH
}
