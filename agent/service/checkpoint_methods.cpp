// What lets others check the ledger: its checkpoints, proofs and its own check; and the way out of a
// quarantine.
#include "agent/service/authorisation.h"
#include "agent/service/methods.h"
#include "agent/service/parameters.h"
#include "agent/service/replies.h"
#include "protocol/checkpoint.h"
#include "protocol/display_text.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

// So long a caller waits for the checkpoint that has its record; one is due every second.
constexpr std::chrono::seconds kPatience{5};
constexpr std::int64_t kRecordsPerCheck = 2000;
// At a person's prompt.
constexpr std::size_t kShownReason = 512;

Result<Checkpointer*> require_checkpoints(const ServiceState& state) {
  if (state.checkpoints) return state.checkpoints;
  boost::json::object parameters{{"why", "no-checkpoints"}};
  return Error{ErrorName::LedgerUnavailable,
               "This agent signs no checkpoints (its configuration says checkpoint.signer = \"off\").",
               std::move(parameters)};
}

awaitable<Reply> read_checkpoint(ServiceState& state) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto checkpoints = require_checkpoints(state);
  if (!checkpoints) co_return checkpoints.error();
  const auto newest = co_await (*ledger)->checkpoint();
  if (!newest) co_return newest.error();
  const boost::json::object info = to_json((*checkpoints)->state(), *newest);
  boost::json::object reply{{"checkpoint", nullptr},
                            {"verifierKey", info.at("verifierKey")},
                            {"origin", info.at("origin")},
                            {"fault", info.at("fault")}};
  if (!newest->note.empty()) reply["checkpoint"] = newest->note;
  co_return reply;
}

awaitable<Reply> read_proof(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto allowed =
      co_await authorise(state, call.peer, Action::ReadLedger, "Prove a record of the ledger?");
  if (!allowed) co_return allowed.error();
  const auto checkpoints = require_checkpoints(state);
  if (!checkpoints) co_return checkpoints.error();
  const auto sequence = integer_parameter(call.parameters, "sequence");
  if (!sequence) co_return sequence.error();
  const auto head = co_await (*ledger)->tree_head();
  if (!head) co_return head.error();
  // What is not there yet is not waited for.
  const std::int64_t wanted = *sequence <= head->size ? *sequence : 0;
  const auto covering = co_await (*checkpoints)->covering(wanted, kPatience);
  if (!covering) co_return covering.error();
  const auto proof = co_await (*ledger)->record_proof(*sequence, covering->size);
  if (!proof) co_return proof.error();
  boost::json::array hashes;
  for (const MerkleHash& hash : proof->proof) hashes.emplace_back(merkle_hash_text(hash));
  boost::json::object reply{{"statement", proof->statement},
                            {"index", *sequence - 1},
                            {"proof", std::move(hashes)},
                            {"checkpoint", covering->note}};
  co_return reply;
}

awaitable<Reply> check_ledger(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto allowed =
      co_await authorise(state, call.peer, Action::ReadLedger, "Check the ledger's records?");
  if (!allowed) co_return allowed.error();
  const auto first = integer_parameter(call.parameters, "first");
  if (!first) co_return first.error();
  if (*first < 1) co_return invalid_parameter("first", "\"first\" is a sequence number, from 1 on.");
  const auto step = co_await (*ledger)->check_records(*first, kRecordsPerCheck);
  if (!step) co_return step.error();
  boost::json::array findings;
  for (const LedgerFinding& finding : step->findings) findings.push_back(to_json(finding));
  boost::json::object reply{{"findings", std::move(findings)}, {"next", nullptr}};
  if (step->next) reply["next"] = *step->next;
  co_return reply;
}

std::string name_or_all(const std::optional<std::string>& name) {
  return name ? display_name(*name) : "all of them";
}

awaitable<Reply> clear_quarantine(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  auto repository = optional_text(call.parameters, "repository");
  if (!repository) co_return repository.error();
  auto role = optional_text(call.parameters, "role");
  if (!role) co_return role.error();
  auto reason = text_parameter(call.parameters, "reason");
  if (!reason) co_return reason.error();
  if (reason->empty()) co_return invalid_parameter("reason", "Say why, for the record.");
  PolicyRequest request = policy_request(call.peer, Action::Administer);
  Confirmation asked;
  asked.question = "Let roles sign again though the ledger was set back?";
  asked.details = "Repository: " + name_or_all(*repository) + ", role: " + name_or_all(*role) +
                  "\nReason: " + display_text(*reason, kShownReason);
  const auto allowed = co_await authorise(state, std::move(request), std::move(asked));
  if (!allowed) co_return allowed.error();
  const auto cleared =
      co_await (*ledger)->clear_quarantine(std::move(*repository).value_or(""), std::move(*role).value_or(""),
                                           std::move(*reason), requester(call.peer));
  if (!cleared) co_return cleared.error();
  co_return boost::json::object();
}

}  // namespace

void add_checkpoint_methods(ServiceState& state, MethodTable& table) {
  table["ReadCheckpoint"].handler = [&state](Call) { return read_checkpoint(state); };
  table["ReadProof"].handler = [&state](Call call) { return read_proof(state, std::move(call)); };
  table["CheckLedger"].handler = [&state](Call call) { return check_ledger(state, std::move(call)); };
  table["ClearQuarantine"].handler = [&state](Call call) { return clear_quarantine(state, std::move(call)); };
}

}  // namespace signet
