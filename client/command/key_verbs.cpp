// signet key generate | enrol | list | show | retire | forget. attest_verb.cpp: attest.
#include <boost/json/serialize.hpp>
#include <memory>

#include "client/command/attestation_text.h"
#include "client/command/certificate_verbs.h"
#include "client/command/describe.h"
#include "client/command/pin_source.h"
#include "client/command/piv_generate_verb.h"
#include "client/command/session.h"
#include "client/command/verbs.h"
#include "client/file_io.h"

namespace signet::client {
namespace {

struct KeyArguments {
  std::string key, token, name, uri;
  std::string algorithm = "ecdsa-p256";
  std::vector<std::string> uses;
  std::optional<std::string> repository, role, attestation, intermediate;
  std::optional<std::int64_t> order, weight;
  PinOptions pin;
  PivArguments piv;
  bool also = false, all = false, pem = false, ssh = false, tuf = false, notary = false;
};

const std::vector<std::string> kAlgorithms = {"ecdsa-p256", "ecdsa-p384", "rsa-2048",
                                              "rsa-3072",   "rsa-4096",   "ed25519"};
const std::vector<std::string> kUses = {"tuf", "certificate", "message", "digest", "approval", "checkpoint"};
constexpr std::size_t kMaxCertificates = 128 * 1024;  // far more than a chain has
constexpr std::string_view kUseHelp =
    "What the key is for: tuf (metadata), approval (of requests), checkpoint (of the ledger), message, "
    "digest, certificate; once for each. The first three exclude all others for the life of the key, but tuf "
    "and certificate go together.";

std::string comma_list(const std::vector<std::string>& all) {
  std::string text;
  for (const auto& one : all) text += (text.empty() ? "" : ",") + one;
  return text;
}

// "sensitive, never extractable, made on the token"; a weakness is said, too.
std::string evidence_text(const KeyEvidenceInfo& evidence) {
  std::vector<std::string> words;
  words.push_back(evidence.sensitive ? "sensitive" : "NOT sensitive");
  words.push_back(evidence.never_extractable ? "never extractable"
                  : evidence.extractable     ? "EXTRACTABLE"
                                             : "not extractable");
  words.push_back(evidence.local ? "made on the token" : "not made on the token");
  if (evidence.always_authenticate) words.push_back("wants the PIN for each signature");
  return join_words(words);
}

std::string location_lines(const KeyInfo& key) {
  if (key.locations.size() < 2) return {};
  std::string text;
  for (const KeyLocationInfo& location : key.locations) {
    text += "  is on        " + printable(location.token_label) + " (serial " +
            printable(location.token_serial) + "), order " + std::to_string(location.order) + ", weight " +
            std::to_string(location.weight) + ", " + evidence_text(location.evidence) + "\n";
    if (location.fault) text += "               passed over now: " + printable(*location.fault) + "\n";
  }
  return text;
}

std::string key_lines(const KeyInfo& key) {
  return "  algorithm    " + printable(key.algorithm) + "\n  uses         " +
         printable(comma_list(key.uses)) + "\n  state        " + printable(key.state) + "\n  token        " +
         printable(key.token_label) + " (serial " + printable(key.token_serial) + ")\n  fingerprint  " +
         printable(key.fingerprint) + "\n  tuf id       " + printable(key.tuf_keyid) + "\n  notary id    " +
         printable(key.notary_keyid) + "\n  uri          " + printable(key.uri) + "\n  enrolled     " +
         printable(key.created) + "\n  the module   says it is " + evidence_text(key.evidence) +
         (key.attestation ? "\n" : "; that is its own word: there is no attestation\n") +
         attestation_lines(key) + location_lines(key);
}

Outcome key_outcome(std::string head, const KeyInfo& key) {
  return Outcome(std::move(head) + key_lines(key), one_member("key", to_json(key)));
}

Result<Outcome> enrol(Session& session, const KeyArguments& arguments);

Result<GenerateKeyCall> generate_call(const KeyArguments& arguments) {
  GenerateKeyCall call;
  call.token = arguments.token;
  call.name = arguments.name;
  call.algorithm = arguments.algorithm;
  call.uses = arguments.uses;
  auto pin = read_pin(arguments.pin);
  if (!pin) return pin.error();
  call.pin = std::move(*pin);
  return call;
}

Outcome made_outcome(const KeyInfo& key) {
  return key_outcome("Key " + in_quotes(key.name) + " is made and enrolled.\n", key);
}

// What the officer made, or ykman.
PivFollowUp follow_up(Session& session, const KeyArguments& arguments) {
  PivFollowUp follow_up;
  follow_up.enrol = [&session, &arguments](const std::string& uri) {
    KeyArguments made = arguments;
    made.uri = uri;
    return enrol(session, made);
  };
  follow_up.show = [](const KeyInfo& key, const std::string& note) {
    Outcome outcome = made_outcome(key);
    outcome.text += note + "\n";
    return outcome;
  };
  return follow_up;
}

Result<Outcome> generate(Session& session, const KeyArguments& arguments) {
  auto call = generate_call(arguments);
  if (!call) return call.error();
  if (arguments.piv.slot)
    return generate_in_slot(session, std::move(*call), arguments.piv, follow_up(session, arguments));
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto key = (*agent)->generate_key(*call);
  // The host that generates logs in by itself: an unlocked token does not help it, so the PIN goes with the
  // call.
  if (!key && key.error().name == ErrorName::PinRequired && !call->pin && session.interactive()) {
    auto typed = session.need_pin({}, "PIN of token " + arguments.token);
    if (!typed) return typed.error();
    call->pin.emplace(std::move(*typed));
    key = (*agent)->generate_key(*call);
  }
  if (!key) return explain_missing_slot(session, arguments.token, key.error());
  return made_outcome(*key);
}

Result<Outcome> enrol_also(Session& session, const KeyArguments& arguments) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  AddKeyLocationCall call;
  call.key = arguments.name;
  call.uri = arguments.uri;
  call.order = arguments.order;
  call.weight = arguments.weight;
  auto key = session.with_pin([&] { return (*agent)->add_key_location(call); });
  if (!key) return key.error();
  return key_outcome("Key " + in_quotes(key->name) + " is enrolled on " +
                         std::to_string(key->locations.size()) + " tokens.\n",
                     *key);
}

Error usage_error(std::string parameter, std::string message) {
  return {ErrorName::InvalidParameter, std::move(message), {{"parameter", std::move(parameter)}}};
}

Result<Outcome> enrol(Session& session, const KeyArguments& arguments) {
  if (arguments.also && !arguments.uses.empty())
    return usage_error("--use", "A key has the same uses on all its tokens: leave out --use with --also.");
  if (arguments.also) return enrol_also(session, arguments);
  if (arguments.uses.empty()) return usage_error("--use", "Say what the key is for: --use USE.");
  if (arguments.order || arguments.weight)
    return usage_error("--also", "--order and --weight are of a key on several tokens: they go with --also.");
  auto agent = session.agent();
  if (!agent) return agent.error();
  EnrolKeyCall call;
  call.uri = arguments.uri;
  call.name = arguments.name;
  call.uses = arguments.uses;
  for (const auto& [file, text] : {std::pair(&arguments.attestation, &call.attestation),
                                   std::pair(&arguments.intermediate, &call.intermediate)}) {
    if (!*file) continue;
    auto read = read_whole_file(**file, kMaxCertificates);
    if (!read) return read.error();
    *text = std::move(*read);
  }
  auto key = session.with_pin([&] { return (*agent)->enrol_key(call); });
  if (!key) return key.error();
  return key_outcome("Key " + in_quotes(key->name) + " is enrolled.\n", *key);
}

// "hsm-a +1": it is on one token more.
std::string token_column(const KeyInfo& key) {
  if (key.locations.size() < 2) return key.token_label;
  return key.token_label + " +" + std::to_string(key.locations.size() - 1);
}

Result<Outcome> list(Session& session, const KeyArguments& arguments) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto keys = (*agent)->list_keys(arguments.repository, arguments.role);
  if (!keys) return keys.error();
  if (!arguments.all) std::erase_if(*keys, [](const KeyInfo& key) { return key.state == "retired"; });
  std::vector<std::vector<std::string>> rows;
  for (const auto& key : *keys)
    rows.push_back({key.name, key.algorithm, comma_list(key.uses), key.state, token_column(key),
                    key.fingerprint.substr(0, 16)});
  std::string text =
      rows.empty()
          ? "There is no such key. \"signet key generate\" makes one, \"signet key enrol\" takes one "
            "that is on a token.\n"
          : table({"KEY", "ALGORITHM", "USES", "STATE", "TOKEN", "FINGERPRINT"}, rows);
  return Outcome(std::move(text), one_member("keys", to_json(*keys)));
}

