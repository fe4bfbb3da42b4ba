#include "agent/ledger/ledger.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>

#include "agent/ledger/ledger_options.h"
#include "agent/ledger/ledger_store.h"
#include "agent/ledger/ledger_writer.h"

namespace signet {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

enum class CallKind { Read, Write, PatientWrite, End };

template <typename T>
using Work = std::function<Result<T>(LedgerStore&)>;

// A call with the coroutine that waits for it. It is completed by a post to the coroutine's own executor,
// which is kept at work until then.
template <typename T, typename Waiter>
class WaitingCall final : public LedgerCall {
 public:
  WaitingCall(CallKind kind, Work<T> work, Waiter waiter)
      : kind_(kind),
        work_(std::move(work)),
        waiter_(std::move(waiter)),
        guard_(asio::get_associated_executor(waiter_)) {}

  bool writes() const override { return kind_ != CallKind::Read; }
  bool ends() const override { return kind_ == CallKind::End; }
  bool patient() const override { return kind_ == CallKind::PatientWrite; }
  void run(LedgerStore& store) override {
    result_.emplace(store.run(writes(), [&] { return work_(store); }));
  }
  void fail(const Error& error) override { result_.emplace(error); }
  void complete() override {
    const auto executor = guard_.get_executor();
    asio::post(executor, [waiter = std::move(waiter_), result = std::move(*result_)]() mutable {
      std::move(waiter)(std::move(result));
    });
    guard_.reset();
  }

 private:
  const CallKind kind_;
  Work<T> work_;
  Waiter waiter_;
  asio::executor_work_guard<asio::any_io_executor> guard_;
  std::optional<Result<T>> result_;
};

Error queue_full() {
  boost::json::object parameters{{"retryAfterMs", 100}};
  return {ErrorName::Busy, "Too many calls wait for the ledger. Try again in a moment.",
          std::move(parameters)};
}

// Hands a call to the writer and waits for it.
template <typename T>
awaitable<Result<T>> submit(LedgerWriter& writer, CallKind kind, Work<T> work) {
  auto initiate = [&writer, kind, work = std::move(work)](auto waiter) mutable {
    using Call = WaitingCall<T, decltype(waiter)>;
    std::unique_ptr<LedgerCall> call = std::make_unique<Call>(kind, std::move(work), std::move(waiter));
    call = writer.submit(std::move(call));
    if (!call) return;
    call->fail(queue_full());
    call->complete();
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<T>)>(std::move(initiate),
                                                                              asio::use_awaitable);
}

class SqliteLedger final : public Ledger {
 public:
  SqliteLedger(std::unique_ptr<LedgerStore> store, const LedgerOptions& options)
      : writer_(std::move(store), options) {}

  awaitable<Result<LedgerSummary>> summary() override {
    return read<LedgerSummary>([](LedgerStore& store) { return store.summary(); });
  }
  awaitable<Result<std::vector<RecordRow>>> read(std::int64_t first, std::int64_t limit) override {
    return read<std::vector<RecordRow>>(
        [first, limit](LedgerStore& store) { return store.records().read(first, limit); });
  }

  awaitable<Result<RecordPage>> find_records(RecordFilter filter, RecordCursor cursor) override {
    return read<RecordPage>([filter = std::move(filter), cursor](LedgerStore& store) {
      return store.records().index().find(filter, cursor);
    });
  }
  awaitable<Result<RecordInFull>> record_in_full(std::int64_t sequence) override {
    return read<RecordInFull>([sequence](LedgerStore& store) { return store.records().in_full(sequence); });
  }

