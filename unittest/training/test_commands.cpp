/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// train_flow and train_cgnet as input scripts use them: reading of dumps, small trainings, error texts.
// ranks: 1 2

#include "lammps/trajectory.h"

#include "cgnet/cgnet.h"
#include "core/model_file.h"
#include "flow/flow_spec.h"
#include "train_test_support.h"
#include "training/correction.h"

#include "exceptions.h"
#include "input.h"
#include "lammps.h"

#include "gtest/gtest.h"

#include <cstdio>
#include <mpi.h>
#include <set>

using namespace BACKMAP_NS;
using namespace train_test;

namespace {

const std::string data = BACKMAP_TEST_DATA;

int rank()
{
  int r;
  MPI_Comm_rank(MPI_COMM_WORLD, &r);
  return r;
}

int ranks()
{
  int n;
  MPI_Comm_size(MPI_COMM_WORLD, &n);
  return n;
}

std::string scratch(const std::string &name)
{
  return "ranks" + std::to_string(ranks()) + "." + name;
}

std::string write_file(const std::string &name, const std::string &text)
{
  if (rank() == 0) std::ofstream(scratch(name)) << text;
  MPI_Barrier(MPI_COMM_WORLD);
  return scratch(name);
}

std::string setup(const std::string &boundary = "s s s")
{
  return "units real\natom_style full\nboundary " + boundary +
      "\nspecial_bonds amber\npair_style lj/cut/coul/cut 12.0\npair_modify mix arithmetic\n"
      "bond_style harmonic\nangle_style harmonic\ndihedral_style charmm\nread_data " +
      data + "/ala2/ala2.data\n";
}

class Script {
 public:
  explicit Script(const std::string &text)
  {
    const char *words[] = {"test", "-screen", "none", "-log", "none", "-nocite"};
    lmp = new LAMMPS_NS::LAMMPS(6, const_cast<char **>(words), MPI_COMM_WORLD);
    commands(text);
  }
  ~Script() { delete lmp; }
  Script(const Script &) = delete;
  Script &operator=(const Script &) = delete;
  void commands(const std::string &text)
  {
    std::istringstream in(text);
    std::string line;
    while (std::getline(in, line)) lmp->input->one(line);
  }
  std::string error_of(const std::string &text)
  {
    try {
      commands(text);
    } catch (const LAMMPS_NS::LAMMPSException &e) {
      return e.what();
    }
    return "";
  }
  LAMMPS_NS::LAMMPS *lmp;
};

/// 400 frames with forces, written once.
std::string dump_of_md()
{
  static std::string path;
  if (path.empty()) {
    path = scratch("md.dump");
    Script s(setup());
    s.commands("velocity all create 600 4711 loop geom\nfix bare all store/force\nfix 1 all nve\n"
               "fix 2 all langevin 300 300 50 11\ntimestep 1.0\nrun 500\nreset_timestep 0\n"
               "dump d all custom 10 " +
               path +
               " id x y z f_bare[1] f_bare[2] f_bare[3]\n"
               "dump_modify d sort id format float %.8g\nrun 3990\nundump d");
    MPI_Barrier(MPI_COMM_WORLD);
  }
  return path;
}

[[maybe_unused]] std::string map_file()    // there is no training without LibTorch
{
  return std::string(BACKMAP_EXAMPLES) + "/alanine-dipeptide/ala2.map.json";
}

const std::string small_flow =
    " temperature 300 energy none epochs 2 batch 64 hidden 8 couplings 2 bins 4 threads 1 ";
const std::string forces =
    " dump x y z fx fy fz label fx f_bare[1] label fy f_bare[2] label fz f_bare[3] box no";

/// One frame of a dump custom.
std::string frame(int64_t step, const std::vector<double> &x,
                  const std::string &bounds = "ss ss ss", int leave_out = -1)
{
  std::ostringstream out;
  out.precision(12);
  const int n = x.size() / 3;
  out << "ITEM: TIMESTEP\n"
      << step << "\nITEM: NUMBER OF ATOMS\n"
      << n - (leave_out >= 0) << "\nITEM: BOX BOUNDS " << bounds
      << "\n-15 15\n-15 15\n-15 15\nITEM: ATOMS id x y z\n";
  for (int i = 0; i < n; i++)
    if (i != leave_out)
      out << i + 1 << " " << x[3 * i] << " " << x[3 * i + 1] << " " << x[3 * i + 2] << "\n";
  return out.str();
}

LAMMPS_NS::BackmapTrajectory::Frames read_frames(Script &s, const std::string &text,
                                                 bool forces = false)
{
  std::vector<std::string> words;
  std::istringstream in(text);
  std::string w;
  while (in >> w) words.push_back(w);
  std::vector<char *> arg;
  for (auto &word : words) arg.push_back(&word[0]);
  LAMMPS_NS::BackmapTrajectory t(s.lmp, "test");
  for (int i = 0; i < (int) arg.size();) {
    const int used = t.keyword(arg.size(), arg.data(), i);
    if (!used) throw std::runtime_error("keyword " + words[i]);
    i += used;
  }
  t.read(forces);
  return t.frames();
}

}    // namespace

/* ----------------------------------------------------------------------
   reading
------------------------------------------------------------------------- */

TEST(Trajectory, takes_the_frames_of_one_temperature)
{
  const auto x = oracle_frames(data + "/ala2/oracle_vacuum.xyz", 8);
  auto part = [&](int k) {
    return std::vector<double>(x.begin() + 66 * k, x.begin() + 66 * (k + 1));
  };
  std::string f[2];
  for (int p = 0; p < 2; p++) {
    for (int k = 0; k < 4; k++) f[p] += frame(10 * k, part(4 * p + k));
    f[p] = write_file("part" + std::to_string(p) + ".dump", f[p]);
  }
  // the row of a step is printed after its swap: frame 20 was made under the row of step 10
  const std::string log =
      write_file("temper.log", "LAMMPS\nStep T0 T1\n0 0 1\n10 1 0\n20 0 1\n30 0 1\n");
  Script s(setup());
  const std::string files = "files " + f[0] + " " + f[1] + " temper " + log;
  auto fr = read_frames(s, files + " 0 dump x y z box no");
  if (rank() == 0) {
    ASSERT_EQ(fr.n, 4);
    EXPECT_EQ(fr.step, std::vector<LAMMPS_NS::bigint>({0, 10, 20, 30}));
    const int from[4] = {0, 1, 4 + 2, 3};
    for (int k = 0; k < 4; k++)
      for (int j = 0; j < 66; j++) ASSERT_NEAR(fr.x[66 * k + j], x[66 * from[k] + j], 1e-9) << k;
  }
  fr = read_frames(s, files + " 1 dump x y z box no");
  if (rank() == 0) {
    ASSERT_EQ(fr.n, 4);
    EXPECT_NEAR(fr.x[66 * 2], x[66 * 2], 1e-9);
    EXPECT_NEAR(fr.x[66 * 1], x[66 * 5], 1e-9);
  }
  fr = read_frames(s, files + " 0 first 10 last 20 dump x y z box no");
  if (rank() == 0) { EXPECT_EQ(fr.step, std::vector<LAMMPS_NS::bigint>({10, 20})); }

  // a pattern gives the partitions in their order, also where there are ten of them and more
  using V = std::vector<LAMMPS_NS::bigint>;
  std::string row = "Step", held = "0";
  for (int p = 0; p < 12; p++) {
    write_file("many" + std::to_string(p) + ".dump", frame(0, part(p % 8)) + frame(10, part(0)));
    row += " T" + std::to_string(p);
    held += " " + std::to_string(p == 10 ? 0 : p < 10 ? p + 1 : p);
  }
  const std::string many =
      write_file("many.log", row + "\n" + held + "\n10" + held.substr(1) + "\n");
  const std::string pattern = "files " + scratch("many*.dump");
  fr = read_frames(s, pattern + " temper " + many + " 0 dump x y z box no");
  if (rank() == 0) {
    EXPECT_EQ(fr.step, V({0, 10}));
    EXPECT_EQ(fr.names.size(), 12u);
    EXPECT_EQ(fr.names[10], scratch("many10.dump"));
    EXPECT_NEAR(fr.x[1], x[66 * (10 % 8) + 1], 1e-9);
  }
  fr = read_frames(s, "files " + f[0] + " " + scratch("part?.dump") + " dump x y z box no");
  if (rank() == 0) { EXPECT_EQ(fr.names, std::vector<std::string>({f[0], f[0], f[1]})); }
}

