// The ledger's writer, without its thread: records in groups that share one COMMIT, durable on the disk of
// $TMPDIR.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <memory>

#include "agent/ledger/ledger_store.h"
#include "protocol/canonical_json.h"
#include "protocol/sha256.h"
#include "tests/support/scratch.h"

namespace signet::bench {
namespace {

NewRecord message_intent(std::int64_t number) {
  NewRecord record;
  record.kind = "message-intent";
  record.body = {{"key", std::string(64, 'a')},
                 {"scheme", "ecdsa-sha2-nistp256"},
                 {"input", "message"},
                 {"digest", std::string(48, 'b') + std::to_string(1'000'000'000'000'000 + number)}};
  record.who = {1000, 1000, 4711};
  return record;
}

bool append_group(LedgerStore& store, std::int64_t records, std::int64_t& number) {
  if (!store.begin_group(true)) return false;
  for (std::int64_t i = 0; i < records; ++i)
    if (!store.run(true, [&] { return store.records().append(message_intent(number++)); })) return false;
  return store.commit_group().has_value();
}

void commit_records(benchmark::State& state) {
  const test::ScratchDir scratch;
  const auto store = LedgerStore::create(scratch.path(), {});
  if (!store) return state.SkipWithError(store.error().message.c_str());
  std::int64_t number = 0;
  for (auto _ : state)
    if (!append_group(**store, state.range(0), number))
      return state.SkipWithError("a group was not committed");
  state.SetItemsProcessed(number);
}
BENCHMARK(commit_records)
    ->Name("ledger: commit a group of N records")
    ->Arg(1)
    ->Arg(16)
    ->Arg(64)
    ->Arg(512)
    ->UseRealTime();

// The part of a record that is no database: its canonical statement, and the hash that is its leaf.
void build_statement(benchmark::State& state) {
  std::int64_t number = 0;
  for (auto _ : state) {
    boost::json::object statement{{"sequence", ++number},
                                  {"time", "2026-11-21T23:00:00Z"},
                                  {"kind", "message-intent"},
                                  {"uid", 1000},
                                  {"detail", std::string(64, 'd')}};
    statement["body"] = std::move(message_intent(number).body);
    const auto text = canonical_json(std::move(statement));
    benchmark::DoNotOptimize(sha256(as_bytes(*text)));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(build_statement)->Name("ledger: a record's statement and its hash");

}  // namespace
}  // namespace signet::bench
