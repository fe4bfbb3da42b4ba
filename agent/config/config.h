// The agent's configuration: values only. Read from TOML by config_file.h, or made by default_config().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace signet {

// Where a token's PIN comes from when no person types it. Never the PIN itself.
struct PinSource {
  enum class Kind { File, Command, Credential, Pinentry };
  std::string token;  // label, serial or URI of the token it is for
  Kind kind = Kind::File;
  std::filesystem::path file;  // File: mode 0400 or 0600, owned by the agent's user; Credential: a name in
                               // $CREDENTIALS_DIRECTORY
  std::vector<std::string> command;  // Command: argv, no shell; the PIN is its first line of output
};

// How long a call may take before its host is killed.
struct Deadlines {
  std::chrono::milliseconds discovery{2000};
  std::chrono::milliseconds login{10000};
  std::chrono::milliseconds sign{40000};       // a signature may wait for touch: 15 to 30 s, by module
  std::chrono::milliseconds generate{180000};  // RSA-4096 on a card
  std::chrono::milliseconds queue{60000};  // for a session to become free: then Busy, and no host is killed
};

struct ModuleConfig {
  std::string name;
  std::filesystem::path path;
  std::map<std::string, std::string> environment;  // added to the host's otherwise almost empty environment
  std::string init_args;                           // CK_C_INITIALIZE_ARGS.pReserved, for modules that want it
  std::size_t sessions = 4;                        // most sessions in the pool of one token
  std::size_t queue = 1024;                        // calls that may wait for one of them: more get Busy
  bool shared = false;                             // one host may serve all tokens of the module
  bool removable = true;                           // tokens can be swapped: every signature is verified
  std::chrono::milliseconds idle_release{0};       // unused for so long, a token is let go of; 0: never
  Deadlines deadlines;
  std::vector<PinSource> pins;
};

// Every limit of the wire; the name in [limits] is the member's name with "-" for "_".
struct Limits {
  std::size_t frame_size = 256 * 1024;
  std::size_t metadata_frame_size = 16 * 1024 * 1024;
  std::size_t connections = 1024;  // in all; the next one is closed with an error
  std::size_t connections_per_uid = 512;
  // Frames above frame_size that one uid may have in the agent at once, being read or handled. The others are
  // left unread: so much memory (times metadata_frame_size, and about three times that while they are parsed)
  // one uid can take.
  std::size_t large_frames_per_uid = 8;
  std::size_t pipelined_calls = 64;                 // per connection: more are left unread in the socket
  std::size_t waiting_calls = 1024;                 // calls of one uid that wait for a token: more get Busy
  std::chrono::milliseconds frame_deadline{10000};  // from a frame's first byte to its NUL
  std::chrono::milliseconds write_deadline{10000};  // a reader that does not read is closed
};

// How the agent asks a person: through a pinentry, on its own display or terminal.
struct PinentrySettings {
  std::filesystem::path program = "/usr/bin/pinentry";
  std::filesystem::path tty;  // for the flavours that use a terminal; empty: the agent's $GPG_TTY, or none
  std::chrono::milliseconds timeout{120000};  // for a person to answer
};

// Signed checkpoints of the ledger's tree: who signs them, and where they go.
struct CheckpointConfig {
  enum class Signer { Off, Process, Key };
  Signer signer = Signer::Process;
  std::string key;     // Key: the name of an enrolled key of the use "checkpoint"
  std::string origin;  // of the log; empty: made from the ledger's id
  std::optional<std::filesystem::path>
      directory;  // Process: its key and memory; nothing: in the state directory
  std::vector<std::filesystem::path> anchors;
  std::optional<std::filesystem::path> file;  // a sink
  std::chrono::milliseconds interval{1000};   // at most one checkpoint in it
};

// Whose attestations of keys are believed besides Yubico's.
struct AttestationConfig {
  std::vector<std::filesystem::path> ca;  // absolute; PEM files with CA certificates
};

// Where the ledger's records are pushed to besides the ledger.
struct SinkConfig {
  enum class Kind { File, Journald, Syslog };
  std::string name;  // in Status and the log; its position is kept in STATE/sink-NAME.position
  Kind kind = Kind::File;
  std::filesystem::path path;  // File: the file; Syslog: its socket, empty: /dev/log
  bool backfill = false;       // a new sink gets the records that are there already
};

constexpr std::string_view to_string(SinkConfig::Kind kind) {
  return kind == SinkConfig::Kind::File ? "file" : kind == SinkConfig::Kind::Journald ? "journald" : "syslog";
}

enum class LogFormat { Text, Json };

inline constexpr std::chrono::milliseconds kMostMessageRecordDelay(1000);

struct Config {
  bool system = false;  // [agent] mode = "system": root-owned module paths only, group socket
  std::optional<std::filesystem::path> socket, state, policy;
  std::string log_level = "info";
  LogFormat log_format = LogFormat::Text;
  bool discover_modules = true;  // never in system mode
  std::vector<ModuleConfig> modules;
  // How long the record of a message's signature may be behind it; 0: it is durable before that leaves.
  std::chrono::milliseconds message_record_delay{0};
  bool verify_every_message = false;  // else: first use of a fresh key handle, and always on removable tokens
  Limits limits;
  std::vector<SinkConfig> sinks;
  PinentrySettings pinentry;
  CheckpointConfig checkpoint;
  AttestationConfig attestation;
};

}  // namespace signet
