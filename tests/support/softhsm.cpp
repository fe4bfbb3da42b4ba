#include "tests/support/softhsm.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <vector>

namespace signet::test {

namespace {

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// Runs a program without a shell; its output goes nowhere.
void run(std::vector<std::string> argv, std::vector<std::string> environment) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, argv[0].c_str(), &actions, nullptr, pointers(argv).data(),
                                   pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error(argv[0] + " could not be started: install softhsm2 and opensc.");
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (status != 0) throw std::runtime_error(argv[0] + " failed with status " + std::to_string(status));
}

}  // namespace

SoftHsm::SoftHsm() : dir_("signet-softhsm") {
  std::filesystem::create_directory(dir_ / "tokens");
  std::ofstream file(conf());
  file << "directories.tokendir = " << (dir_ / "tokens").string() << "\n"
       << "objectstore.backend = file\n"
       << "log.level = ERROR\n"
       << "slots.removable = false\n";
  file.close();
  if (!file) throw std::runtime_error("softhsm2.conf could not be written");
}

void SoftHsm::add_token(const std::string& label, const std::string& pin, const std::string& so_pin) {
  run({"softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", so_pin, "--pin", pin},
      {"SOFTHSM2_CONF=" + conf().string(), "PATH=/usr/bin:/bin"});
}

void SoftHsm::change_pin(const std::string& label, const std::string& from, const std::string& to) {
  run({"pkcs11-tool", "--module", module().string(), "--token-label", label, "--login", "--pin", from,
       "--change-pin", "--new-pin", to},
      {"SOFTHSM2_CONF=" + conf().string(), "PATH=/usr/bin:/bin"});
}

void SoftHsm::import_key(const std::string& token, const std::filesystem::path& pem, const std::string& label,
                         const std::string& id, const std::string& pin) {
  run({"softhsm2-util", "--import", pem.string(), "--token", token, "--label", label, "--id", id, "--pin",
       pin},
      {"SOFTHSM2_CONF=" + conf().string(), "PATH=/usr/bin:/bin"});
}

std::filesystem::path SoftHsm::module() {
  if (const char* set = std::getenv("SIGNET_TEST_SOFTHSM")) return set;
  return "/usr/lib/softhsm/libsofthsm2.so";
}

}  // namespace signet::test
