#!/bin/sh
# usage: transports.sh MQSPEC [BUILD_DIRECTORY]
#
# The broker command listens for TCP, TLS and WebSocket, and other people's clients connect: mosquitto's over TLS,
# MQTT.js over WebSocket with and without TLS, openssl s_client. Certificates are made here. TAP. npm installs MQTT.js
# below BUILD_DIRECTORY (build); what cannot be had is skipped and says why.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=${1:?usage: transports.sh MQSPEC [BUILD_DIRECTORY]}
mqttjs=${2:-build}/mqttjs

# ---- Certificates ------------------------------------------------------------------------------------------------

key() { # name
    openssl ecparam -name prime256v1 -genkey -noout -out "$work/$1.key"
}

authority() { # name, days
    key "$1" && openssl req -new -key "$work/$1.key" -subj "/CN=$1" -out "$work/$1.csr" &&
        printf 'basicConstraints = CA:TRUE\n' >"$work/extensions" &&
        openssl x509 -req -in "$work/$1.csr" -signkey "$work/$1.key" -extfile "$work/extensions" -days "$2" \
            -out "$work/$1.pem"
}

certificate() { # name, authority, Common Name, days
    key "$1" && openssl req -new -key "$work/$1.key" -subj "${5:-/CN=$3}" -out "$work/$1.csr" &&
        printf 'subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1\n' >"$work/extensions" &&
        openssl x509 -req -in "$work/$1.csr" -CA "$work/$2.pem" -CAkey "$work/$2.key" -CAcreateserial \
            -extfile "$work/extensions" -days "$4" -out "$work/$1.pem"
}

make_certificates() {
    authority ca 2 && authority other 2 && authority old -1 && certificate server ca localhost 2 &&
        certificate client ca sensor-7 2 && certificate stranger other sensor-8 2 && certificate late ca localhost -1 &&
        certificate nobody ca none 2 /O=nobody &&
        openssl ec -aes128 -passout pass:x -in "$work/server.key" -out "$work/encrypted.key"
}
make_certificates >"$work/out" 2>&1
tell $? 'certificates are made' || finish

# ---- Wrong options -----------------------------------------------------------------------------------------------

# Ends with status 2 and this in its words, before it listens.
refused() { # text, options of the broker...
    text=$1
    shift
    timeout 10 "$mqspec" broker --port-file "$work/none" "$@" >"$work/out" 2>"$work/err" </dev/null
    [ $? -eq 2 ] && grep -q -- "$text" "$work/err" && ! grep -q listening "$work/err" && [ ! -e "$work/none" ]
}

tls=mqtts://127.0.0.1:0
with="--listen $tls --cert $work/server.pem --key $work/server.key"
# shellcheck disable=SC2086 # the lists are words
{
    check 'no scheme' refused 'does not begin with mqtt://' --listen 127.0.0.1:1883
    check 'an unknown scheme' refused 'does not begin with mqtt://' --listen http://127.0.0.1:80
    check 'no port' refused 'there is no port' --listen ws://127.0.0.1
    check 'a port that is too large' refused 'there is no port from 0 to 65535' --listen ws://127.0.0.1:65536
    check 'no address' refused 'it has no address' --listen ws://:80
    check 'IPv6 without brackets' refused 'stands in brackets' --listen ws://::1:80
    check 'TLS without certificate' refused 'give --cert FILE' --listen $tls
    check 'a certificate without TLS' refused 'certificates are for mqtts and wss' --cert "$work/server.pem"
    check 'a certificate that is not there' refused "cannot read the certificate '/nowhere': No such file" \
        --listen $tls --cert /nowhere
    check 'a certificate that is none' refused 'no certificate in PEM form' --listen $tls --cert "$work/server.key"
    check 'a key that is not there' refused "cannot read the key '/nowhere': No such file" \
        --listen $tls --cert "$work/server.pem" --key /nowhere
    check 'a key that is none' refused 'no private key in PEM form' \
        --listen $tls --cert "$work/server.pem" --key "$work/ca.pem"
    check 'a key that does not fit' refused 'does not belong to the certificate' \
        --listen $tls --cert "$work/server.pem" --key "$work/client.key"
    check 'a key with a password' refused 'is protected by a password' \
        --listen $tls --cert "$work/server.pem" --key "$work/encrypted.key"
    check 'a CA that is not there' refused "cannot read the CA '/nowhere': No such file" $with --ca /nowhere
    check 'a CA that is none' refused 'no CA certificate in PEM form' $with --ca "$work/server.key"
    check 'a CA that has expired' refused 'has expired' $with --ca "$work/old.pem"
    check 'client certificates without CA' refused 'needs --ca FILE' $with --client-cert required
    check 'a user from no certificate' refused 'needs --client-cert' $with --user-from-cert
    check 'an unknown demand' refused 'takes none, optional or required' $with --client-cert maybe
    check 'an unknown version' refused 'takes 1.2 or 1.3' $with --tls-min 1.1
}

