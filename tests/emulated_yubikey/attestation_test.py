"""Attestations of keys on emulated YubiKeys: through ykcs11, which offers them, and through OpenSC, which does not; what
"signet key attest" exports, held against openssl; and what the policy makes of them."""
from __future__ import annotations

import json
import os
import subprocess
import unittest
from pathlib import Path
from typing import Any

from agent_fixture import BIN
from varlink_client import VarlinkError

from emulated_yubikey.agent_bench import CardAgent
from emulated_yubikey.harness import CardSpec

READER = "Yubico YubiKey OTP+FIDO+CCID 00 00"
ALICE, OLD = 15835999, 5000001
NEW_KEYS = """[[rule]]
name = "new"
anyone = true
action = ["enrol", "generate"]
{limits}
[[rule]]
name = "rest"
anyone = true
action = ["sign-message", "retire", "unlock", "read-ledger", "administer"]
"""


def refusal(work: Any) -> str:
    """The error and its why or rule: "KeyRefused attestation-chain"."""
    try:
        work()
        return ""
    except VarlinkError as error:
        return f"{error.short} {error.parameters.get('why', error.parameters.get('rule', ''))}".strip()


class AttestationTest(unittest.TestCase):
    module = "ykcs11"
    firmware = "5.7.1"
    policy: str | None = None

    def setUp(self) -> None:
        options = {} if self.policy is None else {"policy": self.policy}
        self.bench = CardAgent(self.module, CardSpec("alice", serial=ALICE, firmware=self.firmware), **options)
        self.addCleanup(self.bench.stop)
        self.bench.control("set-chuid", card="alice")
        for slot, touch in (("9a", "always"), ("9c", "cached"), ("9e", "never")):
            self.bench.make_key("alice", slot, touch=touch)

    def begin(self) -> None:
        self.bench.start()
        self.bench.unlock("alice")

    def assert_told(self, name: str, pin: str, touch: str) -> None:
        """By the card, without an attestation."""
        evidence = self.key(name)["evidence"]
        self.assertEqual((evidence["pinPolicy"], evidence["touchPolicy"]), (pin, touch))

    def tool(self, *command: object) -> str:
        done = subprocess.run([str(part) for part in command], env={**os.environ, **self.bench.bench.environment},
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout

    def signet(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([BIN / "signet", "--socket", self.bench.agent.socket, *map(str, words)],
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)

    def key(self, name: str) -> dict[str, Any]:
        return dict(self.bench.call("ShowKey", key=name)["key"])

    def files(self, slot: str) -> dict[str, str]:
        """Made as the help of "signet key enrol" says, by ykman."""
        leaf, intermediate = self.bench.directory / f"{slot}-attestation.pem", self.bench.directory / "f9.pem"
        self.tool("ykman", "--reader", READER, "piv", "keys", "attest", slot, leaf)
        self.tool("ykman", "--reader", READER, "piv", "certificates", "export", "f9", intermediate)
        return {"attestation": leaf.read_text(), "intermediate": intermediate.read_text()}


class Ykcs11(AttestationTest):
    def test_what_the_token_says_is_verified_and_shown(self) -> None:
        self.begin()
        for slot, pin, touch in (("9a", "once", "always"), ("9c", "always", "cached"), ("9e", "never", "never")):
            with self.subTest(slot=slot):
                attestation = self.key(self.bench.enrol("alice", slot))["attestation"]
                self.assertEqual((attestation["firmware"], attestation["serial"], attestation["pinPolicy"],
                                  attestation["touchPolicy"], attestation["warnings"]), ("5.7.1", ALICE, pin, touch, []))
                self.assertEqual(attestation["root"], "CN=Signet test PIV root CA")
        shown = self.signet("key", "show", "alice-9a").stdout
        self.assertIn(f"made on YubiKey {ALICE}, firmware 5.7.1", shown)
        self.assertIn("wants a touch for each signature", shown)

    def test_openssl_checks_what_is_exported(self) -> None:
        self.begin()
        self.bench.enrol("alice", "9a")
        out = self.bench.directory / "exported"
        done = self.signet("key", "attest", "alice-9a", "--out", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual({file.name for file in out.iterdir()},
                         {"README", "attestation.pem", "intermediate.pem", "root.pem", "key.pem"})
        self.assertEqual((out / "root.pem").read_bytes(), self.bench.bench.attestation_root.read_bytes())
        self.assertEqual((out / "key.pem").read_bytes(), self.bench.publics["alice-9a"].read_bytes())
        told = self.run_readme(out)
        self.assertIn("attestation.pem: OK", told)
        self.assertIn(self.key("alice-9a")["fingerprint"], told)
        self.assertRegex(told, r"41482\.3\.8\n.*\[HEX DUMP\]:0202\n")
        # Nothing is overwritten, and another's key does not pass.
        self.assertNotEqual(self.signet("key", "attest", "alice-9a", "--out", out).returncode, 0)
        (out / "key.pem").write_bytes(self.bench.publics["alice-9c"].read_bytes())
        with self.assertRaises(AssertionError):
            self.run_readme(out)

    def run_readme(self, out: Path) -> str:
        """Its commands, each of which must go well."""
        commands = [line[4:] for line in (out / "README").read_text().splitlines() if line.startswith("    openssl ")]
        self.assertEqual(len(commands), 5)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(commands)], cwd=out, capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_the_command_line_in_json(self) -> None:
        self.begin()
        self.bench.enrol("alice", "9a")
        answer = json.loads(self.signet("--json", "key", "attest", "alice-9a").stdout)
        self.assertEqual(answer["key"]["attestation"]["touchPolicy"], "always")
        self.assertEqual(len(answer["chain"]), 2)


class Imported(AttestationTest):
    firmware = "5.4.3"  # yubico-piv-tool 2.2.0 does not know the management keys of 5.7

    def test_an_imported_key_has_none(self) -> None:
        made, certificate = self.bench.directory / "imported.key", self.bench.directory / "imported.pem"
        self.tool("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", made)
        self.tool("openssl", "req", "-x509", "-new", "-key", made, "-subj", "/CN=82", "-out", certificate)
        for action, file in (("import-key", made), ("import-certificate", certificate)):
            policies = ["--touch-policy", "cached", "--pin-policy", "once"] if action == "import-key" else []
            self.tool("yubico-piv-tool", "--reader", READER, "--action", action, "--slot", "82", "--input", file, *policies)
        self.begin()
        self.bench.enrol("alice", "82")
        self.assertIsNone(self.key("alice-82")["attestation"])
        self.assert_told("alice-82", "once", "cached")
        shown = self.signet("key", "show", "alice-82").stdout
        self.assertIn("the card     says it wants a touch, which lasts for 15 s; wants the PIN once (its own word", shown)
        self.assertEqual(refusal(lambda: self.bench.call("AttestKey", key="alice-82")), "NotFound")
        done = self.signet("key", "attest", "alice-82")
        self.assertIn("its module's own word", done.stderr)


class OpenSC(AttestationTest):
    module = "opensc"

    def test_an_attestation_is_handed_in(self) -> None:
        files, others = self.files("9a"), self.files("9c")
        self.begin()
        enrol = lambda **given: self.bench.enrol("alice", "9a", **given)  # noqa: E731
        self.assertEqual(refusal(lambda: enrol(attestation=files["attestation"])), "KeyRefused attestation-chain")
        self.assertEqual(refusal(lambda: enrol(**others)), "KeyRefused attestation-other-key")
        enrol()
        self.assertIsNone(self.key("alice-9a")["attestation"])
        self.assert_told("alice-9a", "once", "always")
        self.bench.enrol("alice", "9e")
        self.assertEqual(self.key("alice-9e")["evidence"]["touchPolicy"], "never")
        self.bench.call("RetireKey", key="alice-9a")
        enrol(**files)
        self.assertEqual(self.key("alice-9a")["attestation"]["serial"], ALICE)
        self.assertIsNone(self.key("alice-9a")["evidence"].get("touchPolicy"))

    def test_the_command_line_hands_it_in(self) -> None:
        self.files("9a")
        self.begin()
        place = self.bench.directory
        done = self.signet("key", "enrol", self.bench.uri("alice", "9a"), "--name", "root-a", "--use", "tuf", "--attestation",
                           place / "9a-attestation.pem", "--intermediate", place / "f9.pem")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"made on YubiKey {ALICE}, firmware 5.7.1", done.stdout)


class Policy(AttestationTest):
    policy = NEW_KEYS.format(limits='least-firmware = "5.7"\ntouch-policies = ["always"]')

    def test_only_keys_that_fit_are_enrolled(self) -> None:
        self.begin()
        self.assertEqual(refusal(lambda: self.bench.enrol("alice", "9c")), "PolicyDenied new")
        self.assertEqual(refusal(lambda: self.bench.enrol("alice", "9e")), "PolicyDenied new")
        self.bench.enrol("alice", "9a")


class WeakFirmware(unittest.TestCase):
    def test_it_is_warned_about_or_refused(self) -> None:
        for limits, outcome in (("", ""), ('least-firmware = "5.7"', "PolicyDenied new")):
            with self.subTest(limits=limits):
                bench = CardAgent("ykcs11", CardSpec("old", serial=OLD, firmware="5.4.3"),
                                  policy=NEW_KEYS.format(limits=limits))
                self.addCleanup(bench.stop)
                bench.make_key("old", "9a")
                bench.start()
                bench.unlock("old")
                self.assertEqual(refusal(lambda: bench.enrol("old", "9a")), outcome)
                if outcome:
                    continue
                (warning,) = bench.call("ShowKey", key="old-9a")["key"]["attestation"]["warnings"]
                self.assertIn("YSA-2024-03", warning)


if __name__ == "__main__":
    unittest.main()
