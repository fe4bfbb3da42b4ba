"""CI jobs that say who they are: tokens of an issuer of the test's own, from the command and over the wire to a key on a
SoftHSM token. What may be signed is never signed once too often, not even by an agent that is killed."""
import base64
import contextlib
import hashlib
import json
import os
import random
import signal
import threading
import time
import unittest
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from agent_fixture import Agent, Scratch, SoftToken, toml_for
from varlink_client import VarlinkError

ISSUER, AUDIENCE = "https://token.actions.example", "signet.example.com"
MAX_USES = 3
KEY = {"token": "release", "name": "ci", "algorithm": "ecdsa-p256", "uses": ["message"]}
MESSAGE = b"what the job made"


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Signs tokens of GitHub's shape."""

    def __init__(self, kid: str):
        self.kid = kid
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.made = 0

    def jwk(self) -> dict:
        numbers = self.key.public_key().public_numbers()
        return {"kty": "RSA", "kid": self.kid, "use": "sig", "alg": "RS256", "e": unpadded(numbers.e.to_bytes(3, "big")),
                "n": unpadded(numbers.n.to_bytes(256, "big"))}

    def token(self, **claims: object) -> str:
        """Another one each time."""
        self.made += 1
        now = int(time.time())
        content = {"jti": f"{self.kid}-{self.made}", "iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now - 600,
                   "exp": now + 300, "sub": "repo:org/app:ref:refs/heads/main", "repository": "org/app",
                   "ref": "refs/heads/main", **claims}
        header = {"typ": "JWT", "alg": "RS256", "x5t": "thumbprint", "kid": self.kid}
        text = ".".join(unpadded(json.dumps(part).encode()) for part in (header, content))
        return f"{text}.{unpadded(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


FIRST, SECOND = Issuer("2026-10"), Issuer("2026-11")


def policy(jwks: Path) -> str:
    return f"""
[[issuer]]
name = "github"
issuer = "{ISSUER}"
jwks = "{jwks}"
algorithms = ["RS256"]
audiences = ["{AUDIENCE}"]
max-uses = {MAX_USES}

[[rule]]
name = "ci"
issuer = "github"
claims = {{ repository = "org/app", ref = "refs/heads/main" }}
action = "sign-message"
key = "ci"

[[rule]]
name = "setup"
uid = {os.getuid()}
action = ["generate", "administer", "unlock", "read-ledger"]
"""


