// How session connections reach a token host: over its control socket.
//
// The control socket is one end of a SOCK_SEQPACKET pair, file descriptor kControlFd in the host. Each
// message is one byte (kAttach) that carries exactly one descriptor (SCM_RIGHTS): a connected SOCK_STREAM
// socket over which frames go (host_frame.h). There is no reply. When the control socket's other end is
// closed, the host exits at once. Thread safe (each call is one system call).
#pragma once

#include <cstdint>
#include <variant>

namespace signet::host {

inline constexpr int kControlFd = 3;
inline constexpr std::uint8_t kAttach = 1;

// Sends a duplicate of `session` to the host. The caller still owns and closes its own copy. 0, or an errno
// value (EAGAIN on a non-blocking control socket whose buffer is full, EPIPE when the host has ended).
int send_session(int control, int session);

struct ControlClosed {};  // the other end is gone: exit
struct ControlFault {
  int error = 0;
};  // the message was not as specified (EPROTO) or could not be read
// The received descriptor (close-on-exec, owned by the caller). Blocks until a message comes.
std::variant<int, ControlClosed, ControlFault> receive_session(int control);

}  // namespace signet::host
