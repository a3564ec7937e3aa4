"""Sockets in all states that Linux lists, both families, with every kind of owner, in the network
namespace that the caller is in. Keep the object: what it holds lives as long as it."""
import os
import signal
import socket
import subprocess
import threading
import time

from forged_peer import ACK, FIN, Peer, Wire

SO_MARK = 36
HERE4, THERE4, HERE6, THERE6 = "10.9.0.1", "10.9.0.2", "fd09::1", "fd09::2"


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


class Menagerie:
    def __init__(self):
        run("ip", "link", "set", "lo", "up")
        self.wire = Wire("seen0")
        run("ip", "addr", "add", f"{HERE4}/24", "dev", "seen0")
        run("ip", "-6", "addr", "add", f"{HERE6}/64", "dev", "seen0", "nodad")
        run("ip", "link", "set", "seen0", "up")
        self.kept, self.children, self.next_port = [], [], 20000
        for here, there, family in ((HERE4, THERE4, socket.AF_INET), (HERE6, THERE6, socket.AF_INET6)):
            self.forged_states(here, there, family)
        self.own_states()
        self.owners()
        time.sleep(0.3)

    def keep(self, *things):
        self.kept.extend(things)
        return things[0]

    def listener(self, host, port, family, backlog=64, options=()):
        sock = self.keep(socket.socket(family))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for option in options:
            sock.setsockopt(*option)
        sock.bind((host, port))
        sock.listen(backlog)
        return sock

    def forged_states(self, here, there, family):
        server = self.listener(here, 7000, family)
        half_open = self.listener(here, 7001, family)
        assert half_open

        def connected(window=65535):
            self.next_port += 1
            peer = Peer(self.wire, there, here, self.next_port, 7000)
            peer.connect(window)
            return peer, server.accept()[0]

        for i in range(2):  # SYN-RECV
            Peer(self.wire, there, here, 21000 + i, 7001).syn()
        syn_sent = self.keep(socket.socket(family))
        syn_sent.setblocking(False)
        syn_sent.connect_ex((there, 9))
        _, sock = connected()  # ESTAB, unacknowledged data
        self.keep(sock).send(b"x" * 5000)
        _, sock = connected(window=0)  # ESTAB, a closed window
        self.keep(sock).send(b"y" * 3000)
        peer, sock = connected()  # ESTAB, unread data
        peer.send(ACK, data=b"z" * 700)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.keep(sock)
        peer, sock = connected()  # CLOSE-WAIT
        peer.send(FIN | ACK)
        self.keep(sock)
        _, sock = connected()  # FIN-WAIT-1, an orphan
        sock.close()
        _, sock = connected()  # FIN-WAIT-1, owned
        self.keep(sock).shutdown(socket.SHUT_WR)
        peer, sock = connected()  # FIN-WAIT-2, owned
        self.keep(sock).shutdown(socket.SHUT_WR)
        peer.hear_fin()
        peer.send(ACK)
        peer, sock = connected()  # FIN-WAIT-2, a record
        sock.close()
        peer.hear_fin()
        peer.send(ACK)
        peer, sock = connected()  # CLOSING
        sock.close()
        peer.send(FIN | ACK)
        peer, sock = connected()  # LAST-ACK
        peer.send(FIN | ACK)
        time.sleep(0.05)
        sock.close()
        peer, sock = connected()  # TIME-WAIT
        sock.close()
        peer.hear_fin()
        peer.send(FIN | ACK)

    def own_states(self):
        """Loopback: listeners of all kinds, marks, types of service, devices, TIME-WAIT, unaccepted."""
        any6 = self.listener("::", 8080, socket.AF_INET6, options=((socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0),))
        self.listener("::", 8081, socket.AF_INET6, options=((socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1),))
        self.listener("0.0.0.0", 80, socket.AF_INET, options=((socket.SOL_SOCKET, SO_MARK, 0x1F),))
        self.listener("127.0.0.1", 8082, socket.AF_INET,
                      options=((socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo"),))
        waits = self.listener("127.0.0.1", 8083, socket.AF_INET, backlog=1)
        for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
            for _ in range(3):
                client = socket.create_connection((host, 8080))
                server = any6.accept()[0]
                client.close()
                server.close()
            client = self.keep(socket.create_connection((host, 8080)))
            server = self.keep(any6.accept()[0])
            client.send(b"hello")
            server.recv(5)
            server.send(b"world" * 1000)
            client.recv(65536)
        marked = self.keep(socket.socket())
        marked.setsockopt(socket.SOL_SOCKET, SO_MARK, 0x2A)
        marked.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x10)
        marked.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
        marked.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 3)
        marked.connect(("127.0.0.1", 80))
        for _ in range(2):  # nobody accepts these
            self.keep(socket.create_connection(("127.0.0.1", 8083)))
        assert waits

    def owners(self):
        """A child that shares our descriptors, another user's process, a second thread."""
        shared = self.listener("127.0.0.1", 8090, socket.AF_INET)
        shared.set_inheritable(True)
        self.children.append(self.child(lambda: None))

        def foreign():
            os.setgid(65534)
            os.setuid(65534)
            sock = socket.socket()
            sock.bind(("127.0.0.1", 8091))
            sock.listen(7)
            self.kept.append(sock)

        self.children.append(self.child(foreign))
        self.asleep = threading.Event()
        threading.Thread(target=self.asleep.wait, daemon=True).start()

    def child(self, begin):
        ready, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            begin()
            os.write(told, b"!")
            while True:
                signal.pause()
        os.read(ready, 1)
        os.close(ready)
        os.close(told)
        return pid

    def close(self):
        for pid in self.children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
