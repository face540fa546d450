/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// What training makes of a molecule: frames in turn, the pieces of a flow, flows of fragments from frames, and
// networks of several kinds trained at once.

#include "libtorch/flow_trainer.h"

#include "core/model_file.h"
#include "core/random_stream.h"
#include "error_of.h"
#include "flow/flow.h"
#include "flow/flow_test_support.h"
#include "molecule/molecule_builder.h"
#include "training/flow_data.h"
#include "training/flow_pieces.h"
#include "training/frame_pool.h"
#include "training/train_test_support.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <numeric>
#include <set>

using namespace BACKMAP_NS;
using namespace train_test;
using ::testing::HasSubstr;

namespace {

const std::string data = BACKMAP_TEST_DATA;
using molecule_test::Molecule;
using molecule_test::peptide;

FlowDesign small_design()
{
  FlowDesign design;
  design.hidden = 8;
  design.couplings = 2;
  design.bins = 4;
  return design;
}

/// Noisy copies of a molecule, the last tenth held back.
struct Frames {
  Molecule m;
  int n;
  std::vector<double> x;
  std::vector<char> valid;

  Frames(const Molecule &molecule, int count, int seed) :
      m(molecule), n(count), x(noisy(molecule.x, count, 0.02, seed)), valid(count, 0)
  {
    for (int i = n - n / 10; i < n; i++) valid[i] = 1;
  }

  Fragments fragments() const { return Fragments::derive(m.t, m.map(), m.x); }

  FlowData prepare() const
  {
    const Fragments f = fragments();
    FlowData d = prepare_flow(m.t, m.map(), small_design(), n, x.data(), valid, &f);
    d.spec.temperature = 300.0;
    for (auto &kind : d.spec.kinds) kind.temperature = 300.0;
    return d;
  }

  std::size_t stride() const { return 3 * (std::size_t) m.t.natoms; }
};

std::string joined(const std::vector<std::string> &notes)
{
  std::string out;
  for (const auto &n : notes) out += n + "\n";
  return out;
}

}    // namespace

/* ---------------------------------------------------------------------- */

TEST(FramePool, every_frame_once_a_pass)
{
  std::vector<double> x(3 * 2 * 60);
  std::iota(x.begin(), x.end(), 0.0);
  std::vector<int64_t> which;
  for (int i = 0; i < 50; i++) which.push_back(i + i / 5);
  for (const int n : {1, 7, 25, 33, 50}) {
    FramePool pool(2, x.data(), which, 3), same(2, x.data(), which, 3),
        other(2, x.data(), which, 4);
    EXPECT_EQ(pool.size(), 50);
    for (int i = 0; i < 50; i++)
      for (int k = 0; k < 6; k++) EXPECT_EQ(pool.x[6 * i + k], x[6 * which[i] + k]);
    std::vector<int64_t> all, others;
    for (int call = 0; call < 150; call++) {
      const auto some = pool.next(n);
      ASSERT_EQ(some.size(), (std::size_t) n);
      EXPECT_EQ(std::set<int64_t>(some.begin(), some.end()).size(), some.size()) << "one twice";
      EXPECT_EQ(same.next(n), some);
      EXPECT_EQ(pool.passes(), (int) all.size() ? (int) ((all.size() + n - 1) / 50) : 0);
      all.insert(all.end(), some.begin(), some.end());
      const auto o = other.next(n);
      others.insert(others.end(), o.begin(), o.end());
    }
    EXPECT_NE(all, others) << "the seed draws the order";
    for (std::size_t i = 0; i + 50 <= all.size(); i += 50)
      EXPECT_EQ(std::set<int64_t>(&all[i], &all[i] + 50).size(), 50u) << "pass " << i / 50;
    EXPECT_FALSE(std::equal(all.begin(), all.begin() + 50, all.begin() + 50)) << "another order";
  }
  FramePool pool(2, x.data(), which, 3);
  EXPECT_EQ(pool.next(1000).size(), 50u);
  EXPECT_EQ(pool.passes(), 0);
  EXPECT_EQ(pool.next(1000).size(), 50u);
  EXPECT_EQ(pool.passes(), 1);
  EXPECT_TRUE(FramePool(2, x.data(), {}, 3).next(5).empty());
}

