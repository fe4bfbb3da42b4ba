// A program as others write it: libsignet's header and shared library, nothing else of ours is linked.
#include <cstdio>

#include "client/signet.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  signet::client::ConnectOptions options;
  options.socket = argv[1];
  auto agent = signet::client::Agent::connect(options);
  if (!agent) {
    std::fprintf(stderr, "%s: %s\n", std::string(signet::short_name(agent.error().name)).c_str(),
                 agent.error().message.c_str());
    return 3;
  }
  const signet::Secret pin("1234");
  if (!agent->unlock_token("release", pin.copy())) return 1;
  auto keys = agent->list_keys();
  if (!keys) return 1;
  for (const auto& key : *keys) std::printf("%s %s\n", key.name.c_str(), key.algorithm.c_str());
  return 0;
}
