/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/data_check.h"

#include "flow/internal_coords.h"
#include "molecule/features.h"
#include "training/flow_variables.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace BACKMAP_NS {

namespace {

using L = DataLimits;
using Counts = std::vector<int64_t>;

constexpr double DEGREE = 3.14159265358979323846 / 180.0;
constexpr int NBINS = 72, BIN = 360 / NBINS;    // of a torsion, in degrees

double degrees_of_bin(int b)
{
  return -180.0 + (b + 0.5) * BIN;
}

int bin_of(double radians)
{
  const int b = (int) std::floor((radians / DEGREE + 180.0) / BIN);
  return std::min(std::max(b, 0), NBINS - 1);
}

double apart(double a, double b)
{
  return std::fabs(wrap_angle((a - b) * DEGREE)) / DEGREE;
}

std::string whole(double degrees)
{
  return std::to_string(std::lround(degrees));
}

int64_t sum(const Counts &c)
{
  return std::accumulate(c.begin(), c.end(), int64_t{0});
}

/* ----------------------------------------------------------------------
   mean direction and circular standard deviation, in degrees, of a histogram
------------------------------------------------------------------------- */

struct Direction {
  double mean, deviation;
};

Direction direction(const Counts &bins)
{
  double c = 0.0, s = 0.0, n = 0.0;
  for (int b = 0; b < NBINS; b++) {
    c += bins[b] * std::cos(degrees_of_bin(b) * DEGREE);
    s += bins[b] * std::sin(degrees_of_bin(b) * DEGREE);
    n += bins[b];
  }
  const double r = std::min(std::hypot(c, s) / std::max(n, 1.0), 1.0);
  return {std::atan2(s, c) / DEGREE, std::sqrt(-2.0 * std::log(std::max(r, 1.0e-300))) / DEGREE};
}

int64_t farther(const Counts &bins, double mean, double distance)
{
  int64_t n = 0;
  for (int b = 0; b < NBINS; b++)
    if (apart(degrees_of_bin(b), mean) > distance) n += bins[b];
  return n;
}

/* ----------------------------------------------------------------------
   triple product of the unit vectors from an atom to three neighbors; 0 where two atoms coincide
------------------------------------------------------------------------- */

double triple_product(const double *x, int centre, const std::vector<int> &to)
{
  const auto unit = [&](int i) {
    const auto d = load_point(x, i, 1) - load_point(x, centre, 1);
    return scale(1.0 / std::max(norm(d), 1.0e-10), d);
  };
  return dot(unit(to[0]), cross(unit(to[1]), unit(to[2])));
}

double torsion(const double *x, const std::array<int, 4> &q)
{
  return dihedral(load_point(x, q[0], 1), load_point(x, q[1], 1), load_point(x, q[2], 1),
                  load_point(x, q[3], 1));
}

std::string torsion_name(const std::array<int, 4> &q)
{
  std::string s = "torsion";
  for (const int i : q) s += " " + std::to_string(i + 1);
  return s;
}

/* ----------------------------------------------------------------------
   row k in atoms of the molecule, and its name; the torsions of the first two rows of a body turn the whole body
------------------------------------------------------------------------- */

std::array<int, 4> row_atoms(const FlowSpec &spec, const FlowPiece &piece, int k)
{
  auto row = spec.zmatrix[k];
  for (int &i : row)
    if (i < spec.natoms) i = piece.points[i];    // the others are beads of several atoms
  return row;
}

std::string row_name(const FlowSpec &spec, const FlowPiece &piece, int k)
{
  for (const auto &body : spec.bodies)
    if (k == body.row || (k == body.row + 1 && spec.beads[body.bead].atoms.size() > 2))
      return "torsion that orients bead " + std::to_string(body.bead + 1) + " (" +
          spec.beads[body.bead].name + ")";
  return torsion_name(row_atoms(spec, piece, k));
}

/* ----------------------------------------------------------------------
   the second peak of a histogram: bins first..last-1 (modulo NBINS) between two gaps, count frames
------------------------------------------------------------------------- */

struct Peak {
  int first = 0, last = 0;
  int64_t count = 0;
  bool holds(int bin) const { return (bin - first + NBINS) % NBINS < last - first; }
};

Peak find_second_peak(const Counts &bins)
{
  constexpr int gap = L::GAP / BIN;
  Counts before(2 * NBINS + 1, 0);
  for (int b = 0; b < 2 * NBINS; b++) before[b + 1] = before[b] + bins[b % NBINS];
  const int64_t all = before[NBINS];
  Peak best;
  // gaps begin at a and b, the peak lies between them
  for (int a = 0; a < NBINS; a++)
    for (int b = a + gap; b + gap <= a + NBINS; b++) {
      const int64_t inside = before[b] - before[a + gap],
                    gaps = std::max(before[a + gap] - before[a], before[b + gap] - before[b]);
      const int64_t outside = all - (before[b + gap] - before[a]);
      if (inside > outside || inside <= best.count || inside <= L::PEAK_OVER_GAP * gaps ||
          inside < L::PEAK_FRAMES || inside < L::SHARE * all)
        continue;
      best.first = a + gap;
      best.last = b;
      best.count = inside;
    }
  return best;
}

}    // namespace

