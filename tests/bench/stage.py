"""What a run needs: a SoftHSM token with the keys, made by the agent, and every peer started on a copy of it."""
from agent_fixture import SoftToken
from peers import TOKEN, InProcess, P11Kit, Signet, SshAgent, Token, copy_store

ALGORITHMS = ("ecdsa-p256", "rsa-2048", "ed25519")
# The agent three times. "signet": its defaults; signatures that come together share a record, which is on disk before they
# leave. "signet grouped": they leave before it. "signet durable": as by default, and each signature is verified.
AGENTS = {"signet": "", "signet grouped": 'message-record-delay = "50ms"', "signet durable": "verify-every-message = true"}
PEERS = ("in process", "p11-kit", "ssh-agent", *AGENTS)
SLOW_TOKEN = "slow"


def make_store(scratch):
    """A store with two tokens: "bench" has a key of each kind, "slow" one; a key is named after its algorithm."""
    store = SoftToken(scratch / "store", TOKEN, SLOW_TOKEN)
    maker = Signet(scratch / "maker", [Token(None, store).module_toml("softhsm", 1), pin_toml(store, SLOW_TOKEN)])
    try:
        with maker.agent.connect() as client:
            for algorithm in ALGORITHMS:
                client.call("GenerateKey", token=TOKEN, name=algorithm, algorithm=algorithm, uses=["message"])
            client.call("GenerateKey", token=SLOW_TOKEN, name=SLOW_TOKEN, algorithm=ALGORITHMS[0], uses=["message"])
    finally:
        maker.close()
    return store


def pin_toml(store, label):
    return f'[[module.pin]]\ntoken = "{label}"\nfile = "{store.pin_file}"\n'


def copied(scratch, name, build, store, **delay):
    return Token(build, copy_store(store, scratch / f"store-{name}"), **delay)


def signet(stack, directory, token, sessions, settings="", keys=None):
    """A running agent that has the token's keys enrolled: {label of the token: names}."""
    modules = [token.module_toml("hsm", sessions), pin_toml(token.store, SLOW_TOKEN)]
    peer = Signet(directory, modules, settings)
    stack.callback(peer.close)
    for label, names in (keys or {TOKEN: ALGORITHMS}).items():
        peer.enrol(label, names)
    return peer


def all_peers(stack, scratch, build, store, sessions, **delay):
    """{name: Peer}, started; each has a copy of the store."""
    def token(name):
        return copied(scratch, name, build, store, **delay)

    peers = {"in process": InProcess(token("in-process"))}
    for name, kind in (("p11-kit", lambda where: P11Kit(where, token("p11-kit"))),
                       ("ssh-agent", lambda where: SshAgent(where, [token("ssh-agent")]))):
        peers[name] = kind(scratch / f"peer-{name}")
        stack.callback(peers[name].close)
    for name, settings in AGENTS.items():
        short = name.replace(" ", "-")
        peers[name] = signet(stack, scratch / f"agent-{short}", token(short), sessions, settings)
    return peers

