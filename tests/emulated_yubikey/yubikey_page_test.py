"""docs/yubikey.md, from its first block to its last, by a person at a terminal with two emulated YubiKeys: what the page says
to type is typed, what it says to see must be seen."""
from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import unittest
from dataclasses import dataclass
from pathlib import Path

import pexpect
from agent_fixture import BIN, Agent, SoftToken, toml_for

from emulated_yubikey.agent_bench import MANAGEMENT_KEY
from emulated_yubikey.harness import CardSpec, PcscdWithCards

PAGE = Path(os.environ["SIGNET_SOURCE_DIR"]) / "docs/yubikey.md"
EVERY_DAY, SAFE, MACHINE = "15835999", "15836000", "15836001"  # as the page has them
DEFAULT_PIN, DEFAULT_PUK = "123456", "12345678"
PINS = {EVERY_DAY: "271828", SAFE: "314159", MACHINE: DEFAULT_PIN}
PUK = "16180339"
# Says yes to everything, and keeps what it was asked.
PINENTRY = """#!/bin/sh
echo "OK"
while read -r word rest; do
  case $word in
    SETDESC) printf '%s\\n' "$rest" >> "$0.asked" ;;
    BYE) echo "OK"; exit ;;
  esac
  echo "OK"
done
"""


@dataclass(frozen=True)
class Block:
    section: str
    language: str
    text: str

    def statements(self) -> list[str]:
        """What is typed before Enter: a line, or a command with its here-document."""
        found: list[str] = []
        ending = ""
        for line in self.text.splitlines():
            if ending:
                found[-1] += "\n" + line
                ending = "" if line == ending else ending
            elif line:
                found.append(line)
                here = re.search(r"<<'(\w+)'", line)
                ending = here[1] if here else ""
        return found


def blocks() -> list[Block]:
    found, section = [], ""
    for match in re.finditer(r"^## ([^\n]*)$|^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.M | re.S):
        section = match[1] or section
        if match[2]:
            found.append(Block(section, match[2], match[3]))
    return found


def plain(text: str) -> str:
    """Without colours, and with one blank where there is white space."""
    return re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text))


class Person:
    """At a shell. Answers what ykman and signet ask; runs in another window what signet asks to be run."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self._home, self._environment = home, environment
        self._shell = pexpect.spawn("/bin/bash", ["--norc", "--noprofile"], env=environment, cwd=str(home),
                                    encoding="utf-8", timeout=120, dimensions=(60, 400), echo=False)
        self._shell.sendline("PS1='[end:$?]'; PS2=''; bind 'set enable-bracketed-paste off' 2>/dev/null; set +m")
        self._shell.expect(r"\[end:0\]$")
        self._new_code = ""

    def types(self, statement: str) -> str:
        """What came of it; it must have gone well."""
        self._shell.sendline(statement)
        said = self._answers(self._shell, statement, r"\[end:\d+\]")
        status = re.search(r"\[end:(\d+)\]", self._shell.after)
        assert status is not None and status[1] == "0", f"{statement}\n{said}{self._shell.after}"
        return said

    def _answers(self, terminal: pexpect.spawn, statement: str, end: object) -> str:
        questions = {
            r"Enter the current PIN: ": lambda: DEFAULT_PIN,
            r"Enter the new PIN: ": lambda: self._chooses(PINS[self._card_of(statement)]),
            r"Enter the current PUK: ": lambda: DEFAULT_PUK,
            r"Enter the new PUK: ": lambda: self._chooses(PUK),
            r"Repeat for confirmation: ": lambda: self._new_code,
            r"management key \[blank to use default key\]: ": lambda: "",
            r"Enter PIN: ": lambda: self._pin(statement),
            r"PIN of token [^:]*: ": lambda: PINS[re.search(r"\d{8}", terminal.after)[0]],  # type: ignore[index]
            r"Management key of token [^:]*: ": lambda: MANAGEMENT_KEY,
            r"when that is done[^:]*: ": lambda: self._other_window(said),
        }
        patterns = [*questions, end]
        said = ""
        while True:
            which = terminal.expect(patterns)
            said += terminal.before
            if which == len(patterns) - 1:
                return said
            said += terminal.after
            terminal.sendline(list(questions.values())[which]())

    def _chooses(self, code: str) -> str:
        self._new_code = code
        return code

    @staticmethod
    def _card_of(statement: str) -> str:
        return SAFE if "$BACKUP" in statement or SAFE in statement else EVERY_DAY

    def _pin(self, statement: str) -> str:
        """ykman's PIN: of the card that its command names."""
        return PINS[self._card_of(statement)]

    def _other_window(self, said: str) -> str:
        for line in re.findall(r"ykman --device .*", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said)):
            window = pexpect.spawn("/bin/sh", ["-c", line.strip()], env=self._environment, cwd=str(self._home),
                                   encoding="utf-8", timeout=60)
            self._answers(window, line, pexpect.EOF)
            window.close()
            assert window.exitstatus == 0, line
        return "done"

    def leaves(self) -> None:
        self._shell.sendline("kill %1; wait %1")
        self._shell.expect(r"\[end:\d+\]")
        self._shell.sendline("exit")
        self._shell.expect(pexpect.EOF)
        self._shell.close(force=True)


