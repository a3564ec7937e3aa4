"""Two hosts on one cable: this process's network namespace, in which the subject runs (on Linux's
stack or on ours), and the peer's. Both end with the process."""
import json
import os
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get("ESTAB_BIN") or os.path.join(HERE, "..", "..", "build", "debug", "bin")
ESTAB = os.path.join(BIN, "estab")
CORE = {"somaxconn"}


class Failed(Exception):
    pass


class Line:
    """A child that is talked with in lines."""

    def __init__(self, command, **options):
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      bufsize=0, **options)
        self.pid = self.child.pid

    def say(self, line):
        self.child.stdin.write(line.encode() + b"\n")

    def hear(self, seconds=20.0):
        end, line = time.monotonic() + seconds, b""
        while not line.endswith(b"\n"):
            if not select.select([self.child.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Failed(f"{self.child.args} says nothing for {seconds} s")
            byte = self.child.stdout.read(1)
            if not byte:
                raise Failed(f"{self.child.args} ended with {self.child.wait()}")
            line += byte
        return line.decode().strip()

    def ask(self, line):
        self.say(line)
        return self.hear()

    def end(self):
        self.child.stdin.close()
        try:
            self.child.wait(2)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class World:
    def __init__(self, system):
        self.system = system  # "linux" or "estab"
        self.folder = tempfile.mkdtemp(prefix="estab-pathology-")
        os.makedirs(os.path.join(self.folder, "run"), mode=0o700)
        self.environment = {**os.environ, "ESTAB_RUNTIME_DIR": os.path.join(self.folder, "run"),
                            "COLUMNS": "80"}
        self.lines = []
        self.peer = self.line(["unshare", "--net", sys.executable, os.path.join(HERE, "peers.py")])
        self.subject = None
        self.program = os.path.join(BIN, f"subject_{system}")
        while os.readlink(f"/proc/{self.peer.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            time.sleep(0.01)
        self.sh("ip link set lo up && ip link add link0 type veth peer name link1 && "
                f"ip link set link1 netns {self.peer.pid} && ip link set link0 up")
        if system == "linux":
            self.sh("ip addr add 10.88.0.2/24 dev link0")
        self.peer.ask("up")
        if system == "linux":
            self.sh("ip route add default via 10.88.0.1")

    def sh(self, line):
        done = subprocess.run(line, shell=True, capture_output=True, text=True, env=self.environment)
        if done.returncode != 0:
            raise Failed(f"{line}: {done.stderr.strip()}")
        return done.stdout

    def line(self, command, **options):
        made = Line(command, env=self.environment, **options)
        self.lines.append(made)
        return made

    def start(self, pathology, variant, what, knobs, descriptors=None):
        """The subject, under these knobs and this limit of descriptors."""
        words = [pathology, variant, what]
        if self.system == "linux":
            for name, value in knobs.items():
                self.sh(f"sysctl -qw net.{'core' if name in CORE else 'ipv4'}.{name}='{value}'")
            limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, 20000))) \
                if descriptors else None
            self.subject = self.line([self.program, *words], preexec_fn=limit)
            return
        options = ["gateway=10.88.0.1"]
        if descriptors:
            options.append(f"max_descriptors={descriptors}")
        for name, value in knobs.items():
            if name == "ip_local_port_range":
                low, high = value.split()
                options += [f"{name}_low={low}", f"{name}_high={high}"]
            elif name != "tcp_rmem":
                options.append(f"{name}={value}")
        self.environment.update(DEVICE="packet:link0", ADDRESS="10.88.0.2/24",
                                OPTIONS=",".join(options))
        self.subject = self.line([self.program, *words])

    def doctor(self, *arguments):
        """Exit status and the parsed answer."""
        done = subprocess.run([ESTAB, "doctor", "--json", "--source", self.system, *arguments],
                              capture_output=True, text=True, env=self.environment)
        if done.returncode not in (0, 1, 2):
            raise Failed(f"estab doctor: exit {done.returncode}: {done.stderr.strip()}")
        return done.returncode, json.loads(done.stdout)

    def doctor_text(self, *arguments):
        return subprocess.run([ESTAB, "doctor", "--source", self.system, *arguments],
                              capture_output=True, text=True, env=self.environment).stdout

    def end(self):
        for one in reversed(self.lines):
            one.end()
        shutil.rmtree(self.folder, ignore_errors=True)
