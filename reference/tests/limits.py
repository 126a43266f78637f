"""usage: python3 limits.py MQSPEC DIRECTORY

What the broker command does at each of its limits and one beyond, and what Clients that do not read cost it. Prints TAP
without numbers; the port file and the log go to DIRECTORY.
"""
import os
import socket
import subprocess
import sys
import time

mqspec, directory = sys.argv[1], sys.argv[2]
MEBIBYTE = 1 << 20


# ---- Packets ---------------------------------------------------------------------------------------------------


def text(value):
    return len(value).to_bytes(2, "big") + value


def packet(first, body):
    length, rest = b"", len(body)
    while True:
        byte, rest = rest & 127, rest >> 7
        length += bytes([byte | 128 if rest else byte])
        if not rest:
            return bytes([first]) + length + body


def connect(name, clean=True):
    return packet(0x10, text(b"MQTT") + bytes([4, 2 if clean else 0, 0, 0]) + text(name))


def subscribe(topic, qos):
    return packet(0x82, b"\0\1" + text(topic) + bytes([qos]))


def publish(topic, payload, qos=0, identifier=1):
    return packet(0x30 | qos << 1, text(topic) + (identifier.to_bytes(2, "big") if qos else b"") + payload)


PINGREQ = b"\xc0\0"
PINGRESP = b"\xd0\0"


# ---- Clients ---------------------------------------------------------------------------------------------------


class Client:
    """Packets that came are (first byte, body); None stands for the end of the connection."""

    def __init__(self, port, sent=b""):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.input = b""
        self.send(sent)

    def send(self, sent):
        self.socket.sendall(sent)

    def take(self, count):
        while len(self.input) < count:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            self.input += more
        taken, self.input = self.input[:count], self.input[count:]
        return taken

    def receive(self):
        first = self.take(1)
        if first is None:
            return None
        length, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first[0], self.take(length)

    def is_there(self):
        self.send(PINGREQ)
        return self.receive() == (0xD0, b"")

    def close(self):
        self.socket.close()


def joined(port, name, clean=True):
    client = Client(port, connect(name, clean))
    answer = client.receive()
    assert answer is not None and answer[1][1] == 0, answer
    return client


def subscribed(port, name, topic, qos, clean=True):
    client = joined(port, name, clean)
    client.send(subscribe(topic, qos))
    assert client.receive()[0] == 0x90
    return client


# ---- The broker ------------------------------------------------------------------------------------------------


