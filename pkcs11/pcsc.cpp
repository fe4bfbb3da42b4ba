#include "pkcs11/pcsc.h"

#include <dlfcn.h>

namespace signet::host {

namespace {

template <typename Function>
bool find_function(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

std::optional<PcscLibrary> load_library() {
  void* library = ::dlopen("libpcsclite.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return std::nullopt;
  PcscLibrary found;
  const bool whole = find_function(library, "SCardEstablishContext", found.establish_context) &&
                     find_function(library, "SCardReleaseContext", found.release_context) &&
                     find_function(library, "SCardListReaders", found.list_readers) &&
                     find_function(library, "SCardConnect", found.connect) &&
                     find_function(library, "SCardReconnect", found.reconnect) &&
                     find_function(library, "SCardDisconnect", found.disconnect) &&
                     find_function(library, "SCardStatus", found.status) &&
                     find_function(library, "SCardGetStatusChange", found.get_status_change) &&
                     find_function(library, "SCardBeginTransaction", found.begin_transaction) &&
                     find_function(library, "SCardEndTransaction", found.end_transaction) &&
                     find_function(library, "SCardTransmit", found.transmit);
  if (!whole) return std::nullopt;
  return found;
}

bool names_reader(const std::string& slot_description, const std::string& reader) {
  constexpr std::size_t kSlotDescription = 64;
  return !slot_description.empty() &&
         (slot_description == reader ||
          (slot_description.size() == kSlotDescription && reader.starts_with(slot_description)));
}

}  // namespace

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

std::optional<std::string> find_reader(const PcscLibrary& pcsc, SCARDCONTEXT context,
                                       const std::string& slot_description) {
  std::optional<std::string> wanted;
  for (std::string& reader : reader_names(pcsc, context)) {
    if (!names_reader(slot_description, reader)) continue;
    if (wanted) return std::nullopt;
    wanted = std::move(reader);
  }
  return wanted;
}

}  // namespace signet::host
