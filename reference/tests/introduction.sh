#!/bin/sh
# usage: introduction.sh MQSPEC [BUILD_DIRECTORY]
#
# What an introduction to MQTT with Node.js shows works against the broker command: introduction.js says what. TAP. npm
# installs MQTT.js below BUILD_DIRECTORY (build); where npm, node or the network is missing, all is skipped and says
# why.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=${1:?usage: introduction.sh MQSPEC [BUILD_DIRECTORY]}
directory=${2:-build}/mqttjs
name='an introduction with MQTT.js'
require "$name" mosquitto_passwd
node_package "$directory" mqtt@5 || {
    skip "$name" "$reason"
    finish
}

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$work/key.pem" -out "$work/certificate.pem" >"$work/out" 2>&1
tell $? 'openssl makes a certificate' || finish
: >"$work/passwords"
mosquitto_passwd -b "$work/passwords" alice secret
printf 'user alice\ntopic deny secret/#\ntopic #\n' >"$work/acl"

check 'the broker starts' start_broker --listen mqtts://localhost:0 --cert "$work/certificate.pem" \
    --key "$work/key.pem" --password-file "$work/passwords" --acl-file "$work/acl" -v -v || finish
tls_port=$(sed -n 's/^mqtts //p' "$work/port" | head -n 1)
rows_of MQTT.js node "$top/reference/tests/introduction.js" "$port" "$tls_port" "$work/certificate.pem" "$work/log"
finish