/* ---------------------------------------------------------------------- */

TEST(FlowPieces, take_and_give)
{
  const FlowSpec whole = test::random_flow(1);
  const auto one = flow_pieces(whole);
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(whole.npieces(), 1);
  EXPECT_EQ(&whole.piece(0), &whole);
  std::vector<int> placed;
  for (const auto &row : whole.zmatrix) placed.push_back(row[0]);
  std::sort(placed.begin(), placed.end());
  EXPECT_EQ(one[0].drawn, placed);
  EXPECT_EQ(one[0].stride(), 66u);

  const Frames fr(peptide({"ALA", "ALA", "ALA"}), 300, 1);
  const FlowSpec spec = fr.prepare().spec;
  const auto pieces = flow_pieces(spec);
  ASSERT_EQ(pieces.size(), spec.fragments.size());
  EXPECT_EQ(spec.npieces(), (int) spec.kinds.size());
  std::vector<double> x(fr.x.begin(), fr.x.begin() + fr.stride()), empty(fr.stride(), 0.0);
  std::vector<int> given(spec.natoms, 0);
  for (std::size_t f = 0; f < pieces.size(); f++) {
    EXPECT_EQ(pieces[f].kind, spec.fragments[f].kind);
    EXPECT_EQ(&spec.piece(pieces[f].kind), &spec.kinds[pieces[f].kind]);
    std::vector<double> local(pieces[f].stride());
    pieces[f].take(x.data(), local.data());
    for (std::size_t a = 0; a < pieces[f].points.size(); a++)
      for (int d = 0; d < 3; d++) EXPECT_EQ(local[3 * a + d], x[3 * pieces[f].points[a] + d]);
    // atoms of its surroundings do not come back
    for (double &v : local) v += 1.0;
    auto y = x;
    pieces[f].give(local.data(), y.data());
    for (int a : pieces[f].drawn) given[pieces[f].points[a]]++;
    for (int a = 0; a < spec.natoms; a++) {
      const bool mine = std::any_of(pieces[f].drawn.begin(), pieces[f].drawn.end(),
                                    [&](int k) { return pieces[f].points[k] == a; });
      for (int d = 0; d < 3; d++) EXPECT_EQ(y[3 * a + d], x[3 * a + d] + (mine ? 1.0 : 0.0));
    }
  }
  for (const auto &bead : spec.beads) given[bead.atoms[0]]++;
  EXPECT_EQ(given, std::vector<int>(spec.natoms, 1));
}

/* ---------------------------------------------------------------------- */

