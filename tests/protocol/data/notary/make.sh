#!/bin/bash
# Makes the vectors in this folder with Debian's notary and notary-server (package notary), on loopback, in a scratch
# folder: every run makes new keys and so new files. Usage: ./make.sh [OUTPUT-FOLDER]
set -euo pipefail
out=$(realpath "${1:-$(dirname "$0")}")
scratch=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server"; } || true; rm -rf "$scratch"' EXIT
cd "$scratch"

gun=registry.example.com/org/app
port=${PORT:-14443}
export NOTARY_ROOT_PASSPHRASE=root-passphrase NOTARY_TARGETS_PASSPHRASE=targets-passphrase
export NOTARY_SNAPSHOT_PASSPHRASE=snapshot-passphrase NOTARY_DELEGATION_PASSPHRASE=delegation-passphrase

cat >server.json <<EOF
{"server": {"http_addr": "127.0.0.1:$port"}, "trust_service": {"type": "local"},
 "logging": {"level": "error"}, "storage": {"backend": "memory"}}
EOF
cat >client.json <<EOF
{"trust_dir": "$scratch/trust", "remote_server": {"url": "http://127.0.0.1:$port"}}
EOF
notary-server -config server.json -logf logfmt &
server=$!
for _ in $(seq 50); do curl -sf "http://127.0.0.1:$port/v2/" >/dev/null && break; sleep 0.1; done

run() { notary -c client.json "$@" </dev/null; }
printf 'hello, world\n' >hello
printf 'a name that Go escapes\n' >escaped

# The client holds root, targets and snapshot (P-256); the server holds timestamp (Ed25519).
run init -p "$gun"
run add -p "$gun" hello hello
run add -p "$gun" 'a<b>&c' escaped

: >"$out/keyids.txt"
# Delegations with an ECDSA P-256, a P-384 and an RSA key, of which the first and the RSA one must both sign.
for name in p256 p384 rsa; do
  case $name in
    p256) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 ;;
    p384) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 ;;
    rsa) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 ;;
  esac >"$name.pem" 2>/dev/null
  openssl req -new -x509 -key "$name.pem" -subj "/CN=$name" -days 3650 -out "$name.crt"
  run key list >before
  run key import "$name.pem" --role user
  # The id under which notary itself knows the key: that of the plain public key, without a certificate.
  run key list | grep -vxFf before | awk -v name="$name" '/^user/ {print $2 "  " name ".pub.pem"}' >>"$out/keyids.txt"
done
run delegation add -p "$gun" targets/releases p256.crt rsa.crt --all-paths
run delegation add -p "$gun" targets/qa p384.crt --paths qa/
run add -p "$gun" app hello --roles targets/releases
run add -p "$gun" qa/app hello --roles targets/qa
run publish "$gun"
# A second root, signed by the old and the new key.
echo yes | notary -c client.json key rotate "$gun" root
run list "$gun"

metadata=trust/tuf/$gun/metadata
for file in root targets snapshot timestamp targets/releases targets/qa; do
  install -m 644 "$metadata/$file.json" "$out/${file//\//_}.json"
done
curl -sf "http://127.0.0.1:$port/v2/$gun/_trust/tuf/1.root.json" >"$out/1.root.json"
for name in p256 p384 rsa; do openssl x509 -in "$name.crt" -noout -pubkey >"$out/$name.pub.pem"; done
