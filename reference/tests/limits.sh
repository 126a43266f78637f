#!/bin/sh
# usage: limits.sh MQSPEC
#
# The broker command at its limits. TAP.
set -u

mqspec=${1:?usage: limits.sh MQSPEC}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

command -v python3 >/dev/null || {
    echo 'ok 1 - limits # SKIP python3 is not installed'
    echo '1..1'
    exit 0
}
timeout 300 python3 "$here/limits.py" "$mqspec" "$work" >"$work/rows" 2>"$work/err"
status=$?
awk '/^(not )?ok - / { sub(/ - /, " " ++number " - ") } { print } END { print "1.." number + 0 }' "$work/rows"
[ $status -eq 0 ] || sed 's/^/# /' "$work/err" "$work/log" | tail -n 30
exit $status
