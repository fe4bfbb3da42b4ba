"""The sections of a run. Each takes a Run and adds what it found to its document."""
import subprocess
import time
from contextlib import ExitStack

from costs import growth, memory, parts
from measure import run_load, say, take_turns
from peers import InProcess, SshAgent
from stage import AGENTS, ALGORITHMS, SLOW_TOKEN, all_peers, copied, make_store, signet

BATCH = 64


class Run:
    """What was asked for, and what was found so far."""

    def __init__(self, build, scratch, options):
        self.build, self.scratch, self.options = build, scratch, options
        self.document = {"cells": []}
        self._store = None

    @property
    def store(self):
        if self._store is None:
            self._store = make_store(self.scratch)
        return self._store

    def directory(self, name):
        made = self.scratch / name
        made.mkdir()
        return made


def compare(run, name, places, sessions, **delay):
    """All peers at these places: (token, algorithm, clients)."""
    with ExitStack() as stack:
        peers = all_peers(stack, run.directory(name), run.build, run.store, sessions, **delay)
        def one(peer_name, peer, place):
            return run_load(run.build, peer, place[1], place[2], run.options.seconds)

        cells = take_turns(places, {peer: peers[peer] for peer in run.options.peers}, run.options.rounds, one, say)
    run.document["cells"] += cells.to_json()


def rates(run):
    """SoftHSM as it is."""
    compare(run, "bare", [("softhsm", algorithm, clients) for algorithm in run.options.algorithms
                          for clients in run.options.clients[algorithm]], sessions=4)


def network(run):
    """A network HSM of 5 ms: 64 sessions."""
    compare(run, "5ms", [("5 ms", "ecdsa-p256", clients) for clients in run.options.clients["5 ms"]], sessions=64, delay_ms=5)


def isolation(run):
    """Signatures on one token, alone and while two clients use another one that takes 300 ms."""
    where = run.directory("isolation")
    found = []
    with ExitStack() as stack:
        def token(name):
            return copied(where, name, run.build, run.store, delay_ms=300, slow_token=SLOW_TOKEN)

        ssh = SshAgent(where / "ssh", [token("ssh")])
        stack.callback(ssh.close)
        keys = {"bench": ALGORITHMS[:1], SLOW_TOKEN: [SLOW_TOKEN]}
        peers = {"signet": signet(stack, where / "agent", token("signet"), 4, keys=keys), "ssh-agent": ssh}
        for number in range(run.options.rounds):
            for name, peer in peers.items():
                say(f"round {number + 1} of {run.options.rounds}: {name} beside a token of 300 ms")
                found.append({"peer": name, **isolated_rates(run, peer)})
    run.document["isolation"] = found


def batches(run):
    """Lists of 64 messages by one client, beside the module in process on two threads."""
    where = run.directory("batches")
    found = []
    with ExitStack() as stack:
        def token(name):
            return copied(where, name, run.build, run.store)

        bare = InProcess(token("in-process"))
        agents = {name: signet(stack, where / name.replace(" ", "-"), token(name.replace(" ", "-")), 4, settings)
                  for name, settings in AGENTS.items()}
        for number in range(run.options.rounds):
            say(f"round {number + 1} of {run.options.rounds}: lists of {BATCH} messages")
            limit = run_load(run.build, bare, ALGORITHMS[0], 2, run.options.seconds)["rate"]
            for name, agent in agents.items():
                result = run_load(run.build, agent, ALGORITHMS[0], 1, run.options.seconds, ("--batch", BATCH))
                found.append({"peer": name, "in_process": limit, "ratio": result["rate"] / limit, **result})
    run.document["batches"] = found


def isolated_rates(run, peer):
    seconds = max(1, run.options.seconds)

    def fast():
        return run_load(run.build, peer, ALGORITHMS[0], 1, seconds)["rate"]

    alone = fast()
    command = [run.build / "bench" / "signet-load", *peer.load_arguments(SLOW_TOKEN), "--clients", 2, "--seconds", 3600,
               "--warm-up", 0]
    slow = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    try:
        time.sleep(1.5)  # both of its clients have signed once, one after the other, and go on
        beside = fast()
        if slow.poll() is not None:
            raise SystemExit("The clients of the slow token ended early.")
    finally:
        slow.kill()
        slow.wait()
    return {"alone": alone, "beside": beside, "ratio": beside / alone}


SECTIONS = {"rates": rates, "network": network, "isolation": isolation, "batches": batches, "growth": growth, "memory": memory, "parts": parts}
