"""Varlink clients that other people wrote introspect the agent and call it: Debian's varlink-go, PyPI's varlink, and a few
lines of the standard library."""
import base64
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

import varlink

from agent_fixture import Agent, Scratch, SoftToken, toml_for

SOURCE = Path(os.environ["SIGNET_SOURCE_DIR"])
IDL = SOURCE / "protocol" / "org.signet.Agent.varlink"


class StockClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = Scratch()
        directory = cls.scratch.__enter__()
        cls.addClassCleanup(cls.scratch.__exit__)
        cls.agent = Agent(directory, toml_for(SoftToken(directory / "softhsm", "stock"))).start()
        cls.addClassCleanup(cls.agent.__exit__)
        with cls.agent.connect() as client:
            client.call("GenerateKey", token="stock", name="stock-key", algorithm="ecdsa-p256", uses=["message"])

    def test_varlink_go(self):
        go = shutil.which("go")
        self.assertTrue(go, "there is no go: install golang-go")
        program = self.agent.directory / "stock_client"
        environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
                       "GOCACHE": os.environ.get("SIGNET_GO_CACHE", str(self.agent.directory / "go-cache"))}
        subprocess.run([go, "build", "-o", program, SOURCE / "tests/integration/stock_client.go"], check=True, env=environment)
        done = subprocess.run([program, self.agent.socket, IDL], capture_output=True, text=True, timeout=90)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_pypi_varlink(self):
        with varlink.Client(address=f"unix:{self.agent.socket}") as client:
            self.assertEqual(set(client.get_interfaces()), {"org.signet.Agent", "org.varlink.service"})
            with client.open("org.signet.Agent", namespaced=True) as agent:
                self.assertEqual(agent.Status().version, "0.1.0")
                self.assertEqual(agent.ListTokens().tokens[0].name, "stock")
                signed = agent.SignMessage(key="stock-key", message=base64.b64encode(b"hello").decode())
                self.assertEqual(signed.scheme, "ecdsa-sha2-nistp256")
                replies = list(agent.SignMessage(key="stock-key", message="aGVsbG8=", _more=True))
                self.assertTrue(replies[-1].signature)
                with self.assertRaises(varlink.VarlinkError) as error:
                    agent.ShowKey(key="nobody's")
                self.assertEqual(error.exception.error(), "org.signet.Agent.NotFound")
                self.assertEqual(error.exception.parameters()["kind"], "key")

    def test_pypi_varlink_command(self):
        def run(*arguments):
            done = subprocess.run([sys.executable, "-m", "varlink.cli", *arguments], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        address = f"unix:{self.agent.socket}"
        self.assertIn("org.signet.Agent", run("info", address))
        self.assertIn("method SignMetadata", run("help", f"{address}/org.signet.Agent"))
        self.assertIn('"version": "0.1.0"', run("call", f"{address}/org.signet.Agent.Status", "{}"))

    def test_plain_python(self):
        with self.agent.connect() as client:
            info = client.call("org.varlink.service.GetInfo")
            self.assertEqual(info["interfaces"], ["org.signet.Agent", "org.varlink.service"])
            description = client.call("org.varlink.service.GetInterfaceDescription", interface="org.signet.Agent")
            self.assertEqual(description["description"], IDL.read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
