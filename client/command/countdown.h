// A line on the terminal that counts the seconds a person has left.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace signet::client {

// "Touch token … (14 s)", written again each second, and gone when it stops. While one runs, nobody else
// writes to that terminal: stop() first. start() and stop() from one thread.
class Countdown {
 public:
  // write: takes what goes to the terminal; on a thread of the countdown's own.
  explicit Countdown(std::function<void(const std::string&)> write) : write_(std::move(write)) {}
  ~Countdown() { stop(); }
  Countdown(const Countdown&) = delete;
  Countdown& operator=(const Countdown&) = delete;

  // text: one line. The count stops at 0.
  void start(std::string text, std::chrono::seconds left);
  // Clears the line. Nothing if none runs.
  void stop();

 private:
  void run(const std::string& text, std::chrono::steady_clock::time_point end);

  std::function<void(const std::string&)> write_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace signet::client