TEST(FlowFragments, kinds_are_shared_and_whitened_over_all_their_fragments)
{
  const Frames fr(peptide({"ALA", "ALA", "ALA"}), 400, 2);
  const Fragments parts = fr.fragments();
  const FlowData d = fr.prepare();
  EXPECT_EQ(d.spec.natoms, fr.m.t.natoms);
  EXPECT_TRUE(d.spec.composed());
  EXPECT_TRUE(d.spec.zmatrix.empty());
  EXPECT_TRUE(d.spec.range.known());
  ASSERT_EQ(d.spec.kinds.size(), parts.kinds.size());
  ASSERT_EQ(d.spec.fragments.size(), 5u);
  std::vector<int> uses(d.spec.kinds.size(), 0);
  for (const auto &f : d.spec.fragments) uses[f.kind]++;
  std::sort(uses.begin(), uses.end());
  EXPECT_EQ(uses, std::vector<int>({1, 1, 1, 2}));
  for (std::size_t k = 0; k < d.spec.kinds.size(); k++) {
    const FlowSpec &kind = d.spec.kinds[k];
    EXPECT_EQ(kind.signature, parts.kinds[k].signature);
    EXPECT_EQ(kind.natoms, parts.kinds[k].natoms + parts.kinds[k].nenvironment);
    EXPECT_EQ(kind.nrows(), parts.kinds[k].natoms);
    EXPECT_EQ(kind.nbeads(), parts.kinds[k].nenvironment);
    EXPECT_EQ(kind.hidden, 8);
    EXPECT_EQ(kind.couplings.size(), 2u);
  }

  // means and covariance over the training rows of all fragments of the kind
  std::vector<int64_t> train = marked(d.train);
  EXPECT_EQ(train.size(), 360u);
  EXPECT_EQ(marked(d.valid).size(), 40u);
  const FlowSet rows = flow_rows(d.spec, fr.x.data(), train);
  const auto shapes = net_shapes(d.spec);
  for (std::size_t k = 0; k < rows.size(); k++) {
    const int nl = shapes[k].nl;
    ASSERT_EQ(rows[k].n, (int64_t) train.size() * shapes[k].copies);
    EXPECT_EQ(shapes[k].prefix, "kind." + std::to_string(k) + ".");
    for (int j = 0; j < nl; j++) {
      double mean = 0.0, square = 0.0;
      for (int64_t i = 0; i < rows[k].n; i++) {
        mean += rows[k].l[i * nl + j] / rows[k].n;
        square += std::pow(rows[k].l[i * nl + j], 2) / rows[k].n;
      }
      EXPECT_NEAR(mean, 0.0, 1e-3) << k << " " << j;
      EXPECT_NEAR(square, 1.0, 1e-3) << k << " " << j;
    }
  }

  // notes: one a kind, with the number of its fragments and the sizes
  ASSERT_EQ(d.notes.size(), d.spec.kinds.size()) << joined(d.notes);
  EXPECT_THAT(joined(d.notes), HasSubstr("2 fragments C3H5NO, 6 atoms to place"));
  EXPECT_THAT(joined(d.notes), HasSubstr("1 fragments C2H3O, 5 atoms to place"));

  // the same again, and weights in and out of all kinds
  FlowSpec spec = d.spec, again = fr.prepare().spec;
  test::random_networks(spec, 0.2);
  test::random_networks(again, 0.0);
  EXPECT_EQ(again.kinds[1].linear_chol, spec.kinds[1].linear_chol);
  set_weights(again, get_weights(spec));
  EXPECT_EQ(get_weights(again).size(), 4u * (6 + 2 * 7));
  for (std::size_t k = 0; k < spec.kinds.size(); k++) {
    EXPECT_EQ(again.kinds[k].affine[2].bias, spec.kinds[k].affine[2].bias);
    EXPECT_EQ(again.kinds[k].couplings[1].cond, spec.kinds[k].couplings[1].cond);
  }
}

// kinds are those of one reach, which the model remembers

TEST(FlowFragments, models_of_another_reach_are_refused)
{
  const Frames fr(peptide({"ALA", "ALA"}), 400, 2);
  FragmentOptions options;
  options.reach = 5;
  const Fragments near = Fragments::derive(fr.m.t, fr.m.map(), fr.m.x),
                  far = Fragments::derive(fr.m.t, fr.m.map(), fr.m.x, options);
  FlowSpec made = prepare_flow(fr.m.t, fr.m.map(), small_design(), 400, fr.x.data(),
                                     std::vector<char>(400, 0), &far)
                            .spec;
  set_conditions(made, 300.0, "real");
  test::random_networks(made, 0.1);
  const FlowSpec spec = FlowSpec::from_model(ModelFile::parse(made.to_model().serialize(), "made"));
  EXPECT_EQ(spec.reach, 5);
  EXPECT_EQ(assemble_flow(fr.m.t, fr.m.map(), far, {spec}).reach, 5);
  const std::string e =
      test::error_of([&] { assemble_flow(fr.m.t, fr.m.map(), near, {spec}); }, "no error");
  EXPECT_NE(e.find("reach of the fragments, expected 3, got a model with 5"), std::string::npos)
      << e;
}

// From files: frames of alanine dipeptide by molecular dynamics, and the capped tri-alanine.

