// signet ledger list, signet ledger show.
#include <boost/json/serialize.hpp>
#include <map>
#include <memory>

#include "client/command/describe.h"
#include "client/command/ledger_verbs.h"
#include "client/command/record_text.h"
#include "client/command/session.h"
#include "client/command/user_names.h"
#include "client/file_io.h"

namespace signet::client {
namespace {

constexpr std::int64_t kDefaultLast = 50;
constexpr std::int64_t kPage = 1000;

struct ListArguments {
  std::optional<std::string> since, until, who;
  RecordFilterInfo filter;
  std::optional<std::int64_t> last, after;
  bool all = false, follow = false;
};

struct ShowArguments {
  std::optional<std::int64_t> sequence;
  bool disclose = false;
};

Error usage_error(std::string parameter, std::string message) {
  return {ErrorName::InvalidParameter, std::move(message), {{"parameter", std::move(parameter)}}};
}

// Names for fingerprints; without the agent's keys their short forms do.
KeyNames key_names(Agent& agent) {
  auto names = std::make_shared<std::map<std::string, std::string>>();
  if (auto keys = agent.list_keys())
    for (const KeyInfo& key : *keys) names->emplace(key.fingerprint, key.name);
  return [names](const std::string& fingerprint) {
    const auto known = names->find(fingerprint);
    return known == names->end() ? short_digest(fingerprint) : known->second;
  };
}

Result<RecordFilterInfo> filter_of(const ListArguments& arguments) {
  RecordFilterInfo filter = arguments.filter;
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  for (const auto& [name, given, member] : {std::tuple{"--since", &arguments.since, &filter.since},
                                            std::tuple{"--until", &arguments.until, &filter.until}}) {
    if (!*given) continue;
    *member = parse_moment(**given, now);
    if (!*member)
      return usage_error(name, "\"" + **given +
                                   "\" is no time. Write 2026-11-21, 2026-11-21T23:00:00Z, or how long ago: "
                                   "90m, 24h, 7d.");
  }
  if (arguments.who) {
    auto uid = uid_of(*arguments.who);
    if (!uid) return uid.error();
    filter.uid = *uid;
  }
  return filter;
}

struct Listed {
  std::vector<LedgerRecordInfo> records;  // oldest first
  bool more = false;                      // there are earlier ones
};

// Pages are walked from the end, until there are `last` records.
Result<Listed> newest(Agent& agent, ListRecordsCall call, std::int64_t last) {
  Listed listed;
  call.newest_first = true;
  for (;;) {
    call.limit = std::min(kPage, last + 1 - static_cast<std::int64_t>(listed.records.size()));
    auto page = agent.list_records(call);
    if (!page) return page.error();
    std::move(page->records.begin(), page->records.end(), std::back_inserter(listed.records));
    listed.more = static_cast<std::int64_t>(listed.records.size()) > last;
    if (listed.more || !page->next) break;
    call.after = page->next;
  }
  if (listed.more) listed.records.pop_back();
  std::reverse(listed.records.begin(), listed.records.end());
  return listed;
}

Result<Listed> every(Agent& agent, ListRecordsCall call) {
  Listed listed;
  call.limit = kPage;
  for (;;) {
    auto page = agent.list_records(call);
    if (!page) return page.error();
    std::move(page->records.begin(), page->records.end(), std::back_inserter(listed.records));
    if (!page->next) return listed;
    call.after = page->next;
  }
}

Result<Outcome> list_once(Agent& agent, const ListArguments& arguments, RecordFilterInfo filter) {
  ListRecordsCall call;
  call.filter = std::move(filter);
  call.after = arguments.after;
  const std::int64_t last = arguments.last.value_or(kDefaultLast);
  auto listed =
      arguments.all || arguments.after ? every(agent, std::move(call)) : newest(agent, std::move(call), last);
  if (!listed) return listed.error();
  boost::json::array records;
  for (const LedgerRecordInfo& record : listed->records) records.push_back(record_json(record));
  boost::json::object json{{"records", std::move(records)}, {"more", listed->more}};
  std::string text = listed->records.empty() ? "No record of the ledger is like that.\n"
                                             : record_table(listed->records, key_names(agent));
  if (listed->more)
    text += "These are the newest " + std::to_string(last) + "; there are earlier ones (--last N, --all).\n";
  return Outcome(std::move(text), std::move(json));
}

// Prints as they come; until the agent stops, or nobody reads any more.
Result<Outcome> follow(Session& session, Agent& agent, const ListArguments& arguments,
                       const RecordFilterInfo& filter) {
  auto others = session.connect_another();
  if (!others) return others.error();
  const KeyNames names = key_names(*others);
  const bool json = session.globals().json;
  std::optional<Error> unprinted;
  const auto ended = agent.follow_ledger(filter, arguments.after, [&](const LedgerRecordInfo& record) {
    const auto printed =
        print_out(json ? boost::json::serialize(record_json(record)) + "\n" : record_line(record, names));
    if (!printed) unprinted = printed.error();
    return !unprinted;
  });
  if (unprinted) return *unprinted;
  if (!ended) return ended.error();
  Outcome outcome;
  outcome.streamed = true;
  return outcome;
}

Result<Outcome> list(Session& session, const ListArguments& arguments) {
  auto filter = filter_of(arguments);
  if (!filter) return filter.error();
  if (arguments.last && *arguments.last < 1) return usage_error("--last", "--last takes a number from 1 on.");
  auto agent = session.agent();
  if (!agent) return agent.error();
  if (arguments.follow) return follow(session, **agent, arguments, *filter);
  return list_once(**agent, arguments, std::move(*filter));
}

Result<Outcome> show(Session& session, const ShowArguments& arguments) {
  if (arguments.sequence.value_or(0) < 1) return usage_error("RECORD", "Records are numbered from 1 on.");
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto details = (*agent)->show_record(*arguments.sequence, arguments.disclose);
  if (!details) return details.error();
  const auto holds = detail_holds(*details);
  boost::json::object json{
      {"record", record_json(details->record)}, {"partner", nullptr}, {"detail", nullptr}};
  if (details->partner) json["partner"] = record_json(*details->partner);
  if (details->detail)
    json["detail"] = boost::json::object{
        {"salt", to_base64(details->detail->salt)}, {"detail", details->detail->detail}, {"matches", *holds}};
  Outcome outcome(record_page(*details, key_names(**agent), session.paint()), std::move(json));
  if (holds && !*holds) outcome.exit_code = ExitCode::NotVerified;
  return outcome;
}

void add_list(Verb& group) {
  auto arguments = std::make_shared<ListArguments>();
  Verb verb =
      group.verb("list", "List records of the ledger: what was asked for, and what came of it.",
                 "Each act has two records: what was asked, written before a token hears of it, and the\n"
                 "outcome. Filters are looked up by the agent; records must fit all of them. A TIME is\n"
                 "2026-11-21, 2026-11-21T23:00:00Z (UTC), or how long ago: 90m, 24h, 7d.\n"
                 "\n"
                 "With --json --follow each record is a line of its own.\n"
                 "\n"
                 "Examples:\n"
                 "  signet ledger list --since 24h\n"
                 "  signet ledger list --repository example.com/app --role root --all\n"
                 "  signet ledger list --key release-2026 --outcome released\n"
                 "  signet ledger list --follow --kind sign\n");
  verb.option("--since", "TIME", &arguments->since, "Not before this time.");
  verb.option("--until", "TIME", &arguments->until, "Before this time.");
  verb.option("--repository", "NAME", &arguments->filter.repository, "Of this repository.");
  verb.option("--role", "ROLE", &arguments->filter.role, "Of this role.");
  verb.option("--key", "KEY", &arguments->filter.key, "That name this key: its name, fingerprint or key id.");
  verb.option("--who", "USER", &arguments->who, "Asked for by this user: a name or a number.");
  verb.option("--kind", "KIND", &arguments->filter.kind,
              "Of this kind, e.g. sign.intent, or group of kinds: sign, message, key, repository, pin.");
  verb.option("--outcome", "WORD", &arguments->filter.outcome,
              "That ended so: released, nothing-signed, withheld, unknown, accepted, refused, signed, or an "
              "error's name.");
  verb.option("--last", "N", &arguments->last, "The newest N of them (50).");
  verb.flag("--all", &arguments->all, "All of them.");
  verb.option("--after", "RECORD", &arguments->after, "All behind this record; 0 is the beginning.");
  verb.flag("--follow", &arguments->follow, "Print records as they are written, until interrupted.");
  verb.exclusive({"--last", "--all", "--after"});
  verb.exclusive({"--last", "--follow"});
  verb.exclusive({"--all", "--follow"});
  verb.run([arguments](Session& session) { return list(session, *arguments); });
}

}  // namespace

void add_record_verbs(Verb& group) {
  add_list(group);
  auto shown = std::make_shared<ShowArguments>();
  Verb verb =
      group.verb("show", "Show one record in full, and its outcome or intent.",
                 "What a record says in public is what an export of the ledger shows to everybody. Its\n"
                 "private detail (the requester's group and process, URIs, faults) stays with the\n"
                 "agent, which gives it to whoever asked for the act and to its own user; the record\n"
                 "holds a salted hash of it, and --private checks that. Exit code 7: the detail is not\n"
                 "what was recorded.\n"
                 "\n"
                 "Examples:\n"
                 "  signet ledger show 42\n"
                 "  signet --json ledger show 42 --private | jq .detail\n");
  verb.positional("RECORD", &shown->sequence, "The record's number.");
  verb.flag("--private", &shown->disclose, "Show its private detail too.");
  verb.run([shown](Session& session) { return show(session, *shown); });
}

}  // namespace signet::client
