"""TUF metadata that tests make: canonical, and with bytes that differ for one version where a test wants that."""
import hashlib
import json


def canonical(value):
    """OLPC's canonical JSON, as TUF signs it."""
    if isinstance(value, dict):
        return "{" + ",".join(canonical(k) + ":" + canonical(value[k]) for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return json.dumps(value)


def digest_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


def metadata(role, version, variant):
    """`variant` changes the bytes and nothing else."""
    content = {"_type": role, "expires": f"2035-01-01T00:00:{variant:02}Z", "spec_version": "1.0.31", "version": version}
    if role == "targets":
        content["targets"] = {}
    else:
        below = "targets.json" if role == "snapshot" else "snapshot.json"
        content["meta"] = {below: {"version": 1}}
    return canonical(content)


def start_repository(connection, token, repository, roles, make_key=None):
    """Makes a key on `token` for root and for each role (role -> algorithm), and the repository's first root. `make_key`:
    called with a name, an algorithm and uses, it makes the keys some other way."""
    def generate(name, algorithm, uses):
        connection.call("GenerateKey", token=token, name=name, algorithm=algorithm, uses=uses)

    shown = {}
    for name, algorithm in {"root": "ecdsa-p256", **roles}.items():
        (make_key or generate)(name, algorithm, ["tuf"])
        shown[name] = connection.call("ShowKey", key=name)
    ids = {name: key["key"]["tufKeyid"] for name, key in shown.items()}
    root = {"_type": "root", "consistent_snapshot": True, "expires": "2035-01-01T00:00:00Z",
            "keys": {ids[name]: key["tuf"] for name, key in shown.items()},
            "roles": {name: {"keyids": [ids[name]], "threshold": 1} for name in shown},
            "spec_version": "1.0.31", "version": 1}
    connection.call("CreateRepository", name=repository, format="tuf")
    reply = connection.call("SignMetadata", repository=repository, role="root", format="tuf", signed=canonical(root))
    signatures = [entry["signature"] for entry in reply["result"]["results"]]
    file = json.dumps({"signatures": signatures, "signed": root})
    connection.call("ObserveMetadata", repository=repository, role="root", metadata=file)


def statements(connection):
    """All records of the ledger, oldest first, as they were signed for."""
    found = []
    while True:
        batch = connection.call("ReadLedger", first=len(found) + 1, limit=1000)["records"]
        if not batch:
            return found
        found += [json.loads(record["statement"]) for record in batch]
