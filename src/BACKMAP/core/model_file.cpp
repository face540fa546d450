/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "core/model_file.h"

#include "core/sha256.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <stdexcept>

using namespace BACKMAP_NS;
using nlohmann::json;
using DType = ModelFile::DType;

namespace {

const char *const VERSION = "1";

const char *dtype_name(DType type)
{
  return type == DType::F32 ? "F32" : "F64";
}

std::uint64_t dtype_size(DType type)
{
  return type == DType::F32 ? 4 : 8;
}

std::string shape_text(const std::vector<std::int64_t> &shape)
{
  std::string text;
  for (const auto d : shape) text += (text.empty() ? "" : ",") + std::to_string(d);
  return text;
}

std::uint64_t load_le(const char *p, int nbytes)
{
  std::uint64_t value = 0;
  for (int i = nbytes - 1; i >= 0; i--) value = (value << 8) | (unsigned char) p[i];
  return value;
}

void store_le(std::string &out, std::uint64_t value, int nbytes)
{
  for (int i = 0; i < nbytes; i++) out.push_back((char) (value >> (8 * i)));
}

double load_value(const char *p, DType type)
{
  if (type == DType::F32) {
    const auto bits = (std::uint32_t) load_le(p, 4);
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
  }
  const std::uint64_t bits = load_le(p, 8);
  double value;
  std::memcpy(&value, &bits, 8);
  return value;
}

/* ----------------------------------------------------------------------
   number of values of a shape; false if it does not fit in 2^60
------------------------------------------------------------------------- */

bool count_values(const std::vector<std::int64_t> &shape, std::uint64_t &count)
{
  const std::uint64_t limit = std::uint64_t(1) << 60;
  bool zero = false;
  count = 1;
  for (const auto d : shape) {
    if (d < 0) return false;
    if (d == 0) {
      zero = true;
      continue;
    }
    if (std::uint64_t(d) > limit / count) return false;
    count *= std::uint64_t(d);
  }
  if (zero) count = 0;
  return true;
}

/* ----------------------------------------------------------------------
   JSON with every key once per object: of two equal keys the parser would
   silently keep the last
------------------------------------------------------------------------- */

json parse_strict(const std::string &text)
{
  std::vector<std::set<std::string>> keys;
  const auto check = [&keys](int, json::parse_event_t event, json &parsed) {
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      throw std::runtime_error("key \"" + parsed.get<std::string>() + "\" appears twice");
    return true;
  };
  return json::parse(text, check);
}

}    // namespace

/* ---------------------------------------------------------------------- */

void ModelFile::fail(const std::string &what) const
{
  throw std::runtime_error("model file " + source + ": " + what);
}

/* ----------------------------------------------------------------------
   a whole file, piece by piece; every error says what is wrong with which piece
------------------------------------------------------------------------- */

struct ModelFile::Reader {
  ModelFile file;
  const char *data = nullptr;    // bytes of the tensors
  std::uint64_t ndata = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;    // of bytes that are a tensor's

  json read_header(const std::string &bytes);
  void read_metadata(const json &entry);
  void read_tensor(const std::string &name, const json &entry);
  DType read_type(const json &dtype, const std::string &what) const;
  std::vector<std::int64_t> read_shape(const json &shape, const std::string &what) const;
  void check_coverage();
  void check_metadata() const;
};

/* ---------------------------------------------------------------------- */

