#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "protocol/varlink_message.h"

namespace signet {
namespace {

// Above this a frame leaves with the whole buffer instead of being copied out of it.
constexpr std::size_t kMovedSize = 64 * 1024;

Error too_large(std::string_view limit, std::size_t value, std::string_view advice) {
  return {ErrorName::LimitExceeded,
          "The message is larger than " + std::to_string(value) + " bytes. " + std::string(advice),
          {{"limit", std::string(limit)}, {"value", value}}};
}

bool names_method(std::string_view text, const std::vector<std::string>& methods) {
  return std::any_of(methods.begin(), methods.end(), [&](const std::string& method) {
    return text.find('"' + method + '"') != std::string_view::npos;
  });
}

}  // namespace

FrameSplitter::FrameSplitter(FrameLimits limits) : limits_(std::move(limits)) {}

std::span<char> FrameSplitter::prepare(std::size_t wanted) {
  if (begin_ >
      0) {  // what was taken is wiped already; the rest moves down, and its old place is overwritten or wiped
    const std::size_t held = end_ - begin_;
    std::memmove(buffer_.data(), buffer_.data() + begin_, held);
    wipe_memory(buffer_.data() + std::max(held, begin_), end_ - std::max(held, begin_));
    scanned_ -= begin_;
    begin_ = 0;
    end_ = held;
  }
  // Doubling, but not beyond the largest frame.
  if (buffer_.size() - end_ < wanted)
    buffer_.resize(std::max(end_ + wanted, std::min(end_ * 2, limits_.large_size + 1)));
  return std::span(buffer_).subspan(end_, wanted);
}

void FrameSplitter::commit(std::size_t count) {
  end_ += count;
}

Result<std::optional<WipedBuffer>> FrameSplitter::next() {
  const char* start = buffer_.data() + scanned_;
  const void* nul = scanned_ == end_ ? nullptr : std::memchr(start, 0, end_ - scanned_);
  if (nul == nullptr) {
    scanned_ = end_;
    if (Result<void> fits = check_size(end_ - begin_); !fits) return fits.error();
    return std::optional<WipedBuffer>();
  }
  const auto size = static_cast<std::size_t>(static_cast<const char*>(nul) - (buffer_.data() + begin_));
  if (Result<void> fits = check_size(size); !fits) return fits.error();
  return std::optional<WipedBuffer>(take(size));
}

Result<void> FrameSplitter::check_size(std::size_t size) {
  if (size <= limits_.size) return {};
  if (!large_method_)  // looked for once a frame: the names must stand within its first `size` bytes
    large_method_ = names_method({buffer_.data() + begin_, limits_.size}, limits_.large_methods);
  if (!large_method_)
    return too_large("frame-size", limits_.size,
                     "Only calls that carry metadata may be larger, with \"method\" as their first member.");
  if (size > limits_.large_size)
    return too_large("metadata-frame-size", limits_.large_size, "Split the metadata by delegations.");
  return {};
}

WipedBuffer FrameSplitter::take(std::size_t size) {
  large_method_ = false;
  if (size > kMovedSize && begin_ == 0 && end_ == size + 1) {
    buffer_.resize(size);
    begin_ = scanned_ = end_ = 0;
    return std::exchange(buffer_, WipedBuffer());
  }
  char* frame = buffer_.data() + begin_;
  WipedBuffer out(frame, frame + size);
  wipe_memory(frame, size);
  begin_ += size + 1;
  scanned_ = begin_;
  if (begin_ == end_) {
    begin_ = scanned_ = end_ = 0;
    if (buffer_.size() > kMovedSize) buffer_ = WipedBuffer();
  }
  return out;
}

}  // namespace signet
