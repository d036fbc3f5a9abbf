#include "masu-run/packages.h"

#include <unistd.h>

#include <algorithm>

#include "base/process.h"
#include "base/text.h"

namespace masu::runner {
namespace {

// Exit codes of the script below.
constexpr int installed = 0, needs_dependencies = 65, not_for_us = 64;

/// What pip's legacy install does for a source distribution, without starting an interpreter three times.
constexpr std::string_view quick_install = R"py(
import os, re, sys, tarfile, tempfile
def canonical(name): return re.sub(r'[-_.]+', '-', name).lower()
package = sys.argv[1]
try:
    import site, setuptools
    if 'setuptools' not in sys.modules or not site.ENABLE_USER_SITE: sys.exit(64)
    archive = tarfile.open(package)
    work = tempfile.mkdtemp(prefix='masu-package-')
    for member in archive.getmembers():
        name = os.path.normpath(member.name)
        if name.startswith(('/', '..')) or not (member.isfile() or member.isdir()): sys.exit(64)
    archive.extractall(work)
    roots = [os.path.join(work, name) for name in os.listdir(work)]
    if len(roots) != 1 or not os.path.isfile(os.path.join(roots[0], 'setup.py')): sys.exit(64)
    root = roots[0]
    if os.path.exists(os.path.join(root, 'pyproject.toml')): sys.exit(64)
    name = ''
    for line in open(os.path.join(root, 'PKG-INFO'), encoding='utf-8', errors='replace'):
        if line.startswith('Name:'): name = canonical(line[5:].strip()); break
    if not name: sys.exit(64)
    user_site = site.getusersitepackages()
    for entry in (os.listdir(user_site) if os.path.isdir(user_site) else []):
        base, kind = os.path.splitext(entry)
        if kind in ('.dist-info', '.egg-info', '.egg-link') and canonical(base.rsplit('-', 1)[0]) in (name, canonical(base)):
            if canonical(base.split('-')[0]) == name: sys.exit(64)
except SystemExit: raise
except Exception: sys.exit(64)
os.chdir(root)
record = os.path.join(work, 'record')
sys.argv = ['setup.py', '-q', 'install', '--user', '--single-version-externally-managed', '--record', record]
sys.path.insert(0, root)
import warnings
warnings.simplefilter('ignore')
__file__ = os.path.join(root, 'setup.py')
exec(compile(open(__file__, encoding='utf-8').read(), __file__, 'exec'))
for line in open(record):
    if line.strip().endswith('requires.txt') and os.path.getsize(line.strip()) > 0: sys.exit(65)
import shutil
os.chdir('/')
shutil.rmtree(work, ignore_errors=True)
)py";

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

Result<int> call(std::vector<std::string> argv, const std::map<std::string, std::string>& environment) {
  TRY(Child child, Child::start({.argv = std::move(argv), .environment = environment}, {-1, STDOUT_FILENO, STDERR_FILENO}));
  return child.wait(Deadline::none());
}

/// pip with the build tools that are here, so that nothing is fetched that need not be; then once more as pip likes it.
Status pip(const std::string& python, std::vector<std::string> words, const std::string& package,
    const std::map<std::string, std::string>& environment) {
  std::vector<std::string> argv = {python, "-m", "pip", "install", "--user", "--root-user-action=ignore"};
  argv.insert(argv.end(), words.begin(), words.end());
  std::vector<std::string> here = argv;
  here.push_back("--no-build-isolation");
  here.push_back(package);
  TRY(const int first, call(std::move(here), environment));
  if (first == 0) return {};
  argv.push_back(package);
  TRY(const int second, call(std::move(argv), environment));
  if (second == 0) return {};
  return Error{Code::invalid, cat("installing package ", quote(package), ": pip ended with exit code ", second,
                                  "; its words are in the log. Without a package index only packages whose dependencies "
                                  "are in the image can be installed")};
}

}  // namespace

std::vector<std::string> packages_in(const std::filesystem::path& directory) {
  std::vector<std::string> out;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename().native();
    for (const std::string_view kind : {".tar.gz", ".tgz", ".zip", ".whl", ".tar.bz2"}) {
      if (ends_with(name, kind)) out.push_back(entry.path().native());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

Status install_package(const std::string& python, const std::string& package, const std::map<std::string, std::string>& environment) {
  if (::access(package.c_str(), R_OK) != 0) return errno_error("installing package", package);
  bool alone = false;
  if (ends_with(package, ".tar.gz") || ends_with(package, ".tgz")) {
    TRY(const int code, call({python, "-c", std::string(quick_install), package}, environment));
    if (code == installed) return {};
    alone = code == needs_dependencies;
  }
  if (!alone) TRY_OK(pip(python, {"--upgrade", "--force-reinstall", "--no-deps"}, package, environment));
  return pip(python, {}, package, environment);
}

}  // namespace masu::runner