TEST(Trajectory, first_last_every_skip)
{
  Script s(setup());
  const std::string files = "files " + dump_of_md();
  auto steps = [&](const std::string &more) {
    return read_frames(s, files + more + " dump x y z box no").step;
  };
  using V = std::vector<LAMMPS_NS::bigint>;
  const auto all = steps("");
  const auto some = steps(" first 105 last 150"), every = steps(" every 1000"),
             skip = steps(" last 90 skip 4");
  if (rank() == 0) {
    EXPECT_EQ(all.size(), 400u);
    EXPECT_EQ(some, V({110, 120, 130, 140, 150}));
    EXPECT_EQ(every, V({0, 1000, 2000, 3000}));
    EXPECT_EQ(skip, V({0, 40, 80}));
  }
}

TEST(Trajectory, molecules_are_made_whole)
{
  auto x = oracle_frames(data + "/ala2/oracle_vacuum.xyz", 1), wrapped = x;
  for (int i = 0; i < 66; i++) {
    wrapped[i] = x[i] + (i % 3 == 0 ? 14.0 : -14.5);
    wrapped[i] -= 30.0 * std::floor((wrapped[i] + 15.0) / 30.0);
  }
  const std::string f = write_file("wrapped.dump", frame(0, wrapped, "pp pp pp"));
  Script s(setup("p p p"));
  const auto fr = read_frames(s, "files " + f + " dump x y z");
  if (rank()) return;
  for (int i = 3; i < 66; i++) EXPECT_NEAR(fr.x[i] - fr.x[i % 3], x[i] - x[i % 3], 1e-9) << i;
}

TEST(Trajectory, forces_arrive_on_every_number_of_ranks)
{
  const auto x = oracle_frames(data + "/ala2/oracle_vacuum.xyz", 2);
  std::string text, named;
  for (int k = 0; k < 2; k++) {
    std::istringstream in(
        frame(k, std::vector<double>(x.begin() + 66 * k, x.begin() + 66 * (k + 1))));
    std::string line;
    int atoms = -1;
    while (std::getline(in, line)) {
      if (atoms >= 0) {
        line += " " + std::to_string(100 * k + atoms) + " " + std::to_string(atoms) + ".5 -1";
        atoms++;
      }
      if (line.find("ITEM: ATOMS") == 0) {
        line += " fx fy fz";
        atoms = 0;
      }
      text += line + "\n";
    }
  }
  named = text;
  for (size_t at; (at = named.find("fx fy fz")) != std::string::npos;)
    named.replace(at, 8, "f_a[1] f_a[2] f_a[3]");
  const std::string plain = write_file("forces.dump", text),
                    other = write_file("named.dump", named);
  Script s(setup());
  for (const auto &arg :
       {plain + " dump x y z fx fy fz box no", plain + " dump x y z fx fy fz box no format native",
        other + " dump fx fy fz x y z label fx f_a[1] label fy f_a[2] label fz f_a[3] box no"}) {
    const auto fr = read_frames(s, "files " + arg, true);
    if (rank()) continue;
    ASSERT_EQ(fr.n, 2);
    for (int k = 0; k < 2; k++)
      for (int i = 0; i < 22; i++) {
        EXPECT_EQ(fr.f[66 * k + 3 * i], 100 * k + i) << arg;
        EXPECT_EQ(fr.f[66 * k + 3 * i + 1], i + 0.5);
        EXPECT_EQ(fr.f[66 * k + 3 * i + 2], -1.0);
      }
  }
}

