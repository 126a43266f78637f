# Reads the sources for the statements that they name. With part=places (the default) it makes the table of places
# where statements are obeyed and tested:
#     awk -f places.awk mqtt-3.1.1.tsv mqtt-5.0.tsv tested.txt SOURCE...
# With part=deviations it holds the tables' column `breach` to the sources: a statement has a text there when, and
# only when, a MUST asks for it. It tells what is wrong and exits 1:
#     awk -v part=deviations -f places.awk mqtt-3.1.1.tsv mqtt-5.0.tsv SOURCE...
BEGIN { FS = "\t"; if (part == "") part = "places" }
function fail(why) {
    printf "%s:%d: %s\n", FILENAME, FNR, why > "/dev/stderr"
    failed = 1
    exit 1
}

# ---- The tables: V311_3_1_2_24 and MQTT311:3.1.2-24 lead to a number that keeps the tables' order ----
FILENAME ~ /\.tsv$/ {
    if (FNR == 1) next
    five = FILENAME ~ /5\.0/
    number = substr($1, 6)
    qualified = (five ? "MQTT5:" : "MQTT311:") number
    gsub(/[.-]/, "_", number)
    names[++statements] = (five ? "V5_" : "V311_") number
    rank[names[statements]] = rank[qualified] = statements
    can_deviate[statements] = $7 != ""
    where[statements] = FILENAME ":" FNR
    shown[statements] = qualified
    next
}

# ---- Tested: qualified id, file, line, scenario ----
FILENAME ~ /\.txt$/ {
    if (NF != 4) fail("expected 4 columns, found " NF)
    if (!($1 in rank)) fail("unknown statement " $1)
    add_place("TESTED", rank[$1], $2, $3, $4)
    next
}

# ---- Obeyed: V311(3_1_2_24) in the sources. The monitor judges others; it obeys nothing. ----
FILENAME !~ /(^|\/)(codec|reference)\/[^\/]*\.[ch]$/ || FILENAME ~ /\/monitor[^\/]*$/ { next }
FNR == 1 {
    in_comment = in_directive = 0
    sources[++source_count] = FILENAME
    first_token[source_count] = token_count + 1
}
{
    line = code_of($0)
    is_directive = in_directive || line ~ /^[ \t]*#/
    in_directive = is_directive && line ~ /\\$/
    if (!is_directive) take_tokens(line)
    last_token[source_count] = token_count
}

