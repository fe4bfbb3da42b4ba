#!/usr/bin/python3
"""Signet beside others that sign with the same keys, on this machine, in one run: see --help."""
import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="./dev bench", description="Measures the agent beside the same PKCS#11 module in process, p11-kit server and "
        "ssh-agent with the same keys: interleaved rounds, medians, ratios within a round, CPU time a signature by program.")
    parser.add_argument("--short", action="store_true", help="what the goals need, in under 4 minutes")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds (3)")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long each cell is measured (3; with --short 0.6)")
    parser.add_argument("--only", metavar="SECTION,…", help="these sections: " + ", ".join(section_names()))
    parser.add_argument("--algorithms", metavar="NAME,…", help="these keys: " + ", ".join(algorithm_names()))
    parser.add_argument("--clients", metavar="N,…", help="these numbers of clients")
    parser.add_argument("--peers", metavar="NAME,…", help="these peers: " + ", ".join(peer_names()))
    parser.add_argument("--json", metavar="FILE", help="write all that was found there")
    parser.add_argument("--write-docs", nargs="?", const=HERE.parent.parent / "docs" / "performance.md", metavar="FILE",
                        help="write the tables and the plot into docs/performance.md, or another file with its markers")
    parser.add_argument("--growth", metavar="RECORDS,KEYS", help="how far the ledger grows (1000000,10000; --short: 100000,2000)")
    return parser.parse_args(arguments)


# Imported late: the fixture wants to know where the programs are.
def section_names():
    from sections import SECTIONS
    return list(SECTIONS)


def peer_names():
    from stage import PEERS
    return PEERS


def algorithm_names():
    from stage import ALGORITHMS
    return ALGORITHMS


def chosen(text, known, what):
    """The names in a list with commas; all that are known when there is none."""
    names = text.split(",") if text else list(known)
    for name in names:
        if name not in known:
            sys.exit(f"There is no {what} \"{name}\". They are: {', '.join(known)}.")
    return names


def settle(options):
    """What was left open, by the length of the run."""
    options.seconds = options.seconds or (0.6 if options.short else 3)
    everything = [1, 2, 4, 16, 64]
    clients = {"ecdsa-p256": [1, 16, 64], "rsa-2048": [16], "ed25519": [16], "5 ms": [64]} if options.short else \
        {"ecdsa-p256": everything, "rsa-2048": everything, "ed25519": everything, "5 ms": [1, 4, 16, 64]}
    if options.clients:
        clients = dict.fromkeys(clients, [int(number) for number in options.clients.split(",")])
    options.clients = clients
    options.growth = [int(number) for number in (options.growth or ("100000,2000" if options.short else "1000000,10000")).split(",")]
    options.algorithms = chosen(options.algorithms, algorithm_names(), "kind of key")
    options.peers = chosen(options.peers, peer_names(), "peer")
    options.sections = chosen(options.only, section_names(), "section")
    return options


def machine():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return {"cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(), "load": os.getloadavg()[0]}


def commit():
    done = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def main():
    build = Path(sys.argv[1]).resolve()
    os.environ["SIGNET_BIN_DIR"] = str(build / "bin")  # the fixture's
    options = settle(parse_arguments(sys.argv[2:]))
    from agent_fixture import Scratch
    from docs import write_docs
    from goals import judge
    from report import as_text, tables
    from results import Results
    from sections import SECTIONS, Run
    with Scratch() as scratch:
        run = Run(build, scratch, options)
        run.document |= {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "commit": commit(),
                         "machine": machine(), "rounds": options.rounds, "seconds": options.seconds}
        for name in options.sections:
            SECTIONS[name](run)
    results = Results(run.document)
    run.document["goals"] = judge(results)
    print("\n\n".join(as_text(table) for table in tables(results)))
    if options.json:
        Path(options.json).write_text(json.dumps(run.document, indent=1) + "\n")
    if options.write_docs:
        write_docs(results, Path(options.write_docs))


if __name__ == "__main__":
    main()
