"""The ledger as others see it: exported, checked by golang.org/x/mod/sumdb (which knows nothing of Signet), tampered with,
proved record by record; and ledgers that are set back, which the agent notices by its anchor."""
import base64
import json
import os
import shutil
import subprocess
import time
import unittest
from pathlib import Path

from agent_fixture import Agent, Scratch, SoftToken, toml_for
from tuf_publisher import EXPIRES, Publisher, agent_key, new_root
from varlink_client import VarlinkError

from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, Targets

SOURCE = Path(os.environ["SIGNET_SOURCE_DIR"])
NOT_VERIFIED = 7


def build_verifier(directory):
    """tests/integration/tlog, with golang.org/x/mod from the Go module proxy."""
    caches = Path(os.environ.get("SIGNET_GO_CACHE", directory / "go-cache"))
    module = directory / "tlog-module"
    shutil.copytree(SOURCE / "tests/integration/tlog", module)
    program = directory / "tlog_verifier"
    subprocess.run(["go", "build", "-o", program, "."], cwd=module, check=True, timeout=240,
                   env={**os.environ, "GO111MODULE": "on", "GOFLAGS": "-mod=mod -modcacherw", "GOCACHE": str(caches / "tlog"),
                        "GOMODCACHE": str(caches / "tlog-modules")})
    return program


def sign_messages(agent, key, count):
    """Each makes two records."""
    with agent.connect() as client:
        for number in range(count):
            client.call("SignMessage", key=key, message=base64.b64encode(str(number).encode()).decode())


