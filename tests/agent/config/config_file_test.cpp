#include "agent/config/config_file.h"

#include <catch2/catch.hpp>

#include "scratch.h"
#include "tests/support/result_printing.h"

using namespace std::chrono_literals;
using signet::Config;
using signet::parse_config;
using signet::PinSource;

namespace {

std::string message_of(std::string_view text) {
  const auto config = parse_config(text, "signet.toml");
  REQUIRE(config.has_error());
  CHECK(config.error().name == signet::ErrorName::FileFault);
  return config.error().message;
}

struct BadCase {
  std::string text, begins, mentions;
};

}  // namespace

TEST_CASE("an empty configuration is the default one") {
  const auto config = parse_config("", "signet.toml");
  REQUIRE(config);
  CHECK_FALSE(config->system);
  CHECK(config->discover_modules);
  CHECK(config->log_level == "info");
  CHECK(config->limits.frame_size == 256 * 1024);
  CHECK(config->limits.metadata_frame_size == 16 * 1024 * 1024);
  CHECK(config->modules.empty());
}

TEST_CASE("every key is read") {
  const auto config = parse_config(R"(
[agent]
mode = "system"
socket = "/run/a.sock"
state = "/var/lib/a"
policy = "/etc/p.toml"
verify-every-message = true
message-record-delay = "1s"
[log]
level = "debug"
format = "json"
[limits]
frame-size = 8192
metadata-frame-size = 1048576
large-frames-per-uid = 3
connections = 7
connections-per-uid = 5
pipelined-calls = 2
waiting-calls = 9
frame-deadline = "250ms"
write-deadline = "2m"
[pinentry]
program = "/usr/bin/pinentry-tty"
tty = "/dev/tty3"
timeout = "30s"
[[module]]
name = "one"
path = "/usr/lib/one.so"
environment = { A = "1", B = "two" }
init-args = "x=y"
sessions = 6
queue = 77
shared = true
removable = false
idle-release = "5m"
[module.deadlines]
discovery = "3s"
login = "4s"
sign = "50s"
generate = "10m"
queue = "7s"
[[module.pin]]
token = "t1"
file = "/etc/pin"
[[module.pin]]
token = "t2"
command = ["/bin/pin", "t2"]
[[module.pin]]
token = "t3"
credential = "pin3"
[[module.pin]]
token = "t4"
pinentry = true
[[module]]
name = "two"
path = "/usr/lib/two.so"
)",
                                   "signet.toml");
  REQUIRE(config);
  CHECK(config->system);
  CHECK_FALSE(config->discover_modules);  // system mode's default
  CHECK(config->socket == "/run/a.sock");
  CHECK(config->state == "/var/lib/a");
  CHECK(config->policy == "/etc/p.toml");
  CHECK(config->verify_every_message);
  CHECK(config->message_record_delay == std::chrono::milliseconds(1000));
  CHECK(config->log_level == "debug");
  CHECK(config->log_format == signet::LogFormat::Json);
  CHECK(config->limits.frame_size == 8192);
  CHECK(config->limits.metadata_frame_size == 1048576);
  CHECK(config->limits.large_frames_per_uid == 3);
  CHECK(config->limits.connections == 7);
  CHECK(config->limits.connections_per_uid == 5);
  CHECK(config->limits.pipelined_calls == 2);
  CHECK(config->limits.waiting_calls == 9);
  CHECK(config->limits.frame_deadline == 250ms);
  CHECK(config->limits.write_deadline == 120s);
  CHECK(config->pinentry.program == "/usr/bin/pinentry-tty");
  CHECK(config->pinentry.tty == "/dev/tty3");
  CHECK(config->pinentry.timeout == 30s);
  REQUIRE(config->modules.size() == 2);
  const signet::ModuleConfig& one = config->modules[0];
  CHECK(one.name == "one");
  CHECK(one.path == "/usr/lib/one.so");
  CHECK(one.environment == std::map<std::string, std::string>{{"A", "1"}, {"B", "two"}});
  CHECK(one.init_args == "x=y");
  CHECK(one.sessions == 6);
  CHECK(one.queue == 77);
  CHECK(one.shared);
  CHECK_FALSE(one.removable);
  CHECK(one.deadlines.discovery == 3s);
  CHECK(one.deadlines.login == 4s);
  CHECK(one.deadlines.sign == 50s);
  CHECK(one.deadlines.generate == 600s);
  CHECK(one.deadlines.queue == 7s);
  CHECK(one.idle_release == 300s);
  REQUIRE(one.pins.size() == 4);
  CHECK(one.pins[0].kind == PinSource::Kind::File);
  CHECK(one.pins[0].file == "/etc/pin");
  CHECK(one.pins[1].kind == PinSource::Kind::Command);
  CHECK(one.pins[1].command == std::vector<std::string>{"/bin/pin", "t2"});
  CHECK(one.pins[2].kind == PinSource::Kind::Credential);
  CHECK(one.pins[2].file == "pin3");
  CHECK(one.pins[3].kind == PinSource::Kind::Pinentry);
  CHECK(config->modules[1].idle_release == 0s);
  CHECK(config->modules[1].removable);
  CHECK(config->modules[1].pins.empty());
}

