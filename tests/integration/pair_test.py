"""One key on two HSMs (two SoftHSM stores, the key imported into both), while one of them is killed or gone under load:
no call is lost, and no version is ever released with two payloads. SIGNET_PAIR_SECONDS changes how long."""
import base64
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
import unittest
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent_fixture import PIN, SOFTHSM, Agent, Scratch, SoftToken, TokenObject, hosts_of
from made_metadata import canonical, digest_of, metadata
from varlink_client import VarlinkError, b64

SECONDS = float(os.environ.get("SIGNET_PAIR_SECONDS", "8"))
REPOSITORY = "example.org/pair"
MESSAGE_CLIENTS, METADATA_CLIENTS = 12, 4


def config_for(stores):
    text = "[agent]\ndiscover-modules = false\n"
    for store in stores:
        (label,) = store.labels
        text += (f'[[module]]\nname = "{label}"\npath = "{SOFTHSM}"\nremovable = false\nsessions = 4\n'
                 f'environment = {{ SOFTHSM2_CONF = "{store.conf}" }}\n[module.deadlines]\nlogin = "5s"\nsign = "5s"\n'
                 f'[[module.pin]]\ntoken = "{label}"\nfile = "{store.pin_file}"\n')
    return text


def import_key(store, pem, label, key_id):
    subprocess.run(["softhsm2-util", "--import", str(pem), "--token", store.labels[0], "--label", label, "--id", key_id,
                    "--pin", PIN], check=True, capture_output=True,
                   env={**os.environ, "SOFTHSM2_CONF": str(store.conf)})


def host_of(agent, store):
    """The token hosts of one store, which are told by their environment."""
    wanted = f"SOFTHSM2_CONF={store.conf}".encode()
    found = []
    for pid in hosts_of(agent.process):
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"--token" in arguments and wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(pid)
        except OSError:
            pass  # it ended
    return found


