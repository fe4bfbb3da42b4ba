#!/usr/bin/env bash
# daemons.sh DIRECTORY: unpacks the Debian packages whose daemons the matrix starts itself, each below DIRECTORY/PACKAGE.
# They are not installed: that would start daemons of the system, which stay. One that cannot be had is said so and left out:
# the test skips its column, and says why.
set -euo pipefail
mkdir -p "$1"
cd "$1"
for package in tpm2-abrmd opencryptoki; do
  [[ ! -d $package ]] || continue
  rm -rf new && mkdir new
  if (cd new && apt-get download "$package" >log 2>&1 && dpkg-deb -x ./*.deb .); then
    mv new "$package"
  else
    echo "$package is not to be had:" && cat new/log
  fi
done
