// PC/SC, found at run time: a host whose tokens are in no reader does not need libpcsclite.
#pragma once

#include <winscard.h>

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace signet::host {

static_assert(std::is_same_v<SCARDHANDLE, long> && std::is_same_v<SCARDCONTEXT, long>);

inline constexpr DWORD kAnyProtocol = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1;

// libpcsclite's functions, as winscard.h has them.
struct PcscLibrary {
  decltype(&::SCardEstablishContext) establish_context = nullptr;
  decltype(&::SCardReleaseContext) release_context = nullptr;
  decltype(&::SCardListReaders) list_readers = nullptr;
  decltype(&::SCardConnect) connect = nullptr;
  decltype(&::SCardReconnect) reconnect = nullptr;
  decltype(&::SCardDisconnect) disconnect = nullptr;
  decltype(&::SCardStatus) status = nullptr;
  decltype(&::SCardGetStatusChange) get_status_change = nullptr;
  decltype(&::SCardBeginTransaction) begin_transaction = nullptr;
  decltype(&::SCardEndTransaction) end_transaction = nullptr;
  decltype(&::SCardTransmit) transmit = nullptr;
};

// Null where there is no libpcsclite. Thread safe; never unloaded, since the module may have it, too.
const PcscLibrary* pcsc_library();

// As pcscd has them now.
std::vector<std::string> reader_names(const PcscLibrary& pcsc, SCARDCONTEXT context);

// The name of the one reader that a slot's description means. CK_SLOT_INFO has 64 bytes for a description,
// which both modules fill with PC/SC's name; that may be longer. Nothing if none fits, or several do.
std::optional<std::string> find_reader(const PcscLibrary& pcsc, SCARDCONTEXT context,
                                       const std::string& slot_description);

}  // namespace signet::host
