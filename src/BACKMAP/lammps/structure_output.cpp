/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/structure_output.h"

#include "core/rng.h"
#include "lammps/keywords.h"
#include "lammps/partitions.h"

#include "comm.h"
#include "fmt/format.h"

#include <cmath>
#include <cstring>

using namespace LAMMPS_NS;

namespace BACKMAP_NS {

/* ---------------------------------------------------------------------- */

void structure_keywords(BackmapKeywords &keywords, StructureOptions &o)
{
  keywords.text("xyz", o.xyz).add("select", [&keywords, &o](int left, char **values) {
    const std::string rule = left > 1 ? values[1] : "";
    o.select = keywords.to_integer("select", values[0], 1);
    if (rule != "best" && rule != "drawn")
      keywords.fail("select", "a number and best or drawn", rule.empty() ? "no rule" : rule);
    o.rule = rule == "best" ? Selection::Rule::Best : Selection::Rule::Drawn;
    return 2;
  });
}

/* ---------------------------------------------------------------------- */

StructureOutput::StructureOutput(LAMMPS *lmp, const FlowSpec &spec, const SamplerOptions &sampling,
                                 BackmapSampler &sampler, const StructureOptions &options) :
    Pointers(lmp),
    spec_(spec), seed_(sampling.seed),
    stream_(random_stream(0, "selection " + std::to_string(sampling.stream))),
    weighted_(!sampling.script.empty()), sampler_(sampler), options_(options)
{
  int wanted = comm->me == 0 && (sampler.has_writer() || !options.xyz.empty()) ? 1 : 0;
  MPI_Bcast(&wanted, 1, MPI_INT, 0, world);
  wanted_ = wanted != 0;
  if (options.select == 0) return;
  if (!weighted_)
    backmap_error(lmp, "{}: select needs weights, expected a fine script, got NONE", sampling.what);
  if (!wanted_)
    backmap_error(lmp,
                  "{}: select, expected a dump in the fine script {} or the keyword xyz, got "
                  "nothing to write the structures to",
                  sampling.what, sampling.script);
  selection_ = std::make_unique<Selection>(options.rule, options.select, spec.natoms);
}

/* ---------------------------------------------------------------------- */

std::string StructureOutput::open(bool append, const LineMark &mark)
{
  if (options_.xyz.empty() || file_.is_open()) return "";
  return file_.open(options_.xyz, append, mark);
}

/* ----------------------------------------------------------------------
   random numbers belong to the sample, so that ranks, batches and the order of runs do not matter
------------------------------------------------------------------------- */

void StructureOutput::add(const double *x, const SampleLabel &label, double logq)
{
  if (!selection_) {
    write(x, label, logq);
    return;
  }
  std::uint64_t n = 0;
  RandomBits bits{};
  const auto uniform = [&] {
    if (n % 4 == 0)
      bits = random_bits(static_cast<std::uint64_t>(seed_), stream_,
                         static_cast<std::uint64_t>(label.cgstep),
                         static_cast<std::uint64_t>(label.molecule),
                         static_cast<std::uint64_t>(label.sample), n / 4);
    return random_uniform(bits.v[n++ % 4]);
  };
  selection_->add(label.cgstep, label.molecule, label.sample, label.logweight, logq, x, uniform);
  changed_ = true;
}

/* ---------------------------------------------------------------------- */

void StructureOutput::finish()
{
  if (selection_ && changed_)
    for (const SelectedStructure &s : selection_->structures())
      write(s.x.data(), {s.logweight, s.step, s.molecule, s.sample}, s.logq);
  changed_ = false;
  file_.write("");
}

/* ---------------------------------------------------------------------- */

std::vector<double> StructureOutput::pack() const
{
  return selection_ ? selection_->pack() : std::vector<double>();
}

/* ---------------------------------------------------------------------- */

void StructureOutput::unpack(const std::vector<double> &state)
{
  if (selection_) selection_->unpack(state);
}

/* ---------------------------------------------------------------------- */

void StructureOutput::write(const double *x, const SampleLabel &label, double logq)
{
  if (file_.is_open()) write_xyz(x, label, logq);
  sampler_.write(written_++, x, label);
}

/* ----------------------------------------------------------------------
   one structure in extended XYZ; elements from the masses
------------------------------------------------------------------------- */

void StructureOutput::write_xyz(const double *x, const SampleLabel &label, double logq)
{
  static const struct {
    double mass;
    const char *name;
  } elements[] = {{1.008, "H"},  {12.011, "C"}, {14.007, "N"}, {15.999, "O"},
                  {18.998, "F"}, {30.974, "P"}, {32.06, "S"},  {35.45, "Cl"}};
  std::string text = fmt::format(
      "{}\nProperties=species:S:1:pos:R:3 step={} molecule={} sample={} logweight={:.10g} "
      "logq={:.10g}\n",
      spec_.natoms, label.cgstep, label.molecule, label.sample, weighted_ ? label.logweight : 0.0,
      logq);
  for (int i = 0; i < spec_.natoms; i++) {
    const char *name = "X";
    for (const auto &e : elements)
      if (std::fabs(spec_.masses[i] - e.mass) < 0.1) name = e.name;
    text += fmt::format("{} {:.6f} {:.6f} {:.6f}\n", name, x[3 * i], x[3 * i + 1], x[3 * i + 2]);
  }
  file_.write(text, false);
}

}    // namespace BACKMAP_NS