def wait_for_checkpoint(agent):
    """Until the newest checkpoint has every record; its status."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with agent.connect() as client:
            status = client.call("Status")
        if status["checkpoint"]["size"] == status["ledger"]["records"] > 0:
            return status
        time.sleep(0.1)
    raise AssertionError(f"no checkpoint: {status}")


def write_checkpoint_section(**values):
    return "[checkpoint]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


class Exports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = cls.enterClassContext(Scratch())
        cls.go = build_verifier(cls.scratch)
        token = SoftToken(cls.scratch / "softhsm", "log")
        cls.sink = cls.scratch / "newest"
        config = toml_for(token) + write_checkpoint_section(origin="example.com/signet/test", file=str(cls.sink))
        cls.agent = cls.enterClassContext(Agent(cls.scratch / "agent", config))
        with cls.agent.connect() as client:
            client.call("GenerateKey", token="log", name="build", algorithm="ecdsa-p256", uses=["message"])
            client.call("GenerateKey", token="log", name="root", algorithm="ed25519", uses=["tuf"])

    def export(self, name):
        status = wait_for_checkpoint(self.agent)
        directory = self.scratch / name
        told = json.loads(self.agent.cli("--json", "ledger", "export", directory).stdout)
        self.assertEqual(told["size"], status["ledger"]["records"])
        self.assertEqual(told["verifierKey"], status["checkpoint"]["verifierKey"])
        return directory, told

    def verify(self, *arguments):
        done = self.agent.cli("--json", "ledger", "verify", *arguments, check=False)
        return done.returncode, json.loads(done.stdout)

    def independently(self, *arguments):
        done = subprocess.run([self.go, *arguments], capture_output=True, text=True, timeout=120)
        return int(done.stdout) if done.returncode == 0 else done.stderr

    def test_an_independent_tool_verifies_the_export_and_its_growth(self):
        sign_messages(self.agent, "build", 140)
        directory, told = self.export("log")
        key = told["verifierKey"]
        self.assertGreater(told["size"], 256)  # more than a tile
        self.assertEqual(self.independently(directory, key), told["size"])
        code, report = self.verify(directory, "--key", key)
        self.assertEqual((code, report["findings"], report["signatureChecked"]), (0, [], True))

        older = self.scratch / "older"
        shutil.copytree(directory, older)
        sign_messages(self.agent, "build", 150)
        directory, grown = self.export("log")
        self.assertEqual(grown["newRecords"], 300)
        self.assertEqual(self.independently(directory, key, older), grown["size"])
        code, report = self.verify(directory, "--key", key, "--against", older)
        self.assertEqual((code, report["findings"]), (0, []))
        self.assertEqual(self.sink.read_text(), (directory / "checkpoint").read_text())

        # What one finds, so does the other.
        bundle = directory / "tile/entries/000"
        content = bundle.read_bytes()
        bundle.write_bytes(content.replace(b"message-intent", b"message-intenx", 1))
        code, report = self.verify(directory, "--key", key)
        self.assertEqual(code, NOT_VERIFIED)
        self.assertIn("record-changed", {finding["name"] for finding in report["findings"]})
        self.assertIsInstance(self.independently(directory, key), str)
        bundle.write_bytes(content)
        self.assertEqual(self.independently(directory, key), grown["size"])
        code, report = self.verify(older, "--key", key, "--against", directory)
        self.assertEqual([finding["name"] for finding in report["findings"]], ["shorter-than-old"])
        text = self.agent.cli("ledger", "verify", older, "--against", directory, check=False)
        self.assertEqual(text.returncode, NOT_VERIFIED)
        self.assertIn("shorter-than-old", text.stdout)

    def test_a_signature_comes_with_its_proof(self):
        message, proof = self.scratch / "message", self.scratch / "message.tlog-proof"
        message.write_text("hello")
        self.agent.cli("sign", "--key", "build", message, "-o", self.scratch / "message.sig", "--proof", proof)
        key = wait_for_checkpoint(self.agent)["checkpoint"]["verifierKey"]
        told = json.loads(self.agent.cli("--json", "ledger", "verify-proof", proof, "--key", key).stdout)
        self.assertTrue(told["verified"] and told["signatureChecked"])
        statement = json.loads(told["statement"])
        self.assertEqual(statement["body"]["digest"], "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")

        repository = Publisher("example.com/proved")
        keys = {"root": agent_key(self.agent, "root")}
        root = new_root(1, keys, {role: ["root"] for role in ("root", "targets", "snapshot", "timestamp")})
        with self.agent.connect() as client:
            client.call("CreateRepository", name=repository.name, format="tuf")
        file = self.scratch / "1.root.json"
        file.write_bytes(root.to_bytes())
        proof = self.scratch / "root.tlog-proof"
        self.agent.cli("tuf", "sign", file, "--repository", repository.name, "--role", "root", "--proof", proof)
        self.assertEqual(proof.read_text().splitlines()[0], "c2sp.org/tlog-proof@v1")
        told = json.loads(self.agent.cli("--json", "ledger", "verify-proof", proof, "--key", key, "--metadata", file).stdout)
        self.assertTrue(told["verified"])
        self.assertEqual(json.loads(told["statement"])["body"]["result"], "released")
        other = self.scratch / "other.json"
        root.signed.version = 2
        other.write_bytes(root.to_bytes())
        done = self.agent.cli("--json", "ledger", "verify-proof", proof, "--key", key, "--metadata", other, check=False)
        self.assertEqual((done.returncode, json.loads(done.stdout)["why"]), (NOT_VERIFIED, "digest-differs"))
        done = self.agent.cli("ledger", "proof", "1")
        self.assertIn("\nindex 0\n", done.stdout)
        self.assertEqual(self.agent.cli("ledger", "proof", "999999", check=False).returncode, 1)

    def test_the_agent_checks_its_own_ledger(self):
        told = json.loads(self.agent.cli("--json", "ledger", "check").stdout)
        self.assertEqual(told, {"verified": True, "findings": []})

    def test_the_signer_is_a_process_that_cannot_be_looked_into(self):
        children = Path(f"/proc/{self.agent.process.pid}/task/{self.agent.process.pid}/children").read_text().split()
        signers = [pid for pid in children if Path(f"/proc/{pid}/comm").read_text().startswith("signet-checkpoi")]
        self.assertEqual(len(signers), 1)
        # Not dumpable: its files belong to root, whoever runs it; and it has its socket and its lock open, no more.
        self.assertEqual(os.stat(f"/proc/{signers[0]}/mem").st_uid, 0)
        targets = [os.readlink(fd) for fd in Path(f"/proc/{signers[0]}/fd").iterdir() if int(fd.name) > 2]
        self.assertEqual(sorted(target.split(":")[0].split("/")[-1] for target in targets), ["lock", "socket"])


class TokenKeys(unittest.TestCase):
    """The checkpoint key on a token."""

    def run_with(self, algorithm):
        scratch = self.enterContext(Scratch())
        token = SoftToken(scratch / "softhsm", "log")
        agent = Agent(scratch / "agent", toml_for(token)).start()
        with agent.connect() as client:
            client.call("GenerateKey", token="log", name="checkpoints", algorithm=algorithm, uses=["checkpoint"])
            client.call("GenerateKey", token="log", name="build", algorithm="ecdsa-p256", uses=["message"])
            for use in ("tuf", "message"):
                with self.assertRaises(VarlinkError):
                    client.call("GenerateKey", token="log", name="both", algorithm=algorithm, uses=["checkpoint", use])
            with self.assertRaises(VarlinkError) as refused:
                client.call("SignMessage", key="checkpoints", message="aGVsbG8=")
            self.assertEqual(refused.exception.parameters["why"], "use-excluded")
        agent.stop()
        shutil.rmtree(scratch / "agent/state/checkpoint-signer")
        agent.config.write_text(toml_for(token) + write_checkpoint_section(signer="key", key="checkpoints",
                                                                           origin="example.com/token"))
        return scratch, self.enterContext(agent)

    def test_ed25519_on_a_token_is_what_others_verify(self):
        scratch, agent = self.run_with("ed25519")
        with agent.connect() as client:
            self.assertIsNone(client.call("Status")["quarantine"])
        sign_messages(agent, "build", 5)
        wait_for_checkpoint(agent)
        told = json.loads(agent.cli("--json", "ledger", "export", scratch / "log").stdout)
        program = build_verifier(scratch)
        done = subprocess.run([program, scratch / "log", told["verifierKey"]], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, f"{told['size']}\n"), done.stderr)

    def test_ecdsa_on_a_token_is_verified_by_openssl(self):
        scratch, agent = self.run_with("ecdsa-p256")
        sign_messages(agent, "build", 5)
        wait_for_checkpoint(agent)
        told = json.loads(agent.cli("--json", "ledger", "export", scratch / "log").stdout)
        self.assertEqual(agent.cli("ledger", "verify", scratch / "log", "--key", told["verifierKey"]).returncode, 0)
        text, _, lines = (scratch / "log/checkpoint").read_text().rpartition("\n\n")
        signature = base64.b64decode(lines.split()[-1])[4:]
        spki = base64.b64decode(told["verifierKey"].split("+", 2)[2])[1:]  # after the signature type
        for name, data in (("text", (text + "\n").encode()), ("signature", signature), ("key.der", spki)):
            (scratch / name).write_bytes(data)
        subprocess.run(["openssl", "pkey", "-pubin", "-inform", "DER", "-in", scratch / "key.der", "-out", scratch / "key.pem"],
                       check=True, timeout=60)
        done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", scratch / "key.pem", "-signature", scratch / "signature",
                               scratch / "text"], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, "Verified OK\n"))


class SetBack(unittest.TestCase):
    """A restored backup and a restored snapshot of the whole state directory."""

    def setUp(self):
        self.scratch = self.enterContext(Scratch())
        self.token = SoftToken(self.scratch / "softhsm", "log")
        self.anchor = self.scratch / "elsewhere"
        self.anchor.mkdir()
        self.agent = Agent(self.scratch / "agent",
                           toml_for(self.token) + write_checkpoint_section(anchors=[str(self.anchor / "anchor")]))
        self.agent.start()
        with self.agent.connect() as client:
            client.call("GenerateKey", token="log", name="root", algorithm="ed25519", uses=["tuf"])
        self.repository = Publisher("example.com/set-back")
        self.key = agent_key(self.agent, "root")
        self.signer = [(self.agent, self.key)]
        with self.agent.connect() as client:
            client.call("CreateRepository", name=self.repository.name, format="tuf")
        root = new_root(1, {"root": self.key}, {role: ["root"] for role in ("root", "targets", "snapshot", "timestamp")})
        self.repository.observe(self.agent, "root", self.repository.sign("root", root, self.signer))
        self.sign_targets(1)
        wait_for_checkpoint(self.agent)
        self.agent.stop()

    def sign_targets(self, version, file=None):
        targets = Metadata(Targets(version=version, expires=EXPIRES))
        if file:
            targets.signed.targets[file] = self.repository.add_target(file, file.encode())
        return self.repository.sign("targets", targets, self.signer)

    def refusal(self, version):
        """The agent's error for other bytes; python-tuf wraps it."""
        with self.assertRaises(UnsignedMetadataError) as refused:
            self.sign_targets(version, "something-else")
        return refused.exception.__cause__

    def sign_more(self):
        """What is then forgotten: version 2 of targets."""
        self.agent.start()
        text = self.sign_targets(2, "app")
        wait_for_checkpoint(self.agent)
        self.agent.stop()
        return text

    def expect_quarantine(self, why, published):
        with self.agent:
            with self.agent.connect() as client:
                self.assertEqual(client.call("Status")["quarantine"]["why"], why)
            self.assertEqual(self.refusal(2).parameters["why"], "quarantined")
            self.assertIn("QUARANTINE", self.agent.cli("status").stdout)
            self.repository.observe(self.agent, "targets", published)
            self.assertEqual(self.refusal(2).short, "VersionConflict")
            self.sign_targets(3)
            done = self.agent.cli("ledger", "clear-quarantine", "--repository", self.repository.name, "--role", "snapshot",
                                  "--reason", "a test: never published")
            self.assertIn("signs again", done.stdout)
            wait_for_checkpoint(self.agent)

    def test_a_restored_backup_of_the_database(self):
        shutil.copytree(self.agent.state, self.scratch / "backup")
        published = self.sign_more()
        for file in self.agent.state.glob("ledger.db*"):
            file.unlink()
        for file in (self.scratch / "backup").glob("ledger.db*"):
            shutil.copy2(file, self.agent.state)
        self.expect_quarantine("rollback", published)

    def test_a_restored_snapshot_of_the_whole_state(self):
        shutil.copytree(self.agent.state, self.scratch / "snapshot")
        published = self.sign_more()
        shutil.rmtree(self.agent.state)
        shutil.copytree(self.scratch / "snapshot", self.agent.state)
        self.expect_quarantine("rollback", published)

    def test_without_an_anchor_outside_a_snapshot_is_not_noticed(self):
        """What the documentation says: what is set back together proves nothing."""
        self.agent.config.write_text(toml_for(self.token))
        shutil.copytree(self.agent.state, self.scratch / "snapshot")
        self.sign_more()
        shutil.rmtree(self.agent.state)
        shutil.copytree(self.scratch / "snapshot", self.agent.state)
        with self.agent, self.agent.connect() as client:
            self.assertIsNone(client.call("Status")["quarantine"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