json ModelFile::Reader::read_header(const std::string &bytes)
{
  if (bytes.size() < 8)
    file.fail("truncated: expected at least 8 bytes, got " + std::to_string(bytes.size()));
  const std::uint64_t nheader = load_le(bytes.data(), 8);
  if (nheader > MAX_HEADER)
    file.fail("header length " + std::to_string(nheader) + " is larger than the limit of " +
              std::to_string(MAX_HEADER) + " bytes; not a model file?");
  if (nheader > bytes.size() - 8)
    file.fail("truncated: header of " + std::to_string(nheader) + " bytes expected, " +
              std::to_string(bytes.size() - 8) + " left");
  data = bytes.data() + 8 + nheader;
  ndata = bytes.size() - 8 - nheader;

  // padding after the JSON text is blanks only, so that no byte of the file is without meaning

  std::string text = bytes.substr(8, nheader);
  const auto end = text.find_last_not_of(' ');
  text.resize(end == std::string::npos ? 0 : end + 1);
  if (text.empty() || text.front() != '{' || text.back() != '}')
    file.fail("header is not a JSON object");
  json header;
  try {
    header = parse_strict(text);
  } catch (const std::exception &e) {
    file.fail(std::string("header is not valid JSON: ") + e.what());
  }
  if (!header.is_object()) file.fail("header is not a JSON object");
  return header;
}

/* ---------------------------------------------------------------------- */

void ModelFile::Reader::read_metadata(const json &entry)
{
  for (const auto &m : entry.items()) {
    if (!m.value().is_string()) file.fail("metadata \"" + m.key() + "\" is not a string");
    file.set_meta(m.key(), m.value().get<std::string>());
  }
}

/* ---------------------------------------------------------------------- */

DType ModelFile::Reader::read_type(const json &dtype, const std::string &what) const
{
  if (dtype == "F32") return DType::F32;
  if (dtype == "F64") return DType::F64;
  file.fail(what + "dtype must be \"F32\" or \"F64\", got " + dtype.dump());
}

/* ---------------------------------------------------------------------- */

std::vector<std::int64_t> ModelFile::Reader::read_shape(const json &shape,
                                                        const std::string &what) const
{
  if (!shape.is_array()) file.fail(what + "shape must be a list, got " + shape.dump());
  std::vector<std::int64_t> dimensions;
  for (const auto &d : shape) {
    if (!d.is_number_unsigned() || d.get<std::uint64_t>() > (std::uint64_t(1) << 60))
      file.fail(what + "dimension must be an integer from 0 to 2^60, got " + d.dump());
    dimensions.push_back(d.get<std::int64_t>());
  }
  return dimensions;
}

/* ---------------------------------------------------------------------- */

void ModelFile::Reader::read_tensor(const std::string &name, const json &entry)
{
  const std::string what = "tensor \"" + name + "\": ";
  if (name.empty() || name.find('\0') != std::string::npos)
    file.fail("not a valid name of a tensor: empty, or with a zero byte");
  for (const auto &field : entry.items())
    if (field.key() != "dtype" && field.key() != "shape" && field.key() != "data_offsets")
      file.fail(what + "unknown field \"" + field.key() + "\"");
  for (const char *key : {"dtype", "shape", "data_offsets"})
    if (!entry.contains(key)) file.fail(what + "field \"" + key + "\" is missing");

  const json &shape = entry["shape"], &offsets = entry["data_offsets"];
  Tensor tensor;
  tensor.type = read_type(entry["dtype"], what);
  tensor.shape = read_shape(shape, what);
  std::uint64_t count = 0;
  if (!count_values(tensor.shape, count)) file.fail(what + "shape overflows: " + shape.dump());

  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned())
    file.fail(what + "data_offsets must be two integers, got " + offsets.dump());
  const auto begin = offsets[0].get<std::uint64_t>(), stop = offsets[1].get<std::uint64_t>();
  if (begin > stop || stop > ndata)
    file.fail(what + "data_offsets " + offsets.dump() + " leave the " + std::to_string(ndata) +
              " bytes of data");
  const std::uint64_t size = dtype_size(tensor.type);
  if ((stop - begin) % size || (stop - begin) / size != count)
    file.fail(what + "shape " + shape.dump() + " of " + dtype_name(tensor.type) + " needs " +
              std::to_string(count) + " values, data_offsets span " + std::to_string(stop - begin) +
              " bytes");

  tensor.bytes.assign(data + begin, stop - begin);
  for (std::uint64_t i = 0; i < count; i++)
    if (!std::isfinite(load_value(tensor.bytes.data() + i * size, tensor.type)))
      file.fail(what + "value " + std::to_string(i) + " is not finite");
  if (count) ranges.emplace_back(begin, stop);
  file.tensors[name] = std::move(tensor);
}

