#include "hub/listing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/text.h"

namespace masu::hub {
namespace {

Objects objects_of(const std::vector<std::string>& names) {
  Objects out;
  for (const std::string& name : names) {
    auto meta = std::make_shared<ObjectMeta>();
    meta->name = name;
    out[name] = meta;
  }
  return out;
}

std::string shown(const ListPage& page) {
  std::string out;
  for (const MetaPtr& object : page.objects) out += cat(object->name, " ");
  for (const std::string& prefix : page.prefixes) out += cat("[", prefix, "] ");
  if (!page.next.empty()) out += cat("-> ", page.next);
  return std::string(trim(out));
}

const Objects tree = objects_of({"a", "a/", "a/1", "a/2", "a/b/3", "b", "c/x", "c/y", "d", "\xC3\xA9"});

TEST(Listing, Pages) {
  struct Case {
    ListQuery query;
    const char* page;
  };
  const Case cases[] = {
      {{}, "a a/ a/1 a/2 a/b/3 b c/x c/y d \xC3\xA9"},
      {{.prefix = "a/"}, "a/ a/1 a/2 a/b/3"},
      {{.delimiter = "/"}, "a b d \xC3\xA9 [a/] [c/]"},
      {{.prefix = "a/", .delimiter = "/"}, "a/ a/1 a/2 [a/b/]"},
      {{.prefix = "a", .delimiter = "/"}, "a [a/]"},
      {{.delimiter = "/", .with_trailing_delimiter = true}, "a a/ b d \xC3\xA9 [a/] [c/]"},
      {{.start = "a/2", .end = "c/y"}, "a/2 a/b/3 b c/x"},
      {{.most = 2}, "a a/ -> a/"},
      {{.after = "a/", .most = 2}, "a/1 a/2 -> a/2"},
      {{.delimiter = "/", .most = 2}, "a [a/] -> a/"},
      {{.delimiter = "/", .after = "a/", .most = 2}, "b [c/] -> c/"},
      {{.delimiter = "/", .after = "c/", .most = 2}, "d \xC3\xA9"},
      {{.prefix = "a/", .delimiter = "/", .after = "a/", .most = 9}, "a/1 a/2 [a/b/]"},
      {{.glob = "*"}, "a b d \xC3\xA9"},
      {{.glob = "a/*"}, "a/ a/1 a/2"},
      {{.glob = "**/3"}, "a/b/3"},
      {{.prefix = "zzz"}, ""},
      {{.after = "zzz"}, "\xC3\xA9"},
  };
  for (const Case& c : cases) EXPECT_EQ(shown(list_page(tree, c.query)), c.page) << c.query.prefix << "|" << c.query.delimiter << "|" << c.query.after;
}

TEST(Listing, PagesTogetherAreTheWholeList) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> names;
    for (int i = 0; i < 40; ++i) {
      std::string name;
      for (unsigned length = random() % 6 + 1; length > 0; --length) name += "ab/\xFF"[random() % 4];
      names.push_back(name);
    }
    const Objects objects = objects_of(names);
    ListQuery query{.prefix = random() % 2 ? "a" : "", .delimiter = random() % 2 ? "/" : ""};
    const std::string whole = shown(list_page(objects, query));
    query.most = random() % 4 + 1;
    ListPage joined;
    for (int pages = 0; pages < 100; ++pages) {
      const ListPage page = list_page(objects, query);
      EXPECT_LE(page.objects.size() + page.prefixes.size(), query.most);
      joined.objects.insert(joined.objects.end(), page.objects.begin(), page.objects.end());
      joined.prefixes.insert(joined.prefixes.end(), page.prefixes.begin(), page.prefixes.end());
      if (page.next.empty()) break;
      query.after = page.next;
    }
    ASSERT_EQ(shown(joined), whole);
  }
}

TEST(Listing, Globs) {
  struct Case {
    const char* pattern;
    const char* name;
    bool matches;
  };
  const Case cases[] = {{"*.txt", "a.txt", true},      {"*.txt", "d/a.txt", false},  {"**.txt", "d/a.txt", true},     {"**/a.txt", "a.txt", true},
                        {"d/**/a", "d/x/y/a", true},   {"d/**/a", "d/a", true},      {"?", "a", true},                {"?", "/", false},
                        {"[a-c]x", "bx", true},        {"[!a-c]x", "bx", false},     {"[abc", "[abc", true},          {"{one,two}/x", "two/x", true},
                        {"{one,two}/x", "six/x", false}, {"a{b", "a{b", true},       {"", "", true},                  {"a*b*c", "aXbYc", true}};
  for (const Case& c : cases) EXPECT_EQ(glob_matches(c.pattern, c.name), c.matches) << c.pattern << " " << c.name;
  EXPECT_FALSE(glob_matches("**a**a**a**a**a**a**a**a**b", std::string(2000, 'a')));  // ends, whatever the pattern
}

}  // namespace
}  // namespace masu::hub
