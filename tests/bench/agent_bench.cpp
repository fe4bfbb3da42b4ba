// agent_bench SOCKET KEY CLIENTS SECONDS: CLIENTS connections, a thread each, that ask for one signature
// after the other. Prints one JSON object: {"clients", "seconds", "signatures", "p50_us", "p99_us"}. Any
// error ends it with status 1.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "client/signet.h"

namespace {

using Clock = std::chrono::steady_clock;
using signet::client::Agent;

struct Options {
  std::string socket, key;
  int clients = 1;
  int seconds = 1;
};

struct Outcome {
  std::vector<std::int64_t> latencies_ns;
  std::string error;  // empty if all went well
};

std::optional<int> parse_count(std::string_view text) {
  int value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || value < 1 || value > 10000)
    return std::nullopt;
  return value;
}

std::optional<Options> parse_options(int argc, char** argv) {
  if (argc != 5) return std::nullopt;
  const auto clients = parse_count(argv[3]);
  const auto seconds = parse_count(argv[4]);
  if (!clients || !seconds) return std::nullopt;
  return Options{argv[1], argv[2], *clients, *seconds};
}

// Messages differ, as a caller's would.
signet::client::SignMessageCall next_call(const Options& options, int client, std::int64_t round) {
  signet::client::SignMessageCall call;
  call.key = options.key;
  signet::Bytes message(32);
  std::memcpy(message.data(), &client, sizeof client);
  std::memcpy(message.data() + sizeof client, &round, sizeof round);
  call.message = std::move(message);
  return call;
}

Outcome run_client(const Options& options, int client, const std::atomic<bool>& begun,
                   const std::atomic<bool>& over) {
  Outcome outcome;
  signet::client::ConnectOptions where;
  where.socket = options.socket;
  auto agent = Agent::connect(where);
  if (!agent) {
    outcome.error = agent.error().message;
    return outcome;
  }
  begun.wait(false);
  for (std::int64_t round = 0; !over; ++round) {
    const auto call = next_call(options, client, round);
    const auto from = Clock::now();
    const auto signature = agent->sign_message(call);
    if (!signature) {
      outcome.error = signature.error().message;
      return outcome;
    }
    outcome.latencies_ns.push_back(std::chrono::nanoseconds(Clock::now() - from).count());
  }
  return outcome;
}

std::int64_t microseconds_at(const std::vector<std::int64_t>& sorted_ns, std::size_t percent) {
  return sorted_ns[(sorted_ns.size() - 1) * percent / 100] / 1000;
}

int report(const Options& options, double seconds, const std::vector<Outcome>& outcomes) {
  std::vector<std::int64_t> all;
  for (const Outcome& outcome : outcomes) {
    if (!outcome.error.empty()) {
      std::fprintf(stderr, "A client failed: %s\n", outcome.error.c_str());
      return 1;
    }
    all.insert(all.end(), outcome.latencies_ns.begin(), outcome.latencies_ns.end());
  }
  if (all.empty()) {
    std::fprintf(stderr, "Nothing was signed in %.1f s.\n", seconds);
    return 1;
  }
  std::sort(all.begin(), all.end());
  std::printf(
      "{\"clients\": %d, \"seconds\": %.3f, \"signatures\": %zu, \"p50_us\": %lld, \"p99_us\": %lld}\n",
      options.clients, seconds, all.size(), static_cast<long long>(microseconds_at(all, 50)),
      static_cast<long long>(microseconds_at(all, 99)));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse_options(argc, argv);
  if (!options) {
    std::fprintf(stderr, "Usage: agent_bench SOCKET KEY CLIENTS SECONDS\n");
    return 2;
  }
  std::atomic<bool> begun = false, over = false;
  std::vector<Outcome> outcomes(static_cast<std::size_t>(options->clients));
  std::vector<std::thread> threads;
  for (int client = 0; client < options->clients; ++client)
    threads.emplace_back([&, client] {
      outcomes[static_cast<std::size_t>(client)] = run_client(*options, client, begun, over);
    });
  const auto from = Clock::now();
  begun = true;
  begun.notify_all();
  std::this_thread::sleep_for(std::chrono::seconds(options->seconds));
  over = true;
  for (std::thread& thread : threads) thread.join();
  return report(*options, std::chrono::duration<double>(Clock::now() - from).count(), outcomes);
}
