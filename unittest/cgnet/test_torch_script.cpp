/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The TorchScript contract: the native network and the same network as a .pt file agree to 1e-10,
// archives that break the contract are refused.  The archive is made here with LibTorch and, where
// Python has torch, by the example's export script.

#include "libtorch/torch_script.h"

#include "cgnet/cgnet.h"
#include "cgnet_support.h"
#include "torch_script_support.h"

#include <torch/script.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace BACKMAP_NS;
using namespace cgnet_support;
using namespace torch_script_support;

namespace {

std::string small_archive(const std::string &methods, const std::string &forward)
{
  torch::jit::Module m("Small");
  m.define(methods);
  m.define(forward);
  return saved(m);
}

std::string error_of(const std::string &bytes)
{
  try {
    const auto p = make_torch_script(bytes, "net.pt");
    const auto z = configurations(2, 1);
    std::vector<double> e(2), f(36);
    p->evaluate(2, z.data(), e.data(), f.data());
  } catch (const std::runtime_error &e) {
    return e.what();
  }
  return "no error";
}

std::string read_file(const std::string &path)
{
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void write_file(const std::string &path, const std::string &bytes)
{
  std::ofstream(path, std::ios::binary) << bytes;
}

void expect_same(const CgPotential &a, const CgPotential &b)
{
  for (const int n : {1, 3, 16, 100}) {
    const auto z = configurations(n, 40 + n, 0.15);
    std::vector<double> ea(n), fa(18 * n), eb(n), fb(18 * n);
    a.evaluate(n, z.data(), ea.data(), fa.data());
    b.evaluate(n, z.data(), eb.data(), fb.data());
    double largest = 0.0;
    for (double x : fa) largest = std::max(largest, std::fabs(x));
    for (int m = 0; m < n; m++) EXPECT_NEAR(ea[m], eb[m], 1e-10 * (1 + std::fabs(ea[m])));
    for (int i = 0; i < 18 * n; i++) EXPECT_NEAR(fa[i], fb[i], 1e-10 * largest);
  }
}

// last column of the thermo line of step 0
double energy_by_lammps(const std::string &model)
{
  std::ofstream data("two.data");
  data
      << "test\n\n12 atoms\n6 atom types\n\n0 30 xlo xhi\n0 30 ylo yhi\n0 30 zlo zhi\n\nMasses\n\n";
  for (int i = 1; i <= 6; i++) data << i << " 12\n";
  data << "\nAtoms\n\n";
  data.precision(17);
  const auto z = configurations(2, 77);
  for (int i = 0; i < 12; i++)
    data << i + 1 << " " << 1 + i / 6 << " " << 1 + i % 6 << " " << z[3 * i] << " " << z[3 * i + 1]
         << " " << z[3 * i + 2] << "\n";
  data.close();
  write_file(
      "in.two",
      "units real\natom_style molecular\nread_data two.data\npair_style cgnet run_code yes "
      "precision double\npair_coeff * * " +
          model +
          " C N CA CB C N\nvariable e equal pe\nrun 0\nprint \"energy ${e}\" file energy.txt\n"
          "fix 1 all nve\nrun 20\n");
  const std::string command =
      std::string(BACKMAP_LMP) + " -in in.two -log none -screen two.out -nocite";
  EXPECT_EQ(std::system(command.c_str()), 0) << read_file("two.out");
  std::string word;
  double e = 0.0;
  std::ifstream("energy.txt") >> word >> e;
  return e;
}

}    // namespace

TEST(TorchScript, AgreesWithNative)
{
  const CgnetSpec spec = make_cgnet();
  const auto script = make_torch_script(archive(spec), "net.pt");
  EXPECT_EQ(script->bead_names(), spec.bead_names());
  EXPECT_EQ(script->units(), "real");
  EXPECT_EQ(script->temperature(), 300.0);
  expect_same(Cgnet(spec), *script);
}

TEST(TorchScript, ExportScriptOfTheExample)
{
  const std::string python = BACKMAP_PYTHON;
  if (python.empty() ||
      std::system((python + " -c 'import torch, numpy' > /dev/null 2>&1").c_str()) != 0)
    GTEST_SKIP() << "no Python with torch";
  for (const auto &hidden : std::vector<std::vector<int>>{{24, 20}, {64, 64, 64}}) {
    const CgnetSpec spec = make_cgnet(hidden);
    write_file("export.safetensors", spec.to_model().serialize());
    const std::string command = python + " " + BACKMAP_EXAMPLES +
        "/alanine-dipeptide/export_cgnet.py export.safetensors export.pt";
    ASSERT_EQ(std::system(command.c_str()), 0);
    const auto script = make_torch_script(read_file("export.pt"), "export.pt");
    EXPECT_EQ(script->bead_names(), spec.bead_names());
    expect_same(Cgnet(spec), *script);
  }
}

TEST(TorchScript, InsideLammps)
{
  const CgnetSpec spec = make_cgnet();
  write_file("net.safetensors", spec.to_model().serialize());
  write_file("net.pt", archive(spec));
  const double native = energy_by_lammps("net.safetensors"), script = energy_by_lammps("net.pt");
  EXPECT_NE(native, 0.0);
  EXPECT_NEAR(native, script, 1e-10 * std::fabs(native));
}

TEST(TorchScript, BrokenContract)
{
  const std::string energy = "def forward(self, z):\n    return (z * z).sum(-1).sum(-1)\n";
  EXPECT_EQ(error_of(small_archive(METHODS, energy)), "no error");
  const auto expect = [](const std::string &bytes, const std::string &part) {
    const std::string text = error_of(bytes);
    EXPECT_NE(text.find(part), std::string::npos) << text;
    EXPECT_EQ(text.find("TorchScript model net.pt"), 0u) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  };
  expect("", "cannot be loaded");
  expect("not an archive", "cannot be loaded");
  expect(small_archive(METHODS, energy).substr(0, 500), "cannot be loaded");
  expect(small_archive("def units(self) -> str:\n    return 'real'\n", energy),
         "method bead_names() is missing");
  std::string methods = METHODS;
  methods.replace(methods.find("return 300.0"), 12, "return -3.0 ");
  expect(small_archive(methods, energy), "temperature() must be positive");
  methods = METHODS;
  methods.replace(methods.find("-> str:\n    return \"real\""), 25, "-> int:\n    return 1");
  expect(small_archive(methods, energy), "units() must return str");
  expect(small_archive(METHODS, "def forward(self, z):\n    return z.sum(-1)\n"),
         "expected a float64 tensor of shape [2]");
  expect(small_archive(METHODS, "def forward(self, z):\n    return z.sum(-1).sum(-1).float()\n"),
         "expected a float64 tensor");
  expect(small_archive(METHODS, "def forward(self, z):\n    return z.detach().sum(-1).sum(-1)\n"),
         "evaluation failed");
  expect(small_archive(METHODS,
                       "def forward(self, z):\n    assert z.size(0) > 100, 'mine'\n    "
                       "return z.sum(-1).sum(-1)\n"),
         "evaluation failed");
  expect(small_archive(METHODS, "def forward(self, z):\n    return [z]\n"), "must return a Tensor");
}
