#!/bin/sh
# usage: crash.sh MQSPEC BUILD_DIRECTORY [ROUNDS [SEED]]
#
# Kills the broker at random moments while Clients with Sessions publish and receive, as crash.c tells. TAP.
set -u

mqspec=${1:?usage: crash.sh MQSPEC BUILD_DIRECTORY [ROUNDS [SEED]]}
build=${2:?usage: crash.sh MQSPEC BUILD_DIRECTORY [ROUNDS [SEED]]}
rounds=${3:-25}
# On a disk, which the place for temporary files may not be.
work=$(mktemp -d "$build/crash.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# A second a round is far more than they need.
limit=$((rounds + 200))
if timeout $limit "$build/reference/crash" -r "$rounds" ${4:+-s "$4"} "$mqspec" "$work" >"$work/out" 2>&1; then
    echo "ok 1 - what was acknowledged outlives kill -9"
else
    echo "not ok 1 - what was acknowledged outlives kill -9"
fi
sed 's/^/# /' "$work/out"
echo "1..1"
grep -q 'none lost' "$work/out"
