"""Sinks of a running agent: a file that is rotated and that fails, the journal, the syslog. The journal is one of the
test's own, in a mount namespace: it takes what sd_journal_sendv() sends and reads its fields."""
import json
import os
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

from agent_fixture import Agent, Scratch, SoftToken, toml_for

JOURNAL = Path("/run/systemd/journal/socket")


def enter_mount_namespace():
    """Runs this program again where /run can be its own. Returns where that cannot be."""
    if os.environ.get("SIGNET_TEST_NAMESPACE"):
        return
    flags = "-m" if os.getuid() == 0 else "-Urm"
    if subprocess.run(["unshare", flags, "mount", "-t", "tmpfs", "tmpfs", "/run"], capture_output=True).returncode == 0:
        os.environ["SIGNET_TEST_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", flags, "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh", sys.executable,
                              "-B", *sys.argv])


def eventually(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def fields_of(data):
    """The native protocol: NAME=value lines; or NAME, a line feed, 8 bytes of length, the value, a line feed."""
    fields = {}
    while data:
        line, data = data.split(b"\n", 1)
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(data[:8], "little")
            value, data = data[8:8 + size], data[9 + size:]
        fields[name.decode()] = value.decode()
    return fields


class SinkCase(unittest.TestCase):
    def setUp(self):
        self.scratch = self.enterContext(Scratch())
        self.tokens = SoftToken(self.scratch / "softhsm", "t")

    def start(self, sinks):
        self.agent = self.enterContext(Agent(self.scratch / "agent", toml_for(self.tokens) + sinks))
        with self.agent.connect() as client:
            client.call("GenerateKey", token="t", name="k", algorithm="ecdsa-p256", uses=["message"])

    def sign(self, count=1):
        with self.agent.connect() as client:
            for _ in range(count):
                client.call("SignMessage", key="k", message="aGVsbG8=")

    def status(self):
        with self.agent.connect() as client:
            return client.call("Status")

    def sink(self):
        return self.status()["sinks"][0]

    def statements(self):
        """All that the ledger has now."""
        with self.agent.connect() as client:
            return [json.loads(record["statement"]) for record in client.call("ReadLedger", first=1, limit=1000)["records"]]

    def newest_checkpoint(self):
        """Of everything: nobody writes now."""
        def newest():
            with self.agent.connect() as client:
                note = client.call("ReadCheckpoint")["checkpoint"]
            return note if note and int(note.splitlines()[1]) == self.status()["ledger"]["records"] else None
        eventually(newest, "a checkpoint has every record")
        return newest()

    def await_all(self):
        eventually(lambda: self.sink()["lag"] == 0, "the sink has every record")


class File(SinkCase):
    def setUp(self):
        super().setUp()
        self.log = self.scratch / "logs" / "records.jsonl"
        self.log.parent.mkdir()
        self.config = f'[[sink]]\nkind = "file"\npath = "{self.log}"\nbackfill = true\n'

    def lines(self, *files):
        """The records."""
        every = [json.loads(line) for file in files or (self.log,) for line in file.read_text().splitlines()]
        return [line["record"] for line in every if "record" in line]

    def test_every_record_arrives_once_and_in_order(self):
        self.start(self.config)
        self.sign(50)
        self.await_all()
        self.assertEqual(self.lines(), self.statements()[:len(self.lines())])
        self.assertGreaterEqual(len(self.lines()), 100)

    def test_checkpoints_come_behind_their_records(self):
        self.start(self.config)
        self.sign(5)
        note = self.newest_checkpoint()
        eventually(lambda: note in self.log_checkpoints(), "the newest checkpoint")
        every = [json.loads(line) for line in self.log.read_text().splitlines()]
        records = 0
        for line in every:
            self.assertEqual(line["ledger"], self.status()["ledger"]["id"])
            if "record" in line:
                records = line["record"]["sequence"]
            else:
                self.assertLessEqual(int(line["checkpoint"].splitlines()[1]), records)
        self.agent.cli("ledger", "export", self.scratch / "export")
        self.assertEqual((self.scratch / "export" / "checkpoint").read_text(), note)

    def log_checkpoints(self):
        return [line["checkpoint"] for line in map(json.loads, self.log.read_text().splitlines()) if "checkpoint" in line]

    def test_rotation_loses_nothing(self):
        self.start(self.config)
        files = []
        for number in range(4):
            self.sign(5)
            self.await_all()
            files.append(self.log.with_suffix(f".{number}"))
            self.log.rename(files[-1])
        self.sign(1)
        self.await_all()
        self.assertEqual([line["sequence"] for line in self.lines(*files, self.log)],
                         list(range(1, self.status()["ledger"]["records"] + 1)))

    def test_a_failing_sink_is_shown_shouted_about_and_holds_nobody_up(self):
        self.log.mkdir()  # no file can be made there
        self.start(self.config)
        began = time.monotonic()
        self.sign(20)
        self.assertLess(time.monotonic() - began, 10)
        eventually(lambda: self.sink()["failures"] > 1, "failures are counted")
        sink = self.sink()
        self.assertEqual((sink["name"], sink["kind"], sink["state"]), ("file", "file", "failing"))
        self.assertGreater(sink["lag"], 20)
        self.assertIn(str(self.log), sink["lastError"])
        self.assertEqual(self.agent.log.read_text().count("does not get the ledger's records"), 1)
        self.assertIn("failing", self.agent.cli("status").stdout)
        self.log.rmdir()
        eventually(lambda: self.sink()["state"] == "working" and self.sink()["lag"] == 0, "it has caught up", 60)
        self.assertEqual([line["sequence"] for line in self.lines()], list(range(1, len(self.lines()) + 1)))
        self.assertIn("takes records again", self.agent.log.read_text())

    def test_after_kills_every_record_is_there(self):
        self.start(self.config)
        for _ in range(10):
            self.sign(5)
            self.agent.process.kill()
            self.agent.process.wait()
            self.agent.start()
        self.await_all()
        self.assertEqual(sorted({line["sequence"] for line in self.lines()}),
                         list(range(1, self.status()["ledger"]["records"] + 1)))


@unittest.skipUnless(os.environ.get("SIGNET_TEST_NAMESPACE"), "no mount namespace is to be had here")
class Journal(SinkCase):
    def setUp(self):
        super().setUp()
        JOURNAL.parent.mkdir(parents=True, exist_ok=True)
        JOURNAL.unlink(missing_ok=True)
        self.addCleanup(JOURNAL.unlink, missing_ok=True)

    def listen(self):
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        journal.bind(str(JOURNAL))
        journal.settimeout(20)
        self.addCleanup(journal.close)
        return journal

    def receive(self, journal):
        """One entry; a large one comes as a file."""
        data, files, _, _ = socket.recv_fds(journal, 300_000, 4)
        for file in files:
            with open(file, "rb") as content:
                content.seek(0)
                data = content.read()
        return fields_of(data)

    def await_entry(self, journal, fits):
        while not fits(entry := self.receive(journal)):
            pass
        return entry

    def test_records_come_with_fields(self):
        journal = self.listen()
        self.start('[[sink]]\nkind = "journald"\nbackfill = true\n')
        entry = self.await_entry(journal, lambda entry: entry.get("SIGNET_KIND") == "key.enrol")  # the PIN went first
        statement = json.loads(entry["SIGNET_STATEMENT"])
        self.assertEqual(statement["kind"], "key.enrol")
        self.assertEqual(entry["SIGNET_LEDGER"], self.status()["ledger"]["id"])
        self.assertEqual((entry["SIGNET_SEQUENCE"], entry["SIGNET_KIND"], entry["SIGNET_UID"]),
                         (str(statement["sequence"]), "key.enrol", str(os.getuid())))
        self.assertIn("enrolled the key k", entry["MESSAGE"])
        self.assertEqual((entry["PRIORITY"], entry["SYSLOG_IDENTIFIER"]), ("6", "signetd"))
        self.assertRegex(entry["MESSAGE_ID"], "^[0-9a-f]{32}$")
        note = self.newest_checkpoint()
        checkpoint = self.await_entry(journal, lambda entry: entry.get("SIGNET_CHECKPOINT") == note)
        self.assertEqual(checkpoint["SIGNET_LEDGER"], entry["SIGNET_LEDGER"])
        self.assertNotEqual(checkpoint["MESSAGE_ID"], entry["MESSAGE_ID"])

    def test_without_a_journal_the_sink_fails_and_catches_up(self):
        self.start('[[sink]]\nkind = "journald"\nbackfill = true\n')
        self.sign(3)
        eventually(lambda: self.sink()["failures"] > 0, "failures are counted")
        self.assertIn("There is no journal here", self.sink()["lastError"])
        journal = self.listen()
        numbers = [int(self.await_entry(journal, lambda entry: "SIGNET_SEQUENCE" in entry)["SIGNET_SEQUENCE"])
                   for _ in range(4)]
        self.assertEqual(numbers, [1, 2, 3, 4])


class Syslog(SinkCase):
    def test_records_are_lines(self):
        path = self.scratch / "log.sock"
        daemon = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(daemon.close)
        daemon.bind(str(path))
        daemon.settimeout(20)
        self.start(f'[[sink]]\nkind = "syslog"\npath = "{path}"\nbackfill = true\n')
        while " record " not in (line := daemon.recv(100_000).decode()):
            pass  # the empty ledger's checkpoint
        self.assertRegex(line, r"^<86>\w{3} [ \d]\d \d\d:\d\d:\d\d signetd\[\d+\]: ledger [0-9a-f]{8} record 1: a PIN goes to the token")
        note = self.newest_checkpoint()
        while f"checkpoint: {json.dumps(note, ensure_ascii=False)}" not in daemon.recv(100_000).decode():
            pass


if __name__ == "__main__":
    enter_mount_namespace()
    unittest.main(verbosity=2)