# The line without comments and without what stands in quotes. in_comment is carried from line to line.
function code_of(line,    code, position, opening) {
    code = ""
    while (line != "") {
        if (in_comment) {
            position = index(line, "*/")
            if (position == 0) return code
            line = substr(line, position + 2)
            in_comment = 0
            continue
        }
        if (!match(line, /\/\*|\/\/|["']/)) return code line
        code = code substr(line, 1, RSTART - 1)
        opening = substr(line, RSTART, RLENGTH)
        line = substr(line, RSTART + RLENGTH)
        if (opening == "//") return code
        if (opening == "/*") { in_comment = 1; continue }
        line = behind_quote(line, opening)
        code = code opening opening
    }
    return code
}
function behind_quote(line, quote,    position, character) {
    for (position = 1; position <= length(line); position++) {
        character = substr(line, position, 1)
        if (character == "\\") position++
        else if (character == quote) return substr(line, position + 1)
    }
    return ""
}

# A statement is one token, V311_3_1_2_24; so is a word, and any other character.
function take_tokens(line,    token) {
    while (match(line, /V(311|5)\([0-9]+_[0-9]+_[0-9]+_[0-9]+\)|[A-Za-z0-9_]+|[^ \tA-Za-z0-9_]/)) {
        token = substr(line, RSTART, RLENGTH)
        line = substr(line, RSTART + RLENGTH)
        if (token ~ /^V(311|5)\(/) {
            token = substr(token, 1, length(token) - 1)
            sub(/\(/, "_", token)
            note_obeyed(token)
        }
        tokens[++token_count] = token
        token_line[token_count] = FNR
    }
}
function note_obeyed(name) {
    if (!(name in rank)) fail("unknown statement " name)
    if (!((name, FILENAME, FNR) in noted)) add_place("OBEYED", rank[name], FILENAME, FNR, "")
    noted[name, FILENAME, FNR] = 1
}

# ---- Places ----

# Keeps each kind's places of a statement in the order of file and line.
function add_place(kind, statement, file, line, scenario,    at) {
    for (at = ++counts[kind, statement]; at > 1; at--) {
        if (!comes_before(file, line, files[kind, statement, at - 1], lines[kind, statement, at - 1])) break
        files[kind, statement, at] = files[kind, statement, at - 1]
        lines[kind, statement, at] = lines[kind, statement, at - 1]
        scenarios[kind, statement, at] = scenarios[kind, statement, at - 1]
    }
    files[kind, statement, at] = file
    lines[kind, statement, at] = line
    scenarios[kind, statement, at] = scenario
}
function comes_before(file, line, other_file, other_line) {
    return (file "") < (other_file "") || (file "") == (other_file "") && line + 0 < other_line + 0
}
function print_places_of(kind, statement,    at) {
    for (at = 1; at <= counts[kind, statement] + 0; at++) {
        printf "    {%s, SPEC_%s, \"%s\", %d, \"%s\"},\n", names[statement], kind, files[kind, statement, at], \
            lines[kind, statement, at], scenarios[kind, statement, at]
        printed++
    }
}
function print_places(    statement) {
    print "#include \"spec/spec.h\"\n\nconst struct spec_place spec_places[] = {"
    for (statement = 1; statement <= statements; statement++) {
        print_places_of("OBEYED", statement)
        print_places_of("TESTED", statement)
    }
    print "    {SPEC_NONE, SPEC_OBEYED, \"\", 0, \"\"}, /* not counted: C has no empty arrays */"
    printf "};\n\nconst size_t spec_place_count = %d;\n", printed
}

# ---- Deviations: what a MUST asks for, directly, through a parameter, or through a table ----

# Finds the functions and the initialised tables of one source.
function take_definitions(source,    at, end, depth, behind) {
    for (at = first_token[source]; at <= last_token[source]; at++) {
        if (tokens[at] != "{") continue
        end = closing(at)
        behind = tokens[at - 1]
        if (behind == ")") take_function(source, at, end)
        else if (behind == "=") take_table(source, at, end)
        at = end
    }
}
function closing(at,    depth) {
    for (depth = 0; at <= token_count; at++) {
        if (tokens[at] ~ /^[({[]$/) depth++
        if (tokens[at] ~ /^[]})]$/ && --depth == 0) return at
    }
    return token_count
}
function opening(at,    depth) {
    for (depth = 0; at > 0; at--) {
        if (tokens[at] ~ /^[]})]$/) depth++
        if (tokens[at] ~ /^[({[]$/ && --depth == 0) return at
    }
    return 1
}
function take_table(source, at, end,    name) {
    for (name = at - 2; tokens[name] == "]"; name = opening(name) - 1) { }
    table_first[source, tokens[name]] = at
    table_last[source, tokens[name]] = end
}
function take_function(source, at, end,    open, token, count, is_statement) {
    open = opening(at - 1)
    functions[++function_count] = tokens[open - 1]
    function_source[function_count] = source
    body_first[function_count] = at
    body_last[function_count] = end
    by_name[source, tokens[open - 1]] = function_count
    count = 1
    for (token = open + 1; token < at; token++) {
        if (tokens[token] == "spec_statement") is_statement = 1
        if (tokens[token] == "," || token == at - 1) {
            if (is_statement) parameter[function_count, tokens[token - 1]] = count
            is_statement = 0
            count++
        }
    }
}

# What a MUST in the function asks for: a statement, a parameter, or something that only the run knows. The last may be
# any statement that the function or a table in it names.
function take_musts(f,    at, end, argument, depth) {
    for (at = body_first[f]; at <= body_last[f]; at++) {
        if (tokens[at] != "MUST" || tokens[at + 1] != "(") continue
        end = closing(at + 1)
        for (argument = end; argument > at && tokens[argument] != ","; argument--) { }
        if (!take_argument(f, argument + 1, end - 1)) take_all_named(f)
        at = end
    }
}
function take_argument(f, first, last,    at, understood) {
    for (at = first; at <= last; at++) {
        if (tokens[at] in rank) { switch_off(at); understood = 1 }
        if ((f, tokens[at]) in parameter && tokens[at - 1] != "." && tokens[at - 1] != ">") {
            asks_for[f, parameter[f, tokens[at]]] = 1
            understood = 1
        }
    }
    return understood
}
function take_all_named(f,    at, entry, source) {
    source = function_source[f]
    for (at = body_first[f]; at <= body_last[f]; at++) {
        if (tokens[at] in rank) switch_off(at)
        if ((source, tokens[at]) in table_first)
            for (entry = table_first[source, tokens[at]]; entry <= table_last[source, tokens[at]]; entry++)
                if (tokens[entry] in rank) switch_off(entry)
    }
}
function switch_off(at,    source) {
    if (tokens[at] in off_at) return
    for (source = 1; last_token[source] < at; source++) { }
    off_at[tokens[at]] = sources[source] ":" token_line[at]
    changed = 1
}

# Arguments handed to functions that ask for their parameter.
function take_calls(f,    at, callee, end, token, count, first) {
    for (at = body_first[f]; at <= body_last[f]; at++) {
        if (tokens[at + 1] != "(" || !((function_source[f], tokens[at]) in by_name)) continue
        callee = by_name[function_source[f], tokens[at]]
        end = closing(at + 1)
        count = 1
        first = at + 2
        for (token = first; token <= end; token++) {
            if (token < end && tokens[token] ~ /^[({[]$/) token = closing(token)
            if (tokens[token] != "," && token != end) continue
            if ((callee, count) in asks_for) hand_on(f, first, token - 1)
            first = token + 1
            count++
        }
    }
}
function hand_on(f, first, last,    at, key) {
    for (at = first; at <= last; at++) {
        if (tokens[at] in rank) switch_off(at)
        if (!((f, tokens[at]) in parameter)) continue
        key = f SUBSEP parameter[f, tokens[at]]
        if (!(key in asks_for)) changed = 1
        asks_for[key] = 1
    }
}

function check_deviations(    source, f, statement, name) {
    for (source = 1; source <= source_count; source++) take_definitions(source)
    for (f = 1; f <= function_count; f++) take_musts(f)
    do {
        changed = 0
        for (f = 1; f <= function_count; f++) take_calls(f)
    } while (changed)
    for (statement = 1; statement <= statements; statement++) {
        name = names[statement]
        if (can_deviate[statement] && !(name in off_at)) {
            printf "%s: %s has a text in column breach, but no MUST asks for it\n", where[statement], shown[statement]
            failed = 1
        }
        if (!can_deviate[statement] && name in off_at) {
            printf "%s: a MUST asks for %s, but %s has no text in column breach\n", off_at[name], shown[statement], \
                where[statement]
            failed = 1
        }
    }
}

END {
    if (failed) exit 1
    if (part == "deviations") check_deviations()
    else print_places()
    exit failed + 0
}
