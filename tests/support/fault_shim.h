// Drives the fault-injecting PKCS#11 module (tests/shim) from a test.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/shim/counters.h"
#include "tests/support/scratch.h"

namespace signet::test {

// One C_Login that reached the shim, in any process.
struct LoginAttempt {
  int pid = 0;
  unsigned long user = 0;  // CKU_SO 0, CKU_USER 1, CKU_CONTEXT_SPECIFIC 2
  std::string pin_hash;    // equal for equal PINs
  unsigned long result = 0;
};

// Control file, counters and log in a scratch directory. Not thread safe; throws std::runtime_error.
class FaultShim {
 public:
  // `lib_dir`: where signet-fault-shim.so is (test::lib_dir()); `real`: the module it forwards to, with its
  // environment.
  FaultShim(std::filesystem::path lib_dir, std::filesystem::path real,
            std::map<std::string, std::string> environment);

  std::filesystem::path module() const { return lib_dir_ / "signet-fault-shim.so"; }
  // What a program that loads module() needs.
  const std::map<std::string, std::string>& environment() const { return environment_; }

  // Replaces all rules (tests/shim/rules.h), atomically, and counts from zero again.
  void set(std::string_view rules);
  // Removes all rules; counts go on.
  void clear();

  // How often a call was made since set() or the beginning, in all processes.
  std::uint64_t calls(std::string_view call) const;
  // All C_Login calls since the beginning.
  std::vector<LoginAttempt> logins() const;

 private:
  void write_control(std::string_view rules);

  ScratchDir dir_;
  std::filesystem::path lib_dir_;
  std::map<std::string, std::string> environment_;
  shim::Counters* counters_;
};

}  // namespace signet::test
