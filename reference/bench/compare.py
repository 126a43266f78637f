#!/usr/bin/env python3
"""The same loads on mqspec's broker and on the others that are installed here, side by side.

usage: compare.py BUILD_DIRECTORY

BENCH_SECONDS (2) is the time of publishing in each measurement, BENCH_ROUNDS (3) how often each is made; the brokers
take turns. Of CPU time the median counts. Latency is measured in LATENCY_ROUNDS (16) rounds of a second. What else the
machine does comes in bursts that are longer than any latency here, so beside the figures of the median round stands the
99th percentile of the quietest quarter of all tenths of a second, and that is compared. CLIENTS (10000) is the number
of Clients where there are many. Exits 1 where mqspec's broker misses a bound that is set for it, which stands beside
the figure.
"""
import os
import statistics
import subprocess
import sys

import brokers
import many_clients

SECONDS = int(os.environ.get("BENCH_SECONDS", "2"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
LATENCY_ROUNDS = int(os.environ.get("LATENCY_ROUNDS", "16"))
CLIENTS = int(os.environ.get("CLIENTS", "10000"))

# Name; options of the program `load`; at most so many microseconds of CPU time for a delivered message.
THROUGHPUT = [
    ("1 publisher to 50 subscribers, QoS 0", "-P 1 -S 50 -q 0 -w 500", 0.25),
    ("20 pairs, QoS 0", "-P 20 -S 1 -q 0 -w 500", 0.5),
    ("10 pairs, QoS 1", "-P 10 -S 1 -q 1 -w 100", 1.5),
    ("10 pairs, QoS 2", "-P 10 -S 1 -q 2 -w 100", 3),
    ("1 publisher to 50 subscribers, QoS 0, MQTT 5.0", "-V 5 -P 1 -S 50 -q 0 -w 500", None),
    ("10 pairs, QoS 1, MQTT 5.0", "-V 5 -P 10 -S 1 -q 1 -w 100", None),
]

# Name; options. Rates at which no broker here is driven to its limit.
LATENCY = [
    ("1 publisher to 50 subscribers, QoS 0, 1000 messages a second", "-P 1 -S 50 -q 0 -r 1000"),
    ("20 pairs, QoS 0, 10000 messages a second", "-P 20 -S 1 -q 0 -r 500"),
    ("10 pairs, QoS 1, 5000 messages a second", "-P 10 -S 1 -q 1 -r 500"),
    ("10 pairs, QoS 2, 3000 messages a second", "-P 10 -S 1 -q 2 -r 300"),
]
LATENCY_NOISE = 1.1  # by so much two brokers may differ without one being better

# What `subscriptions` prints: name, text, bound.
SUBSCRIPTIONS = [
    ("subscriptions", "subscriptions, from 1000 Clients", None),
    ("bytes", "bytes of memory for each", None),
    ("make", "us to make one", None),
    ("nothing", "us for a message that matches nothing", None),
    ("find", "us until the ten that a message matches are found", 5),
    ("deliver", "us for such a message with its ten deliveries", None),
    ("hostile", "us for a message against 4096 filters that have '+' or its own name at each of 12 levels", None),
]


class Verdict:
    """Which bounds were missed."""

    def __init__(self):
        self.missed = []

    def bound(self, what, figure, highest):
        """How a figure stands to its bound, for the table."""
        if highest is None:
            return ""
        if figure <= highest:
            return f"at most {highest:g}: kept"
        self.missed.append(f"{what}: {figure:.3g} instead of at most {highest:.3g}")
        return f"at most {highest:.3g}: MISSED"


def run_load(program, broker, options, seconds):
    """Returns the numbers that `load` prints: published, delivered, seconds, CPU seconds, latencies."""
    command = [program, *options.split(), "-s", "64", "-t", str(seconds), "-b", str(broker.process.pid),
               str(broker.port)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"compare: {broker.name} did not stand the load {options}: {result.stderr.strip()}")
    return [float(word) for word in result.stdout.split()]


def take_turns(program, found, options, rounds, seconds):
    """For each broker, and for each number that `load` prints, what it was in each round."""
    results = {broker.name: [] for broker in found}
    for _ in range(rounds):
        for broker in found:
            with broker:
                results[broker.name].append(run_load(program, broker, options, seconds))
    return {name: list(zip(*numbers)) for name, numbers in results.items()}


def compare_throughput(program, found, verdict):
    print("\nCPU time of the broker for each message of 64 bytes that it delivers")
    for name, options, highest in THROUGHPUT:
        print(f"\n{name}\n  {'':12}{'delivered':>12}{'us/message':>12}{'messages/CPU second':>22}")
        for broker, numbers in take_turns(program, found, options, ROUNDS, SECONDS).items():
            delivered = statistics.median(numbers[1])
            cost = statistics.median(cpu * 1e6 / count for count, cpu in zip(numbers[1], numbers[3]))
            bound = verdict.bound(name, cost, highest) if broker == "mqspec" else ""
            print(f"  {broker:12}{delivered:12.0f}{cost:12.3f}{1e6 / cost:22.0f}   {bound}".rstrip(), flush=True)


def compare_latency(program, found, verdict):
    print("\nLatency at the same load, from when a message was to be sent until a subscriber has it")
    for name, options in LATENCY:
        print(f"\n{name}\n  {'':12}{'median us':>12}{'p99 us':>12}{'highest us':>12}{'quiet p99 us':>14}")
        results = take_turns(program, found, options, LATENCY_ROUNDS, 1)
        quiet = {broker: statistics.quantiles(sum(numbers[7:], ()), n=4)[0] for broker, numbers in results.items()}
        others = [p99 for broker, p99 in quiet.items() if broker != "mqspec"]
        for broker, numbers in results.items():
            middle, p99, highest = (statistics.median(column) for column in numbers[4:7])
            allowed = LATENCY_NOISE * min(others) if broker == "mqspec" and others else None
            bound = verdict.bound(f"p99, {name}", quiet[broker], allowed)
            print(f"  {broker:12}{middle:12.0f}{p99:12.0f}{highest:12.0f}{quiet[broker]:14.0f}   {bound}".rstrip(),
                  flush=True)


def compare_many_clients(found, verdict):
    if not many_clients.allow_descriptors(CLIENTS):
        sys.exit(f"compare: the system grants too few descriptors for {CLIENTS} Clients; raise them with ulimit -n, or "
                 "say CLIENTS=1000")
    print(f"\n{CLIENTS} Clients, which subscribe to a topic each, are idle, and publish a message a second each")
    for broker in found:
        with broker:
            figures = many_clients.measure(broker, CLIENTS, SECONDS)
        is_own = broker.name == "mqspec"
        memory = verdict.bound("KiB for each idle Client", figures["subscribed"], 2 if is_own else None)
        print(f"\n  {broker.name}")
        print(f"{figures['connected']:12.2f} KiB of resident memory for each")
        print(f"{figures['subscribed']:12.2f} KiB with a subscription   {memory}".rstrip())
        print(f"{figures['idle'] * 1000:12.1f} ms of CPU time in {many_clients.IDLE_SECONDS} s without a message, "
              f"{figures['wakes']} times awake")
        for qos, (part, rate, lost) in figures["busy"].items():
            load = verdict.bound(f"% of a core for many Clients at QoS {qos}", 100 * part,
                                 25 if is_own and qos == 0 else None)
            print(f"{100 * part:12.1f} % of a core at {rate:.0f} messages a second, QoS {qos}   {load}".rstrip(),
                  flush=True)
            if lost:
                print(f"{lost:12} messages were lost")
            if is_own and lost:
                verdict.missed.append(f"{lost} messages of many Clients were lost")


def show_subscriptions(program, verdict):
    print("\nMany subscriptions, in the core alone")
    result = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True)
    figures = {name: float(figure) for name, figure in (line.split() for line in result.stdout.splitlines())}
    for name, text, highest in SUBSCRIPTIONS:
        bound = verdict.bound(text, figures[name], highest)
        print(f"{figures[name]:12.7g} {text}   {bound}".rstrip(), flush=True)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.split("\n\n")[1])
    build = sys.argv[1]
    load = os.path.join(build, "reference", "bench", "load")
    verdict = Verdict()
    found = brokers.find(build)
    print(", ".join(broker.release() for broker in found))
    if len(found) == 1:
        print("no other broker is installed: there is nothing to compare with")
    compare_throughput(load, found, verdict)
    compare_latency(load, found, verdict)
    compare_many_clients(found, verdict)
    show_subscriptions(os.path.join(build, "reference", "bench", "subscriptions"), verdict)
    print()
    for missed in verdict.missed:
        print(f"missed: {missed}")
    if not verdict.missed:
        print("all bounds are kept")
    sys.exit(1 if verdict.missed else 0)


main()
