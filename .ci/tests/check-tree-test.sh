#!/bin/sh
# Feeds check-tree trees that break one rule each, and trees that break none. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

# Begins a tree anew: one source that breaks nothing.
tree() {
    rm -rf "$work/tree"
    mkdir -p "$work/tree"
    put mqspec.c '#include "command.h"' 'int main(void) {' '    return 0;' '}'
}
put() { # file, its lines
    file=$work/tree/$1
    shift
    mkdir -p "$(dirname "$file")"
    printf '%s\n' "$@" >"$file"
}
repeated() { # count, line
    awk -v count="$1" -v line="$2" 'BEGIN { while (count-- > 0) print line }'
}
characters() { # count
    repeated "$1" x | tr -d '\n'
}

passes() { # name
    "$top/.ci/check-tree" "$work/tree" >"$work/out" 2>&1
    tell $? "$1"
}
rejects() { # name, what it says
    "$top/.ci/check-tree" "$work/tree" >"$work/out" 2>&1
    [ $? -eq 1 ] && grep -q -- "$2" "$work/out" && grep -q 'check-tree: 1 wrong' "$work/out"
    tell $? "$1"
}

tree
passes "a tree without faults"

# ---- Rooms -------------------------------------------------------------------------------------------------------

allowed() { # file, included
    tree
    put "$1" "#include \"$2\""
    passes "$1 may include $2"
}
forbidden() {
    tree
    put "$1" "#include \"$2\""
    rejects "$1 may not include $2" "^$1:1: .*may not know\|^$1:1: the top includes no room"
}
allowed spec/spec.c spec/spec.h
allowed codec/frame.c spec/spec.h
allowed reference/broker.c codec/codec.h
allowed reference/monitor.c spec/spec.h
allowed reports/json.c spec/spec.h
allowed pcaps/lint.c reports/reports.h
allowed pcaps/lint.c codec/codec.h
allowed conformance/player.c pcaps/capture.h
allowed fuzz/broker.c conformance/scenario.h
allowed codec/tests/test_codec.c codec/codec.h
forbidden spec/spec.c codec/codec.h
forbidden codec/frame.c reference/broker.h
forbidden reference/broker.c reports/reports.h
forbidden reference/broker.c conformance/scenario.h
forbidden reports/json.c codec/codec.h
forbidden reports/json.c pcaps/capture.h
forbidden pcaps/lint.c conformance/scenario.h
forbidden conformance/player.c fuzz/broker.h
forbidden codec/tests/test_codec.c reference/broker.h
forbidden mqspec.c spec/spec.h

tree
put elsewhere/a.c '#include <stdio.h>'
rejects "a room that is in no table" 'elsewhere/ is not in the table'
tree
put codec/a.c '#include "frame.h"'
rejects "an include without its room" 'by its path from the top'
tree
put codec/a.c '#  include "../reference/broker.h"'
rejects "an include that climbs" 'by its path from the top'
tree
put codec/cmd_decode.c '#include "command.h"'
passes "command.h in cmd_*.c"
tree
put codec/decode.c '#include "command.h"'
rejects "command.h elsewhere" 'only cmd_\*\.c include command\.h'
tree
put codec/command.h '#include "command.h"'
rejects "command.h in a header" 'only cmd_\*\.c include command\.h'

# ---- Lengths -----------------------------------------------------------------------------------------------------

function_of() { # lines in all
    printf '%s\n' 'static int long_name(int a,' '                     int b) {'
    repeated $(($1 - 3)) '    a += b;'
    echo '}'
}
tree
put codec/a.c "$(function_of 60)"
passes "a function of 60 lines"
tree
put codec/a.c 'int before;' '' "$(function_of 61)"
rejects "a function of 61 lines" '^codec/a\.c:3: 61 lines in a function'
tree
put codec/a.c "$(function_of 60)" "$(function_of 61)"
rejects "a long function behind a short one" '^codec/a\.c:61: 61 lines in a function'
tree
put codec/a.c 'static const int table[] = {' "$(repeated 100 '    1,')" '};' "$(function_of 60)"
passes "a table of 100 lines"
tree
put codec/a.c "$(repeated 799 'int x;')"
passes "a file of 799 lines"
tree
put codec/a.c "$(repeated 800 'int x;')"
rejects "a file of 800 lines" '^codec/a\.c:800: 800 lines in a file'
tree
put codec/a.h "/* $(characters 114) */"
passes "a line of 120 characters"
tree
put codec/a.h "/* $(characters 115) */"
rejects "a line of 121 characters" '^codec/a\.h:1: 121 characters'
tree
put codec/a.h "/* $(characters 113)ü */"
passes "a line of 120 characters and 121 bytes"
tree
put codec/tests/a.sh "# $(characters 119)"
rejects "a long line in a script" '^codec/tests/a\.sh:1: 121 characters'

# ---- Work undone -------------------------------------------------------------------------------------------------

for word in TO''DO FIX''ME XX''X; do
    tree
    put codec/a.c "/* $word: later */"
    rejects "$word in a comment" 'work undone'
    tree
    put README.md "- $word"
    rejects "$word in a text" 'work undone'
done
tree
put codec/a.c 'int mas''TO''DON;'
passes "the letters within a word"

# ---- The tree itself ---------------------------------------------------------------------------------------------

tree
rm "$work/tree/mqspec.c"
"$top/.ci/check-tree" "$work/tree" >"$work/out" 2>&1
[ $? -eq 2 ]
tell $? "an empty tree is no success"
"$top/.ci/check-tree" "$work/nowhere" >"$work/out" 2>&1
[ $? -eq 2 ]
tell $? "a tree that is not there is no success"

finish
