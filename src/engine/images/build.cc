#include "images/build.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "crypto/hash.h"

namespace masu::images {
namespace {

namespace fs = std::filesystem;

/// Colons and backslashes separate words in overlay's options.
std::string option_path(const fs::path& path) { return replace_all(replace_all(path.native(), "\\", "\\\\"), ":", "\\:"); }

/// Runs in a mount namespace of its own: $1 overlay options, $2 mount point, $3 shell line for inside, $4 a folder where the
/// machine's root is shown through an overlay of its own (else every layer would lie below a layer, which is refused), $5 a
/// folder that is seen as /tmp/copies inside.
/// The data folder's own images are hidden from what runs inside by the private /tmp and /run; /proc and /dev are needed by
/// package scripts.
constexpr const char* inside = R"(set -e
mkdir -p "$4/empty" "$4/root"
mount -t tmpfs tmpfs "$4/empty"
mount -t overlay overlay -o "lowerdir=$4/empty:/" "$4/root"
mount -t overlay overlay -o "$1" "$2"
mount -t proc proc "$2/proc"
mount --rbind /dev "$2/dev"
mount --rbind /sys "$2/sys"
mount -t tmpfs tmpfs "$2/tmp"
mount -t tmpfs tmpfs "$2/run"
mkdir "$2/tmp/copies"
mount --bind "$5" "$2/tmp/copies"
mkdir -p "$2/root"
if [ -e "$2/etc/resolv.conf" ] && [ ! -L "$2/etc/resolv.conf" ]; then mount --bind /etc/resolv.conf "$2/etc/resolv.conf"; fi
exec chroot "$2" /bin/sh -ec "$3"
)";

std::string shell_word(std::string_view word) { return cat("'", replace_all(word, "'", "'\\''"), "'"); }

std::string shell_words(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& word : list) out += cat(" ", shell_word(word));
  return out;
}

/// The commands that make the layer. Packages' caches are not part of an image.
std::string shell_line(const Recipe& recipe, const std::vector<std::string>& requirements_texts) {
  std::string line = "export DEBIAN_FRONTEND=noninteractive PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore HOME=/root LC_ALL=C.UTF-8\n";
  if (!recipe.apt.empty())
    line += cat("apt-get update -qq\napt-get install -y -qq --no-install-recommends", shell_words(recipe.apt), "\napt-get clean\nrm -rf /var/lib/apt/lists/*\n");
  std::vector<std::string> pip = recipe.pip;
  for (std::size_t i = 0; i < requirements_texts.size(); ++i) {
    const std::string file = cat("/tmp/requirements-", i, ".txt");
    line += cat("printf '%s' ", shell_word(requirements_texts[i]), " > ", file, "\n");
    pip.insert(pip.end(), {"-r", file});
  }
  if (!pip.empty()) line += cat("python3 -m pip install --no-cache-dir --no-warn-script-location --disable-pip-version-check -q", shell_words(pip), "\n");
  for (std::size_t i = 0; i < recipe.copies.size(); ++i) {
    const auto& [from, to] = recipe.copies[i];
    const bool folder = fs::is_directory(from);
    line += cat("mkdir -p ", shell_word((folder ? to : to.parent_path()).native()), "\ncp -R ", folder ? cat("/tmp/copies/", i, "/.") : cat("/tmp/copies/", i), " ", shell_word(to.native()), "\n");
  }
  return line;
}

/// What is copied, as text that changes with it: part of the recipe.
Result<std::string> content_of(const Recipe& recipe) {
  std::string out;
  for (const auto& [from, to] : recipe.copies) {
    std::vector<fs::path> files;
    std::error_code problem;
    if (fs::is_directory(from, problem)) {
      for (fs::recursive_directory_iterator it(from, problem), end; !problem && it != end; it.increment(problem))
        if (it->is_regular_file()) files.push_back(it->path());
      if (problem) return Error{Code::unavailable, cat("reading folder ", quote(from.native()), ": ", problem.message())};
      std::sort(files.begin(), files.end());
    } else {
      files.push_back(from);
    }
    for (const fs::path& file : files) {
      TRY(const std::string bytes, read_file(file));
      out += cat("copy ", to.native(), " ", file.lexically_relative(from).native(), " ", crypto::sha256_hex(bytes), "\n");
    }
  }
  return out;
}

/// Copies into a folder that only we see, so that nothing else of the machine is within reach of the build.
Status stage_copies(const Recipe& recipe, const fs::path& folder) {
  TRY_OK(make_directories(folder, 0755));
  for (std::size_t i = 0; i < recipe.copies.size(); ++i) {
    std::error_code problem;
    fs::copy(recipe.copies[i].first, folder / std::to_string(i), fs::copy_options::recursive | fs::copy_options::copy_symlinks, problem);
    if (problem) return Error{Code::unavailable, cat("copying ", quote(recipe.copies[i].first.native()), ": ", problem.message())};
  }
  return {};
}

