#include "pkcs11/card_watch.h"

#include <dlfcn.h>
#include <winscard.h>

#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace signet::host {

// libpcsclite's functions, found at run time: a host whose tokens are in no reader does not need it.
struct PcscLibrary {
  decltype(&::SCardEstablishContext) establish_context = nullptr;
  decltype(&::SCardReleaseContext) release_context = nullptr;
  decltype(&::SCardListReaders) list_readers = nullptr;
  decltype(&::SCardConnect) connect = nullptr;
  decltype(&::SCardReconnect) reconnect = nullptr;
  decltype(&::SCardDisconnect) disconnect = nullptr;
  decltype(&::SCardStatus) status = nullptr;
  decltype(&::SCardGetStatusChange) get_status_change = nullptr;
};

namespace {

constexpr std::uint32_t kUnknown = ~std::uint32_t{0};
constexpr DWORD kAnyProtocol = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1;

template <typename Function>
bool find_function(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

std::optional<PcscLibrary> load_library() {
  void* library = ::dlopen("libpcsclite.so.1", RTLD_NOW | RTLD_LOCAL);  // never closed: the module has it too
  if (library == nullptr) return std::nullopt;
  PcscLibrary found;
  const bool whole = find_function(library, "SCardEstablishContext", found.establish_context) &&
                     find_function(library, "SCardReleaseContext", found.release_context) &&
                     find_function(library, "SCardListReaders", found.list_readers) &&
                     find_function(library, "SCardConnect", found.connect) &&
                     find_function(library, "SCardReconnect", found.reconnect) &&
                     find_function(library, "SCardDisconnect", found.disconnect) &&
                     find_function(library, "SCardStatus", found.status) &&
                     find_function(library, "SCardGetStatusChange", found.get_status_change);
  if (!whole) return std::nullopt;
  return found;
}

const PcscLibrary* pcsc_library() {
  static const std::optional<PcscLibrary> library = load_library();
  return library ? &*library : nullptr;
}

std::vector<std::string> reader_names(const PcscLibrary& pcsc, SCARDCONTEXT context) {
  DWORD size = 0;
  if (pcsc.list_readers(context, nullptr, nullptr, &size) != SCARD_S_SUCCESS) return {};
  std::string names(size, '\0');  // each ends with NUL, the list with another
  if (pcsc.list_readers(context, nullptr, names.data(), &size) != SCARD_S_SUCCESS) return {};
  std::vector<std::string> readers;
  for (std::size_t at = 0; at < names.size() && names[at] != '\0'; at += readers.back().size() + 1)
    readers.emplace_back(names.c_str() + at);
  return readers;
}

// CK_SLOT_INFO has 64 bytes for a description, blank padded; PC/SC's names may be longer.
bool names_reader(const std::string& slot_description, const std::string& reader) {
  constexpr std::size_t kSlotDescription = 64;
  return !slot_description.empty() &&
         (slot_description == reader ||
          (slot_description.size() == kSlotDescription && reader.starts_with(slot_description)));
}

}  // namespace

CardWatch::CardWatch(const PcscLibrary& pcsc, long context, std::string reader)
    : pcsc_(pcsc), reader_(std::move(reader)), context_(context) {}

CardWatch::~CardWatch() {
  if (attached_) pcsc_.disconnect(card_, SCARD_LEAVE_CARD);
  pcsc_.release_context(context_);
}

std::unique_ptr<CardWatch> CardWatch::begin(const std::string& slot_description) {
  const PcscLibrary* pcsc = pcsc_library();
  SCARDCONTEXT context = 0;
  if (pcsc == nullptr ||
      pcsc->establish_context(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context) != SCARD_S_SUCCESS)
    return nullptr;
  std::optional<std::string> wanted;
  int fitting = 0;
  for (std::string& reader : reader_names(*pcsc, context)) {
    if (!names_reader(slot_description, reader)) continue;
    ++fitting;
    wanted = std::move(reader);
  }
  std::unique_ptr<CardWatch> watch(new CardWatch(*pcsc, context, wanted.value_or("")));
  if (fitting != 1 || !watch->attach()) return nullptr;
  return watch;
}

bool CardWatch::attach() {
  static_assert(std::is_same_v<SCARDHANDLE, long> && std::is_same_v<SCARDCONTEXT, long>);
  DWORD protocol = 0;
  counted_ = insertions();
  if (counted_ == kUnknown || pcsc_.connect(context_, reader_.c_str(), SCARD_SHARE_SHARED, kAnyProtocol,
                                            &card_, &protocol) != SCARD_S_SUCCESS)
    return false;
  attached_ = true;
  return true;
}

std::uint32_t CardWatch::insertions() const {
  SCARD_READERSTATE state{};
  state.szReader = reader_.c_str();
  state.dwCurrentState = SCARD_STATE_UNAWARE;
  if (pcsc_.get_status_change(context_, 0, &state, 1) != SCARD_S_SUCCESS) return kUnknown;
  if ((state.dwEventState & SCARD_STATE_PRESENT) == 0) return kUnknown;
  return static_cast<std::uint32_t>(state.dwEventState >> 16U);  // pcsc-lite: the upper half counts
}

bool CardWatch::unchanged() {
  const std::lock_guard lock(mutex_);
  if (lost_) return false;
  lost_ = true;
  if (insertions() != counted_) return false;
  DWORD name_size = 0, state = 0, protocol = 0, atr_size = 0;
  LONG status = pcsc_.status(card_, nullptr, &name_size, &state, &protocol, nullptr, &atr_size);
  // The word "reset" may hide an earlier "removed", which the count has excluded.
  if (status == SCARD_W_RESET_CARD)
    status = pcsc_.reconnect(card_, SCARD_SHARE_SHARED, kAnyProtocol, SCARD_LEAVE_CARD, &protocol);
  lost_ = status != SCARD_S_SUCCESS;
  return !lost_;
}

}  // namespace signet::host
