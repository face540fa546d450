# Where the sources of LAMMPS and Kokkos come from. Sourced by scripts/setup.sh, which sets cache.

# LAMMPS release that is downloaded where neither LAMMPS_DIR nor a Debian source package is there
lammps_release=stable_29Sep2021_update3
lammps_release_url=https://github.com/lammps/lammps/archive/$lammps_release.tar.gz
lammps_release_sha256=e4c274f0dc5fdedc43f2b365156653d1105197a116ff2bafe893523cdb22532e

# ----------------------------------------------------------------------
# apt with a source-list of our own: the deb lines of the system as deb-src lines.
# Nothing of the system's is written: its lists, its state and its cache stay as they are.
# ----------------------------------------------------------------------

apt_own() {
  local apt=$cache/apt
  apt-get -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$apt/sources.list.d" \
    -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Get::List-Cleanup=0 \
    -o APT::Sandbox::User="$(id -un)" -o Debug::NoLocking=1 "$@"
}

apt_own_setup() {
  local apt=$cache/apt file etc=${BACKMAP_APT_ETC:-/etc/apt}
  rm -rf "$apt/sources.list.d"
  mkdir -p "$apt/sources.list.d" "$apt/lists/partial" "$apt/cache/archives/partial"
  for file in "$etc"/sources.list "$etc"/sources.list.d/*.list; do
    [ -f "$file" ] || continue
    sed -n 's/^deb[[:space:]]/deb-src /p' "$file" >"$apt/sources.list.d/$(basename "$file" .list).list"
  done
  for file in "$etc"/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    # stanza by stanza: only those with binary packages that are switched on
    awk -v RS= -v ORS='\n\n' '/(^|\n)Types:[^\n]*deb([ \t\n]|$)/ && !/(^|\n)Enabled:[ \t]*no/ {
      gsub(/(^|\n)Types:[^\n]*/, "\nTypes: deb-src"); sub(/^\n/, ""); print }' "$file" \
      >"$apt/sources.list.d/$(basename "$file")"
  done
  # a third party's list without sources makes update complain; what counts is whether the source is found
  say "reading the lists of Debian's source packages"
  apt_own update >"$cache/log/apt-update.log" 2>&1 || true
}

# the .orig tarball of a source package, into $1; apt checks it against Debian's signed lists
apt_orig_tarball() {
  local into=$1 package=$2
  mkdir -p "$into"
  (cd "$into" && apt_own source --download-only --tar-only "$package") >"$cache/log/apt-$package.log" 2>&1 ||
    { tail -n 5 "$cache/log/apt-$package.log" >&2; return 1; }
  find "$into" -name "${package}_*.orig.tar.*" ! -name '*.asc' -print -quit
}

on_debian() {
  local release=${BACKMAP_OS_RELEASE:-/etc/os-release}
  [ -r "$release" ] && (. "$release" && [ "${ID:-}" = debian ] && [ "${VERSION_ID:-0}" -ge 12 ])
}

# ----------------------------------------------------------------------
# LAMMPS: LAMMPS_DIR, else Debian's source package, else the release tarball.
# sets LAMMPS_DIR and lammps_id (names the content)
# ----------------------------------------------------------------------

fetch_lammps_source() {
  mkdir -p "$cache/log"
  if [ -n "${LAMMPS_DIR:-}" ]; then
    [ -f "$LAMMPS_DIR/src/lammps.h" ] && [ -f "$LAMMPS_DIR/cmake/CMakeLists.txt" ] ||
      fail "LAMMPS_DIR=$LAMMPS_DIR is no LAMMPS source (no src/lammps.h or cmake/CMakeLists.txt)"
    LAMMPS_DIR=$(cd "$LAMMPS_DIR" && pwd)
    lammps_id="LAMMPS_DIR $LAMMPS_DIR $(cd "$LAMMPS_DIR" && find src cmake -type f \
      \( -name '*.cpp' -o -name '*.h' -o -name '*.txt' -o -name '*.cmake' \) -print0 |
      LC_ALL=C sort -z | xargs -0 cat | short_hash)"
    return
  fi
  # taken before: the newest folder that is whole
  local found
  found=$(ls -d "$cache"/src/lammps-*/complete 2>/dev/null | tail -n 1 || true)
  if [ -z "$found" ]; then
    local tarball='' scratch=$cache/src/download
    rm -rf "$scratch"
    mkdir -p "$scratch"
    if on_debian; then
      apt_own_setup
      say "downloading Debian's source package lammps (80 MB)"
      tarball=$(apt_orig_tarball "$scratch" lammps) || tarball=
    fi
    if [ -z "$tarball" ]; then
      say "downloading the LAMMPS release $lammps_release"
      tarball=$scratch/$lammps_release.tar.gz
      { curl -fsSL -o "$tarball" "$lammps_release_url" || wget -qO "$tarball" "$lammps_release_url"; } 2>/dev/null ||
        fail "no LAMMPS source: neither Debian's source package lammps nor $lammps_release_url could be had;" \
          "get a LAMMPS source of 29 Sep 2021 or newer and set LAMMPS_DIR"
      echo "$lammps_release_sha256  $tarball" | sha256sum -c --status - ||
        fail "the downloaded LAMMPS release does not have the expected SHA-256 $lammps_release_sha256"
    fi
    local id
    id=$(short_hash <"$tarball")
    local into=$cache/src/lammps-$id
    rm -rf "$into"
    mkdir -p "$into"
    tar xf "$tarball" -C "$into" --strip-components=1 --wildcards \
      --exclude='*/examples' --exclude='*/doc/src' --exclude='*/bench' --exclude='*/doc/utils'
    echo "$(basename "$tarball") $id" >"$into/complete"
    rm -rf "$scratch"
    found=$into/complete
  fi
  LAMMPS_DIR=$(dirname "$found")
  lammps_id=$(cat "$found")
}

# ----------------------------------------------------------------------
# Kokkos out of Debian's source package trilinos; sets kokkos_source and kokkos_id
# ----------------------------------------------------------------------

fetch_kokkos_source() {
  local found
  found=$(ls -d "$cache"/src/kokkos-*/complete 2>/dev/null | tail -n 1 || true)
  if [ -z "$found" ]; then
    on_debian || fail "no Kokkos: set Kokkos_ROOT to an installed one, or LAMMPS_DIR to a LAMMPS with lib/kokkos"
    local tarball scratch=$cache/src/download id into
    rm -rf "$scratch"
    mkdir -p "$scratch"
    apt_own_setup
    say "downloading Debian's source package trilinos for its Kokkos (160 MB)"
    tarball=$(apt_orig_tarball "$scratch" trilinos) && [ -n "$tarball" ] ||
      fail "Debian's source package trilinos could not be had; set Kokkos_ROOT to an installed Kokkos"
    id=$(short_hash <"$tarball")
    into=$cache/src/kokkos-$id
    rm -rf "$into"
    mkdir -p "$into"
    tar xf "$tarball" -C "$into" --strip-components=3 --wildcards '*/packages/kokkos/*'
    echo "$(basename "$tarball") $id" >"$into/complete"
    rm -rf "$scratch"
    found=$into/complete
  fi
  kokkos_source=$(dirname "$found")
  kokkos_id=$(cat "$found")
}
