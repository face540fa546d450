#!/usr/bin/env bash
# The manual builds in Sphinx without a warning, and every style and command has a page of its name.
set -uo pipefail
source=$1
failed=0
"$BACKMAP_PYTHON" -m sphinx -q -W --keep-going -E -b html -d doctrees "$source/doc/src" html || failed=1
names=$(sed -n 's/^\(Pair\|Fix\|Compute\|Command\)Style(\([^,]*\),.*/\1 \2/p' "$source"/src/BACKMAP/*.h |
  sed 's/^Pair /pair_/; s/^Fix /fix_/; s/^Compute /compute_/; s/^Command //')
for name in $names; do
  # the variant of an accelerator stands on the page of its style, which names it
  case $name in
    */kk | */kk/device | */kk/host)
      style=${name%%/kk*}
      page=$source/doc/src/${style//\//_}.rst
      grep -qx "Accelerator Variants: .*[*]${style#*_}/kk[*].*" "$page" || { echo "$page does not name $style/kk"; failed=1; }
      continue
      ;;
  esac
  page=$source/doc/src/${name//\//_}.rst
  if [ ! -e "$page" ]; then
    echo "no page $page"
    failed=1
    continue
  fi
  for section in Syntax Examples Description Restrictions "Related commands" Default; do
    grep -qx "$section" "$page" || { echo "$page has no section $section"; failed=1; }
  done
done
echo "pages: ${names//$'\n'/ }"
[ -n "$names" ] || failed=1
exit $failed
