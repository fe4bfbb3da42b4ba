// signet key certificate issue | request.
#include "client/command/certificate_verbs.h"

#include <memory>

#include "client/command/describe.h"
#include "client/command/session.h"
#include "client/file_io.h"

namespace signet::client {
namespace {

constexpr std::int64_t kDefaultDays = 365;
// As long as Notary's own client makes them: a root's certificate that expires stops every client.
constexpr std::int64_t kNotaryDays = 3650;
constexpr std::int64_t kMaxDays = 36525;

struct IssueArguments {
  std::string key;
  std::vector<std::string> subject, names, purposes;
  std::optional<std::string> notary, not_before, not_after, output;
  std::optional<std::int64_t> days;
  bool wait = false, no_wait = false;
};

const std::vector<std::string> kPurposes = {"codeSigning", "clientAuth", "serverAuth", "emailProtection"};

Error usage_error(std::string parameter, std::string message) {
  return {ErrorName::InvalidParameter, std::move(message), {{"parameter", std::move(parameter)}}};
}

std::chrono::sys_seconds now_seconds() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

Result<std::string> end_of(const IssueArguments& arguments) {
  if (arguments.not_after) return *arguments.not_after;
  const std::int64_t days = arguments.days.value_or(arguments.notary ? kNotaryDays : kDefaultDays);
  if (days < 1 || days > kMaxDays)
    return usage_error("--days", "A certificate is valid for 1 to " + std::to_string(kMaxDays) + " days.");
  return time_text(now_seconds() + std::chrono::hours(24 * days));
}

Result<IssueCertificateCall> certificate_call(const IssueArguments& arguments) {
  IssueCertificateCall call;
  call.key = arguments.key;
  call.kind = "certificate";
  call.subject = arguments.subject;
  call.names = arguments.names;
  call.purposes = arguments.purposes;
  if (arguments.notary) {
    // What Notary's own client puts there.
    call.subject = {"CN=" + *arguments.notary};
    call.purposes = {"codeSigning"};
  }
  if (call.subject.empty())
    return usage_error("--subject", "Say whose certificate it is: --subject CN=NAME, or --notary GUN.");
  call.not_before = arguments.not_before;
  auto end = end_of(arguments);
  if (!end) return end.error();
  call.not_after = std::move(*end);
  return call;
}

std::string issued_text(const IssuedCertificateInfo& issued, const std::string& file) {
  std::string text = (issued.kind == "request" ? "The request (" : "The certificate (") +
                     printable(issued.subject) + ") is in " + printable(file) + ".\n";
  if (issued.not_after) text += "  valid until  " + printable(*issued.not_after) + "\n";
  text += "  sha256       " + printable(issued.fingerprint) + "\n";
  if (issued.notary_keyid) text += "  notary id    " + printable(*issued.notary_keyid) + "\n";
  return text;
}

Result<Outcome> send(Session& session, const IssueArguments& arguments, const IssueCertificateCall& call) {
  const Waiting waiting = arguments.wait      ? Waiting::Yes
                          : arguments.no_wait ? Waiting::No
                                              : Waiting::IfInteractive;
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto issued = session.with_pin([&] { return (*agent)->issue_certificate(call, session.events(waiting)); });
  if (!issued) return issued.error();
  boost::json::object json = one_member("issued", to_json(*issued));
  if (!arguments.output) return Outcome(issued->pem, std::move(json));
  if (auto written = write_file(*arguments.output, issued->pem, Existing::Replace); !written)
    return written.error();
  return Outcome(issued_text(*issued, *arguments.output), std::move(json));
}

Result<Outcome> issue(Session& session, const IssueArguments& arguments) {
  auto call = certificate_call(arguments);
  if (!call) return call.error();
  return send(session, arguments, *call);
}

Result<Outcome> request(Session& session, const IssueArguments& arguments) {
  IssueCertificateCall call;
  call.key = arguments.key;
  call.kind = "request";
  call.subject = arguments.subject;
  call.names = arguments.names;
  call.purposes = arguments.purposes;
  return send(session, arguments, call);
}

void add_content(Verb& verb, IssueArguments& arguments, Need subject) {
  verb.positional("KEY", &arguments.key,
                  "Its name, fingerprint or key id; enrolled for the use certificate.");
  verb.option("--subject", "TYPE=VALUE", &arguments.subject,
              "An attribute of the subject: C, ST, L, O, OU, CN, DC or serialNumber; once for each, in the "
              "certificate's order.",
              subject);
  verb.option("--name", "KIND:NAME", &arguments.names,
              "A further name: dns:NAME, email:ADDRESS, uri:URI or ip:ADDRESS; once for each.");
  verb.choice(
      "--purpose", "PURPOSE", &arguments.purposes, kPurposes,
      "codeSigning, clientAuth, serverAuth or emailProtection; once for each. Without it: not limited.");
}

void add_output(Verb& verb, IssueArguments& arguments) {
  verb.option("-o,--output", "OUT", &arguments.output, "Write the PEM to OUT.");
  verb.flag("--wait", &arguments.wait,
            "Wait for a person (touch, PIN, a token to insert) also where there is no terminal.");
  verb.flag("--no-wait", &arguments.no_wait, "Wait for nobody, even at a terminal.");
  verb.exclusive({"--wait", "--no-wait"});
}

void add_issue(Verb& group) {
  auto arguments = std::make_shared<IssueArguments>();
  Verb verb =
      group.verb("issue", "Make a certificate of a key, signed by that key.",
                 "The agent writes the certificate, the key on its token signs it, and the agent\n"
                 "verifies it. It is never a CA's. Prints the PEM.\n"
                 "\n"
                 "With --notary it is one for the root role of Notary v1 (Docker Content Trust): CN is\n"
                 "the repository's name, it is for signing code, and it lasts ten years.\n"
                 "\n"
                 "Examples:\n"
                 "  signet key certificate issue root-a --notary registry.example.com/org/app -o root.crt\n"
                 "  signet key certificate issue build --subject O=Example --subject CN=build --days 90\n");
  add_content(verb, *arguments, Need::Optional);
  verb.option("--notary", "GUN", &arguments->notary, "A root certificate of this Notary repository.");
  verb.option("--days", "N", &arguments->days, "How long it is valid from now on; 365 (with --notary 3650).");
  verb.option("--not-after", "TIME", &arguments->not_after, "Until when instead, as 2027-01-31T00:00:00Z.");
  verb.option("--not-before", "TIME", &arguments->not_before, "From when on; now.");
  add_output(verb, *arguments);
  verb.exclusive({"--notary", "--subject"});
  verb.exclusive({"--notary", "--purpose"});
  verb.exclusive({"--days", "--not-after"});
  verb.run([arguments](Session& session) { return issue(session, *arguments); });
}

void add_request(Verb& group) {
  auto arguments = std::make_shared<IssueArguments>();
  Verb verb =
      group.verb("request", "Make a request for a certificate (PKCS #10), for a CA.",
                 "The agent writes the request, the key on its token signs it, and the agent verifies\n"
                 "it. Prints the PEM. How long the certificate is valid is for the CA to say; a policy\n"
                 "that limits it allows no requests.\n"
                 "\n"
                 "Example:\n"
                 "  signet key certificate request build --subject C=DE --subject O=Example \\\n"
                 "      --subject CN=build --name email:build@example.com --purpose codeSigning\n");
  add_content(verb, *arguments, Need::Required);
  add_output(verb, *arguments);
  verb.run([arguments](Session& session) { return request(session, *arguments); });
}

}  // namespace

void add_certificate_verbs(Verb& key) {
  Verb group = key.group("certificate", "Certificates of keys, and requests for them.");
  add_issue(group);
  add_request(group);
}

}  // namespace signet::client
