"""kill -9 of signetd and of its token hosts at random points, 200 times, while clients sign and some change their bytes.

What must hold: no version is ever released with two payloads, the ledger opens after every kill, clients get typed errors
or succeed, no role is stuck, no token host outlives its agent. SIGNET_KILLS and SIGNET_KILL_SEED change the run.
"""
import collections
import os
import random
import signal
import subprocess
import threading
import time
import unittest
from pathlib import Path

from agent_fixture import Agent, Scratch, SoftToken, TokenObject, hosts_of, toml_for
from made_metadata import digest_of, metadata, start_repository, statements
from varlink_client import VarlinkError

KILLS = int(os.environ.get("SIGNET_KILLS", "200"))
SEED = int(os.environ.get("SIGNET_KILL_SEED", "20261121"))
REPOSITORY = "example.org/killed"
ROLES = {"targets": "ecdsa-p256", "snapshot": "ed25519", "timestamp": "rsa-2048"}
CLIENTS = 6
# What a client may be told while tokens and agents die under it. Anything else is a finding.
EXPECTED = {"VersionConflict", "Busy", "TokenFault", "TokenAbsent"}


class Released:
    """Signatures that clients received, and what is wrong with them."""

    def __init__(self):
        self.lock = threading.Lock()
        self.newest = dict.fromkeys(ROLES, 1)
        self.digests = collections.defaultdict(set)  # (role, version) -> digests that a signature was received for
        self.errors = collections.Counter()
        self.findings = []
        self.lives = 0  # of signetd: a connection may break when this changes,
        self.dying = False  # or while this is set: from before a kill until the next life answers

    def note(self, role, version, digest):
        with self.lock:
            self.newest[role] = max(self.newest[role], version)
            self.digests[role, version].add(digest)

    def note_error(self, error):
        with self.lock:
            self.errors[error.short] += 1
            if error.short not in EXPECTED:
                self.findings.append(f"a client was told {error}")

    def find(self, finding):
        with self.lock:
            self.findings.append(finding)


class Client(threading.Thread):
    """Signs until it is told to stop; reconnects when the agent was killed."""

    def __init__(self, agent, released, seed):
        super().__init__(daemon=True)
        self.agent, self.released, self.random = agent, released, random.Random(seed)
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            before = self.released.lives, self.released.dying
            try:
                with self.agent.connect() as connection:
                    while not self.stopping.is_set():
                        before = self.released.lives, self.released.dying
                        self.sign(connection)
            except (ConnectionError, FileNotFoundError, BrokenPipeError):
                if before == (self.released.lives, False):
                    self.released.find("the agent closed a connection though nobody had killed it")
                time.sleep(0.02)
            except TimeoutError:
                self.released.find("a call had no answer for 60 s")

    def sign(self, connection):
        role = self.random.choice(list(ROLES))
        version = self.released.newest[role] + self.random.choice((0, 1, 1))
        text = metadata(role, version, self.random.randrange(3))
        try:
            reply = connection.call("SignMetadata", repository=REPOSITORY, role=role, format="tuf", signed=text)
        except VarlinkError as error:
            self.released.note_error(error)
            self.check_conflict(error)
            return
        result = reply["result"]
        if any(entry["status"] == "signed" for entry in result["results"]):
            self.released.note(role, version, result["digest"])
        if result["digest"] != digest_of(text):
            self.released.find("a reply is for other bytes than were asked for")

    def check_conflict(self, error):
        if error.short != "VersionConflict":
            return
        parameters = error.parameters
        if parameters["payload"] is not None and digest_of(parameters["payload"]) != parameters["digest"]:
            self.released.find("a conflict shows a payload that is not the digest's")
        if parameters["payload"] is not None and not parameters["signatures"]:
            self.released.find("a released payload comes without its signatures")


def is_running(pid):
    try:
        return b"signet-token-host" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


