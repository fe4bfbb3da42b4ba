#include "agent/varlink/listener.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <spdlog/spdlog.h>

namespace signet {
namespace {

namespace fs = std::filesystem;

constexpr int kBacklog = 1024;
constexpr char kGroup[] = "signet";

Error fault(const std::string& what, const fs::path& where, int number, const std::string& advice = "") {
  std::string message = what + " " + where.string() + ": " + std::strerror(number) + ".";
  if (!advice.empty()) message += " " + advice;
  return {ErrorName::FileFault, message};
}

Error live_agent(const fs::path& path) {
  return {ErrorName::AlreadyExists,
          "An agent is running at " + path.string() + ". Stop it first, or give this one another --socket.",
          {{"kind", "object"}, {"name", path.string()}}};
}

Result<sockaddr_un> address_of(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path)
    return Error(ErrorName::FileFault, "The socket's path " + text + " is longer than the " +
                                           std::to_string(sizeof address.sun_path - 1) +
                                           " bytes that a Unix socket may have. Give a shorter --socket.");
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

// Whoever can write to the directory can put a socket of their own in our place.
Result<void> check_directory(const fs::path& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) return fault("Cannot look at", directory, errno);
  const bool sticky = (status.st_mode & S_ISVTX) != 0;
  const bool others_write = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  const bool own = status.st_uid == ::geteuid() || status.st_uid == 0;
  if (own && (!others_write || sticky)) return {};
  return Error(ErrorName::FileFault,
               "The socket's directory " + directory.string() +
                   " belongs to another user or can be written by others. Make it yours, mode "
                   "0700, or give another --socket.");
}

Result<void> prepare_directory(const SocketPlace& place) {
  const fs::path directory = place.path.parent_path();
  if (directory.empty() || !place.path.is_absolute())
    return Error(ErrorName::FileFault, "The socket's path \"" + place.path.string() +
                                           "\" must be absolute. Give it from the root on.");
  if (::mkdir(directory.c_str(), place.system ? 0755 : 0700) == 0) {
    // The umask took bits away that the system's directory needs.
    if (place.system && ::chmod(directory.c_str(), 0755) != 0)
      return fault("Cannot open up", directory, errno);
    return {};
  }
  if (errno != EEXIST)
    return fault("Cannot make the socket's directory", directory, errno,
                 "Make it, or give another --socket.");
  return check_directory(directory);
}

Result<UniqueFd> lock_path(const fs::path& path) {
  const fs::path lock_file = path.string() + ".lock";
  UniqueFd lock(::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return fault("Cannot make", lock_file, errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return live_agent(path);
  return fault("Cannot lock", lock_file, errno);
}

Result<UniqueFd> new_socket(const fs::path& path) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return fault("Cannot make a socket for", path, errno);
  return socket;
}

// Takes a dead agent's socket away. Under the lock: no agent of ours can be between its bind and its listen.
Result<void> remove_stale(const fs::path& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return fault("Cannot look at", path, errno);
  }
  if (!S_ISSOCK(status.st_mode))
    return Error(
        ErrorName::FileFault,
        path.string() + " is no socket, so it is left alone. Move it away, or give another --socket.");
  Result<UniqueFd> probe = new_socket(path);
  if (!probe) return probe.error();
  if (::connect(probe->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN)
    return live_agent(path);
  if (errno != ECONNREFUSED) return fault("Cannot tell whether an agent is at", path, errno);
  spdlog::info("taking over {}: the agent that made it is gone", path.string());
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return fault("Cannot remove the stale socket", path, errno);
  return {};
}

// After bind and before listen: until then nobody can connect, whatever the mode.
Result<void> set_mode(const SocketPlace& place) {
  const char* path = place.path.c_str();
  if (!place.system) {
    if (::chmod(path, 0600) != 0) return fault("Cannot set the mode of", place.path, errno);
    return {};
  }
  errno = 0;
  const group* entry = ::getgrnam(kGroup);
  if (entry == nullptr)
    return Error(ErrorName::FileFault,
                 "There is no group \"signet\", which the system's socket is for. Create it: addgroup "
                 "--system signet.");
  if (::chown(path, static_cast<uid_t>(-1), entry->gr_gid) != 0)
    return fault("Cannot give to the group \"signet\" the socket", place.path, errno);
  if (::chmod(path, 0660) != 0) return fault("Cannot set the mode of", place.path, errno);
  return {};
}

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

Listener::Listener(fs::path path, UniqueFd lock, UniqueFd socket, ino_t inode)
    : path_(std::move(path)), lock_(std::move(lock)), socket_(std::move(socket)), inode_(inode) {}

Result<Listener> Listener::open(const SocketPlace& place) {
  Result<sockaddr_un> address = address_of(place.path);
  if (!address) return address.error();
  if (Result<void> ready = prepare_directory(place); !ready) return ready.error();
  Result<UniqueFd> lock = lock_path(place.path);
  if (!lock) return lock.error();
  if (Result<void> free = remove_stale(place.path, *address); !free) return free.error();
  Result<UniqueFd> socket = new_socket(place.path);
  if (!socket) return socket.error();
  if (::bind(socket->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
    return fault("Cannot make the socket", place.path, errno);
  struct stat status {};
  if (::lstat(place.path.c_str(), &status) != 0) return fault("Cannot look at", place.path, errno);
  Listener listener(place.path, std::move(*lock), std::move(*socket), status.st_ino);
  if (Result<void> set = set_mode(place); !set) return set.error();
  if (::listen(listener.fd(), kBacklog) != 0) return fault("Cannot listen at", place.path, errno);
  return listener;
}

Listener::~Listener() {
  if (!socket_) return;  // moved from
  struct stat status {};
  if (::lstat(path_.c_str(), &status) == 0 && status.st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace signet
