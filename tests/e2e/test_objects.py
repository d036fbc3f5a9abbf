"""What kubectl does with objects: every verb, on built-in kinds and on custom resources."""

import json
import unittest

from engine import Case


class Objects(Case):
    needs = ()

    def test_create_get_label_patch_delete(self):
        self.kubectl("create", "configmap", "settings", "--from-literal=color=red")
        self.assertEqual(self.get("configmap", "settings")["data"], {"color": "red"})
        self.kubectl("label", "configmap", "settings", "team=ml")
        self.assertIn("settings", self.kubectl("get", "configmaps", "-l", "team=ml"))
        self.assertNotIn("settings", self.kubectl("get", "configmaps", "-l", "team!=ml"))
        self.kubectl("patch", "configmap", "settings", "-p", '{"data":{"color":"blue"}}')
        self.kubectl("patch", "configmap", "settings", "--type=json", "-p", '[{"op":"add","path":"/data/size","value":"3"}]')
        self.assertEqual(self.get("configmap", "settings")["data"], {"color": "blue", "size": "3"})
        self.kubectl("delete", "configmap", "settings")
        missing = self.engine.run("kubectl", "get", "configmap", "settings", "-n", self.namespace, check=False)
        self.assertEqual(missing.returncode, 1)
        self.assertIn('Error from server (NotFound): configmaps "settings" not found', missing.stderr)

    def test_apply_changes_and_removes_what_it_set(self):
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1", "b": "2"}}
        self.assertIn("created", self.apply(config))
        self.assertIn("unchanged", self.apply(config))
        self.kubectl("patch", "configmap", "c", "-p", '{"data":{"other":"3"}}')
        del config["data"]["b"]
        self.assertIn("configured", self.apply(config))
        self.assertEqual(self.get("configmap", "c")["data"], {"a": "1", "other": "3"})

    def test_unknown_fields_are_refused(self):
        bad = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "dota": {}})
        done = self.engine.run("kubectl", "create", "-n", self.namespace, "-f", "-", stdin=bad, check=False)
        # kubectl before 1.25 leaves the check to the server without asking for refusal: the field is then warned of.
        self.assertTrue(done.returncode == 1 or "Warning: " in done.stderr, done.stderr)
        self.assertIn("dota", done.stderr)

    def test_wait_and_watch(self):
        self.kubectl("create", "configmap", "w")
        self.kubectl("delete", "configmap", "w", "--wait=true", "--timeout=20s")

    def test_owner_goes_and_takes_its_children(self):
        self.kubectl("create", "configmap", "owner")
        uid = self.get("configmap", "owner")["metadata"]["uid"]
        self.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "child", "ownerReferences": [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]}})
        self.kubectl("delete", "configmap", "owner")
        self.eventually(lambda: "child" not in self.kubectl("get", "configmaps", "-o", "name"), "the child is collected")

    def test_namespace_goes_with_all_in_it(self):
        inner = self.namespace + "-x"
        self.engine.kubectl("create", "namespace", inner)
        self.engine.kubectl("create", "configmap", "c", "-n", inner)
        self.engine.kubectl("delete", "namespace", inner, "--timeout=60s")
        self.assertNotIn(inner, self.engine.kubectl("get", "namespaces", "-o", "name"))

    def test_rights_are_rbac(self):
        self.kubectl("create", "role", "reader", "--verb=get,list", "--resource=configmaps")
        self.kubectl("create", "rolebinding", "reader", "--role=reader", "--user=hanako")
        can = lambda verb, what: self.engine.run("kubectl", "auth", "can-i", verb, what, "-n", self.namespace, "--as=hanako", check=False).stdout.strip()
        self.assertEqual(can("list", "configmaps"), "yes")
        self.assertEqual(can("delete", "configmaps"), "no")
        self.assertEqual(can("list", "secrets"), "no")


if __name__ == "__main__":
    unittest.main()
