// signet sign, signet verify: messages and digests.

#include <memory>

#include "client/command/batch_signing.h"
#include "client/command/describe.h"
#include "client/command/message_input.h"
#include "client/command/proof_output.h"
#include "client/command/session.h"
#include "client/command/verbs.h"
#include "client/file_io.h"
#include "protocol/public_key.h"
#include "protocol/signature.h"

namespace signet::client {
namespace {

struct MessageArguments {
  std::string file, signature;
  std::vector<std::string> files;  // to sign
  std::optional<std::string> key, public_key, scheme, output, digest, proof;
  bool hash = false, raw = false, wait = false, no_wait = false;
};

const std::vector<std::string> kSchemes = {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "rsassa-pss-sha256",
                                           "rsassa-pkcs1v15-sha256", "ed25519"};
constexpr const char* kSchemeHelp =
    "ecdsa-sha2-nistp256, ecdsa-sha2-nistp384, rsassa-pss-sha256, rsassa-pkcs1v15-sha256 or ed25519. Without "
    "it: the key's "
    "own (for RSA rsassa-pss-sha256).";

Error usage_error(std::string parameter, std::string message) {
  return {ErrorName::InvalidParameter, std::move(message), {{"parameter", std::move(parameter)}}};
}

Result<PublicKey> enrolled_key(Session& session, const std::string& name) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto details = (*agent)->show_key(name);
  if (!details) return details.error();
  return PublicKey::from_pem(details->pem);
}

Result<SignatureScheme> scheme_for(const PublicKey& key, const std::optional<std::string>& named) {
  if (!named) return default_scheme(key.algorithm());
  auto scheme = parse_signature_scheme(*named);
  if (!scheme || scheme_fits(*scheme, key.algorithm())) return scheme;
  return usage_error("--scheme", "A key of algorithm " + std::string(to_string(key.algorithm())) +
                                     " does not sign with " + *named + ".");
}

// The file's content, which is sent whole.
Result<Bytes> read_message(const std::string& file) {
  auto content = read_whole_file(file, kMaxMessageSize);
  if (!content && content.error().parameters.at("why") == "too-large")
    return usage_error("FILE",
                       file + " is larger than the " + std::to_string(kMaxMessageSize) +
                           " bytes that can be sent. Give --hash, with a key that is enrolled for digests.");
  if (!content) return content.error();
  return to_bytes(as_bytes(*content));
}

Result<SignatureScheme> enrolled_scheme(Session& session, const MessageArguments& arguments) {
  auto key = enrolled_key(session, *arguments.key);
  if (!key) return key.error();
  return scheme_for(*key, arguments.scheme);
}

Result<FilesToSign> prepare_files(Session& session, const MessageArguments& arguments) {
  if (arguments.output || arguments.proof)
    return usage_error(
        arguments.output ? "--output" : "--proof",
        "With several FILEs each signature is written beside its file, as FILE.sig: leave out " +
            std::string(arguments.output ? "--output." : "--proof."));
  FilesToSign wanted;
  wanted.key = *arguments.key;
  wanted.scheme = arguments.scheme;
  wanted.digests = arguments.hash;
  wanted.raw = arguments.raw;
  std::optional<SignatureScheme> scheme;
  if (arguments.hash) {
    auto found = enrolled_scheme(session, arguments);
    if (!found) return found.error();
    scheme = *found;
  }
  for (const std::string& file : arguments.files) {
    if (file == "-")
      return usage_error("FILE", "Standard input (\"-\") is signed alone, not among several FILEs.");
    auto content = scheme ? digest_of_file(file, *scheme) : read_message(file);
    if (!content) return content.error();
    wanted.files.push_back(FileToSign{file, std::move(*content)});
  }
  return wanted;
}

// What is sent: the message, a digest made here, or a digest that was given.
Result<SignMessageCall> prepare(Session& session, const MessageArguments& arguments) {
  SignMessageCall call;
  call.key = *arguments.key;
  call.scheme = arguments.scheme;
  if (arguments.digest) {
    call.digest = from_hex(*arguments.digest);
    if (!call.digest)
      return usage_error("--digest", "\"" + *arguments.digest +
                                         "\" is not hexadecimal: give the digest's two digits a byte.");
    return call;
  }
  if (arguments.files.empty())
    return usage_error("FILE", "Say what to sign: a FILE (\"-\" is standard input), or --digest HEX.");
  const std::string& file = arguments.files.front();
  if (!arguments.hash) {
    auto content = read_message(file);
    if (!content) return content.error();
    call.message = std::move(*content);
    return call;
  }
  auto scheme = enrolled_scheme(session, arguments);
  if (!scheme) return scheme.error();
  auto digest = digest_of_file(file, *scheme);
  if (!digest) return digest.error();
  call.digest = std::move(*digest);
  return call;
}

Result<Outcome> sign(Session& session, const MessageArguments& arguments) {
  const Waiting waiting = arguments.wait      ? Waiting::Yes
                          : arguments.no_wait ? Waiting::No
                                              : Waiting::IfInteractive;
  if (arguments.files.size() > 1) {
    auto wanted = prepare_files(session, arguments);
    if (!wanted) return wanted.error();
    return sign_files(session, *wanted, waiting);
  }
  auto call = prepare(session, arguments);
  if (!call) return call.error();
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto signature = session.with_pin([&] { return (*agent)->sign_message(*call, session.events(waiting)); });
  if (!signature) return signature.error();
  if (arguments.proof)
    if (auto proved = write_signature_proof(session, signature->record, *arguments.proof); !proved)
      return proved.error();
  const std::string encoded = to_base64(signature->signature);
  const std::string text = arguments.raw ? std::string(as_text(signature->signature)) : encoded + "\n";
  boost::json::object json;
  json["signature"] = encoded;
  json["scheme"] = signature->scheme;
  if (!arguments.output) return Outcome(text, std::move(json));
  if (auto written = write_file(*arguments.output, text, Existing::Replace); !written) return written.error();
  return Outcome(
      "The signature (" + printable(signature->scheme) + ") is in " + printable(*arguments.output) + ".\n",
      std::move(json));
}

Result<PublicKey> verifying_key(Session& session, const MessageArguments& arguments) {
  if (arguments.key) return enrolled_key(session, *arguments.key);
  if (!arguments.public_key)
    return usage_error("--key", "Say whose signature it is: --key KEY (enrolled) or --public-key PEM.");
  auto pem = read_whole_file(*arguments.public_key, kMaxMessageSize);
  if (!pem) return pem.error();
  return PublicKey::from_pem(*pem);
}

Result<Outcome> verify(Session& session, const MessageArguments& arguments) {
  auto key = verifying_key(session, arguments);
  if (!key) return key.error();
  auto scheme = scheme_for(*key, arguments.scheme);
  if (!scheme) return scheme.error();
  auto text = read_whole_file(arguments.signature, kMaxMessageSize);
  if (!text) return text.error();
  auto good = verify_file(*key, *scheme, arguments.file, signature_bytes(*text));
  if (!good) return good.error();
  const std::string name(to_string(*scheme));
  boost::json::object json;
  json["verified"] = *good;
  json["scheme"] = name;
  json["fingerprint"] = key->fingerprint();
  Outcome outcome(*good ? session.paint()(Color::Good, "Good signature") + " (" + name + ") of key " +
                              key->fingerprint() + ".\n"
                        : session.paint()(Color::Bad, "BAD signature") + ": it is not (" + name +
                              ") of key " + key->fingerprint() + " over " + printable(arguments.file) + ".\n",
                  std::move(json));
  outcome.exit_code = *good ? ExitCode::Ok : ExitCode::NotVerified;
  return outcome;
}

void add_sign(Verb& root) {
  auto arguments = std::make_shared<MessageArguments>();
  Verb verb =
      root.verb("sign", "Sign a message, or a digest, with a key that is enrolled for it.",
                "Metadata is signed with \"signet tuf sign\": keys for tuf sign no messages, ever.\n"
                "Prints the signature in base64, on one line. With several FILEs, they are signed side by\n"
                "side, and each signature is written beside its file, as FILE.sig.\n"
                "\n"
                "Examples:\n"
                "  signet sign --key build release.tar.gz -o release.tar.gz.sig\n"
                "  signet sign --key build - < statement.json\n"
                "  signet sign --key build dist/*.tar.gz\n"
                "  signet sign --key images --hash disk.img\n");
  verb.positional("FILE", &arguments->files, "What to sign; \"-\" is standard input.", Need::Optional);
  verb.option("--key", "KEY", &arguments->key, "Its name, fingerprint or key id.", Need::Required);
  verb.flag("--hash", &arguments->hash,
            "Hash FILE here and send only the digest; the key must be enrolled for digests.");
  verb.option("--digest", "HEX", &arguments->digest,
              "Sign this digest; the key must be enrolled for digests.");
  verb.choice("--scheme", "SCHEME", &arguments->scheme, kSchemes, kSchemeHelp);
  verb.option("-o,--output", "OUT", &arguments->output, "Write the signature to OUT.");
  verb.option("--proof", "PROOF", &arguments->proof,
              "Write the proof that the ledger has the signature to PROOF (C2SP tlog-proof).");
  verb.flag("--raw", &arguments->raw, "Write the signature's bytes, not base64.");
  verb.flag("--wait", &arguments->wait,
            "Wait for a person (touch, PIN, a token to insert) also where there is no terminal.");
  verb.flag("--no-wait", &arguments->no_wait, "Wait for nobody, even at a terminal.");
  verb.exclusive({"FILE", "--digest"});
  verb.exclusive({"--hash", "--digest"});
  verb.exclusive({"--wait", "--no-wait"});
  verb.run([arguments](Session& session) { return sign(session, *arguments); });
}

}  // namespace

void add_message_verbs(Verb& root) {
  add_sign(root);
  auto arguments = std::make_shared<MessageArguments>();
  Verb verb = root.verb("verify", "Verify the signature of a message.",
                        "With --public-key no agent is needed. Exit code 7: the signature is not good.\n"
                        "\n"
                        "Example:\n"
                        "  signet verify --public-key build.pem --signature app.sig app\n");
  verb.positional("FILE", &arguments->file, "What was signed; \"-\" is standard input.");
  verb.option("--signature", "SIG", &arguments->signature, "The signature, base64 or its bytes.",
              Need::Required);
  verb.option("--key", "KEY", &arguments->key, "The enrolled key that signed.");
  verb.option("--public-key", "PEM", &arguments->public_key, "The public key that signed, a PEM file.");
  verb.exclusive({"--key", "--public-key"});
  verb.choice("--scheme", "SCHEME", &arguments->scheme, kSchemes, kSchemeHelp);
  verb.run([arguments](Session& session) { return verify(session, *arguments); });
}

}  // namespace signet::client
