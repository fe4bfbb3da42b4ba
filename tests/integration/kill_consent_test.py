"""kill -9 of signetd and of its token hosts, and a disk that fails, at random points, while signatures are asked for that
need the approvals of two of three persons, or the token of a CI job.

What must hold, judged by what clients sent and got and by what the ledger recorded: nothing is signed that fewer than two
persons approved; nothing is signed after a denial was acknowledged; no approval or denial that was acknowledged is lost;
no CI token pays for more signatures than it may; no version is released with two payloads; clients get typed errors, and
"LedgerUnavailable" only while the disk fails or has just failed. SIGNET_KILLS and SIGNET_KILL_SEED change the run.
"""
import collections
import contextlib
import json
import os
import random
import threading
import time
import unittest

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent_fixture import BIN, Agent, Scratch, SoftToken, TokenObject, hosts_of, preload, toml_for
from ci_identity_test import AUDIENCE, ISSUER, Issuer
from made_metadata import digest_of, metadata, start_repository, statements
from varlink_client import VarlinkError, b64

ROUNDS = int(os.environ.get("SIGNET_KILLS", "80"))
SEED = int(os.environ.get("SIGNET_KILL_SEED", "20261128"))
REPOSITORY = "example.org/consent"
ROLES = {"targets": "ecdsa-p256", "snapshot": "ed25519", "timestamp": "ecdsa-p384"}
NEEDED, MAX_USES = 2, 3
FAULTS = ("full", "read-only", "write-io", "sync-io")
SHIM = BIN.parent / "lib" / "signet-disk-shim.so"
# What a client may be told while tokens, agents and the disk die under it. Anything else is a finding.
EXPECTED = {"VersionConflict", "Busy", "TokenFault", "TokenAbsent", "ApprovalRequired", "RequestClosed", "LedgerUnavailable"}


