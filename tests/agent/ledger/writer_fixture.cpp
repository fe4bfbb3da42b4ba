#include "tests/agent/ledger/writer_fixture.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace signet::test {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

std::vector<KeyOutcome> signatures_of(const ReserveRequest& request) {
  std::vector<KeyOutcome> outcomes;
  for (const std::string& fingerprint : request.fingerprints) {
    KeyOutcome outcome;
    outcome.fingerprint = fingerprint;
    outcome.signature = boost::json::object{{"keyid", fingerprint}, {"sig", "00"}};
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

}  // namespace

void run_loop(std::function<awaitable<void>()> body) {
  asio::io_context loop;
  std::exception_ptr failure;
  asio::co_spawn(loop, std::move(body), [&](std::exception_ptr thrown) { failure = thrown; });
  loop.run();
  if (failure) std::rethrow_exception(failure);
}

awaitable<Result<void>> sign(Ledger& ledger, ReserveRequest request) {
  std::vector<KeyOutcome> outcomes = signatures_of(request);
  const auto reservation = co_await ledger.reserve(std::move(request));
  if (!reservation) co_return reservation.error();
  const auto finished = co_await ledger.finish(reservation->id, std::move(outcomes));
  if (!finished) co_return finished.error();
  co_return Result<void>();
}

awaitable<void> populate(Ledger& ledger, int count) {
  auto created = co_await ledger.create_repository("a", MetadataFormat::Tuf, someone());
  created.value();
  for (int number = 0; number < count; ++number) {
    LedgerKey key = make_key("k" + std::to_string(number));
    auto added = co_await ledger.add_key(std::move(key), someone());
    added.value();
  }
}

ReserveRequest request_of(int number, std::int64_t version) {
  const std::string name = std::to_string(number);
  const std::vector<std::string> keys{"k" + name};
  return make_request("a", "role-" + name, version, "payload " + name + " " + std::to_string(version), keys);
}

}  // namespace signet::test