/* ----------------------------------------------------------------------
   "12 of 400 frames, in 2 of 8 files (a.dump b.dump)", from the number in each file
------------------------------------------------------------------------- */

std::string DataCheck::files_of(const Counts &count) const
{
  static constexpr int SHOWN = 3;
  int some = 0;
  std::string list;
  for (size_t f = 0; f < count.size(); f++) {
    if (!count[f]) continue;
    if (some++ < SHOWN) list += (list.empty() ? "" : " ") + fr.names[f];
  }
  if (some > SHOWN) list += " ...";
  return std::to_string(sum(count)) + " of " + std::to_string(fr.n) + " frames, in " +
      std::to_string(some) + " of " + std::to_string(count.size()) + " files (" + list + ")";
}

/* ---------------------------------------------------------------------- */

void DataCheck::isomers(const Topology &topology, const std::vector<double> &reference)
{
  const auto near = topology.neighbors();
  for (int c = 0; c < topology.natoms; c++) {
    std::map<int, int> ends;    // of each type
    bool turns = false;
    for (const int i : near[c])
      if (near[i].size() == 1) turns = ++ends[topology.types[i]] == 3 || turns;
    if (near[c].size() >= 3 && near[c].size() <= 4 && !turns) handedness(near, c, reference);
  }
  // a bond that does not turn has no tetrahedron or pyramid at either end
  const auto flat = [&](int i) {
    return near[i].size() == 2 ||
        (near[i].size() == 3 &&
         std::fabs(triple_product(reference.data(), i, near[i])) < L::PYRAMID);
  };
  for (const auto &b : topology.bonds)
    if (flat(b[0]) && flat(b[1])) planar_bond(near, b[0], b[1], reference);
}

/* ---------------------------------------------------------------------- */

void DataCheck::handedness(const std::vector<std::vector<int>> &near, int centre,
                           const std::vector<double> &reference)
{
  const auto &to = near[centre];
  const double right = triple_product(reference.data(), centre, to);
  if (std::fabs(right) < L::PYRAMID) return;
  Counts other(fr.names.size(), 0), frames(fr.names.size(), 0);
  for (int64_t i = 0; i < fr.n; i++) {
    frames[fr.file[i]]++;
    other[fr.file[i]] += right * triple_product(fr.x + 3 * i * fr.natoms, centre, to) < 0.0;
  }
  if (sum(other) == 0) return;
  if (to.size() == 3)
    for (size_t f = 0; f < frames.size(); f++)
      if (other[f] && other[f] < frames[f]) return;    // it inverts
  told_centres.insert(centre);
  out.push_back(
      {"mirror image",
       "atom " + std::to_string(centre + 1) +
           " has the other handedness than in the system of the input script: " + files_of(other) +
           ". No simulation leads from one to the other: these frames are another isomer, or two "
           "equal atoms have exchanged their numbers. Remedy: leave them out, or give the atoms "
           "the numbers of the data file"});
}

/* ---------------------------------------------------------------------- */

