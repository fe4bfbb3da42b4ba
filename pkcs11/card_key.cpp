#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>

#include "pkcs11/card.h"
#include "pkcs11/card_connection.h"
#include "pkcs11/public_key_der.h"

namespace signet::host {

namespace {

using Data = std::span<const std::uint8_t>;

// The slots that hold keys to sign with, the usual ones first (SP 800-73-4, part 1, table 4b; the others are
// for retired keys).
constexpr std::array<std::uint8_t, 24> kSlots = {0x9C, 0x9A, 0x9E, 0x9D, 0x82, 0x83, 0x84, 0x85,
                                                 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B, 0x8C, 0x8D,
                                                 0x8E, 0x8F, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95};
// What a slot's metadata is made of (docs.yubico.com, "GET METADATA").
constexpr std::uint8_t kAlgorithm = 1, kPolicies = 2, kOrigin = 3, kPublicKey = 4;
constexpr std::uint8_t kGenerated = 1;
// PIV's names of algorithms, and the parts of its public keys.
constexpr std::uint8_t kP256 = 0x11, kP384 = 0x14, kEd25519 = 0xE0;
constexpr std::uint8_t kModulus = 0x81, kExponent = 0x82, kPoint = 0x86;

// The value of the element with that tag; empty if there is none. Lengths of up to three bytes (BER).
Data value_of(Data list, std::uint8_t tag) {
  while (list.size() >= 2) {
    std::size_t header = 2, length = list[1];
    if (length == 0x81 && list.size() >= 3) {
      header = 3;
      length = list[2];
    } else if (length == 0x82 && list.size() >= 4) {
      header = 4;
      length = std::size_t{list[2]} << 8U | list[3];
    } else if (length >= 0x80) {
      return {};
    }
    if (length > list.size() - header) return {};
    if (list[0] == tag) return list.subspan(header, length);
    list = list.subspan(header + length);
  }
  return {};
}

std::optional<PublicKeyDer> public_key_in(Data metadata) {
  const Data algorithm = value_of(metadata, kAlgorithm), key = value_of(metadata, kPublicKey);
  if (algorithm.size() != 1 || key.empty()) return std::nullopt;
  switch (algorithm[0]) {
    case kP256:
      return ec_public_key(ec_parameters(Algorithm::EcdsaP256), value_of(key, kPoint));
    case kP384:
      return ec_public_key(ec_parameters(Algorithm::EcdsaP384), value_of(key, kPoint));
    case kEd25519:
      return edwards_public_key(value_of(key, kPoint));
    default:
      return rsa_public_key(value_of(key, kModulus), value_of(key, kExponent));
  }
}

HostResult<CardAnswer> ask_slot(CardConnection& card, std::uint8_t slot) {
  const std::array<std::uint8_t, 5> command = {0x00, 0xF7, 0x00, slot, 0x00};
  return card.send(command);
}

bool has_metadata(const CardAnswer& answer) {
  return answer.status == kDone || answer.status == kNotFound;
}

// Whether PIV's applet is selected and tells metadata. Selecting it anew would log out whoever uses it: only
// where another one is.
HostResult<bool> ready(CardConnection& card) {
  const auto answer = ask_slot(card, kSlots.front());
  if (!answer) return answer.error();
  if (has_metadata(*answer)) return true;
  constexpr std::array<std::uint8_t, 4> kVerify = {0x00, 0x20, 0x00, 0x80};  // asks, without a PIN
  const auto piv = card.send(kVerify);
  if (!piv) return piv.error();
  const bool selected = piv->status == kDone || piv->status == 0x6983 || (piv->status & 0xFFF0) == 0x63C0;
  if (selected) return false;
  const auto done = card.send(kSelectPiv);
  if (!done) return done.error();
  const auto again = ask_slot(card, kSlots.front());
  if (!again) return again.error();
  return has_metadata(*again);
}

std::optional<CardKeyReply> told_by(const CardAnswer& answer, std::uint8_t slot, BytesView spki) {
  const auto key = answer.status == kDone ? public_key_in(answer.data) : std::nullopt;
  if (!key || !std::ranges::equal(key->spki, spki)) return std::nullopt;
  const Data policies = value_of(answer.data, kPolicies), origin = value_of(answer.data, kOrigin);
  if (policies.size() != 2) return std::nullopt;
  CardKeyReply reply;
  reply.known = true;
  reply.slot = slot;
  reply.pin_policy = policies[0];
  reply.touch_policy = policies[1];
  reply.generated = origin.size() == 1 && origin[0] == kGenerated;
  return reply;
}

}  // namespace

HostResult<CardKeyReply> card_key(const CardKeyRequest& request) {
  auto card = CardConnection::open(request.reader);
  if (!card) return card.error();
  if (!*card) return CardKeyReply{};
  const auto transaction = (*card)->begin();
  if (!transaction) return transaction.error();
  const auto able = ready(**card);
  if (!able) return able.error();
  if (!*able) return CardKeyReply{};
  for (const std::uint8_t slot : kSlots) {
    const auto answer = ask_slot(**card, slot);
    if (!answer) return answer.error();
    if (const auto reply = told_by(*answer, slot, request.spki)) return *reply;
  }
  return CardKeyReply{};
}

}  // namespace signet::host
