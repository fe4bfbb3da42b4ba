// signet key attest: what others need to check that a key is on its token.
#include <filesystem>
#include <memory>
#include <system_error>

#include "client/command/attestation_text.h"
#include "client/command/describe.h"
#include "client/command/session.h"
#include "client/command/verbs.h"
#include "client/file_io.h"

namespace signet::client {
namespace {

namespace fs = std::filesystem;

struct AttestArguments {
  std::string key;
  std::optional<std::string> out;
};

std::string joined(const std::vector<std::string>& pems) {
  std::string text;
  for (const std::string& pem : pems) text += pem;
  return text;
}

// The root is the chain's last; the others are between it and the attestation.
struct Export {
  explicit Export(const AttestedKey& attested) : intermediates(attested.chain) {
    if (intermediates.empty()) return;
    root = std::move(intermediates.back());
    intermediates.pop_back();
  }
  std::vector<std::string> intermediates;
  std::string root;
};

Result<void> write_export(const fs::path& directory, const AttestedKey& attested) {
  std::error_code failed;
  fs::create_directories(directory, failed);
  if (failed)
    return file_fault(directory, "failed",
                      "The directory " + in_quotes(directory.string()) +
                          " cannot be made: " + failed.message() + ". Give --out another one.");
  const Export parts(attested);
  const std::pair<const char*, std::string> files[] = {
      {"attestation.pem", attested.attestation},
      {"intermediate.pem", joined(parts.intermediates)},
      {"root.pem", parts.root},
      {"key.pem", attested.pem},
      {"README", attestation_readme(attested.key, !parts.intermediates.empty())}};
  for (const auto& [name, content] : files) {
    if (content.empty()) continue;
    if (auto written = write_file(directory / name, content, Existing::Refuse); !written) return written;
  }
  return {};
}

Result<Outcome> attest(Session& session, const AttestArguments& arguments) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  const auto attested = (*agent)->attest_key(arguments.key);
  if (!attested) return attested.error();
  std::string text = "Key " + in_quotes(attested->key.name) + "\n" + attestation_lines(attested->key);
  if (!arguments.out) {
    text += attested->attestation + joined(attested->chain);
    return Outcome(std::move(text), to_json(*attested));
  }
  if (auto written = write_export(*arguments.out, *attested); !written) return written.error();
  text += "Written to " + in_quotes(*arguments.out) + ": its README says how others check it with openssl.\n";
  return Outcome(std::move(text), to_json(*attested));
}

}  // namespace

void add_attest_verb(Verb& group) {
  auto attested = std::make_shared<AttestArguments>();
  Verb verb =
      group.verb("attest", "Show others that a key is on its token.",
                 "Gives the certificate by which a YubiKey says that it made the key, with its chain up to\n"
                 "the root, as the agent verified them when the key was enrolled.\n"
                 "\n"
                 "Examples:\n"
                 "  signet key attest root-a\n"
                 "  signet key attest root-a --out root-a-attestation\n"
                 "  cd root-a-attestation && openssl verify -CAfile root.pem -untrusted intermediate.pem \\\n"
                 "      attestation.pem\n");
  verb.positional("KEY", &attested->key, "Its name, fingerprint, or TUF or Notary key id.");
  verb.option("--out", "DIRECTORY", &attested->out,
              "Write the certificates, the key and a README with the openssl commands there.");
  verb.run([attested](Session& session) { return attest(session, *attested); });
}

}  // namespace signet::client
