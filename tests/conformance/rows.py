"""The rows of the matrix: what the agent needs of a module, each asked of the running signetd as its clients would."""
from __future__ import annotations

import base64
import hashlib
import itertools
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

from agent_fixture import Agent
from varlink_client import VarlinkError

from modules import LABEL, Module

MESSAGE = b"what is signed"
CLIENTS, SIGNATURES_EACH = 8, 3  # more than the 4 sessions that an agent keeps with a token
SCHEMES = {"ecdsa-p256": ("ecdsa-sha2-nistp256", "sha256"), "ecdsa-p384": ("ecdsa-sha2-nistp384", "sha384"),
           "rsa-2048": ("rsassa-pss-sha256", "sha256"), "rsa-3072": ("rsassa-pss-sha256", "sha256"),
           "ed25519": ("ed25519", "")}


class NoSuchKey(Exception):
    """The token has no key of that algorithm, and makes none."""


class Bench:
    """signetd with one module, and the keys that its token got in earlier rows."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.agent = Agent(module.directory / "agent", module.configuration(), command=module.command)
        self.keys: dict[str, list[str]] = {}  # by algorithm
        self.makes: list[str] = []  # algorithms
        self._names = itertools.count(1)

    @contextmanager
    def agent_running(self) -> Iterator[Bench]:
        with self.agent:
            yield self

    def log_tail(self, lines: int = 12) -> str:
        return "\n".join(self.agent.log.read_text(errors="replace").splitlines()[-lines:])

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        with self.agent.connect() as connection:
            answer: dict[str, Any] = connection.call(method, **parameters)
            return answer

    def token(self) -> dict[str, Any]:
        tokens = [token for token in self.call("ListTokens")["tokens"] if token["state"] != "blank"]
        assert len(tokens) == 1, tokens
        token: dict[str, Any] = tokens[0]
        return token

    def unlock(self, pin: str | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = self.call("UnlockToken", token=self.token()["name"], pin=pin or self.module.pin)["token"]
        return answer

    def unlocked(self) -> None:
        """A module that fails badly costs the token its login: what the next row sees is not that row's."""
        if self.token()["state"] == "locked":
            self.unlock()

    def key(self, *algorithms: str) -> str:
        """One that the token has, of the first of these algorithms."""
        for algorithm in algorithms or tuple(self.keys):
            if self.keys.get(algorithm):
                return self.keys[algorithm][0]
        raise NoSuchKey

    def generate(self, algorithm: str) -> str:
        name = f"made-here-{next(self._names)}"
        key = self.call("GenerateKey", token=self.token()["name"], name=name, algorithm=algorithm,
                        uses=["message", "digest"], **self.module.making())["key"]
        evidence = key["evidence"]
        assert key["algorithm"] == algorithm, key
        assert evidence["local"] and evidence["sensitive"] and not evidence["extractable"], evidence
        return name

    def sign(self, key: str, scheme: str | None = None, **what: bytes) -> bytes:
        encoded = {name: base64.b64encode(value).decode() for name, value in (what or {"message": MESSAGE}).items()}
        return base64.b64decode(self.call("SignMessage", key=key, scheme=scheme, **encoded)["signature"])

    def sign_and_verify(self, key: str, scheme: str | None = None, **what: bytes) -> None:
        """openssl is the judge, with the public key that the agent shows."""
        shown = self.call("ShowKey", key=key)
        own_scheme, digest = SCHEMES[shown["key"]["algorithm"]]
        public = self.module.directory / f"{key}.pem"
        public.write_text(shown["pem"])
        verify(public, scheme or own_scheme, digest, self.sign(key, scheme, **what))


