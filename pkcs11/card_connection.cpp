#include "pkcs11/card_connection.h"

#include <utility>

namespace signet::host {

namespace {

constexpr std::size_t kLargestAnswer = 4096;  // of several parts: more than a certificate

}  // namespace

Fault card_fault(const char* call, LONG status) {
  Fault fault = make_fault(FaultKind::Card, "The card could not be reached.");
  fault.call = call;
  fault.ckr = static_cast<std::uint32_t>(status);
  if (status == SCARD_E_SHARING_VIOLATION) fault.detail = "Another program holds the card for itself alone.";
  return fault;
}

bool is_absent(LONG status) {
  return status == SCARD_E_NO_SMARTCARD || status == SCARD_W_REMOVED_CARD ||
         status == SCARD_E_UNKNOWN_READER || status == SCARD_E_READER_UNAVAILABLE ||
         status == SCARD_E_NO_READERS_AVAILABLE ||
         status == SCARD_W_UNPOWERED_CARD;  // another program took its power: it has forgotten its PIN, too
}

HostResult<std::unique_ptr<CardConnection>> CardConnection::open(const std::string& reader) {
  const PcscLibrary* pcsc = pcsc_library();
  if (pcsc == nullptr) return std::unique_ptr<CardConnection>();
  std::unique_ptr<CardConnection> made(new CardConnection(*pcsc));
  LONG status = pcsc->establish_context(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &made->context_);
  // The next pcscd powers its cards anew: they have forgotten everything by then.
  if (status == SCARD_E_NO_SERVICE || status == SCARD_E_SERVICE_STOPPED)
    return std::unique_ptr<CardConnection>();
  if (status != SCARD_S_SUCCESS) return card_fault("SCardEstablishContext", status);
  made->established_ = true;
  const auto name = find_reader(*pcsc, made->context_, reader);
  if (!name) return std::unique_ptr<CardConnection>();
  DWORD protocol = 0;
  status =
      pcsc->connect(made->context_, name->c_str(), SCARD_SHARE_SHARED, kAnyProtocol, &made->card_, &protocol);
  if (is_absent(status)) return std::unique_ptr<CardConnection>();
  if (status != SCARD_S_SUCCESS) return card_fault("SCardConnect", status);
  made->connected_ = true;
  made->protocol_ = protocol;
  return made;
}

CardConnection::~CardConnection() {
  if (connected_) pcsc_.disconnect(card_, SCARD_LEAVE_CARD);
  if (established_) pcsc_.release_context(context_);
}

LONG CardConnection::reset() {
  connected_ = false;
  return pcsc_.disconnect(card_, SCARD_RESET_CARD);
}

HostResult<std::unique_ptr<CardConnection::Transaction>> CardConnection::begin() {
  LONG status = pcsc_.begin_transaction(card_);
  if (status == SCARD_W_RESET_CARD) {  // by another program, between our two calls
    status = pcsc_.reconnect(card_, SCARD_SHARE_SHARED, kAnyProtocol, SCARD_LEAVE_CARD, &protocol_);
    if (status == SCARD_S_SUCCESS) status = pcsc_.begin_transaction(card_);
  }
  if (status != SCARD_S_SUCCESS) return card_fault("SCardBeginTransaction", status);
  return std::make_unique<Transaction>(*this);
}

HostResult<CardAnswer> CardConnection::transmit(std::span<const std::uint8_t> command) {
  std::array<std::uint8_t, 258> buffer{};
  DWORD size = buffer.size();
  const SCARD_IO_REQUEST header{protocol_, sizeof(SCARD_IO_REQUEST)};
  const LONG status =
      pcsc_.transmit(card_, &header, command.data(), command.size(), nullptr, buffer.data(), &size);
  if (status != SCARD_S_SUCCESS) return card_fault("SCardTransmit", status);
  if (size < 2 || size > buffer.size()) return card_fault("SCardTransmit", SCARD_F_COMM_ERROR);
  CardAnswer answer;
  answer.data.assign(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size - 2));
  answer.status = static_cast<std::uint16_t>(buffer[size - 2] << 8U | buffer[size - 1]);
  return answer;
}

HostResult<CardAnswer> CardConnection::send(std::span<const std::uint8_t> command) {
  auto answer = transmit(command);
  while (answer && answer->status >> 8U == 0x61 && answer->data.size() < kLargestAnswer) {
    const std::array<std::uint8_t, 5> more = {0x00, 0xC0, 0x00, 0x00,
                                              static_cast<std::uint8_t>(answer->status & 0xFFU)};
    const auto part = transmit(more);
    if (!part) return part.error();
    // A card that promises more and gives nothing would be asked for ever.
    if (part->data.empty() && part->status >> 8U == 0x61)
      return card_fault("SCardTransmit", SCARD_F_COMM_ERROR);
    answer->data.insert(answer->data.end(), part->data.begin(), part->data.end());
    answer->status = part->status;
  }
  return answer;
}

}  // namespace signet::host
