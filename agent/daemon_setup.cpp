#include "agent/daemon_setup.h"

#include <system_error>

#include "agent/checkpoint/process_signer.h"
#include "agent/checkpoint/token_signer.h"
#include "agent/config/bounded_file.h"
#include "agent/config/config_file.h"
#include "agent/config/directories.h"
#include "agent/config/state_directory.h"
#include "agent/policy/accounts.h"
#include "protocol/socket_path.h"

namespace signet {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxRootsFile = 1024 * 1024;

}  // namespace

Result<Config> read_configuration(const DaemonOptions& options) {
  if (options.config) return load_config(*options.config);
  const fs::path own = personal_config_file();
  std::error_code unreadable;  // load_config says it better
  if (fs::exists(own, unreadable) || unreadable) return load_config(own);
  return Config();
}

Result<LoadedPolicyPtr> read_policy(const Config& config) {
  return load_policy(choose_policy_place(config.policy.value_or(fs::path()), config.system),
                     system_accounts());
}

Result<std::shared_ptr<const AttestationRoots>> read_attestation_roots(const Config& config) {
  auto roots = std::make_shared<AttestationRoots>(yubico_roots());
  for (const fs::path& path : config.attestation.ca) {
    BoundedFile file(path);
    const auto text = file.fault() == 0 && file.is_regular() ? file.read(kMaxRootsFile + 1) : std::nullopt;
    if (!text || text->size() > kMaxRootsFile)
      return Error(ErrorName::FileFault, path.string() +
                                             ": attestation.ca: cannot be read. It must be a file with CA "
                                             "certificates in PEM, of 1 MiB at most.");
    const auto added = add_roots(*roots, *text);
    if (!added)
      return Error(
          ErrorName::FileFault,
          path.string() + ": attestation.ca: it has no good CA certificates. " + added.error().message);
  }
  return std::shared_ptr<const AttestationRoots>(std::move(roots));
}

Result<fs::path> choose_socket(const DaemonOptions& options, const Config& config) {
  if (options.socket) return fs::absolute(*options.socket);
  if (!environment_variable("SIGNET_SOCKET").empty()) return personal_socket_path();
  if (config.socket) return *config.socket;
  if (config.system) return fs::path(kSystemSocket);
  return personal_socket_path();
}

fs::path choose_state(const DaemonOptions& options, const Config& config) {
  if (options.state) return fs::absolute(*options.state);
  return config.state ? *config.state : default_state_directory(config.system);
}

std::unique_ptr<Checkpointer> make_checkpointer(boost::asio::any_io_executor executor,
                                                const CheckpointConfig& config, TokenService& tokens,
                                                const fs::path& state) {
  if (config.signer == CheckpointConfig::Signer::Off) return nullptr;
  CheckpointerSettings settings;
  settings.origin = config.origin;
  settings.interval = config.interval;
  if (config.signer == CheckpointConfig::Signer::Key) {
    settings.signer = [&tokens, key = config.key](Ledger& ledger) {
      return std::make_unique<TokenSigner>(ledger, tokens, key);
    };
  } else {
    settings.signer = [executor,
                       directory = config.directory.value_or(state / "checkpoint-signer")](Ledger&) {
      return std::make_unique<ProcessSigner>(executor, checkpoint_signer_program(), directory);
    };
  }
  auto checkpointer = std::make_unique<Checkpointer>(executor, std::move(settings));
  for (const fs::path& path : config.anchors) checkpointer->add_anchor(file_anchor(path));
  if (config.file) checkpointer->add_sink(file_sink(*config.file));
  return checkpointer;
}

}  // namespace signet
