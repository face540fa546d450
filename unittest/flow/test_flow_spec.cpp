/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The specification of a flow: what goes into a model file comes out of it, and everything that can
// be wrong is refused with the name of what it is.

#include "core/model_file.h"
#include "error_of.h"
#include "flow_test_support.h"

#include "gtest/gtest.h"

#include <functional>

using namespace BACKMAP_NS;
using namespace BACKMAP_NS::test;

namespace {

std::string error_of(const std::function<void()> &action)
{
  return test::error_of(action, "");
}

bool contains(const std::string &text, const std::string &part)
{
  return text.find(part) != std::string::npos;
}

/// Error of a file whose "spec" text has `from` replaced by `to` (once; it must be there).
std::string error_of_text(const std::string &from, const std::string &to)
{
  ModelFile file = random_flow(1).to_model();
  std::string text = file.meta("spec");
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " in " << text;
  if (at == std::string::npos) return "";
  text.replace(at, from.size(), to);
  file.set_meta("spec", text);
  return error_of([&] { FlowSpec::from_model(ModelFile::parse(file.serialize(), "x.st")); });
}

std::string error_of_spec(const std::function<void(FlowSpec &)> &change)
{
  FlowSpec spec = random_flow(1);
  change(spec);
  return error_of([&] { spec.validate("here"); });
}

std::string error_of_tensors(const std::function<void(ModelFile &)> &change)
{
  ModelFile file = random_flow(1).to_model();
  change(file);
  return error_of([&] { FlowSpec::from_model(file); });
}

}    // namespace

TEST(FlowSpec, RoundTrip)
{
  FlowShape shape;
  shape.free_torsion = true;
  FlowSpec spec = random_flow(7, shape);
  spec.training = "{\"epochs\":3,\"nested\":{\"list\":[1,2]}}";
  const std::string bytes = spec.to_model().serialize();
  const FlowSpec back = FlowSpec::from_model(ModelFile::parse(bytes, "x"));
  EXPECT_EQ(back.to_model().serialize(), bytes);
  EXPECT_EQ(back.zmatrix, spec.zmatrix);
  EXPECT_EQ(back.linear, spec.linear);
  EXPECT_EQ(back.circular, spec.circular);
  EXPECT_EQ(back.linear_chol, spec.linear_chol);
  EXPECT_EQ(back.rotors[2].sign, -1);
  EXPECT_EQ(back.couplings[1].out.weight, spec.couplings[1].out.weight);
  EXPECT_EQ(back.couplings[2].circular_id, spec.couplings[2].circular_id);
  EXPECT_EQ(back.bead_names(), (std::vector<std::string>{"C", "N", "CA", "CB", "C", "N"}));
  EXPECT_EQ(back.temperature, 300.0);
  EXPECT_EQ(back.training, spec.training);
  EXPECT_EQ(back.nl() + back.nc(), 3 * back.nrows());
}

