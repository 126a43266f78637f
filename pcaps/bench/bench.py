#!/usr/bin/env python3
"""How fast captures are read, and in how much memory, beside tshark where it is installed.

usage: bench.py BUILD_DIRECTORY

Writes a capture with PCAP_MIB (1024) mebibytes of MQTT and one with a sixteenth of it into the build directory, where
they are kept, and has mqspec lint and decode read them. Rates are in megabytes of MQTT a second, the best of ROUNDS
(3), each program on one core. tshark reads the smaller capture, for it is slow. Exits 1 where a bound is missed, which
stands beside the figure.
"""
import os
import shutil
import subprocess
import sys
import time

MEBIBYTES = int(os.environ.get("PCAP_MIB", "1024"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
TSHARK = [("finds MQTT", ["-Y", "mqtt"]), ("decodes MQTT", ["-Y", "mqtt", "-O", "mqtt"])]


def run(command):
    """Seconds, and KiB of resident memory at the highest."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"bench: {' '.join(command)} ended with {process.returncode}")
    return time.monotonic() - began, usage.ru_maxrss


def best(command, rounds=ROUNDS):
    results = [run(command) for _ in range(rounds)]
    return min(seconds for seconds, _ in results), max(memory for _, memory in results)


class Report:
    def __init__(self):
        self.missed = False

    def line(self, what, figure, unit, bound="", kept=True):
        self.missed = self.missed or not kept
        verdict = f"   {bound}: {'kept' if kept else 'MISSED'}" if bound else ""
        print(f"{what:52}{figure:10.1f} {unit}{verdict}", flush=True)


def capture(build, mebibytes):
    path = os.path.join(build, f"traffic-{mebibytes}.pcap")
    if not os.path.exists(path):
        subprocess.run([os.path.join(build, "pcaps", "bench", "traffic"), path + ".part", str(mebibytes)], check=True)
        os.rename(path + ".part", path)
    return path


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.split("\n\n")[1])
    os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    build = sys.argv[1]
    mqspec = os.path.join(build, "mqspec")
    part = max(MEBIBYTES // 16, 1)
    large, small = capture(build, MEBIBYTES), capture(build, part)
    report = Report()

    seconds, memory = best([mqspec, "lint", large])
    rate = MEBIBYTES * 1.048576 / seconds
    report.line(f"mqspec lint, {MEBIBYTES} MiB of MQTT", rate, "MB/s", "at least 500", rate >= 500)
    report.line("  memory", memory / 1024, "MiB", "at most 64", memory <= 64 * 1024)
    small_seconds, small_memory = best([mqspec, "lint", small])
    report.line(f"  memory with {part} MiB of MQTT", small_memory / 1024, "MiB", "no more than 2 MiB less",
                memory - small_memory <= 2048)
    seconds, memory = best([mqspec, "decode", small])
    report.line(f"mqspec decode, {part} MiB of MQTT, each packet printed", part * 1.048576 / seconds, "MB/s")
    report.line("  memory", memory / 1024, "MiB")

    tshark = shutil.which("tshark")
    if tshark is None:
        print("tshark is not installed: there is nothing to compare with")
    for name, options in TSHARK if tshark else []:
        seconds, memory = best([tshark, "-n", "-r", small, *options], 1)
        report.line(f"tshark {name} ({' '.join(options)})", part * 1.048576 / seconds, "MB/s")
        report.line("  memory", memory / 1024, "MiB")
        if "-O" in options:
            times = seconds / small_seconds
            report.line("  mqspec lint takes less time, by", times, "times", "at least 50", times >= 50)
    sys.exit(1 if report.missed else 0)


main()
