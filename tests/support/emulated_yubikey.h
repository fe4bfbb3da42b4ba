// Emulated YubiKeys behind a pcscd of their own (tests/emulated_yubikey), for C++ tests.
#pragma once

#include <sys/types.h>

#include <boost/json/object.hpp>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace signet::test {

// From the constructor to the destructor, which ends all that was started. The environment of this process is
// not changed: give environment() to the programs that load a module. Throws std::runtime_error when a step
// fails. Not thread safe.
class EmulatedYubiKey {
 public:
  // `cards`: "NAME[:SERIAL[:FIRMWARE]]", all plugged in. `lib_dir`: where emulated-usb-reader.so is
  // (test::lib_dir()); `source_dir`: this source tree (test::source_dir()).
  EmulatedYubiKey(const std::filesystem::path& source_dir, const std::filesystem::path& lib_dir,
                  std::vector<std::string> cards);
  ~EmulatedYubiKey();
  EmulatedYubiKey(const EmulatedYubiKey&) = delete;
  EmulatedYubiKey& operator=(const EmulatedYubiKey&) = delete;

  // PCSCLITE_CSOCK_NAME and nothing else.
  const std::map<std::string, std::string>& environment() const { return environment_; }
  // The root certificate (PEM) of the cards' attestations.
  const std::filesystem::path& attestation_root() const { return attestation_root_; }

  // One command of the control socket (tests/emulated_yubikey/README.md lists them) and its answer.
  boost::json::object control(std::string_view command, boost::json::object parameters = {});

  // Of one card since the last "clear-diary": how every comparison of a PIN or PUK ended ("accepted",
  // "refused", "blocked").
  std::vector<std::string> pin_outcomes(std::string_view card);

  static std::filesystem::path ykcs11();
  static std::filesystem::path opensc();

 private:
  void start(const std::filesystem::path& program, const std::filesystem::path& lib_dir,
             const std::vector<std::string>& cards);
  void connect();
  void stop() noexcept;

  pid_t pid_ = -1;
  int input_ = -1, output_ = -1, control_ = -1;
  std::filesystem::path control_path_, attestation_root_;
  std::map<std::string, std::string> environment_;
};

}  // namespace signet::test
