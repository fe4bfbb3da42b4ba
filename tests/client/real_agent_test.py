"""The command against the real agent and a SoftHSM token whose PIN nobody configured: what a person at a terminal does."""
import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(os.environ["SIGNET_SOURCE_DIR"]) / "tests/integration"))
from agent_fixture import PIN, Agent, SoftToken, toml_for  # noqa: E402
from fake_agent import SIGNET, CommandTest  # noqa: E402
from terminal_test import Terminal  # noqa: E402

SCHEMES = {"ecdsa-p256": "ecdsa-sha2-nistp256", "ecdsa-p384": "ecdsa-sha2-nistp384", "rsa-2048": "rsassa-pss-sha256",
           "ed25519": "ed25519"}


class RealAgent(CommandTest):
    def setUp(self):
        super().setUp()
        tokens = SoftToken(self.directory / "softhsm", "release")
        tokens.labels = ()  # no PIN is configured
        self.real = self.enterContext(Agent(self.directory / "agent", toml_for(tokens)))
        self.pin = self.directory / "pin"
        self.pin.write_text(PIN + "\n")
        self.pin.chmod(0o600)

    def environment(self, **more):
        return super().environment(SIGNET_SOCKET=str(self.real.socket), **more)

    def terminal(self, *arguments):
        return Terminal([SIGNET, *arguments], self.environment(), self.directory)

    def generate(self, name, algorithm, *uses):
        self.run_signet("key", "generate", name, "--token", "release", "--algorithm", algorithm, "--pin-file", self.pin,
                        *(word for use in uses for word in ("--use", use)))

    def root_file(self, *names, version=1, expires="2099-01-01T00:00:00Z"):
        shown = [self.run_signet("--json", "key", "show", name) for name in names]
        keyids = [one["key"]["tufKeyid"] for one in shown]
        role = {"keyids": keyids, "threshold": 1}
        signed = {"_type": "root", "spec_version": "1.0.31", "version": version, "expires": expires, "consistent_snapshot": False,
                  "keys": {keyid: one["tuf"] for keyid, one in zip(keyids, shown)},
                  "roles": {role_name: role for role_name in ("root", "targets", "snapshot", "timestamp")}}
        path = self.directory / f"{version}.root.json"
        path.write_text(json.dumps({"signed": signed}))
        return path.name

    def state(self):
        return self.run_signet("--json", "token", "list")["tokens"][0]["state"]

    def test_a_locked_token_at_a_terminal_and_without_one(self):
        self.run_signet("key", "generate", "a", "--token", "release", "--use", "tuf", code=4)
        self.generate("a", "ecdsa-p256", "tuf")
        self.run_signet("repository", "create", "example.com/app")
        name = self.root_file("a")
        self.run_signet("token", "lock", "release")
        self.assertEqual(self.state(), "locked")
        self.assertEqual(self.run_signet("--json", "tuf", "sign", name, code=4)["error"]["name"], "PinRequired")

        terminal = self.terminal("tuf", "sign", "--observe", name)
        terminal.until("PIN of token release: ")
        terminal.type_unseen(PIN + "\n")
        self.assertEqual(terminal.end(), 0, terminal.shown)
        self.assertIn("has observed it", terminal.shown)
        self.assertNotIn(PIN, terminal.shown)
        self.assertEqual(self.state(), "unlocked")
        self.assertIn("Verified.", self.run_signet("tuf", "verify", name, "--root", name))
        self.assertNotIn(PIN, self.real.log.read_text())

    def test_a_wrong_pin_is_refused_and_never_sent_again(self):
        wrong = self.directory / "wrong"
        wrong.write_text("000000\n")
        wrong.chmod(0o600)
        for _ in range(2):
            error = self.run_signet("--json", "token", "unlock", "release", "--pin-file", wrong, code=4)["error"]
            self.assertEqual(error["name"], "PinRefused")

    def test_other_bytes_for_a_released_version(self):
        self.generate("a", "ed25519", "tuf")
        self.run_signet("token", "unlock", "release", "--pin-file", self.pin)
        self.run_signet("repository", "create", "example.com/app")
        name = self.root_file("a")
        self.run_signet("tuf", "sign", name)
        released = (self.directory / name).read_text()
        self.run_signet("tuf", "sign", name)  # the same bytes: always
        self.root_file("a", expires="2098-01-01T00:00:00Z")
        self.run_signet("tuf", "sign", name, "--save-released", "released.json", code=6)
        self.assertEqual(json.loads((self.directory / "released.json").read_text()), json.loads(released))
        self.run_signet("tuf", "verify", "released.json", "--root", "released.json")
        self.run_signet("tuf", "sign", name, "--supersede")
        self.run_signet("tuf", "verify", name, "--root", name)

    def test_messages_verify_with_openssl_and_with_ours(self):
        (self.directory / "message").write_bytes(bytes(range(256)) * 16)
        for algorithm, scheme in SCHEMES.items():
            with self.subTest(algorithm):
                self.generate(algorithm, algorithm, "message", "digest")
                if algorithm == "ecdsa-p256":
                    self.run_signet("token", "unlock", "release", "--pin-file", self.pin)
                (self.directory / "key.pem").write_text(self.run_signet("key", "show", algorithm, "--pem"))
                for how in ((), ("--hash",)):
                    if how and algorithm == "ed25519":
                        self.run_signet("sign", "--key", algorithm, "message", *how, code=10)
                        continue
                    signed = self.run_signet("--json", "sign", "--key", algorithm, "message", *how, "-o", "sig", "--raw")
                    self.assertEqual(signed["scheme"], scheme)
                    self.run_signet("verify", "--key", algorithm, "--signature", "sig", "message")
                    self.assertTrue(self.openssl_verifies(algorithm))
        self.run_signet("sign", "--key", "nobody", "message", code=1)

    def openssl_verifies(self, algorithm):
        if algorithm == "ed25519":
            command = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "key.pem", "-sigfile", "sig", "-in", "message"]
        else:
            digest = "-sha384" if algorithm == "ecdsa-p384" else "-sha256"
            padding = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"] if algorithm == "rsa-2048" else []
            command = ["dgst", digest, *padding, "-verify", "key.pem", "-signature", "sig", "message"]
        return subprocess.run(["openssl", *command], cwd=self.directory, capture_output=True).returncode == 0

    def test_a_dry_run_reserves_nothing(self):
        self.generate("a", "ed25519", "tuf")
        self.run_signet("token", "unlock", "release", "--pin-file", self.pin)
        self.run_signet("repository", "create", "example.com/app")
        name = self.root_file("a")
        self.assertIn("would sign  a", self.run_signet("tuf", "sign", "--dry-run", name))
        self.root_file("a", expires="2098-01-01T00:00:00Z")
        self.run_signet("tuf", "sign", name)


if __name__ == "__main__":
    unittest.main()