TEST(Trajectory, names_what_is_wrong)
{
  const auto x = oracle_frames(data + "/ala2/oracle_vacuum.xyz", 1);
  auto bad = x;
  bad[5 * 3 + 1] = NAN;
  const std::string few = write_file("few.dump", frame(0, x, "ss ss ss", 7)),
                    nan = write_file("nan.dump", frame(30, bad)),
                    log = write_file("three.log", "Step T0 T1 T2\n0 0 1 2\n10 1 0 2\n");
  Script s(setup());
  auto error = [&](const std::string &text) {
    try {
      read_frames(s, text);
    } catch (const LAMMPS_NS::LAMMPSException &e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(error("files " + few + " dump x y z box no").find("atom 8: not in the frame"),
            std::string::npos);
  Script t(setup());
  auto error2 = [&](const std::string &text) {
    try {
      read_frames(t, text);
    } catch (const LAMMPS_NS::LAMMPSException &e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(error2("files " + dump_of_md() + " first 100000 dump x y z box no").find("no frame"),
            std::string::npos);
  EXPECT_NE(error2("files " + dump_of_md() + " dump x y box no").find("x y z"), std::string::npos);
  // an error of LAMMPS's own reader, before it has made what its destructor frees
  EXPECT_NE(error2("files " + dump_of_md() + " dump x y z box no json a.json").find("read_dump"),
            std::string::npos);
  EXPECT_NE(error2("files a b temper " + log + " 0 dump x y z").find("3 partitions"),
            std::string::npos);
  EXPECT_NE(error2("files a b temper " + log + " 2 dump x y z").find("temperature index"),
            std::string::npos);
  EXPECT_NE(error2("temper " + log + " 0").find("before keyword files"), std::string::npos);
  EXPECT_NE(error2("files " + scratch("few*.dmp"))
                .find("test: keyword files: expected files that match " + scratch("few*.dmp")),
            std::string::npos);
  EXPECT_NE(error2("files " + nan + " dump x y z box no").find("atom 6"), std::string::npos);
}

/* ----------------------------------------------------------------------
   training
------------------------------------------------------------------------- */

#ifdef BACKMAP_TORCH

TEST(TrainFlow, writes_the_same_model_twice)
{
  Script s(setup());
  const std::string a = scratch("a.safetensors"), b = scratch("b.safetensors"),
                    rest = small_flow + "files " + dump_of_md() + " dump x y z box no";
  s.commands("train_flow " + map_file() + " " + a + rest);
  s.commands("train_flow " + map_file() + " " + b + rest);
  if (rank()) return;
  const std::string bytes = read_file(a);
  EXPECT_TRUE(bytes == read_file(b));
  const FlowSpec spec = FlowSpec::from_model(ModelFile::parse(bytes, a));
  EXPECT_EQ(spec.temperature, 300.0);
  EXPECT_EQ(spec.units, "real");
  EXPECT_EQ(spec.molecule, "alanine dipeptide");
  EXPECT_EQ(spec.nbeads(), 6);
  EXPECT_EQ(spec.nl(), 45);
  EXPECT_EQ(spec.bonds.size(), 21u);
  EXPECT_NE(spec.training.find("validation_nats"), std::string::npos);
  EXPECT_NE(spec.training.find("\"warnings\":[]"), std::string::npos) << spec.training;
  EXPECT_FALSE(std::ifstream(a + ".checkpoint").good());
}

// the frames are those of the mirror image of the molecule that read_data made

TEST(TrainFlow, keeps_in_the_model_what_is_wrong_with_the_frames)
{
  Script s(setup());
  std::istringstream right(read_file(dump_of_md()));
  std::ostringstream mirrored;
  for (std::string line; std::getline(right, line);) {
    std::istringstream row(line);
    double id, x, y, z;
    if (line.find("ITEM") == std::string::npos && row >> id >> x >> y >> z)
      mirrored << (int) id << " " << -x << " " << y << " " << z << " 0 0 0\n";
    else
      mirrored << line << "\n";
  }
  const std::string flow = scratch("mirror.safetensors"),
                    dump = write_file("mirror.dump", mirrored.str());
  s.commands("train_flow " + map_file() + " " + flow + small_flow + "files " + dump +
             " dump x y z box no");
  if (rank()) return;
  const std::string training =
      FlowSpec::from_model(ModelFile::parse(read_file(flow), flow)).training;
  for (const char *said : {"mirror image: atom 9 ", "400 of 400 frames, in 1 of 1 files"})
    EXPECT_NE(training.find(said), std::string::npos) << training;
}

TEST(TrainFlow, another_molecule_with_the_same_commands)
{
  std::string script = setup();
  const std::string from = "/ala2/ala2.data";
  script.replace(script.find(from), from.size(), "/ala3/ala3.data");
  Script s(script);
  const std::string dump = scratch("ala3.dump"), map = data + "/ala3/ala3.map.json",
                    flow = scratch("ala3.flow"), cg = scratch("ala3.cgnet");
  s.commands("velocity all create 600 4711 loop geom\nfix 1 all nve\nfix bare all store/force\n"
             "fix 2 all langevin 300 300 50 11\ntimestep 1.0\nrun 300\nreset_timestep 0\n"
             "dump d all custom 4 " +
             dump +
             " id x y z f_bare[1] f_bare[2] f_bare[3]\n"
             "dump_modify d sort id format float %.8g\nrun 2000\nundump d");
  s.commands("train_flow " + map + " " + flow + small_flow + "fragments no epochs 1 files " + dump +
             " dump x y z box no");
  s.commands("train_cgnet " + map + " " + cg +
             " temperature 300 hidden 1 8 epochs 1 batch 64 threads 1 "
             "files " +
             dump + forces);
  if (rank()) return;
  const FlowSpec spec = FlowSpec::from_model(ModelFile::parse(read_file(flow), flow));
  EXPECT_EQ(spec.natoms, 42);
  EXPECT_EQ(spec.nrows(), 28);
  EXPECT_EQ(spec.rotors.size(), 5u);
  EXPECT_EQ(CgnetSpec::from_model(ModelFile::parse(read_file(cg), cg)).nbeads(), 14);
}

// Centres of mass from training to weighted samples: every stage takes the same map.

TEST(TrainFlow, beads_of_several_atoms)
{
  const std::string map = std::string(BACKMAP_EXAMPLES) + "/alanine-dipeptide/ala2.com.map.json",
                    flow = scratch("com.flow"), cg = scratch("com.cgnet"),
                    table = scratch("com.txt");
  Script s(setup());
  s.commands("train_flow " + map + " " + flow + small_flow + "files " + dump_of_md() +
             " dump x y z box no");
  s.commands("train_cgnet " + map + " " + cg +
             " temperature 300 hidden 1 8 epochs 1 batch 64 threads 1 files " + dump_of_md() +
             forces);
  std::string beads;
  if (rank() == 0) {
    const FlowSpec spec = FlowSpec::from_model(ModelFile::parse(read_file(flow), flow));
    EXPECT_EQ(spec.bodies.size(), 3u);
    EXPECT_EQ(spec.nl() + spec.nc(), 57);
    EXPECT_EQ(CgnetSpec::from_model(ModelFile::parse(read_file(cg), cg)).prior.bonds.size(), 2u);
    const auto x = oracle_frames(data + "/ala2/oracle_vacuum.xyz", 1);
    std::ostringstream text;
    text << "three beads\n\n3 atoms\n3 atom types\n\n-50 50 xlo xhi\n-50 50 ylo yhi\n-50 50 zlo "
            "zhi\n\nMasses\n\n"
            "1 43\n2 71\n3 30\n\nAtoms # molecular\n\n";
    for (int b = 0; b < 3; b++) {
      double z[3] = {0.0, 0.0, 0.0};
      for (size_t k = 0; k < spec.beads[b].atoms.size(); k++)
        for (int d = 0; d < 3; d++)
          z[d] += spec.beads[b].weights[k] * x[3 * spec.beads[b].atoms[k] + d];
      text << b + 1 << " 1 " << b + 1 << " " << z[0] << " " << z[1] << " " << z[2] << "\n";
    }
    beads = text.str();
  }
  beads = write_file("com.data", beads);
  const std::string fine = write_file("com.fine", setup());
  Script c("units real\natom_style molecular\nread_data " + beads +
           "\npair_style cgnet\npair_coeff * * " + cg +
           " ACE ALA NME\ntimestep 1.0\nvelocity all create 300 4711 loop geom\nfix 1 all nve\n"
           "fix 2 all langevin 300 300 100 4711\nfix bm all backmap 10 " +
           flow + " " + fine + " samples 8 thermostat 2 seed 3 table " + table + "\nrun 100\n");
  if (rank()) return;
  const SampleTable t = SampleTable::parse(read_file(table), table);
  EXPECT_EQ(t.rows.size(), 10u * 8u);
  int good = 0;
  for (const auto &row : t.rows) good += std::isfinite(row.logq) && std::isfinite(row.u);
  EXPECT_GT(good, 0);
}

/* the shipped flow knows the molecule: all that is tried here is the way through the command */

TEST(TrainFlow, fine_tunes_on_the_energy)
{
  Script s(setup());
  const std::string
      shipped = std::string(BACKMAP_POTENTIALS) + "/ala2.flow.safetensors",
      fine = write_file("in.fine", setup()), a = scratch("tuned.a"), b = scratch("tuned.b"),
      rest =
          " temperature 300 threads 1 epochs 2 batch 32 validation 0.2 samples 3 frames 40 init " +
      shipped + " energy " + fine + " files " + dump_of_md() + " dump x y z box no";
  s.commands("train_flow " + map_file() + " " + a + rest);
  s.commands("train_flow " + map_file() + " " + b + rest);
  if (rank()) return;
  EXPECT_TRUE(read_file(a) == read_file(b));
  const FlowSpec spec = FlowSpec::from_model(ModelFile::parse(read_file(a), a)),
                 start = FlowSpec::from_model(ModelFile::parse(read_file(shipped), shipped));
  EXPECT_EQ(spec.zmatrix, start.zmatrix);
  EXPECT_EQ(spec.linear_chol, start.linear_chol);
  EXPECT_EQ(spec.hidden, start.hidden);
  EXPECT_NE(spec.affine[0].weight, start.affine[0].weight);
  for (const char *figure : {"\"conditional_ess\"", "\"conditional_ess_q10\"", "\"forward_ess\""})
    EXPECT_NE(spec.training.find(figure), std::string::npos) << spec.training;
}

/* the frames once, then frames that get new atoms from the flow, one fragment after another */

TEST(TrainFlow, fragments_and_energy_without_a_model_to_start_from)
{
  Script s(setup());
  const std::string fine = write_file("in.fine", setup()), a = scratch("parts.a"),
                    b = scratch("parts.b"), plain = scratch("parts.plain"),
                    data = " files " + dump_of_md() + " dump x y z box no",
                    rest = small_flow + "epochs 15 frames 200 fragments yes";
  s.commands("train_flow " + map_file() + " " + a + rest + " samples 2 energy " + fine + data);
  s.commands("train_flow " + map_file() + " " + b + rest + " samples 2 energy " + fine + data);
  s.commands("train_flow " + map_file() + " " + plain + rest + data);
  if (rank()) return;
  EXPECT_TRUE(read_file(a) == read_file(b));
  const FlowSpec spec = FlowSpec::from_model(ModelFile::parse(read_file(a), a)),
                 likelihood = FlowSpec::from_model(ModelFile::parse(read_file(plain), plain));
  EXPECT_TRUE(spec.composed());
  EXPECT_EQ(spec.fragments.size(), 3u);
  for (const auto &kind : spec.kinds) {
    EXPECT_EQ(kind.hidden, 8);
    EXPECT_EQ(kind.temperature, 300.0);
    EXPECT_EQ(kind.units, "real");
  }
  EXPECT_TRUE(spec.range.known());
  EXPECT_NE(spec.training.find("forward_ess"), std::string::npos) << spec.training;
  EXPECT_EQ(likelihood.training.find("forward_ess"), std::string::npos) << likelihood.training;
  EXPECT_NE(spec.training.find("fragments"), std::string::npos) << "notes";
  EXPECT_NE(spec.kinds[0].affine[0].weight, likelihood.kinds[0].affine[0].weight)
      << "the energy has changed nothing";
}

/* without a keyword, energies come from the force field of the input script, and are those of a script of it */

TEST(TrainFlow, energy_of_the_input_script)
{
  const std::string fine = write_file("in.fine", setup() + "neighbor 3.0 nsq\ndielectric 2.0\n"),
                    own = scratch("own.flow"), by_script = scratch("script.flow"),
                    data = " files " + dump_of_md() + " dump x y z box no",
                    rest = " temperature 300 epochs 9 batch 64 hidden 8 couplings 2 bins 4 "
                           "threads 1 frames 200 samples 2";
  Script s(setup());
  s.commands("neighbor 3.0 nsq\ndielectric 2.0");
  s.commands("train_flow " + map_file() + " " + own + rest + data);
  s.commands("train_flow " + map_file() + " " + by_script + rest + " energy " + fine + data);
  EXPECT_FALSE(std::ifstream(own + ".forcefield.in").good());
  EXPECT_FALSE(std::ifstream(own + ".forcefield.restart").good());
  if (rank() == 0) {
    // the atoms of two ranks are in another order, and their energies another rounding
    EXPECT_TRUE(ranks() > 1 || read_file(own) == read_file(by_script));
    EXPECT_NE(read_file(own).find("forward_ess"), std::string::npos);
  }

  // what a restart file does not hold
  const auto expect = [&](const std::string &command, const std::string &part,
                          const std::string &more = "") {
    Script other(setup());
    other.commands(command);
    const std::string e = other.error_of("train_flow " + map_file() + " " +
                                         scratch("none.safetensors") + rest + more + data);
    EXPECT_NE(e.find(part), std::string::npos) << command << "\n  gave: " << e;
    EXPECT_FALSE(std::ifstream(scratch("none.safetensors.forcefield.in")).good());
  };
  expect("fix r all restrain bond 7 9 100 100 1.5\nfix_modify r energy yes",
         "fix r of style restrain");
  expect("neigh_modify exclude type 1 1", "what its restart file holds");
  expect("", "keyword var, expected a script", " var name ala2");
  expect("pair_style zero 12.0\npair_coeff * *\nbond_style zero\nbond_coeff *\nangle_style zero\n"
         "angle_coeff *\ndihedral_style zero\ndihedral_coeff *",
         "keyword var, expected a script", " var name ala2");
}

/* what a look at the frames has found is told even if no flow can be prepared from them: here mirror images that never
   move */

TEST(TrainFlow, tells_of_isomers_before_it_fails)
{
  Script s(setup());
  auto x = oracle_frames(BACKMAP_TEST_DATA "/ala2/oracle_vacuum.xyz", 1);
  for (std::size_t i = 0; i < x.size(); i += 3) x[i] = -x[i];
  std::string dump;
  for (int i = 0; i < 200; i++) dump += frame(i, x);
  const std::string log = scratch("isomers.log");
  s.commands("log " + log);
  const std::string error =
      s.error_of("train_flow " + map_file() + " " + scratch("none.isomers") + small_flow +
                 "files " + write_file("isomers.dump", dump) + " dump x y z box no");
  s.commands("log none");
  EXPECT_NE(error.find("constant length"), std::string::npos) << error;
  if (rank()) return;
  EXPECT_NE(read_file(log).find("WARNING: train_flow: mirror image"), std::string::npos);
}

/* without a keyword, a flow that has many atoms to place is composed */

TEST(TrainFlow, many_atoms_are_placed_by_fragments)
{
  std::string ala3 = setup();
  ala3.replace(ala3.find("/ala2/ala2.data"), 15, "/ala3/ala3.data");
  Script s(ala3);
  const std::string map = scratch("large.json"), dump = scratch("large.dump"),
                    a = scratch("large.a"), b = scratch("large.b"),
                    files = " files " + dump + " dump x y z box no";
  s.commands("backmap_map " + map +
             " every 2 overwrite yes\nvelocity all create 300 4711 loop geom\n"
             "fix 1 all nve\nfix 2 all langevin 300 300 50 11\nrun 500\nreset_timestep 0\n"
             "dump d all custom 5 " +
             dump + " id x y z\ndump_modify d sort id\nrun 2000\nundump d");
  const std::string small = small_flow + "epochs 1";
  s.commands("train_flow " + map + " " + a + small + files);
  s.commands("train_flow " + map + " " + b + small + " fragments no" + files);
  if (rank()) return;
  const FlowSpec large = FlowSpec::from_model(ModelFile::parse(read_file(a), a)),
                 one = FlowSpec::from_model(ModelFile::parse(read_file(b), b));
  ASSERT_GT(large.natoms - large.nbeads(), 30);
  EXPECT_TRUE(large.composed());
  EXPECT_FALSE(one.composed());
}

/* two molecules share their kinds; here the second is the first once more, with frames and a script of its own */

TEST(TrainFlow, several_molecules)
{
  Script s(setup());
  const std::string fine = write_file("in.fine", setup()), out = scratch("several.flow"),
                    files = " files " + dump_of_md();
  s.commands("train_flow " + map_file() + " " + out + small_flow +
             "epochs 3 frames 100 samples 2 energy " + fine + files + " molecule " + fine + " " +
             map_file() + files + " last 100000 dump x y z box no");
  if (rank() == 0) {
    const FlowSpec spec = FlowSpec::from_model(ModelFile::parse(read_file(out), out));
    EXPECT_EQ(spec.fragments.size(), 3u);
    EXPECT_EQ(spec.kinds.size(), 3u);
    EXPECT_EQ(spec.reach, 3);    // of fragments that others share
    EXPECT_NE(spec.training.find("2 fragments"), std::string::npos) << spec.training;
  }
  const auto expect = [&](const std::string &rest, const std::string &part) {
    const std::string e =
        s.error_of("train_flow " + map_file() + " " + scratch("none.several") + small_flow +
                   "epochs 1 frames 100" + files + rest + " dump x y z box no");
    EXPECT_NE(e.find(part), std::string::npos) << e;
  };
  expect(" molecule none.in " + map_file() + files, "none.in");
  expect(" molecule " + fine + " none.json" + files, "none.json");
  expect(" molecule " + fine + " " + map_file(), "no files");
  expect(" molecule " + fine + " " + map_file() + " files none.dump", "none.dump");
}

/* a model out of the fragments of others: of the same molecule it is the same flow */

TEST(Assemble, flows_out_of_fragments)
{
  Script s(setup());
  const std::string trained = scratch("assemble.trained"), made = scratch("assemble.made"),
                    whole = scratch("assemble.whole"),
                    data = " files " + dump_of_md() + " dump x y z box no";
  s.commands("train_flow " + map_file() + " " + trained + small_flow +
             "epochs 1 frames 200 fragments yes reach 3" + data);
  s.commands("train_flow " + map_file() + " " + whole + small_flow + "epochs 1 frames 200" + data);
  s.commands("backmap_assemble " + map_file() + " " + made + " " + trained);
  // a map with the other order, whose fragments no model has: the order of the model is taken
  std::string odd = read_file(map_file());
  odd.insert(odd.find("\"beads\""), "\"drawn_first\": \"odd\", ");
  const std::string other_map = write_file("odd.json", odd), turned = scratch("assemble.turned");
  s.commands("backmap_assemble " + other_map + " " + turned + " " + trained);
  if (rank() == 0) {
    EXPECT_EQ(read_file(turned), read_file(made));
    const FlowSpec a = FlowSpec::from_model(ModelFile::parse(read_file(trained), trained)),
                   b = FlowSpec::from_model(ModelFile::parse(read_file(made), made));
    ASSERT_EQ(a.fragments.size(), b.fragments.size());
    for (std::size_t f = 0; f < a.fragments.size(); f++) {
      EXPECT_EQ(a.fragments[f].points, b.fragments[f].points);
      const auto &x = a.kinds[a.fragments[f].kind], &y = b.kinds[b.fragments[f].kind];
      EXPECT_EQ(x.signature, y.signature);
      EXPECT_EQ(x.affine[0].weight, y.affine[0].weight);
    }
    EXPECT_FALSE(b.range.known());
  }

  // another molecule: its caps are known, its residues have neighbors that these had not
  std::string ala3 = setup();
  ala3.replace(ala3.find("/ala2/ala2.data"), 15, "/ala3/ala3.data");
  Script other(ala3);
  const std::string map = scratch("assemble.ala3.json");
  other.commands("backmap_map " + map + " overwrite yes");
  const std::string none = scratch("assemble.none"), start = "backmap_assemble " + map + " " + none;
  const auto expect = [&](const std::string &command, const std::string &part) {
    const std::string e = other.error_of(command);
    EXPECT_NE(e.find(part), std::string::npos) << e;
  };
  expect(start + " " + trained, "no model has these kinds of fragments");
  expect(start + " " + trained, "C3H5NO: atoms");
  expect(start + " " + whole, "expected a flow that is composed of fragments");
  expect(start + " " + map_file(), "ala2.map.json");
  expect(start, "got 2 arguments");
  EXPECT_FALSE(std::ifstream(none).good());
}

TEST(TrainFlow, goes_on_with_fragments)
{
  // a map that names its fragments needs no keyword
  const std::string map = write_file(
      "parts.json",
      "{\"molecule\":\"ala2\",\"beads\":[{\"name\":\"C\",\"atoms\":[5]},{\"name\":\"N\",\"atoms\":["
      "7]},"
      "{\"name\":\"CA\",\"atoms\":[9]},{\"name\":\"CB\",\"atoms\":[11]},{\"name\":\"C\",\"atoms\":["
      "15]},"
      "{\"name\":\"N\",\"atoms\":[17]}],\"fragments\":[{\"name\":\"ACE\",\"atoms\":[1,2,3,4,6]},"
      "{\"name\":\"ALA\",\"atoms\":[8,10,12,13,14,16]},{\"name\":\"NME\",\"atoms\":[18,19,20,21,22]"
      "}]}");
  Script s(setup());
  const std::string a = scratch("named.a"), b = scratch("named.b"),
                    files = " files " + dump_of_md() + " dump x y z box no";
  s.commands("train_flow " + map + " " + a + small_flow + files);
  s.commands("train_flow " + map + " " + b + small_flow + "init " + a + files);
  EXPECT_NE(s.error_of("train_flow " + map + " " + b + small_flow + "reach 3 init " + a + files)
                .find("keyword reach: with init"),
            std::string::npos);
  if (rank()) return;
  const FlowSpec first = FlowSpec::from_model(ModelFile::parse(read_file(a), a)),
                 second = FlowSpec::from_model(ModelFile::parse(read_file(b), b));
  ASSERT_EQ(first.fragments.size(), 3u);
  EXPECT_EQ(first.reach, 6);    // of a flow for one molecule
  EXPECT_EQ(second.reach, 6);
  std::set<std::string> names;
  for (const auto &kind : first.kinds) names.insert(kind.molecule);
  EXPECT_EQ(names, (std::set<std::string>{"ACE", "ALA", "NME"}));
  ASSERT_EQ(second.kinds.size(), first.kinds.size());
  for (std::size_t k = 0; k < first.kinds.size(); k++) {
    EXPECT_EQ(second.kinds[k].linear_chol, first.kinds[k].linear_chol);
    EXPECT_NE(second.kinds[k].affine[0].weight, first.kinds[k].affine[0].weight);
  }
}

TEST(TrainFlow, goes_on_with_the_likelihood)
{
  Script s(setup());
  const std::string a = scratch("first.safetensors"), b = scratch("second.safetensors"),
                    files = " files " + dump_of_md() + " dump x y z box no";
  s.commands("train_flow " + map_file() + " " + a + small_flow + files);
  s.commands("train_flow " + map_file() + " " + b + small_flow + "init " + a + files);
  if (rank()) return;
  const FlowSpec first = FlowSpec::from_model(ModelFile::parse(read_file(a), a)),
                 second = FlowSpec::from_model(ModelFile::parse(read_file(b), b));
  EXPECT_EQ(second.hidden, 8);
  EXPECT_EQ(second.linear_mean, first.linear_mean);
  EXPECT_NE(second.affine[0].weight, first.affine[0].weight);
}

TEST(TrainFlow, fine_tuning_names_what_is_wrong)
{
  Script s(setup());
  const std::string shipped = std::string(BACKMAP_POTENTIALS) + "/ala2.flow.safetensors",
                    fine = write_file("in.fine", setup()),
                    files = " files " + dump_of_md() + " dump x y z box no",
                    init = " init " + shipped,
                    start = "train_flow " + map_file() + " " + scratch("none.safetensors") +
      " threads 1 temperature ";
  auto expect = [&](const std::string &command, const std::string &part) {
    const std::string e = s.error_of(command);
    EXPECT_NE(e.find(part), std::string::npos) << command << "\n  gave: " << e;
  };
  const auto ala3 = setup();
  std::string other = ala3;
  other.replace(other.find("/ala2/ala2.data"), 15, "/ala3/ala3.data");
  expect(start + "300 reverse 0.5 energy " + fine + files, "unknown keyword reverse");
  expect(start + "300 likelihood 0.5 energy " + fine + files, "unknown keyword likelihood");
  expect(start + "300 fragments maybe" + files, "yes or no");
  expect(start + "300 reach 4" + files, "keyword reach: expected fragments with it");
  expect(start + "310 energy " + fine + init + files, "temperature, expected 310");
  expect(start + "300 energy none.in" + init + files, "none.in");
  expect(start + "300 energy " + fine + " samples 1" + init + files,
         "keyword samples, expected at least 2");
  expect(start + "300 init " + map_file() + files, "ala2.map.json");
  expect(start + "300 energy " + write_file("in.other", other) + init + files,
         "number of atoms, expected 22, got 42");
  expect(start + "300 fragments yes energy " + write_file("in.other", other) + files,
         "number of atoms, expected 22, got 42");
  expect(start + "300 frames 9 energy " + fine + init + files,
         "keyword frames, expected at least 10");
  expect("train_flow " +
             write_file("swapped.json",
                        "{\"molecule\":\"x\",\"beads\":[{\"name\":\"C\",\"atoms\":[5]},"
                        "{\"name\":\"N\",\"atoms\":[7]},{\"name\":\"CA\",\"atoms\":[9]}]}") +
             " x temperature 300" + init + files,
         "beads differ");
  EXPECT_FALSE(std::ifstream(scratch("none.safetensors")).good());
}

TEST(TrainFlow, names_what_is_wrong)
{
  const std::string out = " " + scratch("none.safetensors") + " ";
  const std::string files = " files " + dump_of_md() + " dump x y z box no";
  const std::string bad_map = write_file("bad.json",
                                         "{\"molecule\":\"x\",\"beads\":[{\"name\":\"N\","
                                         "\"atoms\":[99]}]}"),
                    two = write_file("two.json",
                                     "{\"molecule\":\"x\",\"beads\":[{\"name\":\"N\","
                                     "\"atoms\":[7]},{\"name\":\"C\",\"atoms\":[5]}]}");
  Script s(setup());
  auto expect = [&](const std::string &command, const std::string &part) {
    const std::string e = s.error_of(command);
    EXPECT_NE(e.find(part), std::string::npos) << command << "\n  gave: " << e;
  };
  const std::string start = "train_flow " + map_file() + out;
  expect("train_flow x", "Illegal train_flow command");
  expect(start + small_flow + "colour blue" + files, "unknown keyword colour");
  expect(start + "epochs 2" + files, "temperature is missing");
  expect(start + "temperature -1" + files, "keyword temperature");
  expect(start + small_flow + "hidden 0" + files, "keyword hidden, expected at least 1, got 0");
  expect(start + small_flow + "resume maybe" + files, "yes or no");
  expect(start + small_flow, "no files");
  expect(start + small_flow + "files " + dump_of_md(), "keyword dump");
  expect("train_flow no.json" + out + small_flow + files, "no.json");
  expect("train_flow " + bad_map + out + small_flow + files, "1 to 22");
  expect("train_flow " + two + out + small_flow + files, "at least 3");
  expect(start + small_flow + "batch 4000" + files, "fewer frames");
  s.commands("fix sh all shake 0.001 20 0 b 1");
  expect(start + small_flow + files, "fix shake constrains");
  EXPECT_FALSE(std::ifstream(scratch("none.safetensors")).good());
}

TEST(TrainCgnet, forces_and_correction)
{
  Script s(setup());
  const std::string a = scratch("cg.safetensors"), b = scratch("cg2.safetensors");
  const std::string files = " files " + dump_of_md() + forces;
  s.commands("train_cgnet " + map_file() + " " + a +
             " temperature 300 hidden 2 16 16 epochs 3 batch 64 threads 1" + files);
  std::string table_file = scratch("samples.txt"), dump_file = scratch("beads.dump");
  if (rank() == 0) {
    const CgnetSpec spec = CgnetSpec::from_model(ModelFile::parse(read_file(a), a));
    EXPECT_EQ(spec.hidden, std::vector<int>({16, 16}));
    EXPECT_EQ(spec.prior.bonds.size(), 5u);
    EXPECT_GE(spec.prior.dihedrals.size(), 1u);
    EXPECT_LE(spec.prior.angles.size(),
              4u);    // three about the branch and its handedness are one too many
    EXPECT_EQ(spec.prior.repulsion.size(), 10u);
    for (double v : spec.prior.sigma) EXPECT_GT(v, 1.0);

    // samples that say: F is the potential plus 3 kT
    SampleTable t;
    t.name = "alanine dipeptide";
    t.temperature = 300.0;
    t.kt = boltzmann_constant("real") * 300.0;
    t.samples = 4;
    std::ostringstream table, dump;
    table << t.header();
    dump.precision(12);
    const auto x = noisy(oracle_frames(data + "/ala2/oracle_vacuum.xyz", 44), 4, 0.02, 9);
    const int beads[6] = {4, 6, 8, 10, 14, 16};
    for (int i = 0; i < 176; i++) {
      std::vector<double> z;
      dump << "ITEM: TIMESTEP\n"
           << i
           << "\nITEM: NUMBER OF ATOMS\n6\nITEM: BOX BOUNDS pp pp pp\n"
              "-15 15\n-15 15\n-15 15\nITEM: ATOMS id mol x y z\n";
      for (int k = 0; k < 6; k++) {
        dump << beads[k] + 1 << " 1";
        for (int c = 0; c < 3; c++) {
          z.push_back(x[66 * i + 3 * beads[k] + c]);
          dump << " " << z.back();
        }
        dump << "\n";
      }
      std::vector<double> e(1), f(18);
      Cgnet(spec).evaluate(1, z.data(), e.data(), f.data());
      for (int j = 0; j < 4; j++) {
        SampleTable::Row row;
        row.step = i;
        row.molecule = 1;
        row.sample = j;
        row.u = 0.1 * j;
        row.ucg = e[0];
        row.logq = -row.u / t.kt - e[0] / t.kt * -1.0 - 3.0;
        row.logweight = -row.u / t.kt + row.ucg / t.kt - row.logq;
        table << t.line(row, nullptr);
      }
    }
    std::ofstream(table_file) << table.str();
    std::ofstream(dump_file) << dump.str();
  }
  MPI_Barrier(MPI_COMM_WORLD);
  const std::string log = scratch("correct.log");
  s.commands("log " + log + "\ntrain_cgnet " + map_file() + " " + b + " temperature 300 init " + a +
             " correct " + table_file + " " + dump_file + " epochs 2 batch 64 threads 1" + files +
             "\nlog none");
  if (rank() == 0) {
    const std::string said = read_file(log);
    EXPECT_NE(said.find("kT on held-back frames, of which"), std::string::npos) << said;
    EXPECT_NE(said.find("would help"), std::string::npos) << said;
    const CgnetSpec before = CgnetSpec::from_model(ModelFile::parse(read_file(a), a)),
                    after = CgnetSpec::from_model(ModelFile::parse(read_file(b), b));
    EXPECT_EQ(before.prior.precision, after.prior.precision);
    EXPECT_NE(before.layers[0].weight, after.layers[0].weight);
  }
  // the same free energies for a sum of windows; they do not depend on the potential
  const std::string c = scratch("cg3.safetensors");
  s.commands("train_cgnet " + map_file() + " " + c +
             " temperature 300 hidden 2 16 16 epochs 1 batch 64 threads 1 local yes" + files);
  s.commands("train_cgnet " + map_file() + " " + c + " temperature 300 init " + c + " correct " +
             table_file + " " + dump_file + " epochs 2 batch 64 threads 1" + files);
  if (rank() == 0) {
    const CgnetSpec after = CgnetSpec::from_model(ModelFile::parse(read_file(c), c));
    EXPECT_EQ(after.windows.size(), 3u);
    EXPECT_NE(after.training.find("\"free_energies\":176"), std::string::npos) << after.training;
  }

  // tables and dumps by patterns, the same model
  const std::string d = scratch("cg4.safetensors");
  s.commands("train_cgnet " + map_file() + " " + d + " temperature 300 init " + a + " correct " +
             scratch("sample?.txt") + " " + scratch("bead?.dump") + " epochs 2 batch 64 threads 1" +
             files);
  if (rank() == 0) { EXPECT_EQ(read_file(d), read_file(b)); }

  // mean forces in the dump: with the free energies alone, and without them by their weight
  const std::string with_forces = scratch("forces.dump"), said = scratch("forces.log");
  if (rank() == 0) {
    std::istringstream in(read_file(dump_file));
    std::ofstream out(with_forces);
    for (std::string line; std::getline(in, line);) {
      const bool bead = std::count(line.begin(), line.end(), ' ') == 4 && line[0] != 'I';
      out << line
          << (line.find("ATOMS id") != std::string::npos
                  ? " mean_fx mean_fy mean_fz error_fx error_fy error_fz"
                  : bead ? " 1 2 3 0.1 0.1 0.1"
                         : "")
          << "\n";
    }
  }
  MPI_Barrier(MPI_COMM_WORLD);
  const std::string alone =
      " temperature 300 init " + a + " epochs 2 batch 64 threads 1 correct " + table_file + " ";
  const std::string e1 = scratch("cg5.safetensors"), e2 = scratch("cg6.safetensors"),
                    e3 = scratch("cg7.safetensors");
  s.commands("log " + said + "\ntrain_cgnet " + map_file() + " " + e1 + alone + with_forces +
             "\nlog none");
  s.commands("train_cgnet " + map_file() + " " + e2 + alone + with_forces + " mean_forces 0");
  s.commands("train_cgnet " + map_file() + " " + e3 + alone + dump_file);
  if (rank() == 0) {
    EXPECT_NE(read_file(said).find("176 mean forces, median error 0.100"), std::string::npos);
    const auto layer = [](const std::string &file) {
      return CgnetSpec::from_model(ModelFile::parse(read_file(file), file)).layers[0].weight;
    };
    EXPECT_NE(layer(e1), layer(e3));
    EXPECT_EQ(layer(e2), layer(e3));
  }

  auto expect = [&](const std::string &command, const std::string &part) {
    const std::string e = s.error_of(command);
    EXPECT_NE(e.find(part), std::string::npos) << command << "\n  gave: " << e;
  };
  const std::string start = "train_cgnet " + map_file() + " " + scratch("none.safetensors");
  expect(start + " temperature 300 mean_forces -1", "keyword mean_forces");
  expect(start + " temperature 300 correct " + scratch("sample?.txt") + " " + scratch("bead*.d?mp"),
         "train_cgnet: keyword correct: expected two names with the same number");
  expect(start + " temperature 300 correct " + scratch("*amples.txt") + " " + scratch("*eads.dump"),
         scratch("samples.txt") + " has no partner, expected " + scratch("seads.dump"));
  expect(start + " temperature 300", "nothing to learn from");
  expect(start + " temperature 300 correct a b", "keyword init");
  expect(start + " temperature 310 init " + a + files,
         "expected 310 K and real, got 300 K and real");
  expect(start + " temperature 300 files " + dump_of_md() + " dump x y z box no", "fx fy fz");
  expect(start + " temperature 300 init " + map_file() + files, "ala2.map.json");
}

TEST(TrainCgnet, local)
{
  Script s(setup());
  const std::string a = scratch("local.safetensors"), b = scratch("local2.safetensors");
  const std::string files = " files " + dump_of_md() + forces,
                    small = " temperature 300 hidden 2 16 16 epochs 2 batch 64 threads 1";
  s.commands("train_cgnet " + map_file() + " " + a + small + " local yes" + files);
  s.commands("train_cgnet " + map_file() + " " + b + " temperature 300 epochs 2 batch 64 init " +
             a + files);
  if (rank() == 0) {
    const CgnetSpec before = CgnetSpec::from_model(ModelFile::parse(read_file(a), a)),
                    after = CgnetSpec::from_model(ModelFile::parse(read_file(b), b));
    EXPECT_EQ(before.windows.size(), 3u);    // about N, CA and C
    EXPECT_EQ(before.kinds.size(), 3u);
    EXPECT_EQ(before.reach, 3);
    EXPECT_EQ(before.kinds[1].nbeads(), 6);
    EXPECT_EQ(before.kinds[1].hidden, std::vector<int>({16, 16}));
    for (int k = 0; k < 3; k++) {
      EXPECT_EQ(before.kinds[k].signature, after.kinds[k].signature);
      EXPECT_EQ(before.kinds[k].prior.precision, after.kinds[k].prior.precision);
      EXPECT_NE(before.kinds[k].layers[0].weight, after.kinds[k].layers[0].weight);
    }
  }
  auto expect = [&](const std::string &command, const std::string &part) {
    const std::string e = s.error_of(command);
    EXPECT_NE(e.find(part), std::string::npos) << command << "\n  gave: " << e;
  };
  const std::string start = "train_cgnet " + map_file() + " " + scratch("none.safetensors") + small;
  expect(start + " local maybe" + files, "yes or no");
  expect(start + " reach 2" + files, "keyword reach: expected local yes");
  expect(start + " local yes reach 1" + files, "reach");
  expect(start + " local yes reach 2 init " + a + files, "the windows are those of");
  expect(start + " local no init " + a + files, "is a sum of windows, expected local yes or none");
}

#else

TEST(TrainFlow, says_that_torch_is_not_there)
{
  Script s(setup());
  EXPECT_NE(s.error_of("train_flow a b c d").find("without LibTorch"), std::string::npos);
  EXPECT_NE(s.error_of("train_cgnet a b c d").find("without LibTorch"), std::string::npos);
}

#endif

/* ----------------------------------------------------------------------
   free energies of frames
------------------------------------------------------------------------- */

TEST(Correction, free_energy_of_frames)
{
  SampleTable t;
  t.kt = 0.5;
  t.samples = 3;
  for (int step : {5, 7})
    for (int j = 0; j < 3; j++) {
      SampleTable::Row r;
      r.step = step;
      r.molecule = 2;
      r.sample = j;
      r.u = 2.0;
      r.logq = step == 5 ? -1.0 : INFINITY;    // invalid draws weigh nothing
      r.ucg = 1.0;
      t.rows.push_back(r);
    }
  const std::string dump =
      "ITEM: TIMESTEP\n5\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 10\n"
      "0 10\n0 10\nITEM: ATOMS id mol x y z\n9 2 0.5 1 1\n4 2 9.5 1 1\n";
  const auto beads = BeadFrames::parse(dump, 2, "b.dump");
  const auto f = free_energies(t, beads, 3, "t.txt");
  ASSERT_EQ(f.n, 1);
  EXPECT_EQ(f.without, 1);
  EXPECT_DOUBLE_EQ(f.value[0], 4.0 - 1.0);    // -log exp(-4 + 1)
  EXPECT_DOUBLE_EQ(f.ucg[0], 2.0);
  EXPECT_EQ(f.series[0], 3);
  EXPECT_EQ(f.z, std::vector<double>({9.5, 1, 1, 10.5, 1, 1}));    // by ID, whole

  EXPECT_THROW(BeadFrames::parse(dump, 3, "b.dump"), std::runtime_error);
  EXPECT_THROW(BeadFrames::parse(dump.substr(0, 120), 2, "b.dump"), std::runtime_error);
  // the same step twice, as by append: in the table, and in the dump with other positions
  auto twice = t;
  twice.rows.insert(twice.rows.end(), t.rows.begin(), t.rows.end());
  EXPECT_THROW(free_energies(twice, beads, 3, "t.txt"), std::runtime_error);
  EXPECT_NO_THROW(BeadFrames::parse(dump + dump, 2, "b.dump"));
  auto moved = dump;
  moved.replace(moved.rfind("9.5"), 3, "9.6");
  EXPECT_THROW(BeadFrames::parse(dump + moved, 2, "b.dump"), std::runtime_error);

  auto other = beads;
  other.z.clear();
  EXPECT_THROW(free_energies(t, other, 0, "t.txt"), std::runtime_error);
  EXPECT_EQ(f.forces.size(), 0);

  // mean forces beside the beads, in their order
  auto with = dump;
  with.replace(with.rfind("x y z\n"), std::string::npos,
               "mean_fx x y z mean_fy mean_fz error_fx error_fy error_fz\n"
               "9 2 4 0.5 1 1 5 6 0.4 0.5 0.6\n4 2 1 9.5 1 1 2 3 0.1 0.2 0.3\n");
  FreeEnergies sum = f;
  sum.append(free_energies(t, BeadFrames::parse(with, 2, "b.dump"), 4, "t.txt"));
  EXPECT_EQ(sum.forces.frame, std::vector<int64_t>({1}));
  EXPECT_EQ(sum.forces.force, std::vector<double>({1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(sum.forces.error, std::vector<double>({0.1, 0.2, 0.3, 0.4, 0.5, 0.6}));
  with.replace(with.find("error_fy"), 8, "error_fw");
  EXPECT_THROW(BeadFrames::parse(with, 2, "b.dump"), std::runtime_error);
}

/* ----------------------------------------------------------------------
   mean forces as targets: those of the model itself leave the network nothing to do; a noisy region weighs less
------------------------------------------------------------------------- */

TEST(Correction, mean_forces_as_targets)
{
  const Topology topology = data_topology(data + "/ala2/ala2.data");
  const Mapping map = make_map({4, 6, 8, 10, 14, 16});
  const auto x = noisy(oracle_frames(data + "/ala2/oracle_vacuum.xyz", 44), 10, 0.05, 7);
  const int n = (int) x.size() / 66;
  const CgnetSpec spec =
      prior_only(prepare_cgnet(topology, map, "real", 300.0, {8}, n, x.data(),
                               std::vector<double>(x.size()).data(), std::vector<char>(n, 0))
                     .spec);
  FreeEnergies f;
  f.n = n;
  f.z.resize(18 * n);
  f.series.assign(n, 0);
  for (int i = 0; i < n; i++) map.apply(&x[66 * i], &f.z[18 * i]);
  std::vector<double> e(n), force(18 * n);
  Cgnet(spec).evaluate(n, f.z.data(), e.data(), force.data());
  // every second frame has forces, some of them with larger errors
  for (int i = 0; i < n; i += 2) {
    f.forces.frame.push_back(i);
    f.forces.force.insert(f.forces.force.end(), &force[18 * i], &force[18 * i] + 18);
    f.forces.error.insert(f.forces.error.end(), 18, i % 4 ? 1.0 : 5.0);
  }
  CgnetForces train, valid;
  train.n = 1;    // a frame of an all-atom run
  train.z.assign(18, 1.0);
  train.force.assign(18, 1.0f);
  mean_force_targets(spec, f, 7.0, train, valid);
  EXPECT_EQ(train.n + valid.n, 1 + n / 2);
  EXPECT_NEAR((double) valid.n, 0.05 * n, 1.0);
  EXPECT_EQ(train.weight[0], 1.0f);
  double sum = 0.0;
  for (int64_t i = 1; i < train.n; i++) sum += train.weight[i];
  for (float w : valid.weight) sum += w;
  EXPECT_NEAR(sum, 7.0 * n / 2, 0.01 * n);
  for (int64_t k = 18; k < 18 * train.n; k++) EXPECT_NEAR(train.force[k], 0.0, 1e-3) << k;
}
