"""Linux's TCP and ours, face to face in a network namespace that the test makes and that ends with
it. As root or not: without root the namespace is a user's own; where /dev/net/tun may not be opened
our stack sits on an AF_PACKET socket over veth."""
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ESTAB = os.environ.get("ESTAB") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "bin", "estab")
OURS, LINUX = "10.77.0.2", "10.77.0.1"
OURS6, LINUX6 = "fd77::2", "fd77::1"


def enter_namespace():
    if os.environ.get("ESTAB_INTEROP_INSIDE"):
        return
    os.environ["ESTAB_INTEROP_INSIDE"] = "1"
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    if subprocess.run(["unshare", *user, "--net", "true"], capture_output=True).returncode != 0:
        print("SKIPPED: this system lets only root make network namespaces")
        sys.exit(77)
    os.execvp("unshare", ["unshare", *user, "--net", "--", sys.executable, *sys.argv])


class Failed(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failed(text)


def eventually(look, want, text, seconds=10.0):
    """Waits for something that the other process does; no protocol timer is slept for."""
    end = time.monotonic() + seconds
    while True:
        got = look()
        if want(got):
            return got
        if time.monotonic() > end:
            raise Failed(f"{text}; it is {got!r}")
        time.sleep(0.02)


class World:
    """The namespace: one link, on which our stacks are started and ended."""

    def __init__(self):
        self.children = []
        self.folder = tempfile.mkdtemp(prefix="estab-interop-")
        self.runtime = os.path.join(self.folder, "run")
        os.makedirs(self.runtime, mode=0o700)
        self.environment = {**os.environ, "ESTAB_RUNTIME_DIR": self.runtime}
        self.sh("ip link set lo up")
        self.tun = os.access("/dev/net/tun", os.R_OK | os.W_OK)
        if self.tun:
            self.sh("ip tuntap add dev link0 mode tun && ip link set link0 txqueuelen 10000 up")
            self.device = "tun:link0"
        else:
            self.sh("ip link add link0 type veth peer name link1")
            self.sh("ip link set link0 up && ip link set link1 up")
            self.device = "packet:link1"
        self.sh(f"ip addr add {LINUX}/24 dev link0 && ip -6 addr add {LINUX6}/64 dev link0 nodad")

    def sh(self, line):
        done = subprocess.run(line, shell=True, capture_output=True, text=True)
        check(done.returncode == 0, f"{line}: {done.stderr.strip()}")
        return done.stdout

    def start(self, *arguments, stdin=subprocess.DEVNULL):
        """A verb that runs a stack."""
        return self.run([ESTAB, *arguments, "--device", self.device, "--address", f"{OURS}/24",
                         "--address", f"{OURS6}/64"], stdin)

    def run(self, command, stdin=subprocess.DEVNULL):
        """A program that ends with this world; what it says to stderr is in its .log."""
        log = open(os.path.join(self.folder, f"log{len(self.children)}"), "w+")
        child = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=log,
                                 env=self.environment)
        child.log = log
        self.children.append(child)
        return child

    def serve(self, *arguments, port=7):
        child = self.start("serve", *arguments)
        self.wait_for(port, child)
        return child

    def wait_for(self, port, child):
        def connects():
            if child.poll() is not None:
                child.log.seek(0)
                raise Failed(f"estab ended with {child.returncode}: {child.log.read().strip()}")
            with socket.socket() as s:
                # Before the call: a repeated SYN may be answered in the instant between the time-out
                # and the close, and the probe must leave no TIME-WAIT then either.
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.settimeout(1)
                return s.connect_ex((OURS, port)) == 0
        eventually(connects, bool, f"port {port} of our stack answers")

    def estab(self, *arguments):
        done = subprocess.run([ESTAB, *arguments], capture_output=True, text=True,
                              env=self.environment)
        check(done.returncode == 0, f"estab {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def stop(self, child, how=signal.SIGTERM):
        if child.poll() is None:
            child.send_signal(how)
        child.wait(20)
        return child.returncode

    def end(self):
        for child in reversed(self.children):
            if child.poll() is None:
                child.kill()
                child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- states of both ends ---
    def ours(self, port, peer_port=None):
        """State of our end of connections of this port of ours, from `estab ss`."""
        return self.states(self.estab("ss", "-tanH"), port, peer_port)

    def linux(self, port, peer_port=None):
        """State of Linux's end, by the remote (our) port."""
        out = subprocess.run(["ss", "-tanH"], capture_output=True, text=True).stdout
        return self.states(out, peer_port, port)

    def ours_to(self, port):
        """State of our ends that called this port of Linux's."""
        return self.states(self.estab("ss", "-tanH"), None, port)

    def linux_of(self, port):
        """State of Linux's connections of this port of its own."""
        out = subprocess.run(["ss", "-tanH"], capture_output=True, text=True).stdout
        return self.states(out, port, None)

    @staticmethod
    def states(text, local_port, remote_port):
        found = []
        for line in text.splitlines():
            columns = line.split()
            if len(columns) < 5:
                continue
            local, remote = columns[3].rsplit(":", 1)[1], columns[4].rsplit(":", 1)[1]
            if local_port not in (None, int(local)):
                continue
            if remote_port is not None and remote != str(remote_port):
                continue
            if remote == "*":
                continue
            found.append(columns[0])
        return sorted(found)

    def both(self, port, ours, linux, text, seconds=10.0):
        """Waits until our end and Linux's end of this port's connections are in these states."""
        eventually(lambda: (self.ours(port), self.linux(port)), lambda s: s == (ours, linux), text,
                   seconds)


def run_tests(tests):
    """Runs those named on the command line, or all, each in a namespace of its own."""
    enter_namespace()
    if os.environ["ESTAB_INTEROP_INSIDE"] == "one":
        sys.exit(run_one(sys.argv[1], tests[sys.argv[1]]))
    failed = 0
    for name in sys.argv[1:] or list(tests):
        failed += subprocess.run(["unshare", "--net", sys.executable, sys.argv[0], name],
                                 env={**os.environ, "ESTAB_INTEROP_INSIDE": "one"}).returncode != 0
    sys.exit(1 if failed else 0)


def run_one(name, test):
    world = World()
    begin = time.monotonic()
    try:
        test(world)
        print(f"ok      {name} ({time.monotonic() - begin:.1f} s)", flush=True)
        return 0
    except Failed as why:
        print(f"FAILED  {name}: {why}", flush=True)
        return 1
    finally:
        world.end()
