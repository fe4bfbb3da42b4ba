// How fast the ledger is on this disk: reserve and finish, as a signature needs them, with n callers in a
// closed loop.
//   ledger_bench [DIRECTORY]     (default: a scratch directory)
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>

#include "agent/ledger/ledger.h"
#include "tests/agent/ledger/ledger_fixture.h"

namespace signet::test {
namespace {

using boost::asio::awaitable;
using Clock = std::chrono::steady_clock;

struct Measured {
  std::vector<double> signature_us, call_us;
  std::size_t groups = 0;
};

awaitable<void> caller(Ledger& ledger, int number, Clock::time_point end, Measured& measured) {
  const std::string name = std::to_string(number);
  const std::vector<std::string> keys{"k" + name};
  for (std::int64_t version = 1; Clock::now() < end; ++version) {
    ReserveRequest request = make_request(
        "a", "role-" + name, version, "payload " + std::to_string(version) + std::string(4000, 'x'), keys);
    const auto start = Clock::now();
    const auto reservation = co_await ledger.reserve(std::move(request));
    const auto reserved = Clock::now();
    std::vector<KeyOutcome> outcomes;
    outcomes.push_back(signed_by(keys[0]));
    const auto done = co_await ledger.finish(reservation->id, std::move(outcomes));
    done.value();
    const auto finished = Clock::now();
    measured.signature_us.push_back(std::chrono::duration<double, std::micro>(finished - start).count());
    measured.call_us.push_back(std::chrono::duration<double, std::micro>(reserved - start).count());
  }
}

awaitable<void> populate(Ledger& ledger, int callers) {
  co_await ledger.create_repository("a", MetadataFormat::Tuf, someone());
  for (int number = 0; number < callers; ++number) {
    LedgerKey key = make_key("k" + std::to_string(number));
    co_await ledger.add_key(std::move(key), someone());
  }
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

void measure(const std::filesystem::path& directory, int callers) {
  std::filesystem::create_directory(directory);
  Measured measured;
  LedgerOptions options;
  options.on_group = [&measured](std::size_t, bool) { ++measured.groups; };
  auto ledger = create_ledger(directory, options).value();
  boost::asio::io_context loop;
  boost::asio::co_spawn(loop, populate(*ledger, callers), boost::asio::detached);
  loop.run();
  loop.restart();
  const std::size_t before = measured.groups;
  constexpr double kSeconds = 3;
  const auto end = Clock::now() + std::chrono::milliseconds(static_cast<int>(kSeconds * 1000));
  for (int number = 0; number < callers; ++number)
    boost::asio::co_spawn(loop, caller(*ledger, number, end, measured), boost::asio::detached);
  loop.run();
  ledger.reset();
  const auto signatures = static_cast<double>(measured.signature_us.size());
  std::printf(
      "%3d callers: %7.0f signatures/s (reserve + finish), %6.0f commits/s, median %7.0f us, one call %7.0f "
      "us\n",
      callers, signatures / kSeconds, static_cast<double>(measured.groups - before) / kSeconds,
      median(measured.signature_us), median(measured.call_us));
}

}  // namespace
}  // namespace signet::test

int main(int count, char** words) {
  const signet::test::ScratchDir scratch;
  const std::filesystem::path directory = count > 1 ? words[1] : scratch.path();
  for (const int callers : {1, 4, 16, 64, 256})
    signet::test::measure(directory / ("ledger-" + std::to_string(callers)), callers);
}
