#include "agent/tokens/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace signet {

namespace asio = boost::asio;

namespace {

std::string errno_text(int code) {
  return std::generic_category().message(code);
}

Error start_error(const std::filesystem::path& program, int code) {
  return Error(ErrorName::Internal, "The program " + program.string() + " cannot be started: " +
                                        errno_text(code) + ". Check that it is installed and executable.");
}

// posix_spawn's two attribute objects, freed with their owner.
class SpawnActions {
 public:
  SpawnActions() {
    posix_spawn_file_actions_init(&files_);
    posix_spawnattr_init(&attributes_);
  }
  ~SpawnActions() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;

  // Everything that is not named here is closed: a library that forgets O_CLOEXEC leaks nothing into vendor
  // code.
  int descriptors(const ChildCommand& command) {
    int code = command.standard_input >= 0
                   ? posix_spawn_file_actions_adddup2(&files_, command.standard_input, STDIN_FILENO)
                   : posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    const int output = command.standard_output >= 0 ? command.standard_output : STDERR_FILENO;
    if (code == 0) code = posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO);
    if (code == 0 && command.descriptor_3 >= 0)
      code = posix_spawn_file_actions_adddup2(&files_, command.descriptor_3, 3);
    if (code == 0)
      code = posix_spawn_file_actions_addclosefrom_np(&files_, command.descriptor_3 >= 0 ? 4 : 3);
    return code;
  }

  // Own process group: a Ctrl-C at a terminal stops signetd, which then drains its hosts in order.
  int signals(bool own_session) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int code = posix_spawnattr_setsigmask(&attributes_, &none);
    if (code == 0) code = posix_spawnattr_setsigdefault(&attributes_, &all);
    if (code == 0) code = posix_spawnattr_setpgroup(&attributes_, 0);
    // The leader of a session leads its process group too.
    const int apart = own_session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
    if (code == 0)
      code = posix_spawnattr_setflags(
          &attributes_, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | apart));
    return code;
  }

  const posix_spawn_file_actions_t* files() const { return &files_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

std::string describe_end(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) {
    return info.si_status == 0 ? std::string() : "exited with status " + std::to_string(info.si_status);
  }
  const char* name = sigdescr_np(info.si_status);
  return "was killed by signal " + std::to_string(info.si_status) +
         (name ? " (" + std::string(name) + ")" : "");
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void FileDescriptor::reset() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<std::pair<FileDescriptor, FileDescriptor>> socket_pair(int type) {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    return Error(ErrorName::Internal, "No socket pair can be made: " + errno_text(errno) +
                                          ". Raise the limit on open files (LimitNOFILE).");
  }
  std::pair<FileDescriptor, FileDescriptor> ends{FileDescriptor(fds[0]), FileDescriptor(fds[1])};
  const int flags = ::fcntl(fds[0], F_GETFL);
  if (flags < 0 || ::fcntl(fds[0], F_SETFL, flags | O_NONBLOCK) != 0) {
    return Error(ErrorName::Internal, "A socket cannot be made non-blocking: " + errno_text(errno) + ".");
  }
  return ends;
}

Result<ChildProcess> ChildProcess::start(asio::any_io_executor executor, const ChildCommand& command) {
  std::vector<std::string> arguments{command.program.string()};
  arguments.insert(arguments.end(), command.arguments.begin(), command.arguments.end());
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> environment = pointers(command.environment);

  SpawnActions actions;
  if (const int code = actions.descriptors(command)) return start_error(command.program, code);
  if (const int code = actions.signals(command.own_session)) return start_error(command.program, code);
  pid_t pid = -1;
  if (const int code = ::posix_spawn(&pid, command.program.c_str(), actions.files(), actions.attributes(),
                                     argv.data(), environment.data())) {
    return start_error(command.program, code);
  }
  // No race: an ended child stays a zombie until we reap it, so its number is not given away.
  FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    const int code = errno;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return start_error(command.program, code);
  }
  return ChildProcess(std::move(executor), pid, std::move(pidfd));
}

ChildProcess::ChildProcess(asio::any_io_executor executor, pid_t pid, FileDescriptor pidfd)
    : executor_(std::move(executor)), pid_(pid), pidfd_(std::move(pidfd)) {}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : executor_(std::move(other.executor_)),
      pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)) {}

ChildProcess::~ChildProcess() {
  if (pid_ < 0) return;
  kill();
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
  }
}

void ChildProcess::kill() noexcept {
  if (pid_ < 0) return;
  ::kill(-pid_, SIGKILL);
  // The group exists only once the child has made it: the spawn has returned, so it has.
  ::kill(pid_, SIGKILL);
}

bool ChildProcess::has_ended() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid != 0;
}

asio::awaitable<std::string> ChildProcess::wait() {
  asio::posix::stream_descriptor watched(executor_, pidfd_.release());
  // More than once where Asio reports an event of a descriptor that was closed just before this one was
  // opened.
  boost::system::error_code failed;
  while (!failed && !has_ended()) {
    co_await watched.async_wait(asio::posix::stream_descriptor::wait_read,
                                asio::redirect_error(asio::use_awaitable, failed));
  }
  // What is left of the group (a vendor library's own children) goes with it; before the reaping, while the
  // number is still ours.
  ::kill(-pid_, SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
  }
  pid_ = -1;
  co_return describe_end(info);
}

}  // namespace signet