  awaitable<Result<void>> add_key(LedgerKey key, Requester who) override {
    return write<void>(
        [key = std::move(key), who](LedgerStore& store) { return store.keys().add(key, who); });
  }
  awaitable<Result<std::vector<LedgerKey>>> keys() override {
    return read<std::vector<LedgerKey>>([](LedgerStore& store) { return store.keys().all(); });
  }
  awaitable<Result<LedgerKey>> key(std::string name) override {
    return read<LedgerKey>([name = std::move(name)](LedgerStore& store) { return store.keys().find(name); });
  }
  awaitable<Result<LedgerKey>> retire_key(std::string name, Requester who) override {
    return write<LedgerKey>(
        [name = std::move(name), who](LedgerStore& store) { return store.keys().retire(name, who); });
  }
  awaitable<Result<LedgerKey>> add_key_location(std::string fingerprint, LedgerKeyLocation location,
                                                Requester who) override {
    return write<LedgerKey>(
        [fingerprint = std::move(fingerprint), location = std::move(location), who](LedgerStore& store) {
          return store.keys().add_location(fingerprint, location, who);
        });
  }
  awaitable<Result<LedgerKey>> remove_key_location(std::string fingerprint, std::string token_label,
                                                   std::string token_serial, Requester who) override {
    return write<LedgerKey>([fingerprint = std::move(fingerprint), label = std::move(token_label),
                             serial = std::move(token_serial), who](LedgerStore& store) {
      return store.keys().remove_location(fingerprint, label, serial, who);
    });
  }
  awaitable<Result<std::vector<std::pair<std::string, std::string>>>> key_roles(
      std::string fingerprint) override {
    return read<std::vector<std::pair<std::string, std::string>>>(
        [fingerprint = std::move(fingerprint)](LedgerStore& store) {
          return store.marks().key_roles(fingerprint);
        });
  }

  awaitable<Result<void>> create_repository(std::string name, MetadataFormat format, Requester who) override {
    return write<void>([name = std::move(name), format, who](LedgerStore& store) {
      return store.repositories().create(name, format, who);
    });
  }
  awaitable<Result<void>> adopt_repository(std::string name, MetadataFormat format, TrustedRoot root,
                                           Requester who) override {
    return write<void>([name = std::move(name), format, root = std::move(root), who](LedgerStore& store) {
      return store.adopt(name, format, root, who);
    });
  }
  awaitable<Result<LedgerRepository>> repository(std::string name) override {
    return read<LedgerRepository>(
        [name = std::move(name)](LedgerStore& store) { return store.repositories().find(name); });
  }
  awaitable<Result<std::vector<LedgerRepository>>> repositories() override {
    return read<std::vector<LedgerRepository>>([](LedgerStore& store) { return store.repositories().all(); });
  }
  awaitable<Result<std::vector<VersionMark>>> marks(std::string repository) override {
    return read<std::vector<VersionMark>>(
        [name = std::move(repository)](LedgerStore& store) { return store.repositories().marks(name); });
  }
  awaitable<Result<std::optional<ObservedMetadata>>> observed(std::string repository,
                                                              std::string role) override {
    return read<std::optional<ObservedMetadata>>(
        [repository = std::move(repository), role = std::move(role)](LedgerStore& store) {
          return store.repositories().observed(repository, role);
        });
  }
  awaitable<Result<std::optional<ReleasedPayload>>> last_released(std::string repository,
                                                                  std::string role) override {
    return read<std::optional<ReleasedPayload>>(
        [repository = std::move(repository), role = std::move(role)](LedgerStore& store) {
          return store.repositories().last_released(repository, role);
        });
  }
  awaitable<Result<std::vector<std::string>>> observe(std::string repository, ObservedMetadata metadata,
                                                      std::vector<std::string> restart_roles,
                                                      Requester who) override {
    return write<std::vector<std::string>>(
        [repository = std::move(repository), metadata = std::move(metadata), roles = std::move(restart_roles),
         who](LedgerStore& store) { return store.observe(repository, metadata, roles, who); });
  }

  awaitable<Result<Reservation>> reserve(ReserveRequest request) override {
    return write<Reservation>([request = std::move(request)](LedgerStore& store) mutable {
      return store.reservations().reserve(std::move(request));
    });
  }
  awaitable<Result<Reservation>> check(ReserveRequest request) override {
    return read<Reservation>(
        [request = std::move(request)](LedgerStore& store) { return store.reservations().check(request); });
  }
  awaitable<Result<std::int64_t>> finish(std::int64_t reservation,
                                         std::vector<KeyOutcome> outcomes) override {
    return submit<std::int64_t>(writer_, CallKind::End,
                                [reservation, outcomes = std::move(outcomes)](LedgerStore& store) {
                                  return store.reservations().finish(reservation, outcomes);
                                });
  }

