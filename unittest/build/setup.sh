#!/usr/bin/env bash
# The setup scripts where nothing may be installed: every missing piece is named, with its option, and nothing is
# changed. And the source lists that they derive from the system's.
set -uo pipefail
source=$1
failed=0
check() { local what=$1; shift; if "$@"; then echo "ok: $what"; else echo "FAILED: $what"; failed=1; fi; }
says() { grep -q -- "$1" out; }

# --- a system that is not Debian and has next to nothing ----------------
rm -rf copy bin cache home && mkdir -p copy bin home
cp -r "$source/scripts" "$source/demo.sh" "$source/test.sh" copy
for tool in bash cat cut dirname find grep head id mkdir nproc sed sha256sum ls rm env tail cp mv awk; do
  ln -s "$(command -v $tool)" bin/$tool
done
printf 'ID=slackware\nVERSION_ID=15\n' >os-release
before=$(find copy home | sort)
for script in test.sh demo.sh; do
  env -i PATH="$PWD/bin" HOME="$PWD/home" BACKMAP_CACHE="$PWD/cache" BACKMAP_OS_RELEASE="$PWD/os-release" \
    PYTHON=no-such-python bash copy/$script >out 2>&1
  status=$?
  check "$script elsewhere fails" test $status -ne 0
  for piece in CMake 'C++17 compiler' Ninja 'MPI' 'nlohmann' Random123 NumPy Matplotlib LAMMPS_DIR Kokkos_ROOT MPI_HOME \
    'nothing has been changed'; do
    check "$script names $piece" says "$piece"
  done
  [ $script = demo.sh ] || check "$script names what tests need" \
    test "$(grep -cE 'GoogleTest|header files of Python' out)" = 2
  check "$script changes nothing" test "$before" = "$(find copy home | sort)" -a ! -e cache
done
check "the demo does without what only tests need" test "$(grep -cE 'GoogleTest|pybind11|header files of Python' out)" = 0

# --- Debian, but neither root nor sudo ----------------------------------
printf 'ID=debian\nVERSION_ID=12\n' >os-release
rm bin/id && printf '#!/bin/bash\n[ "$1" = -u ] && echo 1000 || echo nobody\n' >bin/id && chmod +x bin/id
printf '#!/bin/bash\necho "apt-get $*" >>"%s/apt-was-called"\n' "$PWD" >bin/apt-get && chmod +x bin/apt-get
env -i PATH="$PWD/bin" HOME="$PWD/home" BACKMAP_CACHE="$PWD/cache" BACKMAP_OS_RELEASE="$PWD/os-release" \
  bash copy/test.sh >out 2>&1 </dev/null
check "without rights it fails" test $? -ne 0
check "without rights it says what an administrator could run" says 'apt-get install .*cmake'
check "it repeats the command that was typed" says 'Kokkos_ROOT=/path/to/kokkos ./test.sh$'
check "without rights nothing is installed" test ! -e apt-was-called -a ! -e cache

# --- a slow BLAS: installed where that is possible, advice elsewhere ----
mkdir -p blas/openblas-pthread blas/reference tools
for kind in openblas-pthread reference; do touch blas/$kind/libblas.so.3; done
printf '#!/bin/bash\necho "	libblas.so.3 (libc6,x86-64) => %s/blas/libblas.so.3"\n' "$PWD" >tools/ldconfig
printf '#!/bin/bash\necho "$*" >>"%s/installed"\n' "$PWD" >tools/apt-get
printf '#!/bin/bash\n[ "$1" = -u ] && echo 0 || echo root\n' >tools/id
chmod +x tools/*
setup_says() { # kind of BLAS, system, settings ...: what require_packages does where nothing else is missing
  ln -sf "$1/libblas.so.3" blas/libblas.so.3
  printf 'ID=%s\nVERSION_ID=%s\n' "${2% *}" "${2#* }" >os-release
  rm -f installed
  env PATH="$PWD/tools:$PATH" BACKMAP_OS_RELEASE="$PWD/os-release" "${@:3}" bash -c '
    . "$0/scripts/lib.sh"; . "$0/scripts/packages.sh"; . "$0/scripts/lammps_source.sh"
    cache=$1 kind=full check=${CHECK:-no} torch=${BACKMAP_TORCH:-ON} LAMMPS_DIR=there
    have_piece() { [ "$1" != torch ] || have_torch; }; have_torch() { ${HAVE_TORCH:-true}; }; require_packages' "$PWD/copy" "$PWD/cache" >out 2>&1
}
debian='debian 12' other='slackware 15'
setup_says reference "$debian" Torch_DIR=
check "the reference BLAS: OpenBLAS is installed" grep -q 'install libopenblas0-pthread' installed
setup_says openblas-pthread "$debian" Torch_DIR=
check "OpenBLAS in use: nothing is installed" test $? -eq 0 -a ! -e installed -a ! -s out
setup_says reference "$other" Torch_DIR=
check "elsewhere it is advice and no error" test $? -eq 0 -a ! -e installed
check "the advice names the library" says 'advice: the BLAS in use, .*/blas/reference/libblas.so.3, is slow'
setup_says reference "$debian" Torch_DIR= CHECK=yes HAVE_TORCH=false
check "without LibTorch both are named" says 'apt-get install libtorch-dev libopenblas0-pthread$'
check "and nothing is installed" test ! -e installed
for own in Torch_DIR=/opt/torch BACKMAP_TORCH=OFF; do
  setup_says reference "$debian" Torch_DIR= $own
  check "$own: no BLAS is asked for" test $? -eq 0 -a ! -e installed -a ! -s out
