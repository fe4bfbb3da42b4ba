"""`signet key generate --slot` on an emulated YubiKey whose firmware ykcs11 cannot generate with: what it prints is run by a
person at a terminal, with Debian's ykman, and the key is enrolled, and signs."""
from __future__ import annotations

import json
import os
import unittest
from pathlib import Path

import pexpect

from emulated_yubikey.agent_bench import PIN, CardAgent
from emulated_yubikey.harness import CardSpec

SIGNET = Path(os.environ["SIGNET_BIN_DIR"]) / "signet"
TOKEN = "15835999"


class Generation:
    """The tests, for one module."""
    module = ""

    def setUp(self) -> None:
        self.bench = CardAgent(self.module, CardSpec("alice", serial=int(TOKEN), firmware="5.7.1"))
        self.addCleanup(self.bench.stop)
        self.bench.start()
        self.home = self.bench.directory / "home"
        self.home.mkdir()
        self.environment = {**os.environ, **self.bench.bench.environment, "HOME": str(self.home), "LC_ALL": "C.UTF-8",
                            "SIGNET_SOCKET": str(self.bench.agent.socket), "NO_COLOR": "1"}

    def terminal(self, command: str, *arguments: str) -> pexpect.spawn:
        child = pexpect.spawn(command, list(arguments), env=self.environment, cwd=str(self.home), encoding="utf-8",
                              timeout=60, dimensions=(50, 250))
        self.addCleanup(child.close, force=True)
        return child

    def ykman(self, line: str) -> None:
        """As its person: the management key is the default one, and so is the PIN. Tries again where the agent's module
        has let go of the card at that moment."""
        for _ in range(3):
            child = self.terminal("/bin/sh", "-c", line)
            said = ""
            while True:
                asked = child.expect([r"management key \[blank to use default key\]: ", r"Enter PIN: ", pexpect.EOF])
                said += child.before
                if asked == 2:
                    break
                if asked == 1:
                    self.bench.causes.given[PIN] += 1  # to ykman
                child.sendline("" if asked == 0 else PIN)
            child.close()
            if child.exitstatus == 0 or "unpowered" not in said:
                break
        self.assertEqual(child.exitstatus, 0, f"{line}: {said}")

    def commands(self, key: str, *more: str) -> list[str]:
        done = self.bench.agent.cli("--json", "key", "generate", key, "--token", self.token_name(), "--slot", "9c",
                                    "--use", "tuf", *more, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        return list(json.loads(done.stdout)["commands"])

    def token_name(self) -> str:
        return str(self.bench.tokens()[0]["name"])

    def generate_at_the_terminal(self, *words: str) -> str:
        """What it said at its end."""
        child = self.terminal(str(SIGNET), "key", "generate", *words)
        child.expect("when that is done.*: ")
        lines = [line.strip() for line in child.before.splitlines() if line.strip().startswith("ykman")]
        self.assertTrue(lines, child.before)
        for line in lines:
            self.ykman(line)
        child.sendline("done")
        while child.expect(["PIN of token .*: ", pexpect.EOF]) == 0:
            self.bench.causes.given[PIN] += 1  # to signet
            child.sendline(PIN)
        child.close()
        self.assertEqual(child.exitstatus, 0, child.before)
        return str(child.before)

    def test_a_person_runs_what_it_prints(self) -> None:
        said = self.generate_at_the_terminal("root-alice", "--token", self.token_name(), "--slot", "9c", "--use", "message")
        self.assertIn('Key "root-alice" is enrolled', said)
        card = self.bench.control("status")["cards"]["alice"]
        self.assertEqual(card["keys"], ["9c", "f9"])
        self.bench.publics["root-alice"] = self.home / "root-alice.pem"
        signature = self.bench.sign("root-alice")
        self.bench.verify("root-alice", signature)
        self.assertEqual(set(self.bench.pin_uses()), {"accepted"})

    def test_a_script_gets_the_commands_and_says_when_they_are_done(self) -> None:
        for line in self.commands("root-alice", "--touch-policy", "cached"):
            self.assertTrue(line.startswith("ykman "), line)
            self.ykman(line)
        def enrol() -> list[str]:
            return ["key", "generate", "root-alice", "--token", self.token_name(), "--slot", "9c", "--use", "tuf",
                    "--then-enrol"]
        done = self.bench.agent.cli(*enrol(), check=False)  # nobody is there who knows the PIN
        self.assertEqual(done.returncode, 4, done.stderr)
        # With OpenSC the token is called by the certificate now.
        done = self.bench.agent.cli("--json", *enrol(), "--pin-file", self.pin_file())
        self.assertEqual(json.loads(done.stdout)["key"]["name"], "root-alice")

    def test_without_a_slot_it_says_which_option_is_missing(self) -> None:
        done = self.bench.agent.cli("key", "generate", "a", "--token", self.token_name(), "--use", "tuf", "--pin-file",
                                    self.pin_file(), check=False)
        self.assertEqual(done.returncode, 10, done.stderr)
        self.assertIn("--slot", done.stderr)

    def pin_file(self) -> Path:
        path = self.home / "pin"
        path.write_text(PIN + "\n")
        self.bench.causes.given[PIN] += 1  # to signet
        path.chmod(0o400)
        return path


class GenerationThroughYkcs11(Generation, unittest.TestCase):
    module = "ykcs11"

    def test_a_new_key_in_the_slot_takes_the_place_of_the_old_one(self) -> None:
        self.generate_at_the_terminal("first", "--token", self.token_name(), "--slot", "9c", "--use", "message")
        self.bench.sign("first")
        self.generate_at_the_terminal("second", "--token", self.token_name(), "--slot", "9c", "--use", "message")
        keys = {key["name"]: key["fingerprint"] for key in self.bench.call("ListKeys")["keys"]}
        self.assertNotEqual(keys["first"], keys["second"])
        self.bench.publics["second"] = self.home / "second.pem"
        self.bench.verify("second", self.bench.sign("second"))

    def test_the_command_names_the_yubikey(self) -> None:
        line, = self.commands("root-alice", "--pin-policy", "once")
        self.assertEqual(line, "ykman --device 15835999 piv keys generate --algorithm ECCP256 --pin-policy ONCE "
                               "--touch-policy ALWAYS 9c root-alice.pem")


class GenerationThroughOpenSc(Generation, unittest.TestCase):
    module = "opensc"


if __name__ == "__main__":
    unittest.main(verbosity=2)
