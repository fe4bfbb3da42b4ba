// Frames over a connected stream socket, blocking.
#pragma once

#include <cstdint>
#include <optional>

#include "pkcs11/host_frame.h"
#include "pkcs11/host_wait.h"

namespace signet::host {

// Owns and closes the socket. One thread at a time.
class FrameStream {
 public:
  explicit FrameStream(int socket);
  ~FrameStream();
  FrameStream(const FrameStream&) = delete;
  FrameStream& operator=(const FrameStream&) = delete;

  struct Frame {
    FrameHeader header;
    WipedBytes body;
  };
  // The next frame. Nothing at the end of the stream, after a fault of the socket, or within a frame that is
  // cut off. FrameError: what came is no frame, and the stream cannot be used any more.
  FrameResult<std::optional<Frame>> read();
  // false if the peer is gone.
  bool write(const WipedBytes& frame);

 private:
  bool fill(std::size_t wanted);
  std::size_t receive(std::uint8_t* data, std::size_t size);

  int socket_;
  BriefWait wait_;
  WipedBytes buffer_;  // read ahead: a small frame takes one system call
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace signet::host
