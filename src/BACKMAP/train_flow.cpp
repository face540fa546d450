/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "train_flow.h"

#ifndef BACKMAP_TORCH
void LAMMPS_NS::TrainFlow::train(int, char **) {
}    // not reached: TrainCommand says what is missing
#else

#include "core/model_file.h"
#include "flow/flow_spec.h"
#include "lammps/input_force_field.h"
#include "lammps/io.h"
#include "lammps/partitions.h"
#include "libtorch/flow_trainer.h"
#include "training/advice.h"
#include "training/flow_data.h"
#include "training/flow_quality.h"
#include "training/frame_pool.h"
#include "training/frames.h"
#include "training/map_openings.h"
#include "training/refresh.h"

#include "fmt/format.h"
#include "force.h"
#include "update.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

namespace {

constexpr double MINUTES = 30.0;
constexpr int PATIENCE = 5;
constexpr int ONE_PIECE =
    25;    // atoms to place; a flow of one piece learns more slowly and overfits

/* ----------------------------------------------------------------------
   the model to go on from must be of this molecule, map and temperature
------------------------------------------------------------------------- */

void check_start(const FlowSpec &spec, const std::string &name, const MoleculeSpec &molecule)
{
  const auto differ = [&](bool same, const std::string &what) {
    if (!same)
      throw std::runtime_error("model " + name + ": " + what + " differ from those of this run");
  };
  differ(spec.natoms == molecule.natoms,
         "numbers of atoms (" + std::to_string(spec.natoms) + ", expected " +
             std::to_string(molecule.natoms) + ")");
  differ(spec.bead_names() == molecule.bead_names(), "the beads");
  for (int b = 0; b < spec.nbeads(); b++)
    differ(spec.beads[b].atoms == molecule.beads[b].atoms,
           "the atoms of bead " + std::to_string(b + 1));
}

/* what the map leaves open; for a molecule without fragments nothing is known, which is no reason to lose a training */

std::string openings(const TrainingMolecule &m)
{
  try {
    return MapOpenings(m.topology, m.mapping, m.reference).advice();
  } catch (const std::exception &) {
    return "";
  }
}

}    // namespace

/* ----------------------------------------------------------------------
   keywords of train_flow alone
------------------------------------------------------------------------- */

void TrainFlow::read_arguments(int narg, char **arg)
{
  shared_keywords(options);
  keywords.integer("hidden", design.hidden, 1)
      .integer("couplings", design.couplings, 1)
      .integer("bins", design.bins, 2)
      .text("energy", script)
      .integer("samples", chain_options.proposals, 2)
      .integer("frames", count, 10)
      .yes("fragments", fragments)
      .integer("reach", fragment_options.reach, 1)
      .pairs("var", variables);
  molecules.push_back(std::make_unique<Molecule>(lmp, trajectory));
  keywords.add("molecule", [&](int left, char **values) {
    if (left < 2) keywords.fail("molecule", "an all-atom script and a map", "nothing");
    std::string problem;
    int used = 2;
    try {
      auto one = std::make_unique<Molecule>(lmp, values[1], values[0], what);
      while (used < left && strcmp(values[used], "dump") != 0) {
        const int more = one->keyword(left, values, used);
        if (more == 0) break;
        used += more;
      }
      molecules.push_back(std::move(one));
    } catch (const std::exception &err) {
      problem = what + ": " + err.what();
    }
    backmap_agree(lmp, problem);
    return used;
  });
  parse(narg, arg);
  if (!keywords.given("energy") && !InputForceField::present(lmp)) script = "none";
  if (keywords.given("var") && (script.empty() || script == "none"))
    backmap_error(lmp, what + ": keyword var, expected a script of the energy for it: energy FILE");
  molecules[0]->map_file = map_file;
  molecules[0]->variables = variables;
  for (const auto &m : molecules)
    if (m->other() && !m->has_files())
      backmap_error(
          lmp, what + ": keyword molecule " + m->script + ", expected files after it: no files");
  // one molecule: the best flow for it; several: fragments that others share
  if (!keywords.given("reach") && molecules.size() == 1)
    fragment_options.reach = FragmentOptions::FAR;
  // the fields of the dumps, which come last, are those of all molecules
  const auto is_dump = [](const char *word) { return strcmp(word, "dump") == 0; };
  const int dump = (int) (std::find_if(arg, arg + narg, is_dump) - arg);
  for (std::size_t m = 1; m < molecules.size() && dump < narg; m++)
    molecules[m]->keyword(narg, arg, dump);
  // without chains more epochs overfit some day, with them they do not: the time is the limit
  limit_time(options, MINUTES);
  if (!keywords.given("patience") && !chained()) options.patience = PATIENCE;
  design.seed = chain_options.seed = options.seed;
  chain_options.threads = options.threads;
}

