#include "pkcs11/frame_stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace signet::host {

namespace {

constexpr std::size_t kReadAhead = 4096;

}  // namespace

FrameStream::FrameStream(int socket) : socket_(socket), buffer_(kReadAhead) {}

FrameStream::~FrameStream() {
  ::close(socket_);
}

// 0 at the end of the stream and for any fault.
std::size_t FrameStream::receive(std::uint8_t* data, std::size_t size) {
  const auto begun = BriefWait::Clock::now();
  ssize_t got = -1;
  const bool found = wait_.pays() && BriefWait::look([&] {
                       got = ::recv(socket_, data, size, MSG_DONTWAIT);
                       return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
                     });
  while (!found && got < 0) {
    got = ::recv(socket_, data, size, 0);
    if (got < 0 && errno != EINTR) break;
  }
  wait_.ended(BriefWait::Clock::now() - begun);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

// Reads ahead until `wanted` bytes (at most kReadAhead) are in the buffer.
bool FrameStream::fill(std::size_t wanted) {
  if (end_ - begin_ >= wanted) return true;
  const std::size_t kept = end_ - begin_;
  std::memmove(buffer_.data(), buffer_.data() + begin_, kept);
  wipe_memory(buffer_.data() + kept, end_ - kept);  // what was moved may be the beginning of a PIN
  begin_ = 0;
  end_ = kept;
  while (end_ < wanted) {
    const std::size_t got = receive(buffer_.data() + end_, buffer_.size() - end_);
    if (got == 0) return false;
    end_ += got;
  }
  return true;
}

FrameResult<std::optional<FrameStream::Frame>> FrameStream::read() {
  if (!fill(kHeaderSize)) return std::optional<Frame>();
  const auto header = decode_header(BytesView(buffer_).subspan(begin_, kHeaderSize));
  if (!header) return header.error();
  begin_ += kHeaderSize;
  Frame frame{*header, WipedBytes(header->length)};
  const std::size_t ready = std::min(frame.body.size(), end_ - begin_);
  std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), ready, frame.body.begin());
  // What was read ahead may have been a PIN.
  wipe_memory(buffer_.data() + begin_, ready);
  begin_ += ready;
  for (std::size_t have = ready; have < frame.body.size();) {
    const std::size_t got = receive(frame.body.data() + have, frame.body.size() - have);
    if (got == 0) return std::optional<Frame>();
    have += got;
  }
  return std::optional(std::move(frame));
}

bool FrameStream::write(const WipedBytes& frame) {
  for (std::size_t sent = 0; sent < frame.size();) {
    const ssize_t wrote = ::send(socket_, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    sent += static_cast<std::size_t>(wrote);
  }
  return true;
}

}  // namespace signet::host
