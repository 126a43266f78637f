#!/usr/bin/env python3
"""usage: power.py BUILD_DIRECTORY [PATTERN...]

Switches off one statement after the other in the reference broker, lets `mqspec fuzz` loose on it as on any other
broker, and prints what it finds and how long that takes. PATTERN: only statements whose name holds it.

In the environment: SECONDS_EACH (60) for each statement, JOBS (2) brokers at a time. The exit status is 0 when at least
90 % of the deviations are found and 80 % named right, 1 when not.
"""
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys
import tempfile

FOUND_AT_LEAST = 0.9
NAMED_AT_LEAST = 0.8


def deviations(mqspec, patterns):
    listed = subprocess.run([mqspec, "broker", "--list-deviations"], capture_output=True, text=True, check=True)
    names = [line.split("\t")[0] for line in listed.stdout.splitlines()]
    return [name for name in names if not patterns or any(pattern in name for pattern in patterns)]


def fuzz(mqspec, name, seconds, work):
    """The result of one campaign, as the table wants it."""
    broker = f"{shlex.quote(mqspec)} broker -p {{port}} --deviate {name}"
    command = [mqspec, "fuzz", "--run", broker, "--time", str(seconds), "--findings", "1", "--breaches-only",
               "--no-shrink", "--json", "--seed", "1", "--out", os.path.join(work, name.replace(":", "_"))]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120)
    if ended.returncode not in (0, 1):
        return "error", 0, ended.stderr.strip().splitlines()[-1:]
    findings = json.loads(ended.stdout)["findings"]
    if not findings:
        return "not found", 0, []
    statements = findings[0]["statements"]
    how = "named" if statements[:1] == [name] else "among others" if name in statements else "found"
    return how, findings[0]["after_milliseconds"] / 1000, statements[:4] or [findings[0]["what"]]


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 0 if len(sys.argv) > 1 else 2
    mqspec = os.path.join(os.path.abspath(sys.argv[1]), "mqspec")
    seconds = int(os.environ.get("SECONDS_EACH", "60"))
    names = deviations(mqspec, sys.argv[2:])
    count = {"named": 0, "among others": 0, "found": 0, "not found": 0, "error": 0}
    with tempfile.TemporaryDirectory() as work, \
            concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as pool:
        for name, result in zip(names, pool.map(lambda one: fuzz(mqspec, one, seconds, work), names)):
            how, after, statements = result
            count[how] += 1
            print(f"{name:20} {how:12} {after:6.1f} s  {' '.join(statements)}", flush=True)
    found = count["named"] + count["among others"] + count["found"]
    named = count["named"] + count["among others"]
    print(f"\n{found} of {len(names)} found ({100 * found / len(names):.0f} %), {named} named right "
          f"({100 * named / len(names):.0f} %), {count['named']} of them as the likeliest "
          f"({100 * count['named'] / len(names):.0f} %)")
    return 0 if found >= FOUND_AT_LEAST * len(names) and named >= NAMED_AT_LEAST * len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
