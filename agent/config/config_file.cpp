#include "agent/config/config_file.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <utility>

#include "agent/config/directories.h"
#include "agent/config/owned_path.h"
#include "agent/config/table_reader.h"
#include "agent/config/toml_guard.h"
#include "protocol/signed_note.h"

namespace signet {
namespace {

namespace fs = std::filesystem;
using Names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 8> kRootKeys{"agent",      "log",         "limits", "pinentry",
                                                    "checkpoint", "attestation", "sink",   "module"};
constexpr std::array<std::string_view, 7> kAgentKeys{
    "mode", "socket", "state", "policy", "discover-modules", "verify-every-message", "message-record-delay"};
constexpr std::array<std::string_view, 2> kLogKeys{"level", "format"};
constexpr std::array<std::string_view, 9> kLimitKeys{
    "frame-size",      "metadata-frame-size", "large-frames-per-uid", "connections",   "connections-per-uid",
    "pipelined-calls", "waiting-calls",       "frame-deadline",       "write-deadline"};
constexpr std::array<std::string_view, 3> kPinentryKeys{"program", "tty", "timeout"};
constexpr std::array<std::string_view, 7> kCheckpointKeys{"signer",  "key",  "origin",  "directory",
                                                          "anchors", "file", "interval"};
constexpr std::array<std::string_view, 1> kAttestationKeys{"ca"};
constexpr std::array<std::string_view, 3> kSigners{"process", "key", "off"};
constexpr std::array<std::string_view, 4> kSinkKeys{"name", "kind", "path", "backfill"};
constexpr std::array<std::string_view, 11> kModuleKeys{
    "name",   "path",      "environment",  "init-args", "sessions", "queue",
    "shared", "removable", "idle-release", "deadlines", "pin"};
constexpr std::array<std::string_view, 5> kDeadlineKeys{"discovery", "login", "sign", "generate", "queue"};
constexpr std::array<std::string_view, 5> kPinKeys{"token", "file", "command", "credential", "pinentry"};
constexpr std::array<std::string_view, 2> kModes{"personal", "system"};
constexpr std::array<std::string_view, 6> kLevels{"trace", "debug", "info", "warning", "error", "critical"};
constexpr std::array<std::string_view, 3> kSinkKinds{"file", "journald", "syslog"};
constexpr std::array<std::string_view, 2> kFormats{"text", "json"};

constexpr std::size_t kMiB = 1024 * 1024;

void read_agent(ConfigFault& fault, const toml::value& value, Config& config) {
  TableReader table(fault, value, "agent", kAgentKeys);
  std::string mode = "personal";
  table.one_of("mode", mode, kModes);
  config.system = mode == "system";
  fs::path socket, state, policy;
  table.read("socket", socket);
  table.read("state", state);
  table.read("policy", policy);
  if (table.has("socket")) config.socket = socket;
  if (table.has("state")) config.state = state;
  if (table.has("policy")) config.policy = policy;
  config.discover_modules = !config.system;
  table.read("discover-modules", config.discover_modules);
  if (config.system && config.discover_modules)
    table.fail("discover-modules",
               "must be false in system mode: only modules that are named here are loaded.");
  table.read("verify-every-message", config.verify_every_message);
  table.read("message-record-delay", config.message_record_delay);
  if (config.message_record_delay > kMostMessageRecordDelay)
    table.fail("message-record-delay",
               "is above \"1s\": so much of what was signed could be missing from the ledger after a crash.");
}

void read_log(ConfigFault& fault, const toml::value& value, Config& config) {
  TableReader table(fault, value, "log", kLogKeys);
  table.one_of("level", config.log_level, kLevels);
  std::string format = "text";
  table.one_of("format", format, kFormats);
  config.log_format = format == "json" ? LogFormat::Json : LogFormat::Text;
}

void read_limits(ConfigFault& fault, const toml::value& value, Limits& limits) {
  TableReader table(fault, value, "limits", kLimitKeys);
  table.read("frame-size", limits.frame_size, 4096, 16 * kMiB);
  table.read("metadata-frame-size", limits.metadata_frame_size, 4096, 64 * kMiB);
  table.read("large-frames-per-uid", limits.large_frames_per_uid, 1, 1024);
  table.read("connections", limits.connections, 1, 65536);
  table.read("connections-per-uid", limits.connections_per_uid, 1, 65536);
  table.read("pipelined-calls", limits.pipelined_calls, 1, 4096);
  table.read("waiting-calls", limits.waiting_calls, 1, 65536);
  table.read("frame-deadline", limits.frame_deadline);
  table.read("write-deadline", limits.write_deadline);
  if (limits.metadata_frame_size < limits.frame_size)
    table.fail("metadata-frame-size",
               "is below frame-size. It must be at least " + std::to_string(limits.frame_size) + ".");
}

void read_pinentry(ConfigFault& fault, const toml::value& value, PinentrySettings& pinentry) {
  TableReader table(fault, value, "pinentry", kPinentryKeys);
  table.read("program", pinentry.program);
  table.read("tty", pinentry.tty);
  table.read("timeout", pinentry.timeout);
}

void read_paths(TableReader& table, std::string_view key, std::vector<fs::path>& out) {
  std::vector<std::string> paths;
  table.read(key, paths);
  for (const std::string& path : paths) {
    if (!path.starts_with('/')) table.fail(key, "must be absolute paths: \"" + path + "\" is none.");
    out.emplace_back(path);
  }
}

void read_checkpoint(ConfigFault& fault, const toml::value& value, CheckpointConfig& checkpoint) {
  TableReader table(fault, value, "checkpoint", kCheckpointKeys);
  std::string signer = "process";
  table.one_of("signer", signer, kSigners);
  using Signer = CheckpointConfig::Signer;
  checkpoint.signer = signer == "off" ? Signer::Off : signer == "key" ? Signer::Key : Signer::Process;
  table.read("key", checkpoint.key);
  if ((checkpoint.signer == Signer::Key) == checkpoint.key.empty())
    table.fail("key", "names the enrolled key that signs: it goes with signer = \"key\", and with no other.");
  table.read("origin", checkpoint.origin);
  if (!checkpoint.origin.empty() && !is_note_key_name(checkpoint.origin))
    table.fail("origin", "must be a name without spaces and \"+\", as \"example.com/signet/release\".");
  fs::path directory, file;
  table.read("directory", directory);
  table.read("file", file);
  if (table.has("directory")) checkpoint.directory = directory;
  if (table.has("file")) checkpoint.file = file;
  read_paths(table, "anchors", checkpoint.anchors);
  table.read("interval", checkpoint.interval);
  if (checkpoint.interval < std::chrono::seconds(1)) table.fail("interval", "must be at least \"1s\".");
  const bool goes_somewhere = !checkpoint.anchors.empty() || checkpoint.file;
  if (checkpoint.signer == Signer::Off && goes_somewhere)
    table.fail("signer", "is \"off\": without checkpoints there is nothing for anchors and file.");
}

void read_attestation(ConfigFault& fault, const toml::value& value, AttestationConfig& attestation) {
  TableReader table(fault, value, "attestation", kAttestationKeys);
  read_paths(table, "ca", attestation.ca);
}

void read_deadlines(ConfigFault& fault, const toml::value& value, Deadlines& deadlines) {
  TableReader table(fault, value, "module.deadlines", kDeadlineKeys);
  table.read("discovery", deadlines.discovery);
  table.read("login", deadlines.login);
  table.read("sign", deadlines.sign);
  table.read("generate", deadlines.generate);
  table.read("queue", deadlines.queue);
}

void read_pin(ConfigFault& fault, const toml::value& value, ModuleConfig& module) {
  TableReader table(fault, value, "module.pin", kPinKeys);
  PinSource pin;
  table.require("token", "\"the token's label\"");
  table.read("token", pin.token);
  int sources = 0;
  for (const char* source : {"file", "command", "credential", "pinentry"})
    sources += table.has(source) ? 1 : 0;
  if (table.ok() && sources != 1)
    table.fail("token", "has " + std::to_string(sources) +
                            " PIN sources. Give exactly one of file, command, credential and pinentry (never "
                            "the PIN itself).");
  table.read("file", pin.file);
  table.read("command", pin.command);
  if (table.has("command")) {
    pin.kind = PinSource::Kind::Command;
    if (pin.command.empty() || !pin.command.front().starts_with('/'))
      table.fail("command",
                 "must begin with the program's absolute path, as [\"/usr/bin/pass\", \"show\", \"token\"].");
  }
  if (table.has("credential")) {
    pin.kind = PinSource::Kind::Credential;
    std::string name;
    table.read("credential", name);
    if (name.empty() || name.find('/') != std::string::npos || name.starts_with('.'))
      table.fail("credential",
                 "must be the plain name of a systemd credential (LoadCredential=), without a slash.");
    pin.file = name;
  }
  if (table.has("pinentry")) {
    pin.kind = PinSource::Kind::Pinentry;
    bool asks = false;
    table.read("pinentry", asks);
    if (!asks) table.fail("pinentry", "is true, or left out.");
  }
  module.pins.push_back(std::move(pin));
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
             std::string_view::npos;
}

void read_module(ConfigFault& fault, const toml::value& value, Config& config) {
  TableReader table(fault, value, "module", kModuleKeys);
  ModuleConfig module;
  table.require("name", "\"softhsm2\"");
  table.require("path", "\"/usr/lib/softhsm/libsofthsm2.so\"");
  table.read("name", module.name);
  if (table.ok() && !is_plain_name(module.name))
    table.fail("name", "must be 1 to 64 of the characters a-z, A-Z, 0-9, \"-\", \"_\" and \".\".");
  for (const ModuleConfig& other : config.modules)
    if (other.name == module.name)
      table.fail("name", "\"" + module.name + "\" is taken by another [[module]]. Give each its own.");
  table.read("path", module.path);
  table.read("environment", module.environment);
  table.read("init-args", module.init_args);
  table.read("sessions", module.sessions, 1, 256);
  table.read("queue", module.queue, 1, 65536);
  table.read("shared", module.shared);
  table.read("removable", module.removable);
  table.read("idle-release", module.idle_release);
  table.sub_table("deadlines",
                  [&](const toml::value& inner) { read_deadlines(fault, inner, module.deadlines); });
  table.each_table("pin", [&](const toml::value& inner) { read_pin(fault, inner, module); });
  config.modules.push_back(std::move(module));
}

void read_sink(ConfigFault& fault, const toml::value& value, Config& config) {
  TableReader table(fault, value, "sink", kSinkKeys);
  SinkConfig sink;
  std::string kind = "file";
  table.require("kind", "\"journald\"");
  table.one_of("kind", kind, kSinkKinds);
  sink.kind = kind == "file"       ? SinkConfig::Kind::File
              : kind == "journald" ? SinkConfig::Kind::Journald
                                   : SinkConfig::Kind::Syslog;
  sink.name = kind;
  table.read("name", sink.name);
  if (table.ok() && !is_plain_name(sink.name))
    table.fail("name", "must be 1 to 64 of the characters a-z, A-Z, 0-9, \"-\", \"_\" and \".\".");
  for (const SinkConfig& other : config.sinks)
    if (other.name == sink.name)
      table.fail("name", "\"" + sink.name + "\" is taken by another [[sink]]. Give each its own name.");
  table.read("path", sink.path);
  if (table.ok() && sink.kind == SinkConfig::Kind::File && sink.path.empty())
    table.fail("path",
               "is missing: a sink of kind \"file\" needs one, as \"/var/log/signet/records.jsonl\".");
  if (table.ok() && sink.kind == SinkConfig::Kind::Journald && table.has("path"))
    table.fail("path", "means nothing for the journal. Leave it out.");
  table.read("backfill", sink.backfill);
  config.sinks.push_back(std::move(sink));
}

Config read_root(ConfigFault& fault, const toml::value& value) {
  TableReader root(fault, value, "", kRootKeys);
  Config config;
  root.sub_table("agent", [&](const toml::value& inner) { read_agent(fault, inner, config); });
  root.sub_table("log", [&](const toml::value& inner) { read_log(fault, inner, config); });
  root.sub_table("limits", [&](const toml::value& inner) { read_limits(fault, inner, config.limits); });
  root.sub_table("pinentry", [&](const toml::value& inner) { read_pinentry(fault, inner, config.pinentry); });
  root.sub_table("checkpoint",
                 [&](const toml::value& inner) { read_checkpoint(fault, inner, config.checkpoint); });
  root.sub_table("attestation",
                 [&](const toml::value& inner) { read_attestation(fault, inner, config.attestation); });
  root.each_table("sink", [&](const toml::value& inner) { read_sink(fault, inner, config); });
  root.each_table("module", [&](const toml::value& inner) { read_module(fault, inner, config); });
  return config;
}

Result<void> check_system_files(const fs::path& file, const Config& config) {
  if (!config.system) return {};
  if (Result<void> owned = check_root_owned(fs::absolute(file), "the configuration"); !owned) return owned;
  for (const ModuleConfig& module : config.modules)
    if (Result<void> owned = check_root_owned(module.path, "the module " + module.name); !owned)
      return Error(ErrorName::FileFault, file.string() + ": module.path: " + owned.error().message);
  for (const fs::path& ca : config.attestation.ca)
    if (Result<void> owned = check_root_owned(ca, "the CA of attestations"); !owned)
      return Error(ErrorName::FileFault, file.string() + ": attestation.ca: " + owned.error().message);
  // What asks the person whether to sign must be as trusted as what signs.
  std::error_code absent;
  if (!fs::exists(config.pinentry.program, absent)) return {};
  if (Result<void> owned = check_root_owned(config.pinentry.program, "the pinentry"); !owned)
    return Error(ErrorName::FileFault, file.string() + ": pinentry.program: " + owned.error().message);
  return {};
}

}  // namespace

Result<Config> parse_config(std::string_view text, const std::string& file_name) {
  ConfigFault fault;
  Config config;
  read_toml(text, "docs/signet.toml.sample", fault,
            [&](const toml::value& root) { config = read_root(fault, root); });
  if (!fault.mistakes.empty())
    return Error(ErrorName::FileFault, to_string(fault.mistakes.front(), file_name));
  return config;
}

Result<Config> load_config(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(kMaxTomlSize + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad() || (!stream.eof() && stream.fail()))
    return Error(ErrorName::FileFault,
                 file.string() + ":1: cannot read the configuration. Is it there, and readable?");
  text.resize(static_cast<std::size_t>(stream.gcount()));
  Result<Config> config = parse_config(text, file.string());
  if (!config) return config;
  if (Result<void> trusted = check_system_files(file, *config); !trusted) return trusted.error();
  return config;
}

fs::path personal_config_file() {
  return config_home() / "signet/signet.toml";
}

std::vector<std::string> known_config_keys() {
  std::vector<std::string> keys;
  const auto add = [&keys](const std::string& table, Names names) {
    for (const std::string_view name : names) keys.push_back(table + "." + std::string(name));
  };
  add("agent", kAgentKeys);
  add("log", kLogKeys);
  add("limits", kLimitKeys);
  add("pinentry", kPinentryKeys);
  add("checkpoint", kCheckpointKeys);
  add("attestation", kAttestationKeys);
  add("sink", kSinkKeys);
  add("module", kModuleKeys);
  add("module.deadlines", kDeadlineKeys);
  add("module.pin", kPinKeys);
  std::erase_if(keys,
                [](const std::string& key) { return key == "module.deadlines" || key == "module.pin"; });
  return keys;
}

}  // namespace signet
