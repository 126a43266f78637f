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

# ---- Deviations: what a MUST asks for, directly or through what its argument comes from ----
#
# An argument is followed to the statements in it; through a parameter to what callers hand over; through a variable to
# what is assigned to it; through a function to what it returns; through a table to all that the table names. So both
# statements of BY_VERSION(version, V311(...), V5(...)) and of RULE(V311(...), V5(...)) count.

# Finds the functions and the initialised tables of one source, and the fields that hold statements.
function take_definitions(source,    at, end, behind) {
    for (at = first_token[source]; at <= last_token[source]; at++) {
        if (tokens[at] == "(") at = closing(at)
        if (tokens[at] ~ /^(spec_statement|mqtt_rule)$/) take_fields(at + 1)
        if (tokens[at] != "{") continue
        end = closing(at)
        behind = tokens[at - 1]
        if (behind == ")") take_function(source, at, end)
        else if (behind == "=") take_table(source, at, end)
        else continue
        at = end
    }
}
# The names of a declaration: `before_5, in_5;`.
function take_fields(at) {
    for (; tokens[at] ~ /^([A-Za-z_].*|[*,])$/; at++) is_field[tokens[at]] = 1
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
# The name that stands before `at`, which may have brackets behind it.
function name_before(at) {
    for (at--; tokens[at] == "]"; at = opening(at) - 1) { }
    return at
}
function take_table(source, at, end,    name) {
    name = tokens[name_before(at - 1)]
    table_first[source, name] = table_first["any", name] = at
    table_last[source, name] = table_last["any", name] = end
}
function take_function(source, at, end,    open, name, token) {
    open = opening(at - 1)
    name = tokens[open - 1]
    functions[++function_count] = name
    function_source[function_count] = source
    body_first[function_count] = at
    body_last[function_count] = end
    by_name[source, name] = by_name["any", name] = function_count
    for (token = open - 2; token > 0 && tokens[token] !~ /^[;{})]$/; token--)
        if (tokens[token] ~ /^(spec_statement|mqtt_rule)$/) returns_statement[function_count] = 1
    take_parameters(function_count, open + 1, at - 2)
    take_assignments(function_count)
}
function take_parameters(f, first, last,    token, count, is_statement, name) {
    count = 1
    for (token = first; token <= last + 1; token++) {
        if (token <= last && tokens[token] == "(") token = closing(token)
        if (tokens[token] ~ /^(spec_statement|mqtt_rule)$/) is_statement = 1
        if (tokens[token] != "," && token <= last) continue
        name = tokens[name_before(token)]
        parameter[f, name] = count++
        if (is_statement) is_statement_parameter[f, name] = 1
        is_statement = 0
    }
}
# Assignments to variables, not to fields.
function take_assignments(f,    at, name) {
    for (at = body_first[f]; at <= body_last[f]; at++) {
        if (tokens[at] != "=" || tokens[at + 1] == "=") continue
        name = name_before(at)
        if (tokens[name] !~ /^[A-Za-z_]/ || is_member(name)) continue
        assignment[f, tokens[name], ++assignments[f, tokens[name]]] = at + 1
    }
}
function is_member(at) { return tokens[at - 1] == "." || tokens[at - 1] == ">" && tokens[at - 2] == "-" }

