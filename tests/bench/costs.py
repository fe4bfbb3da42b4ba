"""The sections that look at the agent alone: its parts, its memory, its start, and whether it gets dearer as it fills."""
import json
import resource
import statistics
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from measure import run_load, say
from stage import ALGORITHMS, copied, signet
from varlink_client import Varlink

KEY = ALGORITHMS[0]
CONNECTIONS = 1000
# [limits] goes behind [agent]'s own lines.
MANY_CONNECTIONS = "[limits]\nconnections = 1100\nconnections-per-uid = 1100\n"


def parts(run):
    """Google Benchmark's: {name: {"cpu_us", "real_us"}}, of one record, call, …"""
    seconds = 0.05 if run.options.short else 0.5
    say("parts")
    done = subprocess.run([run.build / "bench" / "signet-parts", "--benchmark_format=json", f"--benchmark_min_time={seconds}",
                           f"--benchmark_repetitions={run.options.rounds}", "--benchmark_enable_random_interleaving=true"],
                          capture_output=True, text=True, check=True)
    found = {}
    for one in json.loads(done.stdout)["benchmarks"]:
        if one.get("error_occurred"):
            raise SystemExit(f"{one['name']}: {one['error_message']}")
        if one["run_type"] == "iteration":
            found.setdefault(one["run_name"], []).append(one)
    run.document["parts"] = {name: {"cpu_us": statistics.median(one["cpu_time"] for one in runs) / 1000,
                                    "real_us": statistics.median(one["real_time"] for one in runs) / 1000}
                             for name, runs in found.items()}


def pss_kib(pid):
    """Proportional set size: pages that several processes share count in parts."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise SystemExit(f"/proc/{pid}/smaps_rollup has no Pss.")


def children(pid):
    """{program: pid}"""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found[Path(f"/proc/{child}/comm").read_text().strip()] = int(child)
    return found


def sign_once(client):
    client.call("SignMessage", key=KEY, message="aGVsbG8=")


def connection_bytes(agent):
    """What a connection that asked one thing and is idle now costs the agent."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * CONNECTIONS)), hard))
    with ExitStack() as stack:
        def connect():
            client = Varlink(agent.socket)
            stack.callback(client.close)
            client.call("org.varlink.service.GetInfo")

        connect()  # the code that it runs is no cost of a connection
        before = pss_kib(agent.process.pid)
        for _ in range(CONNECTIONS):
            connect()
        return (pss_kib(agent.process.pid) - before) * 1024 / CONNECTIONS


def cold_start_ms(agent):
    """From exec to the first signature: the agent, its ledger, a host, a session, a login."""
    begin = time.perf_counter()
    with open(agent.log, "ab") as log:
        agent.process = subprocess.Popen(agent.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=agent.environment)
    while True:
        try:
            client = Varlink(agent.socket)
            break
        except OSError:
            if agent.process.poll() is not None:
                raise SystemExit(f"signetd did not start; its log:\n{agent.log.read_text()}") from None
            time.sleep(0.0005)
    sign_once(client)
    taken = (time.perf_counter() - begin) * 1000
    client.close()
    return taken


def memory(run):
    """Cold start, idle memory, bytes a connection."""
    where = run.directory("memory")
    found = {"cold_start_ms": [], "signetd_kib": [], "host_kib": [], "checkpoint_signer_kib": [], "connection_bytes": []}

    def agent(stack, name, settings):
        return signet(stack, where / name, copied(where, name, run.build, run.store), 4, settings).agent

    # One after the other: what both have mapped would count as half of each.
    with ExitStack() as stack:
        one = agent(stack, "one", "")
        for number in range(3 if run.options.short else 5):
            say(f"cold start and memory, {number + 1}")
            one.stop()
            found["cold_start_ms"].append(cold_start_ms(one))
            time.sleep(8)  # it is idle then: it lets go of memory when nobody asked anything for 5 s
            for name, kib in idle_kib(one.process.pid).items():
                found[name].append(kib)
    with ExitStack() as stack:
        crowded = agent(stack, "crowded", MANY_CONNECTIONS)
        for number in range(run.options.rounds):
            say(f"{CONNECTIONS} connections, {number + 1}")
            crowded.stop()
            crowded.start()
            time.sleep(2.5)
            found["connection_bytes"].append(connection_bytes(crowded))
    run.document["memory"] = {name: {"median": statistics.median(values), "all": values} for name, values in found.items()}


def idle_kib(pid):
    helpers = children(pid)  # their names are cut at 15 bytes
    return {"signetd_kib": pss_kib(pid), "host_kib": pss_kib(helpers["signet-token-ho"]),
            "checkpoint_signer_kib": pss_kib(helpers["signet-checkpoi"])}


def growth(run):
    """The cost of a signature with a small ledger, with many records, with many keys."""
    many_records, many_keys = run.options.growth
    sizes = {"few of both": (1_000, 10), "many records": (many_records, 10), "many keys": (1_000, many_keys)}
    found = {name: {"records": records, "keys": keys, "rounds": []} for name, (records, keys) in sizes.items()}
    where, peers = run.directory("growth"), {}
    with ExitStack() as stack:
        for number, (name, size) in enumerate(sizes.items()):
            say(f"filling a ledger: {size[0]:,} records, {size[1]:,} keys")
            peers[name] = filled(run, stack, where, number, size)
        for number in range(run.options.rounds):
            for name, peer in peers.items():
                say(f"round {number + 1} of {run.options.rounds}: {name}")
                result = run_load(run.build, peer, KEY, 16, run.options.seconds)
                result["agent_cpu_us"] = sum(time for program, time in result["cpu_us"].items() if program.startswith("signetd"))
                found[name]["rounds"].append(result)
    run.document["growth"] = found


def filled(run, stack, where, number, size):
    """An agent whose ledger has so many records and keys."""
    peer = signet(stack, where / f"agent-{number}", copied(where, str(number), run.build, run.store), 4)
    peer.agent.stop()
    subprocess.run([str(part) for part in (run.build / "bench" / "signet-fill-ledger", peer.agent.state, *size)], check=True)
    peer.agent.start()
    return peer
