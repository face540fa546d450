/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_CORE_JSON_H
#define BACKMAP_CORE_JSON_H

// Checked access to JSON objects; include in .cpp files only.

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/// Reads the fields of one JSON object and remembers which ones; errors name the place and field.
/// All failures throw std::runtime_error.
class JsonObject {
 public:
  JsonObject(const nlohmann::json &object, const std::string &place) : j(object), where(place)
  {
    if (!j.is_object()) throw std::runtime_error(where + ": expected a JSON object");
  }

  /// Parses text; the result must be outlived by the JsonObject made of it.
  static nlohmann::json parse(const std::string &text, const std::string &place)
  {
    try {
      return nlohmann::json::parse(text);
    } catch (const std::exception &e) {
      throw std::runtime_error(place + ": not valid JSON: " + e.what());
    }
  }

  [[noreturn]] void fail(const std::string &field, const std::string &expected) const
  {
    throw std::runtime_error(where + ": field \"" + field + "\": expected " + expected + ", got " +
                             (j.contains(field) ? j.at(field).dump().substr(0, 200) : "nothing"));
  }

  bool has(const std::string &key) const { return j.contains(key); }

  const nlohmann::json &value(const std::string &key)
  {
    seen.insert(key);
    if (!j.contains(key)) fail(key, "a value");
    return j.at(key);
  }

  std::string text(const std::string &key)
  {
    const auto &v = value(key);
    if (!v.is_string()) fail(key, "a string");
    return v.get<std::string>();
  }

  double number(const std::string &key)
  {
    const auto &v = value(key);
    if (!v.is_number() || !std::isfinite(v.get<double>())) fail(key, "a finite number");
    return v.get<double>();
  }

  int integer(const std::string &key, int low, int high)
  {
    int result = 0;
    if (!to_int(value(key), low, high, result)) fail(key, range(low, high));
    return result;
  }

  std::vector<double> numbers(const std::string &key)
  {
    std::vector<double> out;
    const auto &list = value(key);
    if (!list.is_array()) fail(key, "a list of numbers");
    for (const auto &v : list) {
      if (!v.is_number() || !std::isfinite(v.get<double>())) fail(key, "a list of finite numbers");
      out.push_back(v.get<double>());
    }
    return out;
  }

  std::vector<int> integers(const std::string &key, int low, int high)
  {
    std::vector<int> out;
    const auto &list = value(key);
    if (!list.is_array()) fail(key, "a list of integers");
    for (const auto &v : list) {
      int one = 0;
      if (!to_int(v, low, high, one)) fail(key, "a list, each " + range(low, high));
      out.push_back(one);
    }
    return out;
  }

  template <std::size_t N>
  std::vector<std::array<int, N>> tuples(const std::string &key, int low, int high)
  {
    std::vector<std::array<int, N>> out;
    const auto &list = value(key);
    const std::string want = "a list of lists of " + std::to_string(N) + ", each ";
    if (!list.is_array()) fail(key, want + range(low, high));
    for (const auto &row : list) {
      std::array<int, N> one;
      if (!row.is_array() || row.size() != N) fail(key, want + range(low, high));
      for (std::size_t i = 0; i < N; i++)
        if (!to_int(row[i], low, high, one[i])) fail(key, want + range(low, high));
      out.push_back(one);
    }
    return out;
  }

  /// Call last: a field that nobody asked for is an error.
  void finish() const
  {
    for (const auto &item : j.items())
      if (!seen.count(item.key()))
        throw std::runtime_error(where + ": unknown field \"" + item.key() + "\"");
  }

 private:
  const nlohmann::json &j;
  std::string where;
  std::set<std::string> seen;

  static std::string range(int low, int high)
  {
    return "an integer from " + std::to_string(low) + " to " + std::to_string(high);
  }

  // compared before it is narrowed: a value beyond int must not alias a valid one
  static bool to_int(const nlohmann::json &v, int low, int high, int &result)
  {
    if (v.is_number_unsigned() && v.get<std::uint64_t>() > 0x7fffffffu) return false;
    if (!v.is_number_integer()) return false;
    const auto wide = v.get<std::int64_t>();
    if (wide < low || wide > high) return false;
    result = (int) wide;
    return true;
  }
};

}    // namespace BACKMAP_NS

#endif
