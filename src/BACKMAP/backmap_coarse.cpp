/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "backmap_coarse.h"

#include "core/rng.h"
#include "lammps/io.h"
#include "lammps/partitions.h"
#include "training/frames.h"

#include "comm.h"
#include "fmt/format.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

/* ---------------------------------------------------------------------- */

void BackmapCoarse::command(int narg, char **arg)
{
  read_arguments(narg, arg);
  const Topology topology = trajectory.topology();
  const std::string text = backmap_read_file(lmp, map_file, what + ": map");
  // people edit data files, and runs depend on them
  backmap_check_new_file(lmp, file, overwrite, what);

  // what is wrong with the map is told before frames are read, which may take minutes
  Mapping mapping;
  std::vector<CoarseSystem> system;
  backmap_agree(lmp, backmap_attempt(what, [&] {
                  mapping = Mapping::parse(text, topology, map_file);
                  system.emplace_back(topology, mapping, rule);
                  for (const auto &t : layout.torsions)
                    for (const int bead : t)
                      if (bead >= mapping.nbeads())
                        throw std::runtime_error(
                            fmt::format("keyword torsion, expected beads 1 to {} of the map, got "
                                        "{}",
                                        mapping.nbeads(), bead + 1));
                }));
  std::vector<double> x;
  if (trajectory.given())
    trajectory.read(false);
  else
    x = trajectory.positions();

  std::string said, trouble;
  if (comm->me == 0)
    trouble = backmap_attempt(what, [&] {
      said = kind == "data" ? write_data(system[0], starts(mapping, x))
                            : write_dump(system[0], mapping);
    });
  backmap_agree(lmp, trouble);
  if (comm->me == 0) utils::logmesg(lmp, "BACKMAP coarse {}: {}", file, said);
}

/* ---------------------------------------------------------------------- */

void BackmapCoarse::read_arguments(int narg, char **arg)
{
  if (narg < 3)
    backmap_error(lmp, "{}: expected backmap_coarse MAP data|dump FILE keyword value ...", what);
  map_file = arg[0];
  kind = arg[1];
  file = arg[2];
  if (kind != "data" && kind != "dump")
    backmap_error(lmp, "{}: second argument, expected data or dump, got {}", what, kind);

  std::string ids = "consecutive";
  keywords.add("mass", [this](int, char **values) { return read_mass(values[0]); })
      .choice("ids", ids, {"consecutive", "atoms"})
      .yes("overwrite", overwrite);
  keywords.integer("copies", copies, 1)
      .real("spacing", layout.spacing, 1.0e-6, 1.0e9)
      .integer("seed", seed, 1)
      .choice("style", style, {"molecular", "full"})
      .yes("bonds", layout.bonds)
      .add("torsion", [this](int left, char **values) { return read_torsion(left, values); });
  keywords.choice("steps", steps, {"frames", "count"});
  for (int iarg = 3; iarg < narg;) {
    const int used = trajectory.keyword(narg, arg, iarg);
    iarg += used ? used : keywords.take(narg, arg, iarg);
  }
  rule.atom_ids = ids == "atoms";
  layout.full = style == "full";

  const auto only = [&](const std::string &key, const std::string &where) {
    if (keywords.given(key) && kind != where)
      backmap_error(lmp, "{}: keyword {}, expected with {}, got {}", what, key, where, kind);
  };
  for (const auto *key : {"copies", "spacing", "seed", "style", "bonds", "torsion"})
    only(key, "data");
  only("steps", "dump");
  if (kind == "dump" && !trajectory.given())
    backmap_error(lmp, "{}: a dump, expected keyword files with all-atom dumps, got none", what);
  if (seed && !trajectory.given())
    backmap_error(lmp, "{}: keyword seed, expected keyword files beside it, got none", what);
}

/* ---------------------------------------------------------------------- */

int BackmapCoarse::read_mass(const char *value)
{
  const std::string word = value;
  if (word == "group")
    rule.sort = CoarseRule::Group;
  else if (word == "bead")
    rule.sort = CoarseRule::Bead;
  else {
    rule.sort = CoarseRule::Equal;
    rule.mass = utils::is_double(word) ? utils::numeric(FLERR, value, false, lmp) : 0.0;
    if (!(rule.mass > 0.0)) keywords.fail("mass", "group, bead or a mass above 0", word);
  }
  return 1;
}

/* ----------------------------------------------------------------------
   four places of beads, from 1; those of the map are checked when it is known
------------------------------------------------------------------------- */

int BackmapCoarse::read_torsion(int left, char **values)
{
  std::array<int, 4> t{0, 0, 0, 0};
  for (int k = 0; k < 4; k++) {
    const std::string word = k < left ? values[k] : "nothing";
    t[k] = utils::is_integer(word) ? utils::inumeric(FLERR, word.c_str(), false, lmp) - 1 : -1;
    if (t[k] < 0 || std::find(t.begin(), t.begin() + k, t[k]) != t.begin() + k)
      keywords.fail("torsion", "the places of four different beads, from 1", word);
  }
  layout.torsions.push_back(t);
  return 4;
}