def verify(public: Path, scheme: str, digest: str, signature: bytes) -> None:
    message, made = public.with_suffix(".message"), public.with_suffix(".signature")
    message.write_bytes(MESSAGE)
    made.write_bytes(signature)
    if scheme == "ed25519":
        command = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public, "-sigfile", made, "-in", message]
    else:
        pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"] if "pss" in scheme else []
        command = ["dgst", f"-{digest}", *pss, "-verify", public, "-signature", made, message]
    done = subprocess.run(["openssl", *command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"openssl: {done.stdout}{done.stderr}"


def refusal(work: Callable[[], Any]) -> str:
    """The short name of the error that `work` must end with."""
    try:
        work()
    except VarlinkError as error:
        return str(error.short)
    raise AssertionError("it was not refused")


def loads(bench: Bench) -> None:
    module, = bench.call("Status")["modules"]
    assert module["state"] == "usable", module


def lists_its_token(bench: Bench) -> None:
    token = bench.token()
    assert token["state"] == "locked", token
    assert token["uri"].startswith("pkcs11:"), token


def refuses_a_wrong_pin(bench: Bench) -> None:
    """Twice; the token has seen it once."""
    name = bench.token()["name"]
    for _ in range(2):
        assert refusal(lambda: bench.unlock(bench.module.wrong_pin)) == "PinRefused"
    assert bench.module.refused_pins() in (None, 1)
    bench.call("ResetPinBudget", token=name)


def unlocks(bench: Bench) -> None:
    assert bench.unlock()["state"] == "unlocked"


def enrols_what_is_there(bench: Bench) -> None:
    for outside in bench.module.outside:
        name = f"made-outside-{outside.algorithm}"
        key = bench.call("EnrolKey", uri=f"{bench.token()['uri']};{outside.attributes}", name=name,
                         uses=["message", "digest"])["key"]
        assert key["algorithm"] == outside.algorithm, key
        bench.keys.setdefault(outside.algorithm, []).append(name)


def generates(algorithm: str) -> Callable[[Bench], None]:
    def row(bench: Bench) -> None:
        try:
            name = bench.generate(algorithm)
        except VarlinkError as error:
            if error.short == "MechanismUnsupported":
                assert error.parameters["mechanism"] == algorithm and algorithm in str(error), error.parameters
            raise
        bench.keys.setdefault(algorithm, []).insert(0, name)
        bench.makes.append(algorithm)
    return row


def signs(scheme: str, digest: str | None, *algorithms: str) -> Callable[[Bench], None]:
    """A message; and its digest, but for Ed25519."""
    def row(bench: Bench) -> None:
        key = bench.key(*algorithms)
        bench.unlocked()
        bench.sign_and_verify(key, scheme)
        if digest:
            bench.sign_and_verify(key, scheme, digest=hashlib.new(digest, MESSAGE).digest())
    return row


def signs_for_many(bench: Bench) -> None:
    public = bench.module.directory / "many.pem"
    key = bench.key()
    bench.unlocked()
    shown = bench.call("ShowKey", key=key)
    public.write_text(shown["pem"])
    with ThreadPoolExecutor(CLIENTS) as clients:
        signatures = list(clients.map(lambda _: bench.sign(key), range(CLIENTS * SIGNATURES_EACH)))
    scheme, digest = SCHEMES[shown["key"]["algorithm"]]
    for signature in signatures:
        verify(public, scheme, digest, signature)


def stores_a_certificate(bench: Bench) -> None:
    """One that openssl's CA issued for the key; the PIN only where the token wants it."""
    key = bench.key()
    bench.unlocked()
    folder = bench.module.directory
    public, ca, ca_key, made = (folder / name for name in ("certified.pem", "ca.crt", "ca.key", "certificate.crt"))
    public.write_text(bench.call("ShowKey", key=key)["pem"])
    for command in (["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=CA", "-keyout", ca_key, "-out", ca],
                    ["x509", "-new", "-force_pubkey", public, "-subj", "/CN=certified", "-CA", ca, "-CAkey", ca_key,
                     "-CAcreateserial", "-days", "9", "-out", made]):
        subprocess.run(["openssl", *command], check=True, capture_output=True, timeout=60)
    pem = made.read_text()
    try:
        bench.call("StoreCertificate", key=key, certificate=pem, replace=True)
    except VarlinkError as error:
        if error.short != "PinRequired":
            raise
        bench.call("StoreCertificate", key=key, certificate=pem, replace=True, pin=bench.module.pin)
    found = [certificate["pem"] for certificate in bench.call("ReadCertificates", key=key)["certificates"]]
    assert found == [pem], found
    bench.sign_and_verify(key)


def finds_keys_again(bench: Bench) -> None:
    """The agent that comes next knows of a key its public half, and where it was last."""
    assert bench.agent.stop() == 0
    bench.agent.start()
    bench.unlock()
    bench.sign_and_verify(bench.key())


def locks(bench: Bench) -> None:
    assert bench.call("LockToken", token=bench.token()["name"])["token"]["state"] == "locked"
    assert refusal(lambda: bench.sign(bench.key())) == "PinRequired"


def unlocks_again(bench: Bench) -> None:
    unlocks(bench)
    bench.sign_and_verify(bench.key())


def token_hosts(agent: Agent) -> list[int]:
    """Children of this signetd that host a module."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended
        if int(fields["PPid"]) == agent.process.pid and fields["Name"] == "signet-token-host"[:15]:
            found.append(int(fields["Pid"]))
    return found


def outlives_its_host(bench: Bench) -> None:
    """At most one PIN later, signatures are made again."""
    hosts = token_hosts(bench.agent)
    assert hosts
    for pid in hosts:
        os.kill(pid, signal.SIGKILL)
    deadline, prompts = time.monotonic() + 30, 0
    while True:
        try:
            bench.sign_and_verify(bench.key())
            break
        except VarlinkError as error:
            assert time.monotonic() < deadline, error
            if error.short == "PinRequired":
                prompts += 1
                bench.unlock()
            else:
                assert error.short in ("TokenFault", "TokenAbsent"), error
    assert prompts <= 1, prompts


def is_initialised_anew(bench: Bench) -> None:
    """Erased, with another PIN: the old key signs no more; one that is made now does."""
    old = bench.key()
    bench.module.pin = "60718293"
    bench.call("InitToken", token=bench.token()["name"], label=LABEL, soPin=bench.module.so_pin, pin=bench.module.pin)
    bench.unlock()
    assert refusal(lambda: bench.sign(old)) != "Internal"
    bench.keys.clear()
    for algorithm in bench.makes[:1]:
        bench.sign_and_verify(bench.generate(algorithm))


ROWS: dict[str, Callable[[Bench], None]] = {
    "the module loads": loads,
    "its token is listed": lists_its_token,
    "a wrong PIN is refused, and sent once": refuses_a_wrong_pin,
    "the PIN unlocks": unlocks,
    "a key that was there is enrolled": enrols_what_is_there,
    "makes ECDSA P-256": generates("ecdsa-p256"),
    "makes ECDSA P-384": generates("ecdsa-p384"),
    "makes RSA-2048": generates("rsa-2048"),
    "makes RSA-3072": generates("rsa-3072"),
    "makes Ed25519": generates("ed25519"),
    "signs ecdsa-sha2-nistp256": signs("ecdsa-sha2-nistp256", "sha256", "ecdsa-p256"),
    "signs ecdsa-sha2-nistp384": signs("ecdsa-sha2-nistp384", "sha384", "ecdsa-p384"),
    "signs rsassa-pss-sha256": signs("rsassa-pss-sha256", "sha256", "rsa-2048", "rsa-3072"),
    "signs rsassa-pkcs1v15-sha256": signs("rsassa-pkcs1v15-sha256", "sha256", "rsa-2048", "rsa-3072"),
    "signs ed25519": signs("ed25519", None, "ed25519"),
    f"signs for {CLIENTS} clients at once": signs_for_many,
    "a certificate is stored beside a key": stores_a_certificate,
    "keys are found by the next agent": finds_keys_again,
    "locks": locks,
    "unlocks again, and signs": unlocks_again,
    "its host is killed: signs again": outlives_its_host,
    "its token is initialised anew": is_initialised_anew,
}