/// Settings of the machine that package managers need: index, proxies, certificates (RUN-15).
std::map<std::string, std::string> build_environment() {
  std::map<std::string, std::string> out{{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}};
  for (const auto& [key, value] : current_environment()) {
    const bool passed = key.starts_with("PIP_") || key.find("CERT") != std::string::npos || key.find("CA_BUNDLE") != std::string::npos ||
                        equal_fold(key, "http_proxy") || equal_fold(key, "https_proxy") || equal_fold(key, "no_proxy");
    if (passed) out.emplace(key, value);
  }
  return out;
}

Status check_able() {
  if (::geteuid() != 0) return Error{Code::unsupported, "building an image needs root (its layer is an overlay mount); run \"masu image build\" as root"};
  for (const char* program : {"unshare", "mount", "chroot"})
    if (!find_program(program)) return Error{Code::unsupported, cat("building an image needs the program ", quote(program), "; apt-get install util-linux coreutils")};
  return {};
}

Result<std::string> tail_of(const fs::path& log) {
  TRY(const std::string text, read_file(log));
  return text.size() > 3000 ? "... " + text.substr(text.size() - 3000) : text;
}

/// Runs the shell line on the base; its changes are in `work`/upper afterwards.
Status run_on_base(const Image& base, const fs::path& work, const std::string& line, const std::string& doing, Deadline deadline, const Say& say) {
  for (const char* folder : {"upper", "overlay-work", "root", "host", "copies"}) TRY_OK(make_directories(work / folder, 0755));
  std::vector<std::string> lower;
  for (const fs::path& layer : base.layers) lower.push_back(option_path(layer == "/" ? work / "host" / "root" : layer));
  const std::string options = cat("lowerdir=", join(lower, ":"), ",upperdir=", option_path(work / "upper"), ",workdir=", option_path(work / "overlay-work"));
  const Command command{.argv = {"unshare", "--mount", "--propagation", "private", "--", "/bin/sh", "-c", inside, "sh", options, (work / "root").native(), line, (work / "host").native(), (work / "copies").native()},
                        .environment = build_environment()};
  // What the program says goes to a file: it may be long, and a person sees its end if it fails.
  const fs::path log = work / "log";
  TRY_OK(write_file(log, ""));
  FileDescriptor out(::open(log.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!out.valid()) return errno_error("opening", log);
  TRY(Child child, Child::start(command, {-1, out.get(), out.get()}));
  const Duration patience = 10s;
  for (Duration waited{0};;) {
    const auto code = child.wait(deadline.at_most(patience));
    if (code.ok() && *code == 0) return {};
    if (code.ok()) {
      TRY(const std::string said, tail_of(log));
      return Error{Code::unavailable, cat(doing, " ended with exit code ", *code, ":\n", trim(said))};
    }
    waited += patience;
    if (deadline.expired()) {
      child.signal(9);
      static_cast<void>(child.wait(Deadline::after(5s)));
      return Error{Code::timeout, cat(doing, " did not end in time and was stopped")};
    }
    say(cat("  still installing (", to_human(waited), ")"));
  }
}

/// What an overlay writes into its upper directory for mount points and private file systems is no part of the image.
Status clean_upper(const fs::path& upper) {
  for (const char* folder : {"proc", "sys", "dev", "tmp", "run"}) TRY_OK(remove_tree(upper / folder));
  return {};
}

}  // namespace

Result<Image> build(Store& store, const Recipe& recipe, const Clock& clock, const Say& say, Deadline deadline) {
  TRY(const std::string name, normal_name(recipe.name));
  TRY(const Image base, store.resolve(recipe.base).context(cat("building image ", quote(name))));
  std::vector<std::string> requirements;
  for (const fs::path& file : recipe.requirements) {
    TRY(std::string text, read_file(file));
    requirements.push_back(std::move(text));
  }
  const std::string line = shell_line(recipe, requirements);
  TRY(const std::string copied, content_of(recipe));
  const std::string wanted = cat("from ", base.name, " ", base.id, "\n", line, copied);
  if (const auto there = store.resolve(name); there.ok() && there->recipe == wanted && !recipe.again) {
    say(cat("image ", name, " is there already, built from the same recipe"));
    return *there;
  }
  TRY_OK(check_able());
  TRY(const Store::Work scratch, store.work());
  const fs::path& work = scratch.path();
  std::vector<std::string> packages = recipe.apt;
  packages.insert(packages.end(), recipe.pip.begin(), recipe.pip.end());
  for (const fs::path& file : recipe.requirements) packages.push_back(cat("-r ", file.native()));
  for (const auto& [from, to] : recipe.copies) packages.push_back(to.native());
  say(cat("building ", name, " from ", base.name, ": ", join(packages, ", ")));
  TRY_OK(stage_copies(recipe, work / "copies"));
  TRY_OK(run_on_base(base, work, line, cat("installing ", join(packages, ", "), " into image ", quote(name)), deadline, say));
  TRY_OK(clean_upper(work / "upper"));

  Image image;
  image.name = name;
  image.created = clock.now();
  image.id = cat("sha256:", crypto::sha256_hex(cat(wanted, to_rfc3339_micro(image.created))));
  TRY(const fs::path layer, store.keep_layer(work / "upper", image.id.substr(7, 24)));
  image.layers = base.layers;
  image.layers.insert(image.layers.begin(), layer);
  image.config = base.config;
  image.recipe = wanted;
  TRY_OK(store.put(image));
  return image;
}

}  // namespace masu::images