TEST(FlowSpec, TextErrors)
{
  for (const char *field :
       {"molecule", "units", "temperature", "natoms", "masses", "types", "charges", "bonds",
        "beads", "features", "zmatrix", "rotors", "circular", "linear", "flow", "couplings"}) {
    const std::string key = std::string("\"") + field + "\":";
    const std::string text = error_of_text(key, std::string("\"x") + field + "\":");
    EXPECT_TRUE(contains(text, field)) << field << ": " << text;
    EXPECT_TRUE(contains(text, "x.st")) << text;
  }
  EXPECT_TRUE(contains(error_of_text("\"natoms\":22", "\"natoms\":21"), "expected"));
  EXPECT_TRUE(contains(error_of_text("\"natoms\":22", "\"natoms\":22.5"), "natoms"));
  EXPECT_TRUE(contains(error_of_text("\"natoms\":22", "\"natoms\":4294967318"), "natoms"));
  EXPECT_TRUE(contains(error_of_text("\"natoms\":22", "\"natoms\":-1"), "natoms"));
  EXPECT_TRUE(
      contains(error_of_text("\"temperature\":300.0", "\"temperature\":\"300\""), "temperature"));
  EXPECT_TRUE(contains(error_of_text("\"temperature\":300.0", "\"temperature\":-1"), "positive"));
  EXPECT_TRUE(contains(error_of_text("\"temperature\":300.0", "\"temperature\":1e999"), "JSON"));
  EXPECT_TRUE(contains(error_of_text("\"bins\":8", "\"bins\":1"), "bins"));
  EXPECT_TRUE(contains(error_of_text("\"bins\":8", "\"bins\":33"), "bins"));
  EXPECT_TRUE(contains(error_of_text("\"hidden\":16", "\"hidden\":17"), "affine.0.weight"));
  EXPECT_TRUE(contains(error_of_text("\"hidden\":16", "\"hidden\":1000000"), "hidden"));
  EXPECT_TRUE(contains(error_of_text("\"bound\":3.0", "\"bound\":0"), "bound"));
  EXPECT_TRUE(contains(error_of_text("\"bound\":3.0", "\"bound\":null"), "bound"));
  EXPECT_TRUE(contains(error_of_text("\"sign\":-1", "\"sign\":0"), "sign"));
  EXPECT_TRUE(contains(error_of_text("\"rows\":[7,8,9]", "\"rows\":[7,8,99]"), "rows"));
  EXPECT_TRUE(contains(error_of_text("\"rows\":[7,8,9]", "\"rows\":[]"), "rows"));
  EXPECT_TRUE(contains(error_of_text("[1,4,6,8]", "[1,4,6]"), "zmatrix"));
  EXPECT_TRUE(contains(error_of_text("[1,4,6,8]", "[1,4,6,22]"), "zmatrix"));
  EXPECT_TRUE(contains(error_of_text("\"zmatrix\":[[1,4,6,8]", "\"zmatrix\":[null"), "zmatrix"));
  EXPECT_NE(error_of_text("{\"beads\"", "{{\"beads\""), "") << "not JSON";
  EXPECT_TRUE(contains(error_of_text("\"atoms\":[4]", "\"atoms\":[4,5]"), "weights"));
  EXPECT_TRUE(contains(error_of_text("\"weights\":[1.0]", "\"weights\":[0.5]"), "weights"));
}

TEST(FlowSpec, OtherFormatsAreRefused)
{
  ModelFile file = random_flow(1).to_model();
  file.set_meta("format", "backmap.cgnet");
  const std::string text = error_of([&] { FlowSpec::from_model(file); });
  EXPECT_TRUE(contains(text, "backmap.flow") && contains(text, "backmap.cgnet")) << text;
}

TEST(FlowSpec, TensorErrors)
{
  // each tensor with another shape: its name, what was expected and what is there

  const ModelFile good = random_flow(1).to_model();
  for (const auto &name : good.names()) {
    auto shape = good.shape(name);
    const auto values = good.tensor(name, shape);
    const std::string text = error_of_tensors([&](ModelFile &file) {
      auto more = values;
      for (std::int64_t i = 0; i < (shape.size() > 1 ? shape[1] : 1); i++) more.push_back(0.0);
      auto larger = shape;
      larger[0]++;
      file.add(name, larger, more);
    });
    EXPECT_TRUE(contains(text, name) && contains(text, "expected shape")) << name << ": " << text;
  }
  EXPECT_TRUE(contains(error_of_tensors([](ModelFile &f) { f.add("more", {1}, {1.0}); }), "more"));
  EXPECT_TRUE(contains(error_of_tensors([](ModelFile &f) {
                         auto v = f.tensor("features.std", f.shape("features.std"));
                         v[3] = 0.0;
                         f.add("features.std", f.shape("features.std"), v);
                       }),
                       "features.std"));
  for (const bool diagonal : {true, false})
    EXPECT_TRUE(contains(error_of_tensors([&](ModelFile &f) {
                           const auto shape = f.shape("linear.chol");
                           auto v = f.tensor("linear.chol", shape);
                           v[diagonal ? 0 : 1] = diagonal ? -1.0 : 0.1;
                           f.add("linear.chol", shape, v);
                         }),
                         "linear.chol"));
}

