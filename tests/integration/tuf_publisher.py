"""Makes a TUF repository with python-tuf's own model; every signature comes from an agent, over its socket."""
import hashlib
from datetime import datetime, timedelta, timezone
from pathlib import Path

from securesystemslib.signer import Key, Signature, Signer
from tuf.api.metadata import Delegations, DelegatedRole, Metadata, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.metadata import MetaFile, Role

EXPIRES = (datetime.now(timezone.utc) + timedelta(days=30)).replace(microsecond=0)


class AgentSigner(Signer):
    """securesystemslib's idea of a signer: python-tuf hands it the canonical bytes, the agent signs them."""

    def __init__(self, agent, repository, role, key):
        self.agent, self.repository, self.role, self.key = agent, repository, role, key

    @classmethod
    def from_priv_key_uri(cls, priv_key_uri, public_key, secrets_handler=None):
        raise NotImplementedError("made with an agent at hand, not from a URI")

    @property
    def public_key(self):
        return self.key

    def sign(self, payload):
        with self.agent.connect() as connection:
            reply = connection.call("SignMetadata", repository=self.repository, role=self.role, format="tuf",
                                    signed=payload.decode(), keys=[self.key.keyid])
        result, = reply["result"]["results"]
        assert result["status"] == "signed", result
        return Signature.from_dict(dict(result["signature"]))


def agent_key(agent, name):
    """The enrolled key as securesystemslib sees it."""
    with agent.connect() as connection:
        shown = connection.call("ShowKey", key=name)
    return Key.from_dict(shown["key"]["tufKeyid"], dict(shown["tuf"]))


def new_root(version, keys, roles, thresholds=None):
    """roles: role -> names of its keys; keys: name -> Key."""
    root = Root(version=version, expires=EXPIRES, consistent_snapshot=True,
                roles={role: Role([], (thresholds or {}).get(role, 1)) for role in roles})
    for role, names in roles.items():
        for name in names:
            root.add_key(keys[name], role)
    return Metadata(root)


class Publisher:
    """Collects a repository's files as a client fetches them: name -> bytes (consistent_snapshot naming)."""

    def __init__(self, name):
        self.name = name
        self.metadata, self.targets = {}, {}
        self.history = []  # every file ever signed, the replaced ones too

    def sign(self, role, metadata, signers):
        """signers: (agent, Key) pairs."""
        for agent, key in signers:
            metadata.sign(AgentSigner(agent, self.name, role, key), append=True)
        version = metadata.signed.version
        file_name = "timestamp.json" if role == "timestamp" else f"{version}.{role}.json"
        self.metadata[file_name] = metadata.to_bytes()
        self.history.append(self.metadata[file_name])
        return self.metadata[file_name].decode()

    def observe(self, agent, role, text):
        with agent.connect() as connection:
            return connection.call("ObserveMetadata", repository=self.name, role=role, metadata=text)

    def add_target(self, path, data):
        """Puts the file where a client looks for it: HASH.name in its folder."""
        target = TargetFile.from_data(path, data, ["sha256"])
        folder = Path(path).parent
        self.targets[str(folder / f"{hashlib.sha256(data).hexdigest()}.{Path(path).name}")] = data
        return target


def new_targets(version, files, delegations=None):
    return Metadata(Targets(version=version, expires=EXPIRES, targets={f.path: f for f in files},
                            delegations=delegations))


def new_delegations(name, key, paths):
    return Delegations(keys={key.keyid: key},
                       roles={name: DelegatedRole(name, [key.keyid], 1, terminating=True, paths=paths)})


def new_snapshot(version, versions):
    return Metadata(Snapshot(version=version, expires=EXPIRES,
                             meta={f"{role}.json": MetaFile(number) for role, number in versions.items()}))


def new_timestamp(version, snapshot_version):
    return Metadata(Timestamp(version=version, expires=EXPIRES, snapshot_meta=MetaFile(snapshot_version)))
