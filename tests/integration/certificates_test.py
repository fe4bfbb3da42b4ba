"""Certificates and requests by keys on SoftHSM, of every algorithm, as other programs read them: openssl, a CA of openssl's,
Go's crypto/x509, and stock Notary, whose client must take a root that such a certificate is the key of."""
import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
import unittest
import urllib.request
from pathlib import Path

from agent_fixture import Agent, Scratch, SoftToken, toml_for

SOURCE = Path(os.environ["SIGNET_SOURCE_DIR"])
ALGORITHMS = {"ecdsa-p256": "ECDSA-SHA256", "ecdsa-p384": "ECDSA-SHA384", "rsa-2048": "SHA256-RSA",
              "rsa-3072": "SHA256-RSA", "rsa-4096": "SHA256-RSA", "ed25519": "Ed25519"}
GUN = "registry.example.com/org/app"


def openssl(*arguments, **options):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def build_judge(directory):
    go = shutil.which("go")
    assert go, "there is no go: install golang-go"
    program = directory / "certificate_judge"
    environment = {**os.environ, "GO111MODULE": "off", "GOFLAGS": "",
                   "GOCACHE": os.environ.get("SIGNET_GO_CACHE", str(directory / "go-cache"))}
    subprocess.run([go, "build", "-o", program, SOURCE / "tests/integration/certificate_judge.go"], check=True,
                   env=environment)
    return program


class Certificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = Scratch()
        cls.directory = scratch.__enter__()
        cls.addClassCleanup(scratch.__exit__)
        cls.agent = Agent(cls.directory / "agent", toml_for(SoftToken(cls.directory / "softhsm", "release"))).start()
        cls.addClassCleanup(cls.agent.__exit__)
        for algorithm in ALGORITHMS:
            cls.agent.cli("key", "generate", algorithm, "--token", "release", "--algorithm", algorithm,
                          "--use", "tuf", "--use", "certificate")
        cls.judge_program = build_judge(cls.directory)

    def judge(self, *files):
        done = subprocess.run([self.judge_program, *files], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.splitlines()

    def file(self, name):
        return self.directory / name

    def test_every_algorithm_certifies_itself(self):
        for algorithm, in_go in ALGORITHMS.items():
            with self.subTest(algorithm):
                file = self.file(f"{algorithm}.crt")
                self.agent.cli("key", "certificate", "issue", algorithm, "--notary", GUN, "-o", file)
                self.assertEqual(self.judge(file), [f"certificate {in_go} {GUN}"])
                # openssl trusts it as the end of a chain, and finds the enrolled key in it.
                openssl("verify", "-check_ss_sig", "-partial_chain", "-trusted", file, file)
                public = openssl("x509", "-in", file, "-noout", "-pubkey")
                self.assertEqual(public, self.agent.cli("key", "show", algorithm, "--pem").stdout)
                text = openssl("x509", "-in", file, "-noout", "-text")
                for expected in ("CA:FALSE", "Digital Signature", "Code Signing", f"CN = {GUN}"):
                    self.assertIn(expected, text)

    def test_a_ca_issues_what_a_request_asks_for(self):
        ca, ca_key = self.file("ca.crt"), self.file("ca.key")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", ca_key, "-out", ca, "-subj", "/CN=Corporate CA")
        for algorithm, in_go in ALGORITHMS.items():
            with self.subTest(algorithm):
                request, issued = self.file(f"{algorithm}.csr"), self.file(f"{algorithm}.issued.crt")
                self.agent.cli("key", "certificate", "request", algorithm, "--subject", "C=DE", "--subject",
                               "O=Example, Inc.", "--subject", "CN=build", "--name", "dns:build.example.com", "--name",
                               "email:build@example.com", "--purpose", "codeSigning", "-o", request)
                self.assertEqual(self.judge(request), [f"request {in_go} build [build.example.com]"])
                self.assertIn("verify OK", openssl("req", "-in", request, "-noout", "-verify"))
                openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial",
                        "-copy_extensions", "copyall", "-days", "30", "-out", issued)
                openssl("verify", "-CAfile", ca, issued)
                text = openssl("x509", "-in", issued, "-noout", "-text")
                for expected in ('C = DE, O = "Example, Inc.", CN = build', "DNS:build.example.com, email:build@example.com",
                                 "CA:FALSE", "Code Signing"):
                    self.assertIn(expected, text)

    def test_the_pem_and_the_record_are_of_one_certificate(self):
        issued = json.loads(self.agent.cli("--json", "key", "certificate", "issue", "ecdsa-p256", "--subject",
                                           "CN=build", "--days", "90").stdout)["issued"]
        der = base64.b64decode("".join(issued["pem"].splitlines()[1:-1]))
        self.assertEqual(hashlib.sha256(der).hexdigest(), issued["fingerprint"])
        record = json.loads(self.agent.cli("--json", "ledger", "show", issued["record"]).stdout)
        self.assertIn(issued["fingerprint"], json.dumps(record))
        self.assertIn("asked to sign a certificate of ecdsa-p256 for CN=build",
                      self.agent.cli("ledger", "list", "--kind", "certificate").stdout)
        self.assertEqual(self.agent.cli("key", "certificate", "issue", "ecdsa-p256", "--subject", "CN=x").stdout[:27],
                         "-----BEGIN CERTIFICATE-----")

    def test_what_is_refused_says_why(self):
        for arguments, code, words in (
                (("issue", "ecdsa-p256"), 10, "--subject CN=NAME"),
                (("issue", "ecdsa-p256", "--subject", "CN=a", "--days", "0"), 10, "1 to 36525 days"),
                (("issue", "ecdsa-p256", "--subject", "X=a"), 10, "none of C=, ST="),
                (("issue", "ecdsa-p256", "--subject", "CN=a", "--name", "a.example"), 10, "dns:NAME"),
                (("issue", "ecdsa-p256", "--subject", "CN=a", "--not-after", "2020-01-01T00:00:00Z"), 10, "expired"),
                (("request", "nobody", "--subject", "CN=a"), 1, "No key named nobody")):
            with self.subTest(arguments):
                done = self.agent.cli("key", "certificate", *arguments, check=False)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(words, done.stderr)


