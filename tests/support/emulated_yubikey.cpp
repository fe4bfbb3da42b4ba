#include "tests/support/emulated_yubikey.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <stdexcept>
#include <utility>

namespace signet::test {

namespace {

// One line without its end; throws when the other side ends first.
std::string read_line(int fd, const char* whose) {
  std::string line;
  char c = 0;
  while (::read(fd, &c, 1) == 1) {
    if (c == '\n') return line;
    line += c;
  }
  throw std::runtime_error(std::string(whose) + " ended; what it wrote to standard error says why");
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (written <= 0) throw std::runtime_error("the control socket of the emulated YubiKey is gone");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void close_fd(int& fd) noexcept {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::string text_of(const boost::json::value& value) {
  return std::string(value.as_string());
}

}  // namespace

EmulatedYubiKey::EmulatedYubiKey(const std::filesystem::path& source_dir,
                                 const std::filesystem::path& lib_dir, std::vector<std::string> cards) {
  try {
    start(source_dir / "tests" / "emulated_yubikey" / "emulated-yubikey", lib_dir, cards);
    const auto ready = boost::json::parse(read_line(output_, "emulated-yubikey")).as_object();
    control_path_ = text_of(ready.at("control"));
    attestation_root_ = text_of(ready.at("attestation_root"));
    for (const auto& entry : ready.at("environment").as_object())
      environment_[std::string(entry.key())] = text_of(entry.value());
    connect();
  } catch (...) {
    stop();
    throw;
  }
}

EmulatedYubiKey::~EmulatedYubiKey() {
  stop();
}

void EmulatedYubiKey::start(const std::filesystem::path& program, const std::filesystem::path& lib_dir,
                            const std::vector<std::string>& cards) {
  int input[2] = {-1, -1}, output[2] = {-1, -1};
  if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0)
    throw std::runtime_error("no pipe for the emulated YubiKey");
  input_ = input[1];
  output_ = output[0];
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  std::vector<std::string> argv{program.string(), "--reader-library",
                                (lib_dir / "emulated-usb-reader.so").string()};
  argv.insert(argv.end(), cards.begin(), cards.end());
  std::vector<std::string> environment{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"};
  const int error = ::posix_spawn(&pid_, argv[0].c_str(), &actions, nullptr, pointers(argv).data(),
                                  pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(input[0]);
  ::close(output[1]);
  if (error != 0) {
    pid_ = -1;
    throw std::runtime_error(program.string() + " could not be started");
  }
}

void EmulatedYubiKey::connect() {
  control_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = control_path_.string();
  if (path.size() >= sizeof address.sun_path)
    throw std::runtime_error("the control socket's path is too long: " + path);
  std::copy(path.begin(), path.end(), address.sun_path);
  if (::connect(control_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("the control socket does not answer: " + path);
}

// Its end is the end of its standard input; it waits for all that it started.
void EmulatedYubiKey::stop() noexcept {
  close_fd(control_);
  close_fd(input_);
  if (pid_ > 0) ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  close_fd(output_);
}

boost::json::object EmulatedYubiKey::control(std::string_view command, boost::json::object parameters) {
  parameters["do"] = command;
  write_all(control_, boost::json::serialize(parameters) + "\n");
  auto answer = boost::json::parse(read_line(control_, "the emulated YubiKey")).as_object();
  if (!answer.at("ok").as_bool()) throw std::runtime_error(text_of(answer.at("error")));
  return answer;
}

std::vector<std::string> EmulatedYubiKey::pin_outcomes(std::string_view card) {
  const auto diary = control("diary", {{"card", card}});
  std::vector<std::string> outcomes;
  for (const auto& use : diary.at("pin_uses").as_array()) outcomes.push_back(text_of(use.at("outcome")));
  return outcomes;
}

std::filesystem::path EmulatedYubiKey::ykcs11() {
  return "/usr/lib/x86_64-linux-gnu/libykcs11.so";
}
std::filesystem::path EmulatedYubiKey::opensc() {
  return "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so";
}

}  // namespace signet::test
