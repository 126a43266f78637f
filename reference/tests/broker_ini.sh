#!/bin/sh
# usage: broker_ini.sh MQSPEC
#
# The configuration file of the broker command. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=${1:?usage: broker_ini.sh MQSPEC}
example=$top/reference/broker.ini.example
evidence='err log ini'

answers() {
    grep -cE '> (AUTH|CONNACK) ' "$work/log"
}
answered_again() {
    [ "$(answers)" -gt "$before" ]
}
# True where the broker, which logs packets, knows the user: then it goes on with its authentication.
challenged() { # user
    before=$(answers)
    timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" -V 5 -t t -m x -D connect authentication-method SCRAM-SHA-256 \
        -D connect authentication-data "n,,n=$1,r=abc" >"$work/out" 2>&1 &
    client=$!
    await answered_again
    kill "$client" 2>/dev/null
    wait "$client"
    grep -E '> (AUTH|CONNACK) ' "$work/log" | tail -n 1 | grep -q 'AUTH reason_code=24'
}
not_challenged() { # user
    ! challenged "$1" && grep -q '> CONNACK .*reason_code=135' "$work/log"
}

# ---- The example --------------------------------------------------------------------------------------------------

check 'the example is a configuration file' start_broker -c "$example"
check 'the broker stops' stop_broker
sed 's/^;\([a-z][a-z-]* = \)/\1/' "$example" >"$work/ini"
"$mqspec" broker --help | sed -nE 's/^  (-[a-z], |    )--([a-z-]+).*/\2/p' |
    grep -vxE 'config|help|list-deviations' | sort >"$work/options"
sed -nE 's/^([a-z-]+) = .*/\1/p' "$work/ini" | sort -u >"$work/keys"
check 'it holds every option and nothing else' cmp "$work/options" "$work/keys"
defaults_are_right() {
    "$mqspec" broker --help | tr '\n' ' ' | sed 's/      *--/\n--/g' |
        sed -nE 's/^--([a-z-]+) [A-Z]+ .*\(([0-9]+)\) *$/\1 = \2/p' >"$work/defaults"
    [ -s "$work/defaults" ] && ! grep -vxFf "$example" "$work/defaults" >"$work/err"
}
check 'its numbers are the defaults' defaults_are_right

# ---- What counts ---------------------------------------------------------------------------------------------------

cat >"$work/ini" <<END
# a comment
verbose = 2
[limits]
  receive-maximum = 7 ; indented, and with a comment
	topic-alias-max = 3
max-keep-alive: 20
[network]
bind = 127.0.0.1
bind = 127.0.0.2
port = 1
[users]
scram-user = one:first password
scram-user = two:second
[deviations]
deviate = MQTT311:3.1.2-24
deviate = MQTT5:3.1.2-22
END
check 'a broker is started with a file' start_broker -c "$work/ini" --max-keep-alive 30
check 'the port of the command line wins' test "$port" -ne 1
check 'all addresses are listened on' test "$(grep -c "listening on .*:$port" "$work/log")" -ge 2
check 'all deviations are made' test "$(grep -c '^breaking ' "$work/log")" -eq 2
timeout 10 mosquitto_pub -h 127.0.0.1 -p "$port" -V 5 -t t -m x -k 60
check 'packets are logged' grep -q 'CONNACK' "$work/log"
check 'the Receive Maximum is that of the file' grep -q 'CONNACK.* receive_maximum=7' "$work/log"
check 'an indented key is a key' grep -q 'CONNACK.* topic_alias_maximum=3' "$work/log"
check 'the Keep Alive is that of the command line' grep -q 'CONNACK.* server_keep_alive=30' "$work/log"
check 'the first user is known' challenged one
check 'the second user is known' challenged two
check 'the broker stops with status 0' stop_broker

check 'another broker is started with it' start_broker -c "$work/ini" --bind 127.0.0.1 --deviate MQTT311:3.3.1-8 -v
check 'only the address of the command line is listened on' test "$(grep -c '^listening on ' "$work/log")" -eq 1
check 'only the deviation of the command line is made' test "$(grep -c '^breaking ' "$work/log")" -eq 1
check 'the broker stops' stop_broker

# ---- Read again ----------------------------------------------------------------------------------------------------

