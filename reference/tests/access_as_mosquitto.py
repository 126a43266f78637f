"""usage: python3 access_as_mosquitto.py MQSPEC DIRECTORY

Starts mosquitto and mqspec with the same ACL file, has the same Clients publish to and subscribe to the same topics,
and compares what each broker lets them do. Prints TAP without numbers; files and logs go to DIRECTORY.
"""
import socket
import subprocess
import sys
import time

mqspec, directory = sys.argv[1], sys.argv[2]

# Sees to it that there is something to read.
HOST = "user host\ntopic readwrite #\ntopic readwrite $own/#\n"

CLIENTS = [(name, user) for name in ("c", "x/y", "+", "#", "%u") for user in (None, "", "alice", "bob", "a/b", "+")]

TOPICS = """news news/today box home/x home/safe home/safe/x later secret in/c in/d in/x/y in/%u u/alice/x u/bob/x u//x
    u/a/b/x c/c/x all/x all/denied acb/x $own/x $SYS/x / /a a a/ a//b read deny""".split() + ["with blank"]

RULES = """# those without a name
topic read news/#
topic write box
user alice
topic home/#
topic deny home/safe/#
topic deny a
topic a
topic read with blank
topic readwrite $own/#
topic write $SYS/#
user bob
topic read #
topic deny secret
user alice
topic write later
pattern write in/%c
pattern u/%u/x
pattern deny all/denied
pattern read all/+
pattern read a%cb/+
pattern %c/%c/x
pattern read +/%u
"""

# What each row is about, and the file.
FILES = [
    ("rules of every kind", RULES),
    ("nothing", ""),
    ("all is denied to one user", "pattern readwrite #\nuser bob\ntopic deny #\ntopic read a\n"),
    ("a pattern denies what it allows", "pattern a\npattern deny a\n"),
    ("a user's line goes before patterns", "user bob\ntopic read #\npattern deny secret\n"),
    ("wildcards do not reach $", "topic #\ntopic +/x\npattern #\n"),
    ("blanks at the ends", "topic  read a  \nuser  bob  \ntopic deny a \ntopic  read   with blank \n"),
    ("ends of lines of Windows", "topic a\r\nuser bob\r\ntopic news\r\n"),
    ("a word alone is a topic", "topic read\ntopic deny \n"),
    ("no topic", "topic \n"),
    ("no user", "user \n"),
    ("another word", "topic dney a\n"),
    ("blanks in a topic without a word", "topic with blank\n"),
    ("a word in capitals", "topic READ a\n"),
    ("another beginning", "allow a\n"),
    ("# before the end", "topic a/#/b\n"),
    ("+ within a level", "topic a+\n"),
]


# ---- Packets of MQTT 5.0 -----------------------------------------------------------------------------------------


def text(value):
    return len(value).to_bytes(2, "big") + value.encode()


def packet(first, body):
    assert len(body) < 128
    return bytes([first, len(body)]) + body


class Client:
    def __init__(self, port, name, user):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.file = self.socket.makefile("rb")
        credentials = b"" if user is None else text(user) + text("x")
        flags = 2 if user is None else 0xC2
        self.send(0x10, text("MQTT") + bytes([5, flags, 0, 0, 0]) + text(name) + credentials)
        self.code = self.take(0x20)[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, first, body):
        self.socket.sendall(packet(first, body))

    def take_any(self):
        first = self.file.read(1)[0]
        length = shift = 0
        while True:
            byte = self.file.read(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first, self.file.read(length)

    def take(self, expected):
        first, body = self.take_any()
        while first & 0xF0 != expected:
            first, body = self.take_any()
        return body

    def may_publish(self, topic):
        self.send(0x32, text(topic) + b"\0\1\0x")
        body = self.take(0x40)
        return len(body) == 2 or body[2] < 0x80

    def subscribe(self, topic):
        self.send(0x82, b"\0\1\0" + text(topic) + b"\0")
        self.take(0x90)

    def topics_until_ping(self):
        self.send(0xC0, b"")
        topics = set()
        while True:
            first, body = self.take_any()
            if first == 0xD0:
                return topics
            if first & 0xF0 == 0x30:
                topics.add(body[2:2 + int.from_bytes(body[:2], "big")].decode())


# ---- Brokers -----------------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command_of_mosquitto(port, file):
    with open(f"{directory}/conf", "w", encoding="utf-8") as conf:
        # It becomes another user where it is started by root, who alone may read these files.
        conf.write(f"user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nacl_file {file}\n")
    return ["mosquitto", "-c", f"{directory}/conf"]


def command_of_mqspec(port, file):
    return [mqspec, "broker", "--port", str(port), "--acl-file", file]


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except ConnectionRefusedError:
        return False


def ask_all(port):
    """What each Client may do, as {(client, user, "publish" or "read", topic)}."""
    allowed = set()
    with Client(port, "host", "host") as host:
        for name, user in CLIENTS:
            with Client(port, name, user) as client:
                allowed |= {(name, user, "publish", topic) for topic in TOPICS if client.may_publish(topic)}
            with Client(port, name, user) as client:
                for topic in TOPICS:
                    client.subscribe(topic)
                for topic in TOPICS:
                    host.may_publish(topic)
                allowed |= {(name, user, "read", topic) for topic in client.topics_until_ping()}
    return allowed


def answers_of(command_of, file):
    """What the Clients may do, or None where the broker does not start with that file."""
    port = free_port()
    with open(f"{directory}/log", "w", encoding="utf-8") as log:
        with subprocess.Popen(command_of(port, file), stdout=log, stderr=log) as broker:
            try:
                until = time.monotonic() + 10
                while not is_listening(port):
                    if broker.poll() is not None:
                        return None
                    assert time.monotonic() < until, "the broker does not listen"
                    time.sleep(0.01)
                return ask_all(port)
            finally:
                broker.terminate()


def main():
    questions = len(CLIENTS) * len(TOPICS) * 2
    failures = 0
    for name, rules in FILES:
        file = f"{directory}/acl"
        with open(file, "w", encoding="utf-8", newline="") as acl:
            acl.write(rules + HOST)
        theirs, ours = answers_of(command_of_mosquitto, file), answers_of(command_of_mqspec, file)
        same = theirs == ours
        failures += not same
        shown = "refused by both" if theirs is None else f"{questions} questions, {len(theirs)} times yes"
        print(f"{'ok' if same else 'not ok'} - {name}: {shown}")
        if not same and theirs is not None and ours is not None:
            for answer in sorted(theirs ^ ours, key=str)[:10]:
                print(f"# {answer}: {'yes' if answer in theirs else 'no'} from mosquitto")
        elif not same:
            print(f"# {'mosquitto' if theirs is None else 'mqspec'} alone refuses this file")
    return failures > 0


sys.exit(main())
