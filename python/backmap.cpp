/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The Python module `backmap`: a thin layer over the libraries, arrays in and out. Nothing is computed here.

#include "core/model_file.h"
#include "core/random_stream.h"
#include "flow/flow.h"
#include "flow/flow_spec.h"
#include "statistics/report.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>

namespace py = pybind11;
using namespace BACKMAP_NS;
using Array = py::array_t<double, py::array::c_style | py::array::forcecast>;
using Integers = std::optional<std::vector<std::int64_t>>;

namespace {

/* bytes of a file; Python's own errors for one that cannot be read */

std::string read_file(const py::object &path)
{
  return py::module_::import("pathlib").attr("Path")(path).attr("read_bytes")().cast<py::bytes>();
}

/* an array of float64 whose last dimensions are rows and 3; other types and shapes are errors */

Array positions(const py::array &a, const std::string &name, int rows, bool one_more_dimension)
{
  const std::string expected =
      (one_more_dimension ? "(frames, " : "(..., ") + std::to_string(rows) + ", 3)";
  const auto n = a.ndim();
  if (!py::isinstance<py::array_t<double>>(a))
    throw py::type_error(name + ": expected an array of float64, got " +
                         py::str(a.dtype()).cast<std::string>());
  if ((one_more_dimension ? n != 3 : n < 2) || a.shape(n - 2) != rows || a.shape(n - 1) != 3)
    throw py::value_error(name + ": expected the shape " + expected + ", got " +
                          py::str(a.attr("shape")).cast<std::string>());
  return Array::ensure(a);
}

/* one number for each frame; the default is first, first + step, ... */

std::vector<std::int64_t> per_frame(const Integers &given, const std::string &name, py::ssize_t n,
                                    std::int64_t first, std::int64_t step)
{
  if (given && (py::ssize_t) given->size() != n)
    throw py::value_error(name + ": expected one for each of " + std::to_string(n) +
                          " frames, got " + std::to_string(given->size()));
  if (given) return *given;
  std::vector<std::int64_t> values(n);
  for (py::ssize_t i = 0; i < n; i++) values[i] = first + step * i;
  return values;
}

struct Model {
  FlowSpec spec;
  std::unique_ptr<Flow> flow;

  Model(const py::object &path, const std::string &precision)
  {
    if (precision != "single" && precision != "double")
      throw py::value_error("precision: expected single or double, got " + precision);
    spec = FlowSpec::from_model(ModelFile::parse(read_file(path), py::str(path)));
    flow = Flow::create(
        spec, precision == "single" ? Flow::Precision::Single : Flow::Precision::Double, "serial");
  }

  py::tuple sample(const py::array &z, int samples, std::uint64_t seed, const Integers &timestep,
                   const Integers &molecule, std::uint64_t stream, int first_sample)
  {
    const Array beads = positions(z, "z", flow->nbeads(), true);
    const py::ssize_t n = beads.shape(0);
    if (samples < 1)
      throw py::value_error("samples: expected at least 1, got " + std::to_string(samples));
    const auto steps = per_frame(timestep, "timestep", n, 0, 1);
    const auto molecules = per_frame(molecule, "molecule", n, 1, 0);
    FlowRequest request;
    request.nframes = (int) n;
    request.z = beads.data();
    request.samples = samples;
    request.seed = seed;
    request.stream = stream;
    request.timestep = steps.data();
    request.molecule = molecules.data();
    request.first_sample = first_sample;
    Array x({n, (py::ssize_t) samples, (py::ssize_t) flow->natoms(), (py::ssize_t) 3});
    Array logq({n, (py::ssize_t) samples});
    flow->sample(request, x.mutable_data(), logq.mutable_data());
    return py::make_tuple(x, logq);
  }

  Array log_prob(const py::array &given)
  {
    const Array x = positions(given, "x", flow->natoms(), false);
    Array logq(std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim() - 2));
    flow->log_prob((int) logq.size(), x.data(), logq.mutable_data());
    return logq;
  }
};

struct Table : public SampleTable {
  std::string origin;
};

Table read_table(const py::object &path)
{
  const std::string origin = py::str(path);
  return {SampleTable::parse(read_file(path), origin), origin};
}

template <class T> py::array_t<T> array(const std::vector<T> &v)
{
  return py::array_t<T>((py::ssize_t) v.size(), v.data());
}

template <class T> std::vector<T> values_of(const Table &t, T SampleTable::Row::*member)
{
  std::vector<T> values;
  for (const auto &row : t.rows) values.push_back(row.*member);
  return values;
}

template <class T> auto column(T SampleTable::Row::*member)
{
  return [member](const Table &t) { return array(values_of(t, member)); };
}

