/// masu image: building, importing, listing and removing images of this machine.

#include <cstdio>

#include "arguments.h"
#include "base/text.h"
#include "commands.h"
#include "data_folder.h"
#include "images/build.h"

namespace masu::app {
namespace {

const std::string usage =
    "masu image build NAME [--from IMAGE] [--pip PKG]... [-r FILE]... [--apt PKG]... [--copy HERE:/THERE]... [--again]\n"
    "       masu image import FILE --name NAME | ls | rm NAME        [--data DIR]";

void say(std::string_view line) { std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data()); }

Status list(const images::Store& store) {
  TRY(const auto all, store.list());
  std::printf("%-40s %-20s %s\n", "NAME", "CREATED", "ID");
  for (const images::Image& image : all) std::printf("%-40s %-20s %s\n", image.name.c_str(), to_rfc3339(image.created).c_str(), image.id.substr(0, 19).c_str());
  std::printf("%-40s %-20s %s\n", "host", "", "this machine's own root");
  return {};
}

Status build(images::Store& store, const Arguments& args) {
  images::Recipe recipe;
  recipe.name = args.word(1);
  recipe.base = args.get("--from", "host");
  recipe.pip = args.all("--pip");
  recipe.apt = args.all("--apt");
  for (const std::string& file : args.all("-r")) recipe.requirements.emplace_back(file);
  for (const std::string& copy : args.all("--copy")) {
    const std::size_t colon = copy.rfind(":/");
    if (colon == std::string::npos || colon == 0) return Error{Code::invalid, cat("--copy ", quote(copy), ": a file or folder here and its place in the image, as in trainer:/opt/trainer")};
    recipe.copies.emplace_back(copy.substr(0, colon), std::filesystem::path(copy.substr(colon + 1)).lexically_normal());
  }
  recipe.again = args.has("--again");
  TRY(const images::Image image, images::build(store, recipe, system_clock(), say, Deadline::after(1h)));
  std::printf("%s\n", image.id.c_str());
  return {};
}

Status run(const Arguments& args) {
  const DataFolder folder = DataFolder::choose(args.get("--data"));
  TRY_OK(make_directories(folder.images(), 0700));
  const auto programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  TRY(const auto store, images::Store::open({.root = folder.images(), .programs = programs}));
  const std::string verb = args.word(0);
  const std::size_t words = args.words().size();
  if (verb == "ls" && words == 1) return list(*store);
  if (verb == "rm" && words == 2) return store->remove(args.word(1));
  if (verb == "build" && words == 2) return build(*store, args);
  if (verb == "import" && words == 2) {
    if (!args.has("--name")) return Error{Code::invalid, cat("--name is missing: what is the image to be called?\nusage: ", usage)};
    TRY(const images::Image image, images::import_archive(*store, args.word(1), args.get("--name"), system_clock(), say, Deadline::after(1h)));
    std::printf("%s\n", image.id.c_str());
    return {};
  }
  return Error{Code::invalid, cat("no such command\nusage: ", usage)};
}

}  // namespace

int image_command(const Words& args) {
  const auto parsed = Arguments::parse(args, {.usage = usage, .switches = {"--again"}, .options = {"--data", "--from", "--pip", "-r", "--apt", "--copy", "--name"}, .words_min = 1, .words_max = 2});
  if (!parsed.ok()) return report(parsed.error());
  const Status done = run(*parsed);
  return done.ok() ? 0 : report(done.error());
}

}  // namespace masu::app
