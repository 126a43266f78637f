#!/bin/sh
# The column `breach` says what a broker does that has a statement switched off; MUST in codec/ and reference/ is what
# switches. This holds the one to the other, and shows that it can fail. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

mkdir "$work/codec" "$work/reference"

judge() { # arguments: tables and sources
    awk -v part=deviations -f "$top/spec/places.awk" "$@" >"$work/out" 2>"$work/err"
}

table() { # file, then breach of 1.1.1-1 and of 1.1.1-2
    printf 'id\tbinds\tlevel\tseen\thow\tparaphrase\tbreach\tno_scenario\tin_5_0\n' >"$1"
    printf 'MQTT-1.1.1-1\tserver\tMUST\tbroker\tHow.\tWhat.\t%s\t\t\n' "$2" >>"$1"
    printf 'MQTT-1.1.1-2\tserver\tMUST\tbroker\tHow.\tWhat.\t%s\t\t\n' "$3" >>"$1"
}
table_5_0() { # file, then breach of 1.1.1-1 and of 1.1.1-2
    table "$1" "$2" "$3"
    sed 's/\t[^\t]*$//' "$1" >"$1.new" && mv "$1.new" "$1"
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

# The same with MQTT 5.0, whose statement 1.1.1-1 has a text too and 1.1.1-2 has none.
judge_both_versions() { # file in the tree; the source comes on standard input
    table "$work/mqtt-3.1.1.tsv" 'Does wrong.' ''
    table_5_0 "$work/mqtt-5.0.tsv" 'Does wrong.' ''
    cat >"$work/$1"
    judge "$work/mqtt-3.1.1.tsv" "$work/mqtt-5.0.tsv" "$work/$1"
}
both_hold() { # name; the source comes on standard input
    judge_both_versions codec/a.c
    tell $? "$1"
}
one_fails() { # name, what it says
    judge_both_versions codec/a.c
    [ $? -eq 1 ] && cat "$work/out" "$work/err" | grep -q -- "$2"
    tell $? "$1"
}

both_hold "by version" <<'SOURCE'
bool f(struct d *d) { return MUST(d->rules, BY_VERSION(d->version, V311(1_1_1_1), V5(1_1_1_1))) || drop(V5(1_1_1_2)); }
SOURCE
both_hold "by version, none before 5.0" <<'SOURCE'
bool f(struct d *d) { drop(V311(1_1_1_2)); return MUST(d->rules, BY_VERSION(d->version, SPEC_NONE, V5(1_1_1_1))); }
bool g(struct d *d) { return MUST(d->rules, V311(1_1_1_1)); }
SOURCE
both_hold "by version, none in 5.0" <<'SOURCE'
bool f(struct d *d) { drop(V5(1_1_1_2)); return MUST(d->rules, BY_VERSION(d->version, V311(1_1_1_1), SPEC_NONE)); }
bool g(struct d *d) { return MUST(d->rules, V5(1_1_1_1)); }
SOURCE
both_hold "none at all" <<'SOURCE'
bool f(struct d *d) { drop(V5(1_1_1_2)); return MUST(d->rules, BY_VERSION(d->version, SPEC_NONE, SPEC_NONE)); }
bool g(struct d *d) { return MUST(d->rules, V5(1_1_1_1)) && MUST(d->rules, V311(1_1_1_1)); }
SOURCE
both_hold "by version through a variable" <<'SOURCE'
bool f(struct d *d, enum mqtt_version version) {
    enum spec_statement other = BY_VERSION(version, V311(1_1_1_2), V5(1_1_1_2)), broken = BY_VERSION(version,
                        V311(1_1_1_1), V5(1_1_1_1));
    return MUST(d->rules, broken) || drop(other);
}
SOURCE
both_hold "by version through a variable that is set later" <<'SOURCE'
bool f(struct d *d) {
    enum spec_statement broken = V311(1_1_1_1);
    if (d->version == MQTT_5_0)
        broken = V5(1_1_1_1);
    return MUST(d->rules, broken) || drop(V5(1_1_1_2));
}
SOURCE
both_hold "by version through a parameter" <<'SOURCE'
static int check(struct d *d, enum spec_statement ill, enum spec_statement other) { return MUST(d->rules, ill); }
void f(struct d *d) {
    check(d, BY_VERSION(d->version, V311(1_1_1_1), V5(1_1_1_1)), BY_VERSION(d->version, V311(1_1_1_2), V5(1_1_1_2)));
}
SOURCE
both_hold "by version through a variable and a parameter" <<'SOURCE'
static int check(struct d *d, enum spec_statement ill) { return MUST(d->rules, ill); }
void f(struct d *d) {
    enum spec_statement ill = BY_VERSION(d->version, V311(1_1_1_1), V5(1_1_1_1));
    check(d, ill);
    drop(V5(1_1_1_2));
}
SOURCE
both_hold "two parameters" <<'SOURCE'
static int check(struct d *d, enum spec_statement before_5, enum spec_statement in_5) {
    return MUST(d->rules, BY_VERSION(d->version, before_5, in_5));
}
void f(struct d *d) { check(d, V311(1_1_1_1), V5(1_1_1_1)); drop(V5(1_1_1_2)); }
SOURCE
both_hold "two parameters, one of them none" <<'SOURCE'
static int check(struct d *d, enum spec_statement before_5, enum spec_statement in_5) {
    return MUST(d->rules, BY_VERSION(d->version, before_5, in_5));
}
void f(struct d *d) { check(d, V311(1_1_1_1), SPEC_NONE); check(d, SPEC_NONE, V5(1_1_1_1)); drop(V5(1_1_1_2)); }
SOURCE
both_hold "a rule as parameter" <<'SOURCE'
struct mqtt_rule { enum spec_statement before_5, in_5; };
static int check(struct d *d, struct mqtt_rule rule, struct mqtt_rule other) {
    return MUST(d->rules, BY_VERSION(d->version, rule.before_5, rule.in_5));
}
void f(struct d *d) { check(d, RULE(V311(1_1_1_1), V5(1_1_1_1)), RULE(V311(1_1_1_2), V5(1_1_1_2))); }
SOURCE
both_hold "a rule as parameter, by a macro of its own" <<'SOURCE'
static int check(struct d *d, const struct mqtt_rule *rule) { return MUST(d->rules, STATEMENT_OF(d->version, *rule)); }
void f(struct d *d) { check(d, &(struct mqtt_rule){V311(1_1_1_1), V5(1_1_1_1)}); drop(V5(1_1_1_2)); }
SOURCE
both_hold "a rule through two functions" <<'SOURCE'
static int inner(struct d *d, struct mqtt_rule rule) { return MUST(d->rules, of_version(d->version, rule)); }
static int outer(struct d *d, struct mqtt_rule other, struct mqtt_rule rule) { drop(other); return inner(d, rule); }
void f(struct d *d) { outer(d, RULE(V311(1_1_1_2), V5(1_1_1_2)), RULE(V311(1_1_1_1), V5(1_1_1_1))); }
SOURCE
both_hold "a rule in a variable" <<'SOURCE'
void f(struct d *d) {
    const struct mqtt_rule rule = RULE(V311(1_1_1_1), V5(1_1_1_1));
    if (MUST(d->rules, BY_VERSION(d->version, rule.before_5, rule.in_5)))
        drop(V5(1_1_1_2));
}
SOURCE
both_hold "rows with both" <<'SOURCE'
static const struct row { int x; enum spec_statement before_5, in_5; } rows[] = {{1, V311(1_1_1_1), V5(1_1_1_1)}};
bool f(struct d *d, int i) {
    drop(V5(1_1_1_2));
    return MUST(d->rules, BY_VERSION(d->version, rows[i].before_5, rows[i].in_5));
}
SOURCE
both_hold "rows with both, by a pointer" <<'SOURCE'
static const struct row rows[] = {{1, RULE(V311(1_1_1_1), V5(1_1_1_1))}, {2, RULE(SPEC_NONE, SPEC_NONE)}};
bool f(struct d *d) {
    for (const struct row *row = rows; row < rows + COUNT_OF(rows); row++)
        if (MUST(d->rules, BY_VERSION(d->version, row->rule.before_5, row->rule.in_5)))
            drop(V5(1_1_1_2));
}
SOURCE
both_hold "rows with both, the row as parameter" <<'SOURCE'
struct row { int x; enum spec_statement before_5, in_5; };
static const struct row rows[] = {{1, V311(1_1_1_1), V5(1_1_1_1)}};
static bool check(struct d *d, const struct row *row) {
    return MUST(d->rules, BY_VERSION(d->version, row->before_5, row->in_5));
}
bool f(struct d *d, int i) { return check(d, &rows[i]) || drop(V5(1_1_1_2)); }
SOURCE
both_hold "one of two tables" <<'SOURCE'
static const enum spec_statement before_5[] = {[3] = V311(1_1_1_1)};
static const enum spec_statement in_5[] = {[3] = V5(1_1_1_1)};
bool f(struct d *d, int i) {
    const enum spec_statement *statements = d->version == MQTT_5_0 ? in_5 : before_5;
    return MUST(d->rules, statements[i]) || drop(V5(1_1_1_2));
}
SOURCE
both_hold "through what a function returns" <<'SOURCE'
static enum spec_statement which(const struct d *d) {
    if (d->version != MQTT_5_0)
        return V311(1_1_1_1);
    return V5(1_1_1_1);
}
static enum spec_statement other(const struct d *d) { return BY_VERSION(d->version, V311(1_1_1_2), V5(1_1_1_2)); }
bool f(struct d *d) { enum spec_statement broken = which(d); return MUST(d->rules, broken) || drop(other(d)); }
SOURCE
one_fails "by version, without text before 5.0" 'MUST asks for MQTT311:1\.1\.1-2' <<'SOURCE'
bool f(struct d *d) { return MUST(d->rules, BY_VERSION(d->version, V311(1_1_1_2), V5(1_1_1_1))); }
SOURCE
one_fails "by version, without text in 5.0" 'MUST asks for MQTT5:1\.1\.1-2' <<'SOURCE'
bool f(struct d *d) { return MUST(d->rules, BY_VERSION(d->version, V311(1_1_1_1), V5(1_1_1_2))); }
SOURCE
one_fails "a rule without text in 5.0" 'MUST asks for MQTT5:1\.1\.1-2' <<'SOURCE'
static int check(struct d *d, struct mqtt_rule rule) { return MUST(d->rules, of_version(d->version, rule)); }
void f(struct d *d) { check(d, RULE(V311(1_1_1_1), V5(1_1_1_2))); }
SOURCE
one_fails "rows without text in 5.0" 'MUST asks for MQTT5:1\.1\.1-2' <<'SOURCE'
static const struct row { int x; enum spec_statement y, z; } rows[] = {{1, V311(1_1_1_1), V5(1_1_1_2)}};
bool f(struct d *d, int i) { return MUST(d->rules, BY_VERSION(d->version, rows[i].y, rows[i].z)); }
SOURCE
one_fails "a text in 5.0 without MUST" 'MQTT5:1\.1\.1-1 has a text' <<'SOURCE'
bool f(struct d *d) { return MUST(d->rules, BY_VERSION(d->version, V311(1_1_1_1), SPEC_NONE)) || drop(V5(1_1_1_1)); }
SOURCE

cat >"$work/codec/b.h" <<'SOURCE'
static inline bool check(struct d *d, enum spec_statement ill) { return MUST(d->rules, ill); }
static inline enum spec_statement which(struct d *d) { return BY_VERSION(d->version, V311(1_1_1_1), V5(1_1_1_1)); }
SOURCE
printf 'void f(struct d *d) { check(d, which(d)); }\n' >"$work/codec/a.c"
judge "$work"/mqtt-*.tsv "$work/codec/a.c" "$work/codec/b.h"
tell $? "through functions of another source"

finish
