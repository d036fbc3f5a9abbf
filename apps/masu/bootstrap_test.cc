#include "bootstrap.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/files.h"
#include "base/text.h"
#include "value/yaml.h"

namespace masu::app {
namespace {

// deploy/roles.yaml is what `masu controller` would make itself. MASU_UPDATE_GOLDEN=1 writes it anew.
TEST(Bootstrap, TheRolesOfDeployAreTheBuiltInOnes) {
  std::string text = "# Rights of users and of jobs, as masu makes them itself where it may (apps/masu/bootstrap.cc).\n";
  const auto objects = objects_of_masu({});
  ASSERT_TRUE(objects.ok()) << objects.error().message;
  bool first = true;
  for (const Value& object : *objects) {
    if (object["apiVersion"].as_string() != "rbac.authorization.k8s.io/v1") continue;
    text += cat(first ? "" : "---\n", to_yaml(object));
    first = false;
  }
  const std::string path = cat(MASU_SOURCE_DIR, "/deploy/roles.yaml");
  if (std::getenv("MASU_UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(write_file(path, text).ok());
  }
  const auto there = read_file(path);
  ASSERT_TRUE(there.ok()) << there.error().message;
  EXPECT_EQ(*there, text) << "MASU_UPDATE_GOLDEN=1 rewrites deploy/roles.yaml";
}

}  // namespace
}  // namespace masu::app
