#include "protocol/secret.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>
#include <utility>

namespace signet {

Secret::Secret(std::string_view value)
    : Secret(std::span(reinterpret_cast<const std::uint8_t*>(value.data()), value.size())) {}

Secret::Secret(std::span<const std::uint8_t> value) : size_(value.size()) {
  if (size_ == 0) return;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  mapped_ = (size_ + page - 1) / page * page;
  void* memory = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  ::madvise(memory, mapped_, MADV_DONTDUMP);
  ::mlock(memory, mapped_);  // a small RLIMIT_MEMLOCK is no reason to refuse a PIN
  data_ = static_cast<std::uint8_t*>(memory);
  std::memcpy(data_, value.data(), size_);
}

Secret::~Secret() {
  wipe();
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  mapped_ = std::exchange(other.mapped_, 0);
  return *this;
}

void Secret::wipe() noexcept {
  if (data_ != nullptr) {
    wipe_memory(data_, mapped_);
    ::munmap(data_, mapped_);
  }
  data_ = nullptr;
  size_ = 0;
  mapped_ = 0;
}

void wipe_memory(void* data, std::size_t size) noexcept {
  if (size > 0) ::explicit_bzero(data, size);  // which takes no null, that an empty buffer may have
}

}  // namespace signet
