// signet key certificate issue | request | show | store.
#include "client/command/certificate_verbs.h"

#include <memory>

#include "client/command/describe.h"
#include "client/command/error_text.h"
#include "client/command/piv_generation.h"
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

struct ShowArguments {
  std::string key;
  std::optional<std::string> token;
  bool pem = false;
};

std::string certificate_text(const TokenCertificateInfo& certificate) {
  return printable(certificate.subject) + "\n  issuer       " + printable(certificate.issuer) +
         "\n  valid        " + printable(certificate.not_before) + " to " + printable(certificate.not_after) +
         "\n  sha256       " + printable(certificate.fingerprint) + "\n";
}

Result<Outcome> show(Session& session, const ShowArguments& arguments) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  const auto found = (*agent)->read_certificates(arguments.key, arguments.token);
  if (!found) return found.error();
  std::string text;
  for (const TokenCertificateInfo& certificate : *found)
    text += arguments.pem ? certificate.pem : certificate_text(certificate);
  if (text.empty() && !arguments.pem) text = "There is no certificate of this key on its token.\n";
  return Outcome(std::move(text), one_member("certificates", to_json(*found)));
}

struct StoreArguments {
  std::string key, file;
  std::optional<std::string> token;
  PinOptions pin, so_pin;
  bool replace = false;
};

constexpr std::size_t kMaxFile = 64 * 1024;

Result<StoreCertificateCall> store_call(const StoreArguments& arguments) {
  StoreCertificateCall call;
  call.key = arguments.key;
  call.token = arguments.token;
  call.replace = arguments.replace;
  auto text = read_whole_file(arguments.file, kMaxFile);
  if (!text) return text.error();
  call.certificate = std::move(*text);
  auto pin = read_pin(arguments.pin);
  if (!pin) return pin.error();
  call.pin = std::move(*pin);
  auto so_pin = read_pin(arguments.so_pin);
  if (!so_pin) return so_pin.error();
  call.so_pin = std::move(*so_pin);
  return call;
}

// The command that writes it where the module does not; nothing for what is no PIV card.
std::optional<std::string> own_tool(Agent& agent, const StoreArguments& arguments) {
  const auto key = agent.show_key(arguments.key);
  const auto tokens = agent.list_tokens();
  if (!key || !tokens) return std::nullopt;
  for (const TokenInfo& token : *tokens) {
    const bool meant = arguments.token
                           ? *arguments.token == token.label || *arguments.token == token.serial ||
                                 *arguments.token == token.uri
                           : token.label == key->key.token_label && token.serial == key->key.token_serial;
    if (meant) return piv_import_command(token, key->key.uri, arguments.file);
  }
  return std::nullopt;
}

bool another_tool_may_help(const Error& error) {
  const bool wants_officer = text_parameter(error, "parameter") == "soPin";
  return (error.name == ErrorName::InvalidParameter && wants_officer) ||
         error.name == ErrorName::PinRefused || error.name == ErrorName::TokenFault;
}

Result<StoredCertificateInfo> store_on_token(Session& session, Agent& agent, const StoreArguments& arguments,
                                             StoreCertificateCall& call) {
  auto stored = agent.store_certificate(call);
  // The host that writes logs in by itself: an unlocked token does not help it.
  if (!stored && stored.error().name == ErrorName::PinRequired && session.interactive()) {
    auto typed = session.need_pin({}, "PIN of the token of " + arguments.key);
    if (!typed) return typed.error();
    call.pin.emplace(std::move(*typed));
    stored = agent.store_certificate(call);
  }
  if (stored || !another_tool_may_help(stored.error())) return stored;
  Error error = stored.error();
  if (const auto command = own_tool(agent, arguments)) error.message += " Run: " + *command;
  return error;
}

Result<Outcome> store(Session& session, const StoreArguments& arguments) {
  auto call = store_call(arguments);
  if (!call) return call.error();
  auto agent = session.agent();
  if (!agent) return agent.error();
  const auto stored = store_on_token(session, **agent, arguments, *call);
  if (!stored) return stored.error();
  const TokenCertificateInfo& certificate = stored->certificate;
  boost::json::object json{
      {"certificate", to_json(certificate)}, {"replaced", stored->replaced}, {"record", stored->record}};
  return Outcome("The certificate (" + printable(certificate.subject) + ") is on the token of " +
                     printable(arguments.key) + (stored->replaced ? ", instead of another one" : "") +
                     ".\n  sha256       " + printable(certificate.fingerprint) + "\n",
                 std::move(json));
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

constexpr const char* kTokenHelp = "Which, of a key on several: label, serial number or URI; else the first.";

void add_show(Verb& group) {
  auto arguments = std::make_shared<ShowArguments>();
  Verb verb = group.verb("show", "Show the certificates of a key that are on its token.",
                         "Whoever issued them; a YubiKey's attestation is one, where its module offers it.\n"
                         "It needs no PIN.\n"
                         "\n"
                         "Examples:\n"
                         "  signet key certificate show build\n"
                         "  signet key certificate show build --pem > build.crt\n");
  verb.positional("KEY", &arguments->key, "Its name, fingerprint or key id.");
  verb.option("--token", "TOKEN", &arguments->token, kTokenHelp);
  verb.flag("--pem", &arguments->pem, "The certificates themselves.");
  verb.run([arguments](Session& session) { return show(session, *arguments); });
}

void add_store(Verb& group) {
  auto arguments = std::make_shared<StoreArguments>();
  Verb verb =
      group.verb("store", "Write a certificate of a key to its token, beside the key.",
                 "One that is there already is replaced with --replace only. The agent makes sure that it\n"
                 "is a certificate of this key, and that the token gives it back.\n"
                 "\n"
                 "A YubiKey lets only the holder of its management key write: give that, in hexadecimal, as\n"
                 "the SO PIN; the token is locked afterwards. Where its module cannot (OpenSC; ykcs11 2.2\n"
                 "with firmware 5.7), the error has the command of ykman's that can.\n"
                 "\n"
                 "Examples:\n"
                 "  signet key certificate store build build.crt\n"
                 "  signet key certificate store build build.crt --replace --so-pin-file management-key\n");
  verb.positional("KEY", &arguments->key, "Its name, fingerprint or key id.");
  verb.positional("FILE", &arguments->file, "The certificate, PEM; \"-\" is standard input.");
  verb.option("--token", "TOKEN", &arguments->token, kTokenHelp);
  verb.flag("--replace", &arguments->replace, "Instead of another one that is there.");
  add_pin_options(verb, "pin", arguments->pin, "the token's PIN");
  add_pin_options(verb, "so-pin", arguments->so_pin, "the SO PIN (a YubiKey's management key)");
  verb.run([arguments](Session& session) { return store(session, *arguments); });
}

}  // namespace

void add_certificate_verbs(Verb& key) {
  Verb group = key.group("certificate", "Certificates of keys, and requests for them.");
  add_issue(group);
  add_request(group);
  add_show(group);
  add_store(group);
}

}  // namespace signet::client