std::string show_text(const KeyArguments& arguments, const KeyDetails& details) {
  if (arguments.pem) return details.pem;
  if (arguments.ssh) return details.ssh + "\n";
  if (arguments.tuf) return boost::json::serialize(details.tuf) + "\n";
  if (arguments.notary) return boost::json::serialize(details.notary) + "\n";
  std::string text = "Key " + in_quotes(details.key.name) + "\n" + key_lines(details.key);
  for (const auto& role : details.roles)
    text += "  has signed   " + printable(role.role) + " of " + printable(role.repository) + "\n";
  return text;
}

Result<Outcome> show(Session& session, const KeyArguments& arguments) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto details = (*agent)->show_key(arguments.key);
  if (!details) return details.error();
  return Outcome(show_text(arguments, *details), to_json(*details));
}

Result<Outcome> retire(Session& session, const KeyArguments& arguments) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto key = (*agent)->retire_key(arguments.key);
  if (!key) return key.error();
  return key_outcome("Key " + in_quotes(key->name) +
                         " is retired: it signs nothing more, but a root that removes it from its role.\n"
                         "The key object is still on its token.\n",
                     *key);
}

Result<Outcome> forget(Session& session, const KeyArguments& arguments) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto key = (*agent)->remove_key_location(arguments.key, arguments.token);
  if (!key) return key.error();
  return key_outcome("Key " + in_quotes(key->name) + " signs on " + in_quotes(arguments.token) +
                         " no more. The key object is still there.\n",
                     *key);
}

