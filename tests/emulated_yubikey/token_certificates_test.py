"""Certificates on tokens: read, written and replaced, on SoftHSM and, with its management key, on an emulated YubiKey; other
people's programs find them there, and openssl verifies them."""
from __future__ import annotations

import json
import os
import re
import subprocess
import time
import unittest
from pathlib import Path
from typing import Any

import pexpect
from agent_fixture import PIN as SOFT_PIN
from agent_fixture import SOFTHSM, Agent, Scratch, SoftToken, toml_for
from varlink_client import VarlinkError

from emulated_yubikey.agent_bench import MANAGEMENT_KEY, PIN, WRONG_MANAGEMENT_KEY, CardAgent
from emulated_yubikey.harness import CardSpec


def issued(agent: Agent, key: str, name: str, *more: str) -> str:
    return str(json.loads(agent.cli("--json", "key", "certificate", "issue", key, "--subject", f"CN={name}", *more).stdout)
               ["issued"]["pem"])


def openssl(*arguments: str | Path, text: str = "") -> str:
    return subprocess.run(["openssl", *map(str, arguments)], input=text, check=True, capture_output=True, text=True).stdout


def verify_by_openssl(directory: Path, pem: str) -> None:
    """That it is sound, and signed by the key that it names."""
    file = directory / "read.crt"
    file.write_text(pem)
    assert openssl("verify", "-check_ss_sig", "-CAfile", file, file).strip().endswith("OK")


class CertificateAuthority:
    """Of openssl's, that issues from the agent's requests."""

    def __init__(self, directory: Path) -> None:
        self.key, self.certificate = directory / "ca.key", directory / "ca.crt"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Company CA",
                "-keyout", self.key, "-out", self.certificate, "-days", "9")

    def issue(self, request: str) -> str:
        """With words before it, as many CAs send them."""
        return openssl("x509", "-req", "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", "9", "-text",
                       text=request)


