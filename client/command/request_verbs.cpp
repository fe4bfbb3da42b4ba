// signet request list | show | approve | deny | sign.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <memory>

#include "client/command/describe.h"
#include "client/command/session.h"
#include "client/command/verbs.h"
#include "client/field_reader.h"
#include "client/file_io.h"
#include "protocol/canonical_json.h"
#include "protocol/metadata.h"

namespace signet::client {
namespace {

namespace json = boost::json;

constexpr std::string_view kExportType = "signet-request-v1";
constexpr std::size_t kMaxApprovalSize = 64 * 1024;

struct RequestArguments {
  std::string request;
  std::optional<std::string> out, why, approval, key;
  bool all = false;
};

Result<json::object> ask_agent(Session& session, const char* method, const json::object& parameters) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  return (*agent)->call(std::string("org.signet.Agent.") + method, parameters);
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + printable(name);
  return text;
}

std::string short_id(const std::string& id) {
  return printable(id.substr(0, 16));
}

// What one request is, for people.
struct RequestText {
  std::vector<std::string> row;
  std::string whole;
};

std::string rules_text(FieldReader& request) {
  std::string text;
  for (const json::object& object : request.objects("rules")) {
    FieldReader rule(object, "rule");
    text += "  rule " + printable(rule.text("rule")) + ": " + std::to_string(rule.number("needed")) +
            " approvals, " + std::to_string(rule.number("missing")) + " missing";
    if (const auto counted = rule.texts("counted"); !counted.empty())
      text += "; approved: " + joined(counted);
    if (const auto open = rule.texts("open"); !open.empty()) text += "; can approve: " + joined(open);
    text += "\n";
  }
  return text;
}

std::string approvals_text(FieldReader& request) {
  std::string text;
  for (const json::object& object : request.objects("approvals")) {
    FieldReader approval(object, "approval");
    const bool by_uid = approval.text("how") == "uid";
    text += "  " + printable(approval.text("principal")) + " approved at " +
            printable(approval.text("time")) + (by_uid ? " (uid " : " (key ") +
            short_id(approval.text("evidence")) + ")\n";
  }
  return text;
}

RequestText describe_request(const json::object& object) {
  FieldReader request(object, "request");
  const std::string id = request.text("id"), state = request.text("state"), summary = request.text("summary");
  const std::string expires = request.text("expires"), repository = request.text("repository");
  RequestText out;
  out.row = {id.substr(0, 16), state, repository, summary, expires};
  out.whole = "Request " + printable(id) + "\n  " + printable(state) + ", asked for by uid " +
              std::to_string(request.number("uid")) + " at " + printable(request.text("created")) +
              ", expires " + printable(expires) + "\n  repository " + printable(repository) + ", sha256 " +
              printable(request.text("digest")) + "\n  " + printable(summary) + "\n" + rules_text(request) +
              approvals_text(request);
  if (const auto denied_by = request.optional_text("deniedBy")) {
    out.whole += "  denied by " + printable(*denied_by);
    if (const auto why = request.optional_text("why")) out.whole += ": " + printable(*why);
    out.whole += "\n";
  }
  return out;
}

Result<Outcome> list(Session& session, const RequestArguments& arguments) {
  json::object parameters;
  parameters["all"] = arguments.all;
  auto reply = ask_agent(session, "ListRequests", parameters);
  if (!reply) return reply.error();
  FieldReader reader(*reply, "reply");
  std::vector<std::vector<std::string>> rows;
  for (const json::object& request : reader.objects("requests"))
    rows.push_back(describe_request(request).row);
  if (auto sound = reader.finish(true); !sound) return sound.error();
  std::string text = rows.empty() ? "No request waits for approval.\n"
                                  : table({"REQUEST", "STATE", "REPOSITORY", "WHAT", "EXPIRES"}, rows);
  return Outcome(std::move(text), std::move(*reply));
}

// What another machine needs to sign an approval.
std::string export_text(const json::object& reply) {
  json::object file;
  file["type"] = kExportType;
  file["document"] = reply.at("document");
  file["payload"] = reply.at("payload");
  file["summary"] = reply.at("request").as_object().at("summary");
  return json::serialize(file) + "\n";
}

Result<json::object> fetch(Session& session, const RequestArguments& arguments) {
  json::object parameters;
  parameters["request"] = arguments.request;
  auto reply = ask_agent(session, "ShowRequest", parameters);
  if (!reply) return reply;
  FieldReader reader(*reply, "reply");
  reader.text("document");
  const json::object object = reader.object("request");
  FieldReader request(object, "request");
  request.text("summary");
  if (auto sound = reader.finish(true); !sound) return sound.error();
  if (auto sound = request.finish(true); !sound) return sound.error();
  if (!reply->contains("payload")) (*reply)["payload"] = nullptr;
  return reply;
}

Result<Outcome> show(Session& session, const RequestArguments& arguments) {
  auto reply = fetch(session, arguments);
  if (!reply) return reply.error();
  Outcome outcome(describe_request(reply->at("request").as_object()).whole, *reply);
  if (!arguments.out) return outcome;
  if (auto written = write_file(*arguments.out, export_text(*reply), Existing::Replace); !written)
    return written.error();
  outcome.text += "The request is in " + printable(*arguments.out) +
                  ": \"signet request sign\" signs an approval for it on another machine.\n";
  return outcome;
}

Result<Outcome> vote(Session& session, const char* method, const json::object& parameters) {
  auto reply = ask_agent(session, method, parameters);
  if (!reply) return reply.error();
  FieldReader reader(*reply, "reply");
  const json::object request = reader.object("request");
  if (auto sound = reader.finish(true); !sound) return sound.error();
  return Outcome(describe_request(request).whole, std::move(*reply));
}

Result<Outcome> approve(Session& session, const RequestArguments& arguments) {
  json::object parameters;
  parameters["request"] = arguments.request;
  if (arguments.approval) {
    auto approval = read_whole_file(*arguments.approval, kMaxApprovalSize);
    if (!approval) return approval.error();
    parameters["approval"] = *approval;
  }
  return vote(session, "ApproveRequest", parameters);
}

Result<Outcome> deny(Session& session, const RequestArguments& arguments) {
  json::object parameters;
  parameters["request"] = arguments.request;
  if (arguments.why) parameters["why"] = *arguments.why;
  return vote(session, "DenyRequest", parameters);
}

// ---- signing ----

struct SignableRequest {
  std::string document, summary;
  std::optional<std::string> payload;
};

Result<SignableRequest> read_signable(const json::object& object) {
  FieldReader reader(object, "request file");
  SignableRequest out;
  out.document = reader.text("document");
  out.summary = reader.text("summary");
  out.payload = reader.optional_text("payload");
  return reader.finish(std::move(out));
}

Result<SignableRequest> signable(Session& session, const RequestArguments& arguments) {
  std::error_code unreadable;
  if (!std::filesystem::exists(arguments.request, unreadable)) {
    auto reply = fetch(session, arguments);
    if (!reply) return reply.error();
    (*reply)["summary"] = json::value(reply->at("request").as_object().at("summary"));
    return read_signable(*reply);
  }
  auto text = read_whole_file(arguments.request, 2 * kMaxMetadataSize);
  if (!text) return text.error();
  auto value = parse_strict_json(*text, 2 * kMaxMetadataSize);
  const json::object* const object = value ? value->if_object() : nullptr;
  const json::value* const type = object == nullptr ? nullptr : object->if_contains("type");
  if (type != nullptr && type->is_string() && type->get_string() == kExportType)
    return read_signable(*object);
  return Error(
      ErrorName::MetadataInvalid,
      arguments.request + " is no exported request. \"signet request show ID --out FILE\" makes one.",
      {{"where", ""}, {"why", "type"}});
}

// What the document says, which is what is signed: not what came beside it.
Result<std::string> document_text(const std::string& document) {
  auto value = parse_canonical_json(document, kMaxApprovalSize);
  if (!value) return value.error();
  const json::object none;
  const json::object* const object = value->if_object();
  FieldReader reader(object == nullptr ? none : *object, "document");
  const std::string text = "You approve: " + printable(reader.text("action")) + " " +
                           printable(reader.text("role")) + " " + std::to_string(reader.number("version")) +
                           " of " + printable(reader.text("repository")) + ", sha256 " +
                           printable(reader.text("digest")) + ".\n";
  return reader.finish(text);
}

Result<Outcome> sign(Session& session, const RequestArguments& arguments) {
  auto request = signable(session, arguments);
  if (!request) return request.error();
  auto what = document_text(request->document);
  if (!what) return what.error();
  session.note(Color::None, *what + "The other agent says: " + printable(request->summary));
  json::object parameters;
  parameters["key"] = *arguments.key;
  parameters["document"] = request->document;
  if (request->payload) parameters["payload"] = *request->payload;
  auto reply = session.with_pin([&] { return ask_agent(session, "SignApproval", parameters); });
  if (!reply) return reply.error();
  FieldReader reader(*reply, "reply");
  auto approval = reader.finish(reader.text("approval"));
  if (!approval) return approval.error();
  if (auto written = write_file(*arguments.out, *approval, Existing::Replace); !written)
    return written.error();
  return Outcome(
      "The approval is in " + printable(*arguments.out) +
          ": hand it in with \"signet request approve ID --approval FILE\" where the request is.\n",
      std::move(*reply));
}

// ---- the command line ----

constexpr const char* kRequestHelp = "The request: its id, or the first eight digits of it or more.";

void add_reading(Verb& group) {
  auto listed = std::make_shared<RequestArguments>();
  Verb list_verb =
      group.verb("list", "List the signatures that wait for approval.", "Example:\n  signet request list\n");
  list_verb.flag("--all", &listed->all, "Those that expired during the last week too.");
  list_verb.run([listed](Session& session) { return list(session, *listed); });
  auto shown = std::make_shared<RequestArguments>();
  Verb show_verb = group.verb("show", "Show what a request asks for: what changes, and who approved.",
                              "Examples:\n"
                              "  signet request show 3f2a90c1\n"
                              "  signet request show 3f2a90c1 --out request.json\n");
  show_verb.positional("ID", &shown->request, kRequestHelp);
  show_verb.option("--out", "FILE", &shown->out, "Write it to a file, for an approver on another machine.");
  show_verb.run([shown](Session& session) { return show(session, *shown); });
}

void add_deciding(Verb& group) {
  auto approved = std::make_shared<RequestArguments>();
  Verb approve_verb = group.verb(
      "approve", "Approve a request.",
      "You approve as the person whom the agent's policy gives your uid to. With --approval it is\n"
      "the person whose key signed the file, whoever hands it in.\n"
      "\n"
      "Examples:\n"
      "  signet request approve 3f2a90c1\n"
      "  signet request approve 3f2a90c1 --approval approval.json\n");
  approve_verb.positional("ID", &approved->request, kRequestHelp);
  approve_verb.option("--approval", "FILE", &approved->approval,
                      "An approval that \"signet request sign\" made on another machine.");
  approve_verb.run([approved](Session& session) { return approve(session, *approved); });
  auto denied = std::make_shared<RequestArguments>();
  Verb deny_verb = group.verb("deny", "Deny a request: nothing is signed for it.",
                              "Example:\n  signet request deny 3f2a90c1 --why \"not before Monday\"\n");
  deny_verb.positional("ID", &denied->request, kRequestHelp);
  deny_verb.option("--why", "TEXT", &denied->why, "What whoever asked is told.");
  deny_verb.run([denied](Session& session) { return deny(session, *denied); });
}

}  // namespace

void add_request_verbs(Verb& root) {
  Verb group = root.group("request", "Approve or deny signatures that need more than one person.");
  add_reading(group);
  add_deciding(group);
  auto signed_ = std::make_shared<RequestArguments>();
  Verb sign_verb =
      group.verb("sign", "Sign an approval with your own key, for a request of another agent.",
                 "The key is one that is enrolled for approvals (signet key generate … --use approval): it\n"
                 "signs nothing else. Read what the request is for before you sign.\n"
                 "\n"
                 "Example:\n"
                 "  signet request sign request.json --key my-approvals --out approval.json\n");
  sign_verb.positional("REQUEST", &signed_->request,
                       "The exported request, or the id of one of this agent's.");
  sign_verb.option("--key", "KEY", &signed_->key, "The key for approvals.", Need::Required);
  sign_verb.option("--out", "FILE", &signed_->out, "Where the approval goes.", Need::Required);
  sign_verb.run([signed_](Session& session) { return sign(session, *signed_); });
}

}  // namespace signet::client
