"""Keys that ykcs11 makes in a YubiKey's slots, for the holder of the management key: made, attested, enrolled and used; and when
they are not made, so that ykman is to make them."""
from __future__ import annotations

import json
import os
import subprocess
import time
import unittest
from pathlib import Path
from typing import Any

import pexpect
from varlink_client import VarlinkError

from emulated_yubikey.agent_bench import MANAGEMENT_KEY, PIN, WRONG_MANAGEMENT_KEY, CardAgent
from emulated_yubikey.harness import CardSpec

SIGNET = Path(os.environ["SIGNET_BIN_DIR"]) / "signet"
READER = "Yubico YubiKey OTP+FIDO+CCID 00 00"
SERIAL = 15835999
IDS = {"9a": "01", "9c": "02", "9d": "03", "9e": "04", "82": "05", "95": "18"}
WANTS_TOUCH = """[[rule]]
name = "touch"
anyone = true
action = ["enrol", "generate"]
attestation = "required"
touch-policies = ["always"]
[[rule]]
name = "rest"
anyone = true
action = ["sign-message", "unlock", "administer"]
"""


class WithYubiKey(unittest.TestCase):
    firmware = "5.4.3"
    module = "ykcs11"
    policy: str | None = None
    said = ""

    def setUp(self) -> None:
        options: dict[str, Any] = {} if self.policy is None else {"policy": self.policy}
        self.bench = CardAgent(self.module, CardSpec("alice", serial=SERIAL, firmware=self.firmware), **options)
        self.addCleanup(self.bench.stop)
        self.bench.start()
        self.home = self.bench.directory / "home"
        self.home.mkdir()
        self.environment = {**os.environ, **self.bench.bench.environment, "HOME": str(self.home), "LC_ALL": "C.UTF-8",
                            "SIGNET_SOCKET": str(self.bench.agent.socket), "NO_COLOR": "1"}

    # --- the wire ---

    def generate(self, name: str, slot: str = "9a", algorithm: str = "ecdsa-p256", **secrets: str) -> str:
        """How it ended: "" or the error's short name; self.said is its message."""
        try:
            self.bench.call("GenerateKey", token=self.bench.token_of("alice"), name=name, algorithm=algorithm, uses=["message"],
                            id=IDS[slot], **secrets)
            self.said = ""
            return ""
        except VarlinkError as error:
            self.said = str(error)
            return str(error.short)

    def keys_on_card(self) -> list[str]:
        return list(self.bench.control("status")["cards"]["alice"]["keys"])

    def sign_and_verify(self, name: str, digest: str = "sha256") -> None:
        """By openssl, with the key that the agent shows."""
        public = self.bench.directory / f"{name}.pem"
        public.write_text(self.bench.call("ShowKey", key=name)["pem"])
        self.bench.publics[name] = public
        self.bench.verify(name, self.bench.sign(name), digest=digest)

    def unlocked(self) -> None:
        if self.bench.tokens()[0]["state"] != "unlocked":
            self.bench.unlock("alice")

    # --- the command ---

    def management_key_file(self, key: str = MANAGEMENT_KEY) -> Path:
        path = self.home / "management-key"
        path.unlink(missing_ok=True)
        path.write_text(key + "\n")
        path.chmod(0o400)
        return path

    def signet(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        done: subprocess.CompletedProcess[str] = self.bench.agent.cli(
            "--json", "key", "generate", *words, "--token", self.bench.token_of("alice"), "--use", "message", check=False)
        return done

    def terminal(self, command: str, *arguments: str) -> pexpect.spawn:
        child = pexpect.spawn(command, list(arguments), env=self.environment, cwd=str(self.home), encoding="utf-8",
                              timeout=60, dimensions=(50, 250))
        self.addCleanup(child.close, force=True)
        return child

    def tool(self, *command: str | Path) -> None:
        """As another program, with the management key that every new YubiKey has. Again where a module has let go of the
        card at that moment."""
        for _ in range(3):
            done = subprocess.run([str(word) for word in command], env=self.environment, capture_output=True, text=True,
                                  timeout=60, stdin=subprocess.DEVNULL)
            if done.returncode == 0:
                return
        self.fail(f"{command}: {done.stdout}{done.stderr}")


class Made(WithYubiKey):
    def test_a_script_gives_the_management_key_and_the_key_is_attested_and_signs(self) -> None:
        done = self.signet("ci", "--slot", "9a", "--touch-policy", "never", "--so-pin-file", self.management_key_file())
        self.assertEqual(done.returncode, 0, done.stderr)
        key = json.loads(done.stdout)["key"]
        evidence = key["evidence"]
        self.assertTrue(evidence["local"] and evidence["sensitive"] and evidence["neverExtractable"], evidence)
        self.assertFalse(evidence["extractable"], evidence)
        attestation = key["attestation"]
        self.assertEqual((attestation["serial"], attestation["firmware"], attestation["pinPolicy"], attestation["touchPolicy"]),
                         (SERIAL, "5.4.3", "once", "never"))
        self.assertEqual(self.keys_on_card(), ["9a", "f9"])
        self.assertEqual(self.bench.management_logins(), 1)
        self.assertEqual(self.bench.pin_uses(), [])  # nobody's PIN was needed
        self.assertNotEqual(self.bench.control("pin-state")["status"], 0x9000)  # who comes next is logged in as nobody
        self.unlocked()
        self.sign_and_verify("ci")
        self.assertEqual(self.bench.pin_uses(), ["accepted"])

    def test_every_algorithm_and_a_retired_slot(self) -> None:
        for slot, algorithm, digest in (("9c", "ecdsa-p384", "sha384"), ("9e", "rsa-2048", "sha256"), ("82", "ecdsa-p256", "sha256")):
            with self.subTest(slot=slot):
                self.assertEqual(self.generate(f"in-{slot}", slot, algorithm, soPin=MANAGEMENT_KEY), "", self.said)
                self.assertEqual(self.bench.call("ShowKey", key=f"in-{slot}")["key"]["algorithm"], algorithm)
                self.unlocked()
                self.sign_and_verify(f"in-{slot}", digest)
        self.assertEqual(self.keys_on_card(), ["82", "9c", "9e", "f9"])
        self.assertEqual(self.bench.management_logins(), 3)

    def test_a_person_types_the_management_key_or_leaves_it_to_ykman(self) -> None:
        words = ("key", "generate", "typed", "--token", self.bench.token_of("alice"), "--slot", "9a", "--touch-policy", "never",
                 "--use", "message")
        child = self.terminal(str(SIGNET), *words)
        child.expect("Management key of token .*: ")
        child.sendline("")
        child.expect("when that is done.*: ")
        self.assertIn("No management key was given", child.before)
        self.assertIn("ykman --device 15835999 piv keys generate", child.before)
        child.close(force=True)
        self.assertEqual(self.bench.management_logins(), 0)
        child = self.terminal(str(SIGNET), *words)
        child.expect("Management key of token .*: ")
        child.sendline(MANAGEMENT_KEY)
        child.expect(pexpect.EOF)
        child.close()
        self.assertEqual(child.exitstatus, 0, child.before)
        self.assertIn('Key "typed" is made and enrolled', child.before)
        self.assertIn("attested", child.before)
        self.assertNotIn(MANAGEMENT_KEY, child.before)
        self.unlocked()
        self.sign_and_verify("typed")


class ManagementKeyBudget(WithYubiKey):
    def test_without_the_management_key_nobody_is_asked_and_no_pin_is_sent(self) -> None:
        for secrets in ({}, {"pin": PIN}, {"pin": PIN, "soPin": MANAGEMENT_KEY}):
            self.assertEqual(self.generate("none", **secrets), "InvalidParameter", self.said)
        self.assertEqual((self.bench.pin_uses(), self.bench.management_logins()), ([], 0))

    def test_a_wrong_one_is_counted_once_and_never_sent_again(self) -> None:
        self.assertEqual(self.generate("k", soPin="0102"), "InvalidParameter")
        self.assertIn("48 hexadecimal digits", self.said)
        self.assertEqual(self.bench.management_logins(), 0)
        self.assertEqual(self.generate("k", soPin=WRONG_MANAGEMENT_KEY), "PinRefused")
        self.assertIn("No key was made", self.said)
        self.assertEqual(self.generate("k", soPin=WRONG_MANAGEMENT_KEY), "PinRefused")
        self.assertEqual(self.generate("k", soPin=MANAGEMENT_KEY), "PinRefused")  # none, after a wrong one
        self.assertEqual(self.bench.management_logins(), 1)
        self.assertEqual(self.keys_on_card(), ["f9"])
        self.bench.unlock("alice")  # the user's PIN has a budget of its own
        self.bench.call("ResetPinBudget", token=self.bench.token_of("alice"))  # a person has looked at the card
        self.assertEqual(self.generate("k", soPin=WRONG_MANAGEMENT_KEY), "PinRefused")
        self.bench.call("ResetPinBudget", token=self.bench.token_of("alice"))
        self.assertEqual(self.generate("k", soPin=MANAGEMENT_KEY), "", self.said)
        self.assertEqual(self.bench.management_logins(), 3)


class SlotTaken(WithYubiKey):
    def setUp(self) -> None:
        super().setUp()
        self.assertEqual(self.generate("first", "9c", soPin=MANAGEMENT_KEY), "", self.said)
        self.logins = self.bench.management_logins()

    def assert_refused(self, slot: str, what: str) -> None:
        for secrets in ({}, {"soPin": MANAGEMENT_KEY}):
            if not secrets and what == "a certificate":
                continue  # which the card does not tell: it comes out when the key is to be made
            self.assertEqual(self.generate("second", slot, **secrets), "AlreadyExists", self.said)
            self.assertIn(f"Slot {slot}", self.said)
            self.assertIn(what, self.said)

    def test_the_old_key_signs_on_and_the_management_key_is_not_sent(self) -> None:
        self.assert_refused("9c", "a key")
        self.assertEqual(self.bench.management_logins(), self.logins)
        self.bench.unlock("alice")
        self.sign_and_verify("first")
        done = self.signet("second", "--slot", "9c", "--touch-policy", "never", "--so-pin-file", self.management_key_file())
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("ykman --device 15835999 piv keys generate", json.loads(done.stdout)["error"]["message"])  # who wants it may
        self.sign_and_verify("first")

    def test_a_key_that_was_imported_is_seen_though_the_module_shows_none(self) -> None:
        key = self.home / "imported.pem"
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True)
        self.tool("yubico-piv-tool", "--reader", READER, "--action", "import-key", "--slot", "9d", "--input", key)
        self.logins = self.bench.management_logins()
        self.assert_refused("9d", "a key")
        self.assertEqual(self.bench.management_logins(), self.logins)

    def test_a_certificate_without_a_key_is_not_overwritten_either(self) -> None:
        key, certificate = self.home / "ca.key", self.home / "ca.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                        "/CN=kept", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        self.tool("yubico-piv-tool", "--reader", READER, "--action", "import-certificate", "--slot", "9e", "--input", certificate)
        self.logins = self.bench.management_logins()
        self.assert_refused("9e", "a certificate")
        self.assertEqual(self.bench.management_logins(), self.logins)
        self.assertNotIn("9e", self.keys_on_card())


