/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "core/model_file.h"
#include "core/sha256.h"
#include "error_of.h"

#include "gtest/gtest.h"

#include <cstring>
#include <functional>
#include <limits>
#include <random>

using namespace BACKMAP_NS;

namespace {

using DType = ModelFile::DType;

ModelFile example()
{
  ModelFile file;
  file.set_meta("format", "backmap.test");
  file.set_meta("spec", "{\"a\":[1,2,3],\"name\":\"\xc3\xa4\\u0041\"}");
  file.add("weight", {2, 3}, {1.0, -2.5, 3.25, 0.0, 1e-3, 7.0}, DType::F32);
  file.add("mean", {3}, {0.1, 0.2, 1.0 / 3.0}, DType::F64);
  file.add("empty", {0, 4}, {}, DType::F32);
  return file;
}

std::string error_of(const std::function<void()> &action)
{
  return test::error_of(action, "");
}

std::string error_of_bytes(const std::string &bytes)
{
  return error_of([&] { ModelFile::parse(bytes, "x.safetensors"); });
}

/// A file of any header and data, with the right length field.
std::string raw(const std::string &header, const std::string &data = "")
{
  std::string bytes;
  for (int i = 0; i < 8; i++) bytes.push_back((char) ((std::uint64_t) header.size() >> (8 * i)));
  return bytes + header + data;
}

const std::string TENSOR = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}";
const std::string DATA(8, '\0');

std::string error_of_header(const std::string &header, const std::string &data = DATA)
{
  return error_of_bytes(raw(header, data));
}

bool contains(const std::string &text, const std::string &part)
{
  return text.find(part) != std::string::npos;
}

}    // namespace

// vectors of FIPS 180-4 and of NIST's "SHA256ShortMsg"

TEST(Sha256, KnownAnswers)
{
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesGiveTheSame)
{
  std::string text;
  for (int i = 0; i < 300; i++) text.push_back((char) (i * 7));
  for (std::size_t cut : {0u, 1u, 55u, 56u, 63u, 64u, 65u, 128u, 299u}) {
    Sha256 sha;
    sha.update(text.substr(0, cut));
    sha.update(text.substr(cut));
    EXPECT_EQ(sha.hex(), sha256_hex(text)) << cut;
  }
}

TEST(ModelFile, RoundTrip)
{
  const ModelFile file = example();
  const std::string bytes = file.serialize();
  EXPECT_EQ(bytes, example().serialize());
  const ModelFile back = ModelFile::parse(bytes, "x");
  EXPECT_EQ(back.meta("spec"), file.meta("spec"));
  EXPECT_EQ(back.names(), (std::vector<std::string>{"empty", "mean", "weight"}));
  EXPECT_EQ(back.tensor("mean", {3}), file.tensor("mean", {3}));
  EXPECT_EQ(back.tensor("mean", {3})[2], 1.0 / 3.0);
  EXPECT_EQ(back.tensor("weight", {2, 3})[4], (double) 1e-3f);
  EXPECT_TRUE(back.tensor("empty", {0, 4}).empty());
  EXPECT_EQ(back.serialize(), bytes);

  // header ends at a multiple of 8, tensors start aligned

  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  EXPECT_EQ(header % 8, 0u);
}

TEST(ModelFile, ErrorsNameFileAndField)
{
  const ModelFile file = ModelFile::parse(example().serialize(), "x.safetensors");
  for (const auto &text :
       {error_of([&] { file.tensor("nothing", {1}); }), error_of([&] { file.meta("nothing"); })}) {
    EXPECT_TRUE(contains(text, "x.safetensors")) << text;
    EXPECT_TRUE(contains(text, "nothing")) << text;
  }
  const std::string text = error_of([&] { file.tensor("weight", {3, 2}); });
  EXPECT_TRUE(contains(text, "3,2") && contains(text, "2,3")) << text;
  EXPECT_TRUE(contains(error_of([&] { file.require_names({"mean", "weight"}); }), "empty"));
  EXPECT_TRUE(contains(error_of([&] {
                         file.require_names({"mean", "weight", "empty", "b"});
                       }),
                       "\"b\""));
}

TEST(ModelFile, RefusesWhatItCannotWrite)
{
  ModelFile file;
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_NE(error_of([&] { file.add("a", {2}, {1.0}); }), "");
  EXPECT_NE(error_of([&] { file.add("a", {-1}, {}); }), "");
  EXPECT_NE(error_of([&] { file.add("a", {1}, {std::nan("")}); }), "");
  EXPECT_NE(error_of([&] { file.add("a", {1}, {inf}, DType::F64); }), "");
  EXPECT_NE(error_of([&] { file.add("a", {1}, {1e300}, DType::F32); }), "") << "float overflow";
  EXPECT_NE(error_of([&] { file.add("", {1}, {1.0}); }), "");
  EXPECT_NE(error_of([&] { file.add("__metadata__", {1}, {1.0}); }), "");
  EXPECT_NE(error_of([&] { file.set_meta("a", std::string("b\0c", 3)); }), "");
  EXPECT_NE(error_of([&] { file.serialize(); }), "") << "no format";
}

