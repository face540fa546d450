/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_DEVICE_ARRAYS_H
#define BACKMAP_DEVICE_ARRAYS_H

// Arrays in the memory of Kokkos' default execution space, and copies to and from them. Copies are in order
// with the kernels of its default instance and return at once; a fence ends them.
// BACKMAP_HAVE_KOKKOS is defined if there is a Kokkos.

#if defined(__has_include)
#if __has_include(<Kokkos_Core.hpp>) && !defined(BACKMAP_NO_KOKKOS)
#define BACKMAP_HAVE_KOKKOS 1
#endif
#endif

#ifdef BACKMAP_HAVE_KOKKOS

#include <Kokkos_Core.hpp>

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace BACKMAP_NS {

using DeviceSpace = Kokkos::DefaultExecutionSpace;
using DeviceMemory = DeviceSpace::memory_space;

/// Whether the default execution space is this processor.
constexpr bool device_is_host = std::is_same<DeviceMemory, Kokkos::HostSpace>::value;

/// An array that only grows: a device takes longer to allocate one than to fill it.
template <class T> class DeviceArray {
 public:
  explicit DeviceArray(const char *label) : label_(label) {}

  T *data() const { return view_.data(); }

  /// Room for n numbers, of any value.
  T *sized(std::size_t n)
  {
    if (view_.extent(0) < n)
      view_ = View(Kokkos::view_alloc(std::string(label_), Kokkos::WithoutInitializing), n);
    return view_.data();
  }

  T *filled(const T *p, std::size_t n)
  {
    sized(n);
    Kokkos::deep_copy(DeviceSpace(), part(n), Host(const_cast<T *>(p), n));
    return view_.data();
  }
  T *filled(const std::vector<T> &v) { return filled(v.data(), v.size()); }

  void fetch(T *p, std::size_t n) const { Kokkos::deep_copy(DeviceSpace(), Host(p, n), part(n)); }

 private:
  using View = Kokkos::View<T *, DeviceMemory>;
  using Host = Kokkos::View<T *, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

  const char *label_;
  View view_;

  View part(std::size_t n) const
  {
    return Kokkos::subview(view_, std::make_pair(std::size_t(0), n));
  }
};

}    // namespace BACKMAP_NS

#endif
#endif
