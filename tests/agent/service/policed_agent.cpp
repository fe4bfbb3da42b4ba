#include "tests/agent/service/policed_agent.h"

#include <catch2/catch.hpp>

#include "tests/support/result_printing.h"

namespace signet::test {

Policed::Policed(const std::string& algorithm) {
  make_keys({"r", "t", "s", "ts"}, algorithm);
  for (const char* use : {"message", "digest", "certificate"})
    REQUIRE(call("GenerateKey",
                 {{"token", "software"}, {"name", use}, {"algorithm", algorithm}, {"uses", {use}}}));
  const Reply spare = call(
      "GenerateKey", {{"token", "software"}, {"name", "spare"}, {"algorithm", algorithm}, {"uses", {"tuf"}}});
  spare_uri = std::string(spare->at("key").at("uri").as_string());
  REQUIRE(outcome("RetireKey", {{"key", "spare"}}) == "ok");
  REQUIRE(outcome("CreateRepository", {{"name", kPolicedRepository}, {"format", "tuf"}}) == "ok");
  const auto root = root_metadata(*this, 1, roles);
  const Reply signed_root = call("SignMetadata", sign_parameters(kPolicedRepository, "root", root));
  REQUIRE(signed_root);
  root_file = metadata_file(root, {signed_root});
  REQUIRE(outcome("ObserveMetadata",
                  {{"repository", kPolicedRepository}, {"role", "root"}, {"metadata", root_file}}) == "ok");
}

boost::json::object Policed::sign_targets(std::int64_t version, const std::string& content) {
  return sign_parameters(kPolicedRepository, "targets", targets_metadata(version, content));
}

boost::json::object Policed::superseding(boost::json::object parameters) {
  parameters["supersede"] = true;
  return parameters;
}

std::vector<WayIn> Policed::ways() {
  const std::string digest(43, 'A');
  boost::json::object dry = sign_targets(1);
  dry["dryRun"] = true;
  const Reply other = call("SignMetadata", sign_targets(1));
  REQUIRE(other);
  const std::string message_uri(call("ShowKey", {{"key", "message"}})->at("key").at("uri").as_string());
  REQUIRE(outcome("AddKeyLocation",
                  {{"key", "message"}, {"uri", tokens.replicate(message_uri, "replica")}}) == "ok");
  const Reply made = call("IssueCertificate", {{"key", "certificate"},
                                               {"kind", "certificate"},
                                               {"subject", {"CN=app"}},
                                               {"notAfter", "2040-01-01T00:00:00Z"}});
  REQUIRE(made);
  return {
      {"SignMetadata", Action::SignMetadata, dry},
      {"SignMetadata", Action::Supersede, superseding(sign_targets(1, "other"))},
      {"SignMetadata", Action::SignMetadata, sign_targets(2)},
      {"SignMessage", Action::SignMessage, {{"key", "message"}, {"message", "aGVsbG8="}}},
      {"SignMessage", Action::SignMessage, {{"key", "digest"}, {"digest", digest + "="}}},
      {"IssueCertificate",
       Action::IssueCertificate,
       {{"key", "certificate"}, {"kind", "request"}, {"subject", {"CN=app"}}}},
      {"StoreCertificate",
       Action::StoreCertificate,
       {{"key", "certificate"}, {"certificate", made->at("issued").at("pem")}}},
      {"SignMessage", Action::SignMessage, {{"key", "message"}, {"messages", {"aGVsbG8=", "aGk="}}}},
      {"GenerateKey",
       Action::Generate,
       {{"token", "software"}, {"name", "new"}, {"algorithm", "ed25519"}, {"uses", {"tuf"}}}},
      {"EnrolKey", Action::Enrol, {{"uri", spare_uri}, {"name", "again"}, {"uses", {"tuf"}}}},
      {"AddKeyLocation",
       Action::Enrol,
       {{"key", "message"}, {"uri", tokens.replicate(message_uri, "second replica")}}},
      {"RemoveKeyLocation", Action::Enrol, {{"key", "message"}, {"token", "replica"}}},
      {"RetireKey", Action::Retire, {{"key", "ts"}}},
      {"CreateRepository", Action::Adopt, {{"name", "example.com/new"}, {"format", "tuf"}}},
      {"AdoptRepository",
       Action::Adopt,
       {{"name", "example.com/adopted"}, {"format", "tuf"}, {"root", root_file}}},
      {"ObserveMetadata",
       Action::Adopt,
       {{"repository", kPolicedRepository},
        {"role", "targets"},
        {"metadata", metadata_file(targets_metadata(1), {other})}}},
      {"UnlockToken", Action::Unlock, {{"token", "software"}, {"pin", "1234"}}},
      {"LockToken", Action::Unlock, {{"token", "software"}}},
      {"ResetPinBudget", Action::Unlock, {{"token", "software"}}},
      {"InitToken",
       Action::Administer,
       {{"token", "software"}, {"label", "x"}, {"soPin", "1234"}, {"pin", "1234"}}},
      {"ChangePin", Action::Administer, {{"token", "software"}, {"oldPin", "1234"}, {"newPin", "1234"}}},
      {"UnblockPin", Action::Administer, {{"token", "software"}, {"soPin", "1234"}, {"newPin", "1234"}}},
      {"ReadLedger", Action::ReadLedger, {{"first", 1}, {"limit", 1}}},
      {"CheckLedger", Action::ReadLedger, {{"first", 1}}},
      {"ListRecords", Action::ReadLedger, {}},
      {"ShowRecord", Action::ReadLedger, {{"sequence", 1}}},
      {"ShowRecord", Action::ReadLedger, {{"sequence", 1}, {"disclose", true}}},
      {"FollowLedger", Action::ReadLedger, {{"after", 0}}},
      {"BackupLedger", Action::Administer, {{"file", (scratch / "backup.db").string()}}},
  };
}

std::string rule_for(const std::vector<Action>& actions, const std::string& more) {
  std::string list;
  for (const Action action : actions)
    list += (list.empty() ? "\"" : ", \"") + std::string(to_string(action)) + "\"";
  return "[[rule]]\nname = \"only\"\nanyone = true\naction = [" + list + "]\n" + more;
}

std::vector<Action> all_but(Action left_out) {
  std::vector<Action> actions;
  for (const Action action : kActions)
    if (action != left_out) actions.push_back(action);
  return actions;
}

}  // namespace signet::test
