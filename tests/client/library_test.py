"""The shared library: a program that links it alone, and what it shows to programs."""
import os
import subprocess
import unittest
from pathlib import Path

from fake_agent import KEY, TOKEN, CommandTest

LIBRARY_USER = os.environ["SIGNET_LIBRARY_USER"]


class Library(CommandTest):
    def test_a_program_that_links_the_shared_library_alone(self):
        command = [LIBRARY_USER, self.environment()["SIGNET_SOCKET"]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 3)
        self.assertIn("ConnectionFailed: No agent listens", done.stderr)
        agent = self.agent(ListKeys={"keys": [KEY]}, UnlockToken={"token": TOKEN})
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, "root-a ecdsa-p256\n"))
        self.assertEqual(agent.calls[0], ("UnlockToken", {"token": "release", "pin": "1234"}))

    def test_the_library_shows_its_interface_and_nothing_else(self):
        library = Path(os.environ["SIGNET_BIN_DIR"]).parent / "lib/libsignet.so"
        shown = subprocess.run(["nm", "-DC", "--defined-only", library], check=True, capture_output=True, text=True).stdout
        names = {line.split(maxsplit=2)[2] for line in shown.splitlines()}
        self.assertTrue(any(name.startswith("signet::client::Agent::connect") for name in names), names)
        strangers = [name for name in names if not name.startswith(("signet::", "asan", "__asan", "__odr_asan"))]
        self.assertEqual(strangers, [])
        self.assertFalse([name for name in names if any(word in name for word in ("Connection", "State::", "parse"))])


if __name__ == "__main__":
    unittest.main()