TEST(ModelFile, EveryTruncationIsRefused)
{
  const std::string bytes = example().serialize();
  for (std::size_t n = 0; n < bytes.size(); n++) {
    const std::string text = error_of_bytes(bytes.substr(0, n));
    ASSERT_NE(text, "") << "first " << n << " bytes";
    ASSERT_TRUE(contains(text, "x.safetensors")) << text;
  }
  EXPECT_NE(error_of_bytes(bytes + std::string(1, '\0')), "");
  EXPECT_NE(error_of_bytes(bytes + bytes), "");
}

TEST(ModelFile, HeaderLength)
{
  EXPECT_TRUE(contains(error_of_bytes(std::string(8, '\xff') + "{}"), "header length"));
  std::string big(8, '\0');
  const std::uint64_t n = ModelFile::MAX_HEADER + 1;
  for (int i = 0; i < 8; i++) big[i] = (char) (n >> (8 * i));
  EXPECT_TRUE(contains(error_of_bytes(big + std::string(n, ' ')), "limit"));
  EXPECT_NE(error_of_header("", ""), "");
  EXPECT_NE(error_of_header("   ", ""), "");
}

TEST(ModelFile, MalformedHeaders)
{
  EXPECT_NE(error_of_header("[]"), "");
  EXPECT_NE(error_of_header("null"), "");
  EXPECT_NE(error_of_header("{\"a\":" + TENSOR), "");
  EXPECT_NE(error_of_header("{\"a\":" + TENSOR + "}x"), "");
  EXPECT_NE(error_of_header("{\"a\":" + TENSOR + "}\n"), "") << "padding is blanks";
  EXPECT_TRUE(contains(error_of_header("{\"a\":" + TENSOR + ",\"a\":" + TENSOR + "}"), "twice"));
  EXPECT_TRUE(contains(error_of_header("{\"a\":3}"), "not an object"));
  EXPECT_TRUE(contains(error_of_header("{\"__metadata__\":{\"format\":3}}", ""), "string"));
  EXPECT_TRUE(contains(error_of_header("{\"__metadata__\":[]}", ""), "not an object"));
  EXPECT_TRUE(contains(error_of_header("{\"\":" + TENSOR + "}"), "name"));
  EXPECT_TRUE(contains(error_of_header("{\"a\\u0000b\":" + TENSOR + "}"), "name"));
  EXPECT_TRUE(
      contains(error_of_header("{\"__metadata__\":{\"a\\u0000\":\"b\"}}", ""), "zero byte"));
  EXPECT_NE(error_of_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],"
                            "\"dtype\":\"F32\"}}"),
            "");
  EXPECT_NE(error_of_header(std::string(100000, '[')), "");
  EXPECT_NE(error_of_header("{\"a\xff\":" + TENSOR + "}"), "") << "not UTF-8";
}

TEST(ModelFile, MalformedTensors)
{
  const auto tensor = [](const std::string &dtype, const std::string &shape,
                         const std::string &offsets, const std::string &more = "") {
    return error_of_header("{\"a\":{\"dtype\":" + dtype + ",\"shape\":" + shape +
                           ",\"data_offsets\":" + offsets + more + "}}");
  };
  EXPECT_TRUE(contains(tensor("\"F32\"", "[2]", "[0,8]"), "format")) << "this one is sound";
  for (const char *dtype : {"\"F16\"", "\"f32\"", "\"I32\"", "\"BOOL\"", "\"\"", "3", "null"})
    EXPECT_TRUE(contains(tensor(dtype, "[2]", "[0,8]"), "dtype")) << dtype;
  for (const char *shape : {"[-2]", "[2.0]", "[\"2\"]", "2", "null", "[[2]]", "[true]", "[1e0]",
                            "[18446744073709551615]", "[3]", "[]", "[1,1]",
                            "[4294967296,4294967296,2]", "[1152921504606846977]"})
    EXPECT_NE(tensor("\"F32\"", shape, "[0,8]"), "") << shape;
  EXPECT_TRUE(contains(tensor("\"F32\"", "[4294967296,4294967296,2]", "[0,8]"), "overflow"));
  EXPECT_TRUE(contains(tensor("\"F32\"", "[4611686018427387904,4]", "[0,0]"), "dimension"));
  for (const char *offsets :
       {"[0,9]", "[4,12]", "[8,0]", "[0]", "[0,8,8]", "[-1,7]", "[0,8.0]", "8", "null",
        "[0,18446744073709551615]", "[18446744073709551608,0]", "[0,4]"})
    EXPECT_NE(tensor("\"F32\"", "[2]", offsets), "") << offsets;
  EXPECT_TRUE(contains(tensor("\"F32\"", "[2]", "[0,8]", ",\"code\":\"rm\""), "unknown field"));
  for (const char *entry :
       {"{\"shape\":[2],\"data_offsets\":[0,8]}", "{\"dtype\":\"F32\",\"data_offsets\":[0,8]}",
        "{\"dtype\":\"F32\",\"shape\":[2]}"})
    EXPECT_TRUE(contains(error_of_header(std::string("{\"a\":") + entry + "}"), "missing"));
}