/* ---------------------------------------------------------------------- */

void TrainFlow::train(int narg, char **arg)
{
  read_arguments(narg, arg);
  describe();
  start_engines();
  trajectory.read(false);
  on_first_rank([&] {
    for (std::size_t m = 1; m < molecules.size(); m++) molecules[m]->read();
    prepare();
    fit();
    add_figures(figures, options);
    figures.add("warnings", warnings);
    FlowSpec &spec = molecules[0]->data.spec;
    spec.training = figures.json();
    write_model(spec.to_model().serialize());
  });
}

/* ----------------------------------------------------------------------
   topologies, maps, energies, the model to go on from
------------------------------------------------------------------------- */

void TrainFlow::describe()
{
  std::vector<std::string> maps;
  for (const auto &m : molecules)
    maps.push_back(backmap_read_file(lmp, m->map_file, "train_flow: map"));
  const std::string model = init.empty() ? "" : backmap_read_file(lmp, init, "train_flow: init");
  std::string problem;
  try {
    for (std::size_t m = 0; m < molecules.size(); m++) {
      auto &one = *molecules[m];
      one.describe(maps[m]);
      fragments = fragments || one.other() || !one.mapping.fragments.empty();
    }
    const auto &first = *molecules[0];
    large = !fragments && !keywords.given("fragments") && init.empty() && first.mapping.slicing() &&
        first.topology.natoms - first.mapping.nbeads() > ONE_PIECE;
    fragments = fragments || large;
    if (!init.empty()) {
      start = std::make_unique<FlowSpec>(FlowSpec::from_model(ModelFile::parse(model, init)));
      if (std::fabs(start->temperature - temperature) > 1.0e-6 * temperature)
        throw std::runtime_error("model " + init + ": temperature, expected " +
                                 std::to_string(temperature) + ", got " +
                                 std::to_string(start->temperature));
      if (start->units != update->unit_style)
        throw std::runtime_error("model " + init + ": units, expected " + update->unit_style +
                                 ", got " + start->units);
      if (start->composed()) {
        fragments = true;
        if (keywords.given("reach"))
          throw std::runtime_error("keyword reach: with init the fragments are those of " + init);
        fragment_options.reach = start->reach;
      } else
        check_start(*start, init, describe_molecule(molecules[0]->topology, molecules[0]->mapping));
    }
    if (keywords.given("reach") && !fragments)
      throw std::runtime_error("keyword reach: expected fragments with it");
  } catch (const std::exception &err) {
    problem = what + ": " + err.what();
  }
  backmap_agree(lmp, problem);
}

/* ----------------------------------------------------------------------
   energies by the force field of the input script, or by a script
------------------------------------------------------------------------- */

void TrainFlow::start_engines()
{
  if (!chained()) return;
  std::unique_ptr<InputForceField> own;
  if (script.empty()) own = std::make_unique<InputForceField>(lmp, out_file, what);
  molecules[0]->script = own ? own->script() : script;
  std::string problem;
  try {
    for (const auto &m : molecules) m->start_engine();
    if (own) own->check(molecules[0]->energy(molecules[0]->reference.data()));
  } catch (const std::exception &err) {
    problem = what + ": " + err.what();
  }
  own.reset();
  backmap_agree(lmp, problem);
  line(what + ": energies by " +
       (script.empty() ? "the force field of the input script" : "script " + script) +
       "; the frames must be of this energy");
}

/* ---------------------------------------------------------------------- */

void TrainFlow::tell(const Diagnoses &found, std::size_t told)
{
  for (std::size_t i = told; i < found.size(); i++) {
    warnings.push_back(found[i].name + ": " + found[i].text);
    warn(warnings.back());
  }
}

/* ----------------------------------------------------------------------
   as the user wants; if nobody wanted them, a molecule without any may stay in one piece
------------------------------------------------------------------------- */

std::vector<Fragments> TrainFlow::derive_fragments()
{
  std::vector<Fragments> parts;
  if (!fragments) return parts;
  try {
    for (const auto &m : molecules)
      parts.push_back(Fragments::derive(m->topology, m->mapping, m->reference, fragment_options));
  } catch (const std::exception &) {
    if (!large) throw;
    fragments = false;
    return {};
  }
  if (large)
    line(fmt::format("train_flow: many atoms to place, so the flow is composed of {} fragments "
                     "(fragments no: one piece)",
                     parts[0].fragments.size()));
  return parts;
}