  awaitable<Result<std::int64_t>> other_versions(std::string repository, std::string role,
                                                 std::int64_t version, std::chrono::seconds period) override {
    return read<std::int64_t>(
        [repository = std::move(repository), role = std::move(role), version, period](LedgerStore& store) {
          return store.reservations().other_versions(repository, role, version, period);
        });
  }

  awaitable<Result<std::int64_t>> record(std::string kind, boost::json::object statement,
                                         boost::json::object detail, Requester who) override {
    return append(CallKind::Write, std::move(kind), std::move(statement), std::move(detail), who);
  }
  awaitable<Result<std::int64_t>> record_later(std::string kind, boost::json::object statement,
                                               boost::json::object detail, Requester who) override {
    return append(CallKind::PatientWrite, std::move(kind), std::move(statement), std::move(detail), who);
  }

  awaitable<Result<TreeHead>> tree_head() override {
    return read<TreeHead>([](LedgerStore& store) { return store.tree_head(); });
  }
  awaitable<Result<std::optional<MerkleHash>>> tree_root(std::int64_t size) override {
    return read<std::optional<MerkleHash>>([size](LedgerStore& store) { return store.tree_root(size); });
  }
  awaitable<Result<std::vector<MerkleHash>>> consistency_proof(std::int64_t old_size,
                                                               std::int64_t new_size) override {
    return read<std::vector<MerkleHash>>(
        [old_size, new_size](LedgerStore& store) { return store.consistency_proof(old_size, new_size); });
  }
  awaitable<Result<RecordProof>> record_proof(std::int64_t sequence, std::int64_t size) override {
    return read<RecordProof>(
        [sequence, size](LedgerStore& store) { return store.record_proof(sequence, size); });
  }
  awaitable<Result<KeptCheckpoint>> checkpoint() override {
    return read<KeptCheckpoint>([](LedgerStore& store) { return store.checkpoints().newest(); });
  }
  awaitable<Result<void>> keep_checkpoint(KeptCheckpoint checkpoint) override {
    return write<void>([checkpoint = std::move(checkpoint)](LedgerStore& store) -> Result<void> {
      store.checkpoints().keep(checkpoint);
      return {};
    });
  }
  awaitable<Result<bool>> anchor_known(std::string name) override {
    return read<bool>(
        [name = std::move(name)](LedgerStore& store) { return store.checkpoints().anchor_known(name); });
  }
  awaitable<Result<void>> note_anchor(std::string name) override {
    return write<void>([name = std::move(name)](LedgerStore& store) -> Result<void> {
      store.checkpoints().note_anchor(name);
      return {};
    });
  }
  awaitable<Result<LedgerCheckStep>> check_records(std::int64_t first, std::int64_t limit) override {
    return read<LedgerCheckStep>([first, limit](LedgerStore& store) {
      LedgerCheckStep step;
      step.next = store.check().step(first, limit, step.findings);
      return step;
    });
  }
  awaitable<Result<void>> begin_quarantine(QuarantineCause cause) override {
    return write<void>(
        [cause = std::move(cause)](LedgerStore& store) { return store.begin_quarantine(cause); });
  }
  awaitable<Result<std::optional<Quarantine>>> quarantine() override {
    return read<std::optional<Quarantine>>([](LedgerStore& store) { return store.quarantine().present(); });
  }
  awaitable<Result<void>> clear_quarantine(std::string repository, std::string role, std::string reason,
                                           Requester who) override {
    return write<void>([repository = std::move(repository), role = std::move(role),
                        reason = std::move(reason), who](LedgerStore& store) {
      return store.quarantine().clear_by_hand(repository, role, reason, who);
    });
  }
  awaitable<Result<void>> end_unasked_quarantine(std::string reason) override {
    return write<void>(
        [reason = std::move(reason)](LedgerStore& store) { return store.quarantine().end_unasked(reason); });
  }

