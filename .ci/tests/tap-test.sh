#!/bin/sh
# Lets scripts that hold and scripts that fail read tap.sh, and looks at what they print and leave. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mkdir -p "$work/tree/.ci" "$work/tree/room/tests"
cp "$top/.ci/tap.sh" "$work/tree/.ci"
script=$work/tree/room/tests/script.sh

# The rest of the script comes on standard input. It runs in another folder than its own.
ends() { # status
    {
        printf '#!/bin/sh\nset -u\n. "$(dirname "$0")/../../.ci/tap.sh"\n'
        cat
    } >"$script"
    chmod +x "$script"
    (cd / && "$script") >"$work/out" 2>"$work/err"
    [ $? -eq "$1" ]
}
rows() { # all that is printed but remarks
    sed '/^#/d' "$work/out" | cmp -s - "$work/rows"
}
remarks() { # text in a remark
    grep '^#' "$work/out" | grep -qF -- "$1"
}

ends 0 <<'END'
check 'one' true
tell 0 'two'
skip 'three' 'why'
finish
END
tell $? 'a script whose checks hold ends with status 0'
printf '%s\n' 'ok 1 - one' 'ok 2 - two' 'ok 3 - three # SKIP why' '1..3' >"$work/rows"
check 'it prints its rows and its plan' rows

ends 1 <<'END'
echo 'the end of it' >"$work/err"
check 'one' true
check 'two' test a = b || echo '# and so on'
tell 2 'three'
check 'four' true
finish
END
tell $? 'a script with a check that fails ends with status 1'
printf '%s\n' 'ok 1 - one' 'not ok 2 - two' 'not ok 3 - three' 'ok 4 - four' '1..4' >"$work/rows"
check 'it goes on to its plan' rows
check 'it says what failed' remarks 'failed: test a = b'
check 'it shows what the command wrote' remarks 'err: the end of it'
check 'the caller learns it too' remarks 'and so on'

! ends 0 <<'END'
check 'one' true
echo "$nothing"
finish
END
tell $? 'a script that dies does not end with status 0'

ends 1 <<'END'
rows_of 'all' printf 'ok - a\nok - b\n'
rows_of 'some' sh -c 'echo "ok - c"; echo "not ok - d"; exit 1'
rows_of 'early' sh -c 'echo "ok - e"; exit 3'
rows_of 'none' true
finish
END
tell $? 'a script whose programs fail ends with status 1'
printf '%s\n' 'ok 1 - a' 'ok 2 - b' 'ok 3 - c' 'not ok 4 - d' 'ok 5 - e' \
    'not ok 6 - early ends with status 0 and prints rows; it ended with 3' \
    'not ok 7 - none ends with status 0 and prints rows; it ended with 0' '1..7' >"$work/rows"
check 'their rows are numbered, and an end too early is one' rows

ends 1 <<'END'
runs 'status and text' 3 'b.*d' sh -c 'echo abcd; exit 3'
runs 'text on the other stream' 0 'b.*d' sh -c 'echo abcd >&2'
runs 'no text' 0 '' true
runs 'another status' 0 'b' sh -c 'echo b; exit 1'
runs 'another text' 0 'c' echo b
finish
END
tell $? 'a script whose command says something else ends with status 1'
printf '%s\n' 'ok 1 - status and text' 'ok 2 - text on the other stream' 'ok 3 - no text' 'not ok 4 - another status' \
    'not ok 5 - another text' '1..5' >"$work/rows"
check 'status and text count' rows

ends 0 <<'END'
require 'all of it' sh no-such-program
check 'the rest' false
finish
END
tell $? 'a script whose program is missing ends with status 0'
printf '%s\n' 'ok 1 - all of it # SKIP no-such-program is not installed' '1..1' >"$work/rows"
check 'it says what it skips' rows

ends 0 <<'END'
touch "$work/file"
sleep 60 &
echo "$work" $! >&2
check 'one' true
finish
END
tell $? 'a script that leaves a process running ends with status 0'
read -r folder process <"$work/err"
check 'its folder is gone' test ! -e "$folder"
is_gone() {
    ! kill -0 "$process" 2>/dev/null
}
check 'its process is gone' await is_gone

finish
