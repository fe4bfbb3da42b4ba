"""The whole agent on a disk that fails: full, read-only, I/O errors, a damaged page. The signature is withheld with a
typed error that says why, nothing that was signed is lost, and the agent goes on, without a restart, when the cause is
gone. Runs in a mount namespace of its own, for a small file system that can be filled."""
import base64
import hashlib
import os
import sqlite3
import subprocess
import sys
import time
import unittest

from agent_fixture import BIN, Agent, Scratch, SoftToken, preload, toml_for
from varlink_client import VarlinkError

SHIM = BIN.parent / "lib" / "signet-disk-shim.so"
FAULTS = (("full", "full"), ("read-only", "read-only"), ("write-io", "io"), ("sync-io", "io"))


def enter_mount_namespace():
    """Runs this program again where it may mount. Returns where that cannot be."""
    if os.environ.get("SIGNET_TEST_NAMESPACE"):
        return
    flags = "-m" if os.getuid() == 0 else "-Urm"
    if subprocess.run(["unshare", flags, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode == 0:
        os.environ["SIGNET_TEST_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", flags, sys.executable, "-B", *sys.argv])


def fill(directory):
    """Takes all room that is left; the path of what took it."""
    path = directory / "filler"
    with open(path, "wb", buffering=0) as file:
        block = bytes(65536)
        while block:
            try:
                while file.write(block) == len(block):
                    pass
            except OSError:
                pass
            block = block[:len(block) // 2]
    return path


class DiskCase(unittest.TestCase):
    """An agent whose state directory is a test's to break."""

    def setUp(self):
        self.scratch = self.enterContext(Scratch())
        self.tokens = SoftToken(self.scratch / "softhsm", "t")

    SETTINGS = ""  # of [agent]

    def start(self, **environment):
        command = ["env", *(f"{name}={value}" for name, value in environment.items())]
        self.agent = Agent(self.scratch / "agent", toml_for(self.tokens, self.SETTINGS), command=command)
        self.addCleanup(self.agent.stop)

    def prepare(self):
        self.agent.start()
        with self.agent.connect() as client:
            client.call("GenerateKey", token="t", name="k", algorithm="ecdsa-p256", uses=["message"])

    def sign(self, message=b"hello"):
        """None, or the error's name and why."""
        try:
            with self.agent.connect() as client:
                client.call("SignMessage", key="k", message=base64.b64encode(message).decode())
        except VarlinkError as error:
            return error.short, error.parameters.get("why"), error.parameters["message"]
        return None

    def records(self):
        with self.agent.connect() as client:
            return client.call("Status")["ledger"]["records"]

    def check_recovers(self, seconds=20):
        end = time.monotonic() + seconds
        while (refused := self.sign()) is not None and time.monotonic() < end:
            self.assertEqual(refused[0], "LedgerUnavailable")
            time.sleep(0.1)
        self.assertIsNone(refused)

    def check_ledger_is_whole(self):
        """Stopped, and looked at by others: sound, and every intent has one outcome."""
        self.assertEqual(self.agent.stop(), 0)
        self.agent.start()
        self.assertEqual(self.agent.stop(), 0)
        database = sqlite3.connect(f"file:{self.agent.state}/ledger.db?mode=ro", uri=True)
        self.addCleanup(database.close)
        self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        self.assertEqual(database.execute("SELECT count(*) FROM open_intents").fetchone(), (0,))
        sequences = [row[0] for row in database.execute("SELECT sequence FROM records ORDER BY sequence")]
        self.assertEqual(sequences, list(range(1, len(sequences) + 1)))


@unittest.skipUnless(os.environ.get("SIGNET_TEST_NAMESPACE"), "no mount namespace is to be had here")
class FullFileSystem(DiskCase):
    def setUp(self):
        super().setUp()
        self.start()
        self.agent.state.mkdir(parents=True, mode=0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", self.agent.state], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.agent.state], check=True)

    def test_signing_stops_when_the_disk_is_full_and_goes_on_when_it_is_not(self):
        self.prepare()
        for round_number in range(5):
            self.assertIsNone(self.sign())
            filler = fill(self.agent.state)
            refused = None
            for _ in range(2000):  # what room the log has inside is used up first
                refused = self.sign()
                if refused:
                    break
            self.assertIsNotNone(refused, f"round {round_number}")
            self.assertEqual(refused[:2], ("LedgerUnavailable", "full"))
            self.assertIn("Free space", refused[2])
            self.assertGreater(self.records(), 0)  # it can still be read
            self.assertIn("records", self.agent.cli("status").stdout)
            filler.unlink()
            self.check_recovers()
        self.check_ledger_is_whole()

    def test_an_agent_that_starts_on_a_full_disk_signs_when_there_is_room(self):
        self.prepare()
        self.agent.process.kill()  # it leaves a log that is to be brought into the database
        self.agent.process.wait()
        filler = fill(self.agent.state)
        self.agent.start(ledger=False)
        refused = self.sign()
        if refused is not None:
            self.assertEqual(refused[0], "LedgerUnavailable")
        filler.unlink()
        self.check_recovers()


@unittest.skipUnless(SHIM.exists(), "the disk shim is not built")
class FailingDisk(DiskCase):
    def setUp(self):
        super().setUp()
        self.control = self.scratch / "disk"
        self.start(LD_PRELOAD=preload(SHIM), SIGNET_DISK_CONTROL=self.control,
                   SIGNET_DISK_PATH=self.scratch / "agent" / "state" / "ledger.db")

    def set(self, word):
        draft = self.control.with_suffix(".new")
        draft.write_text(word + "\n")
        draft.rename(self.control)

    def test_every_fault_withholds_the_signature_says_why_and_passes(self):
        self.prepare()
        for word, why in FAULTS:
            with self.subTest(word):
                self.assertIsNone(self.sign())
                before = self.records()
                self.set(word)
                for _ in range(3):
                    refused = self.sign()
                    self.assertEqual(refused[:2], ("LedgerUnavailable", why), refused)
                self.assertEqual(self.records(), before)
                self.set("none")
                self.check_recovers(5)
        self.check_ledger_is_whole()

    def test_what_was_reserved_when_the_disk_failed_is_nobodys_prisoner(self):
        """The disk fails between a version's reservation and its release: other bytes can be signed afterwards."""
        self.prepare()
        with self.agent.connect() as client:
            client.call("GenerateKey", token="t", name="root", algorithm="ed25519", uses=["tuf"])
        for word, why in FAULTS:
            with self.subTest(word):
                self.set(word)
                with self.agent.connect() as client, self.assertRaises(VarlinkError) as refused:
                    client.call("CreateRepository", name=f"{word}.example/app", format="tuf")
                self.assertEqual(refused.exception.parameters["why"], why)
                self.set("none")
                with self.agent.connect() as client:
                    client.call("CreateRepository", name=f"{word}.example/app", format="tuf")

    def test_an_agent_that_starts_on_a_failing_disk_signs_when_it_is_mended(self):
        self.prepare()
        for word, why in FAULTS:
            with self.subTest(word):
                self.assertEqual(self.agent.stop(), 0)
                self.set(word)
                self.agent.start(ledger=False)
                with self.agent.connect() as client:
                    status = client.call("Status")
                if status["ledgerFault"] is not None:  # opening had to write
                    self.assertIsNone(status["ledger"])
                refused = self.sign()
                self.assertEqual(refused[:2], ("LedgerUnavailable", why), refused)
                self.set("none")
                self.check_recovers()


class DamagedPage(DiskCase):
    def test_a_damaged_ledger_signs_nothing_and_says_what_to_do(self):
        self.start()
        self.prepare()
        backup = self.scratch / "backup.db"
        self.agent.cli("ledger", "backup", backup)
        self.assertEqual(self.agent.stop(), 0)
        ledger = self.agent.state / "ledger.db"
        healthy = hashlib.sha256(ledger.read_bytes()).hexdigest()
        with open(ledger, "r+b") as file:
            for page in range(2, ledger.stat().st_size // 4096):
                file.seek(page * 4096)
                file.write(b"\x5a" * 2048)
        damaged = ledger.read_bytes()
        self.agent.start(ledger=False)
        refused = self.sign()
        self.assertEqual(refused[:2], ("LedgerUnavailable", "corrupt"))
        self.assertIn("restore a backup", refused[2])
        with self.agent.connect() as client, self.assertRaises(VarlinkError) as again:
            client.call("CreateLedger")
        self.assertEqual(again.exception.short, "AlreadyExists")
        self.assertEqual(self.agent.stop(), 0)
        self.assertEqual(ledger.read_bytes(), damaged)  # it is evidence: nobody touched it
        self.assertNotEqual(healthy, hashlib.sha256(damaged).hexdigest())

        done = self.agent.cli("ledger", "restore", backup, "--state", self.agent.state)
        self.assertIn("What it replaced is kept in", done.stdout)
        kept = next(self.agent.state.glob("replaced-*")) / "ledger.db"
        self.assertEqual(kept.read_bytes(), damaged)
        self.agent.start(ledger=False)
        self.assertIsNone(self.sign())  # messages have no versions to forget


@unittest.skipUnless(SHIM.exists(), "the disk shim is not built")
class RecordsBehindTheirSignatures(FailingDisk):
    """message-record-delay: the disk's fault is noticed within the delay, and no signature leaves after that."""

    SETTINGS = 'message-record-delay = "20ms"'

    def test_every_fault_withholds_the_signature_says_why_and_passes(self):
        self.prepare()
        for word, why in FAULTS:
            with self.subTest(word):
                self.assertIsNone(self.sign())
                time.sleep(0.2)
                self.set(word)
                self.sign()  # may leave: its record is to come
                time.sleep(0.2)
                for _ in range(5):
                    refused = self.sign()
                    self.assertIsNotNone(refused)
                    self.assertEqual(refused[:2], ("LedgerUnavailable", why))
                self.set("none")
                self.check_recovers(5)
        self.check_ledger_is_whole()


if __name__ == "__main__":
    enter_mount_namespace()
    unittest.main(verbosity=2)