# ---- Listeners ---------------------------------------------------------------------------------------------------

broker_pid=
listens() { # options...
    [ -z "$broker_pid" ] || stop_broker
    rm -f "$work/ports"
    "$mqspec" broker -v --port-file "$work/ports" "$@" 2>"$work/log" &
    broker_pid=$!
    await test -s "$work/ports" && [ "$(kill -0 $broker_pid 2>&1)" = '' ]
}

port() { # number of the line in the port file
    sed -n "$1s/.* //p; $1{/^[0-9]*\$/p;}" "$work/ports" | head -n 1
}

# A retained message that is fetched again.
round_trip() { # payload, options of mosquitto_pub and mosquitto_sub...
    payload=$1
    shift
    timeout 10 mosquitto_pub -t t -q 1 -r -m "$payload" "$@" >"$work/out" 2>"$work/err" &&
        [ "$(timeout 10 mosquitto_sub -t t -C 1 -W 3 "$@" 2>"$work/err")" = "$payload" ]
}

fails() {
    ! "$@"
}

logged() { # text
    await grep -q -- "$1" "$work/log"
}

has_ipv6() {
    [ -e /proc/net/if_inet6 ] && grep -q '^00000000000000000000000000000001' /proc/net/if_inet6
}
six=
has_ipv6 && six='--listen mqtt://[::1]:0 --listen mqtts://[::1]:0'

# shellcheck disable=SC2086 # the list is words
check 'a broker with all kinds of listeners' listens -p 0 --listen mqtt://127.0.0.1:0 --listen $tls \
    --listen ws://127.0.0.1:0 --listen wss://127.0.0.1:0 $six \
    --cert "$work/server.pem" --key "$work/server.key"
port_file_is_right() {
    expected='mqtt mqtts ws wss'
    [ -z "$six" ] || expected="$expected mqtt mqtts"
    # shellcheck disable=SC2046 # the list is words
    sed -n '1p' "$work/ports" | grep -q '^[0-9]*$' &&
        [ "$(echo $(sed -n '2,$s/ [0-9][0-9]*$//p' "$work/ports"))" = "$expected" ]
}
check 'the port file names the first port, then scheme and port of each' port_file_is_right
check 'TCP at the first port' round_trip one -h 127.0.0.1 -p "$(port 1)"
check 'TCP at the second' round_trip two -h 127.0.0.1 -p "$(port 2)"
check 'TLS' round_trip three -h 127.0.0.1 -p "$(port 3)" --cafile "$work/ca.pem"
check 'TLS by name' round_trip four -h localhost -p "$(port 3)" --cafile "$work/ca.pem"
check 'MQTT 5.0 over TLS 1.3' round_trip five -h localhost -p "$(port 3)" --cafile "$work/ca.pem" \
    --tls-version tlsv1.3 -V 5
large_round_trip() { # options of mosquitto_pub and mosquitto_sub...
    head -c 3000000 /dev/urandom >"$work/large" &&
        timeout 20 mosquitto_pub -t large -q 1 -r -f "$work/large" "$@" >"$work/out" 2>"$work/err" &&
        timeout 20 mosquitto_sub -t large -C 1 -N "$@" >"$work/again" 2>"$work/err" &&
        cmp "$work/large" "$work/again" >"$work/out"
}
check 'a large message over TLS' large_round_trip -h localhost -p "$(port 3)" --cafile "$work/ca.pem"
check 'a client that trusts somebody else' fails round_trip six -h 127.0.0.1 -p "$(port 3)" --cafile "$work/other.pem"
check 'the log says that the client refused' logged 'the TLS handshake failed: .*unknown ca'
if [ -n "$six" ]; then
    check 'TCP over IPv6' round_trip seven -h ::1 -p "$(port 6)"
    check 'TLS over IPv6' round_trip eight -h ::1 -p "$(port 7)" --cafile "$work/ca.pem"
else
    skip 'IPv6' 'this machine has none'
fi
check 'MQTT to the TLS port is refused' fails round_trip nine -h 127.0.0.1 -p "$(port 3)"
check 'the log says why' logged 'the TLS handshake failed: wrong version number'

