#include "tests/pkcs11/host_client.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

#include "pkcs11/host_socket.h"
#include "tests/build_paths.h"

namespace signet::test {

namespace {

std::pair<Fd, Fd> socket_pair(int type) {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds.data()) != 0) throw std::runtime_error("socketpair");
  return {Fd(fds[0]), Fd(fds[1])};
}

void read_exactly(int fd, std::uint8_t* data, std::size_t size) {
  for (std::size_t have = 0; have < size;) {
    const ssize_t got = ::recv(fd, data + have, size - have, 0);
    if (got <= 0) throw std::runtime_error("the host closed the connection");
    have += static_cast<std::size_t>(got);
  }
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void HostConnection::refuse(const host::Fault& fault) {
  throw std::runtime_error("fault from " + fault.call + " (" + host::ckr_name(fault.ckr) +
                           "): " + fault.detail);
}

void HostConnection::send(const host::Request& request) {
  asked_id_ = next_id_++;
  const auto frame = host::encode_request(asked_id_, request).value();
  for (std::size_t sent = 0; sent < frame.size();) {
    const ssize_t wrote = ::send(socket_.get(), frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (wrote <= 0) throw std::runtime_error("the host closed the connection");
    sent += static_cast<std::size_t>(wrote);
  }
}

Answer HostConnection::receive() {
  std::array<std::uint8_t, host::kHeaderSize> head{};
  read_exactly(socket_.get(), head.data(), head.size());
  const auto header = host::decode_header(head).value();
  Bytes body(header.length);
  read_exactly(socket_.get(), body.data(), body.size());
  if (header.id != asked_id_) throw std::runtime_error("the reply is to another request");
  return host::decode_reply(header, body).value();
}

Answer HostConnection::ask(const host::Request& request) {
  send(request);
  Answer answer = receive();
  const auto* reply = std::get_if<host::Reply>(&answer);
  if (reply != nullptr && reply->index() != request.index())
    throw std::runtime_error("the reply is of another type");
  return answer;
}

host::Fault HostConnection::fault(const host::Request& request) {
  Answer answer = ask(request);
  if (auto* fault = std::get_if<host::Fault>(&answer)) return std::move(*fault);
  throw std::runtime_error("the host did what it should have refused");
}

bool HostConnection::closed() {
  pollfd entry{socket_.get(), POLLIN, 0};
  if (::poll(&entry, 1, 5000) != 1) return false;
  std::uint8_t byte = 0;
  return ::recv(socket_.get(), &byte, 1, 0) <= 0;
}

HostProgram::HostProgram(host::Mode mode, const std::filesystem::path& module,
                         std::map<std::string, std::string> environment) {
  constexpr std::array<const char*, 3> kModes = {"--scout", "--token", "--admin"};
  start({kModes.at(static_cast<std::size_t>(mode)), "--module", module.string()}, environment);
}

HostProgram::HostProgram(std::vector<std::string> arguments, std::map<std::string, std::string> environment) {
  start(std::move(arguments), environment);
}

void HostProgram::start(std::vector<std::string> arguments,
                        const std::map<std::string, std::string>& environment) {
  auto [ours, theirs] = socket_pair(SOCK_SEQPACKET);
  arguments.insert(arguments.begin(), bin_dir() + "/signet-token-host");
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), host::kControlFd);
  const int error = ::posix_spawn(&pid_, arguments[0].c_str(), &actions, nullptr, pointers(arguments).data(),
                                  pointers(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("signet-token-host could not be started");
  control_ = std::move(ours);
}

HostProgram::~HostProgram() {
  close_control();
  if (wait(5)) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

HostConnection HostProgram::connect_raw() {
  auto [ours, theirs] = socket_pair(SOCK_STREAM);
  if (host::send_session(control_.get(), theirs.get()) != 0) throw std::runtime_error("the host is gone");
  return HostConnection(std::move(ours));
}

HostConnection HostProgram::connect() {
  HostConnection connection = connect_raw();
  connection.get<host::HelloReply>(host::HelloRequest{});
  return connection;
}

std::optional<int> HostProgram::wait(double seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!status_) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      status_ = status;
    } else if (std::chrono::steady_clock::now() >= deadline) {
      return std::nullopt;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  return status_;
}

}  // namespace signet::test