class Faults(WithYubiKey):
    def insert_again(self) -> None:
        self.bench.control("clear-faults", card="alice")
        self.bench.control("insert", card="alice")
        deadline = time.monotonic() + 10
        while not self.bench.tokens() and time.monotonic() < deadline:
            time.sleep(0.1)

    def test_a_card_that_is_pulled_meanwhile(self) -> None:
        self.bench.control("fault", card="alice", ins=0x47, action="pull")
        self.assertIn(self.generate("k", soPin=MANAGEMENT_KEY), ("TokenAbsent", "TokenFault"))
        self.insert_again()
        self.assertEqual(self.generate("k", soPin=MANAGEMENT_KEY), "", self.said)
        self.unlocked()
        self.sign_and_verify("k")

    def test_a_key_whose_certificate_could_not_be_written_is_said_to_be_there_perhaps(self) -> None:
        """ykcs11 writes one beside the key, after the card has made that."""
        self.bench.control("fault", card="alice", ins=0xDB, action="status", times=0)
        self.assertEqual(self.generate("k", soPin=MANAGEMENT_KEY), "TokenFault", self.said)
        self.assertIn("look at slot 9a", self.said)
        self.assertEqual(self.keys_on_card(), ["9a", "f9"])
        self.bench.control("clear-faults", card="alice")
        self.assertEqual(self.generate("k", soPin=MANAGEMENT_KEY), "AlreadyExists")  # not made a second time
        done = self.signet("k", "--slot", "9a", "--then-enrol", "--pin-file", self.pin_file())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.sign_and_verify("k")

    def pin_file(self) -> Path:
        path = self.home / "pin"
        path.write_text(PIN + "\n")
        path.chmod(0o400)
        self.bench.causes.given[PIN] += 1
        return path