# Shakes hands, and trusts the certificate.
s_client() { # line of the port file, options
    line=$1
    shift
    timeout 10 openssl s_client -connect "127.0.0.1:$(port "$line")" -CAfile "$work/ca.pem" -verify_return_error \
        -verify_ip 127.0.0.1 "$@" >"$work/out" 2>&1 </dev/null
}
check 'openssl s_client trusts the certificate' s_client 3
check 'TLS 1.2 is spoken' s_client 3 -tls1_2
check 'TLS 1.3 is spoken' s_client 5 -tls1_3
check 'TLS 1.1 is refused' fails s_client 3 -tls1_1

# ---- MQTT.js -----------------------------------------------------------------------------------------------------

mqttjs_exchanges() { # URL, protocol level
    timeout 60 node "$top/reference/tests/transports.js" "$1" "$2" "$work/ca.pem" >"$work/out" 2>&1
}
if node_package "$mqttjs" mqtt@5; then
    for line in 4 5; do
        scheme=$(sed -n "$line{s/ .*//;p;}" "$work/ports")
        for version in 4 5; do
            check "MQTT.js over $scheme, protocol level $version" mqttjs_exchanges \
                "$scheme://localhost:$(port $line)/mqtt" "$version"
        done
    done
else
    skip 'MQTT.js over ws and wss' "$reason"
fi

# ---- Certificates of clients -------------------------------------------------------------------------------------

own="--cafile $work/ca.pem"
# shellcheck disable=SC2086 # the lists are words
{
    check 'a broker that requires certificates' listens $with --ca "$work/ca.pem" --client-cert required \
        --user-from-cert -v
    check 'only the listeners that were asked for are open' sh -c "[ \"\$(wc -l <'$work/ports')\" -eq 1 ]"
    check 'a client with a certificate' round_trip one -h 127.0.0.1 -p "$(port 1)" $own --cert "$work/client.pem" \
        --key "$work/client.key"
    check 'a client without' fails round_trip two -h 127.0.0.1 -p "$(port 1)" $own
    check 'the log says what was missing' logged 'the TLS handshake failed: peer did not return a certificate'
    check 'a client with a certificate of somebody else' fails round_trip three -h 127.0.0.1 -p "$(port 1)" $own \
        --cert "$work/stranger.pem" --key "$work/stranger.key"
    check 'the log says why' logged 'the TLS handshake failed: unable to get local issuer certificate'
    printf 'user sensor-7\ntopic readwrite t\n' >"$work/acl"
    : >"$work/passwords"
    mosquitto_passwd -b "$work/passwords" somebody secret
    chmod 600 "$work/passwords" "$work/acl"
    check 'a broker with permissions for the user that the certificate names' listens $with --ca "$work/ca.pem" \
        --client-cert required --user-from-cert --acl-file "$work/acl" --password-file "$work/passwords"
    check 'that user needs no password' round_trip one -h 127.0.0.1 -p "$(port 1)" $own --cert "$work/client.pem" \
        --key "$work/client.key"
    check 'the name in CONNECT does not count' round_trip two -h 127.0.0.1 -p "$(port 1)" $own \
        --cert "$work/client.pem" --key "$work/client.key" -u somebody -P wrong
    check 'another certified user may not' fails round_trip three -h 127.0.0.1 -p "$(port 1)" $own \
        --cert "$work/server.pem" --key "$work/server.key"
    check 'a certificate that names nobody lets nobody in' fails round_trip four -h 127.0.0.1 -p "$(port 1)" $own \
        --cert "$work/nobody.pem" --key "$work/nobody.key" -u sensor-7
    check 'the log says why' logged 'has no Common Name that can be a user name'
    check 'a broker that takes certificates' listens $with --ca "$work/ca.pem" --client-cert optional
    check 'a client with one' round_trip one -h 127.0.0.1 -p "$(port 1)" $own --cert "$work/client.pem" \
        --key "$work/client.key"
    check 'a client without one' round_trip two -h 127.0.0.1 -p "$(port 1)" $own
    check 'a broker for TLS 1.3 only' listens $with --tls-min 1.3
    check 'a client with 1.3' round_trip one -h 127.0.0.1 -p "$(port 1)" $own
    check 'a client with 1.2' fails s_client 1 -tls1_2
    check 'a broker whose certificate has expired' listens --listen $tls --cert "$work/late.pem" \
        --key "$work/late.key"
    check 'says so' logged 'the certificate has expired'
}

finish
