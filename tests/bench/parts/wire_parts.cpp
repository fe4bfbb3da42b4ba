// The wire: cutting frames, reading a call, writing a reply.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "protocol/bytes.h"
#include "protocol/varlink_message.h"

namespace signet::bench {
namespace {

// A call as libsignet sends it, with a message of this size.
std::string sign_message_frame(std::size_t message_size) {
  VarlinkCall call;
  call.method = "org.signet.Agent.SignMessage";
  call.parameters["key"] = "ecdsa-p256";
  call.parameters["message"] = to_base64(Bytes(message_size, 0x5a));
  return std::string(as_text(encode_call(call)));
}

void split_frames(benchmark::State& state) {
  std::string stream;
  for (int i = 0; i < state.range(0); ++i) stream += sign_message_frame(32);
  FrameSplitter splitter(FrameLimits{});
  std::int64_t frames = 0;
  for (auto _ : state) {
    const auto room = splitter.prepare(stream.size());
    const std::size_t size = std::min(room.size(), stream.size());
    std::copy_n(stream.data(), size, room.data());
    splitter.commit(size);
    while (const auto frame = splitter.next()) {
      if (!*frame) break;
      benchmark::DoNotOptimize((*frame)->data());
      ++frames;
    }
  }
  state.SetItemsProcessed(frames);
}
BENCHMARK(split_frames)->Name("split frames out of one read")->Arg(1)->Arg(16);

void read_call(benchmark::State& state) {
  const std::string frame = sign_message_frame(static_cast<std::size_t>(state.range(0)));
  const std::string_view text(frame.data(), frame.size() - 1);
  for (auto _ : state) {
    const auto call = parse_call(text);
    if (!call) state.SkipWithError(call.error().message.c_str());
    benchmark::DoNotOptimize(call->parameters.size());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(read_call)->Name("parse a SignMessage call of N bytes")->Arg(32)->Arg(4096);

void write_reply(benchmark::State& state) {
  const Bytes signature(71, 0x30);
  for (auto _ : state) {
    boost::json::object reply{{"signature", to_base64(signature)},
                              {"scheme", "ecdsa-sha2-nistp256"},
                              {"event", nullptr},
                              {"record", 123456}};
    benchmark::DoNotOptimize(encode_reply(reply).data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(write_reply)->Name("encode a SignMessage reply");

}  // namespace
}  // namespace signet::bench
