/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The shipped (corrected) CG model of alanine dipeptide, driven at twice its temperature: a correction must not make holes,
// nor lose beads.  The same criteria must catch models that do.

#include "cgnet/cgnet.h"
#include "core/model_file.h"

#include "atom.h"
#include "domain.h"
#include "input.h"
#include "lammps.h"
#include "library.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <mpi.h>
#include <sstream>
#include <string>
#include <vector>

using namespace BACKMAP_NS;

namespace {

const std::string examples = std::string(BACKMAP_EXAMPLES) + "/alanine-dipeptide/";

std::string contents(const std::string &path)
{
  std::stringstream s;
  s << std::ifstream(path, std::ios::binary).rdbuf();
  return s.str();
}

CgnetSpec shipped()
{
  const std::string path = std::string(BACKMAP_POTENTIALS) + "/ala2.cgnet.safetensors";
  return CgnetSpec::from_model(ModelFile::parse(contents(path), path));
}

/// Beads of the held-out all-atom frames (300 K) [n][nbeads][3].
std::vector<double> heldout(const CgnetSpec &spec)
{
  std::ifstream in(examples + "ala2.heldout.dump");
  std::vector<double> z, x(3 * spec.natoms);
  std::string line;
  while (std::getline(in, line)) {
    if (line.compare(0, 11, "ITEM: ATOMS") != 0) continue;
    for (int i = 0; i < spec.natoms; i++) {
      int id;
      double v[3];
      in >> id >> v[0] >> v[1] >> v[2];
      std::copy(v, v + 3, &x[3 * (id - 1)]);
    }
    for (const auto &b : spec.beads) z.insert(z.end(), &x[3 * b.atoms[0]], &x[3 * b.atoms[0]] + 3);
  }
  return z;
}

/**
   What a run may do.  Beyond these limits it has left what the model was trained on for a place that the molecule does
   not have:
     lost      an energy or a coordinate is not a finite number, or a bond is more than a quarter longer or shorter than
               its mean in the data (nine standard deviations at 600 K)
     collapsed two beads that are not bonded are nearer than 0.65 of the shortest distance in the training data, which
               the soft spheres of the prior remember, sigma = 0.1^(1/12) of it: their energy there is 17.6 kT at 300 K, of
               which heat pays 8.8 kT (600 K) only where a hole pays the rest
     hole      an energy lies 3 kT (300 K) below the lowest one of the same model over 200 all-atom frames at 300 K that
               training never saw; those reach the bottom of the wells within about 2 kT
*/
struct Criteria {
  CgnetSpec spec;
  double lowest, kT;

  explicit Criteria(const CgnetSpec &s) : spec(s), kT(boltzmann_constant(s.units) * 300.0)
  {
    const auto z = heldout(s);
    const int n = static_cast<int>(z.size()) / (3 * s.nbeads());
    std::vector<double> u(n), f(z.size());
    Cgnet(s).evaluate(n, z.data(), u.data(), f.data());
    lowest = *std::min_element(u.begin(), u.end());
  }