class YubikeyPage(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="signet-test-")))
        self.bench = self.enterContext(PcscdWithCards(CardSpec("day", serial=int(EVERY_DAY), firmware="5.7.1"),
                                                      CardSpec("safe", serial=int(SAFE), firmware="5.7.1"),
                                                      CardSpec("machine", serial=int(MACHINE), plugged=False)))
        self.home = self.directory / "home"
        for path in (self.home, self.directory / "run"):
            path.mkdir(mode=0o700)
        self.pinentry = self.directory / "pinentry"
        self.pinentry.write_text(PINENTRY)
        self.pinentry.chmod(0o755)
        environment = {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.directory / "run"), "TERM": "dumb",
                       "PATH": f"{BIN}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", **self.bench.environment}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        self.person = Person(self.home, environment)
        self.addCleanup(self.person.leaves)

    def test_the_page_leads_to_a_signed_root(self) -> None:
        self._bob_sends_his_key()
        said, unplugged, plugged = "", False, False
        for block in blocks():
            if block.section.startswith("5.") and not unplugged:
                self.bench.control("unplug", card="safe")
                unplugged = True
            if block.section.startswith("6.") and not plugged:
                self.bench.control("plug", card="machine")
                self._wait_for_token(MACHINE)
                plugged = True
            if block.language == "text":
                for line in block.text.splitlines():
                    self.assertIn(plain(line), plain(said))
                continue
            self.assertEqual(block.language, "sh")
            said = ""
            for statement in block.statements():
                said += self.person.types(statement)
                if "signet.toml" in statement and "cat >" in statement:
                    self._the_cards_are_emulated()
                if statement == "signetd &":
                    self._wait_for_agent()
        self._check_what_was_made()

    def _the_cards_are_emulated(self) -> None:
        """What a person with real YubiKeys need not configure: their pcscd, their CA, and who clicks on OK."""
        variables = ", ".join(f'{name} = "{value}"' for name, value in self.bench.environment.items())
        with open(self.home / ".config/signet/signet.toml", "a") as config:
            config.write(f'environment = {{ {variables} }}\n[pinentry]\nprogram = "{self.pinentry}"\n'
                         f'[attestation]\nca = ["{self.bench.attestation_root}"]\n')

    def _wait_for_agent(self) -> None:
        self.person.types("until signet status >/dev/null 2>&1; do sleep 0.1; done")

    def _wait_for_token(self, serial: str) -> None:
        self.person.types(f"until signet token list | grep -q {serial}; do sleep 0.1; done")

    def _bob_sends_his_key(self) -> None:
        with Agent(self.directory / "bob", toml_for(SoftToken(self.directory / "softhsm", "bob"))) as bob:
            bob.cli("key", "generate", "root-bob", "--token", "bob", "--use", "tuf")
            (self.home / "root-bob.json").write_text(bob.cli("--json", "key", "show", "root-bob").stdout)

    def _check_what_was_made(self) -> None:
        root = json.loads((self.home / "1.root.json").read_text())
        self.assertEqual(len(root["signatures"]), 2)
        self.assertEqual(root["signed"]["roles"]["root"]["threshold"], 2)
        self.assertEqual(len(root["signed"]["roles"]["root"]["keyids"]), 3)
        # The agent asked for each key that it made or enrolled, and for nothing that a touch agreed to.
        asked = Path(f"{self.pinentry}.asked").read_text().splitlines()
        enrolled = [question for question in asked if "Enrol the key" in question]
        self.assertEqual(len(enrolled), 3)
        for question in enrolled:
            self.assertIn("Attested", question)
        others = [question for question in asked if question not in enrolled]
        self.assertEqual(len(others), 1, others)
        self.assertIn("Generate the key builds?", others[0])
        for card in ("day", "safe", "machine"):
            outcomes = [use["outcome"] for use in self.bench.control("diary", card=card)["pin_uses"]]
            self.assertEqual(set(outcomes), {"accepted"})
        # Nobody's word but openssl's that the safe's key signed: two keys, two cards.
        export = self.home / "root-alice-attestation"
        done = subprocess.run(["openssl", "x509", "-in", export / "attestation.pem", "-noout", "-pubkey"], check=True,
                              capture_output=True, text=True)
        self.assertEqual(done.stdout, (export / "key.pem").read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
