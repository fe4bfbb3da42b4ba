#!/usr/bin/python3
"""bench.py BUILD [SECONDS]: signatures per second through the whole agent, on SoftHSM: the median of three rounds, the
kinds of keys and numbers of clients in turn within each round, so that a noisy machine is noisy for all of them alike."""
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

BUILD = Path(sys.argv[1])
os.environ.setdefault("SIGNET_BIN_DIR", str(BUILD / "bin"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))

from agent_fixture import Agent, Scratch, SoftToken, toml_for  # noqa: E402: needs the path and the variable above

ALGORITHMS = ("ecdsa-p256", "ed25519", "rsa-2048")
CLIENTS = (1, 16)
ROUNDS = 3


def measure(agent, key, clients, seconds):
    done = subprocess.run([BUILD / "bench" / "agent_bench", agent.socket, key, str(clients), str(seconds)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def agent_cpu_seconds(agent):
    """User and system time of the agent and its token hosts so far."""
    ticks = 0
    parents = {agent.process.pid}
    for stat in sorted(Path("/proc").glob("[0-9]*/stat"), key=lambda p: int(p.parent.name)):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # ended since
        pid, parent = int(stat.parent.name), int(fields[1])
        if pid in parents or parent in parents:
            parents.add(pid)
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main():
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    rows = {}
    with Scratch() as scratch:
        tokens = SoftToken(scratch / "softhsm", "bench")
        with Agent(scratch / "agent", toml_for(tokens)) as agent:
            with agent.connect() as connection:
                for algorithm in ALGORITHMS:
                    connection.call("GenerateKey", token="bench", name=algorithm, algorithm=algorithm, uses=["message"])
            for number in range(ROUNDS):
                print(f"  round {number + 1} of {ROUNDS}", file=sys.stderr)
                for algorithm in ALGORITHMS:
                    for clients in CLIENTS:
                        before = agent_cpu_seconds(agent)
                        result = measure(agent, algorithm, clients, seconds)
                        result["cpu_us"] = (agent_cpu_seconds(agent) - before) * 1e6 / result["signatures"]
                        result["rate"] = result["signatures"] / result["seconds"]
                        rows.setdefault((algorithm, clients), []).append(result)
    print(f"Signatures of messages through the agent, SoftHSM, {os.cpu_count()} CPUs shared by clients, agent and token;"
          f"\nmedians of {ROUNDS} rounds of {seconds} s\n")
    print(f"{'key':12}{'clients':>8}{'per second':>12}{'p50 µs':>9}{'p99 µs':>9}{'agent CPU µs each':>20}")
    for (algorithm, clients), results in rows.items():
        middle = {name: statistics.median(r[name] for r in results) for name in ("rate", "p50_us", "p99_us", "cpu_us")}
        print(f"{algorithm:12}{clients:>8}{middle['rate']:>12.0f}{middle['p50_us']:>9.0f}{middle['p99_us']:>9.0f}"
              f"{middle['cpu_us']:>20.0f}")


if __name__ == "__main__":
    main()
