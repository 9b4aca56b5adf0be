//! Link options of the shared library.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for option in [
        // Never unloaded: threads end, and call the exit hook, after a `dlclose`.
        "-Wl,-z,nodelete",
        // Bound at load: a lazy binding inside malloc would run the dynamic linker there.
        "-Wl,-z,now",
        "-Wl,-z,relro",
        // Nothing of it is looked up outside of it, whoever else defines the name. Functions, which
        // is all that is exported: `-Bsymbolic` would bind the next ones as well, when it is loaded.
        "-Wl,-Bsymbolic-functions",
        // But C++'s operators, which call each other: a program may replace some of them.
        "-Wl,--export-dynamic-symbol=_Zn[wa]*",
        "-Wl,--export-dynamic-symbol=_Zd[la]*",
        "-Wl,--as-needed",
        "-Wl,--gc-sections",
    ] {
        println!("cargo:rustc-cdylib-link-arg={option}");
    }
}
