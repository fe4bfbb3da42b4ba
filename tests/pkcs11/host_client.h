// Drives a real signet-token-host from a test, over its frames.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <variant>

#include "pkcs11/host_frame.h"

namespace signet::test {

// Owns a descriptor.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = other.release();
    }
    return *this;
  }
  int get() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset();

 private:
  int fd_;
};

using Answer = std::variant<host::Reply, host::Fault>;

// One connection to a host. One thread at a time; several connections may be used side by side.
class HostConnection {
 public:
  explicit HostConnection(Fd socket) : socket_(std::move(socket)) {}

  // Sends and waits. Throws std::runtime_error if the host goes away, or answers another request.
  Answer ask(const host::Request& request);
  // The reply; throws std::runtime_error with the fault's text for a fault.
  template <typename ReplyType>
  ReplyType get(const host::Request& request) {
    Answer answer = ask(request);
    if (const auto* fault = std::get_if<host::Fault>(&answer)) refuse(*fault);
    return std::get<ReplyType>(std::get<host::Reply>(std::move(answer)));
  }
  // The fault; throws for a reply.
  host::Fault fault(const host::Request& request);

  int fd() const { return socket_.get(); }
  void send(const host::Request& request);
  Answer receive();
  // Whether the host has closed the connection (waits up to 5 s).
  bool closed();

 private:
  [[noreturn]] static void refuse(const host::Fault& fault);
  Fd socket_;
  std::uint32_t next_id_ = 1, asked_id_ = 0;
};

class HostProgram {
 public:
  HostProgram(host::Mode mode, const std::filesystem::path& module,
              std::map<std::string, std::string> environment);
  HostProgram(std::vector<std::string> arguments, std::map<std::string, std::string> environment);
  ~HostProgram();  // closes the control socket and waits; kills after 5 s
  HostProgram(const HostProgram&) = delete;
  HostProgram& operator=(const HostProgram&) = delete;

  // A new connection, without Hello.
  HostConnection connect_raw();
  // With Hello; throws if it is refused.
  HostConnection connect();

  pid_t pid() const { return pid_; }
  int control() const { return control_.get(); }
  void close_control() { control_.reset(); }
  // Waits until it has ended: the status of waitpid, or nothing after `seconds`.
  std::optional<int> wait(double seconds);

 private:
  void start(std::vector<std::string> arguments, const std::map<std::string, std::string>& environment);
  Fd control_;
  pid_t pid_ = -1;
  std::optional<int> status_;
};

}  // namespace signet::test
