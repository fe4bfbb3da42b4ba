// signet call: any method of the agent, raw.
#include <boost/json/serialize.hpp>
#include <memory>

#include "client/command/session.h"
#include "client/command/verbs.h"
#include "client/file_io.h"
#include "protocol/secret_json.h"
#include "protocol/varlink_message.h"

namespace signet::client {
namespace {

constexpr std::size_t kMaxParameters = 16 * 1024 * 1024;

struct CallArguments {
  std::string method;
  std::string parameters = "{}";
  bool more = false;
};

Error invalid(std::string message) {
  return {ErrorName::InvalidParameter, std::move(message), {{"parameter", "JSON"}}};
}

// A PIN, or a CI job's token: everybody on the machine can read an argument.
bool carries_secret(const boost::json::object& parameters) {
  for (const char* name : {"pin", "soPin", "oldPin", "newPin", "identity"})
    if (const auto* value = parameters.if_contains(name); value != nullptr && !value->is_null()) return true;
  return false;
}

// Parsed as a message's parameters, as strictly as the wire, in memory that is wiped: they may hold a PIN.
Result<boost::json::object> parse_parameters(std::string_view text) {
  constexpr std::string_view kHead = "{\"parameters\":";
  WipedBuffer frame(kHead.begin(), kHead.end());
  frame.insert(frame.end(), text.begin(), text.end());
  frame.push_back('}');
  auto message = parse_reply(as_text(frame));
  wipe_dead_stack();
  if (!message)
    return invalid("The parameters are not a JSON object, as in '{\"token\": \"release\"}': " +
                   message.error().message);
  return std::move(message->parameters);
}

Result<boost::json::object> read_parameters(const CallArguments& arguments) {
  if (arguments.parameters == "-") {
    auto input = read_whole_file("-", kMaxParameters);
    if (!input) return input.error();
    auto parameters = parse_parameters(*input);
    wipe_memory(input->data(), input->size());
    return parameters;
  }
  auto parameters = parse_parameters(arguments.parameters);
  if (parameters && carries_secret(*parameters))
    return invalid(
        "A PIN or an identity token on the command line can be read by others. Give \"-\" and the JSON on "
        "standard input.");
  return parameters;
}

Result<Outcome> call(Session& session, const CallArguments& arguments) {
  auto parameters = read_parameters(arguments);
  if (!parameters) return parameters.error();
  auto agent = session.agent();
  if (!agent) return agent.error();
  const std::string method = arguments.method.find('.') == std::string::npos
                                 ? "org.signet.Agent." + arguments.method
                                 : arguments.method;
  if (!arguments.more) {
    auto reply = (*agent)->call(method, *parameters);
    if (!reply) return reply.error();
    std::string line = boost::json::serialize(*reply) + "\n";
    return Outcome(std::move(line), std::move(*reply));
  }
  boost::json::array replies;
  const bool at_once = !session.globals().json;
  auto last = (*agent)->call_more(method, *parameters, [&](const boost::json::object& reply) {
    if (at_once) return print_out(boost::json::serialize(reply) + "\n").has_value();
    replies.emplace_back(reply);
    return true;
  });
  if (!last) return last.error();
  replies.emplace_back(*last);
  return Outcome(boost::json::serialize(*last) + "\n",
                 boost::json::object({{"replies", std::move(replies)}}));
}

}  // namespace

void add_call_verb(Verb& root) {
  auto arguments = std::make_shared<CallArguments>();
  Verb verb = root.verb("call", "Call a method of the agent and print its reply.",
                        "Each reply is printed as one line of JSON. A method without a dot is one of\n"
                        "org.signet.Agent. JSON that carries a PIN is read from standard input only.\n"
                        "\n"
                        "Examples:\n"
                        "  signet call Status\n"
                        "  signet call ReadLedger '{\"first\": 1, \"limit\": 10}'\n"
                        "  signet call org.varlink.service.GetInterfaceDescription \\\n"
                        "      '{\"interface\": \"org.signet.Agent\"}' | jq -r .description\n");
  verb.positional("METHOD", &arguments->method, "The method, e.g. Status or org.varlink.service.GetInfo.");
  verb.positional("JSON", &arguments->parameters,
                  "Its parameters, a JSON object; \"-\" reads them from standard input.", Need::Optional);
  verb.flag("--more", &arguments->more, "Ask for every reply (with --json: {\"replies\": […]} at the end).");
  verb.run([arguments](Session& session) { return call(session, *arguments); });
}

}  // namespace signet::client
