// Child processes: exec'd at once (never a fork that runs our code), watched through a pidfd, killed and
// reaped.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "protocol/result.h"

namespace signet {

// A file descriptor, closed with its owner. Not thread safe.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { reset(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset() noexcept;
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Two connected Unix sockets of that type (SOCK_STREAM, SOCK_SEQPACKET), both close-on-exec; the first is
// non-blocking (ours), the second blocks (the child's). Internal when the process is out of descriptors.
Result<std::pair<FileDescriptor, FileDescriptor>> socket_pair(int type);

struct ChildCommand {
  std::filesystem::path program;         // absolute
  std::vector<std::string> arguments;    // without argv[0]
  std::vector<std::string> environment;  // "NAME=value": the whole environment of the child
  int standard_input = -1;               // -1: /dev/null
  int standard_output = -1;              // -1: the child's standard output goes where our standard error goes
  int descriptor_3 = -1;                 // what the child gets as descriptor 3; -1: nothing
  bool own_session = false;              // without our controlling terminal
};

// A started child, in a process group of its own, with default signal dispositions, an empty signal mask and
// no descriptor of ours beside those that the command names. The destructor kills and reaps it. Not thread
// safe.
class ChildProcess {
 public:
  // Internal if the program cannot be started; the message names it and says why.
  static Result<ChildProcess> start(boost::asio::any_io_executor executor, const ChildCommand& command);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // SIGKILL to the whole process group. May be called at any time, also twice.
  void kill() noexcept;
  // Completes when the child has ended, and reaps it. Call it once. Says how it ended: "exited with status
  // 3", "was killed by signal 11 (Segmentation fault)"; empty for status 0.
  boost::asio::awaitable<std::string> wait();

 private:
  ChildProcess(boost::asio::any_io_executor executor, pid_t pid, FileDescriptor pidfd);
  bool has_ended() const;
  boost::asio::any_io_executor executor_;
  pid_t pid_ = -1;  // -1: moved from, or reaped
  FileDescriptor pidfd_;
};

}  // namespace signet
