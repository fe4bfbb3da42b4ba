#include "pkcs11/host_frame.h"

#include <array>
#include <concepts>
#include <stdexcept>
#include <utility>

#include "pkcs11/frame_fields.h"

namespace signet::host {

namespace {

using fields::Reader;
using fields::Writer;

constexpr std::array<std::string_view, std::variant_size_v<Request>> kNames = {
    "Hello",     "ListTokens", "Open",        "Login",   "FindKey",          "FindObjects", "Sign",
    "Generate",  "DestroyKey", "InitToken",   "InitPin", "ListCertificates", "SetPin",      "Logout",
    "ResetCard", "CardTries",  "UnblockCard", "CardKey", "StoreCertificate", "CardSlot",    "HeldCards"};
static_assert(std::variant_size_v<Request> == std::variant_size_v<Reply>);

template <typename Message, typename Variant, std::size_t I = 0>
constexpr std::uint8_t type_of() {
  if constexpr (std::same_as<Message, std::variant_alternative_t<I, Variant>>)
    return I + 1;
  else
    return type_of<Message, Variant, I + 1>();
}

std::size_t body_limit(std::uint8_t type) {
  if (type == type_of<SignRequest, Request>()) return kMaxSignBody;
  if (type == (type_of<ListTokensReply, Reply>() | kReplyBit)) return kMaxListBody;
  if (type == (type_of<FindObjectsReply, Reply>() | kReplyBit)) return kMaxListBody;
  if (type == (type_of<ListCertificatesReply, Reply>() | kReplyBit)) return kMaxListBody;
  return kMaxBody;
}

template <typename Message>
FrameResult<WipedBytes> encode(std::uint8_t type, std::uint32_t id, const Message& message) {
  Writer writer;
  writer.field(std::uint32_t{0});  // the length, known at the end
  writer.field(kFrameVersion);
  writer.field(type);
  writer.field(std::uint16_t{0});
  writer.field(id);
  describe(writer, message);
  const bool list_too_long = writer.list_too_long();
  WipedBytes frame = writer.take();
  const std::size_t length = frame.size() - kHeaderSize;
  if (list_too_long) return FrameError{"a list is too long"};
  if (length > body_limit(type)) return FrameError{"the body is over its limit"};
  for (std::size_t i = 0; i < 4; ++i) frame[i] = static_cast<std::uint8_t>(length >> (24 - 8 * i));
  return frame;
}

// Fills the alternative of `Variant` whose number is `index`.
template <typename Variant, std::size_t I = 0>
FrameResult<Variant> decode_alternative(std::size_t index, BytesView body) {
  if constexpr (I < std::variant_size_v<Variant>) {
    if (index != I) return decode_alternative<Variant, I + 1>(index, body);
    Reader reader(body);
    Variant message(std::in_place_index<I>);
    describe(reader, std::get<I>(message));
    reader.finish();
    if (!reader.why().empty()) return FrameError{reader.why()};
    return FrameResult<Variant>(std::move(message));
  } else {
    return FrameError{"the frame's type is unknown"};
  }
}

}  // namespace

void throw_exception_from_error(const FrameError& error, const boost::source_location&) {
  throw std::logic_error("the value of a frame that was refused: " + error.why);
}

FrameResult<WipedBytes> encode_request(std::uint32_t id, const Request& request) {
  const auto type = static_cast<std::uint8_t>(request.index() + 1);
  return std::visit([&](const auto& message) { return encode(type, id, message); }, request);
}

FrameResult<WipedBytes> encode_reply(std::uint32_t id, const Reply& reply) {
  const auto type = static_cast<std::uint8_t>((reply.index() + 1) | kReplyBit);
  return std::visit([&](const auto& message) { return encode(type, id, message); }, reply);
}

WipedBytes encode_fault(std::uint32_t id, const Fault& fault) {
  constexpr std::size_t kMaxText = 4096;  // far under kMaxBody: a fault can always be told
  Fault cut = fault;
  if (cut.call.size() > kMaxText) cut.call.resize(kMaxText);
  if (cut.detail.size() > kMaxText) cut.detail.resize(kMaxText);
  return encode(kFaultType, id, cut).value();
}

FrameResult<FrameHeader> decode_header(BytesView header) {
  if (header.size() != kHeaderSize) return FrameError{"a header has 12 bytes"};
  Reader reader(header);
  FrameHeader result;
  std::uint8_t version = 0;
  std::uint16_t reserved = 0;
  reader.field(result.length);
  reader.field(version);
  reader.field(result.type);
  reader.field(reserved);
  reader.field(result.id);
  if (version != kFrameVersion) return FrameError{"the frame's version is not 1"};
  if (reserved != 0) return FrameError{"the header's reserved bytes are not zero"};
  if (frame_type_name(result.type) == "?") return FrameError{"the frame's type is unknown"};
  if (result.length > body_limit(result.type)) return FrameError{"the body is over its limit"};
  return result;
}

FrameResult<Request> decode_request(const FrameHeader& header, BytesView body) {
  if (body.size() != header.length) return FrameError{"the body is not as long as its header says"};
  if (header.type == 0 || (header.type & kReplyBit) != 0) return FrameError{"the frame is no request"};
  return decode_alternative<Request>(header.type - std::size_t{1}, body);
}

FrameResult<std::variant<Reply, Fault>> decode_reply(const FrameHeader& header, BytesView body) {
  if (body.size() != header.length) return FrameError{"the body is not as long as its header says"};
  if (header.type == kFaultType) {
    Reader reader(body);
    Fault fault;
    describe(reader, fault);
    reader.finish();
    if (!reader.why().empty()) return FrameError{reader.why()};
    return std::variant<Reply, Fault>(std::move(fault));
  }
  const std::uint8_t number = header.type & static_cast<std::uint8_t>(~kReplyBit);
  if ((header.type & kReplyBit) == 0 || number == 0) return FrameError{"the frame is no reply"};
  FrameResult<Reply> reply = decode_alternative<Reply>(number - std::size_t{1}, body);
  if (!reply) return reply.error();
  return std::variant<Reply, Fault>(std::move(*reply));
}

std::string_view frame_type_name(std::uint8_t type) {
  if (type == kFaultType) return "Fault";
  const std::size_t number = type & static_cast<std::uint8_t>(~kReplyBit);
  if (number == 0 || number > kNames.size()) return "?";
  return kNames[number - 1];
}

}  // namespace signet::host