TEST(ModelFile, GapsAndOverlaps)
{
  const auto two = [](const std::string &a, const std::string &b, int bytes) {
    const std::string head = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":";
    return error_of_header("{\"a\":" + head + a + "},\"b\":" + head + b + "}}",
                           std::string(bytes, '\0'));
  };
  EXPECT_TRUE(contains(two("[0,8]", "[8,16]", 16), "format")) << "this one is sound";
  EXPECT_TRUE(contains(two("[0,8]", "[4,12]", 12), "overlap"));
  EXPECT_TRUE(contains(two("[0,8]", "[0,8]", 8), "overlap"));
  EXPECT_TRUE(contains(two("[0,8]", "[12,20]", 20), "belong to no tensor"));
  EXPECT_TRUE(contains(two("[4,12]", "[12,20]", 20), "belong to no tensor"));
  EXPECT_TRUE(contains(two("[0,8]", "[8,16]", 20), "cover"));
}

TEST(ModelFile, ValuesMustBeFinite)
{
  for (const unsigned char top : {0x7f, 0xff}) {
    for (const unsigned char next : {0x80, 0xc0}) {
      std::string data(8, '\0');
      data[7] = (char) top;
      data[6] = (char) next;
      EXPECT_TRUE(contains(error_of_header("{\"a\":" + TENSOR + "}", data), "not finite"));
    }
    std::string data(8, '\0');
    data[7] = (char) top;
    data[6] = (char) 0xf8;
    EXPECT_TRUE(contains(
        error_of_header("{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}", data),
        "not finite"));
  }
}

TEST(ModelFile, MetadataIsCompleteAndChecked)
{
  const std::string rest = ",\"a\":" + TENSOR + "}";
  EXPECT_TRUE(contains(error_of_header("{\"__metadata__\":{}" + rest), "format"));
  EXPECT_TRUE(contains(error_of_header("{\"__metadata__\":{\"format\":\"x\"}" + rest), "version"));
  EXPECT_TRUE(contains(error_of_header("{\"__metadata__\":{\"format\":\"x\",\"format_version\":"
                                       "\"2\"}" +
                                       rest),
                       "expected \"1\""));
  EXPECT_TRUE(contains(error_of_header("{\"__metadata__\":{\"format\":\"x\",\"format_version\":"
                                       "\"1\"}" +
                                       rest),
                       "sha256"));
  EXPECT_TRUE(contains(error_of_header("{\"__metadata__\":{\"format\":\"x\",\"format_version\":"
                                       "\"1\",\"sha256\":\"00\"}" +
                                       rest),
                       "sha256"));

  // another name, type, shape or value of anything gives another digest

  const std::string digest = example().digest();
  ModelFile a = example();
  a.set_meta("note", "");
  EXPECT_NE(a.digest(), digest);
  ModelFile b = example();
  b.add("empty", {4, 0}, {});
  EXPECT_NE(b.digest(), digest);
  ModelFile c = example();
  c.add("weight", {3, 2}, {1.0, -2.5, 3.25, 0.0, 1e-3, 7.0}, DType::F32);
  EXPECT_NE(c.digest(), digest);
}

// flipping any bit, and random changes of bytes, must be noticed: without exception

TEST(ModelFile, EveryCorruptionIsRefused)
{
  const std::string bytes = example().serialize();
  for (std::size_t i = 0; i < bytes.size(); i++)
    for (int bit = 0; bit < 8; bit++) {
      std::string bad = bytes;
      bad[i] = (char) (bad[i] ^ (1 << bit));
      ASSERT_NE(error_of_bytes(bad), "") << "byte " << i << " bit " << bit;
    }

  std::mt19937_64 random(11);
  for (int trial = 0; trial < 20000; trial++) {
    std::string bad = bytes;
    const int changes = 1 + (int) (random() % 4);
    for (int k = 0; k < changes; k++) {
      const std::size_t at = random() % bad.size();
      switch (random() % 3) {
        case 0: bad[at] = (char) random(); break;
        case 1: bad.erase(at, 1 + random() % 8); break;
        default: bad.insert(at, 1 + random() % 8, (char) random());
      }
      if (bad.empty()) bad = "x";
    }
    if (bad == bytes) continue;
    ASSERT_NE(error_of_bytes(bad), "") << "trial " << trial;
  }
}
