// Verifying what a token made, and what is made for it before.
#include <benchmark/benchmark.h>

#include "protocol/signature.h"
#include "tests/protocol/test_keys.h"

namespace signet::bench {
namespace {

void verify(benchmark::State& state, KeyAlgorithm algorithm) {
  const test::TestKey& key = test::test_key(algorithm);
  const SignatureScheme scheme = default_scheme(algorithm);
  const Bytes message(32, 0x5a), signature = key.sign(scheme, message);
  for (auto _ : state)
    if (!verify_token_signature(key.public_key(), scheme, message, signature)) state.SkipWithError("refused");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(verify, p256, KeyAlgorithm::EcdsaP256)->Name("verify ecdsa-p256");
BENCHMARK_CAPTURE(verify, rsa, KeyAlgorithm::Rsa2048)->Name("verify rsa-2048");
BENCHMARK_CAPTURE(verify, ed25519, KeyAlgorithm::Ed25519)->Name("verify ed25519");

void prepare_input(benchmark::State& state) {
  const Bytes message(static_cast<std::size_t>(state.range(0)), 0x5a);
  for (auto _ : state) benchmark::DoNotOptimize(token_input(SignatureScheme::EcdsaSha256, message).data());
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(prepare_input)->Name("digest of a message of N bytes")->Arg(32)->Arg(4096);

void encode_signature(benchmark::State& state) {
  const Bytes raw = test::test_key(KeyAlgorithm::EcdsaP256).sign(SignatureScheme::EcdsaSha256, Bytes(32, 1));
  for (auto _ : state) benchmark::DoNotOptimize(ecdsa_raw_to_der(raw)->data());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(encode_signature)->Name("ECDSA signature to DER");

}  // namespace
}  // namespace signet::bench
