"""PINs, through ykcs11 and through OpenSC: a lock that locks, PINs that are kept no longer than the policy says, new PINs,
PINs that were changed elsewhere, tries that are counted, cards that are left to others."""
from __future__ import annotations

import os
import signal
import time
import unittest
from pathlib import Path
from typing import Any, Callable

from agent_fixture import PERMISSIVE_POLICY
from varlink_client import VarlinkError

from emulated_yubikey.agent_bench import PIN, WRONG_PIN, CardAgent, error_name
from emulated_yubikey.harness import CardSpec

SANITIZED = bool(os.environ.get("SIGNET_SANITIZE"))
PUK, NEW_PIN, THIRD_PIN = "12345678", "246810", "135791"
VERIFIED = 0x9000
KEPT_SECONDS = 3
LABELS = {"ykcs11": "YubiKey PIV #111", "opensc": "slot 9a"}  # by what is on the card


def short_keeping(key: str, span: str) -> str:
    return (f'[[rule]]\nname = "keeps-{key}"\nanyone = true\naction = "sign-message"\nkey = "{key}"\n'
            f'pin-cache = "{span}"\n')


POLICY = short_keeping("alice-9a", f"{KEPT_SECONDS}s") + short_keeping("alice-9c", "never") + PERMISSIVE_POLICY


