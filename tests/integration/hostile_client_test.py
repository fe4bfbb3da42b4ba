"""Clients that want to harm the agent: it stays up, other clients keep signing meanwhile, and what the attack took of its
memory, files and connections comes back."""
import contextlib
import json
import os
import random
import resource
import socket
import threading
import time
import unittest
from pathlib import Path

from agent_fixture import Agent, Scratch, SoftToken, toml_for
from varlink_client import VarlinkError

CONFIG = '''
[limits]
frame-deadline = "1s"
write-deadline = "1s"
connections = 600
connections-per-uid = 600
'''
MiB = 1024 * 1024


def frame(method, _flags=None, **parameters):
    return json.dumps({"method": f"org.signet.Agent.{method}", "parameters": parameters, **(_flags or {})}).encode() + b"\0"


SIGN = frame("SignMessage", key="good", message="aGVsbG8=")
DESCRIBE = b'{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"org.signet.Agent"}}\0'


class GoodClient(threading.Thread):
    """Signs some twenty times a second, on one connection that it had before the attack. Not faster: each signature is a
    record, and the ledger may keep 16 MiB of them in memory, which is no attack's doing."""

    def __init__(self, agent):
        super().__init__()
        self.connection = agent.connect(timeout=30)
        self.signed, self.slowest, self.fault, self.stopping = 0, 0.0, None, False

    def run(self):
        try:
            while not self.stopping:
                start = time.monotonic()
                self.connection.call("SignMessage", key="good", message="aGVsbG8=")
                self.slowest = max(self.slowest, time.monotonic() - start)
                self.signed += 1
                time.sleep(0.05)
        except Exception as fault:  # whatever it is, it is told on the main thread
            self.fault = fault

    def stop(self):
        self.stopping = True
        self.join()
        self.connection.close()


class HostileClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        scratch = Scratch()
        directory = scratch.__enter__()
        cls.addClassCleanup(scratch.__exit__)
        # [limits] comes before [[module]] in the file: toml_for() puts it there.
        cls.agent = Agent(directory, toml_for(SoftToken(directory / "softhsm", "t"), CONFIG)).start()
        cls.addClassCleanup(cls.agent.__exit__)
        with cls.agent.connect() as client:
            client.call("GenerateKey", token="t", name="good", algorithm="ecdsa-p256", uses=["message"])
        cls.random = random.Random(20261122)
        cls.good_day()

    @classmethod
    def good_day(cls):
        """What honest clients do: so much memory is the agent's due."""
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(cls.agent.connect()) for _ in range(40)]
            for _ in range(5):  # all at once: every session of the token is opened
                for client in clients:
                    client.send("SignMessage", {"key": "good", "message": "aGVsbG8="})
                for client in clients:
                    client.receive()
            client.call("org.varlink.service.GetInterfaceDescription", interface="org.signet.Agent")
            with contextlib.suppress(VarlinkError):  # no such repository; but a large message
                client.call("SignMetadata", repository="a.example/b", role="targets", format="tuf", signed="x" * 8 * MiB)

    @classmethod
    def memory(cls):
        status = Path(f"/proc/{cls.agent.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])

    @classmethod
    def files(cls):
        return len(os.listdir(f"/proc/{cls.agent.process.pid}/fd"))

    def setUp(self):
        time.sleep(2.5)  # what was before has settled
        self.memory_before, self.files_before = self.memory(), self.files()
        self.good = GoodClient(self.agent)
        self.good.start()
        self.addCleanup(self.good.stop)
        while self.good.signed == 0 and self.good.fault is None:
            time.sleep(0.01)

    def tearDown(self):
        """After each attack: the agent is as it was before, and served others meanwhile."""
        done = self.good.signed
        end = time.monotonic() + 10
        while self.good.signed < done + 3 and self.good.fault is None and time.monotonic() < end:
            time.sleep(0.01)
        self.assertIsNone(self.good.fault)
        self.assertGreaterEqual(self.good.signed, done + 3)
        self.assertLess(self.good.slowest, 5.0)
        self.good.stop()
        self.assertIsNone(self.agent.process.poll(), "the agent died")
        end = time.monotonic() + 20
        while time.monotonic() < end and not (self.memory_is_back() and self.files() <= self.files_before):
            time.sleep(0.2)
        print(f"  {self.id().rsplit('.', 1)[1]}: {self.memory_before} KiB before, {self.memory()} KiB after; others signed "
              f"{self.good.signed}, the slowest in {self.good.slowest * 1000:.0f} ms", flush=True)
        self.assertLessEqual(self.files(), self.files_before)
        self.assertTrue(self.memory_is_back())
        with self.agent.connect() as client:
            self.assertEqual(client.call("Status")["connections"], 1)

    def memory_is_back(self):
        # A sanitizer holds freed memory back, to find who uses it still.
        return bool(os.environ.get("SIGNET_SANITIZE")) or self.memory() <= self.memory_before * 1.05

    def open(self):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(15)
        while True:
            try:
                client.connect(str(self.agent.socket))
                return client
            except BlockingIOError:  # more wait to be accepted than the kernel lets
                time.sleep(0.01)

    def send(self, client, data):
        """True if the agent took it all."""
        try:
            client.sendall(data)
            return True
        except OSError:
            return False

    def rest(self, client):
        """What the agent still says, until it closes."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while part := client.recv(65536):
                data += part
        return data

    def test_garbage(self):
        for i in range(300):
            with self.open() as client:
                junk = self.random.randbytes(self.random.randrange(1, 5000))
                self.send(client, junk + (b"\0" if i % 2 else b""))
                if i % 2:
                    self.assertIn(b"InvalidParameter", self.rest(client))

    def test_json_bombs(self):
        bombs = [b'{"method":"a.B","parameters":{"x":' + b"[" * 200_000 + b"\0",
                 b'{"method":"a.B","parameters":{' + b",".join(b'"k%d":0' % i for i in range(20_000)) + b"}}\0",
                 b'{"method":"a.B","parameters":{' + b",".join([b'"k":0'] * 20_000) + b"}}\0",
                 b'{"method":"' + b"x" * 200_000 + b'"}\0', b'{"method":"a.B","parameters":{"x":1' + b"0" * 200_000 + b"}}\0",
                 b"\0" * 100_000]
        for bomb in bombs * 5:
            with self.open() as client:
                self.send(client, bomb)
                client.shutdown(socket.SHUT_WR)
                self.assertIn(b'"error"', self.rest(client))

    def test_half_frames_and_slow_loris(self):
        lorises = [self.open() for _ in range(300)]
        for loris in lorises:
            self.send(loris, SIGN[:10])
        start = time.monotonic()
        while time.monotonic() - start < 2:  # a byte now and then does not buy time
            for loris in lorises:
                self.send(loris, b" ")
            time.sleep(0.2)
        for loris in lorises:
            self.assertIn(b"frame-deadline", self.rest(loris))
            loris.close()

    def test_two_thousand_connections(self):
        clients, refused = [], 0
        for _ in range(2000):
            clients.append(self.open())
        for client in clients:
            client.setblocking(False)
        end = time.monotonic() + 20
        while refused < 2000 - 599 and time.monotonic() < end:
            time.sleep(0.1)
            refused = sum(1 for client in clients if self.peek(client))
        self.assertEqual(refused, 2000 - 599)  # the good client has one of 600
        for client in clients:
            client.close()

    def peek(self, client):
        try:
            return b"LimitExceeded" in client.recv(4096, socket.MSG_PEEK)
        except BlockingIOError:
            return False

    def test_leaving_at_every_step(self):
        for cut in range(len(SIGN) + 1):
            with self.open() as client:
                self.send(client, SIGN[:cut])
        for taken in range(0, 200, 3):
            with self.open() as client:
                self.send(client, SIGN)
                client.recv(taken + 1)
        for _ in range(100):  # a call of every kind in progress, others behind it
            with self.open() as client:
                self.send(client, SIGN * 5 + frame("ListTokens") + frame("Status") + SIGN[:20])

    def test_huge_messages(self):
        large = frame("SignMetadata", repository="a.example/b", role="targets", format="tuf", signed="x" * 15 * MiB)

        def attack(i):
            with self.open() as client:
                self.send(client, large[:-1] if i % 3 else large)  # two of three never end
                if i % 3 == 0:
                    self.assertIn(b"error", client.recv(100))

        threads = [threading.Thread(target=attack, args=(i,)) for i in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with self.open() as client:
            while self.send(client, b"x" * MiB):
                pass

    def test_clients_that_do_not_read(self):
        clients = [self.open() for _ in range(100)]
        for client in clients:
            client.settimeout(0.05)
            self.send(client, DESCRIBE * 2000)
        # Nobody reads before the agent has closed them all: whoever is read from in time may have all its answers and stay.
        with self.agent.connect() as watch:
            end = time.monotonic() + 30
            while (left := watch.call("Status")["connections"]) > 2 and time.monotonic() < end:
                time.sleep(0.1)
        self.assertEqual(left, 2)  # this one and the good client's
        for client in clients:
            client.settimeout(15)
            self.rest(client)  # ends: the agent has closed it
            client.close()

    def test_oneway_and_upgrade_do_not_sign(self):
        self.good.stop()
        with self.agent.connect() as client:
            before = client.call("Status")["ledger"]["records"]
            for _ in range(50):
                with self.open() as hostile:
                    self.send(hostile, frame("SignMessage", {"oneway": True}, key="good", message="aGVsbG8="))
                    self.assertEqual(self.rest(hostile), b"")
                with self.open() as hostile:
                    self.send(hostile, frame("SignMessage", {"upgrade": True}, key="good", message="aGVsbG8="))
                    self.assertIn(b"InvalidParameter", hostile.recv(4096))
            self.assertEqual(client.call("Status")["ledger"]["records"], before)
        self.good = GoodClient(self.agent)
        self.good.start()


if __name__ == "__main__":
    unittest.main(verbosity=2)
