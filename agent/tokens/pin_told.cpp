#include "agent/tokens/pin_told.h"

namespace signet {

namespace {

constexpr const char* kSoftHsm = "SoftHSM project";

bool is_piv(const std::string& manufacturer, const std::string& model) {
  if (manufacturer == "piv_II") return true;
  return manufacturer.starts_with("Yubico") && model.starts_with("YubiKey");
}

}  // namespace

PinState user_pin_state(const host::SlotDescription& slot) {
  if (slot.initialised && !slot.user_pin_initialised && slot.login_required) return PinState::Unset;
  if (slot.user_pin_locked) return PinState::Blocked;
  if (slot.user_pin_final) return PinState::Final;
  return slot.user_pin_low ? PinState::Low : PinState::Ok;
}

bool tells_tries(const host::SlotDescription& slot) {
  return slot.user_pin_low || slot.user_pin_final || slot.user_pin_locked || slot.manufacturer == kSoftHsm;
}

bool is_piv(const host::SlotDescription& slot) {
  return is_piv(slot.manufacturer, slot.model);
}

bool is_piv(const TokenDescription& token) {
  return is_piv(token.manufacturer, token.model);
}

PinTold told_by_flags(PinState state, bool tells) {
  PinTold told;
  told.state = state;
  told.tells = tells;
  told.untouched = tells && state == PinState::Ok;
  return told;
}

PinTold so_told(const host::SlotDescription& slot) {
  PinState state = slot.so_pin_low ? PinState::Low : PinState::Ok;
  if (slot.so_pin_final) state = PinState::Final;
  if (slot.so_pin_locked) state = PinState::Blocked;
  return told_by_flags(state, state != PinState::Ok || slot.manufacturer == kSoftHsm);
}

PinTold told_by_count(const host::Tries& counted) {
  PinTold told;
  told.tells = true;
  told.left = counted.left;
  told.untouched = counted.full != 0 && counted.left >= counted.full;
  if (counted.left == 0) told.state = PinState::Blocked;
  if (counted.left == 1) told.state = PinState::Final;
  if (counted.left > 1 && counted.full != 0 && !told.untouched) told.state = PinState::Low;
  return told;
}

}  // namespace signet
