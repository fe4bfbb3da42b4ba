#!/usr/bin/python3
"""Faults of a networked HSM under load, and what the agent makes of them.

Each fault goes on for a while (180 s; a link that is cut for 60 s: two times, 35 s apart) while clients sign messages and
metadata through signetd. What must hold, or the status is 1: every call is answered by a signature that verifies or by a
typed error; no version is released with two payloads; some seconds after the fault everything signs again, without a
restart of the agent; the HSM has compared no wrong PIN; the agent's descriptors, hosts and memory are what they were."""
import argparse
import contextlib
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
os.environ.setdefault("SIGNET_BIN_DIR", str(ROOT / "build" / "release" / "bin"))
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "integration")]

from agent_fixture import Scratch  # noqa: E402: needs the path and the variable above
from hsm_network.faults import FAULTS, PAIRED, RECOVERY  # noqa: E402
from hsm_network.hsm_agent import MESSAGE_KEYS, REPOSITORY, ROLES, SESSIONS, HsmAgent  # noqa: E402
from hsm_network.load import Load  # noqa: E402
from hsm_network.network import missing  # noqa: E402

QUIET = 1.5  # seconds without a spoiled answer: then it has recovered
SPOILED = 1.0  # so long a signature takes only when something is the matter, on a machine that has time
MEMORY_SLACK_KIB = 4096
SANITIZED = bool(os.environ.get("SIGNET_SANITIZE"))  # its memory is shadows and quarantine, too
# An agent with an empty ledger, and the ledger's page cache, which fills with the records that are written; the long form
# begins when it is as good as full.
FILLED_KIB = 4096 + 16384


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else None


class Soak:
    """One fault, from calm to calm. `short`: some seconds, for a look that nothing is broken."""

    def __init__(self, name, seconds, clients, pause, short):
        self.name, self.seconds, self.clients, self.pause, self.short = name, seconds, clients, pause, short
        self.calm = 2 if short else 8  # seconds of load before a fault and after its recovery
        self.late = SPOILED
        self.episodes, self.findings = [], []
        self.row = {"fault": name, "seconds": seconds, "clients": clients}

    @contextlib.contextmanager
    def episode(self):
        begun = time.monotonic()
        yield
        self.episodes.append((begun, time.monotonic()))

    def run(self):
        kind = {"module_shim": self.name.startswith("module-"), "pair": self.name in PAIRED}
        with Scratch() as scratch, HsmAgent(scratch, **kind) as setting:
            load = Load(setting.agent, REPOSITORY, ROLES, list(MESSAGE_KEYS), self.clients, self.pause)
            with load:
                self.warm_up(setting)
                self.late = max([SPOILED, *(2 * call.seconds for call in load.since(0))])
                before, logins = setting.usage(), len(setting.logins())
                begun = time.monotonic()
                FAULTS[self.name](setting, begun + self.seconds, self.episode)
                recovered = self.await_recovery(load)
                time.sleep(self.calm)
                after = setting.usage()
            load.check_ledger(setting.records())
            self.findings += load.findings
            self.judge_calls(load, begun, recovered)
            self.judge_usage(before, after)
            self.judge_logins(setting, logins)
        return self

    def warm_up(self, setting):
        time.sleep(self.calm)
        end, grown = time.monotonic() + 120, not self.short
        while grown and time.monotonic() < end:
            held = setting.usage()["memory_kib"]
            time.sleep(5)
            grown = setting.usage()["memory_kib"] > held + 128

    def await_recovery(self, load):
        """The moment from which on no answer is spoiled any more."""
        over = self.episodes[-1][1]
        last = over
        while time.monotonic() < last + QUIET or load.longest_wait() >= self.late:
            if time.monotonic() > over + RECOVERY[self.name] + QUIET:
                self.find(f"not everything signs again {RECOVERY[self.name]} s after the fault")
                break
            time.sleep(0.1)
            last = max([last, *(call.ended for call in load.since(over) if self.spoiled(call))])
        return time.monotonic()

    def spoiled(self, call):
        return call.fault or call.seconds >= self.late

    def find(self, finding):
        self.findings.append(finding)

    def judge_calls(self, load, begun, recovered):
        calls = load.since(begun)
        faults = {}
        for call in calls:
            if call.fault:
                faults[call.outcome] = faults.get(call.outcome, 0) + 1
        signed = [call.seconds for call in calls if call.outcome == "signed"]
        late = [call for call in calls if call.fault and call.ended >= recovered]
        healthy = [call for call in calls if call.begun >= recovered and call.outcome == "signed"]
        self.row.update(calls=len(calls), signed=len(signed), faults=faults, median_ms=_ms(percentile(signed, 0.5)),
                        p99_ms=_ms(percentile(signed, 0.99)), longest_s=round(max(c.seconds for c in calls), 2),
                        recovery_s=self.recovery(calls))
        if late:
            self.find(f"{len(late)} calls failed after the recovery: {late[0].outcome}")
        if len(healthy) < self.clients:
            self.find(f"only {len(healthy)} signatures in the {self.calm} s after the recovery")

    def recovery(self, calls):
        """The longest time from an episode's end to the last answer that it spoiled: an error, or a signature that came
        late."""
        longest = 0.0
        for number, (_, end) in enumerate(self.episodes):
            until = self.episodes[number + 1][0] if number + 1 < len(self.episodes) else float("inf")
            longest = max([longest, *(c.ended - end for c in calls if end <= c.ended < until and self.spoiled(c))])
        return round(longest, 2)

    def judge_usage(self, before, after):
        self.row.update(before=before, after=after)
        # Sessions that were not needed before may be open now, and stay.
        slack = {"descriptors": SESSIONS * (2 if self.name in PAIRED else 1), "hosts": 0}
        for kind in ("descriptors", "hosts"):
            if before[kind] is not None and after[kind] > before[kind] + slack[kind]:
                self.find(f"{kind}: {before[kind]} before, {after[kind]} after")
        if not SANITIZED and after["memory_kib"] > max(before["memory_kib"], FILLED_KIB) + MEMORY_SLACK_KIB:
            self.find(f"memory: {before['memory_kib']} KiB before, {after['memory_kib']} after")

    def judge_logins(self, setting, before):
        logins = setting.logins()
        refused = [hex(result) for _, result in logins if result != 0]
        self.row.update(logins=len(logins) - before, refused=len(refused))
        if refused:
            self.find(f"the HSM refused logins: {refused}")
        if len({pin for pin, _ in logins}) > 1:
            self.find("another PIN than the configured one was sent")


