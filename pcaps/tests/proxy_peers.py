#!/usr/bin/env python3
"""Peers of `mqspec proxy` that do what no MQTT client does: send bytes that are no MQTT, close one direction, reset,
read nothing, come by the thousand. Usage: proxy_peers.py MQSPEC DIRECTORY. Prints rows of TAP without numbers."""

import hashlib
import json
import os
import random
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

mqspec, directory = sys.argv[1:]
SECONDS = 20
CONNECT = bytes.fromhex("100d00044d5154540402003c000161")
CONNACK = bytes.fromhex("20020000")
PINGREQ = bytes.fromhex("c000")


def row(name, fine, detail=""):
    print(("ok - " if fine else "not ok - ") + name, flush=True)
    if not fine:
        print("# " + str(detail), flush=True)


class Proxy:
    """The proxy, running, in front of a listening socket of ours, unless another port is given."""

    def __init__(self, *options, port=None):
        self.listening = None
        if port is None:
            self.listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
            port = self.listening.getsockname()[1]
        self.port_file = os.path.join(directory, "port")
        if os.path.exists(self.port_file):
            os.remove(self.port_file)
        self.out = open(os.path.join(directory, "out"), "w+")
        self.err = open(os.path.join(directory, "err"), "w+")
        self.process = subprocess.Popen(
            [mqspec, "proxy", "--listen", "0", "--target", f"127.0.0.1:{port}", "--port-file", self.port_file,
             *options], stdout=self.out, stderr=self.err)
        until = time.monotonic() + SECONDS
        while not os.path.exists(self.port_file) and time.monotonic() < until and self.process.poll() is None:
            time.sleep(0.01)
        with open(self.port_file) as file:
            self.port = int(file.read())

    def pair(self):
        """A client's socket and that of the server behind the proxy."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        server, _ = self.listening.accept()
        server.settimeout(SECONDS)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client, server

    def memory(self):
        """KiB that it has in memory."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(next(line for line in file if line.startswith("VmRSS")).split()[1])

    def end(self, number=signal.SIGINT):
        """Its status, output and messages."""
        self.process.send_signal(number)
        status = self.process.wait(SECONDS)
        if self.listening:
            self.listening.close()
        for file in self.out, self.err:
            file.seek(0)
        return status, self.out.read(), self.err.read()


def read_all(connection):
    parts = []
    while part := connection.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def read_exactly(connection, length):
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            break
        data += part
    return data


def send_aside(connection, data, then=None):
    def work():
        connection.sendall(data)
        if then:
            then()
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def bytes_pass_unchanged(name, *options, first=b""):
    proxy = Proxy("--quiet", *options)
    client, server = proxy.pair()
    upwards = first + random.Random(1).randbytes(3_000_000)
    downwards = random.Random(2).randbytes(3_000_000)
    send_aside(client, upwards, lambda: client.shutdown(socket.SHUT_WR))
    row(f"{name}: what the client sends arrives, with its end", read_all(server) == upwards)
    send_aside(server, downwards, server.close)
    row(f"{name}: the server may still answer", read_all(client) == downwards)
    client, server = proxy.pair()
    send_aside(server, downwards, lambda: server.shutdown(socket.SHUT_WR))
    row(f"{name}: the server may close first", read_all(client) == downwards)
    send_aside(client, upwards, client.close)
    row(f"{name}: and the client may still send", read_all(server) == upwards)
    proxy.end()


def each_byte_passes_by_itself(*options):
    proxy = Proxy("--quiet", *options)
    fine = True
    for text in CONNECT, b"G", b"\xd0\xff\xff\xff\xff":
        client, server = proxy.pair()
        for byte in text:
            client.sendall(bytes([byte]))
            fine = fine and server.recv(10) == bytes([byte])
    row("no byte waits for the next one" + (", with faults" if options else ""), fine)
    proxy.end()


