// ListRecords, ShowRecord, FollowLedger: the records, found and followed.
#include <unistd.h>

#include <boost/json/array.hpp>

#include "agent/service/authorisation.h"
#include "agent/service/methods.h"
#include "agent/service/parameters.h"
#include "agent/service/record_filter.h"
#include "agent/service/replies.h"
#include "protocol/ledger_record.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

constexpr std::int64_t kDefaultLimit = 100;
constexpr std::int64_t kMaxLimit = 1000;
// Steps of a walk in one call: about a million records looked at. Others use the ledger between them.
constexpr int kMaxSteps = 256;

boost::json::array to_json(const std::vector<RecordRow>& rows) {
  boost::json::array records;
  for (const RecordRow& row : rows) records.push_back(signet::to_json(row));
  return records;
}

// "after" as a cursor's: nothing before the first record.
Result<std::optional<std::int64_t>> after_parameter(const boost::json::object& parameters) {
  const auto after = optional_integer(parameters, "after");
  if (!after) return after.error();
  if (*after && **after < 0)
    return invalid_parameter("after", "\"after\" is a record's sequence number, or 0 for the beginning.");
  return *after;
}

Result<RecordCursor> cursor_parameters(const boost::json::object& parameters) {
  RecordCursor cursor;
  const auto after = after_parameter(parameters);
  if (!after) return after.error();
  const auto newest_first = flag_parameter(parameters, "newestFirst");
  if (!newest_first) return newest_first.error();
  const auto limit = optional_integer(parameters, "limit");
  if (!limit) return limit.error();
  if (*limit && (**limit < 1 || **limit > kMaxLimit))
    return invalid_parameter("limit", "\"limit\" is a number of records from 1 to 1000.");
  cursor.after = after->value_or(0);
  cursor.newest_first = *newest_first;
  cursor.limit = limit->value_or(kDefaultLimit);
  return cursor;
}

// Walks until a record is found, none is left, or it has looked at many.
awaitable<Result<RecordPage>> next_page(Ledger& ledger, RecordFilter filter, RecordCursor cursor) {
  for (int step = 1;; ++step) {
    auto page = co_await ledger.find_records(filter, cursor);
    if (!page || page->end || !page->rows.empty() || step == kMaxSteps) co_return page;
    cursor.after = page->next;
  }
}

awaitable<Reply> list_records(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto allowed = co_await authorise(state, call.peer, Action::ReadLedger, "List the ledger's records?");
  if (!allowed) co_return allowed.error();
  auto filter = record_filter(call.parameters, state.keys);
  if (!filter) co_return filter.error();
  auto cursor = cursor_parameters(call.parameters);
  if (!cursor) co_return cursor.error();
  const auto page = co_await next_page(**ledger, std::move(*filter), *cursor);
  if (!page) co_return page.error();
  boost::json::object reply{{"records", to_json(page->rows)}, {"next", nullptr}};
  if (!page->end) reply["next"] = page->next;
  co_return reply;
}

awaitable<Result<std::int64_t>> newest_record(Ledger& ledger) {
  const auto summary = co_await ledger.summary();
  if (!summary) co_return summary.error();
  co_return summary->records;
}

// A follower stays for days: the policy of now decides about what is written now.
Result<void> may_follow_on(const ServiceState& state, const Peer& peer) {
  const auto verdict = judge(state.policy->policy, policy_request(peer, Action::ReadLedger));
  if (!verdict) return verdict.error();
  return {};
}

awaitable<Reply> follow(ServiceState& state, Ledger& ledger, RecordFilter filter, RecordCursor cursor,
                        Peer peer, EventSink& events) {
  const std::shared_ptr<RecordFeed> feed = state.feed;
  events.on_close([feed] { feed->wake(); });
  for (;;) {
    const std::uint64_t news = feed->count();
    const auto page = co_await next_page(ledger, filter, cursor);
    if (!page) co_return page.error();
    if (const auto may = may_follow_on(state, peer); !may) co_return may.error();
    cursor.after = page->next;
    boost::json::object reply{{"records", to_json(page->rows)}};
    if (!events.wanted()) co_return reply;
    if (!page->rows.empty()) co_await events.send(std::move(reply));
    co_await events.flushed();
    if (page->end && !events.over()) co_await feed->wait(news);
    if (events.over()) break;
  }
  boost::json::object last{{"records", boost::json::array()}};
  co_return last;
}

awaitable<Reply> follow_ledger(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto allowed =
      co_await authorise(state, call.peer, Action::ReadLedger, "Follow the ledger's records?");
  if (!allowed) co_return allowed.error();
  auto filter = record_filter(call.parameters, state.keys);
  if (!filter) co_return filter.error();
  const auto after = after_parameter(call.parameters);
  if (!after) co_return after.error();
  RecordCursor cursor;
  if (*after) {
    cursor.after = **after;
  } else {
    const auto newest = co_await newest_record(**ledger);
    if (!newest) co_return newest.error();
    cursor.after = *newest;
  }
  co_return co_await follow(state, **ledger, std::move(*filter), cursor, call.peer, call.events);
}

// Private detail: to the user whose act it was, and to the agent's own, who can read the file anyway.
Result<void> may_disclose(const Peer& peer, const std::string& statement) {
  if (peer.uid == ::geteuid()) return {};
  const auto record = parse_record_statement(statement);
  if (record && record->uid == static_cast<std::int64_t>(peer.uid)) return {};
  return Error{
      ErrorName::PolicyDenied,
      "The private detail of a record is given to the user who asked for the act, and to the agent's "
      "own user.",
      {{"rule", "own-detail"}}};
}

awaitable<Reply> show_record(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto allowed =
      co_await authorise(state, call.peer, Action::ReadLedger, "Show a record of the ledger?");
  if (!allowed) co_return allowed.error();
  const auto sequence = integer_parameter(call.parameters, "sequence");
  if (!sequence) co_return sequence.error();
  const auto disclose = flag_parameter(call.parameters, "disclose");
  if (!disclose) co_return disclose.error();
  const auto found = co_await (*ledger)->record_in_full(*sequence);
  if (!found) co_return found.error();
  if (*disclose)
    if (const auto may = may_disclose(call.peer, found->record.statement); !may) co_return may.error();
  boost::json::object reply{
      {"record", signet::to_json(found->record)}, {"partner", nullptr}, {"detail", nullptr}};
  if (found->partner) reply["partner"] = signet::to_json(*found->partner);
  if (*disclose)
    reply["detail"] =
        boost::json::object{{"salt", to_base64(found->detail.salt)}, {"detail", found->detail.detail}};
  co_return reply;
}

}  // namespace

void add_record_methods(ServiceState& state, MethodTable& table) {
  table["ListRecords"].handler = [&state](Call call) { return list_records(state, call); };
  table["ShowRecord"].handler = [&state](Call call) { return show_record(state, call); };
  Method& follow_method = table["FollowLedger"];
  follow_method.handler = [&state](Call call) { return follow_ledger(state, call); };
  follow_method.allow_more = true;
}

}  // namespace signet