void add_making(Verb& group) {
  auto made = std::make_shared<KeyArguments>();
  Verb generate_verb = group.verb(
      "generate", "Make a key pair on a token and enrol it.",
      "The private key is made on the token, sensitive and not extractable; the agent checks\n"
      "that afterwards. An RSA key on a card can take minutes.\n"
      "\n"
      "A PIV card (a YubiKey) has its keys in slots: say which with --slot. ykcs11 makes those that\n"
      "need no touch (--touch-policy never, and no --pin-policy), in an empty slot, for the holder\n"
      "of the management key, if that is a 3DES key, as YubiKeys have before firmware 5.7: type it,\n"
      "in hexadecimal, or give it with --so-pin-file. The token is locked afterwards. For all other\n"
      "keys, and where the YubiKey keeps its management key behind the PIN, this says why, prints\n"
      "ykman's commands, waits until they are done, and enrols the key. Where there is no terminal\n"
      "it ends with exit code 1, and is run again with --then-enrol.\n"
      "\n"
      "Examples:\n"
      "  signet key generate root-a --token release --use tuf\n"
      "  signet key generate build --token release --algorithm ed25519 --use message\n"
      "  signet key generate root-b --token 15835999 --slot 9c --use tuf\n"
      "  signet key generate ci --token 15835999 --slot 9a --touch-policy never --use message \\\n"
      "      --so-pin-file management-key\n");
  generate_verb.option("--token", "TOKEN", &made->token, "The token's name (\"signet token list\").",
                       Need::Required);
  generate_verb.positional("NAME", &made->name, "How the key is called from now on.");
  generate_verb.choice("--use", "USE", &made->uses, kUses, std::string(kUseHelp), Need::Required);
  generate_verb.choice("--algorithm", "ALGORITHM", &made->algorithm, kAlgorithms,
                       "ecdsa-p256 (the default), ecdsa-p384, rsa-2048, rsa-3072, rsa-4096 or ed25519.");
  add_pin_options(generate_verb, "pin", made->pin, "the token's PIN");
  add_piv_options(generate_verb, made->piv);
  generate_verb.run([made](Session& session) { return generate(session, *made); });

  auto enrolled = std::make_shared<KeyArguments>();
  Verb enrol_verb = group.verb(
      "enrol", "Take a key that is on a token already.",
      "A key that can be extracted, or is not sensitive, is refused.\n"
      "With --also it is a key that is enrolled already, replicated to a further token by the\n"
      "tokens' own means: a pair of HSMs, say. Then any of its tokens signs, and one that fails is\n"
      "passed over until it works again. Given again for a token, it sets order and weight anew.\n"
      "\n"
      "A YubiKey attests its keys. ykcs11 offers that by itself; with another module hand in what\n"
      "  ykman piv keys attest 9c attestation.pem\n"
      "  ykman piv certificates export f9 intermediate.pem\n"
      "write.\n"
      "\n"
      "Examples:\n"
      "  signet key enrol 'pkcs11:token=YubiKey%20PIV%20%2315835999;id=%02;type=private' \\\n"
      "      --name release --use tuf\n"
      "  signet key enrol 'pkcs11:token=hsm-b;object=release;type=private' --name release --also\n");
  enrol_verb.positional("URI", &enrolled->uri, "pkcs11: URI (RFC 7512) of exactly one private key.");
  enrol_verb.option("--name", "NAME", &enrolled->name, "How the key is called from now on.", Need::Required);
  enrol_verb.choice("--use", "USE", &enrolled->uses, kUses, std::string(kUseHelp));
  enrol_verb.flag("--also", &enrolled->also, "The key NAME is on this token, too.");
  enrol_verb.option("--order", "N", &enrolled->order,
                    "0 to 99: of the tokens that work, those of the lowest order sign. Without it 0.");
  enrol_verb.option("--weight", "N", &enrolled->weight,
                    "1 to 100: the token's part of the load among those of its order. Without it 1.");
  enrol_verb.option("--attestation", "FILE", &enrolled->attestation,
                    "The token's certificate for this key (PEM): what \"ykman piv keys attest\" writes.");
  enrol_verb.option("--intermediate", "FILE", &enrolled->intermediate,
                    "The certificates between that and its root (PEM): of a YubiKey that of slot f9.");
  enrol_verb.run([enrolled](Session& session) { return enrol(session, *enrolled); });
}