  /// Empty, or what is wrong with a configuration z [nbeads][3] of energy u; prior: that of the shipped model.
  std::string breach(const CgnetSpec::Prior &prior, double u, const double *z) const
  {
    if (!std::isfinite(u)) return "lost";
    for (int k = 0; k < 3 * spec.nbeads(); k++)
      if (!std::isfinite(z[k])) return "lost";
    for (std::size_t b = 0; b < prior.bonds.size(); b++) {
      const double r = bead_distance(z + 3 * prior.bonds[b][0], z + 3 * prior.bonds[b][1]);
      if (std::fabs(r / prior.mean[b] - 1.0) > 0.25) return "lost";
    }
    for (std::size_t p = 0; p < prior.repulsion.size(); p++) {
      const double r = bead_distance(z + 3 * prior.repulsion[p][0], z + 3 * prior.repulsion[p][1]);
      if (r < 0.65 * prior.sigma[p] * std::pow(0.1, -1.0 / 12.0)) return "collapsed";
    }
    return u < lowest - 3.0 * kT ? "hole" : "";
  }
};

struct Outcome {
  std::string breach;         // of the first bad configuration
  long step = 0;              // where
  double lowest = 1e300;      // energy relative to that of the data, kT at 300 K
  double shortest = 1e300;    // distance over the shortest one of the data
  double stretch = 0.0;       // largest relative deviation of a bond
  int sides = 0;              // times that phi changed its sign, seen every 1000 steps
};

/// Runs `steps` steps at 600 K from one side and looks at every tenth; stops at the first breach.
Outcome run(const CgnetSpec &spec, const std::string &side, long steps)
{
  const std::string file = "hot." + side + ".safetensors";
  std::ofstream(file, std::ios::binary) << spec.to_model().serialize();
  const Criteria criteria(spec);
  const CgnetSpec::Prior prior = shipped().prior;
  const char *words[] = {"test", "-screen", "none", "-log", "none", "-nocite"};
  LAMMPS_NS::LAMMPS lmp(6, const_cast<char **>(words), MPI_COMM_WORLD);
  std::istringstream script("units real\natom_style molecular\nread_data " + examples +
                            "ala2.coarse." + side + ".data\npair_style cgnet\npair_coeff * * " +
                            file +
                            " C N CA CB C N\n"
                            "velocity all create 600 4711 mom yes rot yes dist gaussian loop geom\n"
                            "variable t equal 600\nvariable gjfseed equal 8123\ninclude " +
                            examples +
                            "in.gjf\ntimestep 1.25\n"
                            "thermo 0\nthermo_modify lost ignore flush no\nrun 0\n");
  std::string line;
  while (std::getline(script, line)) lmp.input->one(line);
  const int m = spec.nbeads();
  std::vector<double> z(3 * m);
  Outcome out;
  double before = 0.0;
  for (long step = 0; step < steps; step += 10) {
    lmp.input->one("run 10 pre no post no");
    if (lmp.atom->nlocal != m) {
      out.breach = "lost";
      out.step = step + 10;
      return out;
    }
    for (int i = 0; i < m; i++) {
      int bead = 0;
      while (spec.beads[bead].atoms[0] != lmp.atom->tag[i] - 1) bead++;
      lmp.domain->unmap(lmp.atom->x[i], lmp.atom->image[i], &z[3 * bead]);
    }
    double u = 0.0;
    std::vector<double> f(3 * m);
    Cgnet(spec).evaluate(1, z.data(), &u, f.data());
    out.breach = criteria.breach(prior, u, z.data());
    out.step = step + 10;
    out.lowest = std::min(out.lowest, (u - criteria.lowest) / criteria.kT);
    for (std::size_t b = 0; b < prior.bonds.size(); b++)
      out.stretch =
          std::max(out.stretch,
                   std::fabs(bead_distance(&z[3 * prior.bonds[b][0]], &z[3 * prior.bonds[b][1]]) /
                                 prior.mean[b] -
                             1.0));
    for (std::size_t p = 0; p < prior.repulsion.size(); p++)
      out.shortest =
          std::min(out.shortest,
                   bead_distance(&z[3 * prior.repulsion[p][0]], &z[3 * prior.repulsion[p][1]]) /
                       (prior.sigma[p] * std::pow(0.1, -1.0 / 12.0)));
    if (!out.breach.empty()) return out;
    if (out.step % 1000 == 0) {
      const double phi = bead_dihedral(&z[0], &z[3], &z[6], &z[12]);
      if (phi * before < 0.0 && std::fabs(phi) < 2.5) out.sides++;
      before = phi;
    }
  }
  return out;
}

CgnetSpec without_prior()
{
  CgnetSpec s = shipped();
  s.prior = CgnetSpec::Prior();
  return s;
}

/// The network upside down: low where there are no data.
CgnetSpec with_holes()
{
  CgnetSpec s = shipped();
  for (double &w : s.layers.back().weight) w = -w;
  for (double &b : s.layers.back().bias) b = -b;
  return s;
}

}    // namespace

/* ---------------------------------------------------------------------- */

TEST(HotRun, shipped_model_has_no_holes_and_loses_no_beads)
{
  for (const std::string side : {"minus", "plus"}) {
    const Outcome o = run(shipped(), side, 200000);
    printf("%s: lowest energy %.2f kT above that of the data, shortest distance %.3f of that in "
           "the data, bonds off by up "
           "to %.3f; phi changed sides %d times\n",
           side.c_str(), o.lowest, o.shortest, o.stretch, o.sides);
    EXPECT_EQ(o.breach, "") << side << ", step " << o.step;
    EXPECT_EQ(o.step, 200000);
  }
}

TEST(HotRun, control_network_without_prior_is_caught)
{
  for (const std::string side : {"minus", "plus"}) {
    const Outcome o = run(without_prior(), side, 200000);
    printf("%s: %s at step %ld\n", side.c_str(), o.breach.c_str(), o.step);
    EXPECT_NE(o.breach, "") << side;
  }
}

TEST(HotRun, control_network_with_holes_is_caught)
{
  for (const std::string side : {"minus", "plus"}) {
    const Outcome o = run(with_holes(), side, 200000);
    printf("%s: %s at step %ld, %.1f kT below the data\n", side.c_str(), o.breach.c_str(), o.step,
           -o.lowest);
    EXPECT_NE(o.breach, "") << side;
  }
}
