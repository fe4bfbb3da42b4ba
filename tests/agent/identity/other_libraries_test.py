"""Tokens and keys that PyJWT and jwcrypto make, verified by us; what they refuse, refused by us."""
import base64
import json
import os
import random
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import jwt
from jwcrypto import jwk, jws

VERIFIER = os.environ["SIGNET_TOKEN_VERIFIER"]
ISSUER, AUDIENCE = "https://issuer.example", "signet.example.com"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
TOKENS_EACH = 40


def make_keys() -> dict[str, jwk.JWK]:
    """One key for each algorithm, whose kid is the algorithm's name. RSA keys are slow to make: they share one."""
    rsa = jwk.JWK.generate(kty="RSA", size=2048)
    keys = {}
    for algorithm in ALGORITHMS:
        made = jwk.JWK.generate(kty="EC", crv=CURVES[algorithm]) if algorithm in CURVES else rsa
        keys[algorithm] = jwk.JWK(**{**made.export(as_dict=True), "kid": algorithm, "alg": algorithm, "use": "sig"})
    return keys


KEYS = make_keys()
RANDOM = random.Random(20261122)


def claims(**more: object) -> dict[str, object]:
    """Claims with some of every kind of JSON, and characters of every plane."""
    now = int(time.time())
    words = "".join(RANDOM.choice("abcXYZ0189 äß€漢😀\"\\/\n") for _ in range(RANDOM.randrange(40)))
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": "job", "iat": now, "nbf": now - 5, "exp": now + 300, "words": words,
            "number": RANDOM.randrange(-2**53, 2**53), "list": [words, None, True, {"deep": words}], **more}


def by_pyjwt(algorithm: str, content: dict[str, object]) -> str:
    pem = KEYS[algorithm].export_to_pem(private_key=True, password=None)
    return jwt.encode(content, pem, algorithm=algorithm, headers={"kid": algorithm})


def by_jwcrypto(algorithm: str, content: dict[str, object]) -> str:
    token = jws.JWS(json.dumps(content).encode())
    token.add_signature(KEYS[algorithm], protected=json.dumps({"alg": algorithm, "kid": algorithm, "typ": "JWT"}))
    return token.serialize(compact=True)


def pyjwt_accepts(token: str, algorithm: str) -> bool:
    try:
        jwt.decode(token, KEYS[algorithm].export_to_pem(), algorithms=list(ALGORITHMS), audience=AUDIENCE, issuer=ISSUER)
    except (jwt.PyJWTError, ValueError, TypeError):
        return False
    return True


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class OtherLibraries(unittest.TestCase):
    def setUp(self) -> None:
        scratch = self.enterContext(tempfile.TemporaryDirectory())
        self.jwks = Path(scratch) / "keys.jwks"
        self.jwks.write_text(json.dumps({"keys": [key.export_public(as_dict=True) for key in KEYS.values()]}))

    def verify(self, tokens: list[str]) -> list[str]:
        """What we say of each: the claims as JSON text, or "refused REASON"."""
        done = subprocess.run([VERIFIER, self.jwks, ISSUER, AUDIENCE, ",".join(ALGORITHMS), str(int(time.time()))],
                              input="".join(token + "\n" for token in tokens), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), len(tokens))
        return lines

    def test_what_they_sign_is_what_we_read(self) -> None:
        for make in (by_pyjwt, by_jwcrypto):
            contents = [(algorithm, claims()) for algorithm in ALGORITHMS for _ in range(TOKENS_EACH)]
            lines = self.verify([make(algorithm, content) for algorithm, content in contents])
            for (algorithm, content), line in zip(contents, lines):
                self.assertNotIn("refused", line.split(" ")[0], f"{make.__name__} {algorithm}")
                self.assertEqual(json.loads(line), content)

    def test_we_accept_nothing_that_they_refuse(self) -> None:
        tokens = []
        for _ in range(1500):
            algorithm = RANDOM.choice(ALGORITHMS)
            token = bytearray(by_pyjwt(algorithm, claims()) if RANDOM.random() < 0.1 else self.sample(algorithm), "ascii")
            for _ in range(RANDOM.randrange(1, 3)):
                token[RANDOM.randrange(len(token))] = RANDOM.choice(b"ABCxyz019-_.=")
            tokens.append((algorithm, token.decode()))
        lines = self.verify([token for _, token in tokens])
        accepted = 0
        for (algorithm, token), line in zip(tokens, lines):
            ours = not line.startswith("refused")
            accepted += ours
            if ours:
                self.assertTrue(pyjwt_accepts(token, algorithm), token)
        # A character that was replaced by itself leaves a few of them whole.
        self.assertLess(accepted, len(tokens) / 10)

    def sample(self, algorithm: str) -> str:
        """A token that was made before: signing is slow."""
        if not hasattr(self, "samples"):
            self.samples = {name: by_jwcrypto(name, claims()) for name in ALGORITHMS}
        return self.samples[algorithm]

    def test_times_and_audiences_end_for_both_alike(self) -> None:
        now = int(time.time())
        cases = {"expired": {"exp": now - 60}, "not-yet-valid": {"nbf": now + 60}, "audience": {"aud": "other"},
                 "unknown-issuer": {"iss": ISSUER + "/"}}
        for reason, change in cases.items():
            token = by_jwcrypto("ES256", claims(**change))
            self.assertEqual(self.verify([token]), [f"refused {reason}"])
            self.assertFalse(pyjwt_accepts(token, "ES256"), reason)

    def test_the_public_key_is_no_secret(self) -> None:
        content = claims()
        secrets = [KEYS["RS256"].export_to_pem(), json.dumps(KEYS["RS256"].export_public(as_dict=True)).encode()]
        tokens = []
        for secret in secrets:
            key = jwk.JWK(kty="oct", k=unpadded(secret))
            token = jws.JWS(json.dumps(content).encode())
            token.add_signature(key, alg="HS256", protected=json.dumps({"alg": "HS256", "kid": "RS256"}))
            tokens.append(token.serialize(compact=True))
        tokens.append(jwt.encode(content, None, algorithm="none", headers={"kid": "RS256"}))
        self.assertEqual(self.verify(tokens), ["refused symmetric-key"] * 2 + ["refused algorithm-none"])

    def test_a_whole_private_set_is_refused(self) -> None:
        self.jwks.write_text(json.dumps({"keys": [key.export(as_dict=True) for key in KEYS.values()]}))
        done = subprocess.run([VERIFIER, self.jwks, ISSUER, AUDIENCE, "RS256", "0"], input="", capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("private", done.stderr)


if __name__ == "__main__":
    unittest.main()
