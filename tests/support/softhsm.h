// SoftHSM in a scratch directory: real PKCS#11 tokens for tests, nothing of them left afterwards.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "tests/support/scratch.h"

namespace signet::test {

inline constexpr char kSoPin[] = "so-pin-7391";
inline constexpr char kUserPin[] = "user-pin-2846";

// A SoftHSM token store. The environment of this process is not changed: give environment() to the programs
// that load the module. Throws std::runtime_error when a step fails. Not thread safe.
class SoftHsm {
 public:
  SoftHsm();

  // Initialises one more token. Each call runs softhsm2-util.
  void add_token(const std::string& label, const std::string& pin = kUserPin,
                 const std::string& so_pin = kSoPin);

  // As another program would, with pkcs11-tool: those that run see it at their next login.
  void change_pin(const std::string& label, const std::string& from, const std::string& to);
  // Puts the private key of a file (PKCS #8, PEM) on a token, sensitive and not extractable: as a vendor
  // replicates a key to a second HSM. `id`: CKA_ID in hexadecimal.
  void import_key(const std::string& token, const std::filesystem::path& pem, const std::string& label,
                  const std::string& id = "0a", const std::string& pin = kUserPin);

  // libsofthsm2.so: $SIGNET_TEST_SOFTHSM, or where Debian has it.
  static std::filesystem::path module();
  const std::filesystem::path& dir() const { return dir_.path(); }
  std::filesystem::path conf() const { return dir_ / "softhsm2.conf"; }
  // SOFTHSM2_CONF and nothing else.
  std::map<std::string, std::string> environment() const { return {{"SOFTHSM2_CONF", conf().string()}}; }

 private:
  ScratchDir dir_;
};

}  // namespace signet::test
