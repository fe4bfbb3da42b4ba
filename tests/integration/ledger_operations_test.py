"""The ledger of a running agent: listed, followed, and what its followers see when they or the agent leave."""
import json
import os
import signal
import sqlite3
import subprocess
import time
import unittest

from agent_fixture import BIN, Agent, Scratch, SoftToken, toml_for
from varlink_client import VarlinkError


def eventually(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Records(unittest.TestCase):
    def setUp(self):
        self.scratch = self.enterContext(Scratch())
        self.tokens = SoftToken(self.scratch / "softhsm", "t")
        self.agent = self.enterContext(Agent(self.scratch / "agent", toml_for(self.tokens)))
        with self.agent.connect() as client:
            client.call("GenerateKey", token="t", name="k", algorithm="ecdsa-p256", uses=["message"])

    def sign(self, count=1):
        with self.agent.connect() as client:
            for _ in range(count):
                client.call("SignMessage", key="k", message="aGVsbG8=")

    def follower(self, *arguments):
        process = subprocess.Popen([BIN / "signet", "--json", "ledger", "list", "--follow", *arguments],
                                   stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                                   env={**os.environ, "SIGNET_SOCKET": str(self.agent.socket)})
        self.addCleanup(lambda: (process.kill(), process.wait(), process.stdout.close()))
        return process

    def connections(self):
        with self.agent.connect() as client:
            return client.call("Status")["connections"]

    def test_list_and_show_as_a_person_sees_them(self):
        self.sign()
        text = self.agent.cli("ledger", "list", "--key", "k").stdout
        self.assertIn("enrolled the key k (ecdsa-p256) for message", text)
        self.assertIn("asked to sign a message", text)
        number = [line.split()[0] for line in text.splitlines() if "asked to sign" in line][0]
        shown = self.agent.cli("ledger", "show", number, "--private").stdout
        self.assertIn("It is what the record's hash was made of.", shown)
        self.assertIn("Its outcome is record", shown)
        self.assertIn(f"pid: {os.getpid()}", shown)

    def test_a_follower_sees_each_record_once_and_in_order(self):
        follower = self.follower("--after", "0", "--kind", "message-intent")
        self.sign(150)
        numbers = [json.loads(follower.stdout.readline())["sequence"] for _ in range(150)]
        self.assertEqual(numbers, sorted(set(numbers)))

    def test_a_follower_that_leaves_is_forgotten(self):
        before = self.connections()
        followers = [self.follower() for _ in range(3)]
        eventually(lambda: self.connections() >= before + 3, "the followers are connected")
        for follower in followers:
            follower.send_signal(signal.SIGINT)
            follower.wait(30)
        eventually(lambda: self.connections() == before, "their connections are gone")

    def test_a_follower_that_does_not_read_costs_itself_alone(self):
        with self.agent.connect() as idle:
            idle.send("FollowLedger", {"after": 0}, more=True)
            self.sign(400)
            text = self.agent.cli("ledger", "list", "--kind", "message-intent", "--last", "500").stdout
            self.assertEqual(text.count("asked to sign"), 400)

    def test_an_agent_that_stops_ends_its_followers_well(self):
        follower = self.follower("--after", "0")
        follower.stdout.readline()
        began = time.monotonic()
        self.assertEqual(self.agent.stop(), 0)
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(follower.wait(30), 0)


class StoppedBehindItsRecords(unittest.TestCase):
    def test_what_left_before_its_record_is_recorded_when_the_agent_is_told_to_stop(self):
        scratch = self.enterContext(Scratch())
        tokens = SoftToken(scratch / "softhsm", "t")
        agent = self.enterContext(Agent(scratch / "agent", toml_for(tokens, 'message-record-delay = "1s"')))
        with agent.connect() as client:
            client.call("GenerateKey", token="t", name="k", algorithm="ed25519", uses=["message"])
            for _ in range(5):
                self.assertIsNone(client.call("SignMessage", key="k", message="aGVsbG8=")["record"])
        self.assertEqual(agent.stop(), 0)
        database = sqlite3.connect(f"file:{agent.state}/ledger.db?mode=ro", uri=True)
        self.addCleanup(database.close)
        statements = [json.loads(row[0])["body"] for row in
                      database.execute("SELECT statement FROM records WHERE kind = 'message-intent'")]
        self.assertEqual(sum(len(body.get("signatures", [body])) for body in statements), 5)


class BackupAndRestore(unittest.TestCase):
    """A repository whose targets are at version 1 in the backup, and at 2 when it is restored."""

    NAME = "backup.example/app"

    def setUp(self):
        self.scratch = self.enterContext(Scratch())
        self.tokens = SoftToken(self.scratch / "softhsm", "t")
        self.agent = self.enterContext(Agent(self.scratch / "agent", toml_for(self.tokens)))
        with self.agent.connect() as client:
            client.call("GenerateKey", token="t", name="k", algorithm="ed25519", uses=["tuf"])
            key = client.call("ShowKey", key="k")
            role = {"keyids": [key["key"]["tufKeyid"]], "threshold": 1}
            root = {"_type": "root", "spec_version": "1.0.31", "version": 1, "expires": "2040-01-01T00:00:00Z",
                    "consistent_snapshot": True, "keys": {key["key"]["tufKeyid"]: key["tuf"]},
                    "roles": {name: role for name in ("root", "targets", "snapshot", "timestamp")}}
            client.call("CreateRepository", name=self.NAME, format="tuf")
            self.observe(client, "root", root, self.sign(client, "root", root))

    @staticmethod
    def targets(version, length=1):
        target = {"length": length, "hashes": {"sha256": "ab" * 32}}
        return {"_type": "targets", "spec_version": "1.0.31", "version": version, "expires": "2040-01-01T00:00:00Z",
                "targets": {"file": target}}

    def sign(self, client, role, metadata):
        text = json.dumps(metadata, sort_keys=True, separators=(",", ":")).replace("\\n", "\n")
        done = client.call("SignMetadata", repository=self.NAME, role=role, format="tuf", signed=text)
        return [result["signature"] for result in done["result"]["results"]]

    def observe(self, client, role, metadata, signatures):
        client.call("ObserveMetadata", repository=self.NAME, role=role,
                    metadata=json.dumps({"signed": metadata, "signatures": signatures}))

    def test_a_restored_ledger_signs_only_what_it_was_shown(self):
        backup = self.scratch / "ledger.db"
        with self.agent.connect() as client:
            self.sign(client, "targets", self.targets(1))
            self.assertIn("is backed up", self.agent.cli("ledger", "backup", backup).stdout)
            self.assertEqual(backup.stat().st_mode & 0o777, 0o600)
            refused = self.agent.cli("ledger", "backup", backup, check=False)
            self.assertIn("never replaces", refused.stderr)
            published = self.sign(client, "targets", self.targets(2))
            self.assertIn("ledger.backup", client.call("ReadLedger", first=1, limit=100)["records"][-3]["statement"])

        refused = self.agent.cli("ledger", "restore", backup, "--state", self.agent.state, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("Another agent holds the state directory", refused.stderr)
        self.assertEqual(self.agent.stop(), 0)
        restored = json.loads(self.agent.cli("--json", "ledger", "restore", backup, "--state", self.agent.state).stdout)
        self.assertTrue((self.agent.state / restored["replaced"] / "ledger.db").exists())

        self.agent.start(ledger=False)
        with self.agent.connect() as client:
            # Version 2 is out there, and this ledger does not know: other bytes for it would be a second truth.
            for version in (1, 2, 3):
                with self.assertRaises(VarlinkError) as error:
                    self.sign(client, "targets", self.targets(version, length=2))
                self.assertEqual(error.exception.parameters["why"], "quarantined")
            self.observe(client, "targets", self.targets(2), published)
            with self.assertRaises(VarlinkError) as error:
                self.sign(client, "targets", self.targets(2, length=2))
            self.assertEqual(error.exception.short, "VersionConflict")
            self.sign(client, "targets", self.targets(3))
        # Nothing but being observed, or a person's word, ends it: not time, and not a restart.
        snapshot = {"_type": "snapshot", "spec_version": "1.0.31", "version": 1, "expires": "2040-01-01T00:00:00Z",
                    "meta": {"targets.json": {"version": 3}}}
        for _ in range(3):
            with self.agent.connect() as client:
                self.assertIn(client.call("Status")["quarantine"]["why"], ("restored", "rollback"))
                with self.assertRaises(VarlinkError) as error:
                    self.sign(client, "snapshot", snapshot)
                self.assertEqual(error.exception.parameters["why"], "quarantined")
            self.assertEqual(self.agent.stop(), 0)
            self.agent.start(ledger=False)
        self.agent.cli("ledger", "clear-quarantine", "--reason", "a test: nothing else was published")
        with self.agent.connect() as client:
            self.assertIsNone(client.call("Status")["quarantine"])
            self.sign(client, "snapshot", snapshot)

    def test_a_backup_that_is_none_is_refused(self):
        self.assertEqual(self.agent.stop(), 0)
        bad = self.scratch / "bad.db"
        bad.write_bytes(b"x" * 10000)
        done = self.agent.cli("ledger", "restore", bad, "--state", self.agent.state, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertFalse(list(self.agent.state.glob("re*")))
        self.agent.start(ledger=False)
        with self.agent.connect() as client:
            self.sign(client, "targets", self.targets(1))


if __name__ == "__main__":
    unittest.main(verbosity=2)