said_again() { # text, once more than before
    [ "$(grep -cF -- "$1" "$work/log")" -gt "$before" ]
}
hang_up() { # text that the broker then says
    before=$(grep -cF -- "$1" "$work/log")
    kill -HUP "$broker_pid" && await said_again "$1"
}

printf 'scram-user = first:password\nverbose = 2\n' >"$work/ini"
check 'a broker with a user starts' start_broker -c "$work/ini"
check 'it knows its user' challenged first
printf 'scram-user = second:password\nscram-user = third:password\n' >"$work/ini"
check 'SIGHUP has it read its file again' hang_up "the users are those of '$work/ini' now: 2"
check 'it knows the new users' challenged third
check 'and not the old one' not_challenged first
printf 'scram-user = fourth:password\nscram-user = nonsense\n' >"$work/ini"
check 'a file that is wrong changes nothing' hang_up "the users stay as they were: '$work/ini' cannot be used"
check 'it says what is wrong' grep -q "^mqspec broker: $work/ini:2: scram-user takes NAME:PASSWORD" "$work/log"
check 'it knows the users that it knew' challenged second
check 'and no other' not_challenged fourth
rm "$work/ini"
check 'a file that is gone changes nothing' hang_up "the users stay as they were: '$work/ini' cannot be used"
check 'it goes on' challenged second
check 'the broker stops' stop_broker

check 'a broker whose user is on the command line starts' start_broker -c "$example" --scram-user first:password -v -v
check 'SIGHUP is answered' hang_up 'the users stay those of the command line'
check 'the user of the command line stays' challenged first
check 'the broker stops' stop_broker
check 'a broker without a file starts' start_broker
check 'SIGHUP does not end it' hang_up 'nothing is read again: there is no configuration file'
check 'the broker stops' stop_broker

# ---- What is refused -----------------------------------------------------------------------------------------------

# A file of these lines is wrong usage, and the broker says so and where.
refused() { # lines, complaint
    printf "$1" >"$work/ini"
    timeout 10 "$mqspec" broker -c "$work/ini" >"$work/out" 2>"$work/err"
    [ $? -eq 2 ] && [ "$(cat "$work/err")" = "mqspec broker: $work/ini:$2" ]
}
while IFS='|' read -r name lines complaint; do
    check "$name is refused" refused "$lines" "$complaint"
done <<'END'
an unknown key|port = 1\nprot = 2\n|2: no option is called 'prot'; 'mqspec broker --help' lists them
an unknown section|\n[netwrk]\nport = 1\n|3: port does not belong to [netwrk]; its section is [network], or none
a key of another section|[limits]\nport = 1\n|2: port does not belong to [limits]; its section is [network], or none
a key given twice|port = 1\n\nport = 1\n|3: port stands in the file twice; keep one
a number out of range|max-in-flight = 65535\n|1: max-in-flight takes a number from 1 to 65534, not '65535'
a value that is no number|port = x|1: port takes a number from 0 to 65535, not 'x'
a key without value|port =\n|1: port takes a number from 0 to 65535, not ''
more packets than all|verbose = 3\n|1: verbose takes a number from 0 to 2, not '3'
a user without password|scram-user = me\n|1: scram-user takes NAME:PASSWORD, not 'me'
an option that only prints|help = yes\n|1: help is for the command line only; take it out of the file
a file in a file|config = other\n|1: config is for the command line only; take it out of the file
a line that is none|port = 1\nnonsense\n|2: neither 'key = value' nor '[section]'; a comment begins with ; or #
a section without end|[limits\n|1: neither 'key = value' nor '[section]'; a comment begins with ; or #
a line too long|\nport = %0300d\n|2: not a line of text with at most 197 bytes; make it shorter
a line that begins with NUL|\0port = 1\n|1: not a line of text with at most 197 bytes; make it shorter
END

unreadable() { # file
    timeout 10 "$mqspec" broker -c "$1" >"$work/out" 2>"$work/err"
    [ $? -eq 2 ] && grep -q "^mqspec broker: cannot read the configuration file '$1'" "$work/err"
}
check 'a file that there is not is wrong usage' unreadable "$work/none"
check 'a directory is wrong usage' unreadable "$work"

finish
