// The agent's socket in the file system.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "protocol/result.h"

namespace signet {

// A file descriptor that is closed with its owner.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd();
  int get() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct SocketPlace {
  std::filesystem::path path;
  bool system = false;  // mode 0660 and group "signet", where there is such a group; else 0600
};

// A listening socket. Holds a lock (PATH.lock) for life, so that two agents never fight over one path;
// removes the socket when it is destroyed.
class Listener {
 public:
  // Creates the socket's directory (0700; the system's 0755) if it is not there. Refuses a directory that
  // others can write to (but for sticky ones such as /tmp). A socket file that nobody answers on is taken
  // over, any other file is left alone. FileFault; AlreadyExists if an agent answers.
  static Result<Listener> open(const SocketPlace& place);

  Listener(Listener&&) = default;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  int fd() const { return socket_.get(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  Listener(std::filesystem::path path, UniqueFd lock, UniqueFd socket, ino_t inode);

  std::filesystem::path path_;
  UniqueFd lock_, socket_;
  ino_t inode_ = 0;  // of the socket file that we made: another's is not removed
};

}  // namespace signet
