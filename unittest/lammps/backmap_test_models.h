/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Models, CG systems and trajectories for the tests of fix backmap.

#ifndef BACKMAP_TEST_MODELS_H
#define BACKMAP_TEST_MODELS_H

#include "fix_test_support.h"
#include "flow/flow_test_support.h"

#include "core/model_file.h"
#include "lammps/fine_engine.h"

#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace fix_test {

inline std::string write_model(const std::string &name, const BACKMAP_NS::FlowSpec &spec)
{
  return write_file(name, spec.to_model().serialize());
}

/* a random flow with the masses and bonds of alanine dipeptide; its samples have high energies, which is no matter here */

inline BACKMAP_NS::FlowSpec ala2_flow(unsigned seed = 1)
{
  BACKMAP_NS::test::FlowShape shape;
  shape.strength = 0.3;
  BACKMAP_NS::FlowSpec spec = BACKMAP_NS::test::random_flow(seed, shape);
  BACKMAP_NS::FineEngine engine(write_file("model.in", ala2_script()),
                                BACKMAP_NS::FineEngine::Role::Silent);
  spec.masses = engine.masses();
  spec.bonds = engine.bonds();
  return spec;
}

/* header of a CG data file: molecules of nbeads beads with types 1..nbeads (or those given), bonds along the chain given */

inline std::string coarse_data(int nmolecules, int nbeads,
                               const std::vector<std::array<int, 2>> &bonds,
                               const std::vector<double> &z, const std::vector<int> &types = {},
                               double shift = 30.0)
{
  std::string text = "CG beads\n\n" + std::to_string(nmolecules * nbeads) + " atoms\n" +
      std::to_string(nmolecules * bonds.size()) + " bonds\n\n" + std::to_string(nbeads) +
      " atom types\n" + std::to_string(bonds.size()) +
      " bond types\n\n-200 200 xlo xhi\n-200 200 ylo yhi\n-200 200 zlo zhi\n\nMasses\n\n";
  for (int k = 0; k < nbeads; k++) text += std::to_string(k + 1) + " 12.0\n";
  text += "\nAtoms # bond\n\n";
  char line[200];
  for (int m = 0; m < nmolecules; m++)
    for (int k = 0; k < nbeads; k++) {
      snprintf(line, sizeof(line), "%d %d %d %.12g %.12g %.12g\n", m * nbeads + k + 1, m + 1,
               types.empty() ? k + 1 : types[k], z[3 * k] + shift * m, z[3 * k + 1], z[3 * k + 2]);
      text += line;
    }
  if (!bonds.empty()) {
    text += "\nBonds\n\n";
    for (int m = 0, n = 1; m < nmolecules; m++)
      for (std::size_t b = 0; b < bonds.size(); b++, n++)
        text += std::to_string(n) + " " + std::to_string(b + 1) + " " +
            std::to_string(m * nbeads + bonds[b][0] + 1) + " " +
            std::to_string(m * nbeads + bonds[b][1] + 1) + "\n";
  }
  return text;
}

/* one frame of a dump: z [natoms][3] */

inline std::string dump_frame(long step, const std::vector<double> &z)
{
  std::string text = "ITEM: TIMESTEP\n" + std::to_string(step) + "\nITEM: NUMBER OF ATOMS\n" +
      std::to_string(z.size() / 3) +
      "\nITEM: BOX BOUNDS pp pp pp\n-200 200\n-200 200\n-200 200\nITEM: ATOMS id x y z\n";
  char line[200];
  for (std::size_t i = 0; i < z.size() / 3; i++) {
    snprintf(line, sizeof(line), "%zu %.15g %.15g %.15g\n", i + 1, z[3 * i], z[3 * i + 1],
             z[3 * i + 2]);
    text += line;
  }
  return text;
}

/* beads of alanine dipeptide in frames of the oracle, several molecules side by side in one CG frame */

