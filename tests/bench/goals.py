"""What Signet shall reach, and whether a run did: ratios within the same run."""
import statistics
from collections import namedtuple

# find(results) gives the number, or None when the run did not measure it. least/most: what is wanted.
Goal = namedtuple("Goal", "what find least most")

P256 = "ecdsa-p256"


def place(clients, algorithm=P256, token="softhsm"):
    return (token, algorithm, clients)


def ratio(where, peer, other, name="rate"):
    return lambda results: results.ratio(where, peer, other, name)


def spread(peer):
    def find(results):
        cell = results.cell(*place(64, token="5 ms"), peer)
        return None if cell is None else cell["p99_us"] / cell["p50_us"]
    return find


def isolation(results):
    ratios = [found["ratio"] for found in results.document.get("isolation", []) if found["peer"] == "signet"]
    return statistics.median(ratios) if ratios else None


def batch(peer):
    def find(results):
        ratios = [found["ratio"] for found in results.document.get("batches", []) if found["peer"] == peer]
        return statistics.median(ratios) if ratios else None
    return find


def memory(name, divisor=1):
    def find(results):
        found = results.document.get("memory", {}).get(name)
        return None if found is None else found["median"] / divisor
    return find


def growth(name):
    """How the agent's CPU time a signature relates to that with a small ledger."""
    return lambda results: results.growth_ratio(name)


def message_goals(peer, how):
    """What is wanted of message keys whose handle is verified."""
    return [
        Goal(f"P-256, 16 clients, {how}: rate / p11-kit server's", ratio(place(16), peer, "p11-kit"), 1.5, None),
        Goal(f"P-256, 16 clients, {how}: rate / ssh-agent's", ratio(place(16), peer, "ssh-agent"), 7, None),
        Goal(f"P-256, 16 clients, {how}: rate / in process", ratio(place(16), peer, "in process"), 0.5, None),
        Goal(f"RSA-2048, 16 clients, {how}: rate / in process", ratio(place(16, "rsa-2048"), peer, "in process"), 0.93, None),
        Goal(f"P-256, one client, {how}: median latency over in process, µs",
             lambda results: results.difference(place(1), peer, "in process", "p50_us"), None, 110),
        Goal(f"P-256, one client, {how}: median latency / p11-kit server's", ratio(place(1), peer, "p11-kit", "p50_us"), None, 1),
        Goal(f"P-256, 16 clients, {how}: signetd's CPU a signature, µs",
             lambda results: results.cpu(place(16), peer, "signetd"), None, 30),
    ]


GOALS = [
    *message_goals("signet grouped", "grouped"),
    *message_goals("signet", "default"),
    Goal("P-256, 64 clients, durable: rate / in process", ratio(place(64), "signet durable", "in process"), 0.33, None),
    Goal("P-256, 64 clients, durable: rate / ssh-agent's", ratio(place(64), "signet durable", "ssh-agent"), 5, None),
    *[goal for peer, how in (("signet", "default"), ("signet durable", "durable")) for goal in (
        Goal(f"5 ms, 64 clients, {how}: rate / in process", ratio(place(64, token="5 ms"), peer, "in process"), 0.93, None),
        Goal(f"5 ms, 64 clients, {how}: p99 / median", spread(peer), None, 2))],
    Goal("beside a token of 300 ms: rate / alone", isolation, 0.95, None),
    Goal("P-256, lists of 64, one client, grouped: rate / in process, two threads", batch("signet grouped"), 0.8, None),
    Goal("P-256, lists of 64, one client, default: rate / in process, two threads", batch("signet"), 0.8, None),
    Goal("signetd, idle: MiB", memory("signetd_kib", 1024), None, 8),
    Goal("a host with SoftHSM, idle: MiB", memory("host_kib", 1024), None, 8),
    Goal("an idle connection of 1,000: KiB", memory("connection_bytes", 1024), None, 4),
    Goal("cold start to the first signature: ms", memory("cold_start_ms"), None, 40),
    Goal("agent's CPU a signature, many records / few", growth("many records"), None, 1.1),
    Goal("agent's CPU a signature, many keys / few", growth("many keys"), None, 1.1),
]


def judge(results):
    judged = []
    for goal in GOALS:
        found = goal.find(results)
        reached = None
        if found is not None:
            reached = (goal.least is None or found >= goal.least) and (goal.most is None or found <= goal.most)
        wanted = f"≥ {goal.least}" if goal.least is not None else f"≤ {goal.most}"
        judged.append({"what": goal.what, "wanted": wanted, "found": found, "reached": reached})
    return judged
