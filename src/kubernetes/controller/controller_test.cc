#include "controller/controller.h"

#include <gtest/gtest.h>

#include <deque>

#include "controller/action.h"
#include "value/json.h"

namespace masu::controller {
namespace {

using kube::Key;

class Scripted final : public Reconciler {
 public:
  std::string_view name() const override { return "scripted"; }
  Result<Outcome> reconcile(const Key& key, Deadline) override {
    seen.push_back(key);
    if (script.empty()) return Outcome{};
    Result<Outcome> next = std::move(script.front());
    script.pop_front();
    return next;
  }
  std::vector<Key> seen;
  std::deque<Result<Outcome>> script;
};

TEST(Controller, RetriesAnErrorWithGrowingWaits) {
  SimClock clock;
  Scripted reconciler;
  Controller controller(reconciler, clock);
  for (int i = 0; i < 2; ++i) reconciler.script.push_back(Error{Code::unavailable, "try again"});
  controller.queue().add({"ml", "a"});
  EXPECT_TRUE(controller.step());
  EXPECT_FALSE(controller.step()) << "not before the back-off";
  EXPECT_EQ(controller.queue().next_due(), clock.now() + 50ms);
  clock.advance(50ms);
  EXPECT_TRUE(controller.step());
  EXPECT_EQ(controller.queue().next_due(), clock.now() + 100ms);
  clock.advance(100ms);
  EXPECT_TRUE(controller.step());
  EXPECT_EQ(controller.queue().next_due(), std::nullopt);
}

TEST(Controller, LeavesAnInvalidObjectUntilItChanges) {
  SimClock clock;
  Scripted reconciler;
  Controller controller(reconciler, clock);
  reconciler.script.push_back(Error{Code::invalid, "no such algorithm"});
  controller.queue().add({"ml", "a"});
  EXPECT_TRUE(controller.step());
  EXPECT_EQ(controller.queue().next_due(), std::nullopt);
}

TEST(Controller, LooksAgainWhenAsked) {
  SimClock clock;
  Scripted reconciler;
  Controller controller(reconciler, clock);
  reconciler.script.push_back(Outcome{.look_again = 1h});
  controller.queue().add({"ml", "a"});
  EXPECT_TRUE(controller.step());
  clock.advance(59min);
  EXPECT_FALSE(controller.step());
  clock.advance(1min);
  EXPECT_TRUE(controller.step());
}

TEST(Runner, OneThreadRunsAllControllers) {
  Scripted first, second;
  Controller one(first, system_clock()), two(second, system_clock());
  Runner runner(system_clock());
  runner.add(one);
  runner.add(two);
  runner.start(1);
  one.queue().add({"ml", "a"});
  two.queue().add({"ml", "b"});
  for (int i = 0; i < 2000 && (one.queue().depth() > 0 || two.queue().depth() > 0); ++i) pause(1ms, {});
  runner.stop();
  EXPECT_EQ(first.seen.size(), 1u);
  EXPECT_EQ(second.seen.size(), 1u);
}

/// A server that knows nothing but what a test put into it.
struct Server {
  std::map<std::string, Value> objects;  // by path
  std::vector<std::string> calls;
  std::unique_ptr<kube::Transport> transport = kube::in_process_transport([this](const net::Request& r) { return answer(r); }, "test", {});
  kube::Client client{*transport};

  net::Answer answer(const net::Request& request) {
    calls.push_back(request.method + " " + request.path);
    const auto status = [](int code, const char* reason) {
      return net::Reply{code, {}, to_json(Value::object({{"kind", "Status"}, {"reason", reason}, {"message", reason}, {"code", code}}))};
    };
    if (request.method == "POST") {
      const Value body = *parse_json(request.body);
      const std::string path = request.path + "/" + std::string(body.at("metadata", "name").as_string());
      if (objects.contains(path)) return status(409, "AlreadyExists");
      objects[path] = body;
      return net::Reply{201, {}, request.body};
    }
    const auto found = objects.find(request.path);
    if (found == objects.end()) return status(404, "NotFound");
    if (request.method == "DELETE") {
      const std::string uid(parse_json(request.body)->at("preconditions", "uid").as_string());
      if (!uid.empty() && uid != found->second.at("metadata", "uid").as_string()) return status(409, "Conflict");
      objects.erase(found);
      return net::Reply{200, {}, "{}"};
    }
    return net::Reply{200, {}, to_json(found->second)};
  }
};

Value pod_of(const std::string& owner_uid) {
  Value pod = Value::object({{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", Value::object({{"name", "p"}, {"namespace", "ml"}})}});
  if (!owner_uid.empty())
    pod["metadata"]["ownerReferences"] = Value::array({kube::OwnerReference{"batch/v1", "Job", "j", owner_uid, true, true}.encode()});
  return pod;
}

TEST(Performer, CreatingWhatIsThereAndOursIsSuccess) {
  Server server;
  SimClock clock;
  const Performer performer(server.client, clock, "test");
  const Actions actions{Create{kube::resources::pods, pod_of("u1")}};
  EXPECT_TRUE(performer.perform(actions, Deadline::none()).ok());
  EXPECT_TRUE(performer.perform(actions, Deadline::none()).ok());
}

TEST(Performer, CreatingWhatBelongsToSomebodyElseSaysWhose) {
  Server server;
  SimClock clock;
  const Performer performer(server.client, clock, "test");
  ASSERT_TRUE(performer.perform(Actions{Create{kube::resources::pods, pod_of("u1")}}, Deadline::none()).ok());
  const Status second = performer.perform(Actions{Create{kube::resources::pods, pod_of("u2")}}, Deadline::none());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::already_exists);
  EXPECT_NE(second.error().message.find("belongs to Job \"j\""), std::string::npos) << second.error().message;
}

TEST(Performer, DeletingWhatIsGoneOrAnotherIsSuccess) {
  Server server;
  SimClock clock;
  const Performer performer(server.client, clock, "test");
  EXPECT_TRUE(performer.perform(Actions{Delete{kube::resources::pods, {"ml", "p"}, "u"}}, Deadline::none()).ok());
  ASSERT_TRUE(performer.perform(Actions{Create{kube::resources::pods, pod_of("u1")}}, Deadline::none()).ok());
  EXPECT_TRUE(performer.perform(Actions{Delete{kube::resources::pods, {"ml", "p"}, "other"}}, Deadline::none()).ok());
  EXPECT_EQ(server.objects.size(), 1u);
}

TEST(Performer, StopsWhereItIsInterrupted) {
  Server server;
  SimClock clock;
  Performer performer(server.client, clock, "test");
  int left = 1;
  performer.intercept([&](const Action&) -> Status {
    if (left-- > 0) return {};
    return Error{Code::cancelled, "crash"};
  });
  Value second = pod_of("u1");
  second["metadata"]["name"] = "q";
  EXPECT_FALSE(performer.perform(Actions{Create{kube::resources::pods, pod_of("u1")}, Create{kube::resources::pods, second}}, Deadline::none()).ok());
  EXPECT_EQ(server.objects.size(), 1u);
}

TEST(StatusPatch, IsNullWhenNothingChanges) {
  const Value status = Value::object({{"phase", "Running"}, {"count", 3}});
  EXPECT_TRUE(status_patch(status, status).is_null());
  EXPECT_EQ(status_patch(status, Value::object({{"phase", "Done"}, {"count", 3}})), Value::object({{"status", Value::object({{"phase", "Done"}})}}));
}

}  // namespace
}  // namespace masu::controller
