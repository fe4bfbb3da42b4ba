#include "client/tuf/check_report.h"

#include <algorithm>
#include <utility>

namespace signet::client {

bool CheckReport::good() const {
  return std::none_of(steps.begin(), steps.end(),
                      [](const CheckStep& step) { return step.finding == Finding::Bad; });
}

void CheckReport::add(Finding finding, std::string file, std::string role, std::int64_t version,
                      std::string message) {
  CheckStep step;
  step.finding = finding;
  step.file = std::move(file);
  step.role = std::move(role);
  step.version = version;
  step.message = std::move(message);
  steps.push_back(std::move(step));
}

std::string threshold_text(std::size_t valid, std::int64_t threshold, const std::string& delegator) {
  return "has " + std::to_string(valid) + (valid == 1 ? " good signature, " : " good signatures, ") +
         delegator + " asks for " + std::to_string(threshold);
}

void check_expiry(const Signed& content, const std::string& file, const std::string& role,
                  const CheckOptions& options, CheckReport& report) {
  // TUF 1.0 section 5: metadata is expired from that moment on.
  if (content.expires_at > options.now) return;
  report.add(options.allow_expired ? Finding::Warning : Finding::Bad, file, role, content.version,
             "expired at " + content.expires + ": sign a new version");
}

}  // namespace signet::client
