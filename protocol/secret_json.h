// Memory for JSON that may carry a PIN: what is freed is wiped first.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/storage_ptr.hpp>
#include <boost/json/string.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/result.h"
#include "protocol/secret.h"

namespace signet {

// An allocator that wipes memory before it gives it back. Stateless, thread safe.
template <typename T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <typename U>
  WipingAllocator(const WipingAllocator<U>&) noexcept {}
  T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* memory, std::size_t count) noexcept {
    wipe_memory(memory, count * sizeof(T));
    std::allocator<T>().deallocate(memory, count);
  }
  bool operator==(const WipingAllocator&) const = default;
};

// A frame on its way in or out. A vector, not a string: a string would keep short contents in itself,
// unwiped.
using WipedBuffer = std::vector<char, WipingAllocator<char>>;

inline std::string_view as_text(const WipedBuffer& buffer) {
  return {buffer.data(), buffer.size()};
}

// Memory for a boost::json value that may hold a secret: everything that the value takes from it is wiped
// when it is freed, also when a string or a table grows. A value keeps the storage that it was made with, and
// assigning to it copies into that storage: give this one to the value's constructor. One resource for the
// whole process; thread safe.
boost::json::storage_ptr make_secret_storage();

// Copies a string into a Secret. The original is wiped with its storage.
Secret to_secret(const boost::json::string& text);

// The member `name` of a call's parameters: nothing if it is absent or null; InvalidParameter if it is no
// string.
Result<std::optional<Secret>> secret_member(const boost::json::object& parameters, std::string_view name);

// Overwrites the part of the stack that functions which have returned left behind (Boost.JSON unescapes
// strings in a buffer on the stack, and holds short ones there), `depth` bytes of it; by default as deep as
// its parser goes. Call it after parsing what may hold a secret.
void wipe_dead_stack(std::size_t depth = 32 * 1024) noexcept;

}  // namespace signet
