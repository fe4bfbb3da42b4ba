#include "agent/tokens/pin_length.h"

#include <algorithm>

#include "agent/tokens/pin_told.h"

namespace signet {

namespace {

constexpr PinLengths kPivPin{6, 8};

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