class KillTest(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        scratch = self.enterContext(Scratch())
        tokens = SoftToken(scratch / "softhsm", "killed")
        self.agent = Agent(scratch / "agent", toml_for(tokens))
        self.released = Released()
        self.hosts = set()
        self.agent.start()
        self.addCleanup(self.agent.stop)
        with self.agent.connect(timeout=120) as connection:
            start_repository(connection, "killed", REPOSITORY, ROLES)
        self.token_object = TokenObject(tokens.directory)

    def kill_host(self):
        hosts = hosts_of(self.agent.process)
        self.hosts.update(hosts)
        if not hosts:
            return False
        os.kill(self.random.choice(hosts), signal.SIGKILL)
        return True

    def kill_agent(self):
        self.hosts.update(hosts_of(self.agent.process))
        self.released.dying = True
        self.released.lives += 1
        self.agent.process.kill()
        self.agent.process.wait()
        self.agent.process = None

    def start_agent(self):
        # Now and then it does not even get to its first answer.
        while self.random.random() < 0.2:
            with open(self.agent.log, "ab") as log:
                early = subprocess.Popen(self.agent.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            time.sleep(self.random.uniform(0, 0.1))
            self.assertIsNone(early.poll(), f"signetd ended by itself; its log:\n{self.agent.log.read_text()[-3000:]}")
            early.kill()
            early.wait()
            self.kills["signetd, starting"] += 1
        self.agent.start(ledger=False)
        self.released.dying = False

    def test_nothing_is_released_twice(self):
        self.kills = collections.Counter()
        clients = [Client(self.agent, self.released, SEED + number) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        while sum(self.kills.values()) < KILLS:
            time.sleep(self.random.uniform(0, 0.15))
            if self.random.random() < 0.5:
                self.kills["token host"] += self.kill_host()
            else:
                self.kill_agent()
                self.kills["signetd"] += 1
                self.start_agent()
            self.token_object.mend()
            if self.released.findings:
                break
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.join(60)
        print(f"kills {dict(self.kills)}; versions signed {len(self.released.digests)}; "
              f"errors {dict(self.released.errors)}; tokens mended {self.token_object.mended}")
        self.assertEqual(self.released.findings, [])
        self.check_no_role_is_stuck()
        self.check_payloads()
        self.check_records()
        self.check_hosts()
        # The kills must have hit work, or this shows nothing.
        self.assertGreater(len(self.released.digests), KILLS // 2)

    def check_payloads(self):
        for (role, version), digests in self.released.digests.items():
            self.assertEqual(len(digests), 1, f"{role} {version} was released with {len(digests)} payloads")

    def check_no_role_is_stuck(self):
        for role in ROLES:
            end = time.monotonic() + 60
            while True:
                self.token_object.mend()
                text = metadata(role, self.released.newest[role] + 1, 59)
                try:
                    with self.agent.connect() as connection:
                        connection.call("SignMetadata", repository=REPOSITORY, role=role, format="tuf", signed=text)
                    self.released.note(role, self.released.newest[role] + 1, digest_of(text))
                    break
                except VarlinkError as error:
                    # The answer to a client may have died with the agent: its version is released none the less.
                    if error.short == "VersionConflict":
                        self.released.newest[role] = error.parameters["version"]
                    else:
                        self.assertIn(error.short, EXPECTED)
                        time.sleep(0.2)
                self.assertLess(time.monotonic(), end, f"{role} is stuck")

    def check_records(self):
        """The agent, started once more, has an outcome for every intent, and one payload for every version."""
        self.kill_agent()
        self.start_agent()
        with self.agent.connect() as connection:
            recorded_so_far = statements(connection)
        self.assertEqual([s["sequence"] for s in recorded_so_far], list(range(1, len(recorded_so_far) + 1)))
        intents = {s["sequence"] for s in recorded_so_far if s["kind"] == "sign.intent"}
        outcomes = [s["body"] for s in recorded_so_far if s["kind"] == "sign.outcome"]
        self.assertEqual(collections.Counter(o["intent"] for o in outcomes), collections.Counter(intents))
        recorded = collections.defaultdict(set)
        for outcome in outcomes:
            if outcome["result"] == "released":
                recorded[outcome["role"], outcome["version"]].add(outcome["digest"])
        for version, digests in recorded.items():
            self.assertEqual(len(digests), 1, f"the ledger released {version} with {len(digests)} payloads")
        for version, digests in self.released.digests.items():
            self.assertEqual(digests, recorded[version], f"{version} was received and not recorded")

    def check_hosts(self):
        """Hosts of killed agents see the end of their connection and go."""
        self.hosts.difference_update(hosts_of(self.agent.process))
        end = time.monotonic() + 15
        while any(map(is_running, self.hosts)) and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual([pid for pid in self.hosts if is_running(pid)], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
