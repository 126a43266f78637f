#!/bin/sh
# usage: deviations.sh CORE CORE-WITHOUT
#
# What it costs a broker that keeps every statement that each could be switched off: the same loads on the core alone,
# by two builds of it. CORE-WITHOUT is built with -DMQSPEC_NO_DEVIATIONS. Instructions are counted by callgrind and
# repeat; CPU time is the least of ROUNDS (7) runs, which take turns. Exits 1 where the instructions of any load are
# more than 2 % above.
set -u

with=${1:?usage: deviations.sh CORE CORE-WITHOUT}
without=${2:?usage: deviations.sh CORE CORE-WITHOUT}
rounds=${ROUNDS:-7}
batches=100
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# What begins and ends a load falls away: it is counted once with one batch and once with more.
instructions() { # program, load
    for count in 1 $((batches + 1)); do
        valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no --toggle-collect=core_works \
            "$1" "$2" "$count" 2>&1 >"$work/out" | awk '/Collected/ { print $NF }'
    done | awk 'NR == 1 { first = $1 } NR == 2 { print $1 - first }'
}

cpu_time() { # program, load: nanoseconds for each message
    "$1" "$2" 1000 | cut -d' ' -f1
}

least() {
    sort -n | head -n 1
}

"$with" -l >"$work/loads" || exit 1
while read -r load messages name; do
    for round in $(seq "$rounds"); do
        cpu_time "$with" "$load" >>"$work/with.$load"
        cpu_time "$without" "$load" >>"$work/without.$load"
    done
    echo "$(instructions "$with" "$load") $(instructions "$without" "$load") $((messages * batches))" \
        "$(least <"$work/with.$load") $(least <"$work/without.$load") $name"
done <"$work/loads" >"$work/results"

awk '
    BEGIN {
        format = "%-48s %10s %10s %8s %9s %9s %8s\n"
        printf format, "for each message delivered, in the core", "instr.", "without", "more", "ns", "without", "more"
    }
    {
        name = $6
        for (i = 7; i <= NF; i++) name = name " " $i
        more = 100 * ($1 / $2 - 1)
        printf format, name, sprintf("%.0f", $1 / $3), sprintf("%.0f", $2 / $3), sprintf("%.2f %%", more), $4, $5,
            sprintf("%.1f %%", 100 * ($4 / $5 - 1))
        if (more > worst) worst = more
        count++
    }
    END {
        printf "the worst of %d loads: %.2f %% more instructions; at most 2 %% are allowed\n", count, worst
        exit count == 0 || worst > 2
    }' "$work/results"
