#include "agent/policy/policy_file.h"

#include <sys/stat.h>

#include <cstring>
#include <optional>
#include <utility>

#include "agent/config/bounded_file.h"
#include "agent/config/directories.h"
#include "agent/config/owned_path.h"
#include "agent/config/toml_guard.h"

namespace signet {
namespace {

namespace fs = std::filesystem;

Error file_fault(const fs::path& file, const std::string& what) {
  return {ErrorName::FileFault, file.string() + ": " + what};
}

// Of the file that is open, so that nobody changes it between the look and the read.
Result<void> check_own(const BoundedFile& opened, const fs::path& file, uid_t self) {
  const struct stat& status = opened.status();
  if (!opened.is_regular()) return file_fault(file, "is no regular file, so it is no policy.");
  if (status.st_uid != 0 && status.st_uid != self)
    return file_fault(file,
                      "belongs to uid " + std::to_string(status.st_uid) +
                          ", who could change what this agent allows. Have it belong to the agent's user.");
  if ((status.st_mode & S_IWOTH) != 0)
    return file_fault(file, "everybody can write to it, and so allow themselves anything: chmod o-w " +
                                file.string() + ".");
  return {};
}

Result<std::string> read_policy_file(const PolicyPlace& place, uid_t self) {
  if (place.system)
    if (Result<void> owned = check_root_owned(fs::absolute(place.file), "the policy"); !owned)
      return owned.error();
  BoundedFile file(place.file);
  if (file.fault() != 0)
    return file_fault(place.file,
                      std::string("the policy cannot be read: ") + std::strerror(file.fault()) +
                          ". Is it there, and readable? docs/policy.toml.sample is one to begin with.");
  if (Result<void> own = check_own(file, place.file, self); !own) return own.error();
  // toml_guard.h says what is wrong with one byte more than a TOML file may have.
  std::optional<std::string> text = file.read(kMaxTomlSize + 1);
  if (!text)
    return file_fault(place.file, std::string("cannot be read: ") + std::strerror(file.fault()) + ".");
  return std::move(*text);
}

// Whoever can write to a JWK set can make tokens for any job.
Result<void> check_key_sets(const PolicyPlace& place, const Policy& policy) {
  if (!place.system) return {};
  for (const PolicyIssuer& issuer : policy.issuers) {
    std::error_code unknown;
    if (!fs::exists(issuer.jwks, unknown)) continue;  // tokens of this issuer are refused until it is there
    if (Result<void> owned = check_root_owned(issuer.jwks, "the JWK set of " + issuer.name); !owned)
      return file_fault(place.file, "issuer.jwks: " + owned.error().message);
  }
  return {};
}

Error mistakes_fault(const std::vector<ConfigMistake>& mistakes, const std::string& source) {
  std::string message;
  for (const ConfigMistake& mistake : mistakes)
    message += (message.empty() ? "" : "\n") + to_string(mistake, source);
  return {ErrorName::FileFault, message};
}

Result<LoadedPolicyPtr> parse(std::string text, std::string source, const PolicyAccounts& accounts) {
  ParsedPolicy parsed = parse_policy(text, accounts);
  if (!parsed.mistakes.empty()) return mistakes_fault(parsed.mistakes, source);
  auto loaded = std::make_shared<LoadedPolicy>();
  loaded->policy = std::move(parsed.policy);
  loaded->source = std::move(source);
  loaded->text = std::move(text);
  return LoadedPolicyPtr(std::move(loaded));
}

}  // namespace

PolicyPlace choose_policy_place(const fs::path& configured, bool system) {
  PolicyPlace place;
  place.system = system;
  place.file = configured;
  if (!place.file.empty()) return place;
  if (system) {
    place.file = kSystemPolicyFile;
    return place;
  }
  const fs::path own = config_home() / "signet/policy.toml";
  std::error_code unreadable;  // load_policy says it better
  if (fs::exists(own, unreadable) || unreadable) place.file = own;
  return place;
}

Result<LoadedPolicyPtr> load_policy(const PolicyPlace& place, const PolicyAccounts& accounts) {
  if (place.file.empty()) return load_builtin_policy(accounts);
  Result<std::string> text = read_policy_file(place, accounts.self);
  if (!text) return text.error();
  Result<LoadedPolicyPtr> loaded = parse(std::move(*text), place.file.string(), accounts);
  if (!loaded) return loaded;
  if (Result<void> trusted = check_key_sets(place, (*loaded)->policy); !trusted) return trusted.error();
  return loaded;
}

LoadedPolicyPtr load_builtin_policy(const PolicyAccounts& accounts) {
  return parse(std::string(builtin_policy()), kBuiltinPolicySource, accounts).value();
}

}  // namespace signet