inline std::string ala2_coarse_dump(const std::vector<Frame> &frames, int nframes, int nmolecules)
{
  std::string text;
  for (int i = 0; i < nframes; i++) {
    std::vector<double> z;
    for (int m = 0; m < nmolecules; m++)
      for (int atom : BACKMAP_NS::test::ala2_beads())
        for (int d = 0; d < 3; d++)
          z.push_back(frames[(i * nmolecules + m) % 44].x[3 * atom + d] +
                      (d == 0 ? 30.0 * m : 0.0));
    text += dump_frame(10 * (i + 1), z);
  }
  return text;
}

inline std::string ala2_coarse_script(int nmolecules, const std::string &name = "coarse.data")
{
  const std::string data =
      write_file(name, coarse_data(nmolecules, 6, {}, BACKMAP_NS::test::ala2_bead_positions(1)));
  return "units real\natom_style bond\natom_modify map array\nread_data " + data + "\n";
}

// ---------------------------------------------------------------------- a toy with closed forms

/* three beads and one atom on the third: r and theta Gaussian, torsion uniform.  The all-atom energy is harmonic in
   r and theta with just these widths, so the weights keep the volume element r^2 sin theta and
   F(z) = U_beads(z) - kT ln[(2 pi)^2 s_r s_t (r0^2 + s_r^2) sin(t0) exp(-s_t^2/2)] */

struct Toy {
  const double kt = 0.0019872067 * 300.0, r0 = 1.5, sr = 0.08, t0 = 1.9, st = 0.12, b0 = 1.6;
  const double fine_k = 20.0, coarse_k = 12.0;    // of the bond between beads 1 and 2
  const double other_k = 50.0,
               other_b = 1.4;    // of the bond between beads 2 and 3, the same in both

  BACKMAP_NS::FlowSpec flow() const
  {
    BACKMAP_NS::FlowSpec s;
    s.molecule = "toy";
    s.temperature = 300.0;
    s.natoms = 4;
    s.masses = {12.0, 12.0, 12.0, 12.0};
    s.types = {1, 1, 1, 1};
    s.charges = {0.0, 0.0, 0.0, 0.0};
    s.bonds = {{{0, 1}}, {{1, 2}}, {{2, 3}}};
    for (int i = 0; i < 3; i++) s.beads.push_back({"B", {i}, {1.0}});
    s.features = BACKMAP_NS::derive_features(3, {{{0, 1}}, {{1, 2}}});
    s.zmatrix = {{{3, 2, 1, 0}}};
    s.circular = {2};
    s.linear = s.derive_linear();
    s.hidden = 4;
    s.bins = 4;
    s.circular_bins = 4;
    s.bound = 5.0;
    s.linear_mean = {r0, t0};
    s.linear_chol = {sr, 0.0, 0.0, st};
    s.feature_mean.assign(s.nf(), 1.0);
    s.feature_std.assign(s.nf(), 1.0);
    std::mt19937_64 random(1);
    s.affine[0] = BACKMAP_NS::test::random_layer(random, 4, s.nf(), 0.0, 0.0);
    s.affine[1] = BACKMAP_NS::test::random_layer(random, 4, 4, 0.0, 0.0);
    s.affine[2] = BACKMAP_NS::test::random_layer(random, 4, 4, 0.0, 0.0);
    s.validate("toy flow");
    return s;
  }

  std::string fine_script(const std::string &extra = "") const
  {
    const std::string data =
        write_file("toy.fine.data",
                   "toy\n\n4 atoms\n3 bonds\n1 angles\n\n1 atom types\n3 bond types\n1 angle "
                   "types\n\n-50 50 xlo xhi\n-50 50 ylo yhi\n"
                   "-50 50 zlo zhi\n\nMasses\n\n1 12.0\n\nAtoms # molecular\n\n1 1 1 0 0 0\n2 1 1 "
                   "1.5 0 0\n3 1 1 2 1.4 0\n4 1 1 3.5 1.4 0\n\n"
                   "Bonds\n\n1 1 1 2\n2 2 2 3\n3 3 3 4\n\nAngles\n\n1 1 2 3 4\n");
    char text[2000];
    snprintf(
        text, sizeof(text),
        "units real\natom_style molecular\nboundary f f f\nbond_style harmonic\nangle_style "
        "harmonic\nread_data %s\n"
        "bond_coeff 1 %.15g %.15g\nbond_coeff 2 %.15g %.15g\nbond_coeff 3 %.15g %.15g\nangle_coeff "
        "1 %.15g %.15g\n"
        "variable b equal sqrt((x[1]-x[2])^2+(y[1]-y[2])^2+(z[1]-z[2])^2)\n"
        "variable r equal sqrt((x[3]-x[4])^2+(y[3]-y[4])^2+(z[3]-z[4])^2)\nvariable e equal pe\n",
        data.c_str(), fine_k, b0, other_k, other_b, 0.5 * kt / (sr * sr), r0, 0.5 * kt / (st * st),
        t0 * 180.0 / M_PI);
    return text + extra;
  }

