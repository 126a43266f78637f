#!/bin/sh
# The way through the broker that reference/READING.md describes: every function that it names is defined in the file
# beside it, and not left over from other times. TAP.
set -u
. "$(dirname "$0")/../tap.sh"

guide=$top/reference/READING.md

defines() { grep -Eq "^[a-z].*[ *]$2\(" "$top/$1"; }

awk -F'`' '/^\| `reference\// { print $2, $4 }' "$guide" >"$work/stops"
while read -r file function; do
    check "$file has $function()" defines "$file" "$function"
done <"$work/stops"
check 'it has more than twenty stops' [ "$(wc -l <"$work/stops")" -gt 20 ]
finish