def is_reset(connection):
    try:
        while connection.recv(1 << 16):
            pass
        return False
    except ConnectionResetError:
        return True


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def resets_pass():
    proxy = Proxy("--pcap", os.path.join(directory, "reset.pcap"))
    client, server = proxy.pair()
    client.sendall(CONNECT)
    fine = read_exactly(server, len(CONNECT)) == CONNECT
    reset(client)
    row("a reset by the client reaches the server", fine and is_reset(server))
    client, server = proxy.pair()
    client.sendall(CONNECT)
    read_exactly(server, len(CONNECT))
    reset(server)
    row("a reset by the server reaches the client", is_reset(client))
    _, out, _ = proxy.end()
    row("both are told", "broken by the client" in out and "broken by the server" in out, out)


def a_slow_reader_stops_its_sender():
    proxy = Proxy("--quiet")
    data = random.Random(3).randbytes(32 << 20)
    pairs = [proxy.pair() for _ in range(10)]
    before = proxy.memory()
    for client, _ in pairs:
        send_aside(client, data, lambda client=client: client.shutdown(socket.SHUT_WR))
    time.sleep(1)  # nothing tells when nothing goes on
    grown = proxy.memory() - before
    row("what ten slow readers do not take costs less than 8 MiB", grown < 8192, f"{grown} KiB")
    digest = hashlib.sha256(data).digest()
    fine = [hashlib.sha256(read_all(server)).digest() == digest for _, server in pairs]
    row("and it arrives when they read", all(fine), fine)
    proxy.end()


def a_missing_broker_is_told():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    proxy = Proxy(port=port)
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=SECONDS)
    row("a client is closed where the broker cannot be reached", client.recv(1) == b"")
    proxy.listening = socket.create_server(("127.0.0.1", port))
    client, server = proxy.pair()
    client.sendall(CONNECT)
    row("and the next one is served once it can", read_exactly(server, len(CONNECT)) == CONNECT)
    _, _, err = proxy.end()
    row("it is told", "cannot be reached: Connection refused" in err, err)


