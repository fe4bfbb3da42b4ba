// The one type that holds a PIN or another secret.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace signet {

// Bytes in memory of their own: wiped (OPENSSL_cleanse) before they are freed, kept out of cores
// (MADV_DONTDUMP) and of swap (mlock, as far as RLIMIT_MEMLOCK allows). Move only, so that no copy is made
// by accident; copy() says it aloud. There is no operator<<: a secret cannot be logged.
// Not thread safe: one owner at a time.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view value);
  explicit Secret(std::span<const std::uint8_t> value);
  ~Secret();
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  Secret copy() const { return Secret(text()); }
  void wipe() noexcept;  // afterwards empty

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  // Valid until the Secret is moved from, wiped or destroyed.
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  std::span<const std::uint8_t> bytes() const { return {data_, size_}; }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t mapped_ = 0;
};

// Wipes memory that a secret passed through (a frame buffer, a read buffer) so that the compiler cannot leave
// it out.
void wipe_memory(void* data, std::size_t size) noexcept;

}  // namespace signet
