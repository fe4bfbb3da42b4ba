// Whether the card in a reader is still the one that was there before: asked of PC/SC, beside the module.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace signet::host {

struct PcscLibrary;

// A module that keeps a PIN (ykcs11 2.2.0) or a reader's name (OpenSC 0.23.0) takes another card in the same
// reader for the one before it, and sends it that one's PIN (both measured on pcscd 1.9.9). PC/SC can tell: a
// handle dies with its card or reader, and a reader counts its insertions. Thread safe.
class CardWatch {
 public:
  // Watches the card that is in the reader now; `slot_description` is CK_SLOT_INFO's, which both modules fill
  // with PC/SC's name of the reader. nullptr where PC/SC cannot tell: no libpcsclite, no pcscd, no such
  // reader.
  static std::unique_ptr<CardWatch> begin(const std::string& slot_description);
  ~CardWatch();
  CardWatch(const CardWatch&) = delete;
  CardWatch& operator=(const CardWatch&) = delete;

  // False once the card or its reader went away, even if it is back, and where pcscd does not answer any
  // more: nothing is known then. A card that was only reset by another program is the same card. No APDU is
  // sent; it costs two messages to pcscd. Waits while another program holds the card in a transaction, as a
  // signature does.
  bool unchanged();

  // The last thing that is done with it: the card forgets that its PIN was verified. Waits like unchanged().
  void reset_card();

 private:
  CardWatch(const PcscLibrary& pcsc, long context, std::string reader);
  bool attach();
  // The reader's counter of insertions and removals, with the card's presence; kUnknown if it does not say.
  std::uint32_t insertions() const;

  const PcscLibrary& pcsc_;
  const std::string reader_;
  const long context_;  // SCARDCONTEXT
  std::mutex mutex_;    // over what follows
  long card_ = 0;       // SCARDHANDLE
  bool attached_ = false, lost_ = false;
  std::uint32_t counted_ = 0;
};

}  // namespace signet::host