class Load:
    """Clients that sign until they are told to stop, and what came of it."""

    def __init__(self, agent, public_key):
        self.agent, self.public_key = agent, public_key
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.outcomes = collections.Counter()
        self.findings = []
        self.newest = 1
        self.digests = collections.defaultdict(set)  # version -> digests that a signature was received for
        self.threads = [threading.Thread(target=self.sign_messages, args=(n,)) for n in range(MESSAGE_CLIENTS)]
        self.threads += [threading.Thread(target=self.sign_metadata, args=(n,)) for n in range(METADATA_CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def note(self, outcome, finding=None):
        with self.lock:
            self.outcomes[outcome] += 1
            if finding:
                self.findings.append(finding)

    def sign_messages(self, number):
        count = 0
        with self.agent.connect() as connection:
            while not self.stopping.is_set():
                count += 1
                message = f"{number}/{count}".encode()
                try:
                    signature = connection.call("SignMessage", key="pair", message=b64(message))["signature"]
                    self.check(signature, message)
                except VarlinkError as error:
                    self.note("lost", f"a message was not signed: {error}")

    def check(self, signature, message):
        try:
            self.public_key.verify(base64.b64decode(signature), message, ec.ECDSA(hashes.SHA256()))
            self.note("message")
        except InvalidSignature:
            self.note("bad", "a signature does not verify")

    def sign_metadata(self, number):
        rng = random.Random(number)
        with self.agent.connect() as connection:
            while not self.stopping.is_set():
                version = self.newest + rng.choice((0, 1, 1))
                text = metadata("targets", version, rng.randrange(3))
                try:
                    result = connection.call("SignMetadata", repository=REPOSITORY, role="targets", format="tuf",
                                             signed=text)["result"]
                except VarlinkError as error:
                    expected = error.short in ("VersionConflict", "Busy")
                    self.note(error.short, None if expected else f"metadata was not signed: {error}")
                    continue
                with self.lock:
                    self.outcomes["metadata"] += 1
                    self.newest = max(self.newest, version)
                    self.digests[version].add(result["digest"])
                    if result["digest"] != digest_of(text):
                        self.findings.append("a reply is for other bytes than were asked for")


class PairTest(unittest.TestCase):
    def setUp(self):
        self.scratch = self.enterContext(Scratch())
        self.stores = [SoftToken(self.scratch / label, label) for label in ("east", "west")]
        for name, key_id in (("pair", "0a"), ("targets", "0b")):
            pem = self.scratch / f"{name}.pem"
            subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                            str(pem)], check=True, capture_output=True)
            for store in self.stores:
                import_key(store, pem, name, key_id)
        self.agent = Agent(self.scratch / "agent", config_for(self.stores))
        self.agent.start()
        self.addCleanup(self.agent.stop)
        self.enrol("pair", "message")
        self.enrol("targets", "tuf")
        self.start_repository()

    def enrol(self, name, use):
        uris = [f"pkcs11:token={store.labels[0]};object={name};type=private" for store in self.stores]
        self.agent.cli("key", "enrol", uris[0], "--name", name, "--use", use)
        done = self.agent.cli("key", "enrol", uris[1], "--name", name, "--also")
        self.assertIn("is enrolled on 2 tokens", done.stdout)

    def start_repository(self):
        with self.agent.connect(timeout=120) as connection:
            for name in ("root", "snapshot", "timestamp"):
                connection.call("GenerateKey", token="east", name=name, algorithm="ecdsa-p256", uses=["tuf"])
            names = ("root", "targets", "snapshot", "timestamp")
            shown = {name: connection.call("ShowKey", key=name) for name in names}
            ids = {name: key["key"]["tufKeyid"] for name, key in shown.items()}
            root = {"_type": "root", "consistent_snapshot": True, "expires": "2035-01-01T00:00:00Z",
                    "keys": {ids[name]: key["tuf"] for name, key in shown.items()},
                    "roles": {name: {"keyids": [ids[name]], "threshold": 1} for name in shown},
                    "spec_version": "1.0.31", "version": 1}
            connection.call("CreateRepository", name=REPOSITORY, format="tuf")
            reply = connection.call("SignMetadata", repository=REPOSITORY, role="root", format="tuf",
                                    signed=canonical(root))
            file = json.dumps({"signatures": [entry["signature"] for entry in reply["result"]["results"]],
                               "signed": root})
            connection.call("ObserveMetadata", repository=REPOSITORY, role="root", metadata=file)
            self.public_key = serialization.load_pem_public_key(
                connection.call("ShowKey", key="pair")["pem"].encode())

    def faults(self):
        with self.agent.connect() as connection:
            locations = connection.call("ShowKey", key="pair")["key"]["locations"]
        return {location["tokenLabel"]: location["fault"] for location in locations}

    def wait_for_faults(self, east):
        """Until east is passed over, or is not; west never is."""
        end = time.monotonic() + 40
        while time.monotonic() < end:
            faults = self.faults()
            if (faults["east"] is not None) == east and faults["west"] is None:
                return
            time.sleep(0.05)
        self.fail(f"the tokens did not come to be as expected: {self.faults()}")

    def check(self, load):
        self.assertEqual(load.findings, [], f"{load.outcomes}; the log:\n{self.agent.log.read_text()[-3000:]}")
        twice = {version: digests for version, digests in load.digests.items() if len(digests) > 1}
        self.assertEqual(twice, {}, "a version was released with two payloads")
        self.assertGreater(load.outcomes["message"], 50)
        self.assertGreater(load.outcomes["metadata"], 5)
        print(dict(load.outcomes))

    def test_a_host_that_is_killed_again_and_again(self):
        east = TokenObject(self.stores[0].directory)
        kills = 0
        with Load(self.agent, self.public_key) as load:
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                time.sleep(0.4)
                kills += self.kill_east()
                east.mend()
        self.check(load)
        self.assertGreater(kills, 3)
        self.wait_for_faults(east=False)

    def test_one_of_two_gone_and_back(self):
        store = self.stores[0]
        away = self.scratch / "away"
        with Load(self.agent, self.public_key) as load:
            time.sleep(1)
            shutil.move(store.directory / "tokens", away)
            (store.directory / "tokens").mkdir()
            for pid in host_of(self.agent, store):
                os.kill(pid, signal.SIGKILL)
            self.wait_for_faults(east=True)
            shown = self.agent.cli("key", "show", "pair").stdout
            self.assertIn("passed over now", shown)
            time.sleep(SECONDS / 2)
            shutil.rmtree(store.directory / "tokens")
            shutil.move(away, store.directory / "tokens")
            self.wait_for_faults(east=False)  # by itself: nobody told the agent
            time.sleep(1)
        self.check(load)
        # It really signs again: the other one is forgotten.
        self.agent.cli("key", "forget", "pair", "--token", "west")
        with self.agent.connect() as connection:
            connection.call("SignMessage", key="pair", message=b64(b"on east alone"))

    def kill_east(self):
        hosts = host_of(self.agent, self.stores[0])
        for pid in hosts:
            os.kill(pid, signal.SIGKILL)
        return len(hosts)

    def sign_list(self, connection, messages):
        """Every message's own signature; in all, one record or more says what was signed."""
        results = connection.call("SignMessage", key="pair", messages=[b64(message) for message in messages])["results"]
        self.assertEqual(len(results), len(messages))
        for message, result in zip(messages, results):
            self.assertIsNone(result["fault"])
            self.public_key.verify(base64.b64decode(result["signature"]), message, ec.ECDSA(hashes.SHA256()))

    def test_lists_of_messages_up_to_their_limits(self):
        with self.agent.connect() as connection:
            self.sign_list(connection, [b"one"])
            self.sign_list(connection, [f"message {number}".encode() for number in range(1024)])
            with self.assertRaises(VarlinkError) as refused:
                connection.call("SignMessage", key="pair", messages=[b64(b"x")] * 1025)
            self.assertEqual((refused.exception.short, refused.exception.parameters["limit"]),
                             ("LimitExceeded", "batch-messages"))
            # As many bytes as a frame has room for.
            self.sign_list(connection, [bytes([number]) * 90000 for number in range(2)])
        with self.agent.connect() as connection:
            with self.assertRaises(VarlinkError) as refused:
                connection.call("SignMessage", key="pair", messages=[b64(b"x" * 90000)] * 3)
            self.assertEqual((refused.exception.short, refused.exception.parameters["limit"]),
                             ("LimitExceeded", "frame-size"))
        # One of the hosts ends amid a list.
        with self.agent.connect() as connection:
            killer = threading.Timer(0.02, self.kill_east)
            killer.start()
            for first in range(0, 2048, 512):
                self.sign_list(connection, [f"amid {first + number}".encode() for number in range(512)])
            killer.join()

    def test_a_key_that_is_another_one_is_no_further_location(self):
        done = self.agent.cli("key", "enrol", "pkcs11:token=west;object=targets;type=private", "--name", "pair", "--also",
                              check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("public keys differ", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
