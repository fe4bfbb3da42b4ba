"""What docs/protocol.md says works in twenty lines of Python does: the example is taken from the page and run."""
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

from agent_fixture import Agent, Scratch, SoftToken, toml_for

PROTOCOL = Path(os.environ["SIGNET_SOURCE_DIR"]) / "docs/protocol.md"


class DocExamples(unittest.TestCase):
    def test_the_client_in_the_protocol_page_runs(self):
        example, = re.findall(r"^```python\n(.*?)^```$", PROTOCOL.read_text(), re.M | re.S)
        self.assertLessEqual(len([line for line in example.splitlines() if line.strip()]), 22)
        scratch = self.enterContext(Scratch())
        tokens = SoftToken(scratch / "softhsm", "release")
        agent = self.enterContext(Agent(scratch / "agent", toml_for(tokens)))
        with agent.connect(timeout=120) as connection:
            made = connection.call("GenerateKey", token="release", name="alice", algorithm="ecdsa-p256", uses=["tuf"])
        done = subprocess.run([sys.executable, "-I", "-c", example], capture_output=True, text=True,
                              env={**os.environ, "SIGNET_SOCKET": str(agent.socket)})
        self.assertEqual(done.returncode, 0, done.stderr)
        version, *tokens_shown, key = done.stdout.splitlines()
        self.assertRegex(version, r"^\d+\.\d+\.\d+$")
        self.assertIn("release", [line.split()[0] for line in tokens_shown])
        self.assertEqual(key, f"alice ecdsa-p256 {made['key']['tufKeyid']}")

    def test_an_error_ends_it_with_a_sentence(self):
        example, = re.findall(r"^```python\n(.*?)^```$", PROTOCOL.read_text(), re.M | re.S)
        scratch = self.enterContext(Scratch())
        agent = Agent(scratch / "agent", toml_for(SoftToken(scratch / "softhsm"))).start(ledger=False)
        self.addCleanup(agent.stop)
        done = subprocess.run([sys.executable, "-I", "-c", example], capture_output=True, text=True,
                              env={**os.environ, "SIGNET_SOCKET": str(agent.socket)})
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"org\.signet\.Agent\.NotInitialised: .*signet init")


if __name__ == "__main__":
    unittest.main(verbosity=2)