TEST_CASE("a bad configuration names its file, line and key, and what to write") {
  const BadCase bad = GENERATE(values<BadCase>({
      {"[agent]\n\nsokcet = \"/x\"\n", "signet.toml:3: agent.sokcet: ", "There is: mode, socket"},
      {"[agnet]\n",
       "signet.toml:1: agnet: ", "agent, log, limits, pinentry, checkpoint, attestation, sink, module"},
      {"[checkpoint]\nsigner = \"nobody\"\n", "signet.toml:2: checkpoint.signer: ", "process, key, off"},
      {"[checkpoint]\nsigner = \"key\"\n", "signet.toml:1: checkpoint.key: ", "goes with signer"},
      {"[checkpoint]\nkey = \"log\"\n", "signet.toml:2: checkpoint.key: ", "goes with signer"},
      {"[checkpoint]\norigin = \"my log\"\n", "signet.toml:2: checkpoint.origin: ", "without spaces"},
      {"[attestation]\nca = [\"here\"]\n", "signet.toml:2: attestation.ca: ", "absolute"},
      {"[checkpoint]\nanchors = [\"here\"]\n", "signet.toml:2: checkpoint.anchors: ", "absolute"},
      {"[checkpoint]\ninterval = \"900ms\"\n", "signet.toml:2: checkpoint.interval: ", "at least"},
      {"[checkpoint]\nsigner = \"off\"\nfile = \"/x\"\n",
       "signet.toml:2: checkpoint.signer: ", "nothing for"},
      {"[agent]\nmode = \"server\"\n", "signet.toml:2: agent.mode: ", "personal, system"},
      {"[agent]\nsocket = \"here.sock\"\n", "signet.toml:2: agent.socket: ", "absolute"},
      {"[agent]\nmode = \"system\"\ndiscover-modules = true\n",
       "signet.toml:3: agent.discover-modules: ", "false"},
      {"[agent]\nmessage-record-delay = \"1001ms\"\n",
       "signet.toml:2: agent.message-record-delay: ", "above \"1s\""},
      {"[agent]\nverify-every-message = \"yes\"\n",
       "signet.toml:2: agent.verify-every-message: ", "true or false"},
      {"[agent]\nshared-keys = [\"ci\"]\n", "signet.toml:2: agent.shared-keys: ", "not known"},
      {"[log]\nlevel = \"loud\"\n", "signet.toml:2: log.level: ", "trace, debug, info"},
      {"[log]\nformat = 1\n", "signet.toml:2: log.format: ", "quotes"},
      {"[limits]\nframe-size = 4095\n", "signet.toml:2: limits.frame-size: ", "from 4096 to 16777216"},
      {"[limits]\nframe-size = -1\n", "signet.toml:2: limits.frame-size: ", "from 4096"},
      {"[limits]\nframe-size = \"1\"\n", "signet.toml:2: limits.frame-size: ", "whole number"},
      {"[limits]\nframe-size = 8192\nmetadata-frame-size = 4096\n",
       "signet.toml:3: limits.metadata-frame-size: ", "at least 8192"},
      {"[limits]\nconnections = 0\n", "signet.toml:2: limits.connections: ", "from 1"},
      {"[limits]\nframe-deadline = 10\n", "signet.toml:2: limits.frame-deadline: ", "\"10s\""},
      {"[limits]\nframe-deadline = \"61m\"\n", "signet.toml:2: limits.frame-deadline: ", "60m"},
      {"[limits]\nframe-deadline = \"9ms\"\n", "signet.toml:2: limits.frame-deadline: ", "10ms"},
      {"[limits]\nframe-deadline = \"10 s\"\n", "signet.toml:2: limits.frame-deadline: ", "\"10s\""},
      {"limits = 3\n", "signet.toml:1: limits: ", "[limits]"},
      {"[module]\nname = \"x\"\n", "signet.toml:1: module: ", "[[module]]"},
      {"[[module]]\npath = \"/x.so\"\n", "signet.toml:1: module.name: ", "is missing"},
      {"[[module]]\nname = \"x\"\n", "signet.toml:1: module.path: ", "is missing"},
      {"[[module]]\nname = \"a b\"\npath = \"/x.so\"\n", "signet.toml:2: module.name: ", "characters"},
      {"[[module]]\nname=\"x\"\npath=\"/x.so\"\n[[module]]\nname=\"x\"\npath=\"/y.so\"\n",
       "signet.toml:5: module.name: ", "taken"},
      {"[[module]]\nname=\"x\"\npath=\"/x.so\"\nsessions = 257\n",
       "signet.toml:4: module.sessions: ", "from 1 to 256"},
      {"[[module]]\nname=\"x\"\npath=\"/x.so\"\nqueue = 0\n",
       "signet.toml:4: module.queue: ", "from 1 to 65536"},
      {"[[module]]\nname=\"x\"\npath=\"/x.so\"\nenvironment = { A = 1 }\n",
       "signet.toml:4: module.environment: ", "quotes"},
      {"[[module]]\nname=\"x\"\npath=\"/x.so\"\n[[module.pin]]\ntoken=\"t\"\npin=\"1234\"\n",
       "signet.toml:6: module.pin.pin: ", "token, file, command, credential, pinentry"},
      {"[[module]]\nname=\"x\"\npath=\"/x.so\"\n[[module.pin]]\ntoken=\"t\"\npinentry=false\n",
       "signet.toml:6: module.pin.pinentry: ", "left out"},
      {"[[module]]\nname=\"x\"\npath=\"/x.so\"\nidle-release=\"1ms\"\n",
       "signet.toml:4: module.idle-release: ", "10"},
      {"[[module]]\nname=\"x\"\npath=\"/x.so\"\n[[module.pin]]\ntoken=\"t\"\n",
       "signet.toml:5: module.pin.token: ", "exactly one"},
      {"[[module]]\nname=\"x\"\npath=\"/x.so\"\n[[module.pin]]\ntoken=\"t\"\nfile=\"/f\"\ncredential=\"c\"\n",
       "signet.toml:5: module.pin.token: ", "exactly one"},
      {"[[module]]\nname=\"x\"\npath=\"/x.so\"\n[[module.pin]]\ntoken=\"t\"\ncommand=\"/bin/pin\"\n",
       "signet.toml:6: module.pin.command: ", "list"},
      {"[[module]]\nname=\"x\"\npath=\"/x.so\"\n[[module.pin]]\ntoken=\"t\"\ncommand=[1]\n",
       "signet.toml:6: module.pin.command: ", "list"},
      {"[[module]]\nname=\"x\"\npath=\"/x.so\"\n[[module.pin]]\ntoken=\"t\"\ncommand=[\"pass\"]\n",
       "signet.toml:6: module.pin.command: ", "absolute"},
      {"[[module]]\nname=\"x\"\npath=\"/x.so\"\n[[module.pin]]\ntoken=\"t\"\ncredential=\"../x\"\n",
       "signet.toml:6: module.pin.credential: ", "plain name"},
      {"[[module]]\nname=\"x\"\npath=\"/x.so\"\n[module.deadlines]\nsing=\"1s\"\n",
       "signet.toml:5: module.deadlines.sing: ", "discovery, login, sign, generate"},
      {"[agent\n", "signet.toml:1: ", "this is not TOML"},
      {"[agent]\nmode = \n", "signet.toml:2: ", "this is not TOML"},
      {"[agent]\nmode = \"system\"\nmode = \"personal\"\n", "signet.toml:", "this is not TOML"},
  }));
  CAPTURE(bad.text);
  const std::string message = message_of(bad.text);
  CHECK_THAT(message, Catch::StartsWith(bad.begins));
  CHECK_THAT(message, Catch::Contains(bad.mentions));
}

