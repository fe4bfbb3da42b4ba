"""PINs, through ykcs11 and through OpenSC: PINs that are kept no longer than the policy says, PINs that were changed elsewhere,
cards that are left to others."""
from __future__ import annotations

import os
import time
import unittest
from pathlib import Path

from agent_fixture import PERMISSIVE_POLICY

from emulated_yubikey.agent_bench import PIN, error_name
from emulated_yubikey.pins_bench import LABELS, NEW_PIN, PinsBench, await_true, cases

SANITIZED = bool(os.environ.get("SIGNET_SANITIZE"))
KEPT_SECONDS = 3


def short_keeping(key: str, span: str) -> str:
    return (f'[[rule]]\nname = "keeps-{key}"\nanyone = true\naction = "sign-message"\nkey = "{key}"\n'
            f'pin-cache = "{span}"\n')


POLICY = short_keeping("alice-9a", f"{KEPT_SECONDS}s") + short_keeping("alice-9c", "never") + PERMISSIVE_POLICY


class Keeping(PinsBench):
    """The policy's pin-cache."""
    policy = POLICY

    def test_a_pin_is_kept_for_its_time(self) -> None:
        self.bench.unlock("alice")
        unlocked = time.monotonic()
        self.sign()
        self.sign()
        self.assertTrue(self.verified())
        time.sleep(max(0.0, unlocked + KEPT_SECONDS - 0.7 - time.monotonic()))
        if not SANITIZED:
            self.sign()
        self.assertTrue(await_true(lambda: not self.verified(), KEPT_SECONDS + 2.0))  # nobody asked for anything
        refused = self.refusal(self.sign)
        self.assertEqual(refused.short, "PinRequired")
        self.assertIn(f"keeps its PIN for {KEPT_SECONDS} s at most", str(refused))
        self.assertEqual(self.pin_uses(), ["accepted"])

    def test_a_pin_that_is_never_kept_serves_one_signature(self) -> None:
        self.bench.unlock("alice")
        self.sign("9c")
        refused = self.refusal(lambda: self.sign("9c"))
        self.assertEqual(refused.short, "PinRequired")
        self.assertIn("for one signature only", str(refused))
        self.assertTrue(await_true(lambda: not self.verified()))
        self.bench.unlock("alice")
        self.sign("9c")

    def test_the_policy_says_so(self) -> None:
        never = self.bench.call("ExplainPolicy", question={"action": "sign-message", "key": "alice-9c"})
        self.assertIn("one signature only", never["verdict"]["sentence"])
        self.assertEqual(never["verdict"]["pinCacheSeconds"], 0)


class Sources(PinsBench):
    """A PIN source, whose PIN is changed in the token by others."""
    policy = short_keeping("alice-9c", "never") + PERMISSIVE_POLICY

    @classmethod
    def prepare(cls) -> None:
        cls.source = cls.bench.directory / "pin"
        cls.give(PIN)
        with open(cls.bench.agent.config, "a", encoding="utf-8") as config:
            config.write(f'[[module.pin]]\ntoken = "{LABELS[cls.module]}"\nfile = "{cls.source}"\n')

    source: Path

    @classmethod
    def give(cls, pin: str) -> None:
        cls.bench.causes.given[pin] += 1
        cls.source.unlink(missing_ok=True)
        cls.source.write_text(pin + "\n")
        cls.source.chmod(0o400)

    def setUp(self) -> None:
        super().setUp()
        self.give(PIN)

    def test_a_pin_that_was_changed_elsewhere_is_picked_up(self) -> None:
        self.sign()
        self.bench.control("set-pin", card="alice", pin=NEW_PIN)
        self.give(NEW_PIN)
        self.bench.control("reset")
        self.sign()  # the same call, and no error
        self.assertEqual(self.pin_uses(), ["accepted", "refused", "accepted"])

    def test_a_source_that_lags_behind_costs_one_try(self) -> None:
        self.sign()
        self.bench.control("set-pin", card="alice", pin=NEW_PIN)
        self.bench.control("reset")
        for _ in range(3):
            self.assertIn(error_name(self.sign), ("PinRefused", "TokenFault"))
        self.assertEqual(self.pin_uses(), ["accepted", "refused"])
        self.give(NEW_PIN)
        self.assertTrue(await_true(lambda: error_name(self.sign) == "", 5))
        self.assertEqual(self.pin_uses(), ["accepted", "refused", "accepted"])

    def test_a_pin_that_is_never_kept_is_read_for_each_signature(self) -> None:
        for _ in range(3):
            self.sign("9c")
        self.assertEqual(self.refused_uses(), [])
        self.assertTrue(await_true(lambda: not self.verified()))

    def refused_uses(self) -> list[str]:
        return [use for use in self.pin_uses() if use != "accepted"]

    def test_a_changed_pin_is_not_undone_by_its_old_source(self) -> None:
        self.sign()
        self.bench.call("ChangePin", token=self.token, oldPin=PIN, newPin=NEW_PIN)
        self.sign()
        self.bench.call("LockToken", token=self.token)
        refused = self.refusal(self.sign)
        self.assertEqual(refused.short, "PinRefused")
        self.assertIn("from before it was changed", str(refused))
        self.assertEqual(self.refused_uses(), [])
        self.give(NEW_PIN)
        self.assertTrue(await_true(lambda: error_name(self.sign) == "", 5))


class Idling(PinsBench):
    extra = 'idle-release = "3s"\n'

    def test_an_idle_card_is_left_to_others(self) -> None:
        self.bench.unlock("alice")
        self.sign()
        self.assertTrue(await_true(lambda: not self.verified(), 15))
        time.sleep(1)
        self.assertFalse(self.verified())
        self.bench.control("hold", exclusive=True)
        self.addCleanup(self.bench.control, "release")
        held = self.refusal(self.sign)
        self.assertEqual(held.short, "TokenAbsent")
        self.assertIn("Another program holds it", str(held))  # in a namespace of its own, so nobody sees which
        self.bench.control("release")
        refused = self.refusal(self.sign)
        self.assertIn(refused.short, ("PinRequired", "TokenAbsent"))
        self.assertTrue(await_true(lambda: error_name(lambda: self.bench.unlock("alice")) == ""))
        self.sign()

    def test_a_card_that_is_used_is_not_let_go_of(self) -> None:
        self.bench.unlock("alice")
        for _ in range(10):
            self.sign()
            time.sleep(0.5)
        self.assert_accepted(1)


globals().update(cases(Keeping, Sources, Idling))

if __name__ == "__main__":
    unittest.main()