TEST(FlowFragments, of_the_test_molecules)
{
  const Topology t = data_topology(data + "/ala2/ala2.data");
  const Mapping m = make_map({4, 6, 8, 10, 14, 16});
  const auto oracle = oracle_frames(data + "/ala2/oracle_vacuum.xyz", 44);
  const auto x = noisy(oracle, 20, 0.02, 1);
  const int n = (int) x.size() / 66;
  const Fragments f =
      Fragments::derive(t, m, std::vector<double>(oracle.begin(), oracle.begin() + 66));
  const FlowData d = prepare_flow(t, m, small_design(), n, x.data(), std::vector<char>(n, 0), &f);
  EXPECT_EQ(d.spec.fragments.size(), 3u);
  EXPECT_EQ(marked(d.train).size(), (std::size_t) n);
  // every frame of every fragment has a density
  FlowSpec spec = d.spec;
  test::random_networks(spec, 0.1);
  std::vector<double> logq(n);
  Flow::create(spec, Flow::Precision::Double, "serial")->log_prob(n, x.data(), logq.data());
  for (double q : logq) ASSERT_TRUE(std::isfinite(q));

  // kinds of the dipeptide are kinds of tri-alanine
  const Topology t3 = data_topology(data + "/ala3/ala3.data");
  const Mapping m3 = Mapping::parse(read_file(data + "/ala3/ala3.map.json"), t3, "ala3.map.json");
  const Frames built(peptide({"ALA", "ALA", "ALA"}), 1, 1);
  EXPECT_EQ(built.m.t.natoms, t3.natoms);
  EXPECT_EQ(built.m.map().nbeads(), m3.nbeads());
}

TEST(FlowFragments, frames_in_another_branch_are_left_out)
{
  // O of the second residue on the other side of its plane in a few frames
  Frames fr(peptide({"ALA", "ALA", "ALA"}), 2000, 3);
  const int o = [&] {
    int seen = 0;
    for (int i = 0; i < fr.m.t.natoms; i++)
      if (fr.m.names[i] == "O" && seen++ == 2) return i;
    return -1;
  }();
  ASSERT_GE(o, 0);
  int carbon = -1;
  for (const auto &b : fr.m.t.bonds)
    if (b[1] == o) carbon = b[0];
  ASSERT_GE(carbon, 0);
  std::vector<int> bad = {100, 700, 1990};
  for (const int i : bad)
    for (int d = 0; d < 3; d++) {
      double *x = &fr.x[i * fr.stride()];
      x[3 * o + d] = 2.0 * x[3 * carbon + d] - x[3 * o + d];
    }
  const FlowData d = fr.prepare();
  for (int i = 0; i < fr.n; i++) {
    const bool out = std::count(bad.begin(), bad.end(), i) > 0;
    EXPECT_EQ(d.train[i], !out && !fr.valid[i]) << i;
    EXPECT_EQ(d.valid[i], !out && fr.valid[i]) << i;
  }
  // it is told with the numbers of the atoms in the molecule
  const std::string said = joined(d.notes);
  EXPECT_THAT(said,
              HasSubstr("3 of 2000 frames left out: torsion " + std::to_string(o + 1) + " " +
                        std::to_string(carbon + 1)));
  EXPECT_THAT(said, HasSubstr("fragment "));
}

TEST(FlowFragments, says_which_fragment_cannot_be_drawn)
{
  Frames fr(peptide({"ALA", "ALA"}), 200, 4);
  for (int i = 0; i < fr.n; i++)    // one rigid N-H
    for (int d = 0; d < 3; d++) {
      double *x = &fr.x[i * fr.stride()];
      const int h = fr.m.t.natoms - 5, n = h - 1;
      ASSERT_EQ(fr.m.names[h], "H");
      ASSERT_EQ(fr.m.names[n], "N");
      x[3 * h + d] = x[3 * n + d] + (fr.m.x[3 * h + d] - fr.m.x[3 * n + d]);
    }
  try {
    fr.prepare();
    FAIL() << "no error";
  } catch (const std::runtime_error &e) {
    EXPECT_THAT(e.what(), HasSubstr("fragment CH4N"));
    EXPECT_THAT(e.what(), HasSubstr("constant length"));
  }
}

/* ----------------------------------------------------------------------
   networks of several kinds at once
------------------------------------------------------------------------- */