/* ----------------------------------------------------------------------
   flows and the frames that they can draw; what is wrong with the frames is told before it stops the preparation
------------------------------------------------------------------------- */

void TrainFlow::prepare()
{
  std::vector<FlowSystem> systems;
  const std::vector<Fragments> parts = derive_fragments();
  std::vector<DataCheck> checks;
  std::vector<std::vector<char>> valid;
  std::vector<std::string> notes;
  for (const auto &m : molecules) {
    const auto &fr = m->frames();
    valid.push_back(validation_tail(fr.block, fr.file, validation));
  }
  for (std::size_t m = 0; m < molecules.size(); m++) {
    const auto &one = *molecules[m];
    const auto &fr = molecules[m]->frames();
    systems.push_back({one.topology, one.mapping, fr.n, fr.x.data(), valid[m]});
    line(fmt::format("train_flow: {} frames read{}", fr.n,
                     one.other() ? " of " + one.mapping.molecule : ""));
    checks.emplace_back(SourcedFrames{fr.natoms, fr.n, fr.x.data(), fr.source, fr.names});
    checks[m].isomers(one.topology, one.reference);
    tell(checks[m].found(), 0);
  }

  std::vector<FlowData> data;
  if (start)
    for (std::size_t m = 0; m < molecules.size(); m++) {
      const auto &s = systems[m];
      FlowData one{start->composed() ? assemble_flow(s.topology, s.mapping, parts[m], {*start})
                                     : *start,
                   opposite(valid[m]),
                   valid[m],
                   {}};
      if (!one.spec.range.known())
        one.spec.range = feature_range(one.spec, s.x, marked(one.train), marked(one.valid));
      data.push_back(one);
    }
  else if (fragments)
    data = prepare_flows(systems, parts, design);
  else
    data.push_back(prepare_flow(systems[0], design));

  for (std::size_t m = 0; m < molecules.size(); m++) {
    auto &one = *molecules[m];
    auto &fr = one.frames();
    one.data = std::move(data[m]);
    set_conditions(one.data.spec, temperature, update->unit_style);

    DataCheck &check = checks[m];
    const std::size_t isomers = check.found().size();
    check.torsions(one.data.spec);
    tell(check.found(), isomers);
    if (check.found().empty())
      line(fmt::format("  {} files looked at: the isomer of the system, no second peak, no frozen "
                       "torsion",
                       fr.names.size()));
    for (const auto &note : one.data.notes) line("  " + note);
    notes.insert(notes.end(), one.data.notes.begin(), one.data.notes.end());

    if (chained()) one.check_equivalent(one.data.spec.equivalent_atoms());
    const auto pool = [&](const std::vector<char> &marks) {
      return std::make_unique<FramePool>(fr.natoms, fr.x.data(), marked(marks), options.seed);
    };
    one.pool = pool(one.data.train);
    one.held_back = pool(one.data.valid);
    tell_frames(one.pool->size(), one.held_back->size(),
                "the flow will fit noise. Remedy: a longer run, or more frames of it (independent "
                "ones, not every step)");
    fr = BackmapTrajectory::Frames();
  }
  figures.add("notes", notes);
}

/* ----------------------------------------------------------------------
   an epoch has about as many rows, for the kind of piece that has most, whatever the molecules are
------------------------------------------------------------------------- */

int64_t TrainFlow::epoch_frames(bool structures) const
{
  static constexpr int64_t ROWS = 50000;
  if (count) return count;
  int64_t copies = 1;
  for (const auto &m : molecules)
    for (const auto &s : net_shapes(m->data.spec)) copies = std::max<int64_t>(copies, s.copies);
  copies *= (int64_t) molecules.size() * (structures ? chain_options.proposals + 1 : 1);
  return std::max<int64_t>(1, ROWS / copies);
}

FlowSet TrainFlow::plain_frames(std::unique_ptr<FramePool> Molecule::*pool) const
{
  const int64_t n = epoch_frames(false);
  FlowSet all;
  for (const auto &m : molecules) {
    FramePool &from = *((*m).*pool);
    append(all, flow_rows(m->data.spec, from.x.data(), from.next(n)));
  }
  return all;
}