class PolicyAsksForTouch(WithYubiKey):
    policy = WANTS_TOUCH

    def test_the_attestation_of_what_was_made_is_held_against_the_policy(self) -> None:
        self.assertEqual(self.generate("k", soPin=MANAGEMENT_KEY), "PolicyDenied", self.said)
        self.assertIn("not enrolled", self.said)
        self.assertEqual(self.bench.call("ListKeys")["keys"], [])


class LeftToYkman(WithYubiKey):
    """Where the module cannot: the command, and why; and the management key goes nowhere."""

    def why(self, *more: str | Path) -> str:
        done = self.signet("k", "--slot", "9a", "--so-pin-file", self.management_key_file(), *more)
        self.assertEqual(done.returncode, 1, done.stderr)
        answer = json.loads(done.stdout)
        self.assertTrue(answer["commands"][0].startswith("ykman --device 15835999 piv keys generate "), answer)
        return str(answer["why"])

    def test_a_touch_policy_or_pin_policy_that_the_module_does_not_know(self) -> None:
        self.assertIn("no touch", self.why())
        self.assertIn("no touch", self.why("--touch-policy", "cached"))
        self.assertIn("PIN policy", self.why("--touch-policy", "never", "--pin-policy", "once"))
        self.assertEqual(self.bench.management_logins(), 0)

    def test_a_script_that_has_no_management_key(self) -> None:
        done = self.signet("k", "--slot", "9a", "--touch-policy", "never")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("--so-pin-file", json.loads(done.stdout)["why"])

    def test_a_management_key_that_is_kept_behind_the_pin(self) -> None:
        child = self.terminal("/bin/sh", "-c", "ykman piv access change-management-key --generate --protect")
        while child.expect([r"management key \[blank to use default key\]: ", "Enter PIN: ", pexpect.EOF]) != 2:
            asked_for_pin = "PIN" in child.after
            self.bench.causes.given[PIN] += asked_for_pin
            child.sendline(PIN if asked_for_pin else "")
        child.close()
        self.assertEqual(child.exitstatus, 0, child.before)
        logins = self.bench.management_logins()
        self.assertIn("behind its PIN", self.why("--touch-policy", "never"))
        self.assertEqual(self.bench.management_logins(), logins)