class Person:
    """An approver elsewhere, with a key of their own: their approvals come as files."""

    def __init__(self, name):
        self.name = name
        self.key = ed25519.Ed25519PrivateKey.generate()
        self.spki = b64(self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    def approval(self, document):
        signature = self.key.sign(b"signet-approval-v1\n" + document.encode())
        return json.dumps({"type": "signet-approval-v1", "document": document, "key": self.spki, "scheme": "ed25519",
                           "signature": b64(signature)})


PEOPLE = [Person(name) for name in ("ann", "ben", "cat")]


def policy(jwks):
    people = "".join(f'[[principal]]\nname = "{person.name}"\nspki = ["{person.spki}"]\n' for person in PEOPLE)
    names = ", ".join(f'"{person.name}"' for person in PEOPLE)
    return f"""{people}
[[issuer]]
name = "ci"
issuer = "{ISSUER}"
jwks = "{jwks}"
algorithms = ["RS256"]
audiences = ["{AUDIENCE}"]
max-uses = {MAX_USES}
[[rule]]
name = "two-of-three"
uid = {os.getuid()}
action = "sign-metadata"
role = "targets"
approvals = {NEEDED}
approvers = [{names}]
[[rule]]
name = "job"
issuer = "ci"
claims = {{ repository = "org/app" }}
action = "sign-metadata"
role = "snapshot"
[[rule]]
name = "root"
uid = {os.getuid()}
action = "sign-metadata"
role = "root"
[[rule]]
name = "others"
uid = {os.getuid()}
action = ["generate", "adopt", "approve", "read-ledger", "administer"]
"""


class Witness:
    """What clients sent and got, and what is wrong with it. Under one lock."""

    def __init__(self):
        self.lock = threading.RLock()
        self.newest = {"targets": 1, "snapshot": 1}
        self.digests = collections.defaultdict(set)  # (role, version) -> digests that a signature was received for
        self.sent = collections.defaultdict(set)  # request -> who approved, as far as anybody tried to say it
        self.acknowledged = collections.defaultdict(set)  # request -> whose approval the agent took
        self.denied = {}  # request -> when its denial was acknowledged
        self.uses = collections.Counter()  # CI token -> signatures that came for it
        self.errors = collections.Counter()
        self.findings = []
        self.signed = collections.Counter()
        self.quiet_since = 0.0  # the disk has been well since then; infinite: it fails now

    def find(self, finding):
        with self.lock:
            self.findings.append(finding)

    def note_error(self, error, begun):
        with self.lock:
            self.errors[error.short] += 1
            if error.short == "IdentityRefused" and error.parameters["reason"] == "used-up":
                return
            if error.short not in EXPECTED:
                self.find(f"a client was told {error}")
            # The agent tries a ledger again that did not open every second.
            if error.short == "LedgerUnavailable" and begun > self.quiet_since + 5:
                self.find(f"the disk was well for 5 s, and a client was told {error}")

    def note_signed(self, role, version, digest):
        with self.lock:
            self.newest[role] = max(self.newest[role], version)
            self.digests[role, version].add(digest)
            self.signed[role] += 1


class Client(threading.Thread):
    """Does one thing after the other until it is told to stop; reconnects when the agent was killed."""

    def __init__(self, agent, witness, seed):
        super().__init__(daemon=True)
        self.agent, self.witness, self.random = agent, witness, random.Random(seed)
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            begun = time.monotonic()
            try:
                with self.agent.connect() as connection:
                    while not self.stopping.is_set():
                        begun = time.monotonic()
                        self.act(connection)
            except VarlinkError as error:
                self.witness.note_error(error, begun)
                if error.short == "LedgerUnavailable":
                    time.sleep(0.02)
            except (ConnectionError, FileNotFoundError):
                time.sleep(0.02)
            except TimeoutError:
                self.witness.find("a call had no answer for 60 s")

    def sign(self, connection, role, version, text, **more):
        """True: a signature came."""
        result = connection.call("SignMetadata", repository=REPOSITORY, role=role, format="tuf", signed=text,
                                 **more)["result"]
        if result["digest"] != digest_of(text):
            self.witness.find("a reply is for other bytes than were asked for")
        signed = any(entry["status"] == "signed" for entry in result["results"])
        if signed:
            self.witness.note_signed(role, version, result["digest"])
        return signed


class Requester(Client):
    """Asks for targets, has some of the three approve, or one deny, and asks again."""

    def act(self, connection):
        version = self.witness.newest["targets"] + self.random.choice((0, 1, 1, 1, 1))
        text = metadata("targets", version, self.random.randrange(8))
        try:
            self.sign(connection, "targets", version, text)
            return  # the same bytes again: their request is approved already
        except VarlinkError as error:
            if error.short == "LimitExceeded" and error.parameters["limit"] == "pending-requests-per-uid":
                return self.clear_up(connection)  # what kills and faults left half done
            if error.short != "ApprovalRequired":
                raise
            request = error.parameters["request"]
        people = self.random.sample(PEOPLE, self.random.choice((1, 2, 2, 2, 3)))
        document = connection.call("ShowRequest", request=request)["document"]
        for person in people:
            self.approve(connection, request, person, document)
        if len(people) < NEEDED or self.random.random() < 0.1:
            self.deny(connection, request)
        self.ask_again(connection, request, version, text)

    def approve(self, connection, request, person, document):
        with self.witness.lock:
            self.witness.sent[request].add(person.name)
        connection.call("ApproveRequest", request=request, approval=person.approval(document))
        with self.witness.lock:
            self.witness.acknowledged[request].add(person.name)

    def deny(self, connection, request):
        connection.call("DenyRequest", request=request, why="not this one")
        with self.witness.lock:
            self.witness.denied.setdefault(request, time.monotonic())

    def clear_up(self, connection):
        for request in connection.call("ListRequests")["requests"]:
            if request["state"] == "pending":
                self.deny(connection, request["id"])

    def ask_again(self, connection, request, version, text):
        begun = time.monotonic()
        try:
            signed = self.sign(connection, "targets", version, text)
        except VarlinkError as error:
            if error.short == "ApprovalRequired" and self.lost_an_approval(error.parameters["request"], request):
                self.witness.find(f"approvals of {request} were acknowledged and are asked for again")
            raise
        with self.witness.lock:
            if signed and len(self.witness.sent[request]) < NEEDED:
                self.witness.find(f"{request} was signed with the approvals of {self.witness.sent[request]}")
            if signed and self.witness.denied.get(request, begun) < begun:
                self.witness.find(f"{request} was signed after its denial was acknowledged")

    def lost_an_approval(self, asked, request):
        with self.witness.lock:
            return asked == request and len(self.witness.acknowledged[request]) >= NEEDED


class Job(Client):
    """Signs snapshots with CI tokens, each of which is good for three."""

    def __init__(self, agent, witness, seed, tokens):
        super().__init__(agent, witness, seed)
        self.tokens = tokens

    def act(self, connection):
        version = self.witness.newest["snapshot"] + self.random.choice((0, 1, 1))
        token = self.random.choice(self.tokens)
        text = metadata("snapshot", version, self.random.randrange(4))
        try:
            if not self.sign(connection, "snapshot", version, text, identity=token):
                return
        except VarlinkError as error:
            if error.short == "IdentityRefused" and token in self.tokens:
                with contextlib.suppress(ValueError):
                    self.tokens.remove(token)  # used up, for everybody
            raise
        with self.witness.lock:
            self.witness.uses[token] += 1


@unittest.skipUnless(SHIM.exists(), "the disk shim is not built")
class KillConsentTest(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        scratch = self.enterContext(Scratch())
        issuer = Issuer("2026-11")
        jwks = scratch / "keys.jwks"
        jwks.write_text(json.dumps({"keys": [issuer.jwk()]}))
        self.tokens = [issuer.token(exp=int(time.time()) + 3600) for _ in range(400)]
        tokens = SoftToken(scratch / "softhsm", "killed")
        self.control = scratch / "disk"
        environment = {"LD_PRELOAD": preload(SHIM), "SIGNET_DISK_CONTROL": self.control,
                       "SIGNET_DISK_PATH": scratch / "agent" / "state" / "ledger.db"}
        self.agent = Agent(scratch / "agent", toml_for(tokens), policy=policy(jwks),
                           command=["env", *(f"{name}={value}" for name, value in environment.items())])
        self.agent.start()
        self.addCleanup(self.agent.stop)
        with self.agent.connect(timeout=120) as connection:
            start_repository(connection, "killed", REPOSITORY, ROLES)
        self.token_object = TokenObject(tokens.directory)
        self.witness, self.done = Witness(), collections.Counter()

    def set_disk(self, word):
        draft = self.control.with_suffix(".new")
        draft.write_text(word + "\n")
        draft.rename(self.control)
        with self.witness.lock:
            self.witness.quiet_since = time.monotonic() if word == "none" else float("inf")

    def kill_agent(self):
        self.agent.process.kill()
        self.agent.process.wait()
        self.agent.process = None
        self.done["signetd"] += 1

    def kill_host(self):
        hosts = hosts_of(self.agent.process)
        if hosts:
            os.kill(self.random.choice(hosts), 9)
            self.done["token host"] += 1

    def wait_for_work(self):
        """Often the kill comes wherever it comes; else not before something was signed since the one before."""
        before, end = self.witness.signed["targets"], time.monotonic() + 3
        while self.random.random() < 0.9 and self.witness.signed["targets"] == before and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(self.random.uniform(0, 0.2))

    def one_round(self):
        self.wait_for_work()
        what = self.random.choice(("agent", "agent", "host", "disk", "disk and agent"))
        if "disk" in what:
            word = self.random.choice(FAULTS)
            self.set_disk(word)
            self.done[f"disk: {word}"] += 1
            time.sleep(self.random.uniform(0, 0.15))
        if what == "host":
            self.kill_host()
        if "agent" in what:
            self.kill_agent()
            self.agent.start(ledger=False)  # perhaps on the disk that fails
        if "disk" in what:
            self.set_disk("none")
        self.token_object.mend()

    def test_no_consent_is_lost_or_made_up(self):
        clients = [Requester(self.agent, self.witness, SEED + number) for number in range(3)]
        clients += [Job(self.agent, self.witness, SEED + 10 + number, self.tokens) for number in range(2)]
        for client in clients:
            client.start()
        for _ in range(ROUNDS):
            self.one_round()
            if self.witness.findings:
                break
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.join(60)
        print(f"{dict(self.done)}; signed {dict(self.witness.signed)}; requests approved "
              f"{len(self.witness.acknowledged)}, denied {len(self.witness.denied)}; tokens used "
              f"{len(self.witness.uses)}, most {max(self.witness.uses.values(), default=0)} times; "
              f"errors {dict(self.witness.errors)}")
        self.assertEqual(self.witness.findings, [])
        for version, digests in self.witness.digests.items():
            self.assertEqual(len(digests), 1, f"{version} was released with {len(digests)} payloads")
        self.assertLessEqual(max(self.witness.uses.values()), MAX_USES)
        self.kill_agent()
        self.agent.start(ledger=False)
        self.check_requests()
        self.check_records()
        # The rounds must have hit work, or this shows nothing.
        self.assertGreater(self.witness.signed["targets"], ROUNDS // 4)
        self.assertGreater(self.witness.signed["snapshot"], ROUNDS // 4)
        self.assertGreater(len(self.witness.denied), ROUNDS // 20)
        self.assertGreater(self.witness.errors["LedgerUnavailable"], 10)

    def check_requests(self):
        """What was acknowledged is there, in the newest life of the agent."""
        with self.agent.connect() as connection:
            for request in set(self.witness.acknowledged) | set(self.witness.denied):
                shown = connection.call("ShowRequest", request=request)["request"]
                approved = {approval["principal"] for approval in shown["approvals"]}
                self.assertLessEqual(self.witness.acknowledged[request], approved, request)
                if request in self.witness.denied:
                    self.assertEqual(shown["state"], "denied", request)

    def check_records(self):
        """As an outsider reads the ledger: who had approved and denied what, when each intent was written."""
        approved, denied, intents = collections.defaultdict(set), set(), {}
        released = collections.Counter()
        with self.agent.connect() as connection:
            records = statements(connection)
        for statement in records:
            body, kind = statement["body"], statement["kind"]
            if kind == "approval.approve":
                approved[body["request"]].add(body["principal"])
            elif kind == "approval.deny":
                denied.add(body["request"])
            elif kind == "sign.intent":
                intents[statement["sequence"]] = body
                if body["role"] == "targets":
                    self.assertGreaterEqual(len(approved[body["request"]]), NEEDED, body)
                    self.assertNotIn(body["request"], denied)
            elif kind == "sign.outcome" and body["result"] == "released":
                released[intents[body["intent"]]["role"]] += 1
                self.assertFalse(intents[body["intent"]].get("request") in denied, body)
        self.assertGreaterEqual(released["targets"], self.witness.signed["targets"])
        self.assertGreaterEqual(released["snapshot"], self.witness.signed["snapshot"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
