"""Many Clients at one time: what idle ones cost, and what a message a second from each costs.

Each Client subscribes to a topic of its own, and the one before it publishes there. See measure().
"""
import resource
import select
import socket
import time

BATCHES = 100  # a second
IDLE_SECONDS = 2
PAYLOAD = b"x" * 64


def string(text):
    return len(text).to_bytes(2, "big") + text


def packet(first, body):
    assert len(body) < 128
    return bytes([first, len(body)]) + body


def connect(port, number):
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(packet(0x10, b"\0\4MQTT\4\2\0\0" + string(b"client-%05d" % number)))
    assert client.recv(4) == b"\x20\2\0\0", "the broker does not let a Client in"
    return client


def subscribe(client, number):
    client.sendall(packet(0x82, b"\0\1" + string(b"to/%05d" % number) + b"\1"))
    assert client.recv(5) == b"\x90\3\0\1\1", "the broker does not grant a subscription"


class Exchange:
    """Each Client publishes once a second at one QoS, spread evenly, and acknowledges what it gets."""

    def __init__(self, clients, qos):
        self.clients = {client.fileno(): client for client in clients}
        self.qos = qos
        self.received = 0
        self.acknowledged = 0
        self.poll = select.epoll()
        self.packets = []
        identifier = b"\0\1" if qos else b""
        for number, client in enumerate(clients):
            client.setblocking(False)
            self.poll.register(client, select.EPOLLIN)
            following = string(b"to/%05d" % ((number + 1) % len(clients)))
            self.packets.append((client, packet(0x30 | qos << 1, following + identifier + PAYLOAD)))

    def take(self, timeout):
        for descriptor, _ in self.poll.poll(timeout, 1000):
            client = self.clients[descriptor]
            rest = client.recv(65536)
            answers = b""
            while rest:
                size = 2 + rest[1]
                assert len(rest) >= size, "a packet came in pieces"
                if rest[0] >> 4 == 3:
                    self.received += 1
                    if self.qos:
                        answers += b"\x40\2" + rest[2 + 2 + 8:2 + 2 + 8 + 2]
                elif rest[0] >> 4 == 4:
                    self.acknowledged += 1
                rest = rest[size:]
            if answers:
                client.send(answers)

    def run(self, seconds):
        """Returns how many messages were sent, and in how many seconds."""
        began = time.monotonic()
        size = len(self.packets) // BATCHES
        for batch in range(seconds * BATCHES):
            start = batch % BATCHES * size
            for client, publish in self.packets[start:start + size]:
                client.send(publish)
            due = began + (batch + 1) / BATCHES
            while (left := due - time.monotonic()) > 0:
                self.take(left)
        elapsed = time.monotonic() - began
        sent = seconds * BATCHES * size
        end = time.monotonic() + 5
        while (self.received < sent or (self.qos and self.acknowledged < sent)) and time.monotonic() < end:
            self.take(0.1)
        self.poll.close()
        return sent, elapsed


def allow_descriptors(count):
    """Raises what the system grants; false where that is too little for so many Clients."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard >= count + 100


def measure(broker, count, seconds):
    """With a broker that runs. Returns:
    connected, subscribed   KiB of resident memory for each Client
    idle                    seconds of CPU time in IDLE_SECONDS without a message
    wakes                   times that the broker's first thread woke meanwhile
    busy                    by QoS: (part of one core, messages a second, messages that were lost)
    """
    before = broker.resident()
    clients = [connect(broker.port, number) for number in range(count)]
    connected = broker.resident()
    for number, client in enumerate(clients):
        subscribe(client, number)
    subscribed = broker.resident()
    time.sleep(0.2)  # what accepting left to do is over
    idle, wakes = broker.cpu(), broker.status("voluntary_ctxt_switches")
    time.sleep(IDLE_SECONDS)
    idle, wakes = broker.cpu() - idle, broker.status("voluntary_ctxt_switches") - wakes
    busy = {}
    for qos in (0, 1) if seconds else ():
        used = broker.cpu()
        exchange = Exchange(clients, qos)
        sent, elapsed = exchange.run(seconds)
        busy[qos] = ((broker.cpu() - used) / elapsed, sent / elapsed, sent - exchange.received)
    for client in clients:
        client.close()
    return {"connected": (connected - before) / count, "subscribed": (subscribed - before) / count, "idle": idle,
            "wakes": wakes, "busy": busy}