void DataCheck::planar_bond(const std::vector<std::vector<int>> &near, int j, int k,
                            const std::vector<double> &reference)
{
  // chain before end atoms, so that a peptide bond is named by its omega
  const auto neighbor = [&](int of, int not_this) {
    int best = -1;
    for (const int i : near[of])
      if (i != not_this && (best < 0 || (near[best].size() == 1 && near[i].size() > 1))) best = i;
    return best;
  };
  const std::array<int, 4> q = {neighbor(j, k), j, k, neighbor(k, j)};
  if (q[0] == q[3]) return;    // a ring of three
  const double at = torsion(reference.data(), q) / DEGREE;
  const double planar = std::fabs(at) < 90.0 ? 0.0 : 180.0;
  if (!(apart(at, planar) <= L::PLANAR)) return;

  const size_t nfiles = fr.names.size();
  std::vector<int> before(nfiles, -1);
  Counts other(nfiles, 0);
  int64_t crossings = 0, bent = 0;
  for (int64_t i = 0; i < fr.n; i++) {
    const double t = torsion(fr.x + 3 * i * fr.natoms, q) / DEGREE;
    const int f = fr.file[i], is_other = apart(t, planar) > 90.0;
    bent += std::min(apart(t, 0.0), apart(t, 180.0)) > L::PLANAR_FRAMES;
    crossings += before[f] >= 0 && before[f] != is_other;
    before[f] = is_other;
    other[f] += is_other;
  }
  if (sum(other) == 0 || sum(other) < L::SHARE * fr.n) return;
  if (crossings >= L::CROSSINGS || bent > 0.01 * fr.n) return;
  told_bonds.insert({std::min(j, k), std::max(j, k)});
  const char *side[] = {"cis", "trans"};
  out.push_back(
      {"another isomer",
       torsion_name(q) + " is " + side[planar == 0.0] + " and not " + side[planar != 0.0] +
           " as in the system of the input script: " + files_of(other) + ". It changed sides " +
           std::to_string(crossings) +
           " times, so the shares of both mean nothing. Remedy: leave these files out; turn a "
           "molecule to its start slowly, with such torsions held (or, if it should turn, run "
           "until it has done so many times)"});
}

/* ---------------------------------------------------------------------- */

void DataCheck::torsions(const FlowSpec &flow)
{
  for (const auto &piece : flow_pieces(flow)) torsions(flow, piece);
}

void DataCheck::torsions(const FlowSpec &flow, const FlowPiece &piece)
{
  const FlowSpec &spec = flow.piece(piece.kind);
  const int rows = spec.nrows();
  const size_t nfiles = fr.names.size();
  std::vector<char> skip(rows, 0), circular(rows, 0);
  for (const auto &r : spec.rotors) skip[r.rows[0]] = 1;
  for (const int slot : spec.circular) circular[slot - 2 * rows] = 1;
  for (int k = 0; k < rows; k++) {
    const auto r = row_atoms(spec, piece, k);
    if (told_centres.count(r[1]) || told_bonds.count({std::min(r[1], r[2]), std::max(r[1], r[2])}))
      skip[k] = 1;
  }

  // [row][file][bin]
  std::vector<std::vector<Counts>> bins(rows, std::vector<Counts>(nfiles, Counts(NBINS, 0)));
  const InternalCoords raw(raw_variables(spec));
  std::vector<double> x(piece.stride()), y(3 * rows);
  for (int64_t i = 0; i < fr.n; i++) {
    double unused;
    piece.take(fr.x + 3 * i * fr.natoms, x.data());
    raw.to_internal(x.data(), y.data(), nullptr, &unused);
    for (int k = 0; k < rows; k++) bins[k][fr.file[i]][bin_of(y[2 * rows + k])]++;
  }
  for (int k = 0; k < rows; k++) {
    if (skip[k]) continue;
    const auto name = row_name(spec, piece, k);
    if (!frozen(flow, name, bins[k]) && !circular[k]) second_peak(name, bins[k]);
  }
}

/* ---------------------------------------------------------------------- */

void DataCheck::second_peak(const std::string &name, const std::vector<Counts> &bins)
{
  Counts all(NBINS, 0), inside(NBINS, 0), outside(NBINS, 0), in_file;
  for (const auto &file : bins)
    for (int b = 0; b < NBINS; b++) all[b] += file[b];
  const Peak peak = find_second_peak(all);
  if (peak.count == 0) return;
  for (int b = 0; b < NBINS; b++) (peak.holds(b) ? inside : outside)[b] = all[b];
  for (const auto &file : bins) {
    int64_t n = 0;
    for (int b = 0; b < NBINS; b++) n += peak.holds(b) ? file[b] : 0;
    in_file.push_back(n);
  }
  out.push_back(
      {"second peak",
       name + " has a second peak near " + whole(direction(inside).mean) + " degrees, " +
           whole(apart(direction(inside).mean, direction(outside).mean)) +
           " from the first, and hardly a frame between them: " + files_of(in_file) +
           ". The flow takes the torsion for narrow, with one peak; it fits two badly or leaves "
           "one out. Remedy: find out whether these frames are another isomer, and leave "
           "such files out"});
}

