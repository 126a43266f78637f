#!/usr/bin/env python3
"""Many Clients at one time: what idle ones cost, and what a message a second from each costs.

usage: many_clients.py MQSPEC [CLIENTS [SECONDS]]

CLIENTS (10000) connect and subscribe to a topic of their own. Then they are idle, and then for SECONDS (5) each of them
publishes a message of 64 bytes at QoS 0 a second, to the topic of the next. Prints what the broker needs: resident
memory for each idle Client, CPU time while they are idle, and the part of one core under the load. The same for
mosquitto, where it is installed.
"""
import os
import resource
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

BATCHES = 100  # a second
TICKS = os.sysconf("SC_CLK_TCK")


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def string(text):
    return len(text).to_bytes(2, "big") + text


def connect(port, number):
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    body = b"\0\4MQTT\4\2\0\0" + string(b"client-%05d" % number)
    client.sendall(bytes([0x10, len(body)]) + body)
    assert client.recv(4) == b"\x20\2\0\0", "the broker does not let a Client in"
    return client


def subscribe(client, number):
    body = b"\0\1" + string(b"to/%05d" % number) + b"\0"
    client.sendall(bytes([0x82, len(body)]) + body)
    assert client.recv(5) == b"\x90\3\0\1\0", "the broker does not grant a subscription"


def start_mqspec(mqspec, folder):
    port_file = os.path.join(folder, "port")
    broker = subprocess.Popen([mqspec, "broker", "--bind", "127.0.0.1", "--port", "0", "--port-file", port_file,
                               "--sys-interval", "0"], stderr=subprocess.DEVNULL)
    return broker, lambda: int(open(port_file, encoding="ascii").read()) if os.path.exists(port_file) else None


def start_mosquitto(mosquitto, folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configuration = os.path.join(folder, "mosquitto.conf")
    with open(configuration, "w", encoding="ascii") as file:
        file.write(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest none\n"
                   "sys_interval 0\n")
    broker = subprocess.Popen([mosquitto, "-c", configuration], stderr=subprocess.DEVNULL)

    def listens():
        with socket.socket() as attempt:
            return port if attempt.connect_ex(("127.0.0.1", port)) == 0 else None
    return broker, listens


def await_port(broker, find):
    end = time.monotonic() + 10
    while time.monotonic() < end and broker.poll() is None:
        port = find()
        if port:
            return port
        time.sleep(0.05)
    sys.exit("many_clients: the broker does not start")


def exchange(clients, seconds):
    """Each Client publishes once a second, spread evenly. Returns how many messages came back, and the seconds."""
    packets = []
    for number in range(len(clients)):
        body = string(b"to/%05d" % ((number + 1) % len(clients))) + b"x" * 64
        packets.append(bytes([0x30, len(body)]) + body)
    poll = select.epoll()
    for client in clients:
        client.setblocking(False)
        poll.register(client, select.EPOLLIN)
    by_number = {client.fileno(): client for client in clients}
    began = time.monotonic()
    received = 0
    size = len(clients) // BATCHES
    for batch in range(seconds * BATCHES):
        start = batch % BATCHES * size
        for number in range(start, start + size):
            clients[number].send(packets[number])
        due = began + (batch + 1) / BATCHES
        while (left := due - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(left, 1000):
                received += len(by_number[descriptor].recv(65536))
    elapsed = time.monotonic() - began
    last = time.monotonic() + 5
    while received < seconds * BATCHES * size * len(packets[0]) and time.monotonic() < last:
        for descriptor, _ in poll.poll(0.1, 1000):
            received += len(by_number[descriptor].recv(65536))
    return received // len(packets[0]), elapsed


def measure(name, broker, find, count, seconds):
    try:
        return measure_running(name, broker, find, count, seconds)
    finally:
        broker.terminate()
        broker.wait()


def measure_running(name, broker, find, count, seconds):
    port = await_port(broker, find)
    before = resident(broker.pid)
    clients = [connect(port, number) for number in range(count)]
    connected = resident(broker.pid)
    for number, client in enumerate(clients):
        subscribe(client, number)
    subscribed = resident(broker.pid)
    idle = cpu(broker.pid)
    time.sleep(2)
    idle = cpu(broker.pid) - idle
    load = cpu(broker.pid)
    received, elapsed = exchange(clients, seconds)
    load = cpu(broker.pid) - load
    sent = seconds * BATCHES * (count // BATCHES)
    print(f"{name}: {count} Clients")
    print(f"  {(connected - before) / count:8.2f} KiB of resident memory each; {(subscribed - before) / count:.2f} "
          "with a subscription")
    print(f"  {idle * 1000:8.0f} ms of CPU time in 2 s without a message")
    print(f"  {100 * load / elapsed:8.1f} % of one core at {sent / elapsed:.0f} messages a second; {received} of {sent}"
          " were delivered")
    for client in clients:
        client.close()
    return received == sent


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.split("\n\n")[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < count + 100:
        sys.exit(f"many_clients: the system grants {hard} descriptors, too few for {count} Clients")
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    with tempfile.TemporaryDirectory() as folder:
        good = measure("mqspec", *start_mqspec(sys.argv[1], folder), count, seconds)
        if mosquitto:
            measure("mosquitto", *start_mosquitto(mosquitto, folder), count, seconds)
    sys.exit(0 if good else 1)


main()
