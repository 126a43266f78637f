#!/bin/sh
# How much of the codec its unit tests reach. Usage: codec/coverage.sh BUILD_DIR
# Builds codec and tests with coverage in a directory of its own, runs them, prints lines and branches of each file, and
# writes BUILD_DIR/html/index.html. Exit status: 0 at least 98 % of the branches were taken; 1 fewer, or a test failed.
#
# Assertions are left out of the count: that they hold is what the tests show.
set -eu
if [ $# -ne 1 ]; then
    echo "usage: codec/coverage.sh BUILD_DIR" >&2
    exit 2
fi
top=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd)
least=98
cd "$top"

tests=$(ls codec/tests/test_*.c | sed 's/\.c$//')
programs=$(for test in $tests; do echo "$build/$test"; done)
find "$build" -name '*.gcda' -exec rm -f {} +
# shellcheck disable=SC2086 # the list is words
make -s B="$build" CC=gcc OPTIMISE='-O0 -DNDEBUG' SANITIZE='--coverage' $programs

for program in $programs; do
    if ! "$program" >"$build/output" 2>&1; then
        cat "$build/output"
        echo "a test failed, so its coverage tells nothing: $program" >&2
        exit 1
    fi
done

branches='--rc lcov_branch_coverage=1'
# shellcheck disable=SC2086
lcov $branches --quiet --capture --directory "$build/codec" --base-directory "$top" --no-external \
    --output-file "$build/all.info" \
    2>"$build/geninfo.log" || { cat "$build/geninfo.log" >&2; exit 1; }
# shellcheck disable=SC2086
lcov $branches --quiet --remove "$build/all.info" "$top/codec/tests/*" "$top/spec/*" --output-file "$build/codec.info"
# shellcheck disable=SC2086
genhtml $branches --quiet --legend --title codec --output-directory "$build/html" "$build/codec.info"

awk -F: -v top="$top/" -v least="$least" -v html="$build/html/index.html" '
    function share(part, whole) { return (whole + 0 == 0) ? 100 : 100 * part / whole }
    function show(name, lines_hit, lines, branches_hit, branches) {
        printf("%-24s %6.1f %% of %4d lines  %6.1f %% of %4d branches\n", name, share(lines_hit, lines), lines, \
            share(branches_hit, branches), branches)
    }
    /^SF:/ { file = $2; sub(top, "", file) }
    /^LF:/ { lf = $2 } /^LH:/ { lh = $2 } /^BRF:/ { bf = $2 } /^BRH:/ { bh = $2 }
    /^end_of_record/ {
        show(file, lh, lf, bh, bf)
        all_lf += lf; all_lh += lh; all_bf += bf; all_bh += bh
        lf = lh = bf = bh = 0
    }
    END {
        show("all of codec/", all_lh, all_lf, all_bh, all_bf)
        print "report: " html
        if (all_bf == 0 || 100 * all_bh / all_bf < least) {
            printf "fewer than %d %% of the branches were taken\n", least > "/dev/stderr"
            exit 1
        }
    }' "$build/codec.info"
