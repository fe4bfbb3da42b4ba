// What the ledger is told of signatures over messages: an intent that is durable before the signature leaves,
// and how it ended. Those that come while the ledger writes share its next record, as they share its COMMIT:
// a record of its own cost more than all else that signetd does for a signature (profiled).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/ledger/ledger.h"
#include "protocol/result.h"

namespace signet {

// Signatures in one record: its statement stays well under 64 KiB (one takes about 250 bytes).
inline constexpr std::size_t kMostMessagesInRecord = 128;
// Signatures that may be under way to the ledger while others leave before their record (`delay`).
inline constexpr std::size_t kMostUnrecorded = 1024;

// Who wants which message signed by what, as the record says it (docs/ledger.md, "message-intent").
struct MessageIntent {
  boost::json::object statement;  // key, scheme, input, digest; identity
  bool alone = false;             // shares no record: what it says of its requester may be large
  Requester who;
};

// On the event loop; not thread safe. Outlives the loop's run: what it began holds its own state.
class MessageRecorder {
 public:
  explicit MessageRecorder(boost::asio::any_io_executor executor);

  // One signature in one record.
  class Entry {
   public:
    Entry() = default;

   private:
    friend class MessageRecorder;
    struct Group;
    std::shared_ptr<Group> group_;
    std::size_t index_ = 0;
  };

  // How long a record may be behind its signature: 0 (the default), never. For record_before_release().
  void set_delay(std::chrono::milliseconds delay);

  // Hands the intent on. `ledger` outlives the loop's run.
  Entry begin(Ledger& ledger, MessageIntent intent);
  // Completes when the intent is durable, with the sequence of its record; or with what the ledger said.
  boost::asio::awaitable<Result<std::int64_t>> recorded(Entry entry);
  // False: the signature may leave now, its record comes within the delay. True without a delay, and while
  // the ledger fails or is behind.
  bool record_before_release(const Entry& entry) const;
  // How the signature ended: "signed", or an error's name. Once for each entry. "signed" is recorded once for
  // all of a record, when the last of them ended; nobody waits for it.
  void ended(const Entry& entry, std::string outcome);

 private:
  struct State;
  using Group = Entry::Group;
  std::shared_ptr<State> state_;
};

}  // namespace signet
