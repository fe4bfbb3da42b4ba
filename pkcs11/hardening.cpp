#include "pkcs11/hardening.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <csignal>

#include "pkcs11/host_socket.h"

namespace signet::host {

namespace {

bool redirect_standard_streams() {
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0) return false;
  const bool done = ::dup2(null, STDIN_FILENO) >= 0 && ::dup2(STDERR_FILENO, STDOUT_FILENO) >= 0;
  if (null > kControlFd) ::close(null);
  return done;
}

bool close_other_descriptors() {
  return ::syscall(SYS_close_range, static_cast<unsigned>(kControlFd) + 1, UINT_MAX, 0U) == 0;
}

}  // namespace

std::string harden_process() {
  const rlimit no_core{0, 0};
  ::umask(077);
  for (const int signal : {SIGPIPE, SIGINT, SIGHUP, SIGTERM}) std::signal(signal, SIG_IGN);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return "PR_SET_PDEATHSIG";
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return "PR_SET_DUMPABLE";
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "PR_SET_NO_NEW_PRIVS";
  if (::setrlimit(RLIMIT_CORE, &no_core) != 0) return "RLIMIT_CORE";
  if (!redirect_standard_streams()) return "the standard streams";
  if (!close_other_descriptors()) return "close_range";
  if (::fcntl(kControlFd, F_SETFD, FD_CLOEXEC) != 0) return "the control socket";
  return "";
}

}  // namespace signet::host
