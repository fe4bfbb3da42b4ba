#include "tests/agent/ledger/witness.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <tuple>

#include "agent/ledger/ledger_files.h"
#include "agent/ledger/ledger_store.h"
#include "tests/agent/ledger/ledger_fixture.h"

namespace signet::test {
namespace {

using Version = std::tuple<std::string, std::string, std::int64_t>;  // repository, role, version

std::string name_of(const Sighting& sighting) {
  return sighting.repository + " " + sighting.role + " " + std::to_string(sighting.version) + " " +
         sighting.digest.substr(0, 8);
}

// The bytes that came in by an act of superseding, as the records tell: a client may have died before it
// could.
using Superseding = std::map<Version, std::set<std::string>>;

Superseding superseding_acts(Database& database) {
  Superseding acts;
  for (Query row(database, "SELECT statement FROM records WHERE kind = 'sign.intent'"); row.next();) {
    const auto body = boost::json::parse(row.text(0)).at("body").as_object();
    if (!body.contains("supersedes")) continue;
    const Version version{text_of(body.at("repository")), text_of(body.at("role")),
                          body.at("version").as_int64()};
    acts[version].insert(text_of(body.at("digest")));
  }
  return acts;
}

// Payloads per version (and per key and version): at most one that did not come in by superseding.
void examine_payloads(Database& database, const std::vector<Sighting>& seen, Findings& findings) {
  std::map<Version, std::set<std::string>> by_version;
  std::map<std::pair<std::string, Version>, std::set<std::string>> by_key;
  for (const Sighting& sighting : seen) {
    if (sighting.kind != Sighting::Kind::Left) continue;
    const Version version{sighting.repository, sighting.role, sighting.version};
    by_version[version].insert(sighting.digest);
    for (const std::string& fingerprint : sighting.fingerprints)
      by_key[{fingerprint, version}].insert(sighting.digest);
  }
  Superseding acts = superseding_acts(database);
  const auto originals = [&](const Version& version, const std::set<std::string>& digests) {
    return std::count_if(digests.begin(), digests.end(),
                         [&](const std::string& digest) { return !acts[version].contains(digest); });
  };
  for (const auto& [version, digests] : by_version)
    if (originals(version, digests) > 1)
      findings.broken.push_back("two payloads left for " + std::get<0>(version) + " " + std::get<1>(version) +
                                " " + std::to_string(std::get<2>(version)));
  for (const auto& [key, digests] : by_key)
    if (originals(key.second, digests) > 1)
      findings.broken.push_back("a key gave two payloads to " + std::get<1>(key.second));
}

void examine_marks(Database& database, const std::vector<Sighting>& seen, Findings& findings) {
  for (const Sighting& sighting : seen) {
    Query row(
        database,
        "SELECT max(released), max(state = 'observed') FROM version_marks JOIN roles ON roles.id = role"
        " JOIN repositories ON repositories.id = repository WHERE repositories.name = ?1 AND roles.name = ?2"
        " AND version = ?3 AND digest = ?4",
        sighting.repository, sighting.role, sighting.version, sighting.digest);
    const bool there = row.next();
    const int column = sighting.kind == Sighting::Kind::Left ? 0 : 1;
    if (!there || row.integer(column) != 1) findings.broken.push_back("lost: " + name_of(sighting));
  }
}

void examine_records(Database& database, Findings& findings) {
  std::map<std::int64_t, int> outcomes;
  for (Query row(database, "SELECT sequence, kind, statement FROM records ORDER BY sequence"); row.next();) {
    ++findings.records;
    if (row.integer(0) != findings.records) findings.broken.push_back("a gap in the records");
    if (row.text(1) == "sign.intent") outcomes[row.integer(0)] = 0;
    if (row.text(1) != "sign.outcome") continue;
    const auto body = boost::json::parse(row.text(2)).at("body");
    ++outcomes[body.at("intent").as_int64()];
    if (text_of(body.at("result")).starts_with("unknown after restart")) ++findings.crashed_intents;
  }
  for (const auto& [intent, count] : outcomes)
    if (count != 1)
      findings.broken.push_back("intent " + std::to_string(intent) + " has " + std::to_string(count) +
                                " outcomes");
  if (Query row(database, "SELECT count(*) FROM open_intents"); row.next() && row.integer(0) != 0)
    findings.broken.push_back("intents are open");
  if (database.fault()) findings.broken.push_back(database.fault_error().message);
}

// check() alone: nothing is in flight after a start, so it may not say Busy.
void examine_roles(LedgerStore& store, const std::vector<Sighting>& seen, Findings& findings) {
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> roles;
  for (const Sighting& sighting : seen)
    if (!sighting.fingerprints.empty()) roles[{sighting.repository, sighting.role}] = sighting.fingerprints;
  for (const auto& [role, fingerprints] : roles) {
    ReserveRequest request = make_request(role.first, role.second, 1'000'000'000, "the next one", {});
    request.fingerprints = fingerprints;
    const auto possible = store.reservations().check(request);
    if (!possible) findings.broken.push_back("stuck: " + role.second + ": " + possible.error().message);
  }
}

}  // namespace

std::string to_line(const Sighting& sighting) {
  std::ostringstream line;
  line << (sighting.kind == Sighting::Kind::Left ? "left" : "observed") << ' ' << sighting.repository << ' '
       << sighting.role << ' ' << sighting.version << ' ' << sighting.digest;
  for (const std::string& fingerprint : sighting.fingerprints) line << ' ' << fingerprint;
  line << '\n';
  return line.str();
}

std::vector<Sighting> read_sightings(const std::filesystem::path& file) {
  std::vector<Sighting> seen;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Sighting sighting;
    std::string kind;
    words >> kind >> sighting.repository >> sighting.role >> sighting.version >> sighting.digest;
    sighting.kind = kind == "left" ? Sighting::Kind::Left : Sighting::Kind::Observed;
    for (std::string fingerprint; words >> fingerprint;) sighting.fingerprints.push_back(fingerprint);
    seen.push_back(std::move(sighting));
  }
  return seen;
}

Findings examine(const std::filesystem::path& directory, const std::vector<Sighting>& seen,
                 const LedgerOptions& options) {
  Findings findings;
  {
    const auto store = LedgerStore::open(directory, options);
    if (!store) {
      findings.broken.push_back("it does not open: " + store.error().message);
      return findings;
    }
    examine_roles(**store, seen, findings);
  }
  Database database(ledger_file(directory), options.vfs);
  examine_payloads(database, seen, findings);
  examine_marks(database, seen, findings);
  examine_records(database, findings);
  return findings;
}

}  // namespace signet::test