FlowSet TrainFlow::chained_frames(const NetworkWeights &weights, int epoch)
{
  static constexpr double GOOD = 0.85;
  const bool good = molecules[0]->chains->ess() > GOOD;
  const auto rows = good ? FrameRefresh::Rows::Structures : FrameRefresh::Rows::Frames;
  const int64_t n = epoch_frames(good);
  FlowSet all;
  for (const auto &m : molecules) {
    set_weights(m->data.spec, weights);
    FrameRefresh &step = *m->chains;
    append(all, step(m->data.spec, m->pool->next(n), epoch, m->pool->x, rows));
  }
  return all;
}

/* ----------------------------------------------------------------------
   maximum likelihood on the frames; with the energy, frames get new atoms after some epochs
------------------------------------------------------------------------- */

void TrainFlow::fit()
{
  static constexpr int LIKELIHOOD = 6;    // epochs at most before the chains begin
  for (auto &m : molecules)
    m->chains = std::make_unique<FrameRefresh>(
        force->boltz * temperature, [one = m.get()](const double *x) { return one->energy(x); },
        chain_options);

  auto shapes = net_shapes(molecules[0]->data.spec);
  for (std::size_t m = 1; m < molecules.size(); m++) {
    const auto more = net_shapes(molecules[m]->data.spec);
    for (std::size_t k = 0; k < shapes.size(); k++) shapes[k].copies += more[k].copies;
  }
  FlowTrainer trainer(shapes, options, plain_frames(&Molecule::pool),
                      plain_frames(&Molecule::held_back));
  if (start) trainer.start_from(get_weights(molecules[0]->data.spec));

  Table table;
  table.head = fmt::format("{:>14} {:>12} {:>12}", "train (nats)", "validation", "best");
  if (chained()) table.head += fmt::format(" {:>7} {:>7}", "moved", "ess");
  table.columns = [&](const Epoch &e) {
    auto text = fmt::format("{:14.4f} {:12.4f} {:12.4f}", e.train, e.valid, e.best);
    const auto &chains = *molecules[0]->chains;
    if (chained()) text += fmt::format(" {:7.3f} {:7.3f}", chains.moved(), chains.ess());
    return text;
  };
  trainer.set_source([&](int done, const NetworkWeights &average) {
    const bool likelihood = !start && done < LIKELIHOOD && molecules[0]->pool->passes() == 0;
    return chained() && !likelihood ? chained_frames(average, done) : plain_frames(&Molecule::pool);
  });
  const Epoch e = run_epochs(trainer, table);
  for (auto &m : molecules) set_weights(m->data.spec, trainer.best());
  figures.add("frames", molecules[0]->pool->size())
      .add("validation_frames", molecules[0]->held_back->size())
      .add("validation_nats", e.best)
      .add("best_epoch", e.best_epoch)
      .add("epochs", e.epoch);
  if (chained()) judge(e.halfway - e.best);
}

/* ---------------------------------------------------------------------- */

void TrainFlow::judge(double second_half)
{
  static constexpr std::size_t CHECKED = 200;
  static constexpr int SAMPLES = 200;
  for (const auto &m : molecules) {
    const std::size_t stride = 3 * (std::size_t) m->data.spec.natoms;
    const auto quality = [&](const FramePool &pool) {
      const auto x = spread_frames(pool.x, stride, CHECKED);
      const FlowQuality q = flow_quality(
          m->data.spec, force->boltz * temperature, [&](const double *y) { return m->energy(y); },
          x.size() / stride, x.data(), SAMPLES, options.seed);
      line(fmt::format("  {}{} {} frames, {} samples each: conditional ESS {:.3f} (10 % quantile "
                       "{:.3f}), forward ESS {:.3f}",
                       molecules.size() > 1 ? m->mapping.molecule + ": " : "", x.size() / stride,
                       &pool == m->pool.get() ? "training" : "held-back", SAMPLES, q.conditional,
                       q.conditional_q10, q.forward));
      return q;
    };
    const MoleculeSpec &molecule = m->data.spec;
    tell(diagnose_drift(m->chains->drift(), 3 * (molecule.natoms - molecule.nbeads()), temperature),
         0);
    TrainingEvidence evidence{quality(*m->pool),
                              quality(*m->held_back),
                              CHECKED,
                              second_half,
                              m->data.spec.composed() ? m->data.spec.reach : 0,
                              openings(*m)};
    const FlowQuality &q = evidence.held_back;
    const TrainingAdvice advice(evidence);
    line("  " + advice.evidence);
    line("  " + advice.text);
    if (m != molecules[0]) continue;
    figures.add("conditional_ess", q.conditional)
        .add("conditional_ess_q10", q.conditional_q10)
        .add("forward_ess", q.forward);
  }
}

#endif
