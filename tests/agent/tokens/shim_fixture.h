// A service over SoftHSM behind the fault shim.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "tests/agent/tokens/token_fixture.h"
#include "tests/build_paths.h"

namespace signet::test {

// A service over the shim, two tokens, one key on each.
struct ShimFixture {
  explicit ShimFixture(bool source = true, void (*change)(ModuleConfig&) = nullptr)
      : shim(lib_dir(), SoftHsm::module(), prepared(hsm)) {
    ModuleConfig module = shimmed_module(hsm, shim);
    if (source) module.pins = {pin_file(dir, "alpha", kUserPin), pin_file(dir, "beta", kUserPin)};
    if (change != nullptr) change(module);
    tokens.emplace(std::vector<ModuleConfig>{module});
    alpha = *tokens->generate("alpha", KeyAlgorithm::EcdsaP256, "a");
    beta = *tokens->generate("beta", KeyAlgorithm::EcdsaP256, "b");
  }
  static std::map<std::string, std::string> prepared(SoftHsm& hsm) {
    hsm.add_token("alpha");
    hsm.add_token("beta");
    return hsm.environment();
  }
  // A host that has not found its key yet, or none at all.
  void cold() { run(tokens->io, tokens->service->lock("alpha")); }
  void warm() {
    shim.clear();
    REQUIRE(tokens->unlock("alpha"));
    REQUIRE(tokens->sign(alpha, "warm"));
  }
  Result<TokenSignature> sign() { return tokens->sign(alpha, "message"); }

  SoftHsm hsm;
  ScratchDir dir;
  FaultShim shim;
  std::optional<TokenFixture> tokens;
  FoundKey alpha, beta;
};

inline std::string text(const Error& error, std::string_view name) {
  const auto* value = error.parameters.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

// In a word: "signed", or the error, of a TokenFault with its code and call.
inline std::string outcome(const Result<TokenSignature>& result) {
  if (result) return "signed";
  const Error& error = result.error();
  std::string told(short_name(error.name));
  if (error.name == ErrorName::TokenFault) told += " " + text(error, "ckr") + " " + text(error, "call");
  return told;
}

}  // namespace signet::test
