// HostedToken: one call of perform(), from a session to its reply, and what it does for others on the way.
#include "agent/tokens/hosted_token_use.h"

#include <algorithm>
#include <utility>

namespace signet {

namespace asio = boost::asio;

namespace {

// One call more, for as long as it lives.
class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::size_t& count_;
};

}  // namespace

Error busy_error(const std::string& token, const PoolBusy& busy) {
  const std::string wait = std::to_string(busy.retry_after.count());
  boost::json::object parameters;
  parameters["retryAfterMs"] = busy.retry_after.count();
  return Error(ErrorName::Busy,
               "Token \"" + token + "\" has " + std::to_string(busy.waiting) + " calls waiting" +
                   (busy.late ? ", and this one's turn has not come in time" : "") + ". Try again in " +
                   wait + " ms, or give its module more sessions.",
               std::move(parameters));
}

// --- signatures that are made along with another call's ---

HostedToken::Company::~Company() {
  for (const std::shared_ptr<Ride>& ride : rides) FairQueue::finish(*ride);
}

host::Request HostedToken::Company::request(const host::SignRequest& own) const {
  host::SignRequest all = own;
  for (const std::shared_ptr<Ride>& ride : rides) all.further.push_back(ride->request.input);
  return host::Request(std::move(all));
}

void HostedToken::Company::share(host::SignReply& made) {
  if (rides.empty()) return;
  std::vector<Bytes> signatures = std::exchange(made.further, {});
  for (std::size_t index = 0; index < std::min(rides.size(), signatures.size()); ++index) {
    host::SignReply reply;
    reply.signature = std::move(signatures[index]);
    reply.fresh_handle = made.fresh_handle;
    reply.logged_in_again = made.logged_in_again;
    rides[index]->outcome.emplace(host::Reply(std::move(reply)));
  }
}

// Not on a card, which makes one signature after the other, for people; nor where a rule says how long the
// PIN is kept: such logins are accounted for by the signature.
bool HostedToken::may_share(const Use& use) const {
  const auto* sign = std::get_if<host::SignRequest>(&use.request);
  return sign != nullptr && sign->further.empty() && !listed_.description.removable && !use.cache &&
         !login_cache_;
}

LeaseAsk HostedToken::lease_ask(const Use& use, const SessionPool& pool) const {
  LeaseAsk ask;
  ask.client = use.client;
  ask.shares = use.rides && may_share(use);
  if (ask.shares && pool.must_wait(true))
    ask.errand = std::make_shared<Ride>(std::get<host::SignRequest>(use.request), use.gate);
  return ask;
}

// Those that wait for a session to sign with the same key: one round trip for several signatures costs the
// agent and the host little more than for one.
asio::awaitable<void> HostedToken::invite(const Use& use, SessionPool& pool, Company& company) {
  if (pool.waiting() == 0 || !may_share(use)) co_return;
  const auto& own = std::get<host::SignRequest>(use.request);
  const FairQueue::Errands errands = pool.take_errands([&own](const FairQueue::Errand& errand) {
    const host::SignRequest& other = static_cast<const Ride&>(errand).request;  // the pool knows no others
    return other.mechanism == own.mechanism && other.spki == own.spki;
  });
  for (const auto& errand : errands) company.rides.push_back(std::static_pointer_cast<Ride>(errand));
  for (const std::shared_ptr<Ride>& ride : company.rides) {
    Result<void> open;
    if (ride->gate) open = co_await ride->gate();
    if (!open) ride->outcome.emplace(open.error());
  }
  std::erase_if(company.rides, [](const std::shared_ptr<Ride>& ride) {
    if (ride->outcome) FairQueue::finish(*ride);
    return ride->outcome.has_value();
  });
}