TEST(FlowTrainer, fragments_are_trained_at_once)
{
  const Frames fr(peptide({"ALA", "ALA", "ALA"}), 500, 5);
  const FlowData d = fr.prepare();
  const auto train = flow_rows(d.spec, fr.x.data(), marked(d.train)),
             valid = flow_rows(d.spec, fr.x.data(), marked(d.valid));
  FlowTrainOptions o;
  o.epochs = 6;
  o.batch = 50;
  o.warmup = 5;
  o.ema = 0.9;
  o.rate = 5e-3;
  o.threads = 1;
  FlowTrainer a(net_shapes(d.spec), o, train, valid), b(net_shapes(d.spec), o, train, valid),
      c(net_shapes(d.spec), o, train, valid);
  const Epoch first = a.epoch();
  Epoch e = first;
  while (!a.finished()) e = a.epoch();
  EXPECT_LT(e.train, first.train - 0.5);

  // the reported value is that of the molecule, by the evaluator
  FlowSpec spec = d.spec;
  set_weights(spec, a.best());
  const auto which = marked(d.valid);
  std::vector<double> x, logq(which.size());
  for (const auto i : which)
    x.insert(x.end(), &fr.x[i * fr.stride()], &fr.x[i * fr.stride()] + fr.stride());
  Flow::create(spec, Flow::Precision::Double, "serial")
      ->log_prob((int) which.size(), x.data(), logq.data());
  EXPECT_NEAR(-std::accumulate(logq.begin(), logq.end(), 0.0) / which.size(), e.best, 1e-3);

  // interrupted is uninterrupted; every kind has learned
  for (int i = 0; i < 3; i++) b.epoch();
  c.restore(b.checkpoint());
  while (!c.finished()) c.epoch();
  const auto one = a.best(), two = c.best();
  ASSERT_EQ(one.size(), two.size());
  const auto start = FlowTrainer(net_shapes(d.spec), o, train, valid).best();
  for (const auto &w : one) {
    EXPECT_EQ(w.second.data, two.at(w.first).data) << w.first;
    EXPECT_NE(w.second.data, start.at(w.first).data) << w.first;
  }
  // and none begins like another
  EXPECT_NE(start.at("kind.0.affine.1.weight").data, start.at("kind.1.affine.1.weight").data);

  // rows of too few kinds, and of one with none
  auto missing = train;
  missing.pop_back();
  EXPECT_THROW(a.set_training(missing), std::runtime_error);
  missing.push_back(FlowFrames());
  EXPECT_THROW(a.set_training(missing), std::runtime_error);
}

// The loss of rows with weights is that of the frames that they stand for.

TEST(FlowTrainer, weights_are_numbers_of_frames)
{
  const Frames fr(peptide({"ALA"}), 400, 6);
  const FlowData d = fr.prepare();
  const auto valid = flow_rows(d.spec, fr.x.data(), marked(d.valid));
  FlowSet once = flow_rows(d.spec, fr.x.data(), marked(d.train)), weighted = once;
  // half of the frames count twice, the others not at all: as the first half alone
  FlowSet half;
  std::vector<int64_t> some = marked(d.train);
  some.resize(some.size() / 2);
  half = flow_rows(d.spec, fr.x.data(), some);
  for (auto &k : weighted) {
    for (int64_t i = 0; i < k.n; i++) k.weight.push_back(i < k.n / 2 ? 2.0f : 0.0f);
    k.share.assign(k.n, 0.0f);
    k.logq.assign(k.n, 0.0f);
  }
  FlowTrainOptions o;
  o.epochs = 1;
  o.rate = 1e-12;    // stay where we are
  o.threads = 1;
  o.batch = (int) once[0].n;
  const auto loss = [&](const FlowSet &rows) {
    FlowTrainOptions mine = o;
    mine.batch = (int) rows[0].n;
    return FlowTrainer(net_shapes(d.spec), mine, rows, valid).epoch().train;
  };
  EXPECT_NEAR(loss(weighted), loss(half), 5e-5 * std::fabs(loss(half)));
  EXPECT_GT(std::fabs(loss(once) - loss(half)), 5e-4 * std::fabs(loss(half)));
}
