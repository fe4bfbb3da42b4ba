"""What a token that waits for a touch costs another one: two emulated YubiKeys, ykcs11, one agent. Signatures a second of
bob's key alone, and while alice's card waits for a touch, in turns, so that what else the machine does falls on both.

    tests/bench/touch_bench.py [ROUNDS]     (./dev bench touch)
"""
from __future__ import annotations

import base64
import statistics
import sys
import time

from emulated_yubikey.agent_bench import CardAgent
from emulated_yubikey.harness import CardSpec
from varlink_client import Varlink

SECONDS = 3.0
MESSAGE = base64.b64encode(b"what is signed").decode()


def rate(connection: Varlink, seconds: float) -> float:
    done, begun = 0, time.monotonic()
    while time.monotonic() - begun < seconds:
        connection.call("SignMessage", key="bob-9a", message=MESSAGE)
        done += 1
    return done / (time.monotonic() - begun)


def waiting_rate(bench: CardAgent, connection: Varlink) -> float:
    with bench.connect() as other:
        other.send("SignMessage", {"key": "alice-9a", "message": MESSAGE})
        if not bench.control("await-blinking", card="alice")["blinking"]:
            raise AssertionError("alice's card does not wait for a touch")
        during = rate(connection, SECONDS)
        bench.control("press", card="alice")
        if "signature" not in other.receive()["parameters"]:
            raise AssertionError("alice's key did not sign after the touch")
    return during


def main(rounds: int) -> int:
    bench = CardAgent("ykcs11", CardSpec("alice", serial=111), CardSpec("bob", serial=222))
    try:
        for card in ("alice", "bob"):
            bench.make_key(card, "9a", touch="always" if card == "alice" else "never")
        bench.start()
        for card in ("alice", "bob"):
            bench.unlock(card)
            bench.enrol(card, "9a")
        bench.sign("bob-9a")
        bench.control("touch", card="alice", mode="wait", timeout=15.0)
        alone, during = [], []
        with bench.connect() as connection:
            rate(connection, 1.0)
            for _ in range(rounds):
                alone.append(rate(connection, SECONDS))
                during.append(waiting_rate(bench, connection))
    finally:
        bench.stop()
    kept = [100 * d / a for a, d in zip(alone, during)]
    print(f"bob's key alone: {statistics.median(alone):.1f} signatures/s (median of {rounds} times {SECONDS:.0f} s)")
    print(f"while alice's card waits for a touch: {statistics.median(during):.1f}/s")
    print(f"kept: {statistics.median(kept):.1f} % (median; {min(kept):.1f} to {max(kept):.1f} %)")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