class NotaryServer:
    """Debian's notary-server on loopback, in memory: it holds the keys of snapshot and timestamp."""

    def __init__(self, directory):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = directory / "server.json"
        config.write_text(json.dumps({"server": {"http_addr": f"127.0.0.1:{self.port}"}, "trust_service": {"type": "local"},
                                      "logging": {"level": "error"}, "storage": {"backend": "memory"}}))
        self.log = open(directory / "server.log", "wb")
        self.process = subprocess.Popen(["notary-server", "-config", config, "-logf", "logfmt"], stdout=self.log,
                                        stderr=self.log, stdin=subprocess.DEVNULL)

    def __enter__(self):
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{self.url}/v2/", timeout=5).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("notary-server does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()

    def key(self, role):
        with urllib.request.urlopen(f"{self.url}/v2/{GUN}/_trust/tuf/{role}.key", timeout=30) as reply:
            return json.load(reply)

    def publish(self, files):
        boundary = "signet-test"
        body = b"".join(b'--%s\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n'
                        b"Content-Type: application/octet-stream\r\n\r\n%s\r\n" % (boundary.encode(), role.encode(), content)
                        for role, content in files.items()) + b"--%s--\r\n" % boundary.encode()
        request = urllib.request.Request(f"{self.url}/v2/{GUN}/_trust/tuf/", data=body, headers={
            "Content-Type": f"multipart/form-data; boundary={boundary}"})
        urllib.request.urlopen(request, timeout=30).close()


def keyid(key):
    return hashlib.sha256(json.dumps(key, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class StockNotary(unittest.TestCase):
    def setUp(self):
        self.directory = self.enterContext(Scratch())
        tokens = SoftToken(self.directory / "softhsm", "release")
        self.agent = self.enterContext(Agent(self.directory / "agent", toml_for(tokens)))
        self.server = self.enterContext(NotaryServer(self.directory))

    def sign(self, role, signed):
        file = self.directory / f"{role}.json"
        file.write_text(json.dumps({"signed": signed, "signatures": []}))
        self.agent.cli("tuf", "sign", file, "--repository", GUN, "--role", role)
        return file

    def notary(self, name, pins, *arguments):
        trust = self.directory / name
        trust.mkdir()
        config = trust / "config.json"
        config.write_text(json.dumps({"trust_dir": str(trust), "remote_server": {"url": self.server.url},
                                      "trust_pinning": pins}))
        return subprocess.run(["notary", "-c", config, *arguments], capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL)

    def root(self, certificate):
        targets = json.loads(self.agent.cli("key", "show", "targets", "--notary").stdout)
        snapshot, timestamp = self.server.key("snapshot"), self.server.key("timestamp")
        keys = {"root": certificate, "targets": targets, "snapshot": snapshot, "timestamp": timestamp}
        return {"_type": "Root", "consistent_snapshot": False, "expires": "2036-01-01T00:00:00Z",
                "keys": {keyid(key): key for key in keys.values()},
                "roles": {role: {"keyids": [keyid(key)], "threshold": 1} for role, key in keys.items()}, "version": 1}

    def test_its_client_takes_a_root_of_that_certificate(self):
        self.agent.cli("key", "generate", "root", "--token", "release", "--use", "tuf", "--use", "certificate")
        self.agent.cli("key", "generate", "targets", "--token", "release", "--use", "tuf")
        issued = json.loads(self.agent.cli("--json", "key", "certificate", "issue", "root", "--notary", GUN).stdout)["issued"]
        self.assertEqual(issued["notaryKeyid"], keyid(issued["notary"]))
        self.agent.cli("repository", "create", GUN, "--format", "notary")
        root = self.sign("root", self.root(issued["notary"]))
        self.agent.cli("repository", "observe", GUN, root, "--role", "root")
        content = b"an image's manifest"
        hashes = {"sha256": base64.b64encode(hashlib.sha256(content).digest()).decode(),
                  "sha512": base64.b64encode(hashlib.sha512(content).digest()).decode()}
        targets = self.sign("targets", {"_type": "Targets", "delegations": {"keys": {}, "roles": []},
                                        "expires": "2036-01-01T00:00:00Z", "version": 1,
                                        "targets": {"1.0": {"hashes": hashes, "length": len(content)}}})
        self.server.publish({"root": root.read_bytes(), "targets": targets.read_bytes()})
        for name, pins in (("first-use", {}), ("pinned", {"disable_tofu": True, "certs": {GUN: [issued["notaryKeyid"]]}})):
            with self.subTest(name):
                done = self.notary(name, pins, "list", GUN)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertRegex(done.stdout, rf"1\.0\s+{hashlib.sha256(content).hexdigest()}\s+{len(content)}\s+targets")
        # The pin of another certificate of the same key is not this one's.
        other = json.loads(self.agent.cli("--json", "key", "certificate", "issue", "root", "--notary", GUN).stdout)["issued"]
        done = self.notary("mispinned", {"disable_tofu": True, "certs": {GUN: [other["notaryKeyid"]]}}, "list", GUN)
        self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