# The last token of the value that begins at `at`.
function end_of_value(at) {
    for (; at <= token_count && tokens[at] !~ /^[]});,]$/; at++)
        if (tokens[at] ~ /^[({[]$/) at = closing(at)
    return at - 1
}

# What a MUST in the function asks for. Where that cannot be followed, it may be any statement that the function or a
# table in it names.
function take_musts(f,    at, first) {
    for (at = body_first[f]; at <= body_last[f]; at++) {
        if (tokens[at] != "MUST" || tokens[at + 1] != "(") continue
        first = end_of_value(at + 2) + 2
        if (!take_value(f, first, closing(at + 1) - 1)) take_all_named(f)
    }
}
# Switches off what the tokens stand for. True when that could be told.
function take_value(f, first, last,    at, understood) {
    for (at = first; at <= last; at++) {
        if (tokens[at] in rank) { switch_off(at); understood = 1 }
        else if (tokens[at] == "SPEC_NONE") understood = 1
        else if (tokens[at] ~ /^[A-Za-z_]/ && !is_member(at) && take_name(f, at)) understood = 1
    }
    return understood
}
function take_name(f, at,    name, source, callee, understood) {
    name = tokens[at]
    source = function_source[f]
    if (tokens[at + 1] == "(") {
        callee = function_named(source, name)
        return callee in returns_statement && take_returned(callee)
    }
    if ((f, name) in parameter && (holds_statement(at) || (f, name) in is_statement_parameter)) {
        ask_for(f, parameter[f, name])
        understood = 1
    }
    if ((f, name) in assignments) return take_assigned(f, name) || understood
    return understood || take_table_named(source, name)
}
# `row->statement` or `row.statement`.
function holds_statement(at) {
    return tokens[at + 1] == "." && tokens[at + 2] in is_field ||
        tokens[at + 1] == "-" && tokens[at + 2] == ">" && tokens[at + 3] in is_field
}
function ask_for(f, number) {
    if (!((f, number) in asks_for)) changed = 1
    asks_for[f, number] = 1
}
function take_assigned(f, name,    each, understood) {
    if ((f, name) in in_hand) return 0
    in_hand[f, name] = 1
    for (each = 1; each <= assignments[f, name]; each++)
        if (take_value(f, assignment[f, name, each], end_of_value(assignment[f, name, each]))) understood = 1
    delete in_hand[f, name]
    return understood
}
function take_returned(f,    at, understood) {
    if ((f, "return") in in_hand) return 0
    in_hand[f, "return"] = 1
    for (at = body_first[f]; at <= body_last[f]; at++)
        if (tokens[at] == "return" && take_value(f, at + 1, end_of_value(at + 1))) understood = 1
    delete in_hand[f, "return"]
    return understood
}
function take_table_named(source, name,    entry, understood) {
    if (!((source, name) in table_first)) source = "any"
    if (!((source, name) in table_first)) return 0
    for (entry = table_first[source, name]; entry <= table_last[source, name]; entry++)
        if (tokens[entry] in rank) { switch_off(entry); understood = 1 }
    return understood
}
function take_all_named(f,    at) {
    for (at = body_first[f]; at <= body_last[f]; at++) {
        if (tokens[at] in rank) switch_off(at)
        take_table_named(function_source[f], tokens[at])
    }
}
function switch_off(at,    source) {
    if (tokens[at] in off_at) return
    for (source = 1; last_token[source] < at; source++) { }
    off_at[tokens[at]] = sources[source] ":" token_line[at]
    changed = 1
}
# The function that a source means by a name: its own, else that of another source; 0 when there is none.
function function_named(source, name) {
    if ((source, name) in by_name) return by_name[source, name]
    return ("any", name) in by_name ? by_name["any", name] : 0
}

# Arguments handed to functions that ask for their parameter.
function take_calls(f,    at, callee, end, first, last, count) {
    for (at = body_first[f]; at <= body_last[f]; at++) {
        if (tokens[at + 1] != "(" || !(callee = function_named(function_source[f], tokens[at]))) continue
        end = closing(at + 1)
        count = 1
        for (first = at + 2; first < end; first = last + 2) {
            last = end_of_value(first)
            if ((callee, count) in asks_for) take_value(f, first, last)
            count++
        }
    }
}

function check_deviations(    source, f, statement, name) {
    for (source = 1; source <= source_count; source++) take_definitions(source)
    do {
        changed = 0
        for (f = 1; f <= function_count; f++) {
            take_musts(f)
            take_calls(f)
        }
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
