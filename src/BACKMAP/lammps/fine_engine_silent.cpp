/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/fine_engine_silent.h"

#include "command.h"
#include "dump.h"
#include "input.h"
#include "lammps.h"
#include "modify.h"
#include "output.h"

#include <cstring>
#include <map>
#include <string>
#include <vector>

using namespace LAMMPS_NS;

namespace BACKMAP_NS {

namespace {

/* a dump of any style that never opens its file */

class SilentDump : public Dump {
 public:
  SilentDump(LAMMPS *lmp, int narg, char **arg) : Dump(lmp, narg, arg) { size_one = 1; }
  void write() override {}

 protected:
  void init_style() override {}
  int modify_param(int narg, char **) override { return narg; }
  void write_header(bigint) override {}
  void pack(tagint *) override {}
  void write_data(int, double *) override {}
};

Dump *make_dump(LAMMPS *lmp, int narg, char **arg)
{
  return new SilentDump(lmp, narg, arg);
}

class SilentCommand : public Command {
 public:
  explicit SilentCommand(LAMMPS *lmp) : Command(lmp) {}
  void command(int, char **) override {}
};

Command *make_command(LAMMPS *lmp)
{
  return new SilentCommand(lmp);
}

/* the original creators of the fixes that write files, which are the same functions in every instance */

std::map<std::string, Modify::FixCreator> &originals()
{
  static std::map<std::string, Modify::FixCreator> map;
  return map;
}

Fix *make_fix(LAMMPS *lmp, int narg, char **arg)
{
  std::vector<char *> kept;
  for (int i = 0; i < narg; i++) {
    const bool file = i > 3 && (strcmp(arg[i], "file") == 0 || strcmp(arg[i], "append") == 0);
    if (file && i + 1 < narg)
      i++;
    else
      kept.push_back(arg[i]);
  }
  return originals()[arg[2]](lmp, static_cast<int>(kept.size()), kept.data());
}

}    // namespace

/* ---------------------------------------------------------------------- */

void silence_output(LAMMPS *lmp)
{
  for (auto &entry : *lmp->output->dump_map) entry.second = &make_dump;
  for (const char *name : {"write_data", "write_dump", "write_restart", "write_coeff"}) {
    auto found = lmp->input->command_map->find(name);
    if (found != lmp->input->command_map->end()) found->second = &make_command;
  }
  for (auto &entry : *lmp->modify->fix_map)
    if (entry.first == "print" || entry.first.compare(0, 4, "ave/") == 0) {
      if (entry.second != &make_fix) originals()[entry.first] = entry.second;
      entry.second = &make_fix;
    }
}

}    // namespace BACKMAP_NS
