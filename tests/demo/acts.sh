# shellcheck shell=bash
# The steps of the demo, in order. demo.sh has the variables and helpers that they use.

act_start() {
  step "An agent and a token"
  tell "A software token (SoftHSM) stands in for a YubiKey or an HSM. The agent's configuration says which PKCS#11 module" \
    "to use and where the token's PIN comes from; vendor code runs in a process of its own, never in the agent."
  cat >softhsm/softhsm2.conf <<CONF
directories.tokendir = $scratch/softhsm
objectstore.backend = file
log.level = ERROR
slots.removable = false
CONF
  (umask 277; random_pin 8 >pin; random_pin 10 >so-pin)
  cat >signet.toml <<CONF
[agent]
discover-modules = false
policy = "$scratch/policy.toml"

[[module]]
name = "softhsm"
path = "$softhsm"
environment = { SOFTHSM2_CONF = "$scratch/softhsm/softhsm2.conf" }
shared = true
removable = false

[[module.pin]]
token = "demo"
file = "$scratch/pin"
CONF
  run cat signet.toml
  tell "The policy says who may do what. Without one, the agent asks its person, in a window of its own, before it makes" \
    "a key or signs a root; nobody is here to answer, so this one does without. What no rule allows is refused."
  cat >policy.toml <<'POLICY'
[[rule]]
name = "the-demo"
user = "@self"
action = ["administer", "unlock", "generate", "enrol", "retire", "adopt", "sign-metadata", "sign-message", "read-ledger"]
POLICY
  run cat policy.toml
  show signetd --config "$scratch/signet.toml" --state "$scratch/state" --socket "$SIGNET_SOCKET" '&'
  signetd --config "$scratch/signet.toml" --state "$scratch/state" --socket "$SIGNET_SOCKET" >logs/signetd.log 2>&1 </dev/null &
  agent_pid=$!
  wait_for_agent
  run signet init
  run signet token init softhsm --label demo --pin-file pin --so-pin-file so-pin
  run signet status
}

wait_for_agent() {
  local tries
  for ((tries = 0; tries < 300; ++tries)); do
    [[ ! -S $SIGNET_SOCKET ]] || return 0
    kill -0 "$agent_pid" 2>/dev/null || break
    sleep 0.05
  done
  indent <logs/signetd.log
  give_up "signetd did not start."
}

act_keys() {
  local name
  step "Keys, made on the token"
  tell "Each is sensitive and not extractable; the agent asks the token after the fact. Three kinds for root; an own key" \
    "for targets, for a delegation named releases, for snapshot and for timestamp."
  run signet key generate root-p256 --token demo --algorithm ecdsa-p256 --use tuf
  generate root-rsa rsa-3072
  generate root-ed25519 ed25519
  generate targets ecdsa-p384
  generate releases ed25519
  generate snapshot ecdsa-p256
  generate timestamp ecdsa-p256
  run signet key list
  tell "Their public halves go into the metadata, in the form that TUF has for them."
  for name in root-p256 root-rsa root-ed25519 targets releases snapshot timestamp; do
    signet --json key show "$name" >"keys/$name"
  done
}

generate() { run_briefly signet key generate "$1" --token demo --algorithm "$2" --use tuf; }

# uri_of NAME: where the key lies.
uri_of() { printf 'pkcs11:token=demo;object=%s;type=private' "$1"; }

# For tokens that can be unplugged (yubikey.sh).
act_unplugged() { :; }

# The root's keys but for its own: ROOT_ROLES is what every version has.
readonly root_roles=(--targets keys/targets --snapshot keys/snapshot --timestamp keys/timestamp)

act_first_root() {
  step "Root version 1: two of three keys"
  run signet repository create "$repository" --format tuf
  metadata root draft/1.root.json --version 1 --threshold 2 --root keys/root-p256 keys/root-rsa keys/root-ed25519 "${root_roles[@]}"
  tell "Signers come one by one. One signature is not enough for a threshold of two, and the agent trusts nothing below it."
  sign root draft/1.root.json 1.root.json --key root-p256
  refuse 10 signet repository observe "$repository" draft/1.root.json --role root
  sign root draft/1.root.json 1.root.json --key root-rsa --key root-ed25519
  cp repository/metadata/1.root.json root.json
  observe draft/1.root.json root
}

act_repository() {
  step "A file to release, and the metadata that vouches for it"
  tell "The file is listed by the delegation releases, which has its own key; targets says that it may list releases/*."
  printf 'Signed by a key that never left its token.\n' >readme.txt
  tar -cf tool-1.0.tar --mtime=@0 --owner=0 --group=0 -C "$here" metadata.py
  publish_target README readme.txt
  publish_target releases/tool-1.0.tar tool-1.0.tar
  metadata targets draft/1.targets.json --version 1 --file README=readme.txt --delegate 'releases=keys/releases:releases/*'
  sign targets draft/1.targets.json 1.targets.json
  observe draft/1.targets.json targets
  metadata targets draft/1.releases.json --version 1 --file releases/tool-1.0.tar=tool-1.0.tar
  sign releases draft/1.releases.json 1.releases.json
  metadata snapshot draft/1.snapshot.json --version 1 --meta targets=1 releases=1
  sign snapshot draft/1.snapshot.json 1.snapshot.json
  metadata timestamp draft/timestamp.json --version 1 --snapshot-file draft/1.snapshot.json
  sign timestamp draft/timestamp.json timestamp.json
}

