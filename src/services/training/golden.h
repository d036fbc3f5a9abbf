#pragma once
/// Golden files of this room's tests: MASU_UPDATE_GOLDEN=1 rewrites them, and the reviewer reads the difference.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/files.h"
#include "base/text.h"

namespace masu::training {

inline void expect_golden(const std::string& file, const std::string& text) {
  const std::string path = cat(MASU_SOURCE_DIR, "/", file);
  if (std::getenv("MASU_UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(make_directories(std::filesystem::path(path).parent_path()).ok());
    ASSERT_TRUE(write_file(path, text).ok());
  }
  const auto wanted = read_file(path);
  ASSERT_TRUE(wanted.ok()) << wanted.error().message;
  EXPECT_EQ(*wanted, text) << "MASU_UPDATE_GOLDEN=1 rewrites " << file;
}

}  // namespace masu::training
