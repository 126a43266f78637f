#!/bin/sh
# usage: access_as_mosquitto.sh MQSPEC
#
# ACL files mean here what they mean to mosquitto. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=${1:?usage: access_as_mosquitto.sh MQSPEC}
PATH=$PATH:/usr/sbin # where Debian has mosquitto
require 'ACL files as mosquitto reads them' python3 mosquitto
rows_of 'ACL files as mosquitto reads them' python3 "$top/reference/tests/access_as_mosquitto.py" "$mqspec" "$work"
finish
