"""The inner program: in its namespaces (harness.py makes them), pid 1. Ends when its standard input does."""
from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from .bench import Bench
from .control import Commands, ControlServer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="of its own, empty")
    parser.add_argument("--cards", type=Path, required=True, help="where the cards' state is kept")
    parser.add_argument("--reader-library", type=Path, required=True)
    options = parser.parse_args()

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a person's Ctrl-C is the harness's to act on
    bench = Bench(options.directory, options.cards, options.reader_library)
    bench.pcscd.start()
    server = ControlServer(options.directory / "control", Commands(bench))
    print(json.dumps({"attestation_root": bench.attestation_root(), "udev_directory": bench.udev_directory()}), flush=True)
    sys.stdin.buffer.read()
    server.close()
    bench.end()
    sys.stdout.flush()
    os._exit(0)  # threads that wait for a touch are not waited for


main()
