#!/bin/sh
# The column `breach` says what a broker does that has a statement switched off; MUST in codec/ and reference/ is what
# switches. This holds the one to the other, and shows that it can fail. TAP.
set -u

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/codec" "$work/reference"
number=0
failures=0

judge() { # arguments: tables and sources
    awk -v part=deviations -f "$top/spec/places.awk" "$@" >"$work/out" 2>"$work/err"
}

tell() { # status, name
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
        return
    fi
    echo "not ok $number - $2"
    sed 's/^/# /' "$work/out" "$work/err"
    failures=$((failures + 1))
}

table() { # file, then breach of 1.1.1-1 and of 1.1.1-2
    printf 'id\tbinds\tlevel\tseen\thow\tparaphrase\tbreach\tno_scenario\tin_5_0\n' >"$1"
    printf 'MQTT-1.1.1-1\tserver\tMUST\tbroker\tHow.\tWhat.\t%s\t\t\n' "$2" >>"$1"
    printf 'MQTT-1.1.1-2\tserver\tMUST\tbroker\tHow.\tWhat.\t%s\t\t\n' "$3" >>"$1"
}

# A small tree of one source, whose statement 1.1.1-1 has a text and 1.1.1-2 has none.
judge_source() { # file in the tree; the source comes on standard input
    table "$work/mqtt-3.1.1.tsv" 'Does wrong.' ''
    cat >"$work/$1"
    judge "$work/mqtt-3.1.1.tsv" "$work/$1"
}
holds() { # name, file
    judge_source "$2"
    tell $? "$1"
}
fails() { # name, file, what it says
    judge_source "$2"
    [ $? -eq 1 ] && cat "$work/out" "$work/err" | grep -q -- "$3"
    tell $? "$1"
}

judge "$top"/spec/mqtt-*.tsv "$top"/codec/*.[ch] "$top"/reference/*.[ch]
tell $? "this tree"

holds "a MUST" reference/a.c <<'SOURCE'
void f(struct spec_rules *rules) { if (MUST(rules, V311(1_1_1_1))) g(); }
SOURCE
holds "OBEYS needs no text" reference/a.c <<'SOURCE'
void f(struct spec_rules *rules) { OBEYS(rules, V311(1_1_1_2)); if (MUST(rules, V311(1_1_1_1))) g(); }
SOURCE
holds "an error that names a statement needs no text" reference/a.c <<'SOURCE'
void f(struct spec_rules *rules) { if (MUST(rules, V311(1_1_1_1))) drop(V311(1_1_1_2)); }
SOURCE
holds "over several lines" reference/a.c <<'SOURCE'
void f(struct spec_rules *rules) {
    if (x && MUST(rules_of(a, b),
                  V311(1_1_1_1)))
        g();
}
SOURCE
holds "through a parameter" codec/a.c <<'SOURCE'
static int check(struct text text, enum spec_statement ill, int more) { return MUST(d->rules, ill) ? 1 : 0; }
void f(struct d *d) { check(text_of(d, 1), V311(1_1_1_1), V311(1_1_1_2)); }
SOURCE
holds "through two parameters" codec/a.c <<'SOURCE'
static int inner(enum spec_statement a, enum spec_statement b) { refuse(a); return MUST(rules, b); }
static int outer(enum spec_statement c) { return inner(V311(1_1_1_2), c); }
void f(void) { outer(V311(1_1_1_1)); }
SOURCE
holds "through a table" codec/a.c <<'SOURCE'
static const enum spec_statement unused[] = {[3] = V311(1_1_1_2)};
static const enum spec_statement statements[] = {[3] = V311(1_1_1_1)};
bool f(struct spec_rules *rules, int i) { enum spec_statement each = statements[i]; return MUST(rules, each); }
SOURCE
fails "a MUST without text" reference/a.c 'MUST asks for MQTT311:1\.1\.1-2' <<'SOURCE'
void f(struct spec_rules *rules) { return MUST(rules, V311(1_1_1_1)) && MUST(rules, V311(1_1_1_2)); }
SOURCE
fails "a MUST without text through a table" reference/a.c 'MUST asks for MQTT311:1\.1\.1-2' <<'SOURCE'
static const struct row { int x; enum spec_statement y; } rows[] = {{1, V311(1_1_1_1)}, {2, V311(1_1_1_2)}};
bool f(struct spec_rules *rules, int i) { return MUST(rules, rows[i].y); }
SOURCE
fails "a MUST without text through a parameter" codec/a.c 'MUST asks for MQTT311:1\.1\.1-2' <<'SOURCE'
static int check(struct text text, enum spec_statement ill) { return MUST(rules, V311(1_1_1_1)) && MUST(rules, ill); }
void f(struct d *d) { check(text_of(d, 1), V311(1_1_1_2)); }
SOURCE
fails "a text without MUST" reference/a.c '1\.1\.1-1 has a text' <<'SOURCE'
void f(struct spec_rules *rules) { OBEYS(rules, V311(1_1_1_1)); }
SOURCE
fails "a MUST in a comment" reference/a.c '1\.1\.1-1 has a text' <<'SOURCE'
/* if (MUST(rules, V311(1_1_1_1))) */
void f(struct spec_rules *rules) { // MUST(rules, V311(1_1_1_1))
}
SOURCE
fails "a MUST in quotes" reference/a.c '1\.1\.1-1 has a text' <<'SOURCE'
void f(struct spec_rules *rules) { say("\"MUST(rules, V311(1_1_1_1))"); }
SOURCE
fails "a MUST in the monitor" reference/monitor_a.c '1\.1\.1-1 has a text' <<'SOURCE'
void f(struct spec_rules *rules) { if (MUST(rules, V311(1_1_1_1))) g(); }
SOURCE
fails "an unknown statement" reference/a.c 'unknown statement V311_1_1_1_9' <<'SOURCE'
void f(struct spec_rules *rules) { if (MUST(rules, V311(1_1_1_9))) g(); }
SOURCE

echo "1..$number"
[ "$failures" -eq 0 ]
