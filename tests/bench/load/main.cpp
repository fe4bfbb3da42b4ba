// The load generator of ./dev bench: see kUsage.
#include <getopt.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "tests/bench/load/load_run.h"

namespace {

using namespace signet::bench;

constexpr char kUsage[] =
    R"(Usage: signet-load PEER --key NAME [--algorithm ecdsa-p256|rsa-2048|ed25519] [--clients N] [--seconds S]
                   [--warm-up S] [--watch PID]...
PEER is one of
  --agent SOCKET [--batch N]                 signetd; N messages in one call
  --module FILE --token LABEL --pin FILE     a PKCS#11 module in this process; a client is a thread with a session
    [--processes]                            ... or a process each
  --ssh-agent SOCKET                         an ssh-agent; NAME is the key's comment
Clients ask for one signature after the other. Prints one JSON object: clients, seconds, signatures, rate, latencies
in microseconds, and the CPU time a signature by program ("clients": this one), of the watched processes and their
descendants. Any error ends it with status 1.
)";

struct Options {
  std::string agent, module, ssh_agent, token, pin_file, key, algorithm = "ecdsa-p256";
  int batch = 1;
  LoadPlan plan;
};

template <typename Number>
bool parse_number(std::string_view text, Number least, Number most, Number& out) {
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
  return fault == std::errc() && end == text.data() + text.size() && out >= least && out <= most;
}

bool parse_seconds(std::string_view text, std::chrono::milliseconds& out) {
  double seconds = 0;
  if (!parse_number(text, 0.0, 3600.0, seconds)) return false;
  out = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  return true;
}

std::optional<Algorithm> parse_algorithm(std::string_view name) {
  if (name == "ecdsa-p256") return Algorithm::EcdsaP256;
  if (name == "rsa-2048") return Algorithm::Rsa2048;
  if (name == "ed25519") return Algorithm::Ed25519;
  return std::nullopt;
}

// The options' letters are for this function only.
constexpr option kOptions[] = {
    {"agent", required_argument, nullptr, 'a'},     {"module", required_argument, nullptr, 'm'},
    {"ssh-agent", required_argument, nullptr, 'h'}, {"token", required_argument, nullptr, 't'},
    {"pin", required_argument, nullptr, 'p'},       {"key", required_argument, nullptr, 'k'},
    {"algorithm", required_argument, nullptr, 'g'}, {"batch", required_argument, nullptr, 'b'},
    {"clients", required_argument, nullptr, 'c'},   {"seconds", required_argument, nullptr, 's'},
    {"warm-up", required_argument, nullptr, 'u'},   {"watch", required_argument, nullptr, 'w'},
    {"processes", no_argument, nullptr, 'P'},       {nullptr, 0, nullptr, 0}};

bool take_option(int letter, Options& options) {
  const std::string value = optarg == nullptr ? "" : optarg;
  pid_t watched = 0;
  switch (letter) {
    case 'a':
      return options.agent = value, true;
    case 'm':
      return options.module = value, true;
    case 'h':
      return options.ssh_agent = value, true;
    case 't':
      return options.token = value, true;
    case 'p':
      return options.pin_file = value, true;
    case 'k':
      return options.key = value, true;
    case 'g':
      return options.algorithm = value, parse_algorithm(value).has_value();
    case 'b':
      return parse_number(value, 1, 1024, options.batch);
    case 'c':
      return parse_number(value, 1, 10000, options.plan.clients);
    case 's':
      return parse_seconds(value, options.plan.window);
    case 'u':
      return parse_seconds(value, options.plan.warm_up);
    case 'w':
      if (!parse_number(value, 1, 1 << 30, watched)) return false;
      return options.plan.watched.push_back(watched), true;
    case 'P':
      return options.plan.processes = true;
    default:
      return false;
  }
}

std::optional<Options> parse_options(int argc, char** argv) {
  Options options;
  for (int letter = 0; (letter = ::getopt_long(argc, argv, "", kOptions, nullptr)) != -1;)
    if (!take_option(letter, options)) return std::nullopt;
  const int peers = !options.agent.empty() + !options.module.empty() + !options.ssh_agent.empty();
  if (optind != argc || peers != 1 || options.key.empty()) return std::nullopt;
  return options;
}

SignerMaker make_signers(const Options& options) {
  const Algorithm algorithm = parse_algorithm(options.algorithm).value_or(Algorithm::EcdsaP256);
  if (!options.agent.empty()) {
    AgentTarget target;
    target.socket = options.agent;
    target.key = options.key;
    target.batch = static_cast<std::uint64_t>(options.batch);
    return agent_signers(std::move(target));
  }
  if (!options.module.empty()) {
    ModuleTarget target{options.module, options.token, options.pin_file, options.key, algorithm};
    return module_signers(std::move(target));
  }
  SshTarget target{options.ssh_agent, options.key, algorithm};
  return ssh_signers(std::move(target));
}

boost::json::object report_json(const Options& options, const LoadReport& report) {
  const auto signatures = static_cast<double>(report.signatures);
  boost::json::object cpu;
  for (const auto& [program, time] : report.cpu_ns)
    cpu[program] = static_cast<double>(time) / 1000 / signatures;
  return {{"clients", options.plan.clients},
          {"seconds", report.seconds},
          {"signatures", report.signatures},
          {"rate", signatures / report.seconds},
          {"p50_us", report.latencies.at(0.5)},
          {"p99_us", report.latencies.at(0.99)},
          {"cpu_us", std::move(cpu)}};
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse_options(argc, argv);
  if (!options) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  const auto report = run_load(options->plan, make_signers(*options));
  if (!report) {
    std::fprintf(stderr, "A client failed: %s\n", report.error().message.c_str());
    return 1;
  }
  if (report->signatures == 0) {
    std::fprintf(stderr, "Nothing was signed in %.1f s.\n", report->seconds);
    return 1;
  }
  std::printf("%s\n", boost::json::serialize(report_json(*options, *report)).c_str());
  return 0;
}
