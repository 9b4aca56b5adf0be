# A small crate without dependencies, built offline and tested.
export CARGO_HOME="$PWD/home" CARGO_NET_OFFLINE=true CARGO_TERM_COLOR=never RUSTUP_TOOLCHAIN=$(rustc --version | cut -d ' ' -f 2)
unset CARGO_TARGET_DIR RUSTFLAGS CARGO_INCREMENTAL RUSTC_WRAPPER
mkdir -p crate/src
cd crate
cat >Cargo.toml <<'T'
[package]
name = "small"
version = "0.1.0"
edition = "2021"
[workspace]
T
i=0
while [ $i -lt 60 ]; do
    i=$((i + 1))
    printf 'pub fn run(n: u64) -> u64 { let v: Vec<String> = (0..n).map(|i| (i * %d).to_string()).collect(); v.iter().map(|s| s.len() as u64).sum() }\n' $i >src/m$i.rs
    echo "pub mod m$i;"
done >src/lib.rs
{
    echo 'fn main() { let mut n = 0;'
    for i in $(seq 1 60); do echo "n += std::thread::spawn(|| small::m$i::run(1000)).join().unwrap();"; done
    echo 'println!("{n}"); }'
} >src/main.rs
echo '#[test] fn it_runs() { assert_eq!(small::m1::run(10), 10); }' >src/extra.rs
mkdir tests
mv src/extra.rs tests/extra.rs
cargo build --offline --quiet -j 2
cargo build --offline --quiet --release -j 2
./target/debug/small
./target/release/small
cargo test --offline --quiet -j 2 2>&1 | grep -c '^test result: ok'
