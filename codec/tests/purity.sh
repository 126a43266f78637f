#!/bin/sh
# Objects that do no I/O name nothing that does: no allocation, stdio, time or socket symbol. Usage: purity.sh FILE...
# All FILEs, archives or objects, are judged together: what one of them defines, the others may name. What else they
# may name is listed here; so a symbol that nobody has thought of is refused too. TAP.
set -u
. "$(dirname "$0")/../../.ci/tap.sh"

# Memory and strings; checks of the caller's faults; what compilers and sanitizers add; the other rooms without I/O.
allowed='mem(cpy|move|set|cmp|chr)|str(len|cmp|ncmp|chr)'
allowed="$allowed|__(memcpy|memmove|memset|strcpy)_chk|bzero|bcmp"
allowed="$allowed|__assert_fail|__assert_rtn|abort|__stack_chk_(fail|guard)"
allowed="$allowed|__(asan|ubsan|tsan|msan|lsan|afl|sanitizer|gcov|llvm)_.*|_GLOBAL_OFFSET_TABLE_"
allowed="$allowed|(mqtt|spec)_.*"
# Hashes and their encoding, which the enhanced authentication takes from libcrypto.
allowed="$allowed|EVP_(sha256|EncodeBlock|DecodeBlock)|HMAC|SHA256|CRYPTO_memcmp|PKCS5_PBKDF2_HMAC"

# Prints what the files name and may not. Symbols of macOS have one underscore more.
judge() {
    nm "$@" >"$work/symbols" 2>"$work/out" || return 2
    awk -v allowed="^_?($allowed)\$" '
        NF >= 2 && $(NF - 1) ~ /^[A-TV-Zv]$/ { defined[$NF] = 1; any = 1 }
        NF >= 2 && $(NF - 1) ~ /^[Uw]$/ { named[$NF] = 1 }
        END {
            if (!any) { print "the files define nothing"; exit 1 }
            for (symbol in named)
                if (!(symbol in defined) && symbol !~ allowed) { print "names " symbol; impure = 1 }
            exit impure
        }' "$work/symbols" >"$work/out"
}

# An object that holds one function with the given body must be refused, or allowed.
sample() { # name, "refused" or "allowed", headers, body
    : >"$work/sample.c"
    for header in $3; do
        echo "#include <$header>" >>"$work/sample.c"
    done
    printf 'long sample(void *pointer, unsigned long size);\n' >>"$work/sample.c"
    printf 'long sample(void *pointer, unsigned long size) { %s }\n' "$4" >>"$work/sample.c"
    if ! ${CC:-cc} -O1 -c -o "$work/sample.o" "$work/sample.c" 2>"$work/out"; then
        tell 1 "$1 compiles"
        return
    fi
    judge "$work/sample.o"
    status=$?
    [ "$2" = refused ] && { [ "$status" -eq 1 ] && grep -q '^names ' "$work/out"; status=$?; }
    tell "$status" "$1 is $2"
}

[ $# -gt 0 ] || {
    echo "usage: purity.sh FILE..." >&2
    exit 2
}

judge "$@"
tell $? "$(basename "$1") and what is with it do no I/O"

# The check itself can fail.
sample "malloc" refused stdlib.h '*(void **)pointer = malloc(size); return 0;'
sample "free" refused stdlib.h 'free(pointer); return (long)size;'
sample "printf" refused stdio.h 'return printf("%lu %p", size, pointer);'
sample "snprintf" refused stdio.h 'return snprintf(pointer, size, "%lu", size);'
sample "clock_gettime" refused time.h 'return clock_gettime(CLOCK_MONOTONIC, pointer) + (long)size;'
sample "socket" refused sys/socket.h 'return pointer == 0 ? socket(AF_INET, SOCK_STREAM, 0) : (long)size;'
sample "write" refused unistd.h 'return write(1, pointer, size);'
sample "memcmp" allowed string.h 'return memcmp(pointer, &size, sizeof size);'
sample "no call" allowed "" 'return pointer == 0 ? 0 : (long)size;'

printf 'int nothing;\n' | ${CC:-cc} -c -o "$work/other.o" -x c - 2>"$work/out"
judge "$work/other.o" "$work/there-is-no-such-file.o"
[ $? -eq 2 ]
tell $? "a file that is not there is no pure file"

finish
