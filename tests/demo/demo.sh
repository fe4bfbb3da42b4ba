#!/usr/bin/env bash
# demo.sh BIN [--yubikey] [--keep DIR]: a TUF repository, signed by keys that never leave a (software) token; then what the agent
# refuses. Every step shows the command it runs. A refusal that is not refused makes the demo fail.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
readonly here
# shellcheck source=tests/demo/narrator.sh
source "$here/narrator.sh"

bin=$(readlink -f "$1")
shift
keep='' yubikey=''
while (($#)); do
  case $1 in
    --keep)
      [[ -n ${2:-} ]] || give_up "--keep needs a directory: ./dev demo --keep DIR"
      keep=$(realpath -m "$2")
      shift 2
      ;;
    --yubikey)
      yubikey=1
      shift
      ;;
    *) give_up "The demo knows two options: --yubikey and --keep DIR" ;;
  esac
done
if [[ -n $keep && -e $keep ]] && [[ ! -d $keep || -n $(ls -A "$keep") ]]; then
  give_up "$keep is there already, and not an empty directory. Name another one: nothing is overwritten."
fi

softhsm=''
for candidate in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
  [[ ! -e $candidate ]] || softhsm=$candidate
done
[[ -n $softhsm ]] || give_up "SoftHSM is not installed: apt-get install softhsm2"

# Short: the name of a Unix socket has room for 107 bytes.
scratch=$(mktemp -d /tmp/signet-demo.XXXXXX)
agent_pid=''

stop_agent() {
  [[ -n $agent_pid ]] || return 0
  kill "$agent_pid" 2>/dev/null || true
  wait "$agent_pid" || give_up "signetd ended with status $?; its log is $scratch/logs/signetd.log"
  agent_pid=''
}

stop_yubikey() { :; }

# Whatever happens: the agent ends, and the scratch folder goes, unless something went wrong that its logs explain.
leave() {
  local status=$?
  if [[ -n $agent_pid ]]; then
    kill "$agent_pid" 2>/dev/null || true
    wait "$agent_pid" 2>/dev/null || true
  fi
  stop_yubikey
  if ((status != 0)); then
    printf '\nThe demo failed. What it did is in %s; logs/signetd.log there is the agent'\''s log.\n' "$scratch" >&2
  else
    cd /
    rm -rf "$scratch"
  fi
}
trap leave EXIT
trap 'exit 130' INT TERM

cd "$scratch"
mkdir -p softhsm logs keys draft repository/metadata repository/targets
chmod 700 softhsm keys
export SIGNET_SOCKET=$scratch/agent.sock
export PATH=$bin:$PATH
readonly repository=registry.example.com/demo

random_pin() { printf '%0*d' "$1" "$((SRANDOM % 10 ** 9))"; }
metadata() { run /usr/bin/python3 -I "$here/metadata.py" "$@"; }

# sign ROLE FILE PUBLISHED [OPTION…]: signs a draft and puts it where a client fetches it.
sign() {
  local role=$1 draft=$2 published=$3
  shift 3
  run signet tuf sign "$draft" --repository "$repository" --role "$role" "$@"
  cp "$draft" "repository/metadata/$published"
}

# publish_target PATH FILE: under the name that consistent snapshots give it.
publish_target() {
  local digest
  digest=$(sha256sum "$2" | cut -d' ' -f1)
  mkdir -p "repository/targets/$(dirname "$1")"
  cp "$2" "repository/targets/$(dirname "$1")/$digest.$(basename "$1")"
}

observe() { run signet repository observe "$repository" "$1" --role "$2"; }

# shellcheck source=tests/demo/acts.sh
source "$here/acts.sh"
if [[ -n $yubikey ]]; then
  [[ -z $keep ]] || give_up "An emulated YubiKey is gone at the end: --yubikey and --keep do not go together."
  # shellcheck source=tests/demo/yubikey.sh
  source "$here/yubikey.sh"
fi

printf 'Everything happens in %s.\n' "$scratch"
act_start
act_keys
act_first_root
act_repository
act_second_root
act_verify
act_refusals
act_unplugged
act_ledger
stop_agent
finish
