#include "agent/sinks/sink_position.h"

#include <fstream>
#include <system_error>

namespace signet {

std::optional<std::int64_t> SinkPosition::load(const std::string& ledger) const {
  std::ifstream file(file_);
  std::string of;
  std::int64_t sequence = 0;
  if (!(file >> of >> sequence) || of != ledger || sequence < 0) return std::nullopt;
  return sequence;
}

Result<void> SinkPosition::save(const std::string& ledger, std::int64_t sequence) const {
  const std::filesystem::path draft = file_.string() + ".new";
  std::ofstream file(draft, std::ios::trunc);
  file << ledger << ' ' << sequence << '\n';
  file.close();
  std::error_code fault;
  if (file) std::filesystem::rename(draft, file_, fault);
  if (file && !fault) return {};
  return Error{ErrorName::FileFault, "How far a sink has come cannot be kept in \"" + file_.string() +
                                         "\"; after a restart it may get records again."};
}

}  // namespace signet