/* ----------------------------------------------------------------------
   every byte belongs to one tensor
------------------------------------------------------------------------- */

void ModelFile::Reader::check_coverage()
{
  std::sort(ranges.begin(), ranges.end());
  std::uint64_t covered = 0;
  for (const auto &range : ranges) {
    if (range.first < covered)
      file.fail("tensors overlap at byte " + std::to_string(range.first) + " of the data");
    if (range.first > covered)
      file.fail("bytes " + std::to_string(covered) + " to " + std::to_string(range.first) +
                " of the data belong to no tensor");
    covered = range.second;
  }
  if (covered != ndata)
    file.fail("tensors cover " + std::to_string(covered) + " of " + std::to_string(ndata) +
              " bytes of data; truncated or extended?");
}

/* ---------------------------------------------------------------------- */

void ModelFile::Reader::check_metadata() const
{
  file.meta("format");
  if (file.meta("format_version") != VERSION)
    file.fail(std::string("format_version: expected \"") + VERSION + "\", got \"" +
              file.meta("format_version") + "\"");
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION    // made-up files shall get farther
  const std::string expected = file.digest();
  if (file.meta("sha256") != expected)
    file.fail("sha256: expected " + expected + ", got " + file.meta("sha256") +
              "; the file is damaged or was changed by hand");
#endif
}

/* ---------------------------------------------------------------------- */

ModelFile ModelFile::parse(const std::string &bytes, const std::string &origin)
{
  Reader reader;
  reader.file.source = origin;
  const json header = reader.read_header(bytes);
  for (const auto &item : header.items()) {
    const json &entry = item.value();
    if (!entry.is_object())
      reader.file.fail("header field \"" + item.key() + "\" is not an object");
    if (item.key() == "__metadata__")
      reader.read_metadata(entry);
    else
      reader.read_tensor(item.key(), entry);
  }
  reader.check_coverage();
  reader.check_metadata();
  return std::move(reader.file);
}

/* ---------------------------------------------------------------------- */

std::string ModelFile::serialize() const
{
  ModelFile file(*this);
  if (!file.has_meta("format")) fail("metadata \"format\" is missing, cannot write");
  if (!file.has_meta("format_version")) file.metadata["format_version"] = VERSION;
  file.metadata["sha256"] = file.digest();

  // widest type first: then every tensor is aligned as its type wants it

  std::vector<std::string> order = names();
  std::stable_sort(order.begin(), order.end(), [&](const std::string &a, const std::string &b) {
    return dtype_size(tensors.at(a).type) > dtype_size(tensors.at(b).type);
  });

  json header = json::object();
  header["__metadata__"] = file.metadata;
  std::uint64_t offset = 0;
  for (const auto &name : order) {
    const Tensor &t = tensors.at(name);
    const std::uint64_t stop = offset + t.bytes.size();
    header[name] = {
        {"dtype", dtype_name(t.type)}, {"shape", t.shape}, {"data_offsets", {offset, stop}}};
    offset = stop;
  }
  std::string text = header.dump();
  while (text.size() % 8) text.push_back(' ');
  if (text.size() > MAX_HEADER) fail("header is too large to be written");

  std::string out;
  out.reserve(8 + text.size() + offset);
  store_le(out, text.size(), 8);
  out += text;
  for (const auto &name : order) out += tensors.at(name).bytes;
  return out;
}

/* ---------------------------------------------------------------------- */

const std::string &ModelFile::meta(const std::string &key) const
{
  const auto it = metadata.find(key);
  if (it == metadata.end()) fail("metadata \"" + key + "\" is missing");
  return it->second;
}

