/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Shared by the tests of fix backmap and what belongs to it: MPI, scratch files, an ordinary LAMMPS to compare with.

#ifndef FIX_TEST_SUPPORT_H
#define FIX_TEST_SUPPORT_H

#include "atom.h"
#include "exceptions.h"
#include "input.h"
#include "lammps.h"
#include "variable.h"

#include "gtest/gtest.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mpi.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

namespace fix_test {

/* unittest/data */

inline std::string data_folder()
{
  return BACKMAP_TEST_DATA;
}

/* a file in the folder of the test program, unique to the process */

inline std::string scratch_file(const std::string &name)
{
  return "tmp_" + std::to_string(getpid()) + "_" + name;
}

inline std::string write_file(const std::string &name, const std::string &text)
{
  std::string path = scratch_file(name);
  std::ofstream(path) << text;
  return path;
}

inline std::string read_file(const std::string &path)
{
  std::ifstream in(path);
  std::stringstream s;
  s << in.rdbuf();
  return s.str();
}

inline int world_rank()
{
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

/* collective: the text of rank 0, up to 399 letters; names of files differ between ranks */

inline std::string from_rank_0(const std::string &mine)
{
  char text[400] = {0};
  snprintf(text, sizeof(text), "%s", mine.c_str());
  MPI_Bcast(text, sizeof(text), MPI_CHAR, 0, MPI_COMM_WORLD);
  return text;
}

/* collective: files of all ranks, whose names must not depend on the process */

inline void remove_files(const std::vector<std::string> &paths)
{
  MPI_Barrier(MPI_COMM_WORLD);
  if (world_rank() == 0)
    for (const auto &path : paths) std::remove(path.c_str());
  MPI_Barrier(MPI_COMM_WORLD);
}

inline bool exists(const std::string &path)
{
  return std::ifstream(path).good();
}

/* half a file beside path, of a writer that did not come to its end */

inline bool half_written(const std::string &path)
{
  const std::filesystem::path whole(path), folder = whole.parent_path();
  const std::string start = whole.filename().string() + ".";
  for (const auto &file : std::filesystem::directory_iterator(folder.empty() ? "." : folder))
    if (file.path().filename().string().find(start) == 0 && file.path().extension() == ".part")
      return true;
  return false;
}

/* alanine dipeptide; extra goes after the data file was read */

inline std::string ala2_script(const std::string &extra = "", const std::string &diel = "1.0",
                               const std::string &data = data_folder() + "/ala2/ala2.data",
                               const std::string &before = "", const std::string &after_data = "")
{
  return "units real\natom_style full\nboundary s s s\ndielectric " + diel +
      "\nspecial_bonds amber\npair_style lj/cut/coul/cut 100.0\npair_modify mix "
      "arithmetic\nbond_style harmonic\n"
      "angle_style harmonic\ndihedral_style charmm\nneighbor 100.0 nsq\nneigh_modify every 1 delay "
      "0 check yes\n" +
      before + "read_data " + data + " " + after_data +
      "\ncompute torsions all backmap/internal dihedral 5 7 9 15 dihedral 7 9 15 17\n"
      "compute rg all gyration\nvariable phi equal c_torsions[1]\nvariable psi equal "
      "c_torsions[2]\n" +
      extra;
}

struct Frame {
  double energy = 0.0, phi = 0.0, psi = 0.0;
  std::vector<double> x, f;
};

/* the oracle frames: extended XYZ, energies and forces of another program */

inline std::vector<Frame> oracle(const std::string &name)
{
  std::ifstream in(data_folder() + "/ala2/oracle_" + name + ".xyz");
  std::vector<Frame> frames;
  std::string line;
  while (std::getline(in, line)) {
    const int n = std::stoi(line);
    Frame frame;
    std::getline(in, line);
    const auto value = [&](const std::string &key) {
      return std::stod(line.substr(line.find(" " + key + "=") + key.size() + 2));
    };
    frame.energy = value("energy");
    frame.phi = value("phi");
    frame.psi = value("psi");
    for (int i = 0; i < n; i++) {
      std::getline(in, line);
      std::istringstream s(line);
      std::string element;
      double v[6];
      s >> element >> v[0] >> v[1] >> v[2] >> v[3] >> v[4] >> v[5];
      frame.x.insert(frame.x.end(), v, v + 3);
      frame.f.insert(frame.f.end(), v + 3, v + 6);
    }
    frames.push_back(frame);
  }
  return frames;
}

/* an ordinary LAMMPS on one rank */

class PlainLammps {
 public:
  explicit PlainLammps(const std::string &script, MPI_Comm world = MPI_COMM_SELF)
  {
    const char *words[] = {"test", "-screen", "none", "-log", "none", "-nocite"};
    lmp = new LAMMPS_NS::LAMMPS(6, const_cast<char **>(words), world);
    try {
      commands(script);
    } catch (...) {
      delete lmp;
      throw;
    }
  }
  ~PlainLammps() { delete lmp; }
  PlainLammps(const PlainLammps &) = delete;
  PlainLammps &operator=(const PlainLammps &) = delete;

  void commands(const std::string &script)
  {
    std::istringstream s(script);
    std::string line;
    while (std::getline(s, line)) lmp->input->one(line);
  }

  /* text of the error a script ends with, empty if it does not */
  std::string error_of(const std::string &script)
  {
    try {
      commands(script);
    } catch (const LAMMPS_NS::LAMMPSException &e) {
      return e.what();
    }
    return "";
  }

  void set(const std::vector<double> &x)
  {
    for (int i = 0; i < lmp->atom->nlocal; i++)
      for (int d = 0; d < 3; d++) lmp->atom->x[i][d] = x[3 * (lmp->atom->tag[i] - 1) + d];
  }

  double value(const std::string &formula) { return lmp->input->variable->compute_equal(formula); }

  LAMMPS_NS::LAMMPS *lmp;
};

/* text of the std::runtime_error of a call, empty if there is none */

template <class F> std::string error_text(F &&f)
{
  try {
    f();
  } catch (const std::runtime_error &e) {
    return e.what();
  }
  return "";
}

}    // namespace fix_test
#endif
