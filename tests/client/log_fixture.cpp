#include "tests/client/log_fixture.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "protocol/canonical_json.h"
#include "protocol/signature.h"
#include "tests/protocol/test_keys.h"
#include "tests/support/result_printing.h"

namespace signet::test {

using namespace signet::client;

std::string statement(std::uint64_t sequence, const std::string& text) {
  const boost::json::object value{{"body", {{"text", text + std::to_string(sequence)}}},
                                  {"detail", std::string(64, 'a')},
                                  {"kind", "test"},
                                  {"sequence", sequence},
                                  {"time", "2026-11-22T00:00:00Z"},
                                  {"uid", 1000}};
  return canonical_json(value).value();
}

Statements statements(std::uint64_t count) {
  Statements all;
  for (std::uint64_t sequence = 1; sequence <= count; ++sequence) all.push_back(statement(sequence));
  return all;
}

std::string signed_checkpoint(const Statements& all, int key_number, const std::string& origin) {
  MerkleTree tree;
  for (const std::string& one : all) tree.append(merkle_leaf_hash(as_bytes(one)));
  const TestKey& key = test_key(KeyAlgorithm::Ed25519, key_number);
  const NoteKey name = NoteKey::create(origin, key.public_key()).value();
  SignedNote note;
  note.text = format_checkpoint({origin, tree.size(), tree.root()});
  note.signatures.push_back(
      {name.name(), name.id(), key.sign(SignatureScheme::Ed25519, as_bytes(note.text))});
  return format_signed_note(note);
}

LogCheckOptions checked_with_key() {
  LogCheckOptions options;
  options.key = NoteKey::create(kOrigin, test_key(KeyAlgorithm::Ed25519).public_key()).value();
  return options;
}

StatementSource source_of(const Statements& all) {
  return [&all](std::int64_t first, std::int64_t limit) -> Result<Statements> {
    Statements page;
    for (auto index = static_cast<std::size_t>(first - 1); index < all.size() && limit > 0; ++index, --limit)
      page.push_back(all[index]);
    return page;
  };
}

Result<ExportReport> export_to(const fs::path& path, const Statements& all, const std::string& note) {
  TileDirectory directory(path);
  return export_log(directory, note, source_of(all));
}

std::set<std::string> names(const LogReport& report) {
  std::set<std::string> found;
  for (const LogFinding& finding : report.findings)
    if (!finding.warning) found.insert(finding.name);
  CHECK(found.empty() == report.good());
  return found;
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::map<std::string, std::string> content_of(const fs::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (entry.is_regular_file()) files[fs::relative(entry.path(), directory)] = read_text(entry.path());
  return files;
}

std::string why(const Error& error) {
  return std::string(error.parameters.at("why").as_string());
}

}  // namespace signet::test
