// Metadata: the strict reader and the canonicaliser, on targets with this many files.
#include <benchmark/benchmark.h>

#include <boost/json/array.hpp>
#include <string>

#include "protocol/canonical_json.h"
#include "protocol/metadata.h"

namespace signet::bench {
namespace {

constexpr std::size_t kMaxSize = 16 * 1024 * 1024;

boost::json::value targets_of(std::int64_t files) {
  boost::json::object targets;
  for (std::int64_t i = 0; i < files; ++i) {
    boost::json::object hashes{{"sha256", std::string(64, 'a')}};
    boost::json::object file{{"length", 1000 + i}, {"hashes", std::move(hashes)}};
    targets["app/release/file-" + std::to_string(i) + ".tar.gz"] = std::move(file);
  }
  return boost::json::object{{"_type", "targets"},
                             {"spec_version", "1.0.31"},
                             {"version", 7},
                             {"expires", "2040-01-01T00:00:00Z"},
                             {"targets", std::move(targets)}};
}

std::string canonical_targets(std::int64_t files) {
  return canonical_json(targets_of(files)).value();
}

void canonicalise(benchmark::State& state) {
  const boost::json::value value = targets_of(state.range(0));
  std::int64_t bytes = 0;
  for (auto _ : state) {
    const auto text = canonical_json(value);
    bytes += static_cast<std::int64_t>(text->size());
    benchmark::DoNotOptimize(text->data());
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(canonicalise)->Name("canonicalise targets of N files")->Arg(10)->Arg(1000);

// What SignMetadata does with the bytes first: read strictly, write again, compare.
void read_canonical(benchmark::State& state) {
  const std::string text = canonical_targets(state.range(0));
  for (auto _ : state) {
    const auto value = parse_canonical_json(text, kMaxSize);
    if (!value) state.SkipWithError(value.error().message.c_str());
    benchmark::DoNotOptimize(value->is_object());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(read_canonical)->Name("read canonical targets of N files")->Arg(10)->Arg(1000);

}  // namespace
}  // namespace signet::bench
