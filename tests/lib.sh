# Functions that the test scripts share. Source it; it changes no state by itself.

# program: prints the path of the program under test, which BINARY names, relative to the repository.
# Without it, this is the program that `cargo test` builds.
program() (
  cd "$repo" && realpath --canonicalize-existing "${BINARY:-target/debug/teable-attachments}"
)

# venv NAME REQUIREMENTS: prints the path of a virtual environment in target/ that has these
# packages. It is made again only if the list of packages changes.
venv() {
  local folder=$repo/target/venv/$1 list=$2
  if ! cmp -s "$list" "$folder/requirements.txt"; then
    rm -rf "$folder"
    python3 -m venv "$folder" >&2
    "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$list" >&2
    cp "$list" "$folder/requirements.txt"
  fi
  echo "$folder"
}

# npm_packages FOLDER…: installs the locked npm packages of each folder, unless they are installed.
npm_packages() {
  local folder
  for folder in "$@"; do
    if ! cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed"; then
      (cd "$folder" && npm ci --ignore-scripts --silent)
      cp "$folder/package-lock.json" "$folder/node_modules/.installed"
    fi
  done
}

# Flags with which cargo checks a copy. They ask for the features that the tests have, so that the
# copy uses the dependencies that clippy and the tests have compiled.
copy_flags=(--workspace --lib --bins --examples --all-features --locked)

# make_copy: copies the working tree to target/copy, as a git repository, and sets `copy`.
# The copy shares the target folder: its packages have other paths, and so other names there, and
# `cargo check` leaves no programs.
make_copy() {
  copy=$repo/target/copy
  export CARGO_TARGET_DIR=$repo/target CARGO_TERM_COLOR=never GIT_CEILING_DIRECTORIES=$repo/target
  rm -rf "$copy"
  mkdir -p "$copy"
  (cd "$repo" && tar -c --exclude=./target --exclude=./data --exclude=./.git --exclude=node_modules .) | tar -x -C "$copy"
  # An earlier run may have left output of a changed file that is newer than the original.
  find "$copy/src" "$copy/openapi" "$copy/build.rs" "$copy/contract/examples" -type f -exec touch {} +
  git -C "$copy" init --quiet
  git -C "$copy" add --all
  git -C "$copy" -c user.name=tests -c user.email=tests@localhost commit --quiet --message=copy
}

# restore_copy: undoes all changes of the copy.
restore_copy() {
  git -C "$copy" checkout --quiet . && git -C "$copy" clean --quiet -df
}