act_second_root() {
  step "Root version 2: a key leaves, another comes"
  tell "The RSA key retires. Version 2 needs two of the old root's keys and two of the new one's; a retired key signs" \
    "nothing more, but for the root that removes it."
  generate root-p384 ecdsa-p384
  signet --json key show root-p384 >keys/root-p384
  run_briefly signet key retire root-rsa
  metadata root draft/2.root.json --version 2 --threshold 2 --root keys/root-p256 keys/root-ed25519 keys/root-p384 "${root_roles[@]}"
  sign root draft/2.root.json 2.root.json
  observe draft/2.root.json root
}

act_verify() {
  step "Does it all verify?"
  tell "From the first root alone, as a client does that knows nothing else: through version 2, to every file."
  run signet tuf verify repository --root root.json
}

act_refusals() {
  step "What the agent refuses"
  refuse_other_bytes
  refuse_supersede
  refuse_second_label
  refuse_lower_threshold
  refuse_wrong_key
  refuse_digest
}

refuse_other_bytes() {
  tell "Version 1 of targets was released. The same version with another content would let two clients see two truths:"
  metadata targets draft/other.json --version 1 --file README=signet.toml
  refuse 6 signet tuf sign draft/other.json --repository "$repository" --role targets
}

refuse_supersede() {
  tell "Who means it says so, --supersede: an act of its own, that a policy has to allow. This one does not:"
  refuse 9 signet tuf sign draft/other.json --repository "$repository" --role targets --supersede
}

refuse_second_label() {
  tell "A second name for the same key does not help: a key is its public key. While it is active it has one name;"
  refuse 1 signet key enrol "$(uri_of targets)" --name second-label --use tuf
  tell "retired and enrolled again under another name, in another repository, it still cannot sign other bytes for a" \
    "version that it has signed:"
  generate other-root ed25519
  signet --json key show other-root >keys/other-root
  run_briefly signet key retire targets
  run_briefly signet key enrol "$(uri_of targets)" --name second-label --use tuf
  run signet repository create "$repository-2" --format tuf
  metadata root draft/other-root.json --version 1 --threshold 1 --root keys/other-root "${root_roles[@]}"
  run signet tuf sign draft/other-root.json --repository "$repository-2" --role root
  run signet repository observe "$repository-2" draft/other-root.json --role root
  refuse 9 signet tuf sign draft/other.json --repository "$repository-2" --role targets
}

refuse_lower_threshold() {
  tell "Root version 3 would need one signature where two were needed. Who means it says so, --accept-lower-threshold:"
  metadata root draft/3.root.json --version 3 --threshold 1 --root keys/root-p256 keys/root-ed25519 keys/root-p384 "${root_roles[@]}"
  refuse 9 signet tuf sign draft/3.root.json --repository "$repository" --role root
}

refuse_wrong_key() {
  tell "The snapshot key is no key of the role timestamp:"
  metadata timestamp draft/2.timestamp.json --version 2 --snapshot-file draft/1.snapshot.json
  refuse 9 signet tuf sign draft/2.timestamp.json --repository "$repository" --role timestamp --key snapshot
}

refuse_digest() {
  tell "And a digest says nothing about what it stands for, so a key that signs metadata signs none:"
  refuse 9 signet sign --key snapshot --digest "$(sha256sum readme.txt | cut -d' ' -f1)"
}

act_ledger() {
  step "What the agent remembers"
  run signet repository list
  run signet status
}

finish() {
  printf '\n%sDone: a repository of two roots, signed and verified; %d requests refused.%s\n' "$good" "$refusals" "$plain"
  if [[ -z $keep ]]; then
    printf 'The scratch folder %s is removed. ./dev demo --keep DIR leaves everything in DIR.\n' "$scratch"
    return
  fi
  rm -f agent.sock logs/refusal.txt logs/output.txt
  mkdir -p "$keep"
  cp -a "$scratch/." "$keep/"
  # The kept agent can be started again from where it lies now.
  sed -i "s|$scratch|$keep|g" "$keep/signet.toml" "$keep/softhsm/softhsm2.conf"
  cat <<TXT
Everything is in $keep:
  root.json             the first trust anchor
  repository/metadata   what a TUF client fetches, and
  repository/targets    the files it vouches for
  state                 the agent's ledger
  logs                  the agent's log
  signet.toml, softhsm  the configuration and the token, to start the agent again
TXT
}
