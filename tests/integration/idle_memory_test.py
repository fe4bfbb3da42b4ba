"""An agent that nobody asks anything lets go of its code, and finds it again."""
import time
import unittest
from pathlib import Path

from agent_fixture import Agent, Scratch, SoftToken, toml_for


def mapped_files_kib(agent):
    status = Path(f"/proc/{agent.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("RssFile:")).split()[1])


class Idle(unittest.TestCase):
    def test_code_is_let_go_of_after_some_seconds_without_a_call(self):
        with Scratch() as scratch:
            with Agent(scratch / "agent", toml_for(SoftToken(scratch / "softhsm", "alpha"))) as agent, agent.connect() as client:
                client.call("GenerateKey", token="alpha", name="k", algorithm="ecdsa-p256", uses=["message"])
                for _ in range(2):
                    client.call("SignMessage", key="k", message="aGVsbG8=")
                    used = mapped_files_kib(agent)
                    end = time.monotonic() + 20
                    while mapped_files_kib(agent) > used * 0.8:
                        self.assertLess(time.monotonic(), end, f"{mapped_files_kib(agent)} of {used} KiB are still mapped")
                        time.sleep(0.2)


if __name__ == "__main__":
    unittest.main()
