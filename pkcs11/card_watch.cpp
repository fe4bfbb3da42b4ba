#include "pkcs11/card_watch.h"

#include <optional>
#include <utility>

#include "pkcs11/pcsc.h"

namespace signet::host {

namespace {

constexpr std::uint32_t kUnknown = ~std::uint32_t{0};
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
  const std::optional<std::string> reader = find_reader(*pcsc, context, slot_description);
  std::unique_ptr<CardWatch> watch(new CardWatch(*pcsc, context, reader.value_or("")));
  if (!reader || !watch->attach()) return nullptr;
  return watch;
}

bool CardWatch::attach() {
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

void CardWatch::reset_card() {
  const std::lock_guard lock(mutex_);
  if (!attached_) return;
  attached_ = false;
  lost_ = true;
  pcsc_.disconnect(card_, SCARD_RESET_CARD);
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
