"""The faults that a networked HSM is put through, each for as long as one likes. A fault is a function
(setting: HsmAgent, until: moment, episode): it goes on until that moment, and wraps every stretch in which the HSM is not as
it should be in `with episode():`. When it returns, all is well again."""
import random
import time

# How long after the end of an episode everything must sign again. Named here, tested by soak.py, said in docs.
RECOVERY = {"link-cut-1s": 10, "link-cut-10s": 20, "link-cut-60s": 20, "loss-5-percent": 10, "hsm-killed-every-5s": 20,
            "module-hangs-on-1-percent": 20, "one-of-two-gone": 10, "one-of-two-hangs": 20}


def _cuts(seconds, calm):
    def fault(setting, until, episode):
        while True:
            with episode():
                setting.link.cut()
                time.sleep(seconds)
                setting.link.mend()
            if time.monotonic() + calm >= until:
                return
            time.sleep(calm)
    return fault


def _loss(setting, until, episode):
    with episode():
        setting.link.lose(5)
        time.sleep(max(0, until - time.monotonic()))
        setting.link.lose(0)


def _kills(setting, until, episode):
    chance = random.Random(20261128)
    with episode():
        while time.monotonic() < until:
            setting.reboot(seconds=chance.uniform(0, 0.5))
            time.sleep(min(5, max(0, until - time.monotonic())))


def _one_gone(setting, until, episode):
    with episode():
        setting.hsms[1].die()
        time.sleep(max(0, until - time.monotonic()))
        setting.reboot(1)


def _one_hangs(setting, until, episode):
    with episode():
        setting.hsms[1].freeze()
        time.sleep(max(0, until - time.monotonic()))
        setting.hsms[1].thaw()


def _hangs(setting, until, episode):
    with episode():
        setting.misbehave("C_Sign 1% hang\n")
        time.sleep(max(0, until - time.monotonic()))
        setting.misbehave("")


FAULTS = {"link-cut-1s": _cuts(1, 4), "link-cut-10s": _cuts(10, 15), "link-cut-60s": _cuts(60, 35), "loss-5-percent": _loss,
          "hsm-killed-every-5s": _kills, "module-hangs-on-1-percent": _hangs,
          "one-of-two-gone": _one_gone, "one-of-two-hangs": _one_hangs}
# Those that are put to a pair of HSMs with the same keys.
PAIRED = {"one-of-two-gone", "one-of-two-hangs"}
