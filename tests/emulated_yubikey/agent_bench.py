"""signetd over emulated YubiKeys: what the agent's tests share."""
from __future__ import annotations

import base64
import os
import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from agent_fixture import PERMISSIVE_POLICY, Agent
from varlink_client import Varlink, VarlinkError

from emulated_yubikey.harness import CardSpec, PcscdWithCards

PIN, WRONG_PIN = "123456", "654321"
MANAGEMENT_KEY = "010203040506070801020304050607080102030405060708"  # of every new YubiKey
WRONG_MANAGEMENT_KEY = "fefdfcfb06070801020304050607080102030405060708aa"
_LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
MODULES = {"ykcs11": _LIBRARIES / "libykcs11.so", "opensc": _LIBRARIES / "opensc-pkcs11.so"}


def configuration(module: str, bench: PcscdWithCards, extra: str = "") -> str:
    """An agent with that one module, which sees the bench's cards and no others, and believes their attestations."""
    environment = ", ".join(f'{name} = "{value}"' for name, value in bench.environment.items())
    return (f'[agent]\ndiscover-modules = false\n[attestation]\nca = ["{bench.attestation_root}"]\n[[module]]\nname = "{module}"\npath = "{MODULES[module]}"\n'
            f"environment = {{ {environment} }}\n{extra}")


class Causes:
    """Why a PIN may reach a card: somebody gave it, or it was configured. What the card says it got is held against that
    when the agent is stopped, whatever a test looked at."""

    def __init__(self) -> None:
        self.given: Counter[str] = Counter()  # how often, by persons and in configurations
        self.changed = 0  # how often somebody else changed a card's PIN: what was right is then sent once in vain

    def of_call(self, method: str, parameters: dict[str, Any]) -> None:
        for name in ("pin", "oldPin", "newPin", "soPin"):
            value = parameters.get(name)
            if isinstance(value, str):
                self.given[value] += 1

    def judge(self, card: str, control: Any) -> None:
        """No value that nobody gave; none refused more often than it was given; and no card asked in vain."""
        known = list(self.given)
        uses = control("every-pin-use", card=card, known=known)["uses"]
        strange = [use for use in uses if use["value"] is None]
        assert not strange, f"{card} got a PIN that nobody gave: {strange}"
        refused = Counter(known[use["value"]] for use in uses if use["outcome"] == "refused")
        for value, times in refused.items():
            most = self.given[value] + self.changed
            assert times <= most, f"{card} refused a PIN {times} times that was given {most} times"
        assert not [use for use in uses if use["outcome"] == "blocked"], f"{card} was asked although it was blocked"


class CardAgent:
    """An agent, its cards, and keys on them that it may sign messages with. `udev`: it hears from the cards' udev.
    stop() fails if a PIN reached a card that nobody had given."""

    def __init__(self, module: str, *cards: CardSpec, extra: str = "", udev: bool = True,
                 policy: str = PERMISSIVE_POLICY) -> None:
        self.module = module
        self.causes = Causes()
        self._cards = [card.name for card in cards]
        self._scratch = tempfile.TemporaryDirectory(prefix="signet-test-")
        self.directory = Path(self._scratch.name)
        self.bench = PcscdWithCards(*cards)
        self._control = self.bench.control
        # The sanitizers' runtime wants to be loaded first.
        udev = udev and not os.environ.get("SIGNET_SANITIZE")
        listening = [f"{name}={value}" for name, value in self.bench.udev_environment.items()] if udev else []
        self.agent = Agent(self.directory, configuration(module, self.bench, extra), command=("env", *listening),
                           policy=policy)
        self.publics: dict[str, Path] = {}

    def start(self) -> None:
        self.agent.start()

    def control(self, command: str, **parameters: Any) -> dict[str, Any]:
        if command == "set-pin":
            self.causes.changed += 1
        answer: dict[str, Any] = self._control(command, **parameters)
        return answer

    def stop(self) -> None:
        try:
            self.agent.stop()
            for card in self._cards:
                self.causes.judge(card, self._control)
        finally:
            self.bench.stop()
            self._scratch.cleanup()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.causes.of_call(method, parameters)
        with self.agent.connect() as connection:
            answer: dict[str, Any] = connection.call(method, **parameters)
            return answer

    def connect(self) -> Varlink:
        return self.agent.connect()

    def tokens(self) -> list[dict[str, Any]]:
        return list(self.call("ListTokens")["tokens"])

    def token_of(self, card: str) -> str:
        """The name of the token in the card's reader: found by elimination or by serial number."""
        serial = self.control("status")["cards"][card]["serial"]
        tokens = self.tokens()
        for token in tokens:
            if token["serial"] == str(serial):
                return str(token["name"])
        if len(tokens) == 1:
            return str(tokens[0]["name"])
        raise AssertionError(f"no token of card {card} among {tokens}")

    def make_key(self, card: str, slot: str, algorithm: str = "P256", **policies: str) -> None:
        """Before the agent looks at the card."""
        public = self.directory / f"{card}-{slot}.pem"
        public.write_text(self.control("make-key", card=card, slot=slot, algorithm=algorithm, **policies)["pem"])
        self.publics[f"{card}-{slot}"] = public

    def uri(self, card: str, slot: str) -> str:
        identifier = {"9a": "01", "9c": "02", "9d": "03", "9e": "04", "82": "05"}[slot]
        token = next(token for token in self.tokens() if token["name"] == self.token_of(card))
        return f"{token['uri']};id=%{identifier};type=private"

    def enrol(self, card: str, slot: str, use: str = "message", **attestation: str) -> str:
        """The key's name: "alice-9a"."""
        name = f"{card}-{slot}"
        self.call("EnrolKey", uri=self.uri(card, slot), name=name, uses=[use], **attestation)
        return name

    def unlock(self, card: str, pin: str = PIN) -> None:
        self.call("UnlockToken", token=self.token_of(card), pin=pin)

    def sign(self, key: str, message: bytes = b"what is signed") -> bytes:
        answer = self.call("SignMessage", key=key, message=base64.b64encode(message).decode())
        return base64.b64decode(answer["signature"])

    def verify(self, key: str, signature: bytes, message: bytes = b"what is signed", digest: str = "sha256") -> None:
        """By openssl, with the key that the card made."""
        signed, made = self.directory / "message", self.directory / "signature"
        signed.write_bytes(message)
        made.write_bytes(signature)
        pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]
        rsa = b"RSA" in subprocess.run(["openssl", "pkey", "-pubin", "-in", self.publics[key], "-noout", "-text"],
                                       check=True, capture_output=True).stdout.upper()[:20] or len(signature) >= 256
        subprocess.run(["openssl", "dgst", f"-{digest}", *(pss if rsa else []), "-verify", self.publics[key],
                        "-signature", made, signed], check=True, capture_output=True)

    def pin_uses(self, card: str = "alice") -> list[str]:
        return [use["outcome"] for use in self.control("diary", card=card)["pin_uses"]]

    def management_logins(self, card: str = "alice") -> int:
        """How often the card compared a management key: the second step of a mutual authentication."""
        return sum(1 for entry in self.control("log", card=card)["log"]
                   if re.match(r"0087..9b..7c..80(08|10)[0-9a-f]+81(08|10)", str(entry["apdu"])))


def error_name(work: Any) -> str:
    """How a call ended: "" or the error's short name."""
    try:
        work()
        return ""
    except VarlinkError as error:
        return str(error.short)
