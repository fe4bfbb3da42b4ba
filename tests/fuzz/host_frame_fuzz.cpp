// libFuzzer target: the frames between signetd and a token host, both ways. The first byte is the frame's
// type, the rest its body; the same bytes are tried as a header too. A body that is accepted must be the one
// encoding of what it was decoded to: otherwise two ends could read one frame differently.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <variant>

#include "pkcs11/host_frame.h"

namespace {

using namespace signet;
using namespace signet::host;

void require(bool holds) {
  if (!holds) std::abort();
}

bool same_body(const WipedBytes& frame, BytesView body) {
  return std::ranges::equal(BytesView(frame).subspan(kHeaderSize), body);
}

void try_header(BytesView data) {
  const auto header = decode_header(data.first(std::min(data.size(), kHeaderSize)));
  if (!header) return;
  require(data.size() >= kHeaderSize);
  require(header->length <= kMaxSignBody);
  require(frame_type_name(header->type) != "?");
}

void try_request(const FrameHeader& header, BytesView body) {
  const auto request = decode_request(header, body);
  if (!request) return;
  const auto again = encode_request(header.id, *request);
  require(again.has_value() && same_body(*again, body));
}

void try_reply(const FrameHeader& header, BytesView body) {
  const auto answer = decode_reply(header, body);
  if (!answer) return;
  if (const auto* reply = std::get_if<Reply>(&*answer)) {
    const auto again = encode_reply(header.id, *reply);
    require(again.has_value() && same_body(*again, body));
    return;
  }
  const auto& fault = std::get<Fault>(*answer);
  const auto again = encode_fault(header.id, fault);
  const bool cut = fault.call.size() > 4096 || fault.detail.size() > 4096;
  require(cut || same_body(again, body));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView input(data, size);
  try_header(input);
  if (input.empty()) return 0;
  const BytesView body = input.subspan(1);
  const FrameHeader header{static_cast<std::uint32_t>(body.size()), input[0], 7};
  try_request(header, body);
  try_reply(header, body);
  return 0;
}