asio::awaitable<HostedToken::Attempt> HostedToken::try_once(Use& use, Try& now) {
  now.pool = usable_pool();
  if (!now.pool) {
    Ready ready = co_await bring_up(nullptr);
    now.pool = pool_;
    if (auto* error = std::get_if<Error>(&ready)) co_return std::move(*error);
    if (auto* fault = std::get_if<host::Fault>(&ready)) co_return std::move(*fault);
    if (auto* lost = std::get_if<HostLost>(&ready)) co_return std::move(*lost);
    now.pool = std::get<std::shared_ptr<SessionPool>>(ready);
  }
  Company company;  // outlives the lease: the session's next call begins before those who rode along go on
  LeaseAsk ask = lease_ask(use, *now.pool);
  const auto ride = std::static_pointer_cast<Ride>(ask.errand);
  SessionPool::Leased leased = co_await now.pool->lease(std::move(ask));
  now.epoch = epoch_;
  if (std::holds_alternative<ServedByAnother>(leased)) {
    use.rides = false;
    if (ride->outcome) co_return std::move(*ride->outcome);
    co_return StaleLogin(true);
  }
  if (auto* busy = std::get_if<PoolBusy>(&leased)) co_return busy_error(listed_.description.name, *busy);
  if (auto* fault = std::get_if<host::Fault>(&leased)) co_return std::move(*fault);
  if (auto* lost = std::get_if<HostLost>(&leased)) {
    // Its pool was given up while this call waited for a session: nothing of it was lost.
    if (lost->kind == HostLost::Kind::Stopped && now.pool != pool_) co_return StaleLogin(true);
    co_return std::move(*lost);
  }
  auto& lease = std::get<SessionLease>(leased);
  if (use.gate) {
    const auto open = co_await use.gate();
    if (!open) co_return open.error();
  }
  if (!claim_login(use, now.epoch)) co_return StaleLogin(false);
  co_await invite(use, *now.pool, company);
  std::optional<host::Request> shared;
  if (!company.rides.empty()) shared = company.request(std::get<host::SignRequest>(use.request));
  if (const auto* own = std::get_if<host::SignRequest>(&use.request))
    lease.will_serve(1 + own->further.size() + company.rides.size());
  HostAnswer answer =
      co_await lease.host().call(lease.connection(), shared ? *shared : use.request, use.limit);
  if (auto* reply = std::get_if<host::Reply>(&answer)) {
    if (auto* made = std::get_if<host::SignReply>(reply)) {
      lease.made(1 + made->further.size(), std::chrono::microseconds(made->processor_us));
      company.share(*made);
    }
    co_return std::move(*reply);
  }
  if (auto* fault = std::get_if<host::Fault>(&answer)) {
    if (next_step(*fault) != NextStep::Fail) lease.drop();
    co_return std::move(*fault);
  }
  lease.drop();
  co_return std::move(std::get<HostLost>(answer));
}

asio::awaitable<Result<host::Reply>> HostedToken::perform_to_the_end(Use& use, const FaultContext& about) {
  ReplayBudget replays(use.persistence == Persistence::Full);
  for (;;) {
    Try now;
    // The session is back when this completes: whoever logs in again needs one.
    Attempt attempt = co_await try_once(use, now);
    if (auto* reply = std::get_if<host::Reply>(&attempt)) {
      slot_->worked();
      co_return std::move(*reply);
    }
    if (auto* error = std::get_if<Error>(&attempt)) co_return std::move(*error);
    if (const auto* stale = std::get_if<StaleLogin>(&attempt)) {
      if (!stale->ended) co_await end_stale_login(use.cache, now.epoch);
      continue;
    }
    std::optional<Error> final;
    if (auto* fault = std::get_if<host::Fault>(&attempt)) {
      final = co_await mend(std::move(*fault), now, replays, about);
    } else {
      final = mend_lost(std::get<HostLost>(attempt), replays, about);
    }
    if (final) co_return std::move(*final);
  }
}

asio::awaitable<Result<host::Reply>> HostedToken::perform(const host::Request& request, CallLimit limit,
                                                          FaultContext about, Gate gate, TokenClient client,
                                                          Persistence persistence, PinCache cache) {
  const auto self = shared_from_this();
  const Counted counted(load_now_);
  Use use{request, limit, gate, client, persistence, cache};
  auto reply = co_await perform_to_the_end(use, about);
  after_use(use);
  co_return reply;
}

}  // namespace signet
