#include "agent/tokens/pin_length.h"

#include <algorithm>

namespace signet {

namespace {

constexpr PinLengths kPivPin{6, 8};

// As the modules name PIV cards: OpenSC's PIV driver, and ykcs11, whose maker has other tokens too (YubiHSM).
bool is_piv(const host::SlotDescription& slot) {
  if (slot.manufacturer == "piv_II") return true;
  return slot.manufacturer.starts_with("Yubico") && slot.model.starts_with("YubiKey");
}

}  // namespace

PinLengths pin_lengths(const host::SlotDescription& slot) {
  PinLengths told{slot.min_pin, slot.max_pin};
  if (told.most != 0 && told.least > told.most) told = {};
  if (!is_piv(slot)) return told;
  return {std::max(told.least, kPivPin.least), kPivPin.most};
}

Result<void> check_pin_length(std::size_t size, PinLengths lengths, const std::string& token) {
  if (size >= lengths.least && (lengths.most == 0 || size <= lengths.most)) return {};
  boost::json::object parameters;
  parameters["parameter"] = "pin";
  const std::string takes = lengths.most == 0
                                ? std::to_string(lengths.least) + " or more"
                                : std::to_string(lengths.least) + " to " + std::to_string(lengths.most);
  return Error(ErrorName::InvalidParameter,
               "The PIN of token \"" + token + "\" has " + takes + " characters; the one given has " +
                   std::to_string(size) + ". It was not sent, and no try was used.",
               std::move(parameters));
}

}  // namespace signet
