#pragma once
/// The commands of `masu`. Each takes the words after its name and returns the exit code: 0 success, 1 it did not work,
/// 2 the command line is wrong. Results go to standard output, everything else to standard error.

#include <string>
#include <vector>

#include "base/result.h"

namespace masu::app {

using Words = std::vector<std::string>;

int up_command(const Words& args);          // up.cc: API, controllers, hub, node agent on one machine
int down_command(const Words& args);        // instance_commands.cc
int status_command(const Words& args);
int env_command(const Words& args);
int user_command(const Words& args);
int doctor_command(const Words& args);      // doctor.cc
int image_command(const Words& args);       // image_command.cc
int storage_command(const Words& args);     // storage_command.cc: ls, cp, cat, rm in buckets
int node_command(const Words& args);        // node_command.cc: the node agent
int controller_command(const Words& args);  // controller_command.cc: the services against any Kubernetes
int job_setup_command(const Words& args);   // in a training pod: fetches packages
int collect_command(const Words& args);     // in a training pod: reports metrics

/// Prints "masu: <message>" to standard error; 2 for a wrong command line (invalid with a usage line), else 1.
int report(const Error& error);

}  // namespace masu::app
