#!/bin/sh
# usage: crash.sh MQSPEC BUILD_DIRECTORY [ROUNDS [SEED]]
#
# Kills the broker at random moments while Clients with Sessions publish and receive, as crash.c tells. TAP.
set -u

mqspec=${1:?usage: crash.sh MQSPEC BUILD_DIRECTORY [ROUNDS [SEED]]}
build=${2:?usage: crash.sh MQSPEC BUILD_DIRECTORY [ROUNDS [SEED]]}
rounds=${3:-25}
# On a disk, which the place for temporary files may not be.
work_in=$build
. "$(dirname "$0")/../../.ci/tap.sh"

# A second a round is far more than they need.
limit=$((rounds + 200))
timeout $limit "$build/reference/crash" -r "$rounds" ${4:+-s "$4"} "$mqspec" "$work" >"$work/out" 2>&1 &&
    grep -q 'none lost' "$work/out"
tell $? "what was acknowledged outlives kill -9" && sed 's/^/# /' "$work/out"
finish
