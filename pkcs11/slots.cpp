#include "pkcs11/slots.h"

#include <cstdint>
#include <limits>
#include <optional>

namespace signet::host {

namespace {

constexpr std::size_t kMaxSlots = kMaxListLength;

// With NULL first: OpenSC looks for new readers only then.
HostResult<std::vector<CK_SLOT_ID>> slot_ids(Module& module) {
  // The number may grow between the two calls: the second then says CKR_BUFFER_TOO_SMALL.
  for (int attempt = 0;; ++attempt) {
    CK_ULONG count = 0;
    const auto counted =
        module.call("C_GetSlotList", &CK_FUNCTION_LIST::C_GetSlotList, CK_BBOOL{CK_FALSE}, nullptr, &count);
    if (!counted) return counted.error();
    if (count > kMaxSlots) count = kMaxSlots;
    std::vector<CK_SLOT_ID> slots(count);
    if (slots.empty()) return slots;
    const auto listed = module.call("C_GetSlotList", &CK_FUNCTION_LIST::C_GetSlotList, CK_BBOOL{CK_FALSE},
                                    slots.data(), &count);
    if (listed) {
      slots.resize(std::min<std::size_t>(count, slots.size()));
      return slots;
    }
    if (listed.error().ckr != CKR_BUFFER_TOO_SMALL || attempt == 3) return listed.error();
  }
}

// CK_UNAVAILABLE_INFORMATION is all ones.
std::uint32_t pin_length(CK_ULONG told) {
  return told > std::numeric_limits<std::uint32_t>::max() ? 0 : static_cast<std::uint32_t>(told);
}

void fill_token(SlotDescription& slot, const CK_TOKEN_INFO& info) {
  const auto set = [&info](CK_FLAGS flag) { return (info.flags & flag) != 0; };
  slot.token = {trimmed(info.label), trimmed(info.serialNumber)};
  slot.manufacturer = trimmed(info.manufacturerID);
  slot.model = trimmed(info.model);
  slot.initialised = set(CKF_TOKEN_INITIALIZED);
  slot.login_required = set(CKF_LOGIN_REQUIRED);
  slot.user_pin_initialised = set(CKF_USER_PIN_INITIALIZED);
  slot.user_pin_low = set(CKF_USER_PIN_COUNT_LOW);
  slot.user_pin_final = set(CKF_USER_PIN_FINAL_TRY);
  slot.user_pin_locked = set(CKF_USER_PIN_LOCKED);
  slot.so_pin_low = set(CKF_SO_PIN_COUNT_LOW);
  slot.so_pin_final = set(CKF_SO_PIN_FINAL_TRY);
  slot.so_pin_locked = set(CKF_SO_PIN_LOCKED);
  slot.protected_path = set(CKF_PROTECTED_AUTHENTICATION_PATH);
  slot.write_protected = set(CKF_WRITE_PROTECTED);
  slot.min_pin = pin_length(info.ulMinPinLen);
  slot.max_pin = pin_length(info.ulMaxPinLen);
}

}  // namespace

std::string trimmed(std::span<const unsigned char> padded) {
  std::string_view text(reinterpret_cast<const char*>(padded.data()), padded.size());
  text = text.substr(0, text.find('\0'));
  const std::size_t last = text.find_last_not_of(' ');
  return std::string(text.substr(0, last == std::string_view::npos ? 0 : last + 1));
}

SlotDescription describe_slot(Module& module, CK_SLOT_ID id) {
  SlotDescription slot;
  slot.slot = id;
  CK_SLOT_INFO info{};
  const auto asked = module.call("C_GetSlotInfo", &CK_FUNCTION_LIST::C_GetSlotInfo, id, &info);
  if (!asked) {
    slot.ckr = asked.error().ckr;
    return slot;
  }
  slot.slot_description = trimmed(info.slotDescription);
  slot.removable = (info.flags & CKF_REMOVABLE_DEVICE) != 0;
  slot.hardware = (info.flags & CKF_HW_SLOT) != 0;
  slot.present = (info.flags & CKF_TOKEN_PRESENT) != 0;
  if (!slot.present) return slot;
  CK_TOKEN_INFO token{};
  const auto described = module.call("C_GetTokenInfo", &CK_FUNCTION_LIST::C_GetTokenInfo, id, &token);
  if (described) {
    fill_token(slot, token);
  } else if (token_gone(described.error().ckr)) {
    slot.present = false;  // pulled between the two calls
  } else {
    slot.ckr = described.error().ckr;
  }
  return slot;
}

HostResult<std::vector<SlotDescription>> list_slots(Module& module) {
  const auto ids = slot_ids(module);
  if (!ids) return ids.error();
  std::vector<SlotDescription> slots;
  for (const CK_SLOT_ID id : *ids) slots.push_back(describe_slot(module, id));
  return slots;
}

HostResult<SlotDescription> locate_token(Module& module, const TokenIdentity& token) {
  const auto slots = list_slots(module);
  if (!slots) return slots.error();
  std::optional<SlotDescription> found;
  for (const SlotDescription& slot : *slots) {
    if (!slot.present || slot.ckr != 0 || slot.token != token) continue;
    if (found)
      return make_fault(FaultKind::Ambiguous, "Two tokens are called " + token.label +
                                                  " with serial number " + token.serial +
                                                  ": remove one of them.");
    found = slot;
  }
  if (!found)
    return make_fault(FaultKind::TokenAbsent, "No slot holds the token " + token.label +
                                                  " with serial number " + token.serial + ": insert it.");
  return *found;
}

HostResult<SlotDescription> expect_token(Module& module, CK_SLOT_ID id, const TokenIdentity& token) {
  SlotDescription slot = describe_slot(module, id);
  if (slot.ckr != 0) return cryptoki_fault("C_GetTokenInfo", slot.ckr, {});
  if (!slot.present || slot.token != token)
    return make_fault(FaultKind::TokenAbsent, "Slot " + std::to_string(id) + " no longer holds the token " +
                                                  token.label + " with serial number " + token.serial + ".");
  return slot;
}

}  // namespace signet::host
