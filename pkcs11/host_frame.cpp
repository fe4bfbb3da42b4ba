#include "pkcs11/host_frame.h"

#include <array>
#include <concepts>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace signet::host {

namespace {

template <typename T>
concept Unsigned = std::unsigned_integral<T> && !std::same_as<T, bool>;

// The highest enumerator of each enumeration on the wire.
constexpr Algorithm last(Algorithm) {
  return Algorithm::Ed25519;
}
constexpr Mechanism last(Mechanism) {
  return Mechanism::Eddsa;
}
constexpr Mode last(Mode) {
  return Mode::Admin;
}
constexpr SpkiSource last(SpkiSource) {
  return SpkiSource::PrivateKeyObject;
}
constexpr FaultKind last(FaultKind) {
  return FaultKind::Module;
}
constexpr CkrClass last(CkrClass) {
  return CkrClass::Fatal;
}

// Writer and Reader take the same calls, so that each message states its fields once, in describe() below.
class Writer {
 public:
  void field(bool value) { out_.push_back(value ? 1 : 0); }
  template <Unsigned T>
  void field(T value) {
    for (std::size_t shift = sizeof(T) * 8; shift > 0; shift -= 8)
      out_.push_back(static_cast<std::uint8_t>(value >> (shift - 8)));
  }
  template <typename T>
    requires std::is_enum_v<T>
  void field(T value) {
    field(static_cast<std::uint8_t>(value));
  }
  void field(const std::string& text) { blob(as_bytes(text)); }
  void field(const Bytes& bytes) { blob(bytes); }
  void field(const Secret& secret) { blob(secret.bytes()); }
  template <typename T>
  void list(const std::vector<T>& items);

  bool list_too_long() const { return list_too_long_; }
  WipedBytes take() { return std::move(out_); }

 private:
  void blob(BytesView bytes) {
    // A length beyond 32 bits is far over every body limit: encode() refuses the frame by its size.
    field(static_cast<std::uint32_t>(bytes.size()));
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  WipedBytes out_;
  bool list_too_long_ = false;
};

class Reader {
 public:
  explicit Reader(BytesView in) : in_(in) {}

  void field(bool& value) {
    const BytesView byte = take(1);
    if (byte.empty()) return;
    if (byte[0] > 1) return fail("a boolean is neither 0 nor 1");
    value = byte[0] == 1;
  }
  template <Unsigned T>
  void field(T& value) {
    std::uint64_t all = 0;
    for (const std::uint8_t byte : take(sizeof(T))) all = (all << 8) | byte;
    value = static_cast<T>(all);
  }
  template <typename T>
    requires std::is_enum_v<T>
  void field(T& value) {
    std::uint8_t number = 0;
    field(number);
    if (number > static_cast<std::uint8_t>(last(T{}))) return fail("an enumerator is unknown");
    value = static_cast<T>(number);
  }
  void field(std::string& text) { text = as_text(blob()); }
  void field(Bytes& bytes) { bytes = to_bytes(blob()); }
  void field(Secret& secret) { secret = Secret(blob()); }
  template <typename T>
  void list(std::vector<T>& items);

  void finish() {
    if (why_.empty() && !in_.empty()) fail("bytes follow the last field");
  }
  const std::string& why() const { return why_; }

