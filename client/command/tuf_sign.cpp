// signet tuf sign.
#include <memory>

#include "client/command/describe.h"
#include "client/command/tuf_signing.h"
#include "client/command/tuf_verbs.h"

namespace signet::client {
namespace {

constexpr const char* kText =
    "The \"signed\" of each file is sent to the agent in its canonical form; the agent checks\n"
    "what it says, signs it with every enrolled key of the role, and the signatures are put\n"
    "into the file. The file is replaced as a whole or not at all; other signatures in it\n"
    "stay. Files are signed in the order given, and the first that fails ends it.\n"
    "\n"
    "A key that is not here is named, with what to do. That is no failure (a root needs\n"
    "several people) unless it was asked for with --key.\n"
    "\n"
    "Signing the same bytes again is always safe. For other bytes in a version that was\n"
    "released see --save-released and --supersede.\n"
    "\n"
    "Examples:\n"
    "  signet tuf sign --repository example.com/app metadata/2.root.json\n"
    "  signet tuf sign --dry-run metadata/2.targets.json\n"
    "  signet tuf sign --observe metadata/5.snapshot.json metadata/timestamp.json\n"
    "  signet tuf sign --role releases --key release-a drafts/new.json\n";

Result<Outcome> sign(Session& session, const TufSignArguments& arguments) {
  if (arguments.proof && (arguments.files.size() > 1 || arguments.dry_run))
    return Error{ErrorName::InvalidParameter,
                 "--proof is for one FILE that is signed: a proof is of one record.",
                 {{"parameter", "--proof"}}};
  Outcome all;
  boost::json::array files;
  for (const auto& file : arguments.files) {
    auto one = sign_file(session, arguments, file);
    if (!one) {
      // What was signed before this file stays signed: neither people nor scripts lose sight of it.
      for (const auto& json : files)
        session.note(Color::None,
                     std::string(json.at("file").as_string()) + " was signed; " + file + " was not.");
      Error error = one.error();
      if (!files.empty()) error.parameters["files"] = std::move(files);
      return error;
    }
    all.text += one->text;
    if (all.exit_code == ExitCode::Ok) all.exit_code = one->exit_code;
    files.push_back(std::move(one->json));
  }
  all.json = one_member("files", std::move(files));
  return all;
}

}  // namespace

void add_tuf_sign(Verb& group) {
  auto arguments = std::make_shared<TufSignArguments>();
  Verb verb = group.verb("sign", "Add or replace the signatures in metadata files.", kText);
  verb.positional("FILE", &arguments->files, "Metadata files, signed in part or not at all.");
  verb.option("--repository", "NAME", &arguments->repository,
              "The repository that they are for. Without it: $SIGNET_REPOSITORY, else the only one that the "
              "agent knows.");
  verb.option(
      "--role", "ROLE", &arguments->role,
      "Their role. Without it: the metadata's type and the file's name tell (2.root.json, releases.json).");
  verb.option("--key", "KEY", &arguments->keys,
              "Sign with this key only (name, fingerprint or key id); may be given several times.");
  verb.flag("--dry-run", &arguments->dry_run, "Check everything, sign nothing, write nothing.");
  verb.flag("--observe", &arguments->observe, "Afterwards, show the agent each file that is complete.");
  verb.flag("--supersede", &arguments->supersede,
            "Sign although this version was released with other bytes, unless it was observed. The ledger "
            "records it.");
  verb.flag("--accept-lower-threshold", &arguments->accept_lower_threshold,
            "Sign a root that lowers a threshold.");
  verb.option("--save-released", "FILE", &arguments->save_released,
              "Where the version was released with other bytes: write what was released, with its "
              "signatures, to FILE.");
  verb.option("--proof", "PROOF", &arguments->proof,
              "Write the proof that the ledger has the signature to PROOF (C2SP tlog-proof). For one FILE.");
  verb.flag("--wait", &arguments->wait,
            "Wait for a person (touch, PIN, a token to insert) also where there is no terminal.");
  verb.flag("--no-wait", &arguments->no_wait, "Wait for nobody, even at a terminal.");
  verb.exclusive({"--wait", "--no-wait"});
  verb.run([arguments](Session& session) { return sign(session, *arguments); });
}

}  // namespace signet::client
