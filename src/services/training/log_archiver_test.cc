#include "training/log_archiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace masu::training {
namespace {

TEST(LogLines, AreReadWithTheirTimesAndStreams) {
  const auto lines = read_log_lines("2026-01-01T00:00:01.5Z O hello\nand more\n2026-01-01T00:00:02Z E bad\n2026-01-01T00:00:03Z O cu", true);
  ASSERT_EQ(lines.size(), 2u) << "what is cut comes with the next round";
  EXPECT_EQ(lines[0].text, "hello\nand more");
  EXPECT_EQ(lines[0].output, ledger::Output::standard);
  EXPECT_EQ(lines[1].text, "bad");
  EXPECT_EQ(lines[1].output, ledger::Output::errors);
  EXPECT_EQ(read_log_lines("2026-01-01T00:00:01Z E x\n", false).at(0).text, "E x");
}

TEST(LogSources, TellTaskAndTrial) {
  kinds::Pod pod;
  pod.meta.name_space = "ml";
  pod.meta.name = "tuned-3-abc";
  pod.meta.labels = {{"masu.dev/job", "tuned"}, {"masu.dev/role", "worker"}, {"training.kubeflow.org/replica-index", "2"}};
  pod.meta.annotations = {{"masu.dev/trial-id", "3"}};
  pod.containers = {"training", "sidecar"};
  const auto source = log_source(pod, "training");
  EXPECT_EQ(source.task, "worker-replica-2");
  EXPECT_EQ(source.trial, "3");
  EXPECT_EQ(source.job, (kube::Key{"ml", "tuned"}));
  EXPECT_THAT(logged_containers(pod), ::testing::ElementsAre("training"));
}

/// A server whose one pod says what the test lets it say.
struct Talk {
  std::string log;
  net::Answer answer(const net::Request& request) {
    if (request.path.ends_with("/log")) return net::Reply{.status = 200, .headers = {}, .body = log};
    return net::Reply{.status = 200, .headers = {{"Content-Type", "application/json"}}, .body = list};
  }
  std::string list;
};

TEST(LogArchiver, CopiesEachLineOnceAndFinishes) {
  const TemporaryDirectory work;
  auto ledger = ledger::Ledger::open(work.path() / "ledger.db", {});
  ASSERT_TRUE(ledger.ok()) << ledger.error().message;
  auto archive = ledger::LogArchive::open(**ledger, work.path() / "logs", ledger::LogArchive::Feeding::by_hand);
  ASSERT_TRUE(archive.ok());
  Talk talk;
  const auto pod = [](const char* state, const char* phase) {
    return cat(R"({"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"p","namespace":"ml","uid":"u","resourceVersion":")", phase,
               R"(","labels":{"masu.dev/job":"j"}},"spec":{"containers":[{"name":"training"}]},"status":{"phase":")", phase,
               R"(","containerStatuses":[{"name":"training","state":{")", state, R"(":{"exitCode":0}}}]}}]})");
  };
  talk.list = pod("running", "Running");
  const auto transport = kube::in_process_transport([&](const net::Request& request) { return talk.answer(request); }, "masu", {});
  const kube::Client client(*transport);
  kube::Informer<kinds::Pod> pods(client, kube::resources::pods, &kinds::Pod::decode);
  pods.pump();
  LogArchiver archiver(client, pods, **archive, false);

  talk.log = "2026-01-01T00:00:01Z one\n2026-01-01T00:00:01Z one\n";
  const auto first = archiver.reconcile({"ml", "p"}, Deadline::after(5s));
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_TRUE(first->look_again);
  EXPECT_FALSE(archiver.complete(*pods.get({"ml", "p"})));
  talk.log += "2026-01-01T00:00:01Z three\n2026-01-01T00:00:02Z four\n";
  talk.list = pod("terminated", "Succeeded");
  pods.drop_watch();
  pods.pump();
  const auto second = archiver.reconcile({"ml", "p"}, Deadline::after(5s));
  ASSERT_TRUE(second.ok()) << second.error().message;
  EXPECT_FALSE(second->look_again);
  EXPECT_TRUE(archiver.complete(*pods.get({"ml", "p"})));
  EXPECT_THAT(archiver.last_lines(*pods.get({"ml", "p"})), ::testing::ElementsAre("one", "one", "three", "four"));
  const auto page = (*archive)->page({"ml", "j"}, {});
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(std::count(page->lines.begin(), page->lines.end(), '\n'), 4);
}

}  // namespace
}  // namespace masu::training
