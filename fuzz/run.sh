#!/bin/sh
# Runs one libFuzzer program for a while. Usage: run.sh PROGRAM WORK_DIRECTORY TARGET SECONDS
# What it learns stays in WORK_DIRECTORY/corpus/TARGET, a failing input in WORK_DIRECTORY/findings. The same seed each
# time: a smoke test should not fail by chance. Exits 1 on a finding.
set -u
program=$1
learned=$2/corpus/$3
findings=$2/findings
seconds=$4
mkdir -p "$learned" "$findings"
log=$2/$3.log

if "$program" -seed=1 -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=2048 -timeout=10 -dict=fuzz/mqtt.dict \
    -artifact_prefix="$findings/$3-" -print_final_stats=1 "$learned" "corpus/$3" >"$log" 2>&1; then
    awk -v target="$3" '
        /stat::number_of_executed_units/ { executions = $2 }
        /stat::average_exec_per_sec/ { rate = $2 }
        END { printf "%s: %d executions, %d a second with sanitizers, no finding\n", target, executions, rate
              exit executions == 0 }' "$log"
    exit
fi
grep -v '^#[0-9]' "$log" | tail -n 40 >&2
echo "$3: finding; the input is in $findings, the log is $log" >&2
exit 1
