#include "protocol/secret_json.h"

#include <alloca.h>

#include <boost/json/memory_resource.hpp>
#include <memory>
#include <new>
#include <string>

namespace signet {
namespace {

class WipingResource final : public boost::json::memory_resource {
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    return ordinary(alignment) ? ::operator new(size) : ::operator new(size, std::align_val_t{alignment});
  }
  void do_deallocate(void* memory, std::size_t size, std::size_t alignment) override {
    wipe_memory(memory, size);
    if (ordinary(alignment))
      ::operator delete(memory);
    else
      ::operator delete(memory, std::align_val_t{alignment});
  }
  // glibc 2.36 cuts what has an alignment out of a larger piece, past its caches: that was most of what
  // memory cost a call (profiled).
  static bool ordinary(std::size_t alignment) { return alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__; }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

}  // namespace

boost::json::storage_ptr make_secret_storage() {
  static auto* const resource =
      new WipingResource;  // never destroyed: values with static lifetime may use it
  return resource;
}

Secret to_secret(const boost::json::string& text) {
  return Secret(std::string_view(text.data(), text.size()));
}

Result<std::optional<Secret>> secret_member(const boost::json::object& parameters, std::string_view name) {
  const boost::json::value* value = parameters.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<Secret>();
  if (!value->is_string())
    return Error(ErrorName::InvalidParameter, "\"" + std::string(name) + "\" must be a string.",
                 {{"parameter", std::string(name)}});
  return std::optional<Secret>(to_secret(value->get_string()));
}

[[gnu::noinline]] void wipe_dead_stack(std::size_t depth) noexcept {
  wipe_memory(::alloca(depth), depth);
}

}  // namespace signet
