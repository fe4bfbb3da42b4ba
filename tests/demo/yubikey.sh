# shellcheck shell=bash
# ./dev demo --yubikey: the same demo on an emulated YubiKey (tests/emulated_yubikey), behind the real pcscd, ykcs11 and
# ykman. Replaces what in acts.sh belongs to a software token. demo.sh has the variables and helpers that it uses.

readonly yubikey_serial=15835999
readonly yubikey_token="YubiKey PIV #$yubikey_serial"
readonly yubikey_reader='Yubico YubiKey OTP+FIDO+CCID 00 00'
# Slots that both modules sign with, and the CKA_ID that each has (ykcs11's numbering: 9a is 1, 82 is 5).
yubikey_slots=(9a 9c 9e 82 83 84 85 86 87 88)
yubikey_ids=(01 02 04 05 06 07 08 09 0a 0b)
declare -A yubikey_id_of=()

# A program that is to see this YubiKey and no other.
with_yubikey() { PCSCLITE_CSOCK_NAME=$yubikey_socket "$@"; }

start_yubikey() {
  # Its standard input is ours for as long as the demo runs: when that ends, so does it.
  coproc card_program { exec "$here/../emulated_yubikey/emulated-yubikey" "alice:$yubikey_serial" \
    --cards-directory "$scratch/card" --reader-library "$bin/../lib/emulated-usb-reader.so" 2>logs/yubikey.log; }
  local ready
  read -r ready <&"${card_program[0]}" || { indent <logs/yubikey.log; give_up "The emulated YubiKey did not start."; }
  yubikey_control=$(jq -r .control <<<"$ready")
  yubikey_socket=$(jq -r .environment.PCSCLITE_CSOCK_NAME <<<"$ready")
}

stop_yubikey() {
  [[ -n ${card_program_PID:-} ]] || return 0
  local pid=$card_program_PID
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

control_yubikey() { "$here/../emulated_yubikey/control-card" "$yubikey_control" "$@"; }

act_start() {
  step "An agent and a YubiKey"
  tell "This YubiKey is emulated, down to its APDUs; pcscd, its driver, ykman and Yubico's PKCS#11 module (ykcs11) are the" \
    "real ones. They run beside your own, and see no card of yours."
  (umask 277; printf '%08d' "$((SRANDOM % 10 ** 8))" >pin)
  start_yubikey
  with_yubikey ykman --reader "$yubikey_reader" piv access change-pin --pin 123456 --new-pin "$(cat pin)" >logs/output.txt 2>&1 ||
    { indent <logs/output.txt; give_up "ykman could not set the PIN."; }
  cat >signet.toml <<CONF
[agent]
discover-modules = false
policy = "$scratch/policy.toml"

[[module]]
name = "ykcs11"
path = "$(ls /usr/lib/*/libykcs11.so)"
environment = { PCSCLITE_CSOCK_NAME = "$yubikey_socket" }

[[module.pin]]
token = "$yubikey_token"
file = "$scratch/pin"
CONF
  cat >policy.toml <<'POLICY'
[[rule]]
name = "the-demo"
user = "@self"
action = ["administer", "unlock", "generate", "enrol", "retire", "adopt", "sign-metadata", "sign-message", "read-ledger"]
POLICY
  run cat signet.toml policy.toml
  show signetd --config "$scratch/signet.toml" --state "$scratch/state" --socket "$SIGNET_SOCKET" '&'
  signetd --config "$scratch/signet.toml" --state "$scratch/state" --socket "$SIGNET_SOCKET" >logs/signetd.log 2>&1 </dev/null &
  agent_pid=$!
  wait_for_agent
  run signet init
  run signet token list
}

act_keys() {
  local name
  step "Keys, made in the YubiKey's slots"
  tell "ykman makes them, for which it needs the management key; the agent enrols what it finds. No private key ever leaves" \
    "the YubiKey, and there is a slot for each role."
  generate root-p256 ecdsa-p256
  generate root-rsa rsa-2048
  generate root-ed25519 ecdsa-p256 # a YubiKey has Ed25519 since firmware 5.7, and ykcs11 2.2.0 not yet
  generate targets ecdsa-p384
  generate releases ecdsa-p256
  generate snapshot ecdsa-p256
  generate timestamp ecdsa-p256
  run signet key list
  tell "Their public halves go into the metadata, in the form that TUF has for them."
  for name in root-p256 root-rsa root-ed25519 targets releases snapshot timestamp; do
    signet --json key show "$name" >"keys/$name"
  done
}

# generate NAME ALGORITHM: in the next free slot.
generate() {
  local slot=${yubikey_slots[${#yubikey_id_of[@]}]} algorithm
  case $2 in
    rsa-*) algorithm=RSA2048 ;;
    ecdsa-p384) algorithm=ECCP384 ;;
    *) algorithm=ECCP256 ;;
  esac
  yubikey_id_of[$1]=${yubikey_ids[${#yubikey_id_of[@]}]}
  run_briefly with_yubikey ykman --reader "$yubikey_reader" piv keys generate --algorithm "$algorithm" \
    --management-key 010203040506070801020304050607080102030405060708 "$slot" "keys/$1.pem"
  # The module in the token's host has read the slots before; a new host reads them anew.
  run_briefly signet token lock "$yubikey_token"
  run_briefly signet key enrol "$(uri_of "$1")" --name "$1" --use tuf
}

uri_of() { printf 'pkcs11:serial=%s;id=%%%s;type=private' "$yubikey_serial" "${yubikey_id_of[$1]}"; }

act_unplugged() {
  step "The YubiKey is unplugged, and plugged in again"
  metadata timestamp draft/2.timestamp.json --version 2 --snapshot-file draft/1.snapshot.json
  control_yubikey unplug card=alice
  refuse 5 signet tuf sign draft/2.timestamp.json --repository "$repository" --role timestamp
  control_yubikey plug card=alice
  tell "Nothing is restarted, and the PIN comes from where it came from before:"
  sign timestamp draft/2.timestamp.json timestamp.json
}
