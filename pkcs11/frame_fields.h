// How the fields of a frame's body are written and read (docs/host-protocol.md), and which fields each
// message has. Internal to host_frame.cpp.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "pkcs11/host_frame.h"

namespace signet::host::fields {

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
  return Mode::Card;
}
constexpr SpkiSource last(SpkiSource) {
  return SpkiSource::PrivateKeyObject;
}
constexpr FaultKind last(FaultKind) {
  return FaultKind::Card;
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

template <typename C, Is<Bytes> M>
void describe(C& c, M& m) {
  c.field(m);
}
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
  c.field(m.min_pin);
  c.field(m.max_pin);
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
template <typename C, Is<CertificateObject> M>
void describe(C& c, M& m) {
  c.field(m.der);
  c.field(m.id);
  c.field(m.label);
}
template <typename C, Is<ListCertificatesReply> M>
void describe(C& c, M& m) {
  c.list(m.certificates);
  c.field(m.skipped);
}
template <typename C, Is<SignRequest> M>
void describe(C& c, M& m) {
  c.field(m.spki);
  c.field(m.id);
  c.field(m.label);
  c.field(m.mechanism);
  c.field(m.input);
  c.list(m.further);
}
template <typename C, Is<SignReply> M>
void describe(C& c, M& m) {
  c.field(m.signature);
  c.field(m.fresh_handle);
  c.field(m.logged_in_again);
  c.field(m.processor_us);
  c.list(m.further);
}
template <typename C, Is<GenerateRequest> M>
void describe(C& c, M& m) {
  c.field(m.algorithm);
  c.field(m.label);
  c.field(m.id);
  c.field(m.so_pin);
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
template <typename C, Is<SetPinRequest> M>
void describe(C& c, M& m) {
  c.field(m.old_pin);
  c.field(m.new_pin);
}
template <typename C, typename M>
  requires(Is<M, ResetCardRequest> || Is<M, CardTriesRequest> || Is<M, HeldCard>)
void describe(C& c, M& m) {
  c.field(m.reader);
}
template <typename C, Is<ResetCardReply> M>
void describe(C& c, M& m) {
  c.field(m.there);
}
template <typename C, Is<Tries> M>
void describe(C& c, M& m) {
  c.field(m.known);
  c.field(m.left);
  c.field(m.full);
}
template <typename C, Is<CardTriesReply> M>
void describe(C& c, M& m) {
  c.field(m.is_piv);
  describe(c, m.pin);
  describe(c, m.puk);
}
template <typename C, Is<CardKeyRequest> M>
void describe(C& c, M& m) {
  c.field(m.reader);
  c.field(m.spki);
}
template <typename C, Is<CardKeyReply> M>
void describe(C& c, M& m) {
  c.field(m.known);
  c.field(m.slot);
  c.field(m.pin_policy);
  c.field(m.touch_policy);
  c.field(m.generated);
}
template <typename C, Is<CardSlotRequest> M>
void describe(C& c, M& m) {
  c.field(m.reader);
  c.field(m.slot);
}
template <typename C, Is<CardSlotReply> M>
void describe(C& c, M& m) {
  c.field(m.known);
  c.field(m.occupied);
  c.field(m.management_algorithm);
  c.field(m.management_touch);
  c.field(m.management_behind_pin);
}
template <typename C, Is<HeldCardsReply> M>
void describe(C& c, M& m) {
  c.list(m.cards);
}
template <typename C, Is<UnblockCardRequest> M>
void describe(C& c, M& m) {
  c.field(m.reader);
  c.field(m.puk);
  c.field(m.pin);
}
template <typename C, Is<StoreCertificateRequest> M>
void describe(C& c, M& m) {
  c.field(m.der);
  c.field(m.id);
  c.field(m.label);
  c.field(m.replace);
  c.field(m.so_pin);
}
template <typename C, Is<StoreCertificateReply> M>
void describe(C& c, M& m) {
  c.field(m.replaced);
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

}  // namespace signet::host::fields
