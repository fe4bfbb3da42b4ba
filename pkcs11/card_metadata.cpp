#include "pkcs11/card_metadata.h"

#include <array>

namespace signet::host {

namespace {

// Which key is asked for makes no difference to whether one may ask: any signing slot does.
constexpr std::uint8_t kAnySlot = 0x9C;

bool has_metadata(const CardAnswer& answer) {
  return answer.status == kDone || answer.status == kNotFound;
}

}  // namespace

CardData value_of(CardData list, std::uint8_t tag) {
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

HostResult<CardAnswer> ask_metadata(CardConnection& card, std::uint8_t reference) {
  const std::array<std::uint8_t, 5> command = {0x00, 0xF7, 0x00, reference, 0x00};
  return card.send(command);
}

HostResult<bool> tells_metadata(CardConnection& card) {
  const auto answer = ask_metadata(card, kAnySlot);
  if (!answer) return answer.error();
  if (has_metadata(*answer)) return true;
  constexpr std::array<std::uint8_t, 4> kVerify = {0x00, 0x20, 0x00, 0x80};  // asks, without a PIN
  const auto piv = card.send(kVerify);
  if (!piv) return piv.error();
  const bool selected = piv->status == kDone || piv->status == 0x6983 || (piv->status & 0xFFF0) == 0x63C0;
  if (selected) return false;
  const auto done = card.send(kSelectPiv);
  if (!done) return done.error();
  const auto again = ask_metadata(card, kAnySlot);
  if (!again) return again.error();
  return has_metadata(*again);
}

}  // namespace signet::host