/* ---------------------------------------------------------------------- */

void ModelFile::set_meta(const std::string &key, const std::string &value)
{
  // neither may end a field of the digest early

  if (key.find('\0') != std::string::npos || value.find('\0') != std::string::npos)
    fail("metadata contain a zero byte: \"" + key + "\"");
  metadata[key] = value;
}

/* ---------------------------------------------------------------------- */

const ModelFile::Tensor &ModelFile::find(const std::string &name) const
{
  const auto it = tensors.find(name);
  if (it == tensors.end()) fail("tensor \"" + name + "\" is missing");
  return it->second;
}

/* ---------------------------------------------------------------------- */

const std::vector<std::int64_t> &ModelFile::shape(const std::string &name) const
{
  return find(name).shape;
}

/* ---------------------------------------------------------------------- */

std::vector<double> ModelFile::tensor(const std::string &name,
                                      const std::vector<std::int64_t> &shape) const
{
  const Tensor &t = find(name);
  if (t.shape != shape)
    fail("tensor \"" + name + "\": expected shape [" + shape_text(shape) + "], got [" +
         shape_text(t.shape) + "]");
  const std::uint64_t size = dtype_size(t.type);
  std::vector<double> values(t.bytes.size() / size);
  for (std::size_t i = 0; i < values.size(); i++)
    values[i] = load_value(t.bytes.data() + i * size, t.type);
  return values;
}

/* ---------------------------------------------------------------------- */

void ModelFile::add(const std::string &name, const std::vector<std::int64_t> &shape,
                    const std::vector<double> &data, DType type)
{
  const std::string what = "tensor \"" + name + "\": ";
  if (name.empty() || name == "__metadata__" || name.find('\0') != std::string::npos)
    fail(what + "not a valid name");
  std::uint64_t count = 0;
  if (!count_values(shape, count) || count != data.size())
    fail(what + "shape [" + shape_text(shape) + "] does not hold " + std::to_string(data.size()) +
         " values");

  Tensor t;
  t.type = type;
  t.shape = shape;
  t.bytes.reserve(data.size() * dtype_size(type));
  for (std::size_t i = 0; i < data.size(); i++) {
    const double value = type == DType::F32 ? (double) (float) data[i] : data[i];
    if (!std::isfinite(value)) fail(what + "value " + std::to_string(i) + " is not finite");
    if (type == DType::F32) {
      const auto single = (float) data[i];
      std::uint32_t bits;
      std::memcpy(&bits, &single, 4);
      store_le(t.bytes, bits, 4);
    } else {
      std::uint64_t bits;
      std::memcpy(&bits, &data[i], 8);
      store_le(t.bytes, bits, 8);
    }
  }
  tensors[name] = std::move(t);
}

/* ---------------------------------------------------------------------- */

std::vector<std::string> ModelFile::names() const
{
  std::vector<std::string> all;
  for (const auto &item : tensors) all.push_back(item.first);
  return all;
}

/* ---------------------------------------------------------------------- */

void ModelFile::require_names(const std::vector<std::string> &expected) const
{
  const std::set<std::string> want(expected.begin(), expected.end());
  for (const auto &name : want)
    if (!has(name)) fail("tensor \"" + name + "\" is missing");
  for (const auto &item : tensors)
    if (!want.count(item.first)) fail("tensor \"" + item.first + "\" is not known to this format");
}

/* ---------------------------------------------------------------------- */

std::string ModelFile::digest() const
{
  const std::string zero(1, '\0');
  Sha256 sha;
  for (const auto &item : metadata)
    if (item.first != "sha256") sha.update(item.first + zero + item.second + zero);
  for (const auto &item : tensors) {
    sha.update(item.first + zero + dtype_name(item.second.type) + zero +
               shape_text(item.second.shape) + zero);
    sha.update(item.second.bytes);
  }
  return sha.hex();
}
