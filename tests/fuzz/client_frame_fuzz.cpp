// What a client may send: a stream of bytes, cut anywhere. The first byte seeds where it is cut. Frames come
// out the same however they were cut, none is beyond its limit, and a call that is accepted goes over the
// wire again unchanged.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/idl.h"
#include "protocol/varlink_message.h"

namespace {

constexpr std::size_t kSize = 512, kLargeSize = 4096;

void check(bool holds) {
  if (!holds) std::abort();
}

signet::FrameLimits limits() {
  signet::FrameLimits limits;
  limits.size = kSize;
  limits.large_size = kLargeSize;
  limits.large_methods = {"org.signet.Agent.SignMetadata"};
  return limits;
}

struct Split {
  std::vector<std::string> frames;
  bool refused = false;
};

// chunk 0: sizes that vary with the seed.
Split split(std::string_view stream, std::size_t chunk, std::uint8_t seed) {
  signet::FrameSplitter splitter(limits());
  Split out;
  std::size_t state = seed;
  while (!stream.empty() && !out.refused) {
    state = state * 1103515245 + 12345;
    const std::size_t count = std::min(stream.size(), chunk > 0 ? chunk : 1 + (state >> 16) % 700);
    std::memcpy(splitter.prepare(count).data(), stream.data(), count);
    splitter.commit(count);
    stream.remove_prefix(count);
    for (;;) {
      auto frame = splitter.next();
      if (!frame) out.refused = true;
      if (!frame || !*frame) break;
      check((*frame)->size() <= kLargeSize);
      out.frames.emplace_back(signet::as_text(**frame));
    }
    check(out.refused || splitter.pending() <= kLargeSize);
  }
  return out;
}

// Boost.JSON 1.81 does not read every double as it wrote it; no parameter of ours is one.
bool has_double(const boost::json::value& value) {
  if (value.is_double()) return true;
  if (value.is_array()) return std::any_of(value.get_array().begin(), value.get_array().end(), has_double);
  if (!value.is_object()) return false;
  return std::any_of(value.get_object().begin(), value.get_object().end(),
                     [](const auto& member) { return has_double(member.value()); });
}

void check_call(std::string_view frame) {
  const auto call = signet::parse_call(frame);
  if (!call) {
    check(call.error().name == signet::ErrorName::InvalidParameter ||
          call.error().name == signet::ErrorName::LimitExceeded);
    check(!signet::parse_reply(signet::as_text(signet::encode_error(call.error())))
               .has_value());  // the NUL is no JSON
    return;
  }
  const signet::WipedBuffer written = signet::encode_call(*call);
  const auto again = signet::parse_call(signet::as_text(written).substr(0, written.size() - 1));
  check(again.has_value());
  check(again->method == call->method && again->more == call->more && again->oneway == call->oneway &&
        again->upgrade == call->upgrade);
  check(has_double(call->parameters) || again->parameters == call->parameters);
  const auto& idl = signet::agent_idl();
  const auto method = idl.methods.find(call->method.substr(call->method.rfind('.') + 1));
  const auto& held_against = method == idl.methods.end() ? idl.methods.at("SignMetadata") : method->second;
  (void)signet::check_fields(idl, held_against.parameters, call->parameters).has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data + 1), size - 1);
  const Split whole = split(stream, stream.size(), 0), cut = split(stream, 0, data[0]);
  check(whole.refused == cut.refused);
  check(whole.frames == cut.frames);
  for (const std::string& frame : whole.frames) check_call(frame);
  (void)signet::parse_reply(stream).has_value();
  (void)signet::parse_idl(stream).has_value();
  return 0;
}
