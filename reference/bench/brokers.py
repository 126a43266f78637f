"""The brokers that are measured beside each other: how each is started, and what its process needs."""
import os
import shutil
import socket
import subprocess
import tempfile
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """Runs between `with` and its end, at `port`. Subclasses say what to run."""

    name = ""

    def __init__(self, program):
        self.program = program

    def command(self, folder, port):
        raise NotImplementedError

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.port = free_port()
        with open(os.path.join(self.folder.name, "log"), "wb") as log:
            self.process = subprocess.Popen(self.command(self.folder.name, self.port), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end and self.process.poll() is None:
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        log = open(os.path.join(self.folder.name, "log"), encoding="utf-8", errors="replace").read()
        self.__exit__()
        raise RuntimeError(f"{self.name} does not start: {log[-500:]}")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def cpu(self):
        """Seconds of CPU time, of all threads. The kernel makes the number of a process's clock like this."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def status(self, field):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))

    def resident(self):
        """KiB."""
        return self.status("VmRSS")

    def release(self):
        """What it says of itself, for the report."""
        try:
            said = subprocess.run([self.program, "-h"], capture_output=True, text=True, check=False, timeout=10)
        except OSError:
            return self.name
        return (said.stdout + said.stderr).split("\n")[0].strip() or self.name


class Mqspec(Broker):
    name = "mqspec"
    options = ["--max-in-flight", "100", "--max-queued", "100000", "--max-output", "67108864"]

    def command(self, folder, port):
        return [self.program, "broker", "--bind", "127.0.0.1", "--port", str(port), "--sys-interval", "0",
                *self.options]

    def release(self):
        said = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=False)
        return said.stdout.strip() or self.name


class Mosquitto(Broker):
    name = "mosquitto"

    def command(self, folder, port):
        configuration = os.path.join(folder, "mosquitto.conf")
        with open(configuration, "w", encoding="ascii") as file:
            file.write(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest none\n"
                       "sys_interval 0\nmax_inflight_messages 100\nmax_queued_messages 0\nset_tcp_nodelay true\n")
        return [self.program, "-c", configuration]


class Mochi(Broker):
    """As `make field` installs it."""

    name = "mochi"

    def command(self, folder, port):
        return [self.program, "-tcp", f"127.0.0.1:{port}", "-ws", "127.0.0.1:0", "-info", "127.0.0.1:0"]

    def release(self):
        return "mochi"


def find(build):
    """mqspec's first, then the others that are installed."""
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    mochi = os.path.join(build, "field", "mochi", "bin", "cmd")
    found = [Mqspec(os.path.join(build, "mqspec"))]
    if mosquitto:
        found.append(Mosquitto(mosquitto))
    if os.path.exists(mochi):
        found.append(Mochi(mochi))
    return found