def _ms(seconds):
    return None if seconds is None else round(seconds * 1000, 1)


HEADING = ("| fault | for | signed | faults told | median, p99 | longest call | whole again after | logins, refused | "
           "descriptors | memory KiB |\n|---|---|---|---|---|---|---|---|---|---|")


def markdown(row):
    told = ", ".join(f"{count} {name.removeprefix('TokenFault ')}" for name, count in sorted(row["faults"].items()))
    use = [f"{row['before'][kind]} → {row['after'][kind]}" for kind in ("descriptors", "memory_kib")]
    return (f"| {row['fault']} | {row['seconds']:g} s | {row['signed']} of {row['calls']} | {told or 'none'} | "
            f"{row['median_ms']}, {row['p99_ms']} ms | {row['longest_s']} s | {row['recovery_s']} s | "
            f"{row['logins']}, {row['refused']} | {use[0]} | {use[1]} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", nargs="*", metavar="FAULT", help="which ones (all): " + ", ".join(FAULTS))
    parser.add_argument("--short", action="store_true", help="3 s each, and no link that is cut for a minute")
    parser.add_argument("--seconds", type=float, help="how long each goes on (180)")
    parser.add_argument("--clients", type=int, default=32, help="how many clients sign (32)")
    parser.add_argument("--pause", type=float, default=0.05, help="seconds that a client rests between its calls (0.05)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured there, too")
    options = parser.parse_args()
    unknown = [name for name in options.faults if name not in FAULTS]
    if unknown:
        parser.error(f"there is no fault \"{unknown[0]}\"; there are {', '.join(FAULTS)}")
    lacking = missing()
    if lacking:
        raise SystemExit(f"This cannot run here: {lacking}.")
    seconds = options.seconds or (3 if options.short else 180)
    print(HEADING)
    done = []
    for name in options.faults or [name for name in FAULTS if not options.short or name != "link-cut-60s"]:
        print(f"  {name}, {seconds:g} s …", file=sys.stderr, flush=True)
        done.append(Soak(name, seconds, options.clients, options.pause, options.short).run())
        print(markdown(done[-1].row), flush=True)
    if options.json:
        options.json.write_text(json.dumps([{**soak.row, "findings": soak.findings} for soak in done], indent=1) + "\n")
    for soak in done:
        for finding in soak.findings:
            print(f"{soak.name}: {finding}", file=sys.stderr)
    return 1 if any(soak.findings for soak in done) else 0


if __name__ == "__main__":
    sys.exit(main())
