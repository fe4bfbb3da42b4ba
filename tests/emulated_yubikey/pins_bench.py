"""What the tests of PINs share: a card with two keys and its PIN, locked and with all tries before each test; the agent's way
through ykcs11 and through OpenSC."""
from __future__ import annotations

import time
import unittest
from typing import Any, Callable

from agent_fixture import PERMISSIVE_POLICY
from varlink_client import VarlinkError

from emulated_yubikey.agent_bench import PIN, CardAgent
from emulated_yubikey.harness import CardSpec

PUK, NEW_PIN = "12345678", "246810"
VERIFIED = 0x9000
LABELS = {"ykcs11": "YubiKey PIV #111", "opensc": "slot 9a"}  # by what is on the card


def await_true(what: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


class PinsBench:
    module = ""
    firmware = "5.4.3"
    policy = PERMISSIVE_POLICY
    extra = ""
    bench: CardAgent
    key: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.bench = CardAgent(cls.module, CardSpec("alice", serial=111, firmware=cls.firmware), extra=cls.extra,
                              policy=cls.policy)
        try:
            cls.bench.control("set-chuid", card="alice")
            for slot in ("9a", "9c"):
                cls.bench.make_key("alice", slot)
            cls.prepare()
            cls.bench.start()
            cls.bench.unlock("alice")
            for slot in ("9a", "9c"):
                cls.key = cls.bench.enrol("alice", slot)
        except BaseException:
            cls.bench.stop()
            raise

    @classmethod
    def prepare(cls) -> None:
        """Before the agent is started."""

    @classmethod
    def tearDownClass(cls) -> None:
        cls.bench.stop()

    def setUp(self) -> None:
        """The card has its PIN and all tries, and the token is locked."""
        self.bench.control("set-pin", card="alice", pin=PIN)
        self.bench.control("set-puk", card="alice", puk=PUK)
        self.bench.call("LockToken", token=self.token)
        self.bench.call("ResetPinBudget", token=self.token)
        self.bench.control("clear-diary", card="alice")

    @property
    def token(self) -> str:
        return self.bench.token_of("alice")

    def described(self) -> dict[str, Any]:
        return next(token for token in self.bench.tokens() if token["name"] == self.token)

    def sign(self, slot: str = "9a") -> None:
        key = f"alice-{slot}"
        self.bench.verify(key, self.bench.sign(key))

    def verified(self) -> bool:
        """Whether another program finds the PIN verified."""
        return int(self.bench.control("pin-state")["status"]) == VERIFIED

    def refusal(self, work: Callable[[], Any]) -> VarlinkError:
        with self.assertRaises(VarlinkError) as refused:
            work()
        return refused.exception

    def assert_accepted(self, times: int) -> None:
        """ykcs11 keeps the PIN, and may send it once more by itself after a reset (docs/token-events.md)."""
        uses = self.pin_uses()
        own = 1 if self.module == "ykcs11" else 0
        self.assertEqual([use for use in uses if use != "accepted"], [])
        self.assertTrue(times <= len(uses) <= times + own, uses)

    def pin_uses(self, what: str = "pin") -> list[str]:
        uses = self.bench.control("diary", card="alice")["pin_uses"]
        return [use["outcome"] for use in uses if use["what"] == what]


def cases(*kinds: type) -> dict[str, type]:
    """Each kind's tests, with either module: for the globals of the script that has them."""
    found = {}
    for kind in kinds:
        for module in ("ykcs11", "opensc"):
            name = f"{kind.__name__}With{module.capitalize()}"
            found[name] = type(name, (kind, unittest.TestCase), {"module": module})
    return found