def thousands_connect():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    count = min(3000, (most - 100) // 2)
    proxy = Proxy("--quiet")
    pairs = [proxy.pair() for _ in range(count)]
    for number, (client, _) in enumerate(pairs):
        client.sendall(struct.pack("!I", number))
    numbers = sorted(struct.unpack("!I", read_exactly(server, 4))[0] for _, server in pairs)
    row(f"{count} clients are connected at one time", numbers == list(range(count)))
    for client, server in pairs:
        client.close()
        server.close()
    status, _, err = proxy.end()
    row("their bytes that are no MQTT are breaches", status == 1, (status, err))


def descriptors_run_out():
    with socket.create_server(("127.0.0.1", 0)) as target:
        port = target.getsockname()[1]
        limit = subprocess.Popen(["sh", "-c", 'ulimit -n 24; exec "$@"', "sh", mqspec, "proxy", "--listen", "0",
                                  "--target", f"127.0.0.1:{port}", "--port-file", os.path.join(directory, "few")],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while not os.path.exists(os.path.join(directory, "few")):
            time.sleep(0.01)
        with open(os.path.join(directory, "few")) as file:
            few = int(file.read())
        clients = [socket.create_connection(("127.0.0.1", few), timeout=SECONDS) for _ in range(30)]
        line = limit.stderr.readline() + limit.stderr.readline()  # that it listens, and this
        for client in clients:
            client.close()
        client = socket.create_connection(("127.0.0.1", few), timeout=SECONDS)
        client.sendall(b"here")
        target.settimeout(SECONDS)
        served = False
        while not served:
            server, _ = target.accept()
            server.settimeout(SECONDS)
            served = server.recv(4) == b"here"
        row("without descriptors, clients wait until others leave", served)
        limit.send_signal(signal.SIGTERM)
        err = line + limit.stderr.read()
        limit.wait(SECONDS)
        row("it says so", b"no descriptors left" in err, err)


def connected(proxy):
    client, server = proxy.pair()
    client.sendall(CONNECT)
    read_exactly(server, len(CONNECT))
    server.sendall(CONNACK)
    read_exactly(client, len(CONNACK))
    return client, server


def delays_do_not_add_up():
    proxy = Proxy("--fault", "delay PINGREQ 300ms")
    client, server = connected(proxy)
    began = time.monotonic()
    for _ in range(10):
        client.sendall(PINGREQ)
        time.sleep(0.005)
    data = read_exactly(server, 20)
    took = time.monotonic() - began
    row("ten packets that are delayed by 300 ms take no 3 s", data == PINGREQ * 10 and 0.3 <= took < 1, took)
    proxy.end()


def publish(length):
    rest = length + 3
    head = b"\x30"
    while True:
        head += bytes([rest & 0x7F | (0x80 if rest > 0x7F else 0)])
        rest >>= 7
        if rest == 0:
            break
    return head + b"\x00\x01t" + b"x" * length


def large_packets_are_duplicated():
    proxy = Proxy("--fault", "duplicate PUBLISH")
    client, server = connected(proxy)
    packet = publish(400_000)
    send_aside(client, packet + PINGREQ)
    row("a packet in many parts arrives twice", read_exactly(server, 2 * len(packet) + 2) == packet * 2 + PINGREQ)
    packet = publish(2_000_000)
    send_aside(client, packet + PINGREQ)
    row("one that is too large arrives once", read_exactly(server, len(packet) + 2) == packet + PINGREQ)
    _, _, err = proxy.end()
    row("and that is told", "too large to be duplicated" in err, err)


def packets_are_cut():
    for fault, arrives in (("cut PUBLISH in the middle", publish(100)[:52]), ("cut before PUBLISH", b""),
                           ("cut after PUBLISH", publish(100)), ("cut PINGREQ in the middle", publish(100) + b"\xc0"),
                           ("drop PUBLISH", PINGREQ), ("drop PUBLISH every 2", publish(100) + PINGREQ)):
        proxy = Proxy("--fault", fault)
        client, server = connected(proxy)
        client.sendall(publish(100) + PINGREQ)
        if fault.startswith("drop"):
            client.shutdown(socket.SHUT_WR)
        received = read_all(server)
        row(f"'{fault}': so much arrives", received == arrives, received)
        if not fault.startswith("drop"):
            try:
                ended = client.recv(1) == b""
            except ConnectionResetError:
                ended = True
            row(f"'{fault}': the client's connection ends too", ended)
        status, out, _ = proxy.end()
        row(f"'{fault}': it is told", fault + "'" in out and status == 0, out)


def objects_are_objects():
    proxy = Proxy("--json", "--fault", "drop PINGREQ")
    client, server = connected(proxy)
    client.sendall(PINGREQ + b"\x82\x05\x00\x00\x00\x00\x00")
    client.close()
    read_all(server)
    server.close()
    status, out, _ = proxy.end()
    events = [json.loads(line) for line in out.splitlines()]
    kinds = [event["event"] for event in events]
    row("--json: one object a line", kinds[:5] == ["opened", "packet", "packet", "packet", "fault"] and
        "breach" in kinds and kinds[-2:] == ["closed", "summary"], kinds)
    row("--json: the summary counts", status == 1 and events[-1]["breaches_by_clients"] >= 1 and
        events[-1]["faults"][0]["made"] == 1 and events[-1]["packets"] == 3, events[-1])


def whoever_reads_may_leave():
    proxy = Proxy()
    proxy.end()
    listening = socket.create_server(("127.0.0.1", 0))
    os.remove(proxy.port_file)
    process = subprocess.Popen([mqspec, "proxy", "--listen", "0", "--target",
                                f"127.0.0.1:{listening.getsockname()[1]}", "--port-file", proxy.port_file],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not os.path.exists(proxy.port_file):
        time.sleep(0.01)
    process.stdout.close()
    with open(proxy.port_file) as file:
        client = socket.create_connection(("127.0.0.1", int(file.read())), timeout=SECONDS)
    client.sendall(CONNECT)
    err = process.stderr.read()
    row("it ends when nobody reads its output", process.wait(SECONDS) == 2 and b"could not be written" in err, err)


bytes_pass_unchanged("bytes")
bytes_pass_unchanged("bytes, with faults", "--fault", "drop AUTH")
bytes_pass_unchanged("bytes behind a CONNECT, with faults", "--fault", "drop AUTH", first=CONNECT)
each_byte_passes_by_itself()
each_byte_passes_by_itself("--fault", "drop AUTH")
resets_pass()
a_slow_reader_stops_its_sender()
a_missing_broker_is_told()
thousands_connect()
descriptors_run_out()
delays_do_not_add_up()
large_packets_are_duplicated()
packets_are_cut()
objects_are_objects()
whoever_reads_may_leave()
