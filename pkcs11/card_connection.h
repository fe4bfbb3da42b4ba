// The card in a PC/SC reader, shared with other programs. Internal to card*.cpp. Not thread safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pkcs11/fault.h"
#include "pkcs11/pcsc.h"

namespace signet::host {

inline constexpr std::array<std::uint8_t, 10> kSelectPiv = {0x00, 0xA4, 0x04, 0x00, 0x05,
                                                            0xA0, 0x00, 0x00, 0x03, 0x08};
inline constexpr std::uint16_t kDone = 0x9000, kNotFound = 0x6A88;

// FaultKind::Card. PC/SC's functions fail with a LONG whose lower half is the code (0x8010xxxx).
Fault card_fault(const char* call, LONG status);
// No card, no reader, or one that has forgotten everything.
bool is_absent(LONG status);

struct CardAnswer {
  std::vector<std::uint8_t, WipingAllocator<std::uint8_t>> data;
  std::uint16_t status = 0;
};

// Let go of, without a reset, by the destructor.
class CardConnection {
 public:
  // Null: there is no pcscd, no such reader, or no card in it.
  static HostResult<std::unique_ptr<CardConnection>> open(const std::string& reader);
  ~CardConnection();
  CardConnection(const CardConnection&) = delete;
  CardConnection& operator=(const CardConnection&) = delete;

  // Disconnects, with a reset of the card.
  LONG reset();

  // Alone with the card until the returned object goes.
  class Transaction {
   public:
    explicit Transaction(CardConnection& connection) : connection_(connection) {}
    ~Transaction() { connection_.pcsc_.end_transaction(connection_.card_, SCARD_LEAVE_CARD); }
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

   private:
    CardConnection& connection_;
  };
  HostResult<std::unique_ptr<Transaction>> begin();

  // One command; what the card has in several parts is put together (61xx, GET RESPONSE).
  HostResult<CardAnswer> send(std::span<const std::uint8_t> command);

 private:
  explicit CardConnection(const PcscLibrary& pcsc) : pcsc_(pcsc) {}
  HostResult<CardAnswer> transmit(std::span<const std::uint8_t> command);

  const PcscLibrary& pcsc_;
  SCARDCONTEXT context_ = 0;
  SCARDHANDLE card_ = 0;
  DWORD protocol_ = SCARD_PROTOCOL_T1;
  bool established_ = false, connected_ = false;
};

}  // namespace signet::host