py::object report(const std::vector<Table> &tables, std::optional<int> blocks,
                  std::optional<int> runs)
{
  BlockRule rule;
  if (tables.empty()) throw py::value_error("report: expected at least one sample table");
  if (blocks && *blocks < 4)
    throw py::value_error("blocks: expected at least 4, got " + std::to_string(*blocks));
  if (blocks) rule.fixed = *blocks;
  MergedTables merged;
  for (const auto &t : tables) merged.add(t, t.origin);
  if (runs) merged.set_runs(*runs);
  return py::module_::import("json").attr("loads")(Report(merged, rule).summary.json());
}

}    // namespace

/* ---------------------------------------------------------------------- */

PYBIND11_MODULE(backmap, m)
{
  using namespace py::literals;
  using Row = SampleTable::Row;
  const auto none = py::none();
  m.attr("__version__") = BACKMAP_VERSION;
  m.doc() = R"(All-atom structures of coarse-grained frames from a trained flow, with their exact
log-density, and the statistics of sample tables.

Arrays are NumPy arrays; lengths and energies are in the units of the model. Errors of the library
are RuntimeError with its text; wrong types and shapes are TypeError and ValueError.)";

  py::class_<Model>(m, "Flow", R"(A conditional flow q(x|z): atoms x given beads z.

Not to be used by several threads at once; several objects may.)")
      .def(py::init<const py::object &, const std::string &>(), "path"_a, "precision"_a = "single",
           "Reads a model file. precision of the networks: single, as fix backmap, or double.")
      .def("sample", &Model::sample, "z"_a, "samples"_a = 1, "seed"_a = 0, py::kw_only(),
           "timestep"_a = none, "molecule"_a = none, "stream"_a = 0, "first_sample"_a = 0,
           R"(Draws atoms for every frame of beads.

z: [frames, nbeads, 3], float64, whole molecules.
Returns x [frames, samples, natoms, 3] and log_q [frames, samples], the natural logarithm of the
density in 1/length^3 for each placed atom. +inf is a draw without an image: its weight is zero and
its x must not be used.

Sample j of frame i follows from z[i], seed, stream, timestep[i] (default i), molecule[i]
(default 1) and first_sample + j alone. With those of a run, and random_stream(partition, fix ID),
they are the samples of fix backmap.)")
      .def("log_prob", &Model::log_prob, "x"_a, R"(log q of given atoms, with z the beads in x.

x: [..., natoms, 3], float64. Returns an array [...]; -inf where q is zero.)")
      .def_property_readonly("natoms", [](const Model &f) { return f.spec.natoms; })
      .def_property_readonly("nbeads", [](const Model &f) { return f.spec.nbeads(); })
      .def_property_readonly("bead_names", [](const Model &f) { return f.spec.bead_names(); })
      .def_property_readonly("molecule", [](const Model &f) { return f.spec.molecule; })
      .def_property_readonly(
          "temperature", [](const Model &f) { return f.spec.temperature; }, "K")
      .def_property_readonly(
          "units", [](const Model &f) { return f.spec.units; }, "LAMMPS units, such as real");

  m.def("random_stream", &random_stream, "partition"_a, "id"_a,
        "The stream of the fix backmap with this ID in this partition (from 0).");

  py::class_<Table>(m, "SampleTable",
                    "A table of fix backmap: columns are arrays [rows], one row a sample.")
      .def_readonly("units", &Table::units)
      .def_readonly("molecule_name", &Table::name)
      .def_readonly("temperature", &Table::temperature, "K")
      .def_readonly("kT", &Table::kt, "energy units")
      .def_readonly("samples", &Table::samples, "samples a frame")
      .def_readonly("observables", &Table::observables, "names of the columns of values")
      .def_property_readonly("step", column(&Row::step))
      .def_property_readonly("molecule", column(&Row::molecule))
      .def_property_readonly("sample", column(&Row::sample))
      .def_property_readonly("logweight", column(&Row::logweight),
                             "-inf: weight zero; nan: the energy is not a number")
      .def_property_readonly("u", column(&Row::u), "all-atom energy")
      .def_property_readonly("u_cg", column(&Row::ucg), "coarse-grained energy")
      .def_property_readonly("log_q", column(&Row::logq))
      .def_property_readonly(
          "values",
          [](const Table &t) {
            return array(t.values).reshape({t.rows.size(), t.observables.size()});
          },
          "[rows, observables]")
      .def_property_readonly(
          "weights",
          [](const Table &t) { return array(normalized_weights(values_of(t, &Row::logweight))); },
          "weights that add up to 1; zero where the energy is not a number")
      .def("__len__", [](const Table &t) { return t.rows.size(); });

  m.def("read_table", &read_table, "path"_a, "Reads a sample table.");
  m.def("report", &report, "tables"_a, "blocks"_a = none, "runs"_a = none,
        R"(The figures of sample tables of one ensemble, merged by timestep.

tables: a list of SampleTable; blocks: number of blocks for the errors, at least 4, instead of the
rule; runs: number of independent runs that the tables belong to.
Returns the dict that the command backmap_report writes as JSON.)");
}
