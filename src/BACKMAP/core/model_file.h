/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_CORE_MODEL_FILE_H
#define BACKMAP_CORE_MODEL_FILE_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/// A model as a container of named tensors and named strings, in the safetensors layout:
/// a little-endian u64 (bytes of the header), the header (JSON), the tensors one after another.
///
/// It is data and never code; nothing of it is executed. The metadata "sha256" covers every
/// tensor and every other metadata string (see digest()), so a damaged file is refused.
/// The class works on buffers; who reads files and on which rank is not its business.
class ModelFile {
 public:
  enum class DType { F32, F64 };

  /// Largest header that is read (bytes); a model of a thousand tensors needs 0.1 MB.
  static constexpr std::uint64_t MAX_HEADER = 16u << 20;

  ModelFile() = default;

  /// Parses and checks a whole file held in `bytes`. `origin` names it in errors.
  /// Throws std::runtime_error for anything that is not exactly a model: truncated or too long,
  /// header too large or not JSON, a key twice, unknown fields or types, shapes that overflow or do
  /// not match their bytes, gaps or overlaps, values that are not finite, a wrong checksum.
  static ModelFile parse(const std::string &bytes, const std::string &origin);

  /// The whole file. Adds "format_version" (if it is not set) and "sha256".
  std::string serialize() const;

  bool has_meta(const std::string &key) const { return metadata.count(key) > 0; }
  /// A metadata string; throws if it is missing.
  const std::string &meta(const std::string &key) const;
  void set_meta(const std::string &key, const std::string &value);

  bool has(const std::string &name) const { return tensors.count(name) > 0; }
  /// Shape as stored; throws if there is no such tensor.
  const std::vector<std::int64_t> &shape(const std::string &name) const;
  /// Values in row-major order as double, whatever the stored type; throws unless the tensor
  /// exists and has exactly this shape.
  std::vector<double> tensor(const std::string &name, const std::vector<std::int64_t> &shape) const;
  /// Adds or replaces a tensor, row-major; throws if size and shape disagree or a value is not
  /// finite in the stored type.
  void add(const std::string &name, const std::vector<std::int64_t> &shape,
           const std::vector<double> &data, DType type = DType::F32);

  /// Names of all tensors, sorted.
  std::vector<std::string> names() const;
  /// Throws unless the tensors are exactly those of `expected` (any order).
  void require_names(const std::vector<std::string> &expected) const;

  /// Name of the source, for error messages.
  const std::string &origin() const { return source; }
  void set_origin(const std::string &name) { source = name; }

  /// SHA-256 (hexadecimal) over: every metadata string but "sha256", sorted by key, as
  /// key \0 value \0; then every tensor, sorted by name, as name \0 dtype \0 d0,d1,.. \0 bytes.
  std::string digest() const;

 private:
  struct Reader;
  struct Tensor {
    DType type = DType::F32;
    std::vector<std::int64_t> shape;
    std::string bytes;    // little-endian values
  };

  std::string source = "model";
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> tensors;

  [[noreturn]] void fail(const std::string &what) const;
  const Tensor &find(const std::string &name) const;
};

}    // namespace BACKMAP_NS

#endif