class CiIdentity(unittest.TestCase):
    def setUp(self) -> None:
        scratch = self.enterContext(Scratch())
        self.jwks = scratch / "keys.jwks"
        self.publish(FIRST)
        rules = scratch / "policy.toml"
        rules.write_text(policy(self.jwks))
        config = toml_for(SoftToken(scratch / "softhsm", "release"), f'policy = "{rules}"')
        self.agent = self.enterContext(Agent(scratch / "agent", config))
        with self.agent.connect(timeout=120) as connection:
            connection.call("GenerateKey", **KEY)

    def publish(self, *issuers: Issuer) -> None:
        fresh = self.jwks.with_suffix(".new")
        fresh.write_text(json.dumps({"keys": [issuer.jwk() for issuer in issuers]}))
        fresh.rename(self.jwks)

    def outcome(self, token: str | None, message: bytes = MESSAGE, **more: object) -> str:
        """ "signed", or the error with what it says of the reason."""
        identity = {} if token is None else {"identity": token}
        try:
            with self.agent.connect(timeout=60) as connection:
                connection.call("SignMessage", key="ci", message=base64.b64encode(message).decode(), **identity, **more)
        except VarlinkError as error:
            return f"{error.short} {error.parameters.get('reason', error.parameters.get('rule', ''))}".strip()
        return "signed"

    def test_a_token_opens_what_a_uid_alone_does_not(self) -> None:
        self.assertEqual(self.outcome(None).split()[0], "PolicyDenied")
        self.assertEqual(self.outcome(FIRST.token()), "signed")
        for change in ({"ref": "refs/heads/feature"}, {"repository": "org/other"}):
            self.assertEqual(self.outcome(FIRST.token(**change)).split()[0], "PolicyDenied")
        self.assertEqual(self.outcome(FIRST.token(exp=int(time.time()) - 60)), "IdentityRefused expired")
        self.assertEqual(self.outcome(SECOND.token()), "IdentityRefused unknown-key")
        self.assertEqual(self.outcome("no token"), "IdentityRefused not-compact")

    def test_the_command_reads_the_file_that_the_job_names(self) -> None:
        file, message = self.agent.directory / "token", self.agent.directory / "message"
        file.touch(0o600)
        message.write_bytes(MESSAGE)
        os.environ["SIGNET_IDENTITY_TOKEN_FILE"] = str(file)
        self.addCleanup(os.environ.pop, "SIGNET_IDENTITY_TOKEN_FILE")
        sign = ("sign", "--key", "ci", "--output", self.agent.directory / "signature", message)
        for time_ in range(2):
            file.write_text(FIRST.token() + "\n")
            self.assertEqual(self.agent.cli(*sign).stderr.count("chmod 600"), 0)
        file.write_text(FIRST.token(ref="refs/heads/feature"))
        refused = self.agent.cli(*sign, check=False)
        self.assertEqual(refused.returncode, 9, refused.stderr)
        file.unlink()
        self.assertIn("SIGNET_IDENTITY_TOKEN_FILE", self.agent.cli(*sign, check=False).stderr)

    def test_uses_are_counted_and_survive_a_kill(self) -> None:
        token = FIRST.token()
        for _ in range(MAX_USES):
            self.assertEqual(self.outcome(token), "signed")
        self.assertEqual(self.outcome(token), "IdentityRefused used-up")
        self.kill_and_start()
        self.assertEqual(self.outcome(token), "IdentityRefused used-up")
        self.assertEqual(self.outcome(FIRST.token()), "signed")

    def test_what_the_policy_refuses_costs_nothing(self) -> None:
        token = FIRST.token()
        with self.agent.connect(timeout=60) as connection:
            for _ in range(MAX_USES + 1):
                with self.assertRaises(VarlinkError):
                    connection.call("SignMessage", key="none", message="AA==", identity=token)
        self.assertEqual(self.outcome(token), "signed")

    def test_a_payload_binds(self) -> None:
        token = FIRST.token(aud="signet:" + hashlib.sha256(MESSAGE).hexdigest())
        self.assertEqual(self.outcome(token, b"another message"), "IdentityRefused other-payload")
        self.assertEqual(self.outcome(token), "signed")

    def test_keys_come_and_go_while_it_runs(self) -> None:
        self.publish(FIRST, SECOND)
        self.assertEqual(self.outcome(SECOND.token()), "signed")
        self.jwks.write_text("<html>503</html>")
        self.assertEqual(self.outcome(SECOND.token()), "signed")
        self.assertIn("The keys that were read before are kept", self.agent.log.read_text())
        self.publish(SECOND)
        self.assertEqual(self.outcome(FIRST.token()), "IdentityRefused unknown-key")

    def test_many_at_once_get_no_more_than_there_is(self) -> None:
        token, outcomes = FIRST.token(), []
        clients = [threading.Thread(target=lambda: outcomes.append(self.outcome(token))) for _ in range(24)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        self.assertEqual(outcomes.count("signed"), MAX_USES, outcomes)
        self.assertEqual(outcomes.count("IdentityRefused used-up"), len(clients) - MAX_USES, outcomes)

    def test_no_token_is_written_down(self) -> None:
        tokens = [FIRST.token(), FIRST.token(ref="refs/heads/feature"), SECOND.token(), FIRST.token() + "A"]
        for token in tokens:
            self.outcome(token)
        self.agent.stop()
        files = [self.agent.log, *(file for file in self.agent.state.rglob("*") if file.is_file())]
        written = b"".join(file.read_bytes() for file in files)
        self.assertIn(hashlib.sha256(tokens[0].rpartition(".")[0].encode()).hexdigest().encode(), written)
        for token in tokens:
            self.assertNotIn(token.rpartition(".")[2][100:140].encode(), written)

    def kill_and_start(self) -> None:
        self.agent.process.send_signal(signal.SIGKILL)
        self.agent.process.wait()
        self.agent.process = None
        self.agent.start()

    def test_killed_at_random_it_gives_no_use_twice(self) -> None:
        """Signatures are counted where they arrive. A use may be lost; none is given twice."""
        kills, random_ = 25, random.Random(20261122)
        tokens = [FIRST.token() for _ in range(40)]
        signed = dict.fromkeys(tokens, 0)
        lock, stop = threading.Lock(), threading.Event()

        def client(seed: int) -> None:
            mine = random.Random(seed)
            while not stop.is_set():
                token = mine.choice(tokens)
                with contextlib.suppress(OSError, EOFError, ConnectionError):
                    if self.outcome(token) == "signed":
                        with lock:
                            signed[token] += 1

        clients = [threading.Thread(target=client, args=(seed,)) for seed in range(6)]
        for one in clients:
            one.start()
        try:
            for _ in range(kills):
                time.sleep(random_.uniform(0.02, 0.25))
                self.kill_and_start()
        finally:
            stop.set()
            for one in clients:
                one.join()
        print(f"{kills} kills: {sum(signed.values())} signatures of at most {MAX_USES * len(tokens)}, "
              f"most for one token: {max(signed.values())}")
        self.assertLessEqual(max(signed.values()), MAX_USES)
        self.assertGreater(sum(signed.values()), len(tokens))


if __name__ == "__main__":
    unittest.main()
