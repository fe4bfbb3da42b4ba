#include "pkcs11/card.h"
#include "pkcs11/card_connection.h"
#include "pkcs11/pcsc.h"

namespace signet::host {

namespace {

class Context {
 public:
  explicit Context(const PcscLibrary& pcsc) : pcsc_(pcsc) {
    status_ = pcsc.establish_context(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context_);
  }
  ~Context() {
    if (status_ == SCARD_S_SUCCESS) pcsc_.release_context(context_);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  LONG status() const { return status_; }
  SCARDCONTEXT get() const { return context_; }

 private:
  const PcscLibrary& pcsc_;
  SCARDCONTEXT context_ = 0;
  LONG status_ = 0;
};

}  // namespace

HostResult<HeldCardsReply> held_cards() {
  HeldCardsReply reply;
  const PcscLibrary* pcsc = pcsc_library();
  if (pcsc == nullptr) return reply;
  const Context context(*pcsc);
  if (context.status() == SCARD_E_NO_SERVICE || context.status() == SCARD_E_SERVICE_STOPPED) return reply;
  if (context.status() != SCARD_S_SUCCESS) return card_fault("SCardEstablishContext", context.status());
  const std::vector<std::string> readers = reader_names(*pcsc, context.get());
  if (readers.empty()) return reply;
  std::vector<SCARD_READERSTATE> states(readers.size());
  for (std::size_t index = 0; index < readers.size(); ++index)
    states[index].szReader = readers[index].c_str();
  const LONG status =
      pcsc->get_status_change(context.get(), 0, states.data(), static_cast<DWORD>(states.size()));
  if (is_absent(status)) return reply;  // a reader left meanwhile
  if (status != SCARD_S_SUCCESS) return card_fault("SCardGetStatusChange", status);
  for (std::size_t index = 0; index < readers.size(); ++index)
    if ((states[index].dwEventState & SCARD_STATE_EXCLUSIVE) != 0) reply.cards.push_back({readers[index]});
  return reply;
}

}  // namespace signet::host