/* ---------------------------------------------------------------------- */

namespace {

/* ----------------------------------------------------------------------
   mean and standard deviation of each feature of the beads in each file
------------------------------------------------------------------------- */

struct FileFeatures {
  std::vector<std::vector<double>> mean, deviation;

  FileFeatures(const FlowSpec &spec, const SourcedFrames &fr)
  {
    const int nf = spec.nf();
    const size_t nfiles = fr.names.size();
    mean.assign(nfiles, std::vector<double>(nf, 0.0));
    deviation = mean;
    Counts n(nfiles, 0);
    std::vector<double> z(3 * spec.nbeads()), f(nf);
    for (int64_t i = 0; i < fr.n; i++) {
      MoleculeSpec::apply(spec.beads, fr.x + 3 * i * fr.natoms, z.data());
      features(spec.features, z.data(), f.data());
      n[fr.file[i]]++;
      for (int k = 0; k < nf; k++) {
        mean[fr.file[i]][k] += f[k];
        deviation[fr.file[i]][k] += f[k] * f[k];
      }
    }
    for (size_t a = 0; a < nfiles; a++)
      for (int k = 0; k < nf && n[a]; k++) {
        mean[a][k] /= n[a];
        const double var = deviation[a][k] / n[a] - mean[a][k] * mean[a][k];
        deviation[a][k] = std::sqrt(std::max(var, 0.0));
      }
  }

  bool overlap(int a, int b) const
  {
    for (size_t k = 0; k < mean[a].size(); k++)
      if (std::fabs(mean[a][k] - mean[b][k]) > L::OVERLAP * (deviation[a][k] + deviation[b][k]))
        return false;
    return true;
  }
};

}    // namespace

/* ---------------------------------------------------------------------- */

bool DataCheck::frozen(const FlowSpec &spec, const std::string &name,
                       const std::vector<Counts> &bins)
{
  struct File {
    int number;
    int64_t n;
    double mean;
  };
  std::vector<File> still;
  for (size_t f = 0; f < bins.size(); f++) {
    const int64_t n = sum(bins[f]);
    const Direction d = direction(bins[f]);
    if (n >= L::FILE_FRAMES && d.deviation < L::FROZEN &&
        farther(bins[f], d.mean, L::APART) <= 0.01 * n)
      still.push_back({(int) f, n, d.mean});
  }
  const auto differ = [](const File &a, const File &b) { return apart(a.mean, b.mean) > L::APART; };
  const bool all_alike = std::all_of(still.begin(), still.end(), [&](const File &a) {
    return std::none_of(still.begin(), still.end(), [&](const File &b) { return differ(a, b); });
  });
  if (all_alike) return false;

  const FileFeatures beads(spec, fr);
  bool contradiction = false;
  Counts in_file(bins.size(), 0);
  for (size_t a = 0; a < still.size(); a++) {
    in_file[still[a].number] = still[a].n;
    for (size_t b = 0; b < a && !contradiction; b++)
      contradiction = differ(still[a], still[b]) && beads.overlap(still[a].number, still[b].number);
  }
  if (!contradiction || sum(in_file) < L::FROZEN_SHARE * fr.n) return false;

  std::string values;
  while (!still.empty()) {
    const double near = still.front().mean;
    const auto others = std::partition(still.begin(), still.end(), [&](const File &a) {
      return apart(a.mean, near) > 0.5 * L::APART;
    });
    int64_t n = 0;
    for (auto f = others; f != still.end(); ++f) n += f->n;
    values += (values.empty() ? "near " : ", near ") + whole(near) + " degrees in " +
        std::to_string(still.end() - others) + " files with " + std::to_string(n) + " frames";
    still.erase(others, still.end());
  }
  out.push_back(
      {"frozen torsion",
       name + " never changes within files, and differs between files whose beads overlap: " +
           values + "; " + files_of(in_file) +
           ". Given the beads, its values are those of the starts, not of the molecule. Remedy: "
           "replica exchange in each window or between windows, or longer runs, until it changes "
           "many times in each file"});
  return true;
}

}    // namespace BACKMAP_NS
