# Turns the statement tables into C. Run as: awk -v part=header|rows -f generate.awk mqtt-3.1.1.tsv mqtt-5.0.tsv
# A table with a malformed row stops the build.
BEGIN {
    FS = "\t"
    binds["client"] = binds["server"] = binds["both"] = binds["sender"] = binds["receiver"] = 1
    level["MUST"] = "SPEC_MUST"; level["MUST NOT"] = "SPEC_MUST_NOT"; level["other"] = "SPEC_OTHER"
    seen["broker"] = "SPEC_SEEN_BROKER"; seen["client"] = "SPEC_SEEN_CLIENT"
    seen["both"] = "SPEC_SEEN_BOTH"; seen["none"] = "SPEC_SEEN_NOWHERE"
    if (part == "header") print "enum spec_statement {\n    SPEC_NONE,"
    else print "#include \"spec/spec.h\"\n\n#include \"spec/rows.h\"\n\nconst struct spec_row spec_rows[SPEC_COUNT] = {"
}
function fail(why) { fail_at(FILENAME ":" FNR, why) }
function fail_at(place, why) {
    printf "%s: %s\n", place, why > "/dev/stderr"
    failed = 1
    exit 1
}
function enumerator(version, number) {
    gsub(/[.-]/, "_", number)
    return version number
}
function quoted(text) {
    gsub(/\\/, "\\\\", text)
    gsub(/"/, "\\\"", text)
    return "\"" text "\""
}
FNR == 1 {
    five = FILENAME ~ /5\.0/
    columns = five ? 8 : 9
    header = "id\tbinds\tlevel\tseen\thow\tparaphrase\tbreach\tno_scenario"
    if ($0 != (five ? header : header "\tin_5_0")) fail("unexpected header row")
    next
}
{
    if (NF != columns) fail("expected " columns " columns, found " NF)
    if ($1 !~ /^MQTT-[0-9]+\.[0-9]+\.[0-9]+-[0-9]+$/) fail("malformed id " $1)
    if (!($2 in binds)) fail("unknown party " $2)
    if (!($3 in level)) fail("unknown level " $3)
    if (!($4 in seen)) fail("unknown place " $4)
    if ($5 == "" || $6 == "") fail("empty text")
    number = substr($1, 6)
    name = enumerator(five ? "V5_" : "V311_", number)
    if (name in known) fail("duplicate id " $1)
    known[name] = 1
    in_5_0 = five ? name : $9 == "" ? "SPEC_NONE" : enumerator("V5_", $9)
    if (!five && $9 !~ /^([0-9]+\.[0-9]+\.[0-9]+-[0-9]+)?$/) fail("malformed id " $9 " in column in_5_0")
    if (!five && $9 != "") named_at[in_5_0] = FILENAME ":" FNR
    section = number
    sub(/-.*/, "", section)
    if (part == "header") { print "    " name ","; next }
    printf "    [%s] = {%s, %s, %s, %s, %s, SPEC_BINDS_%s, %s, %s,\n        %s,\n        %s,\n        %s, %s, %s},\n", \
        name, name, five ? "SPEC_MQTT_5_0" : "SPEC_MQTT_3_1_1", quoted($1), \
        quoted((five ? "MQTT5:" : "MQTT311:") number), quoted(section), toupper($2), level[$3], seen[$4], \
        quoted($5), quoted($6), quoted($7), quoted($8), in_5_0
}
END {
    if (failed) exit 1
    for (name in named_at)
        if (!(name in known)) fail_at(named_at[name], "column in_5_0 names " name ", which no row of MQTT 5.0 has")
    print part == "header" ? "    SPEC_COUNT\n};" : "};"
}