TEST_CASE("a PIN that is put into the configuration is not repeated in the error") {
  CHECK_THAT(
      message_of("[[module]]\nname=\"x\"\npath=\"/x.so\"\n[[module.pin]]\ntoken=\"t\"\npin=\"739214\"\n"),
      !Catch::Contains("739214"));
}

TEST_CASE("deep nesting is refused before toml11 sees it") {
  std::string deep;
  SECTION("arrays") {
    deep = "a = " + std::string(5000, '[');
  }
  SECTION("inline tables") {
    for (int i = 0; i < 5000; ++i) deep += "{a=";
    deep = "a = " + deep;
  }
  SECTION("dotted keys") {
    for (int i = 0; i < 5000; ++i) deep += "a.";
    deep += "a = 1";
  }
  SECTION("a dotted table") {
    deep = "[a";
    for (int i = 0; i < 5000; ++i) deep += ".a";
    deep += "]";
  }
  CHECK_THAT(message_of("# first\n" + deep), Catch::StartsWith("signet.toml:2: nested deeper than 8"));
}

TEST_CASE("what is not UTF-8 is refused before toml11 sees it") {
  for (const std::string bad : {"a = \"\xff\"", "a = '\xc3'", "a = '''x\n\xff\xff'''",
                                "a = \"\"\"\xed\xa0\x80\"\"\"", "# \x80", "\xf5 = 1", "a = '''\xe2\x82'''"}) {
    CAPTURE(bad);
    const auto told = message_of("# first\n" + bad);
    CHECK_THAT(told, Catch::StartsWith("signet.toml:") && Catch::Contains("is not UTF-8"));
  }
  CHECK_THAT(message_of("a = '\xc3\xa9'"), !Catch::Contains("UTF-8"));
}

