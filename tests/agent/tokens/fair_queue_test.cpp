// Whose turn it is.
#include "agent/tokens/fair_queue.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "agent/tokens/service_time.h"

using namespace signet;
using namespace std::chrono_literals;

namespace {

TokenClient client(uid_t uid, pid_t process) {
  TokenClient made;
  made.uid = uid;
  made.process = process;
  return made;
}

struct Named : FairQueue::Errand {
  explicit Named(char name_in) : name(name_in) {}
  char name;
};

// Who waits, and in what order they were served.
struct Row {
  boost::asio::io_context io{1};
  std::shared_ptr<FairQueue> queue = std::make_shared<FairQueue>(io.get_executor());
  std::string served, late;

  boost::asio::awaitable<void> stand(char name, TokenClient who, FairQueue::Clock::time_point until) {
    const auto own = queue;  // as a pool's lease holds its pool
    const auto errand = std::make_shared<Named>(name);
    const bool turn = co_await own->wait(who, until, errand);
    (turn ? served : late) += name;
  }
  // Takes up to so many, all but 'x', without finishing them.
  std::string take(std::size_t most) {
    taken =
        queue->take(most, [](const auto& errand) { return static_cast<const Named&>(errand).name != 'x'; });
    std::string names;
    for (const auto& errand : taken) names += static_cast<const Named&>(*errand).name;
    return names;
  }
  void poll() {
    io.restart();
    io.poll();
  }
  FairQueue::Errands taken;
  void ask(char name, uid_t uid, pid_t process, std::chrono::milliseconds patience = 1h) {
    boost::asio::co_spawn(io, stand(name, client(uid, process), FairQueue::Clock::now() + patience),
                          boost::asio::detached);
    io.restart();
    io.poll();
  }
  std::string serve(int count) {
    served.clear();
    for (int turn = 0; turn < count; ++turn) queue->wake_next();
    io.restart();
    io.poll();
    return served;
  }
};

}  // namespace

TEST_CASE("one process's calls are served in the order of asking") {
  Row row;
  for (const char name : {'a', 'b', 'c'}) row.ask(name, 1, 10);
  CHECK(row.serve(3) == "abc");
  CHECK_FALSE(row.queue->wake_next());
}

TEST_CASE("a process with a thousand calls delays another's one call by one") {
  Row row;
  for (int call = 0; call < 1000; ++call) row.ask('x', 1, 10);
  row.ask('b', 1, 11);
  row.ask('c', 1, 12);
  CHECK(row.serve(4) == "xbcx");
  row.ask('b', 1, 11);
  CHECK(row.serve(2).find('b') != std::string::npos);
  CHECK(row.queue->size() == 1003 - 6);
  row.queue->wake_all();
  CHECK(row.queue->size() == 0);
  row.io.poll();
}

TEST_CASE("users take turns before their processes do") {
  Row row;
  for (pid_t process = 1; process <= 100; ++process)
    row.ask('x', 1, process);  // one user, a hundred processes
  row.ask('y', 2, 500);
  row.ask('z', 2, 501);
  CHECK(row.serve(4) == "xyxz");
  CHECK(row.serve(3) == "xxx");
  row.queue->wake_all();
  row.io.poll();
}

TEST_CASE("a client that comes back does not come before those that wait") {
  Row row;
  row.ask('a', 1, 10);
  row.ask('b', 2, 20);
  CHECK(row.serve(1) == "a");
  row.ask('a', 1, 10);
  CHECK(row.serve(1) == "b");
  CHECK(row.serve(1) == "a");
}

TEST_CASE("whoever waits too long leaves, and the others' order stays") {
  Row row;
  row.ask('a', 1, 10, 20ms);
  row.ask('b', 1, 10);
  row.ask('c', 2, 20, 20ms);
  row.ask('d', 3, 30);
  row.io.restart();
  row.io.run_for(100ms);
  CHECK(row.late.size() == 2);
  CHECK(row.queue->size() == 2);
  CHECK(row.serve(2) == "bd");
  CHECK_FALSE(row.queue->wake_next());
}

TEST_CASE("errands are taken in turns, one of a user's processes after the other") {
  Row row;
  for (const char name : {'a', 'b', 'c'}) row.ask(name, 1, 10);
  for (const char name : {'d', 'e'}) row.ask(name, 1, 11);
  row.ask('f', 2, 20);
  CHECK(row.take(4) == "afdb");
  CHECK(row.queue->size() == 2);
  row.poll();
  CHECK(row.served.empty());  // taken is not done
  for (const auto& errand : row.taken) FairQueue::finish(*errand);
  row.poll();
  CHECK(row.served == "afdb");
  CHECK(row.take(4) == "ec");
  CHECK(row.take(4).empty());
  CHECK_FALSE(row.queue->wake_next());
}

TEST_CASE("an errand behind its process's next call is not taken before it") {
  Row row;
  row.ask('x', 1, 10);
  row.ask('a', 1, 10);
  row.ask('b', 1, 11);
  CHECK(row.take(4) == "b");
  CHECK(row.serve(2) == "xa");
}

TEST_CASE("what was taken is waited for, however late it is") {
  Row row;
  row.ask('a', 1, 10, 20ms);
  CHECK(row.take(1) == "a");
  row.io.restart();
  row.io.run_for(60ms);
  CHECK(row.late.empty());
  FairQueue::finish(*row.taken.front());
  row.poll();
  CHECK(row.served == "a");
  FairQueue::finish(*row.taken.front());  // nobody waits for it any more
}

TEST_CASE("what was taken may be finished when its loop is gone") {
  FairQueue::Errands taken;
  {
    Row row;
    row.ask('a', 1, 10);
    row.take(1);
    taken = row.taken;
  }
  FairQueue::finish(*taken.front());
}

TEST_CASE("a queue and its loop are gone, whoever waits in it") {
  const auto row = std::make_unique<Row>();
  row->ask('a', 1, 10);
  row->ask('b', 2, 20);  // ASan tells whether their frames touch what is gone
}

TEST_CASE("when to try again is computed from what is observed") {
  CHECK(retry_after(100, 4, 0us) == kUnknownRetry);
  CHECK(retry_after(1024, 4, 5ms) == 1285ms);    // 257 rounds of 5 ms
  CHECK(retry_after(1024, 64, 5ms) == 85ms);     // with more sessions sooner
  CHECK(retry_after(1024, 4, 50ms) == 12850ms);  // a slower token later
  CHECK(retry_after(1, 64, 20us) == kLeastRetry);
  CHECK(retry_after(65536, 1, 1s) == kMostRetry);
  CHECK(retry_after(10, 0, 1ms) == 11ms);
}

TEST_CASE("the service time follows the token") {
  ServiceTime time;
  CHECK(time.average() == 0us);
  time.add(8ms);
  CHECK(time.average() == 8ms);
  for (int call = 0; call < 100; ++call) time.add(80us);
  CHECK(time.average() >= 80us);
  CHECK(time.average() < 100us);
  for (int call = 0; call < 100; ++call) time.add(5ms);
  CHECK(time.average() > 4900us);
}
