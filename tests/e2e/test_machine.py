"""What only one's own machine shows: restarts, deaths of masu's processes, and rest. Each test has a masu of its own."""

import json
import os
import signal
import threading
import time
import unittest

import engine
from training import TrainingCase


def children_of(pid):
    """Process ids and command lines."""
    out = {}
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat") as stat, open(f"/proc/{entry}/cmdline") as line:
                if int(stat.read().rsplit(")", 1)[1].split()[1]) == pid:
                    out[int(entry)] = line.read().split("\0")
        except (OSError, ValueError, IndexError):
            continue
    return out


def runs(pid):
    """Whether a process is there and is more than the record of its exit code (nobody may be there to take that)."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Machine(TrainingCase):
    def setUp(self):
        if os.environ.get("MASU_E2E_KUBECONFIG"):
            self.skipTest("this is about masu up")
        api, hub = engine.free_ports(2)
        self.own = engine.Engine(["--listen", f"127.0.0.1:{api}", "--hub-listen", f"127.0.0.1:{hub}"])
        self.addCleanup(self.own.stop)
        super().setUp()

    def instance(self):
        with open(os.path.join(self.own.data, "instance.json")) as text:
            return json.load(text)

    def agent(self):
        """The process id of the node agent."""
        for pid, words in children_of(self.instance()["pid"]).items():
            if "node" in words:
                return pid

    def settled(self):
        """The newest version of anything, once nothing was written for five seconds."""
        newest = lambda: json.loads(self.own.kubectl("get", "--raw", "/api/v1/namespaces"))["metadata"]["resourceVersion"]
        seen = [newest(), time.monotonic()]

        def quiet():
            if (now := newest()) != seen[0]:
                seen[:] = [now, time.monotonic()]
            return time.monotonic() - seen[1] > 5
        self.eventually(quiet, "nothing is written any more")
        return newest

    def waiting_job(self):
        self.submit("survivor", "--", "--mode", "wait")
        started = f"gs://{self.bucket}/survivor/started"
        self.eventually(lambda: self.own.run("masu", "storage", "cat", started, check=False).returncode == 0, "the program runs")
        return self.read(started)

    def let_go(self, mark):
        self.go("survivor")
        self.ends_as("survivor", "SUCCEEDED")
        self.assertEqual(self.read(f"gs://{self.bucket}/survivor/model.txt"), mark, "it was the same process from beginning to end")
        self.assertEqual(len(self.get("pods", "-l", "masu.dev/job=survivor")["items"]), 1)
        log = self.kubectl("ai-platform", "jobs", "stream-logs", "survivor")
        self.assertEqual((log.count("mode wait"), log.count("done")), (1, 1), log)

    def test_what_was_made_is_there_after_a_restart(self):
        self.kubectl("create", "configmap", "kept", "--from-literal=a=1")
        self.submit("before")
        self.ends_as("before", "SUCCEEDED")
        uid = self.get("configmap", "kept")["metadata"]["uid"]
        self.own.down()
        self.assertNotEqual(self.own.run("kubectl", "get", "nodes", check=False).returncode, 0)
        self.own.up()
        self.assertEqual(self.get("configmap", "kept")["metadata"]["uid"], uid)
        self.assertEqual(self.describe("before", "state"), "SUCCEEDED")
        self.assertEqual(self.read(f"gs://{self.bucket}/before/model.txt"), "0.5")
        self.assertIn("done", self.kubectl("ai-platform", "jobs", "stream-logs", "before"))
        self.submit("after")
        self.ends_as("after", "SUCCEEDED")

    def test_one_masu_for_each_folder(self):
        second = self.own.run("masu", "up", "--data", self.own.data, "--listen", "127.0.0.1:0", check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"another masu runs on the data folder \"{self.own.data}\" (process {self.instance()['pid']}, {self.instance()['api']}). "
                      "Stop it with \"masu down\", or choose another folder with --data.", second.stderr)
        self.own.kubectl("get", "nodes")

    def test_a_job_outlives_the_death_of_masu(self):
        mark = self.waiting_job()
        dead = self.instance()["pid"]
        agent = self.agent()
        os.kill(dead, signal.SIGKILL)
        self.eventually(lambda: self.own.run("masu", "status", "--data", self.own.data, check=False).returncode != 0, "masu is gone")
        self.own.up()
        self.assertNotEqual(self.instance()["pid"], dead)
        self.eventually(lambda: not runs(agent), "the old node agent makes room for the new one", 20)
        self.let_go(mark)

    def test_a_job_outlives_the_death_of_the_node_agent(self):
        mark = self.waiting_job()
        for _ in range(2):
            dead = self.eventually(self.agent, "there is a node agent")
            os.kill(dead, signal.SIGKILL)
            self.eventually(lambda: self.agent() not in (None, dead), "there is another node agent")
        self.let_go(mark)

    def test_an_upgrade_stops_no_job(self):
        mark = self.waiting_job()
        self.own.down("--keep-pods")
        self.own.up()
        self.let_go(mark)

    def test_rest_means_no_writes(self):
        self.submit("work")
        self.ends_as("work", "SUCCEEDED")
        newest = self.settled()
        before = newest()
        until = time.monotonic() + (60 if os.environ.get("MASU_E2E_SLOW") else 15)
        while time.monotonic() < until:
            self.assertEqual(newest(), before, "somebody writes though nothing happens")
            threading.Event().wait(1)


if __name__ == "__main__":
    unittest.main()
