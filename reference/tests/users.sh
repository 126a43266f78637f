#!/bin/sh
# usage: users.sh MQSPEC
#
# Users and permissions from files that mosquitto's own tools wrote, with mosquitto's clients. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mqspec=${1:?usage: users.sh MQSPEC}
require users mosquitto_passwd

publishes() { # exit status, then options of mosquitto_pub
    expected=$1
    shift
    timeout 10 mosquitto_pub -p "$port" "$@" >"$work/out" 2>"$work/err"
    [ $? -eq "$expected" ]
}

# A message is retained; whoever may read it gets it, and else nothing within a second.
reads() { # what comes, then options of mosquitto_sub
    expected=$1
    shift
    received=$(timeout 10 mosquitto_sub -p "$port" -C 1 -W 1 "$@" 2>"$work/err")
    [ "$received" = "$expected" ]
}

says() { # text in what the client said
    grep -qF -- "$1" "$work/out" "$work/err"
}

refuses_to_start() { # text, options
    text=$1
    shift
    timeout 10 "$mqspec" broker --port 0 "$@" >"$work/out" 2>"$work/err"
    [ $? -eq 2 ] && grep -qF -- "$text" "$work/err"
}

passwords=$work/passwords
: >"$passwords"
mosquitto_passwd -b "$passwords" alice secret
mosquitto_passwd -H sha512 -b "$passwords" bob hidden
cat >"$work/acl" <<'ACL'
topic read news/#
user alice
topic home/#
topic deny home/safe
pattern readwrite users/%u/#
ACL

# ---- Users ---------------------------------------------------------------------------------------------------------

check 'a broker with a password file starts' start_broker --password-file "$passwords"
check 'a user of PBKDF2 is let in' publishes 0 -u alice -P secret -t t -m x
check 'a user of SHA-512 is let in' publishes 0 -u bob -P hidden -t t -m x
check 'a wrong password is refused with code 4' publishes 4 -u alice -P hidden -t t -m x
check 'and says so' says 'bad user name or password'
check 'an unknown user is refused with code 4' publishes 4 -u carol -P secret -t t -m x
check 'nobody is refused with code 5' publishes 5 -t t -m x
check 'and says so' says 'not authorised'
check 'in MQTT 5.0 with code 0x86' publishes 134 -V 5 -u alice -P wrong -t t -m x
check 'in MQTT 5.0 nobody with code 0x87' publishes 135 -V 5 -t t -m x
check 'it stops' stop_broker

check 'a broker with a password file lets others in where told so' start_broker --password-file "$passwords" \
    --allow-anonymous yes
check 'nobody is let in' publishes 0 -t t -m x
check 'a wrong password is still refused' publishes 4 -u alice -P hidden -t t -m x
check 'it stops' stop_broker

check 'a broker without a password file keeps all out where told so' start_broker --allow-anonymous no
check 'nobody is refused' publishes 5 -t t -m x
check 'so is a user whose password cannot be checked' publishes 4 -u carol -P x -t t -m x
check 'it stops' stop_broker

# ---- Topics ----------------------------------------------------------------------------------------------------------

check 'a broker with both files starts' start_broker --password-file "$passwords" --acl-file "$work/acl" \
    --allow-anonymous yes
check 'a user publishes where it may' publishes 0 -q 1 -u alice -P secret -t home/door -r -m open
check 'a user publishes in its own place' publishes 0 -q 1 -u bob -P hidden -t users/bob/x -r -m mine
check 'in MQTT 5.0 a denied message is told' publishes 0 -V 5 -q 1 -u alice -P secret -t home/safe -r -m gold
check 'as Not authorized' says 'Not authorized'
check 'in MQTT 3.1.1 a denied message is acknowledged' publishes 0 -q 1 -u bob -P hidden -t home/door -r -m shut
check 'and reaches nobody' reads open -u alice -P secret -t 'home/#'
check 'what may be read comes' reads mine -u bob -P hidden -t 'users/#'
check 'what another may read does not' reads '' -u alice -P secret -t 'users/+/x'
check 'a subscription to what may not be read is denied' reads '' -u bob -P hidden -t 'home/#'
check 'and says so' says 'denied'
check 'nobody may subscribe to what all may read' publishes 0 -q 1 -u alice -P secret -t news/today -r -m rain
check 'which only allowed lines make' reads '' -t news/today
check 'it stops' stop_broker

# ---- Read again ----------------------------------------------------------------------------------------------------

hang_up_until() { # text in the log
    kill -HUP "$broker_pid" && await grep -qF -- "$1" "$work/log"
}

mosquitto_passwd -b "$passwords" carol late
check 'a broker that reads its files again starts' start_broker --password-file "$passwords" --acl-file "$work/acl"
mosquitto_passwd -b "$passwords" dave later
echo 'topic read users/#' >>"$work/acl"
check 'a new user is not known yet' publishes 4 -u dave -P later -t t -m x
check 'SIGHUP reads the files again' hang_up_until 'passwords and permissions are read again'
check 'then the user is known' publishes 0 -u dave -P later -t t -m x
check 'the others are still known' publishes 0 -u alice -P secret -q 1 -t home/door -r -m open
cp "$passwords" "$work/kept"
echo 'erin:plain' >>"$passwords"
check 'a file that cannot be used leaves all as it was' hang_up_until \
    "stay as they were: $passwords:5: the password is not hashed"
check 'so that users are still known' publishes 0 -u dave -P later -t t -m x
cp "$work/kept" "$passwords"
check 'it stops' stop_broker

# ---- Files that cannot be used -----------------------------------------------------------------------------------

echo 'dave:plain' >>"$passwords"
check 'a password that is not hashed is named by file and line' refuses_to_start "$passwords:5: the password is not" \
    --password-file "$passwords"
echo 'topics x' >>"$work/acl"
check 'a line of another kind is named by file and line' refuses_to_start "$work/acl:7: a line begins with" \
    --acl-file "$work/acl"
check 'a missing password file is named' refuses_to_start "password file '$work/none'" --password-file "$work/none"
check 'a missing ACL file is named' refuses_to_start "ACL file '$work/none'" --acl-file "$work/none"
check 'yes and no are the only answers' refuses_to_start 'takes yes or no' --allow-anonymous maybe

finish
