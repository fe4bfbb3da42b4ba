#include "pkcs11/card.h"

#include <p11-kit/pkcs11.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "pkcs11/card_connection.h"

namespace signet::host {

namespace {

constexpr std::uint8_t kPin = 0x80, kPuk = 0x81;  // key references (SP 800-73-4, part 1, table 4b)
constexpr std::size_t kPivPinSize = 8;            // padded with FF
constexpr std::uint16_t kBlocked = 0x6983;

// GET METADATA's answer is a list of tag, length, value; tag 6 holds all tries and those left.
std::optional<Tries> tries_in(std::span<const std::uint8_t> metadata) {
  constexpr std::uint8_t kTries = 6;
  while (metadata.size() >= 2) {
    const std::size_t length = metadata[1];
    if (length + 2 > metadata.size()) return std::nullopt;
    if (metadata[0] == kTries && length == 2) return Tries{true, metadata[3], metadata[2]};
    metadata = metadata.subspan(length + 2);
  }
  return std::nullopt;
}

HostResult<std::optional<Tries>> ask_metadata(CardConnection& card, std::uint8_t reference) {
  const std::array<std::uint8_t, 5> command = {0x00, 0xF7, 0x00, reference, 0x00};
  const auto answer = card.send(command);
  if (!answer) return answer.error();
  if (answer->status != kDone) return std::optional<Tries>();
  return tries_in(answer->data);
}

// What "VERIFY" without a PIN says.
enum class Said { Tries, Verified, NotPiv };
struct Verified {
  Said said = Said::NotPiv;
  std::uint32_t left = 0;
};
HostResult<Verified> ask_verify(CardConnection& card) {
  constexpr std::array<std::uint8_t, 4> kCommand = {0x00, 0x20, 0x00, kPin};
  const auto answer = card.send(kCommand);
  if (!answer) return answer.error();
  if (answer->status == kDone) return Verified{Said::Verified, 0};
  if (answer->status == kBlocked) return Verified{Said::Tries, 0};
  if ((answer->status & 0xFFF0) == 0x63C0) return Verified{Said::Tries, answer->status & 0x0FU};
  return Verified{};
}

HostResult<CardTriesReply> ask_tries(CardConnection& card) {
  CardTriesReply reply;
  const auto pin = ask_metadata(card, kPin);
  if (!pin) return pin.error();
  if (*pin) {
    reply.is_piv = true;
    reply.pin = **pin;
    const auto puk = ask_metadata(card, kPuk);
    if (!puk) return puk.error();
    if (*puk) reply.puk = **puk;
    return reply;
  }
  const auto verified = ask_verify(card);
  if (!verified) return verified.error();
  if (verified->said == Said::Tries) reply.pin = Tries{true, verified->left, 0};
  reply.is_piv = verified->said != Said::NotPiv;
  return reply;
}

std::array<std::uint8_t, 5 + 2 * kPivPinSize> unblock_command(const Secret& puk, const Secret& pin) {
  std::array<std::uint8_t, 5 + 2 * kPivPinSize> command{};
  command.fill(0xFF);
  constexpr std::array<std::uint8_t, 5> kHeader = {0x00, 0x2C, 0x00, kPin, 2 * kPivPinSize};
  std::ranges::copy(kHeader, command.begin());
  std::ranges::copy(puk.bytes(), command.begin() + kHeader.size());
  std::ranges::copy(pin.bytes(), command.begin() + kHeader.size() + kPivPinSize);
  return command;
}

bool has_piv_size(const Secret& secret) {
  return secret.size() >= 6 && secret.size() <= kPivPinSize;
}

// As Cryptoki would say it.
CK_RV unblock_outcome(std::uint16_t status) {
  if (status == kBlocked) return CKR_PIN_LOCKED;
  if ((status & 0xFFF0) == 0x63C0) return (status & 0x0F) == 0 ? CKR_PIN_LOCKED : CKR_PIN_INCORRECT;
  if (status == kNotFound || status == 0x6D00) return CKR_FUNCTION_NOT_SUPPORTED;
  return status == 0x6A80 || status == 0x6700 ? CKR_PIN_INVALID : CKR_DEVICE_ERROR;
}

}  // namespace

HostResult<ResetCardReply> reset_card(const ResetCardRequest& request) {
  auto card = CardConnection::open(request.reader);
  if (!card) return card.error();
  if (!*card) return ResetCardReply{false};
  const LONG status = (*card)->reset();
  if (is_absent(status)) return ResetCardReply{false};
  if (status != SCARD_S_SUCCESS) return card_fault("SCardDisconnect", status);
  return ResetCardReply{true};
}

HostResult<CardTriesReply> card_tries(const CardTriesRequest& request) {
  auto card = CardConnection::open(request.reader);
  if (!card) return card.error();
  if (!*card) return CardTriesReply{};
  const auto transaction = (*card)->begin();
  if (!transaction) return transaction.error();
  auto told = ask_tries(**card);
  if (!told || told->is_piv) return told;
  // Another applet was selected, so nobody is logged in to PIV's: nothing is lost by selecting it.
  const auto selected = (*card)->send(kSelectPiv);
  if (!selected) return selected.error();
  if (selected->status != kDone) return CardTriesReply{};
  return ask_tries(**card);
}

HostResult<UnblockCardReply> unblock_card(const UnblockCardRequest& request) {
  if (!has_piv_size(request.puk) || !has_piv_size(request.pin))
    return cryptoki_fault(kUnblockCall, CKR_PIN_LEN_RANGE, {});
  auto card = CardConnection::open(request.reader);
  if (!card) return card.error();
  if (!*card)
    return make_fault(FaultKind::TokenAbsent, "There is no card in the reader " + request.reader + ".");
  const auto transaction = (*card)->begin();
  if (!transaction) return transaction.error();
  const auto selected = (*card)->send(kSelectPiv);
  if (!selected) return selected.error();
  if (selected->status != kDone) return cryptoki_fault(kUnblockCall, CKR_FUNCTION_NOT_SUPPORTED, {});
  auto command = unblock_command(request.puk, request.pin);
  const auto answer = (*card)->send(command);
  wipe_memory(command.data(), command.size());
  if (!answer) return answer.error();
  if (answer->status != kDone) return cryptoki_fault(kUnblockCall, unblock_outcome(answer->status), {});
  return UnblockCardReply{};
}

}  // namespace signet::host