  double free_energy(double b, double c) const
  {
    return fine_k * (b - b0) * (b - b0) + other_k * (c - other_b) * (c - other_b) -
        kt *
        std::log(4.0 * M_PI * M_PI * sr * st * (r0 * r0 + sr * sr) * std::sin(t0) *
                 std::exp(-0.5 * st * st));
  }

  /* mean of the bond length for a density b^2 exp(-k (b-b0)^2 / kT) */
  double mean_bond(double k) const
  {
    double s0 = 0.0, s1 = 0.0;
    for (double b = 0.3; b < 3.0; b += 1e-4) {
      const double w = b * b * std::exp(-k * (b - b0) * (b - b0) / kt);
      s0 += w;
      s1 += w * b;
    }
    return s1 / s0;
  }

  /* independent beads of a CG model with constant k: both bonds by rejection, the angle uniform in its cosine */
  std::vector<double> draw(std::mt19937_64 &engine, double k) const
  {
    const auto uniform = [&] { return ((engine() >> 11) + 0.5) * 0x1p-53; };
    const auto bond = [&](double spring, double b0) {
      const double s = std::sqrt(0.5 * kt / spring);
      for (;;) {
        const double b = b0 + 7.0 * s * (2.0 * uniform() - 1.0), top = b0 + 7.0 * s;
        if (b > 0.0 &&
            uniform() < b * b / (top * top) * std::exp(-0.5 * (b - b0) * (b - b0) / (s * s)))
          return b;
      }
    };
    const double a = bond(k, b0), c = bond(other_k, other_b), cosine = 2.0 * uniform() - 1.0;
    return {0.0, 0.0, 0.0, a, 0.0, 0.0, a - c * cosine, c * std::sqrt(1.0 - cosine * cosine), 0.0};
  }

  /* the atom after its beads x, at r, theta and a torsion whose zero lies in the plane of the beads */
  static void add_atom(std::vector<double> &x, double r, double t, double p)
  {
    const std::array<double, 3> b{x[3], x[4], x[5]}, c{x[6], x[7], x[8]};
    double e[3] = {c[0] - b[0], c[1] - b[1], c[2] - b[2]};
    const double length = std::sqrt(e[0] * e[0] + e[1] * e[1] + e[2] * e[2]);
    for (double &v : e) v /= length;
    const double in_plane[3] = {-e[1], e[0], 0.0};
    for (int d = 0; d < 3; d++)
      x.push_back(c[d] - r * std::cos(t) * e[d] +
                  r * std::sin(t) * (std::cos(p) * in_plane[d] + std::sin(p) * (d == 2)));
  }

  std::string coarse_script(int nmolecules = 1) const
  {
    const std::string data = write_file("toy.coarse.data",
                                        coarse_data(nmolecules, 3, {{{0, 1}}, {{1, 2}}},
                                                    {0, 0, 0, 1.5, 0, 0, 2, 1.4, 0}, {1, 1, 1}));
    char text[1000];
    snprintf(text, sizeof(text),
             "units real\natom_style bond\natom_modify map array\nbond_style harmonic\ncomm_modify "
             "cutoff 20.0\nread_data %s\n"
             "bond_coeff 1 %.15g %.15g\nbond_coeff 2 %.15g %.15g\n",
             data.c_str(), coarse_k, b0, other_k, other_b);
    return text;
  }
};

}    // namespace fix_test
#endif
