// How often each call was made, in a file that all processes with the shim map: counted once, also by hosts
// that were killed. Lock-free atomics: thread and process safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace signet::shim {

inline constexpr std::size_t kCallCount = 67;
// The call's place in Counters, or kCallCount.
std::size_t call_index(std::string_view call);
std::string_view call_name(std::size_t index);

struct Counters {
  std::atomic<std::uint64_t> calls[kCallCount];
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// Maps the file, which is created with zeros if it is not there; nullptr if that fails. Never unmapped.
Counters* map_counters(const std::string& path);

}  // namespace signet::shim