TEST(FlowSpec, ZMatrixErrors)
{
  using S = FlowSpec;
  EXPECT_EQ(error_of_spec([](S &) {}), "");
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.zmatrix[0] = {{1, 0, 6, 8}}; }), "not placed"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.zmatrix[0] = {{1, 4, 4, 8}}; }), "twice"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.zmatrix[0] = {{1, 4, 6, -8}}; }), "expected"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.zmatrix[1] = {{1, 4, 6, 8}}; }), "placed twice"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.zmatrix[1] = {{4, 1, 6, 8}}; }), "placed twice"));
  EXPECT_NE(error_of_spec([](S &s) { std::swap(s.zmatrix[0], s.zmatrix[1]); }), "");
  EXPECT_NE(error_of_spec([](S &s) { s.zmatrix.pop_back(); }), "");
  EXPECT_NE(error_of_spec([](S &s) { s.zmatrix.clear(); }), "");
}

TEST(FlowSpec, VariableErrors)
{
  using S = FlowSpec;
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.rotors[0].rows = {7}; }), "rotor 0"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.rotors[0].rows = {7, 8, 8}; }), "twice"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.rotors[0].rows = {7, 8, 10}; }), "rotor 0"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.rotors[0].rows = {8, 7, 9}; }), "references"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.rotors[1].sign = 2; }), "sign"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.rotors[1] = s.rotors[0]; }), "twice"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) {
                         s.rotors[2].rows = {13, 14};
                         s.linear = s.derive_linear();
                       }),
                       "refers to one"))
      << "row 15 hangs on an atom whose label may change";
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.circular = {0}; }), "circular"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.circular = {33, 33}; }), "twice"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.circular = {2 * 16 + 7}; }), "rotor"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.linear.pop_back(); }), "linear"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { std::swap(s.linear[0], s.linear[1]); }), "linear"));
}

TEST(FlowSpec, CouplingErrors)
{
  using S = FlowSpec;
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.couplings[0].linear_id[0] = -1; }), "linear_id"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.couplings[0].linear_id[1] = 0; }), "ascending"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.couplings[0].linear_id.back() = 99; }), "99"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) {
                         s.couplings[1].circular_id = {0, 3};
                       }),
                       "circular"));
  EXPECT_TRUE(
      contains(error_of_spec([](S &s) { s.couplings[1].linear_id.pop_back(); }), "coupling.1"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) {
                         auto &c = s.couplings[0];
                         c.linear_id.resize(s.nl());
                         for (int i = 0; i < s.nl(); i++) c.linear_id[i] = i;
                         c.circular_id = {0, 1, 2};
                       }),
                       "nothing is transformed"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.couplings[0].cond.pop_back(); }), "cond"));
  EXPECT_TRUE(
      contains(error_of_spec([](S &s) { s.couplings[0].out.bias[0] = std::nan(""); }), "finite"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.couplings.resize(65); }), "couplings"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.bound = std::nan(""); }), "bound"));
}

TEST(FlowSpec, BeadErrors)
{
  using S = FlowSpec;
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.beads[0].atoms = {22}; }), "does not exist"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) { s.beads[0].atoms = {6}; }), "two beads"));
  EXPECT_TRUE(contains(error_of_spec([](S &s) {
                         s.beads[0].atoms = {4, 5};
                         s.beads[0].weights = {0.5, 0.5};
                       }),
                       "bodies"));
  EXPECT_NE(error_of_spec([](S &s) { s.beads.pop_back(); }), "");
  EXPECT_NE(error_of_spec([](S &s) { s.beads.clear(); }), "");
  EXPECT_NE(error_of_spec([](S &s) { s.features.nbeads = 5; }), "");
  EXPECT_NE(error_of_spec([](S &s) { s.masses[3] = 0.0; }), "");
  EXPECT_NE(error_of_spec([](S &s) { s.types[3] = 0; }), "");
  EXPECT_NE(error_of_spec([](S &s) { s.bonds[3] = {{1, 1}}; }), "");
  EXPECT_NE(error_of_spec([](S &s) { s.temperature = std::nan(""); }), "");
}
