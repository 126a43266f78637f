#!/bin/sh
# usage: limits.sh MQSPEC
#
# The broker command at its limits. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=${1:?usage: limits.sh MQSPEC}
require limits python3
rows_of limits python3 "$top/reference/tests/limits.py" "$mqspec" "$work"
finish
