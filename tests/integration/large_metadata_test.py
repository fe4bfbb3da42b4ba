"""Metadata of many megabytes: what it takes to read it holds nobody else up."""
import json
import threading
import time
import unittest
from pathlib import Path

from agent_fixture import Agent, Scratch, SoftToken, toml_for
from made_metadata import canonical, start_repository

REPOSITORY = "example.org/large"
MiB = 1024 * 1024
ROUNDS = 3


def large_targets(version, size=10 * MiB):
    """As many targets as make that size."""
    target = {"hashes": {"sha256": "5a" * 32}, "length": 4711}
    count = size // (len(canonical(target)) + len('"packages/pool/main/000000.tar":,'))
    return canonical({"_type": "targets", "expires": "2035-01-01T00:00:00Z", "spec_version": "1.0.31", "version": version,
                      "targets": {f"packages/pool/main/{number + version:06}.tar": target for number in range(count)}})


class Other(threading.Thread):
    """Makes one small call after the other, and notes how long each took."""

    def __init__(self, agent, method, **parameters):
        super().__init__()
        self.connection, self.method, self.parameters = agent.connect(), method, parameters
        self.waits, self.stopping = [], False

    def run(self):
        while not self.stopping:
            begun = time.monotonic()
            self.connection.call(self.method, **self.parameters)
            self.waits.append(time.monotonic() - begun)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.join()
        self.connection.close()

    def __str__(self):
        return f"{self.method.rsplit('.', 1)[-1]} {len(self.waits)} times, {max(self.waits) * 1000:.0f} ms at most"


class LargeMetadata(unittest.TestCase):
    def setUp(self):
        scratch = self.enterContext(Scratch())
        self.agent = self.enterContext(Agent(scratch / "agent", toml_for(SoftToken(scratch / "softhsm", "t"))))
        with self.agent.connect() as client:
            start_repository(client, "t", REPOSITORY, dict.fromkeys(("targets", "snapshot", "timestamp"), "ed25519"))
            client.call("GenerateKey", token="t", name="other", algorithm="ecdsa-p256", uses=["message"])

    def timed(self, method, **parameters):
        """What came back, how long it took, and what two other clients got done meanwhile."""
        call = {"method": f"org.signet.Agent.{method}", "parameters": {"repository": REPOSITORY, "role": "targets", **parameters}}
        frame = json.dumps(call).encode() + b"\0"  # made before, and the reply parsed after: both hold the other thread up
        asking = Other(self.agent, "org.varlink.service.GetInfo")
        signing = Other(self.agent, "SignMessage", key="other", message="aGVsbG8=")
        with self.agent.connect(timeout=120) as client, asking, signing:
            begun = time.monotonic()
            client.socket.sendall(frame)
            pieces = [client.socket.recv(MiB)]
            while not pieces[-1].endswith(b"\0"):
                pieces.append(client.socket.recv(MiB))
            took = time.monotonic() - begun
        return json.loads(b"".join(pieces)[:-1]), took, asking, signing

    def benches(self):
        """How many threads of the agent read large metadata."""
        names = [path.read_text().strip() for path in Path(f"/proc/{self.agent.process.pid}/task").glob("*/comm")]
        return names.count("workbench")

    def check(self, what, rounds):
        """An agent that holds others up does so in every round, a busy machine hardly in all of them; and both stretch
        the large call and the waits alike: so in proportion, and the best round counts. Of those who ask: who signs
        waits for the disk, too."""
        for took, asking, signing in rounds:
            print(f"{what}: {took * 1000:.0f} ms; meanwhile {asking}; {signing}")
        with self.subTest(what):
            self.assertLess(min(max(asking.waits) / took for took, asking, _ in rounds), 0.25)

    def test_others_sign_meanwhile(self):
        self.assertEqual(self.benches(), 0)  # who signs nothing large has no thread for it
        signing, observing, conflicting = [], [], []
        for version in range(1, ROUNDS + 1):
            text = large_targets(version)
            reply, *seen = self.timed("SignMetadata", format="tuf", signed=text)
            signing.append(seen)
            signatures = [entry["signature"] for entry in reply["parameters"]["result"]["results"]]
            # What the agent remembers of it is as large: other bytes for the version are answered with it.
            other = text.replace("2035", "2036", 1)
            reply, *seen = self.timed("SignMetadata", format="tuf", signed=other)
            self.assertEqual(reply["error"], "org.signet.Agent.VersionConflict")
            self.assertEqual(len(reply["parameters"]["payload"]), len(text))
            conflicting.append(seen)
            file = '{"signatures":' + json.dumps(signatures) + ',"signed":' + text + "}"
            reply, *seen = self.timed("ObserveMetadata", metadata=file)
            self.assertEqual(reply["parameters"]["version"], version)
            observing.append(seen)
        self.check("signing 10 MiB", signing)
        self.check("observing it", observing)
        self.check("signing other bytes", conflicting)
        self.assertEqual(self.benches(), 1)

    def test_many_large_calls_share_one_thread(self):
        frames = []
        for version in range(1, 4):
            parameters = {"repository": REPOSITORY, "role": "targets", "format": "tuf", "signed": large_targets(version, MiB),
                          "dryRun": True}
            frames.append(json.dumps({"method": "org.signet.Agent.SignMetadata", "parameters": parameters}).encode() + b"\0")
        clients = [self.enterContext(self.agent.connect(timeout=120)) for _ in range(12)]
        senders = [threading.Thread(target=client.socket.sendall, args=(frames[index % 3],))
                   for index, client in enumerate(clients)]
        for sender in senders:
            sender.start()
        for index, client in enumerate(clients):
            self.assertEqual(client.receive()["parameters"]["result"]["version"], index % 3 + 1)
            self.assertEqual(self.benches(), 1)
        for sender in senders:
            sender.join()


if __name__ == "__main__":
    unittest.main(verbosity=2)
