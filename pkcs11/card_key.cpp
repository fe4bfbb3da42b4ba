#include <algorithm>
#include <array>
#include <optional>

#include "pkcs11/card.h"
#include "pkcs11/card_metadata.h"
#include "pkcs11/public_key_der.h"

namespace signet::host {

namespace {

// The slots that hold keys to sign with, the usual ones first (SP 800-73-4, part 1, table 4b; the others are
// for retired keys).
constexpr std::array<std::uint8_t, 24> kSlots = {0x9C, 0x9A, 0x9E, 0x9D, 0x82, 0x83, 0x84, 0x85,
                                                 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B, 0x8C, 0x8D,
                                                 0x8E, 0x8F, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95};
constexpr std::uint8_t kGenerated = 1;
// PIV's names of algorithms, and the parts of its public keys.
constexpr std::uint8_t kP256 = 0x11, kP384 = 0x14, kEd25519 = 0xE0;
constexpr std::uint8_t kModulus = 0x81, kExponent = 0x82, kPoint = 0x86;

std::optional<PublicKeyDer> public_key_in(CardData metadata) {
  const CardData algorithm = value_of(metadata, metadata_tag::kAlgorithm),
                 key = value_of(metadata, metadata_tag::kPublicKey);
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

std::optional<CardKeyReply> told_by(const CardAnswer& answer, std::uint8_t slot, BytesView spki) {
  const auto key = answer.status == kDone ? public_key_in(answer.data) : std::nullopt;
  if (!key || !std::ranges::equal(key->spki, spki)) return std::nullopt;
  const CardData policies = value_of(answer.data, metadata_tag::kPolicies),
                 origin = value_of(answer.data, metadata_tag::kOrigin);
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
  const auto able = tells_metadata(**card);
  if (!able) return able.error();
  if (!*able) return CardKeyReply{};
  for (const std::uint8_t slot : kSlots) {
    const auto answer = ask_metadata(**card, slot);
    if (!answer) return answer.error();
    if (const auto reply = told_by(*answer, slot, request.spki)) return *reply;
  }
  return CardKeyReply{};
}

}  // namespace signet::host