class OnSoftHsm(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = self.enterContext(Scratch())
        self.tokens = SoftToken(self.directory / "softhsm", "release")
        self.agent = self.enterContext(Agent(self.directory / "agent", toml_for(self.tokens)))
        for key in ("build", "other"):
            self.agent.cli("key", "generate", key, "--token", "release", "--use", "certificate", "--use", "message")

    def store(self, key: str, pem: str, *more: str) -> subprocess.CompletedProcess[str]:
        file = self.directory / "certificate"
        file.write_text(pem)
        done: subprocess.CompletedProcess[str] = self.agent.cli("key", "certificate", "store", key, file, *more, check=False)
        return done

    def certificates(self, key: str) -> list[dict[str, Any]]:
        return list(json.loads(self.agent.cli("--json", "key", "certificate", "show", key).stdout)["certificates"])

    def pkcs11_tool(self, *arguments: str) -> bytes:
        """As another program, which logs in nowhere."""
        return subprocess.run(["pkcs11-tool", "--module", str(SOFTHSM), "--token-label", "release", *arguments], check=True,
                              capture_output=True,
                              env={"SOFTHSM2_CONF": str(self.tokens.conf), "PATH": "/usr/bin:/bin"}).stdout

    def test_what_is_written_is_read_by_us_and_by_others(self) -> None:
        self.assertEqual(self.certificates("build"), [])
        self.assertIn("no certificate", self.agent.cli("key", "certificate", "show", "build").stdout)
        pem = issued(self.agent, "build", "first")
        done = self.store("build", pem)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([found["pem"] for found in self.certificates("build")], [pem])
        self.assertEqual(self.certificates("other"), [])
        self.assertEqual(self.agent.cli("key", "certificate", "show", "build", "--pem").stdout, pem)
        verify_by_openssl(self.directory, pem)
        listed = self.pkcs11_tool("--list-objects", "--type", "cert").decode()
        self.assertIn("label:      build", listed)
        identifier = next(line.split()[-1] for line in listed.splitlines() if "ID:" in line)
        der = self.pkcs11_tool("--read-object", "--type", "cert", "--id", identifier)
        self.assertEqual(der, subprocess.run(["openssl", "x509", "-outform", "DER"], input=pem.encode(), check=True,
                                             capture_output=True).stdout)
        # The key signs on, and the ledger says what was done.
        with self.agent.connect() as connection:
            connection.call("SignMessage", key="build", message="aGVsbG8=")
        self.assertIn("stored a certificate", self.agent.cli("ledger", "list", "--kind", "certificate").stdout)

    def test_what_a_ca_issued_is_stored_and_verifies(self) -> None:
        authority = CertificateAuthority(self.directory)
        request = self.agent.cli("key", "certificate", "request", "build", "--subject", "CN=build").stdout
        done = self.store("build", authority.issue(request))
        self.assertEqual(done.returncode, 0, done.stderr)
        found, = self.certificates("build")
        self.assertEqual((found["subject"], found["issuer"]), ("CN=build", "CN=Company CA"))
        file = self.directory / "found.crt"
        file.write_text(found["pem"])
        self.assertIn("OK", openssl("verify", "-CAfile", authority.certificate, file))

    def test_one_that_others_wrote_is_shown(self) -> None:
        pem = issued(self.agent, "build", "first")
        der = self.directory / "der"
        openssl("x509", "-outform", "DER", "-out", der, text=pem)
        self.pkcs11_tool("--login", "--pin", SOFT_PIN, "--write-object", str(der), "--type", "cert", "--id", "77")
        self.assertEqual([found["pem"] for found in self.certificates("build")], [pem])

    def test_one_that_is_there_is_replaced_only_where_that_is_said(self) -> None:
        first, second = issued(self.agent, "build", "first"), issued(self.agent, "build", "second")
        self.assertEqual(self.store("build", first).returncode, 0)
        self.assertEqual(self.store("build", first).returncode, 0)  # the same
        done = self.store("build", second)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("another certificate", done.stderr)
        self.assertEqual([found["pem"] for found in self.certificates("build")], [first])
        done = self.store("build", second, "--replace")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("instead of another one", done.stdout)
        self.assertEqual([found["pem"] for found in self.certificates("build")], [second])
        self.assertEqual(self.pkcs11_tool("--list-objects", "--type", "cert").count(b"Certificate Object"), 1)

    def test_what_is_no_certificate_of_the_key_is_refused(self) -> None:
        pem = issued(self.agent, "build", "first")
        request = self.agent.cli("key", "certificate", "request", "build", "--subject", "CN=x").stdout
        for name, text in (("another key's", issued(self.agent, "other", "x")), ("nothing", ""), ("a request", request),
                           ("two", pem + pem), ("cut", pem[:200]), ("no PEM", "hello"), ("large", pem + "#" * 70000)):
            with self.subTest(name):
                done = self.store("build", text)
                self.assertNotEqual(done.returncode, 0)
                self.assertTrue(done.stderr.startswith("signet: "), done.stderr)
        self.assertEqual(self.certificates("build"), [])


class WithYubiKey(unittest.TestCase):
    """What its tests share."""
    said = ""

    def bench(self, firmware: str, module: str = "ykcs11") -> CardAgent:
        bench = CardAgent(module, CardSpec("alice", serial=111, firmware=firmware))
        self.addCleanup(bench.stop)
        bench.make_key("alice", "9c")
        bench.start()
        bench.unlock("alice")
        bench.enrol("alice", "9c", use="certificate")
        return bench

    def store(self, bench: CardAgent, pem: str, **parameters: Any) -> str:
        """"" or the error's short name."""
        try:
            bench.call("StoreCertificate", key="alice-9c", certificate=pem, **{"replace": True, **parameters})
            return ""
        except VarlinkError as error:
            self.said = str(error)
            return str(error.short)

    def pems(self, bench: CardAgent) -> list[str]:
        return [found["pem"] for found in bench.call("ReadCertificates", key="alice-9c")["certificates"]]


class OnYubiKey(WithYubiKey):
    def test_what_is_on_it_is_shown_without_a_pin(self) -> None:
        for module in ("ykcs11", "opensc"):
            with self.subTest(module):
                bench = self.bench("5.4.3", module)
                bench.call("LockToken", token=bench.token_of("alice"))
                bench.control("clear-diary", card="alice")
                pems = self.pems(bench)
                self.assertEqual(len(pems), 2 if module == "ykcs11" else 1)  # ykcs11 shows the attestation, too
                self.assertEqual(bench.pin_uses(), [])
                key = openssl("pkey", "-pubin", "-in", bench.publics["alice-9c"])
                for pem in pems:
                    self.assertEqual(openssl("x509", "-noout", "-pubkey", text=pem), key)
                verify_by_openssl(bench.directory, pems[0])

    def test_to_look_costs_no_login(self) -> None:
        bench = self.bench("5.4.3")
        issued(bench.agent, "alice-9c", "first")
        bench.control("clear-diary", card="alice")
        for _ in range(2):
            self.assertEqual(len(self.pems(bench)), 2)
        self.assertEqual(bench.pin_uses(), [])
        self.assertEqual(bench.control("pin-state")["status"], 0x9000)  # still logged in

    def test_the_management_key_writes_and_no_wrong_one_is_sent_twice(self) -> None:
        bench = self.bench("5.4.3")
        before, _ = self.pems(bench)  # and the attestation, which the card makes anew each time
        pem = issued(bench.agent, "alice-9c", "first")
        bench.control("clear-diary", card="alice")
        for parameters in ({}, {"pin": PIN}):
            self.assertEqual(self.store(bench, pem, **parameters), "InvalidParameter")
            self.assertIn("management key", self.said)
        self.assertEqual(bench.pin_uses(), [])  # no PIN was sent in vain
        self.assertEqual(self.store(bench, pem, replace=False, soPin=MANAGEMENT_KEY), "AlreadyExists")
        self.assertEqual(bench.management_logins(), 0)
        self.assertEqual(self.pems(bench)[0], before)
        self.assertEqual(self.store(bench, pem, soPin="0102"), "InvalidParameter")
        self.assertIn("48 hexadecimal digits", self.said)
        self.assertEqual(bench.management_logins(), 0)
        self.assertEqual(self.store(bench, pem, soPin=WRONG_MANAGEMENT_KEY), "PinRefused")
        self.assertEqual(self.store(bench, pem, soPin=WRONG_MANAGEMENT_KEY), "PinRefused")
        self.assertEqual(self.store(bench, pem, soPin=MANAGEMENT_KEY), "PinRefused")  # none, after a wrong one
        self.assertEqual(bench.management_logins(), 1)
        bench.call("ResetPinBudget", token=bench.token_of("alice"))  # a person has looked at the card
        self.assertEqual(self.store(bench, pem, soPin=MANAGEMENT_KEY), "")
        self.assertEqual(bench.management_logins(), 2)
        written, attestation = self.pems(bench)
        self.assertEqual(written, pem)
        self.assertIn("Attestation 9c", openssl("x509", "-noout", "-subject", text=attestation))  # it is still there
        self.assertEqual(self.store(bench, pem, soPin=MANAGEMENT_KEY), "")  # it is there: the card is not asked
        self.assertEqual(bench.management_logins(), 2)
        self.assertNotEqual(bench.control("pin-state")["status"], 0x9000)  # who comes next is logged in as nobody
        bench.unlock("alice")
        self.assertTrue(issued(bench.agent, "alice-9c", "again").startswith("-----BEGIN "))
        self.assertEqual(set(bench.pin_uses()), {"accepted"})

    def test_one_for_which_the_card_has_no_room_is_refused(self) -> None:
        bench = self.bench("5.4.3")
        before = self.pems(bench)[0]
        names = [word for number in range(100) for word in ("--name", f"dns:{number}.a-long-name-for-a-large-certificate.example")]
        large = issued(bench.agent, "alice-9c", "large", *names)
        self.assertEqual(self.store(bench, large, soPin=MANAGEMENT_KEY), "InvalidParameter", self.said)
        self.assertIn("too large", self.said)
        self.assertEqual(self.pems(bench)[0], before)

    def test_a_card_that_is_pulled_meanwhile_is_said_to_be_gone_and_works_when_it_is_back(self) -> None:
        bench = self.bench("5.4.3")
        pem = issued(bench.agent, "alice-9c", "first")
        bench.control("fault", card="alice", ins=0xDB, action="pull")
        self.assertIn(self.store(bench, pem, soPin=MANAGEMENT_KEY), ("TokenAbsent", "TokenFault"))
        bench.control("clear-faults", card="alice")
        bench.control("insert", card="alice")
        deadline = time.monotonic() + 10
        while not bench.tokens() and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(self.store(bench, pem, soPin=MANAGEMENT_KEY), "")
        self.assertIn(pem, self.pems(bench))


class ByYkman(WithYubiKey):
    """Where the module cannot, the command that is printed can, run by a person."""

    def refused_by_signet(self, bench: CardAgent, file: Path, *more: str | Path) -> str:
        """The command that it printed."""
        done = bench.agent.cli("key", "certificate", "store", "alice-9c", file, "--replace", *more, check=False)
        self.assertNotEqual(done.returncode, 0)
        printed = re.search(r" Run: (ykman .*)\n", done.stderr)
        self.assertTrue(printed, done.stderr)
        assert printed
        return printed[1]

    def run_by_a_person(self, bench: CardAgent, line: str) -> None:
        """The management key is the default one. Tried again where somebody let go of the card at that moment."""
        home = bench.directory / "home"
        home.mkdir(exist_ok=True)
        environment = {**os.environ, **bench.bench.environment, "HOME": str(home), "LC_ALL": "C.UTF-8"}
        said = ""
        for _ in range(3):
            child = pexpect.spawn("/bin/sh", ["-c", line], env=environment, encoding="utf-8", timeout=60)
            while child.expect([r"management key \[blank to use default key\]: ", pexpect.EOF]) == 0:
                child.sendline("")
            said = child.before
            child.close()
            if child.exitstatus == 0:
                return
        self.fail(f"{line}: {said}")

    def write_by_ykman(self, bench: CardAgent, *more: str | Path) -> str:
        pem = issued(bench.agent, "alice-9c", "slot 9c")  # OpenSC calls the token so
        file = bench.directory / "a certificate.crt"
        file.write_text(pem)
        bench.control("clear-diary", card="alice")
        line = self.refused_by_signet(bench, file, *more)
        self.assertEqual(bench.pin_uses(), [])
        self.run_by_a_person(bench, line)
        return pem

    def test_firmware_5_7_whose_management_key_ykcs11_does_not_know(self) -> None:
        bench = self.bench("5.7.1")
        key = bench.directory / "management-key"
        key.write_text(MANAGEMENT_KEY + "\n")
        key.chmod(0o400)
        pem = self.write_by_ykman(bench, "--so-pin-file", key)
        self.assertEqual(self.pems(bench)[0], pem)

    def test_opensc_which_writes_nothing(self) -> None:
        """ykman also gives the card a new CHUID, of which OpenSC makes the serial number: the key is on another token then."""
        bench = self.bench("5.4.3", "opensc")
        pem = self.write_by_ykman(bench)
        bench.call("LockToken", token=bench.token_of("alice"))  # what was unlocked has its host's view
        for _ in range(2):  # the agent hears only now that the card is called otherwise
            try:
                bench.unlock("alice")
                break
            except VarlinkError as error:
                self.assertEqual(error.short, "TokenAbsent")
        bench.call("AddKeyLocation", key="alice-9c", uri=bench.uri("alice", "9c"))
        token, = bench.tokens()
        found = bench.call("ReadCertificates", key="alice-9c", token=token["serial"])["certificates"]
        self.assertEqual([certificate["pem"] for certificate in found], [pem])
        self.assertEqual(set(bench.pin_uses()), {"accepted"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
