#include <array>

#include "pkcs11/card.h"
#include "pkcs11/card_metadata.h"

namespace signet::host {

namespace {

constexpr std::uint8_t kManagementKey = 0x9B;
constexpr std::uint8_t kTouchNever = 1;
// ykman and Yubico's other tools note in this object how the card is looked after. Read without a PIN.
constexpr std::array<std::uint8_t, 11> kGetAdminData = {0x00, 0xCB, 0x3F, 0xFF, 0x05, 0x5C,
                                                        0x03, 0x5F, 0xFF, 0x00, 0x00};
constexpr std::uint8_t kObject = 0x53, kAdminData = 0x80, kAdminFlags = 0x81;
constexpr std::uint8_t kManagementKeyBehindPin = 0x02;

HostResult<bool> management_key_is_behind_pin(CardConnection& card) {
  const auto answer = card.send(kGetAdminData);
  if (!answer) return answer.error();
  if (answer->status != kDone) return false;  // there is none
  const CardData flags = value_of(value_of(value_of(answer->data, kObject), kAdminData), kAdminFlags);
  return flags.size() == 1 && (flags[0] & kManagementKeyBehindPin) != 0;
}

}  // namespace

HostResult<CardSlotReply> card_slot(const CardSlotRequest& request) {
  auto card = CardConnection::open(request.reader);
  if (!card) return card.error();
  if (!*card) return CardSlotReply{};
  const auto transaction = (*card)->begin();
  if (!transaction) return transaction.error();
  const auto able = tells_metadata(**card);
  if (!able) return able.error();
  if (!*able) return CardSlotReply{};
  const auto slot = ask_metadata(**card, request.slot);
  if (!slot) return slot.error();
  const auto management = ask_metadata(**card, kManagementKey);
  if (!management) return management.error();
  const bool told = slot->status == kDone || slot->status == kNotFound;
  const CardData algorithm = value_of(management->data, metadata_tag::kAlgorithm);
  if (!told || management->status != kDone || algorithm.size() != 1) return CardSlotReply{};
  const auto behind_pin = management_key_is_behind_pin(**card);
  if (!behind_pin) return behind_pin.error();
  const CardData policies = value_of(management->data, metadata_tag::kPolicies);
  CardSlotReply reply;
  reply.known = true;
  reply.occupied = slot->status == kDone;
  reply.management_algorithm = algorithm[0];
  reply.management_touch = policies.size() == 2 && policies[1] > kTouchNever;
  reply.management_behind_pin = *behind_pin;
  return reply;
}

}  // namespace signet::host