  awaitable<Result<ApprovalRequest>> open_request(NewApprovalRequest request, Requester who) override {
    return write<ApprovalRequest>([request = std::move(request), who](LedgerStore& store) {
      return store.approvals().open(request, who);
    });
  }
  awaitable<Result<ApprovalRequest>> request(std::string id, bool with_payload) override {
    return read<ApprovalRequest>([id = std::move(id), with_payload](LedgerStore& store) {
      return store.approvals().find(id, with_payload);
    });
  }
  awaitable<Result<std::vector<ApprovalRequest>>> requests(bool live_only) override {
    return read<std::vector<ApprovalRequest>>(
        [live_only](LedgerStore& store) { return store.approvals().all(live_only); });
  }
  awaitable<Result<ApprovalRequest>> approve_request(std::string id, Approval approval,
                                                     Requester who) override {
    return write<ApprovalRequest>(
        [id = std::move(id), approval = std::move(approval), who](LedgerStore& store) {
          return store.approvals().approve(id, approval, who);
        });
  }
  awaitable<Result<ApprovalRequest>> deny_request(std::string id, std::string principal, std::string why,
                                                  Requester who) override {
    return write<ApprovalRequest>(
        [id = std::move(id), principal = std::move(principal), why = std::move(why),
         who](LedgerStore& store) { return store.approvals().deny(id, principal, why, who); });
  }
  awaitable<Result<std::int64_t>> expire_requests() override {
    return write<std::int64_t>([](LedgerStore& store) { return store.approvals().expire(); });
  }

  awaitable<Result<PinAttempts>> pin_attempts(std::string token) override {
    return read<PinAttempts>(
        [token = std::move(token)](LedgerStore& store) { return store.pins().attempts(token); });
  }
  awaitable<Result<void>> begin_pin_attempt(std::string token, std::string value) override {
    return write<void>([token = std::move(token), value = std::move(value)](LedgerStore& store) {
      return store.pins().begin(token, value);
    });
  }
  awaitable<Result<void>> end_pin_attempt(std::string token, bool accepted) override {
    return submit<void>(writer_, CallKind::End, [token = std::move(token), accepted](LedgerStore& store) {
      return store.pins().end(token, accepted);
    });
  }
  awaitable<Result<void>> reset_pin_attempts(std::string token, Requester who) override {
    return write<void>(
        [token = std::move(token), who](LedgerStore& store) { return store.pins().reset(token, who); });
  }

  awaitable<Result<TokenUseVerdict>> check_token_use(TokenUse use) override {
    return read<TokenUseVerdict>([use = std::move(use)](LedgerStore& store) -> Result<TokenUseVerdict> {
      return store.replays().check(use);
    });
  }
  awaitable<Result<TokenUseVerdict>> count_token_use(TokenUse use) override {
    return write<TokenUseVerdict>([use = std::move(use)](LedgerStore& store) -> Result<TokenUseVerdict> {
      return store.replays().count(use);
    });
  }

 private:
  template <typename T>
  awaitable<Result<T>> read(Work<T> work) {
    return submit<T>(writer_, CallKind::Read, std::move(work));
  }
  template <typename T>
  awaitable<Result<T>> write(Work<T> work) {
    return submit<T>(writer_, CallKind::Write, std::move(work));
  }

  awaitable<Result<std::int64_t>> append(CallKind call, std::string kind, boost::json::object statement,
                                         boost::json::object detail, Requester who) {
    return submit<std::int64_t>(writer_, call,
                                [kind = std::move(kind), statement = std::move(statement),
                                 detail = std::move(detail), who](LedgerStore& store) mutable {
                                  NewRecord record{kind, std::move(statement), std::move(detail), who};
                                  return store.records().append(std::move(record));
                                });
  }

  LedgerWriter writer_;
};

Result<std::unique_ptr<Ledger>> run_ledger(Result<std::unique_ptr<LedgerStore>> store,
                                           const LedgerOptions& options) {
  if (!store) return store.error();
  return std::unique_ptr<Ledger>(std::make_unique<SqliteLedger>(std::move(*store), options));
}

}  // namespace

Result<std::unique_ptr<Ledger>> create_ledger(const std::filesystem::path& directory, LedgerOptions options) {
  return run_ledger(LedgerStore::create(directory, options), options);
}
Result<std::unique_ptr<Ledger>> open_ledger(const std::filesystem::path& directory, LedgerOptions options) {
  return run_ledger(LedgerStore::open(directory, options), options);
}

Result<std::unique_ptr<Ledger>> Ledger::create(const std::filesystem::path& directory) {
  return create_ledger(directory, {});
}
Result<std::unique_ptr<Ledger>> Ledger::open(const std::filesystem::path& directory) {
  return open_ledger(directory, {});
}

}  // namespace signet