TEST_CASE("brackets in strings and comments do not nest") {
  const std::string many(100, '[');
  const std::string pin =
      "[[module]]\nname = 'x'\npath = '/x.so'\n[[module.pin]]\ntoken = 't'\ncommand = ['/bin/pin', ";
  CHECK(parse_config("# " + many + "\n" + pin + "\"" + many + "\", '" + many + "', \"\"\"\n" + many +
                         "\"\"\", '''" + many + "''']\n",
                     "signet.toml"));
  CHECK(parse_config(pin + "\"a\\\"" + many + "\"]\n", "signet.toml"));
}

TEST_CASE("a configuration beyond its size is refused") {
  CHECK_THAT(message_of("#" + std::string(256 * 1024, 'x')), Catch::Contains("at most 262144"));
  CHECK(parse_config("#" + std::string(256 * 1024 - 1, 'x'), "signet.toml"));
}

TEST_CASE("a configuration file is loaded, or its absence told") {
  const signet::test::Scratch scratch;
  const auto file = scratch.write("signet.toml", "[log]\nlevel = \"error\"\n");
  const auto config = signet::load_config(file);
  REQUIRE(config);
  CHECK(config->log_level == "error");
  const auto missing = signet::load_config(scratch.path() / "none.toml");
  REQUIRE(missing.has_error());
  CHECK_THAT(missing.error().message, Catch::Contains("none.toml") && Catch::Contains("Is it there"));
}

TEST_CASE("in system mode a configuration in a directory that others can write to is refused") {
  const signet::test::Scratch scratch;  // below /tmp, which everybody can write to
  const auto file = scratch.write("signet.toml", "[agent]\nmode = \"system\"\n");
  const auto config = signet::load_config(file);
  REQUIRE(config.has_error());
  CHECK_THAT(config.error().message, Catch::Contains("chmod go-w") || Catch::Contains("chown root"));
}