def children_of(pid: int) -> dict[int, str]:
    """The command lines of its children, by pid."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == pid:
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, ValueError):
            continue  # it has ended
    return found


def await_true(what: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


class Base:
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


class Locking(Base):
    """lock, and whatever else ends a login, is seen by other programs."""

    def test_a_locked_card_asks_every_program_for_its_pin(self) -> None:
        self.bench.unlock("alice")
        self.sign()
        self.assertTrue(self.verified())
        self.assertEqual(self.bench.call("LockToken", token=self.token)["token"]["state"], "locked")
        self.assertFalse(self.verified())
        self.assertEqual(self.refusal(self.sign).short, "PinRequired")
        self.bench.unlock("alice")
        self.sign()
        self.assertEqual(self.pin_uses(), ["accepted", "accepted"])

    def test_a_card_that_another_program_holds_is_not_said_to_be_locked(self) -> None:
        self.bench.unlock("alice")
        self.sign()
        self.bench.control("hold")
        self.addCleanup(self.bench.control, "release")
        refused = self.refusal(lambda: self.bench.call("LockToken", token=LABELS[self.module]))
        # By the module, which waits for the card and is not there for the agent; or by the card that is not reset.
        self.assertIn(refused.short, ("TokenAbsent", "NotFound", "TokenFault"))
        self.bench.control("release")
        self.assertTrue(await_true(lambda: len(self.bench.tokens()) == 1))
        self.bench.call("LockToken", token=self.token)
        self.assertFalse(self.verified())

    def kill_host(self) -> None:
        hosts = [pid for pid, command in children_of(self.bench.agent.process.pid).items() if "--token" in command]
        self.assertEqual(len(hosts), 1)
        os.kill(hosts[0], signal.SIGKILL)

    def test_a_killed_host_leaves_no_verified_pin(self) -> None:
        self.bench.unlock("alice")
        self.sign()
        self.kill_host()
        refused = self.refusal(self.sign)
        self.assertEqual(refused.short, "PinRequired")
        self.assertIn("killed by signal 9", str(refused))
        self.assertIn("forgotten the PIN", str(refused))
        self.assertTrue(await_true(lambda: not self.verified()))
        self.bench.unlock("alice")
        self.sign()
        self.assertTrue(self.verified())
        self.assert_accepted(2)

    def test_a_stopped_agent_leaves_no_verified_pin(self) -> None:
        self.bench.unlock("alice")
        self.sign()
        self.bench.agent.stop()
        self.addCleanup(self.bench.start)
        self.assertFalse(self.verified())


class Counting(Base):
    """Tries are counted by the card, and told exactly."""

    def test_tries_are_told_and_the_last_one_is_never_taken(self) -> None:
        self.assertEqual(self.described()["pinTries"], 3)
        first = self.refusal(lambda: self.bench.unlock("alice", WRONG_PIN))
        self.assertEqual((first.short, first.parameters["left"]), ("PinRefused", 2))
        self.assertIn("2 tries are left", str(first))
        self.assertEqual(self.described()["pinTries"], 2)
        second = self.refusal(lambda: self.bench.unlock("alice", "987654"))  # another value: the card counts
        self.assertEqual((second.parameters["left"], second.parameters["remaining"]), (1, "final"))
        third = self.refusal(lambda: self.bench.unlock("alice", PIN))  # right, but who knows
        self.assertEqual((third.parameters["left"], third.parameters["remaining"]), (1, "final"))
        self.assertEqual(self.described()["pin"], "final")
        self.assertEqual(self.pin_uses(), ["refused", "refused"])

    def test_counting_costs_no_try_and_logs_nobody_out(self) -> None:
        self.bench.unlock("alice")
        self.sign()
        for _ in range(3):
            self.described()
        self.assertTrue(self.verified())
        self.sign()
        self.assertEqual(self.pin_uses(), ["accepted"])


class NewPins(Base):
    def test_a_changed_pin_is_gone_on_with(self) -> None:
        self.bench.unlock("alice")
        self.sign()
        changed = self.bench.call("ChangePin", token=self.token, oldPin=PIN, newPin=NEW_PIN)
        self.assertEqual(changed["token"]["state"], "unlocked")
        self.sign()
        self.assertEqual(self.pin_uses().count("refused"), 0)
        self.bench.call("LockToken", token=self.token)
        self.bench.control("clear-diary", card="alice")
        self.assertEqual(self.refusal(lambda: self.bench.unlock("alice", PIN)).short, "PinRefused")
        self.bench.unlock("alice", NEW_PIN)
        self.sign()
        self.assertEqual(self.pin_uses(), ["refused", "accepted"])

    def test_a_locked_token_stays_locked(self) -> None:
        changed = self.bench.call("ChangePin", token=self.token, oldPin=PIN, newPin=NEW_PIN)
        self.assertEqual(changed["token"]["state"], "locked")
        self.assertFalse(self.verified())

    def test_a_wrong_old_pin_costs_one_try_and_changes_nothing(self) -> None:
        for _ in range(2):
            refused = self.refusal(
                lambda: self.bench.call("ChangePin", token=self.token, oldPin=WRONG_PIN, newPin=NEW_PIN))
            self.assertEqual((refused.short, refused.parameters["left"]), ("PinRefused", 2))
        self.assertEqual(self.pin_uses(), ["refused"])
        self.bench.unlock("alice")

    def test_lengths_are_checked_before_the_card_is_asked(self) -> None:
        for old, new, parameter in (("12345", NEW_PIN, "oldPin"), (PIN, "12345", "newPin"), (PIN, "123456789", "newPin")):
            refused = self.refusal(lambda: self.bench.call("ChangePin", token=self.token, oldPin=old, newPin=new))
            self.assertEqual((refused.short, refused.parameters["parameter"]), ("InvalidParameter", parameter))
        refused = self.refusal(lambda: self.bench.call("UnblockPin", token=self.token, soPin="1234", newPin=NEW_PIN))
        self.assertEqual((refused.short, refused.parameters["parameter"]), ("InvalidParameter", "soPin"))
        self.assertEqual(self.pin_uses() + self.pin_uses("puk"), [])

    def test_the_puk_unblocks(self) -> None:
        self.bench.control("block-pin", card="alice")
        refused = self.refusal(lambda: self.bench.unlock("alice"))
        self.assertEqual((refused.short, refused.parameters["remaining"]), ("PinRefused", "locked"))
        self.assertIn("signet token unblock", str(refused))
        self.bench.call("UnblockPin", token=self.token, soPin=PUK, newPin=NEW_PIN)
        self.assertEqual(self.described()["pinTries"], 3)
        self.bench.unlock("alice", NEW_PIN)
        self.sign()
        self.assertEqual((self.pin_uses("puk"), self.pin_uses()), (["accepted"], ["accepted"]))

    def test_the_puk_has_a_budget_of_its_own(self) -> None:
        def unblock(puk: str) -> VarlinkError:
            return self.refusal(lambda: self.bench.call("UnblockPin", token=self.token, soPin=puk, newPin=NEW_PIN))
        for _ in range(3):
            self.assertEqual(unblock("87654321").short, "PinRefused")
        self.assertEqual(self.pin_uses("puk"), ["refused"])
        unblock("11111111")
        last = unblock(PUK)  # after two wrong ones the card has one try left, or does not say
        self.assertIn(last.parameters["remaining"], ("final", "unknown"))
        self.assertLessEqual(self.pin_uses("puk").count("refused"), 2)
        self.assertEqual(self.bench.control("status")["cards"]["alice"]["puk_tries"] >= 1, True)
        self.bench.unlock("alice")  # the user's PIN is another matter
        self.bench.call("ResetPinBudget", token=self.token)


class Keeping(Base):
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


class Sources(Base):
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


class Idling(Base):
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


def cases(*kinds: type) -> None:
    for kind in kinds:
        for module in ("ykcs11", "opensc"):
            name = f"{kind.__name__}With{module.capitalize()}"
            globals()[name] = type(name, (kind, unittest.TestCase), {"module": module})


class CountingOld(Counting):
    """Firmware without GET METADATA."""
    firmware = "5.2.4"


cases(Locking, Counting, CountingOld, NewPins, Keeping, Sources, Idling)

if __name__ == "__main__":
    unittest.main()
