// signet-fill-ledger DIRECTORY RECORDS KEYS: writes records of messages and enrols keys (Ed25519, on a token
// that there is not) until the ledger has so many, so that its cost at that size can be measured. The agent
// must not run.
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "agent/ledger/ledger_store.h"
#include "protocol/sha256.h"
#include "tests/protocol/test_keys.h"

namespace {

using namespace signet;

constexpr std::int64_t kGroup = 4096;  // records that share a COMMIT
constexpr Requester kFiller{1000, 1000, 1};

std::optional<std::int64_t> parse_count(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

NewRecord make_record(std::int64_t number) {
  NewRecord record;
  record.kind = "message-intent";
  record.body = {{"key", sha256_hex(as_bytes("a key"))},
                 {"scheme", "ecdsa-sha2-nistp256"},
                 {"input", "message"},
                 {"digest", sha256_hex(as_bytes(std::to_string(number)))}};
  record.who = kFiller;
  return record;
}

LedgerKey make_key(std::int64_t number) {
  const test::TestKey made(KeyAlgorithm::Ed25519);
  LedgerKey key;
  key.name = "filler-" + std::to_string(number);
  key.uri = "pkcs11:token=filler;object=" + key.name;
  key.algorithm = "ed25519";
  key.spki = made.public_key().spki();
  key.fingerprint = made.public_key().fingerprint();
  key.tuf_keyid = sha256_hex(as_bytes("tuf " + key.name));
  key.notary_keyid = sha256_hex(as_bytes("notary " + key.name));
  key.uses = {"message"};
  key.token_label = "filler";
  key.token_serial = "1";
  key.evidence = {{"local", true}};
  return key;
}

// Runs `add` for each number, in groups.
template <typename Add>
Result<void> in_groups(LedgerStore& store, std::int64_t from, std::int64_t to, Add add) {
  while (from < to) {
    if (auto begun = store.begin_group(true); !begun) return begun;
    for (const std::int64_t end = std::min(to, from + kGroup); from < end; ++from)
      if (auto added = store.run(true, [&] { return add(from); }); !added) return added;
    if (auto committed = store.commit_group(); !committed) return committed;
  }
  return {};
}

Result<void> fill(LedgerStore& store, std::int64_t records, std::int64_t keys) {
  const auto there = static_cast<std::int64_t>(store.keys().all().size());
  auto enrolled = in_groups(store, there, keys,
                            [&](std::int64_t number) { return store.keys().add(make_key(number), kFiller); });
  if (!enrolled) return enrolled;
  return in_groups(store, store.records().count(), records, [&](std::int64_t number) -> Result<void> {
    const auto written = store.records().append(make_record(number));
    if (!written) return written.error();
    return {};
  });
}

}  // namespace

int main(int argc, char** argv) {
  const auto records = argc == 4 ? parse_count(argv[2]) : std::nullopt;
  const auto keys = argc == 4 ? parse_count(argv[3]) : std::nullopt;
  if (!records || !keys) {
    std::fprintf(stderr, "Usage: signet-fill-ledger DIRECTORY RECORDS KEYS\n");
    return 2;
  }
  const auto store = LedgerStore::open(argv[1], {});
  const auto filled = store ? fill(**store, *records, *keys) : Result<void>(store.error());
  if (!filled) std::fprintf(stderr, "%s\n", filled.error().message.c_str());
  return filled ? 0 : 1;
}
