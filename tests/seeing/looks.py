"""Sockets of Linux's that every look shows, and the command to look with."""
import os
import socket
import subprocess
import sys
import tempfile
import time

ESTAB = os.environ.get("ESTAB") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "debug", "bin", "estab")
SKIP = 77
PORT = 9100
FOLDER = tempfile.mkdtemp(prefix="estab-looks-")


class Failed(Exception):
    pass


def check(holds, what):
    if not holds:
        raise Failed(what)


def run(*words, user=None, stdin=subprocess.DEVNULL, folder=FOLDER):
    """exit status, stdout, stderr"""
    as_user = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    done = subprocess.run([ESTAB, *words], capture_output=True, text=True, stdin=stdin, timeout=60,
                          env={**os.environ, "ESTAB_RUNTIME_DIR": folder}, **as_user)
    return done.returncode, done.stdout, done.stderr


def linux(*words, **options):
    return run(*words, "--source", "linux", **options)


class Sockets:
    """A listener, one connection in ESTABLISHED, one in CLOSE-WAIT here and FIN-WAIT-2 there, one in
    TIME-WAIT, all of this process."""

    def __init__(self, port=PORT):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(16)
        self.client, self.server = self.pair()
        gone, self.left = self.pair()
        gone.close()
        client, server = self.pair()
        client.close()
        time.sleep(0.02)
        server.close()
        time.sleep(0.05)

    def pair(self):
        client = socket.create_connection(self.listener.getsockname())
        return client, self.listener.accept()[0]

    def close(self):
        for one in (self.listener, self.client, self.server, self.left):
            one.close()


def up():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def inside(tests, *namespaces):
    """Runs them in namespaces of their own, and ends with their status."""
    if "--inside" not in sys.argv:
        words = ["unshare", *namespaces]
        if os.geteuid() != 0 or subprocess.run([*words, "true"], capture_output=True).returncode:
            print("skipped: needs root and namespaces")
            sys.exit(SKIP)
        sys.exit(subprocess.run([*words, "--", sys.executable, *sys.argv, "--inside"]).returncode)
    up()
    failures = 0
    for test in tests:
        try:
            test()
            print(f"ok      {test.__name__}", flush=True)
        except Failed as failure:
            failures += 1
            print(f"FAILED  {test.__name__}: {failure}", flush=True)
    sys.exit(1 if failures else 0)