/* ----------------------------------------------------------------------
   beads [copies][nbeads][3] to start from: of the system, or of frames
------------------------------------------------------------------------- */

std::vector<double> BackmapCoarse::starts(const Mapping &mapping,
                                          const std::vector<double> &x) const
{
  const size_t m = 3 * (size_t) mapping.nbeads();
  std::vector<double> z(copies * m);
  const auto &frames = trajectory.frames();
  const auto chosen = trajectory.given() ? chosen_frames(frames.n)
                                         : std::vector<int64_t>(copies, 0);
  const double *from = trajectory.given() ? frames.x.data() : x.data();
  for (int k = 0; k < copies; k++) mapping.apply(from + chosen[k] * 3 * frames.natoms, &z[k * m]);
  return z;
}

/* ----------------------------------------------------------------------
   a frame for each copy: at equal distances, or different ones at random
------------------------------------------------------------------------- */

std::vector<int64_t> BackmapCoarse::chosen_frames(int64_t n) const
{
  if (n < copies)
    throw std::runtime_error(
        fmt::format("frames, expected at least one for each of {} copies, got {}", copies, n));
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  for (int64_t k = 0; k < copies; k++)
    if (seed) {
      const auto bits = random_bits(seed, random_stream(0, "backmap_coarse"), 0, 0, k, 0);
      std::swap(order[k], order[k + (int64_t) (random_uniform(bits.v[0]) * (double) (n - k))]);
    } else
      order[k] = k * n / copies;
  return order;
}

/* ----------------------------------------------------------------------
   returns what is to be said, with the commands that read the file
------------------------------------------------------------------------- */

std::string BackmapCoarse::write_data(const CoarseSystem &system, const std::vector<double> &z)
{
  const double smallest = system.smallest_spacing(z);
  if (!keywords.given("spacing"))
    layout.spacing = system.spacing(z);
  else if (layout.spacing < smallest)
    throw std::runtime_error(
        fmt::format("keyword spacing, expected at least {:.4g}, so that no molecules overlap and "
                    "no bead is half a box away from the one before it, got {}",
                    smallest, layout.spacing));
  const std::string reason = backmap_replace_file(file, system.data_text(z, layout));
  if (!reason.empty()) throw std::runtime_error(reason);

  const auto box = CoarseSystem::box(copies, layout.spacing);
  std::string model = map_file;
  const auto end = model.rfind(".map.json");
  model = (end == std::string::npos ? "MODEL" : model.substr(0, end)) + ".cgnet.safetensors";
  // on several ranks a dihedral needs its beads as ghost atoms; a molecule fits into its cube
  const std::string torsions = layout.torsions.empty()
      ? ""
      : fmt::format("comm_modify     cutoff {:.4g}\ndihedral_style  table linear 360\n"
                    "dihedral_coeff  TYPE FILE NAME     # for each of {}\n",
                    0.5 * layout.spacing, layout.torsions.size());
  return fmt::format("{} beads, {} {}, {} atom types, box {:.4g} x {:.4g} x {:.4g}. To read it:\n"
                     "units           {}\n"
                     "atom_style      {}\n"
                     "read_data       {}\n"
                     "pair_style      cgnet\n{}{}",
                     system.nbeads(), copies, copies == 1 ? "copy" : "copies",
                     system.type_list().size(), box[0], box[1], box[2], update->unit_style, style,
                     file, system.pair_coeff(model), torsions);
}

/* ---------------------------------------------------------------------- */

std::string BackmapCoarse::write_dump(const CoarseSystem &system, const Mapping &mapping)
{
  const auto &frames = trajectory.frames();
  const auto step = [&](int64_t i) { return steps == "count" ? i : (int64_t) frames.step[i]; };
  for (int64_t i = 1; i < frames.n; i++)
    if (step(i) <= step(i - 1))
      throw std::runtime_error(fmt::format("dump file {}: step {} after step {}, expected "
                                           "ascending ones, because rerun and read_dump "
                                           "leave out others; steps count numbers the frames anew",
                                           frames.names[frames.source[i]], step(i), step(i - 1)));

  const std::vector<double> z = bead_positions(mapping, frames.natoms, frames.n, frames.x.data(),
                                               std::vector<char>(frames.n, 1));
  const auto box = system.dump_box(z);
  int64_t next = 0;
  const std::string reason = backmap_replace_file(file, [&]() -> std::string {
    if (next == frames.n) return "";
    const double *beads = &z[3 * (size_t) next * system.nbeads()];
    return system.dump_frame(step(next++), box, beads);
  });
  if (!reason.empty()) throw std::runtime_error(reason);
  std::string names;
  for (size_t k = 0; k < system.type_list().size(); k++)
    names += fmt::format(" {} {}", k + 1, system.type_list()[k].name);
  return fmt::format("{} beads, {} frames, steps {} to {}; atom types:{}\n", system.nbeads(),
                     frames.n, step(0), step(frames.n - 1), names);
}