class Broker:
    def __init__(self, *options):
        port_file = os.path.join(directory, "port")
        if os.path.exists(port_file):
            os.unlink(port_file)
        # Freed memory is to be used again, as it is where no sanitizer looks.
        asan = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
        command = [mqspec, "broker", "--bind", "127.0.0.1", "--port", "0", "--port-file", port_file]
        command += ["--sys-interval", "0", *options]
        with open(os.path.join(directory, "log"), "ab") as log:
            self.process = subprocess.Popen(command, stderr=log, env=dict(os.environ, ASAN_OPTIONS=asan))
        limit = time.monotonic() + 10
        while not os.path.exists(port_file):
            assert time.monotonic() < limit and self.process.poll() is None, "the broker does not start"
            time.sleep(0.02)
        with open(port_file) as file:
            self.port = int(file.read())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)

    def largest_memory(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


# ---- Tests -----------------------------------------------------------------------------------------------------

failures = 0


def check(name, good, why=""):
    global failures
    print(f"{'ok' if good else 'not ok'} - {name}")
    if not good:
        failures += 1
        print(f"# {why}")
    sys.stdout.flush()


def connections():
    with Broker("--max-connections", "2") as broker:
        first, second = joined(broker.port, b"one"), joined(broker.port, b"two")
        third = Client(broker.port, connect(b"three"))
        answer = third.receive()
        check("a connection beyond the limit is refused: the server is unavailable", answer == (0x20, b"\0\3"), answer)
        check("and closed", third.receive() is None)
        check("those within the limit stay", first.is_there() and second.is_there())
        third.close()
        first.send(b"\xe0\0")
        check("one leaves", first.receive() is None)
        first.close()
        check("and makes room for another", joined(broker.port, b"four").is_there())


def packet_size():
    with Broker("--max-packet-size", "100") as broker:
        client = joined(broker.port, b"one")
        largest = publish(b"t", b"x" * 93, 1)
        assert len(largest) == 100
        client.send(largest)
        check("a packet as large as the limit is taken", client.receive() == (0x40, b"\0\1"))
        client.send(publish(b"t", b"x" * 94, 1))
        check("one byte more closes the connection", client.receive() is None)


def connect_timeout():
    with Broker("--connect-timeout", "1") as broker:
        begin = time.monotonic()
        early, late = joined(broker.port, b"one"), Client(broker.port, connect(b"two")[:-1])
        check("a connection whose CONNECT does not become whole is closed", late.receive() is None)
        waited = time.monotonic() - begin
        check("when its time is up", 0.9 < waited < 5, f"it was closed after {waited:.2f} s")
        check("one that is connected stays", early.is_there())


def kept(broker, topic, count):
    """How many of the messages reach a session whose Client was away."""
    away = subscribed(broker.port, b"away", topic, 1, clean=False)
    away.send(b"\xe0\0")
    assert away.receive() is None
    publisher = joined(broker.port, b"publisher")
    for i in range(count):
        publisher.send(publish(topic, b"%05d" % i + b"x" * (99 - len(topic) - 4), 1, i + 1))
        assert publisher.receive()[0] == 0x40
    back = joined(broker.port, b"away", clean=False)
    back.send(PINGREQ)
    got = 0
    while True:
        first, body = back.receive()
        if first == 0xD0:
            return got
        assert b"%05d" % got in body, "the oldest messages are those that are kept, in order"
        got += 1


def queue():
    with Broker("--max-queued", "5") as broker:
        check("as many messages as the limit are kept, and no more", kept(broker, b"q", 6) == 5)
    with Broker("--max-queued-bytes", "1000") as broker:
        check("as many bytes as the limit are kept", kept(broker, b"q", 10) == 10)
    with Broker("--max-queued-bytes", "1000") as broker:
        check("and no more", kept(broker, b"q", 11) == 10)
    with Broker("--max-queued-bytes", "999") as broker:
        check("one byte less is room for one message less", kept(broker, b"q", 11) == 9)


def memory():
    sent, bound = 192 * MEBIBYTE, 8 * MEBIBYTE
    # What four subscribers may hold, and as much again for what the allocator needs to do it.
    allowed = 2 * 4 * bound
    with Broker("--max-output", str(bound), "--max-queued-bytes", str(bound)) as broker:
        publisher = joined(broker.port, b"publisher")
        deaf = [subscribed(broker.port, b"deaf%d" % qos, b"t", qos) for qos in (0, 1, 2)]
        away = subscribed(broker.port, b"away", b"t", 2, clean=False)
        away.close()
        begin = broker.largest_memory()
        large = publish(b"t", b"x" * 32768, 1)
        small = b"".join(publish(b"t", b"x" * 200, 1) for _ in range(160))
        for _ in range(sent // (len(large) + len(small))):
            publisher.send(large + small)
            for _ in range(161):
                assert publisher.receive()[0] == 0x40
        grown = broker.largest_memory() - begin
        check(
            f"clients that do not read, or are away, cost bounded memory while {sent // MEBIBYTE} MiB are published",
            grown < allowed,
            f"the broker grew by {grown / MEBIBYTE:.1f} MiB, the most is {allowed // MEBIBYTE} MiB",
        )
        print(f"# the broker grew by {grown / MEBIBYTE:.1f} MiB")
        check("the publisher is served", publisher.is_there())
        for client in deaf:
            client.close()


connections()
packet_size()
connect_timeout()
queue()
memory()
sys.exit(1 if failures else 0)