void add_looking(Verb& group) {
  auto listed = std::make_shared<KeyArguments>();
  Verb list_verb = group.verb("list", "List the enrolled keys.",
                              "Examples:\n"
                              "  signet key list\n"
                              "  signet key list --repository example.com/app --role root\n");
  list_verb.option("--repository", "NAME", &listed->repository,
                   "Only keys that this repository's metadata names.");
  list_verb.option("--role", "ROLE", &listed->role, "Only keys of this role; needs --repository.");
  list_verb.flag("--all", &listed->all, "Retired keys too.");
  list_verb.run([listed](Session& session) { return list(session, *listed); });

  auto shown = std::make_shared<KeyArguments>();
  Verb show_verb = group.verb("show", "Show a key, or its public key in the form that others need.",
                              "Examples:\n"
                              "  signet key show root-a\n"
                              "  signet key show root-a --pem > root-a.pem\n"
                              "  signet key show build --ssh >> allowed_signers\n");
  show_verb.positional("KEY", &shown->key, "Its name, fingerprint, or TUF or Notary key id.");
  show_verb.flag("--pem", &shown->pem, "The public key as PEM (SubjectPublicKeyInfo).");
  show_verb.flag("--ssh", &shown->ssh, "The public key as a line of OpenSSH's.");
  show_verb.flag("--tuf", &shown->tuf, "The key object of TUF metadata.");
  show_verb.flag("--notary", &shown->notary, "The key object of Notary v1 metadata.");
  show_verb.exclusive({"--pem", "--ssh", "--tuf", "--notary"});
  show_verb.run([shown](Session& session) { return show(session, *shown); });
}

}  // namespace

void add_key_verbs(Verb& root) {
  Verb group = root.group("key", "Make, enrol, list, show, attest, certify, retire and forget keys.");
  add_making(group);
  add_looking(group);
  add_attest_verb(group);
  add_certificate_verbs(group);
  auto retired = std::make_shared<KeyArguments>();
  Verb retire_verb =
      group.verb("retire", "Stop a key from signing, at once.",
                 "A retired key still signs a root that removes it from its role, so that a rotation\n"
                 "can be finished. The token is not touched.\n"
                 "\n"
                 "Example:\n"
                 "  signet key retire root-a\n");
  retire_verb.positional("KEY", &retired->key, "Its name, fingerprint, or TUF or Notary key id.");
  retire_verb.run([retired](Session& session) { return retire(session, *retired); });
  auto forgotten = std::make_shared<KeyArguments>();
  Verb forget_verb = group.verb("forget", "Sign with a key on one of its tokens no more.",
                                "The token is not touched, and the key signs on with its other tokens.\n"
                                "\n"
                                "Example:\n"
                                "  signet key forget release --token hsm-a\n");
  forget_verb.positional("KEY", &forgotten->key, "Its name, fingerprint, or TUF or Notary key id.");
  forget_verb.option("--token", "TOKEN", &forgotten->token,
                     "The token's label, serial number or URI (\"signet key show\").", Need::Required);
  forget_verb.run([forgotten](Session& session) { return forget(session, *forgotten); });
}

}  // namespace signet::client
