#!/bin/sh
# A wrong row in a table of statements stops the build: generate.awk says where and what. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

generate() { # part
    awk -v part="$1" -f "$top/spec/generate.awk" "$work/mqtt-3.1.1.tsv" "$work/mqtt-5.0.tsv" >"$work/out" 2>"$work/err"
}

good_row='MQTT-1.1.1-1\tserver\tMUST\tbroker\tHow.\tWhat.\t\t'
header='id\tbinds\tlevel\tseen\thow\tparaphrase\tbreach\tno_scenario'
# The 3.1.1 table with one row; the 5.0 table has 1.1.1-1 and 2.2.2-2.
write_tables() { # row of 3.1.1, then its header row
    printf '%b\n%b\n' "${2:-$header\tin_5_0}" "$1" >"$work/mqtt-3.1.1.tsv"
    printf '%b\n%b\n%b\n' "$header" "$good_row" \
        'MQTT-2.2.2-2\tclient\tother\tnone\tHow.\tWhat.\t\t' >"$work/mqtt-5.0.tsv"
}
generates() { # name, row, what the row becomes
    write_tables "$2"
    generate rows && grep -q "^ *\"\", \"\", $3},\$" "$work/out" &&
        generate header && grep -q '^    SPEC_COUNT$' "$work/out"
    tell $? "$1"
}
refuses() { # name, row, what it says, header row
    write_tables "$2" "${4:-}"
    for part in header rows; do
        if generate $part || ! grep -q "^$work/mqtt-3.1.1.tsv:[12]: .*$3" "$work/err"; then
            tell 1 "$1"
            return
        fi
    done
    tell 0 "$1"
}

generates "a counterpart" "$good_row\t2.2.2-2" V5_2_2_2_2
generates "no counterpart" "$good_row\t" SPEC_NONE
generates "a counterpart of the same number" "$good_row\t1.1.1-1" V5_1_1_1_1
refuses "a counterpart that 5.0 lacks" "$good_row\t1.1.1-2" 'names V5_1_1_1_2, which no row of MQTT 5.0 has'
refuses "a counterpart in another spelling" "$good_row\tMQTT-1.1.1-1" 'malformed id MQTT-1.1.1-1 in column in_5_0'
refuses "a column too few" "$good_row" 'expected 9 columns, found 8'
refuses "a column too many" "$good_row\t1.1.1-1\tmore" 'expected 9 columns, found 10'
refuses "no header for the counterpart" "$good_row\t1.1.1-1" 'unexpected header row' "$header"
refuses "a malformed id" 'MQTT-1.1-1\tserver\tMUST\tbroker\tHow.\tWhat.\t\t\t' 'malformed id MQTT-1.1-1'
refuses "an unknown party" 'MQTT-1.1.1-1\tbroker\tMUST\tbroker\tHow.\tWhat.\t\t\t' 'unknown party broker'
refuses "an unknown level" 'MQTT-1.1.1-1\tserver\tSHOULD\tbroker\tHow.\tWhat.\t\t\t' 'unknown level SHOULD'
refuses "an unknown place" 'MQTT-1.1.1-1\tserver\tMUST\tserver\tHow.\tWhat.\t\t\t' 'unknown place server'
refuses "an empty text" 'MQTT-1.1.1-1\tserver\tMUST\tbroker\tHow.\t\t\t\t' 'empty text'
write_tables "$good_row\t"
printf '%b\n' "$good_row" >>"$work/mqtt-5.0.tsv"
! generate rows && grep -q "^$work/mqtt-5.0.tsv:4: duplicate id MQTT-1.1.1-1" "$work/err"
tell $? "an id that stands twice"
write_tables "$good_row\t"
sed 's/$/\t/' "$work/mqtt-5.0.tsv" >"$work/wide" && sed '1s/\t$/\tin_5_0/' "$work/wide" >"$work/mqtt-5.0.tsv"
! generate rows && grep -q "^$work/mqtt-5.0.tsv:1: unexpected header row" "$work/err"
tell $? "a counterpart in the table of 5.0"

finish
