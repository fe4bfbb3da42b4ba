"""What a card remembers without power: values, and the JSON file they are kept in."""
from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from pathlib import Path

# Of a YubiKey 5 over USB.
YUBIKEY_5_ATR = "3bfd1300008131fe158073c021c057597562694b657940"
DEFAULT_PIN = "123456"
DEFAULT_PUK = "12345678"
DEFAULT_MANAGEMENT_KEY = "010203040506070801020304050607080102030405060708"


class PinPolicy(IntEnum):
    DEFAULT = 0
    NEVER = 1
    ONCE = 2
    ALWAYS = 3


class TouchPolicy(IntEnum):
    DEFAULT = 0
    NEVER = 1
    ALWAYS = 2
    CACHED = 3


class Algorithm(IntEnum):
    """The byte that names an algorithm (SP 800-78-4, table 6-2; Yubico's from 0xE0, and RSA above 2048)."""
    TDES = 0x03
    RSA3072 = 0x05
    RSA1024 = 0x06
    RSA2048 = 0x07
    AES128 = 0x08
    AES192 = 0x0A
    AES256 = 0x0C
    P256 = 0x11
    P384 = 0x14
    RSA4096 = 0x16
    ED25519 = 0xE0


class Origin(IntEnum):
    GENERATED = 1
    IMPORTED = 2


@dataclass
class Secret:
    """The PIN or the PUK: its value and its counter."""
    value: str  # hex of the eight bytes, padded with FF
    tries: int = 3
    left: int = 3

    @staticmethod
    def of(text: str) -> Secret:
        return Secret(text.encode().ljust(8, b"\xff").hex())


@dataclass
class ManagementKey:
    algorithm: int = Algorithm.TDES
    key: str = DEFAULT_MANAGEMENT_KEY
    touch: int = TouchPolicy.NEVER


@dataclass
class StoredKey:
    algorithm: int
    pkcs8: str  # hex of the DER, unencrypted: it is a card for tests
    origin: int
    pin_policy: int
    touch_policy: int


@dataclass
class CardState:
    serial: int = 10000001
    firmware: str = "5.4.3"
    form_factor: int = 1  # USB-A keychain
    atr: str = YUBIKEY_5_ATR
    pin: Secret = field(default_factory=lambda: Secret.of(DEFAULT_PIN))
    puk: Secret = field(default_factory=lambda: Secret.of(DEFAULT_PUK))
    management: ManagementKey = field(default_factory=ManagementKey)
    keys: dict[str, StoredKey] = field(default_factory=dict)  # by slot, "9a"
    objects: dict[str, str] = field(default_factory=dict)  # by tag, "5fc105", what stands in tag 53

    @property
    def version(self) -> tuple[int, int, int]:
        major, minor, patch = (int(part) for part in self.firmware.split("."))
        return major, minor, patch

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> CardState:
        read = json.loads(text)
        keys = {slot: StoredKey(**key) for slot, key in read.pop("keys").items()}
        return CardState(**{**read, "pin": Secret(**read["pin"]), "puk": Secret(**read["puk"]),
                            "management": ManagementKey(**read["management"]), "keys": keys})


class StateFile:
    """Keeps a card's state; every save is atomic. The file holds private keys: mode 0600."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> CardState | None:
        return CardState.from_json(self._path.read_text()) if self._path.exists() else None

    def save(self, state: CardState) -> None:
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(state.to_json())
        fresh.rename(self._path)
