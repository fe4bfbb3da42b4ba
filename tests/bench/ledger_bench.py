#!/usr/bin/python3
"""ledger_bench.py BUILD [SECONDS]: what a durable record costs, with a token that takes 5 ms for a signature (SoftHSM
behind the fault shim). The same agent with its ledger on the disk and in memory (/dev/shm, where syncing is free), in
turn, so that a noisy machine is noisy for both: the difference is the disk's part. And how many signatures share a
commit when 64 clients sign at once."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUILD = Path(sys.argv[1])
os.environ.setdefault("SIGNET_BIN_DIR", str(BUILD / "bin"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))

from agent_fixture import SOFTHSM, Agent, Scratch, SoftToken  # noqa: E402: needs the path and the variable above

ROUNDS = 3
TOKEN_MS = 5
METADATA = {"_type": "targets", "spec_version": "1.0.31", "version": 1, "expires": "2040-01-01T00:00:00Z", "targets": {}}


def configuration(scratch, tokens):
    control = scratch / "shim-control"
    control.write_text(f"C_Sign * delay {TOKEN_MS}\n")
    environment = {"SOFTHSM2_CONF": tokens.conf, "SIGNET_SHIM_MODULE": SOFTHSM, "SIGNET_SHIM_CONTROL": control,
                   "SIGNET_SHIM_COUNTERS": scratch / "shim-counters", "SIGNET_SHIM_LOG": scratch / "shim-log"}
    pairs = ", ".join(f'{name} = "{value}"' for name, value in environment.items())
    return (f'[agent]\ndiscover-modules = false\n[[module]]\nname = "slow"\npath = "{BUILD}/lib/signet-fault-shim.so"\n'
            f'shared = true\nremovable = false\nsessions = 64\nenvironment = {{ {pairs} }}\n'
            f'[[module.pin]]\ntoken = "bench"\nfile = "{tokens.pin_file}"\n')


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).replace("\\n", "\n")


def prepare(agent):
    """A key for messages, and a repository whose targets role can be signed."""
    with agent.connect() as client:
        client.call("GenerateKey", token="bench", name="message", algorithm="ecdsa-p256", uses=["message"])
        client.call("GenerateKey", token="bench", name="tuf", algorithm="ecdsa-p256", uses=["tuf"])
        shown = client.call("ShowKey", key="tuf")
        keyid = shown["key"]["tufKeyid"]
        role = {"keyids": [keyid], "threshold": 1}
        root = {"_type": "root", "spec_version": "1.0.31", "version": 1, "expires": "2040-01-01T00:00:00Z",
                "consistent_snapshot": True, "keys": {keyid: shown["tuf"]},
                "roles": {name: role for name in ("root", "targets", "snapshot", "timestamp")}}
        client.call("CreateRepository", name="bench.example/app", format="tuf")
        done = client.call("SignMetadata", repository="bench.example/app", role="root", format="tuf", signed=canonical(root))
        signatures = [result["signature"] for result in done["result"]["results"]]
        client.call("ObserveMetadata", repository="bench.example/app", role="root",
                    metadata=json.dumps({"signed": root, "signatures": signatures}))


def metadata_latency(agent, seconds):
    """Microseconds of each SignMetadata by one client: an intent, the token, an outcome, one after the other."""
    taken, end = [], time.monotonic() + seconds
    with agent.connect() as client:
        while time.monotonic() < end:
            begin = time.perf_counter()
            client.call("SignMetadata", repository="bench.example/app", role="targets", format="tuf",
                        signed=canonical(METADATA))
            taken.append((time.perf_counter() - begin) * 1e6)
    return taken


def commits(agent):
    with agent.connect() as client:
        return client.call("Status")["ledger"]["commits"]


def message_bench(agent, clients, seconds):
    before = commits(agent)
    done = subprocess.run([BUILD / "bench" / "signet-load", "--agent", agent.socket, "--key", "message",
                           "--clients", str(clients), "--seconds", str(seconds), "--warm-up", "0"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    result = json.loads(done.stdout)
    result["commits"] = commits(agent) - before
    return result


def run(agents, seconds):
    found = {name: {"metadata": [], "message": [], "crowd": []} for name in agents}
    for number in range(ROUNDS):
        print(f"  round {number + 1} of {ROUNDS}", file=sys.stderr)
        for name, agent in agents.items():
            found[name]["metadata"] += metadata_latency(agent, seconds)
            found[name]["message"].append(message_bench(agent, 1, seconds)["p50_us"])
            found[name]["crowd"].append(message_bench(agent, 64, seconds))
    return found


def report(found, seconds):
    print(f"A token that takes {TOKEN_MS} ms; medians of {ROUNDS} rounds of {seconds} s; load average "
          f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs\n")
    print(f"{'ledger':10}{'metadata p50 µs':>17}{'message p50 µs':>16}{'64 clients: signatures/s':>26}{'commits/s':>11}")
    medians = {}
    for name, results in found.items():
        medians[name] = {"metadata": statistics.median(results["metadata"]), "message": statistics.median(results["message"])}
        rate = statistics.median(one["signatures"] / one["seconds"] for one in results["crowd"])
        made = statistics.median(one["commits"] / one["seconds"] for one in results["crowd"])
        print(f"{name:10}{medians[name]['metadata']:>17.0f}{medians[name]['message']:>16.0f}{rate:>26.0f}{made:>11.0f}")
    for kind in ("metadata", "message"):
        disk, memory = medians["disk"][kind], medians["memory"][kind]
        print(f"durability adds {disk - memory:.0f} µs to a {kind} signature: {(disk - memory) / memory:.1%}")


def main():
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with Scratch() as scratch, tempfile.TemporaryDirectory(prefix="signet-bench-", dir="/dev/shm") as memory:
        agents = {}
        for name, place in (("disk", scratch), ("memory", Path(memory))):
            (scratch / name).mkdir()
            tokens = SoftToken(scratch / name / "softhsm", "bench")
            agents[name] = Agent(place / f"agent-{name}", configuration(scratch / name, tokens))
        with agents["disk"], agents["memory"]:
            for agent in agents.values():
                prepare(agent)
            report(run(agents, seconds), seconds)


if __name__ == "__main__":
    main()
