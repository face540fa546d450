/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/bead_frames.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace BACKMAP_NS {

namespace {

/* ----------------------------------------------------------------------
   the text of a dump custom, line by line
------------------------------------------------------------------------- */

class DumpText {
 public:
  DumpText(const std::string &text, const std::string &origin) : in(text), origin(origin) {}

  struct Bead {
    int64_t mol, id;
    double x[3], force[3], error[3];
    bool operator<(const Bead &o) const { return mol != o.mol ? mol < o.mol : id < o.id; }
  };
  struct Frame {
    int64_t step = 0, natoms = -1;
    double box[3] = {0.0, 0.0, 0.0};
    bool periodic[3] = {false, false, false};
    std::vector<Bead> beads;    // by molecule and ID
    bool unwrapped = false, forces = false;
  };

  bool next_frame(Frame &frame);
  [[noreturn]] void fail(const std::string &what) const
  {
    throw std::runtime_error(origin + ", line " + std::to_string(number) + ": " + what);
  }

 private:
  std::istringstream in;
  const std::string origin;
  std::string line;
  int64_t number = 0;
  int ncol = 0, id = -1, mol = -1, col[3] = {-1, -1, -1}, force[3] = {-1, -1, -1},
      error[3] = {-1, -1, -1};

  bool next()
  {
    number++;
    return (bool) std::getline(in, line);
  }
  bool starts(const char *text) const { return line.rfind(text, 0) == 0; }
  int64_t next_number()
  {
    if (!next()) fail("the file ends too early");
    return std::strtoll(line.c_str(), nullptr, 10);
  }
  void read_header(Frame &frame);
  void read_box(Frame &frame);
  void read_columns(Frame &frame);
  Bead read_bead();
};

/* ---------------------------------------------------------------------- */

bool DumpText::next_frame(Frame &frame)
{
  frame = Frame();
  while (true) {
    if (!next()) return false;
    if (starts("ITEM: TIMESTEP")) break;
    if (!starts("ITEM:") || starts("ITEM: ATOMS"))
      fail("expected ITEM: TIMESTEP of a dump custom, got " + line.substr(0, 60));
    next();    // units, time and the like
  }
  frame.step = next_number();
  read_header(frame);
  read_columns(frame);
  for (int64_t i = 0; i < frame.natoms; i++) frame.beads.push_back(read_bead());
  std::sort(frame.beads.begin(), frame.beads.end());
  return true;
}

/* ---------------------------------------------------------------------- */

void DumpText::read_header(Frame &frame)
{
  while (next() && !starts("ITEM: ATOMS")) {
    if (starts("ITEM: NUMBER OF ATOMS"))
      frame.natoms = next_number();
    else if (starts("ITEM: BOX BOUNDS"))
      read_box(frame);
    else if (starts("ITEM:"))
      next();
    else
      fail("expected an ITEM, got " + line.substr(0, 60));
  }
  if (!in || frame.natoms < 0) fail("the file ends too early");
}

void DumpText::read_box(Frame &frame)
{
  std::istringstream words(line.substr(16));
  std::string word;
  std::vector<std::string> flags;
  while (words >> word) flags.push_back(word);
  if (!flags.empty() && flags[0] == "xy")
    fail("expected an orthogonal box, got a triclinic one; write unwrapped coordinates (xu yu zu)");
  for (int k = 0; k < 3; k++) {
    frame.periodic[k] = (int) flags.size() > k && flags[k][0] == 'p';
    double lo = 0.0, hi = 0.0;
    if (!next() || !(std::istringstream(line) >> lo >> hi))
      fail("expected two box bounds, got " + line.substr(0, 60));
    frame.box[k] = hi - lo;
  }
}

void DumpText::read_columns(Frame &frame)
{
  std::istringstream words(line.substr(11));
  std::string word;
  ncol = 0;
  id = mol = -1;
  for (int k = 0; k < 3; k++) col[k] = force[k] = error[k] = -1;
  for (; words >> word; ncol++) {
    if (word == "id") id = ncol;
    if (word == "mol") mol = ncol;
    for (int k = 0; k < 3; k++) {
      const std::string axis(1, "xyz"[k]);
      if (word == axis || word == axis + "u") col[k] = ncol;
      if (word == axis + "u") frame.unwrapped = true;
      if (word == "mean_f" + axis) force[k] = ncol;
      if (word == "error_f" + axis) error[k] = ncol;
    }
  }
  int found = 0;
  for (int k = 0; k < 3; k++) found += (force[k] >= 0) + (error[k] >= 0);
  if (found != 0 && found != 6)
    fail("expected all of mean_fx mean_fy mean_fz error_fx error_fy error_fz, or none of them");
  frame.forces = found == 6;
  if (id < 0 || col[0] < 0 || col[1] < 0 || col[2] < 0)
    fail("expected the columns id x y z (or xu yu zu), and mol with several molecules");
}

DumpText::Bead DumpText::read_bead()
{
  if (!next()) fail("the file ends too early");
  const char *p = line.c_str();
  Bead b{1, 0, {0.0, 0.0, 0.0}, {0.0, 0.0, 0.0}, {0.0, 0.0, 0.0}};
  for (int c = 0; c < ncol; c++) {
    char *end;
    const double v = std::strtod(p, &end);
    if (end == p) fail("expected " + std::to_string(ncol) + " columns");
    p = end;
    // a conversion of what does not fit is undefined
    if ((c == id || c == mol) && !(std::fabs(v) <= 0x1p53)) fail("expected an ID, got " + line);
    if (c == id) b.id = (int64_t) v;
    if (c == mol) b.mol = (int64_t) v;
    for (int k = 0; k < 3; k++) {
      if (c == col[k]) b.x[k] = v;
      if (c == force[k]) b.force[k] = v;
      if (c == error[k]) b.error[k] = v;
    }
  }
  return b;
}

}    // namespace

/* ---------------------------------------------------------------------- */

BeadFrames BeadFrames::parse(const std::string &text, int nbeads, const std::string &origin)
{
  BeadFrames out;
  out.nbeads = nbeads;
  DumpText dump(text, origin);
  DumpText::Frame frame;
  while (dump.next_frame(frame)) {
    const auto &beads = frame.beads;
    for (size_t i = 0; i < beads.size(); i += nbeads) {
      if (i + nbeads > beads.size() || beads[i].mol != beads[i + nbeads - 1].mol ||
          (i + nbeads < beads.size() && beads[i + nbeads].mol == beads[i].mol))
        dump.fail("step " + std::to_string(frame.step) + ", molecule " +
                  std::to_string(beads[i].mol) + ": expected " + std::to_string(nbeads) + " beads");
      std::vector<double> z;
      for (int b = 0; b < nbeads; b++)
        for (int k = 0; k < 3; k++) {
          double v = beads[i + b].x[k];
          const double box = frame.box[k];
          if (b && !frame.unwrapped && frame.periodic[k] && box > 0.0)
            v -= box * std::round((v - z[3 * (b - 1) + k]) / box);
          if (!std::isfinite(v)) dump.fail("a coordinate is not a finite number");
          z.push_back(v);
        }
      for (int b = 0; b < nbeads && frame.forces; b++) {
        const auto &bead = beads[i + b];
        auto &f = out.force[{frame.step, bead.mol}], &e = out.error[{frame.step, bead.mol}];
        if (b == 0) f = e = {};
        f.insert(f.end(), bead.force, bead.force + 3);
        e.insert(e.end(), bead.error, bead.error + 3);
      }
      const auto placed = out.z.insert({{frame.step, beads[i].mol}, z});
      if (!placed.second && placed.first->second != z)
        dump.fail("step " + std::to_string(frame.step) + ", molecule " +
                  std::to_string(beads[i].mol) +
                  " is in the dump twice, with different positions; expected a dump for each run");
    }
  }
  if (out.z.empty()) throw std::runtime_error(origin + ": no frames");
  return out;
}

}    // namespace BACKMAP_NS