done
rm -rf cache

# --- a LAMMPS_DIR that is none ------------------------------------------
env BACKMAP_CACHE="$PWD/cache" BACKMAP_OS_RELEASE="$PWD/os-release" bash -c '
  . "$0/scripts/lib.sh"; . "$0/scripts/lammps_source.sh"; cache=$BACKMAP_CACHE; LAMMPS_DIR=/nonexistent; fetch_lammps_source' \
  "$PWD/copy" >out 2>&1
check "a wrong LAMMPS_DIR is named" says 'LAMMPS_DIR=/nonexistent is no LAMMPS source'

# --- source lists from both formats -------------------------------------
rm -rf etc cache && mkdir -p etc/sources.list.d cache/log
printf '# comment\ndeb [signed-by=/k.gpg] http://host.invalid/debian bookworm main\ndeb-src http://x.invalid/ a b\n' >etc/sources.list
cat >etc/sources.list.d/a.sources <<'END'
Types: deb
# a comment
URIs: http://host.invalid/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://other.invalid/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.invalid/
Suites: x
Components: main
END
env BACKMAP_APT_ETC="$PWD/etc" bash -c '
  . "$0/scripts/lib.sh"; . "$0/scripts/lammps_source.sh"; cache=$1; apt_own() { :; }; apt_own_setup' \
  "$PWD/copy" "$PWD/cache" >out 2>&1
lists=cache/apt/sources.list.d
check "deb lines become deb-src" grep -qx 'deb-src \[signed-by=/k.gpg\] http://host.invalid/debian bookworm main' $lists/sources.list
check "other lines are left out" test "$(wc -l <$lists/sources.list)" = 1
check "stanzas become deb-src" test "$(grep -cx 'Types: deb-src' $lists/a.sources)" = 2
check "no binary stanza is left" test "$(grep -cx 'Types: deb' $lists/a.sources)" = 0
check "a stanza that is off stays out" test "$(grep -c off.invalid $lists/a.sources)" = 0
check "keyring and suites are kept" grep -q 'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg' $lists/a.sources

# --- what a lean setup has written serves every preset but that of the tests
rm -rf setups && mkdir setups
echo 'set(LAMMPS_DIR "/the/lean/one")' >setups/setup-lean.cmake
configured() { cmake -S "$source" -B setups/build -G Ninja -D BACKMAP_SETUP="$PWD/setups/setup-full.cmake" "$@" >out 2>&1; }
check "after --lean the preset default finds LAMMPS" eval '! configured && says "LAMMPS_DIR=/the/lean/one is no LAMMPS source"'
check "the tests need the full one" eval '! configured -D BACKMAP_TESTS=ON && says "run scripts/setup.sh"'
echo 'set(LAMMPS_DIR "/the/full/one")' >setups/setup-full.cmake
check "the full one goes first" eval '! configured -D BACKMAP_TESTS=OFF && says "LAMMPS_DIR=/the/full/one is no LAMMPS source"'

# --- progress of a long command: the last line that is not empty ---------
bash -c '. "$0/scripts/lib.sh"; sleep() { command sleep 0.01; }; quietly installing log bash -c "printf \"half way\r\n  \n\"; exec sleep 2"' \
  "$PWD/copy" >out 2>&1
check "progress skips empty lines" says '[.][.][.] half way$'
exit $failed
