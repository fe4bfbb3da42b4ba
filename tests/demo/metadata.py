#!/usr/bin/python3
"""Writes unsigned TUF 1.0.31 metadata files for the demo, with Python's standard library alone.

  metadata.py root OUT --version N --threshold N --root KEY… --targets KEY --snapshot KEY --timestamp KEY
  metadata.py targets OUT --version N [--file PATH=FILE…] [--delegate NAME=KEY:PATTERN]
  metadata.py snapshot OUT --version N --meta NAME=VERSION…
  metadata.py timestamp OUT --version N --snapshot-file FILE

A KEY is a file that `signet --json key show NAME` wrote. What is written here is not canonical JSON, and need not be:
`signet tuf sign` signs the canonical form of "signed"."""
import argparse
import datetime
import hashlib
import json


def expires(days):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def load_key(path):
    with open(path, encoding="utf-8") as file:
        shown = json.load(file)
    return shown["key"]["tufKeyid"], shown["tuf"]


def hashes_of(path):
    with open(path, "rb") as file:
        data = file.read()
    return {"length": len(data), "hashes": {"sha256": hashlib.sha256(data).hexdigest()}}


def root(options):
    keys, roles = {}, {}
    for role, files, threshold in (("root", options.root, options.threshold), ("targets", [options.targets], 1),
                                   ("snapshot", [options.snapshot], 1), ("timestamp", [options.timestamp], 1)):
        loaded = [load_key(path) for path in files]
        keys.update(loaded)
        roles[role] = {"keyids": [keyid for keyid, _ in loaded], "threshold": threshold}
    return {"consistent_snapshot": True, "keys": keys, "roles": roles}


def targets(options):
    signed = {"targets": {}}
    for item in options.file:
        path, _, local = item.partition("=")
        signed["targets"][path] = hashes_of(local)
    if options.delegate:
        name, _, rest = options.delegate.partition("=")
        key_file, _, pattern = rest.partition(":")
        keyid, key = load_key(key_file)
        signed["delegations"] = {"keys": {keyid: key}, "roles": [
            {"name": name, "keyids": [keyid], "threshold": 1, "paths": [pattern], "terminating": True}]}
    return signed


def snapshot(options):
    pairs = (item.split("=") for item in options.meta)
    return {"meta": {f"{name}.json": {"version": int(version)} for name, version in pairs}}


def timestamp(options):
    with open(options.snapshot_file, encoding="utf-8") as file:
        version = json.load(file)["signed"]["version"]
    return {"meta": {"snapshot.json": {"version": version, **hashes_of(options.snapshot_file)}}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    made = {"root": (root, 365), "targets": (targets, 90), "snapshot": (snapshot, 7), "timestamp": (timestamp, 1)}
    commands = {name: kinds.add_parser(name) for name in made}
    for command in commands.values():
        command.add_argument("out")
        command.add_argument("--version", type=int, required=True)
    commands["root"].add_argument("--threshold", type=int, required=True)
    commands["root"].add_argument("--root", nargs="+", required=True)
    for role in ("targets", "snapshot", "timestamp"):
        commands["root"].add_argument(f"--{role}", required=True)
    commands["targets"].add_argument("--file", action="append", default=[])
    commands["targets"].add_argument("--delegate")
    commands["snapshot"].add_argument("--meta", nargs="+", required=True)
    commands["timestamp"].add_argument("--snapshot-file", required=True)
    options = parser.parse_args()

    content, days = made[options.kind]
    signed = {"_type": options.kind, "spec_version": "1.0.31", "version": options.version, "expires": expires(days),
              **content(options)}
    with open(options.out, "w", encoding="utf-8") as file:
        json.dump({"signatures": [], "signed": signed}, file, indent=1, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    main()
