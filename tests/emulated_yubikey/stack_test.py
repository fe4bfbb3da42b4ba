"""The emulated YubiKey as other people's programs see it: ykcs11, OpenSC, yubico-piv-tool and ykman, over pcscd."""
import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from emulated_yubikey.harness import CardSpec, PcscdWithCards

LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
YKCS11, OPENSC = LIBRARIES / "libykcs11.so", LIBRARIES / "opensc-pkcs11.so"
READER = "Yubico YubiKey OTP+FIDO+CCID 00 00"
PIN, NEW_PIN, PUK = "123456", "246810", "12345678"
ALGORITHMS = {"9a": "ECCP256", "9c": "RSA2048", "9e": "ECCP384"}
IDS = {"9a": "01", "9c": "02", "9e": "04"}


class StackTest(unittest.TestCase):
    cards: tuple[CardSpec, ...] = (CardSpec("alice", serial=15835999),)

    @classmethod
    def setUpClass(cls) -> None:
        cls.bench = cls.enterClassContext(PcscdWithCards(*cls.cards))
        cls.scratch = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="signet-card-")))
        cls.environment = {**os.environ, **cls.bench.environment}

    def setUp(self) -> None:
        for card in self.cards:
            self.bench.control("clear-faults", card=card.name)
            self.bench.control("clear-diary", card=card.name)
            if self.bench.control("status")["cards"][card.name]["port"] is None:  # a test failed
                self.bench.control("plug", card=card.name)

    @classmethod
    def run_tool(cls, *command: object, check: bool = True, **options: object) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([str(part) for part in command], env=cls.environment, capture_output=True, text=True,
                              timeout=60, stdin=subprocess.DEVNULL, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    @classmethod
    def piv(cls, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return cls.run_tool("yubico-piv-tool", "--reader", READER, *arguments, check=check)

    def pin_uses(self, card: str = "alice") -> list[str]:
        return [use["outcome"] for use in self.bench.control("diary", card=card)["pin_uses"]]

    @classmethod
    def make_key(cls, slot: str, *policies: str) -> Path:
        """A key in the slot with a certificate over it, which OpenSC needs to see it; the public key's file."""
        public, certificate = cls.scratch / f"{slot}.pub", cls.scratch / f"{slot}.pem"
        cls.piv("--action", "generate", "--slot", slot, "--algorithm", ALGORITHMS[slot], "--output", public, *policies)
        throwaway = cls.scratch / "ca.key"
        if not throwaway.exists():
            cls.run_tool("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", throwaway)
        cls.run_tool("openssl", "x509", "-new", "-force_pubkey", public, "-signkey", throwaway, "-subj", f"/CN={slot}",
                     "-out", certificate)
        cls.piv("--action", "import-certificate", "--slot", slot, "--input", certificate)
        return public


class Signing(StackTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.publics = {slot: cls.make_key(slot) for slot in ALGORITHMS}

    def sign(self, module: Path, slot: str) -> None:
        message, digest, signature = (self.scratch / name for name in ("message", "digest", "signature"))
        message.write_bytes(b"what is signed")
        name = "sha384" if slot == "9e" else "sha256"
        self.run_tool("openssl", "dgst", f"-{name}", "-binary", "-out", digest, message)
        rsa = ALGORITHMS[slot].startswith("RSA")
        mechanism = ["--mechanism", "SHA256-RSA-PKCS"] if rsa else ["--mechanism", "ECDSA", "--signature-format", "openssl"]
        self.run_tool("pkcs11-tool", "--module", module, "--login", "--pin", PIN, "--sign", "--id", IDS[slot], *mechanism,
                      "--input-file", message if rsa else digest, "--output-file", signature)
        self.run_tool("openssl", "dgst", f"-{name}", "-verify", self.publics[slot], "-signature", signature, message)

    def test_all_keys_through_both_modules(self) -> None:
        for module in (YKCS11, OPENSC):
            for slot in ALGORITHMS:
                with self.subTest(module=module.name, slot=slot):
                    self.sign(module, slot)
        self.assertNotIn("refused", self.pin_uses())

    def test_certificates_come_back(self) -> None:
        for slot in ALGORITHMS:
            read = self.piv("--action", "read-certificate", "--slot", slot).stdout
            self.assertEqual(read, (self.scratch / f"{slot}.pem").read_text())

    def test_attestation_is_verified_by_openssl(self) -> None:
        leaf, intermediate = self.scratch / "leaf.pem", self.scratch / "f9.pem"
        self.piv("--action", "attest", "--slot", "9c", "--output", leaf)
        self.piv("--action", "read-certificate", "--slot", "f9", "--output", intermediate)
        self.run_tool("openssl", "verify", "-CAfile", self.bench.attestation_root, "-untrusted", intermediate, leaf)
        told = self.run_tool("openssl", "x509", "-in", leaf, "-noout", "-pubkey").stdout
        self.assertEqual(told, self.publics["9c"].read_text())
        parsed = self.run_tool("openssl", "asn1parse", "-in", leaf).stdout
        for oid, value in (("3.3", "050403"), ("3.7", "0204" + "00F1A35F"), ("3.8", "0301"), ("3.9", "01")):
            self.assertRegex(parsed, rf"1\.3\.6\.1\.4\.1\.41482\.{oid}\n.*\[HEX DUMP\]:{value}\n")

    def test_metadata(self) -> None:
        told = self.run_tool("ykman", "--reader", READER, "piv", "info").stdout
        self.assertIn("PIN tries remaining: 3/3", told)
        self.assertIn("5.4.3", told)
        told = self.run_tool("yubico-piv-tool", "--reader", READER, "--action", "status").stdout
        self.assertIn("15835999", told)

    def test_imported_keys_sign_and_have_no_attestation(self) -> None:
        key = self.scratch / "imported.key"
        self.run_tool("openssl", "genrsa", "-traditional", "-out", key, "2048")
        self.piv("--action", "import-key", "--slot", "82", "--input", key)
        self.assertNotEqual(self.piv("--action", "attest", "--slot", "82", check=False).returncode, 0)
        message, signature, public = (self.scratch / name for name in ("message", "signature", "imported.pub"))
        message.write_bytes(b"what is signed")
        self.run_tool("openssl", "rsa", "-in", key, "-pubout", "-out", public)
        self.run_tool("pkcs11-tool", "--module", YKCS11, "--login", "--pin", PIN, "--sign", "--id", "05",
                      "--mechanism", "SHA256-RSA-PKCS", "--input-file", message, "--output-file", signature)
        self.run_tool("openssl", "dgst", "-sha256", "-verify", public, "-signature", signature, message)


class Secrets(StackTest):
    def test_wrong_pins_block_and_the_puk_unblocks(self) -> None:
        for left in (2, 1, 0):
            self.assertNotEqual(self.piv("--action", "verify-pin", "--pin", "654321", check=False).returncode, 0)
            self.assertEqual(self.bench.control("status")["cards"]["alice"]["pin_tries"], left)
        self.assertNotEqual(self.piv("--action", "verify-pin", "--pin", PIN, check=False).returncode, 0)
        self.assertEqual(self.pin_uses(), ["refused"] * 3 + ["blocked"])
        self.piv("--action", "unblock-pin", "--pin", PUK, "--new-pin", NEW_PIN)
        self.piv("--action", "verify-pin", "--pin", NEW_PIN)
        self.piv("--action", "change-pin", "--pin", NEW_PIN, "--new-pin", PIN)
        self.piv("--action", "verify-pin", "--pin", PIN)

    def test_the_management_key_can_be_changed(self) -> None:
        key = "a1" * 24
        self.piv("--action", "set-mgm-key", "--new-key", key)
        refused = self.piv("--action", "generate", "--slot", "9d", "--algorithm", "ECCP256", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.piv(f"--key={key}", "--action", "generate", "--slot", "9d", "--algorithm", "ECCP256")
        self.run_tool("ykman", "--reader", READER, "piv", "access", "change-management-key", "--management-key", key,
                      "--new-management-key", "010203040506070801020304050607080102030405060708", "--algorithm", "AES192")
        self.assertIn("AES192", self.run_tool("ykman", "--reader", READER, "piv", "info").stdout)
        self.run_tool("ykman", "--reader", READER, "piv", "access", "change-management-key", "--management-key",
                      "010203040506070801020304050607080102030405060708", "--new-management-key",
                      "010203040506070801020304050607080102030405060708", "--algorithm", "TDES")


class TwoCards(StackTest):
    cards = (CardSpec("alice", serial=15835999), CardSpec("bob", serial=222, firmware="5.7.1"))

    def slots(self, module: Path) -> str:
        return self.run_tool("pkcs11-tool", "--module", module, "--list-token-slots", check=False).stdout

    def test_both_are_seen_and_come_and_go(self) -> None:
        self.assertEqual(self.slots(OPENSC).count("PIV_II"), 2)
        self.assertRegex(self.slots(YKCS11), r"(?s)#15835999.*#222")
        self.bench.control("unplug", card="alice")
        self.assertNotIn("#15835999", self.slots(YKCS11))
        self.assertIn("#222", self.slots(YKCS11))
        self.bench.control("plug", card="alice")
        self.bench.control("pull", card="bob")
        time.sleep(1)  # pcscd looks every 0.4 s whether a card is in a reader
        self.assertIn("#15835999", self.slots(YKCS11))
        self.assertNotIn("#222", self.slots(YKCS11))
        self.bench.control("insert", card="bob")
        self.assertRegex(self.slots(YKCS11), r"(?s)#15835999.*#222")

    def test_swapped(self) -> None:
        self.bench.control("unplug", card="bob")
        self.bench.control("swap", card="alice", other="bob", usb=True)
        seen = self.slots(YKCS11)
        self.assertNotIn("#15835999", seen)
        self.assertIn("#222", seen)
        self.bench.control("swap", card="bob", other="alice", usb=True)
        self.assertIn("#15835999", self.slots(YKCS11))
        self.bench.control("plug", card="bob")

    def test_a_pcscd_that_died_comes_back_with_its_readers(self) -> None:
        self.bench.control("pcscd", action="kill")
        self.addCleanup(self.bench.control, "pcscd", action="start")
        self.assertNotIn("#222", self.slots(OPENSC))
        self.bench.control("pcscd", action="start")
        self.assertRegex(self.slots(YKCS11), r"(?s)#15835999.*#222")


class Faults(StackTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.piv("--action", "generate", "--slot", "9d", "--algorithm", "ECCP256")

    def test_a_status_word_of_ones_choice(self) -> None:
        self.bench.control("fault", card="alice", action="status", status=0x63C2, ins=0x20, times=0)
        refused = self.piv("--action", "verify-pin", "--pin", PIN, check=False)
        self.assertIn("2 tries left", refused.stderr)
        self.assertEqual(self.pin_uses(), [])  # it never reached the card
        self.bench.control("clear-faults", card="alice")
        self.bench.control("fault", card="alice", action="status", status=0x6581, ins=0xF9, nth=2)
        outcomes = [self.piv("--action", "attest", "--slot", "9d", check=False).returncode == 0 for _ in range(3)]
        self.assertEqual(outcomes, [True, False, True])

    def test_pulled_at_any_command(self) -> None:
        for nth in (1, 2, 4):
            for when in ("before", "after"):
                self.bench.control("clear-faults", card="alice")
                self.bench.control("fault", card="alice", action="unplug", nth=nth, when=when)
                self.assertNotEqual(self.piv("--action", "attest", "--slot", "9d", check=False).returncode, 0)
                self.assertIsNone(self.bench.control("status")["cards"]["alice"]["port"])
                self.bench.control("plug", card="alice")
        self.piv("--action", "status")

    def test_slow(self) -> None:
        self.bench.control("fault", card="alice", action="delay", seconds=1.0, ins=0xFD)
        begun = time.monotonic()
        self.piv("--action", "version")
        self.assertGreater(time.monotonic() - begun, 1.0)

    def test_touch(self) -> None:
        self.piv("--action", "generate", "--slot", "9a", "--algorithm", "ECCP256", "--touch-policy", "always")
        digest, signature = self.scratch / "digest", self.scratch / "signature"
        digest.write_bytes(bytes(32))
        command = ["pkcs11-tool", "--module", str(YKCS11), "--login", "--pin", PIN, "--sign", "--id", "01", "--mechanism",
                   "ECDSA", "--input-file", str(digest), "--output-file", str(signature)]
        self.bench.control("touch", card="alice", mode="wait", timeout=20)
        with subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as signer:
            self.assertTrue(self.bench.control("await-blinking", card="alice")["blinking"])
            self.assertIsNone(signer.poll())
            self.bench.control("press", card="alice")
            self.assertEqual(signer.wait(20), 0)
        self.bench.control("touch", card="alice", mode="never", timeout=0.2)
        self.assertNotEqual(self.run_tool(*command, check=False).returncode, 0)
        self.bench.control("touch", card="alice", mode="given")
        self.run_tool(*command)

    def test_held_by_another_program(self) -> None:
        self.bench.control("hold", reader=0, exclusive=True)
        self.assertNotEqual(self.piv("--action", "status", check=False).returncode, 0)
        self.bench.control("release")
        self.piv("--action", "status")
        self.bench.control("hold", reader=0)
        with self.assertRaises(subprocess.TimeoutExpired):
            subprocess.run(["yubico-piv-tool", "--reader", READER, "--action", "status"], env=self.environment, timeout=1,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.bench.control("release")
        self.piv("--action", "status")


class Kept(unittest.TestCase):
    def test_a_card_is_the_same_in_the_next_run_and_nothing_else_is_left(self) -> None:
        with tempfile.TemporaryDirectory(prefix="signet-card-") as kept:
            with PcscdWithCards(CardSpec("alice", serial=4711), cards_directory=Path(kept)) as first:
                state = (Path(kept) / "alice.json").read_text()
                directory = first.directory
            self.assertFalse(directory.exists())
            with PcscdWithCards(CardSpec("alice"), cards_directory=Path(kept)) as second:
                self.assertEqual(second.control("status")["cards"]["alice"]["serial"], 4711)
            self.assertEqual((Path(kept) / "alice.json").read_text(), state)


del StackTest  # the base has no tests of its own
if __name__ == "__main__":
    unittest.main()