 private:
  BytesView take(std::size_t count) {
    if (count > in_.size()) {
      fail("the body ends within a field");
      return {};
    }
    const BytesView taken = in_.first(count);
    in_ = in_.subspan(count);
    return taken;
  }
  BytesView blob() {
    std::uint32_t size = 0;
    field(size);
    return take(size);
  }
  void fail(const char* why) {
    if (why_.empty()) why_ = why;
    in_ = {};
  }
  BytesView in_;
  std::string why_;
};

// M is T or const T.
template <typename M, typename T>
concept Is = std::same_as<std::remove_const_t<M>, T>;

template <typename C, Is<TokenIdentity> M>
void describe(C& c, M& m) {
  c.field(m.label);
  c.field(m.serial);
}
template <typename C, Is<SlotDescription> M>
void describe(C& c, M& m) {
  c.field(m.slot);
  c.field(m.slot_description);
  c.field(m.removable);
  c.field(m.hardware);
  c.field(m.present);
  c.field(m.ckr);
  describe(c, m.token);
  c.field(m.manufacturer);
  c.field(m.model);
  c.field(m.initialised);
  c.field(m.login_required);
  c.field(m.user_pin_initialised);
  c.field(m.user_pin_low);
  c.field(m.user_pin_final);
  c.field(m.user_pin_locked);
  c.field(m.so_pin_low);
  c.field(m.so_pin_final);
  c.field(m.so_pin_locked);
  c.field(m.protected_path);
  c.field(m.write_protected);
}
template <typename C, Is<KeyObject> M>
void describe(C& c, M& m) {
  c.field(m.spki);
  c.field(m.algorithm);
  c.field(m.source);
  c.field(m.id);
  c.field(m.label);
  c.field(m.local);
  c.field(m.sensitive);
  c.field(m.extractable);
  c.field(m.always_sensitive);
  c.field(m.never_extractable);
  c.field(m.always_authenticate);
}
template <typename C, Is<HelloRequest> M>
void describe(C& c, M& m) {
  c.field(m.init_args);
}
template <typename C, Is<HelloReply> M>
void describe(C& c, M& m) {
  c.field(m.pid);
  c.field(m.mode);
  c.field(m.cryptoki_major);
  c.field(m.cryptoki_minor);
  c.field(m.library_major);
  c.field(m.library_minor);
  c.field(m.manufacturer);
  c.field(m.description);
  c.field(m.single_session);
}
template <typename C, Is<ListTokensReply> M>
void describe(C& c, M& m) {
  c.list(m.slots);
}
template <typename C, Is<OpenRequest> M>
void describe(C& c, M& m) {
  describe(c, m.token);
}
// OpenReply, InitTokenReply, InitPinReply.
template <typename C, typename M>
  requires requires(M m) { requires std::same_as<decltype(m.slot), SlotDescription>; }
void describe(C& c, M& m) {
  describe(c, m.slot);
}
template <typename C, Is<LoginRequest> M>
void describe(C& c, M& m) {
  c.field(m.pin);
}
template <typename C, Is<LoginReply> M>
void describe(C& c, M& m) {
  c.field(m.already);
}
template <typename C, Is<FindKeyRequest> M>
void describe(C& c, M& m) {
  c.field(m.spki);
  c.field(m.id);
  c.field(m.label);
}
// FindKeyReply and GenerateReply.
template <typename C, typename M>
  requires requires(M m) { requires std::same_as<decltype(m.key), KeyObject>; }
void describe(C& c, M& m) {
  describe(c, m.key);
}
template <typename C, Is<FindObjectsRequest> M>
void describe(C& c, M& m) {
  c.field(m.id);
  c.field(m.label);
}
template <typename C, Is<FindObjectsReply> M>
void describe(C& c, M& m) {
  c.list(m.keys);
  c.field(m.skipped);
}
template <typename C, Is<SignRequest> M>
void describe(C& c, M& m) {
  c.field(m.spki);
  c.field(m.id);
  c.field(m.label);
  c.field(m.mechanism);
  c.field(m.input);
}
template <typename C, Is<SignReply> M>
void describe(C& c, M& m) {
  c.field(m.signature);
  c.field(m.fresh_handle);
  c.field(m.logged_in_again);
}
template <typename C, Is<GenerateRequest> M>
void describe(C& c, M& m) {
  c.field(m.algorithm);
  c.field(m.label);
  c.field(m.id);
}
template <typename C, Is<DestroyKeyRequest> M>
void describe(C& c, M& m) {
  c.field(m.spki);
}
template <typename C, Is<InitTokenRequest> M>
void describe(C& c, M& m) {
  c.field(m.slot);
  describe(c, m.expected);
  c.field(m.so_pin);
  c.field(m.label);
}
template <typename C, Is<InitPinRequest> M>
void describe(C& c, M& m) {
  c.field(m.slot);
  describe(c, m.expected);
  c.field(m.so_pin);
  c.field(m.pin);
}
template <typename C, Is<Fault> M>
void describe(C& c, M& m) {
  c.field(m.kind);
  c.field(m.ckr);
  c.field(m.klass);
  c.field(m.call);
  c.field(m.elapsed_ms);
  c.field(m.detail);
}
// Messages without fields.
template <typename C, typename M>
  requires std::is_empty_v<M>
void describe(C&, M&) {}

template <typename T>
void Writer::list(const std::vector<T>& items) {
  if (items.size() > kMaxListLength) list_too_long_ = true;
  field(static_cast<std::uint32_t>(items.size()));
  for (const T& item : items) describe(*this, item);
}

template <typename T>
void Reader::list(std::vector<T>& items) {
  std::uint32_t count = 0;
  field(count);
  if (count > kMaxListLength) return fail("a list is too long");
  for (std::uint32_t i = 0; i < count && why_.empty(); ++i) describe(*this, items.emplace_back());
}

constexpr std::array<std::string_view, std::variant_size_v<Request>> kNames = {
    "Hello", "ListTokens", "Open",       "Login",     "FindKey", "FindObjects",
    "Sign",  "Generate",   "DestroyKey", "InitToken", "InitPin"};
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
