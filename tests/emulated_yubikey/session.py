"""What the PIV applet's commands share: the lasting state, and what is forgotten with the power."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from .apdu import CardError, Status
from .diary import Diary
from .management import ManagementLogin
from .state import CardState, PinPolicy, TouchPolicy
from .touch import Finger

PIN, PUK = 0x80, 0x81
MANAGEMENT_SLOT = 0x9B
ATTESTATION_SLOT = 0xF9
KEY_SLOTS = (0x9A, 0x9C, 0x9D, 0x9E, *range(0x82, 0x96))


@dataclass
class Session:
    state: CardState
    save: Callable[[], None]
    diary: Diary
    finger: Finger
    powered: Callable[[], bool] = lambda: True
    management: ManagementLogin = field(default_factory=ManagementLogin)
    pin_verified: bool = False  # for policy "once"
    pin_fresh: bool = False  # for policy "always": verified, and no key used since

    def reset(self) -> None:
        self.management.reset()
        self.pin_verified = self.pin_fresh = False

    def need_management(self) -> None:
        if not self.management.authenticated:
            raise CardError(Status.SECURITY_STATUS)

    def need_pin(self, policy: int) -> None:
        verified = {PinPolicy.NEVER: True, PinPolicy.ONCE: self.pin_verified, PinPolicy.ALWAYS: self.pin_fresh}
        if not verified[PinPolicy(policy)]:
            raise CardError(Status.SECURITY_STATUS)

    def need_touch(self, policy: int) -> None:
        """Waits for the person; a card to which nobody came says what it says to one without a PIN."""
        if policy == TouchPolicy.NEVER or (policy == TouchPolicy.CACHED and self.finger.touched_lately()):
            return
        if not self.finger.wait(self.powered):
            raise CardError(Status.SECURITY_STATUS)


def pin_policy_for(slot: int, asked: int) -> int:
    """What "default" means for a slot."""
    if asked != PinPolicy.DEFAULT:
        return asked
    return {0x9C: PinPolicy.ALWAYS, 0x9E: PinPolicy.NEVER}.get(slot, PinPolicy.ONCE)


def touch_policy_for(asked: int) -> int:
    return TouchPolicy.NEVER if asked == TouchPolicy.DEFAULT else asked
