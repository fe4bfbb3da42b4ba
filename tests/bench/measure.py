"""Runs signet-load, and keeps what it tells: cells of a table (what kind of key and token, how many clients, which peer)
with one result for each round. Peers take turns within a round, so that a noisy machine is noisy for all of them alike:
compare ratios, which are made within one round, and not rates."""
import json
import os
import statistics
import subprocess
import sys


def run_load(build, peer, algorithm, clients, seconds, extra=()):
    command = [build / "bench" / "signet-load", *peer.load_arguments(algorithm), "--algorithm", algorithm, "--clients", clients,
               "--seconds", seconds, "--warm-up", min(0.3, seconds), *extra]
    for pid in peer.watched():
        command += ["--watch", pid]
    done = subprocess.run([str(part) for part in command], env={**os.environ, **peer.environment}, capture_output=True,
                          text=True, timeout=120 + 10 * seconds)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(str(part) for part in command)}\n{done.stderr}")
    return json.loads(done.stdout)


def median_of(results):
    """The median of each number in these results."""
    middle = {name: statistics.median(result[name] for result in results) for name in ("rate", "p50_us", "p99_us")}
    programs = dict.fromkeys(program for result in results for program in result["cpu_us"])
    middle["cpu_us"] = {program: statistics.median(result["cpu_us"].get(program, 0) for result in results)
                        for program in programs}
    return middle


class Cells:
    """The results of one section, by (token, algorithm, clients) and peer."""

    def __init__(self):
        self.results = {}

    def add(self, place, peer, result):
        self.results.setdefault(place, {}).setdefault(peer, []).append(result)

    def to_json(self):
        cells = []
        for (token, algorithm, clients), peers in self.results.items():
            for peer, results in peers.items():
                cells.append({"token": token, "algorithm": algorithm, "clients": clients, "peer": peer,
                              **median_of(results), "rounds": results})
        return cells


def take_turns(places, peers, rounds, measure, say):
    """places: [(token, algorithm, clients)]; peers: {name: Peer}. measure(name, peer, place) gives one result."""
    cells = Cells()
    names = list(peers)
    for number in range(rounds):
        for token, algorithm, clients in places:
            say(f"round {number + 1} of {rounds}: {token}, {algorithm}, {clients} clients")
            for turn in range(len(names)):
                name = names[(turn + number) % len(names)]  # another one begins each round
                if peers[name].supports(algorithm):
                    cells.add((token, algorithm, clients), name, measure(name, peers[name], (token, algorithm, clients)))
    return cells


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)
