#!/bin/sh
# Makes build/aarch64/python: Debian's Python and PyPI's NumPy for aarch64 under qemu-user, with the
# kernels that ziglang compiles for them. Needs qemu-user-static, apt and a Python with ziglang.
#
#     sh tests/kernels/aarch64.sh .venv/bin/python
#
# test_aarch64.py then decodes the golden files there; benchmarks/determinism.py takes it as --python.
set -eu
python=$1
cd "$(dirname "$0")/../.."
at=$PWD/build/aarch64
mkdir -p "$at/lists/partial" "$at/archives/partial" "$at/debs"

"$python" inrcodec/kernels/build.py --target aarch64-linux-gnu.2.17 --output "$at/_inrcodec.so"
if [ ! -x "$at/python" ]; then
    apt() {
        apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
            -o Dir::State::lists="$at/lists" -o Dir::Cache::archives="$at/archives" \
            -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
            -o APT::Sandbox::User=root "$@"
    }
    apt update
    (cd "$at/debs" && apt download python3-minimal)
    version=$(dpkg -f "$at"/debs/python3-minimal_*.deb Version | cut -d. -f1,2)
    (
        cd "$at/debs"
        apt download "python$version-minimal" "libpython$version-minimal" \
            "libpython$version-stdlib" libc6 zlib1g libexpat1 libffi8 libbz2-1.0 \
            liblzma5 libstdc++6 libgcc-s1
        for package in *.deb; do dpkg -x "$package" ../root; done
    )
    "$python" -m pip install -q --target "$at/site" --only-binary=:all: -c constraints.txt \
        --python-version "$version" --implementation cp --platform manylinux_2_28_aarch64 \
        --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64 \
        msgpack numpy threadpoolctl zstandard
    cat >"$at/python.part" <<END
#!/bin/sh
export PYTHONPATH="\${PYTHONPATH:+\$PYTHONPATH:}$at/site" INRCODEC_LIBRARY="$at/_inrcodec.so"
exec qemu-aarch64-static -L "$at/root" "$at/root/usr/bin/python$version" -B "\$@"
END
    chmod +x "$at/python.part"
    mv "$at/python.part" "$at/python"
fi
