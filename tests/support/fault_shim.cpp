#include "tests/support/fault_shim.h"

#include <array>
#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "tests/shim/rules.h"

namespace signet::test {

FaultShim::FaultShim(std::filesystem::path lib_dir, std::filesystem::path real,
                     std::map<std::string, std::string> environment)
    : dir_("signet-shim"), lib_dir_(std::move(lib_dir)), environment_(std::move(environment)) {
  environment_["SIGNET_SHIM_MODULE"] = real.string();
  environment_["SIGNET_SHIM_CONTROL"] = (dir_ / "control").string();
  environment_["SIGNET_SHIM_COUNTERS"] = (dir_ / "counters").string();
  environment_["SIGNET_SHIM_LOG"] = (dir_ / "log").string();
  counters_ = shim::map_counters((dir_ / "counters").string());
  if (counters_ == nullptr) throw std::runtime_error("the shim's counters could not be made");
}

void FaultShim::write_control(std::string_view rules) {
  const auto draft = dir_ / "control.new";
  std::ofstream file(draft);
  file << rules << "\n";
  file.close();
  if (!file) throw std::runtime_error("the shim's control file could not be written");
  std::filesystem::rename(draft, dir_ / "control");
}

void FaultShim::set(std::string_view rules) {
  const auto parsed = shim::parse_rules(rules);
  if (!parsed) throw std::runtime_error("rules that cannot be read: " + std::string(rules));
  for (const shim::Rule& rule : *parsed)
    if (shim::call_index(rule.call) == shim::kCallCount)
      throw std::runtime_error("no such call: " + rule.call);
  for (auto& count : counters_->calls) count = 0;
  write_control(rules);
}

void FaultShim::clear() {
  write_control("");
}

std::uint64_t FaultShim::calls(std::string_view call) const {
  const std::size_t index = shim::call_index(call);
  if (index == shim::kCallCount) throw std::runtime_error("no such call: " + std::string(call));
  return counters_->calls[index];
}

std::vector<LoginAttempt> FaultShim::logins() const {
  std::vector<LoginAttempt> attempts;
  std::ifstream log(dir_ / "log");
  for (std::string line; std::getline(log, line);) {
    LoginAttempt attempt;
    std::array<char, 17> hash{};
    if (std::sscanf(line.c_str(), "%d C_Login user=%lu length=%*u hash=%16s result=%lx", &attempt.pid,
                    &attempt.user, hash.data(), &attempt.result) != 4)
      throw std::runtime_error("a line of the shim's log cannot be read: " + line);
    attempt.pin_hash = hash.data();
    attempts.push_back(std::move(attempt));
  }
  return attempts;
}

}  // namespace signet::test