class Firmware57(LeftToYkman):
    firmware = "5.7.1"

    def test_its_management_key_is_of_a_kind_that_the_module_does_not_know(self) -> None:
        self.assertIn("AES management key", self.why("--touch-policy", "never"))
        self.assertEqual(self.bench.management_logins(), 0)

    test_a_script_that_has_no_management_key = None  # type: ignore[assignment]
    test_a_management_key_that_is_kept_behind_the_pin = None  # type: ignore[assignment]


class FirmwareBefore53(WithYubiKey):
    firmware = "5.2.4"

    def test_where_the_card_does_not_tell_of_its_keys_none_is_risked(self) -> None:
        self.assertEqual(self.generate("k", soPin=MANAGEMENT_KEY), "MechanismUnsupported")
        self.assertIn("firmware before 5.3", self.said)
        self.assertEqual(self.bench.management_logins(), 0)


class ThroughOpenSc(WithYubiKey):
    module = "opensc"

    def test_it_makes_none_and_gets_no_pin_for_it(self) -> None:
        for secrets in ({}, {"pin": PIN}, {"soPin": MANAGEMENT_KEY}):
            self.assertEqual(self.generate("k", **secrets), "MechanismUnsupported", self.said)
        self.assertEqual((self.bench.pin_uses(), self.bench.management_logins()), ([], 0))


if __name__ == "__main__":
    unittest.main(verbosity=2)
