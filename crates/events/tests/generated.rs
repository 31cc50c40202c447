//! The checked-in Rust code is what the schema gives.

use std::path::Path;

#[test]
fn the_generated_code_matches_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let proto = root.join("proto");
    let files = ["bezant/events/v0/events.proto", "bezant/events/v1/events.proto"];
    let descriptors = protox::compile(files, [&proto]).expect("the schema compiles");
    let mut config = prost_build::Config::new();
    config.disable_comments(["."]);
    let output = std::env::temp_dir().join(format!("bezant-events-{}", std::process::id()));
    std::fs::create_dir_all(&output).unwrap();
    config.out_dir(&output);
    config.compile_fds(descriptors).expect("the schema gives code");
    for version in ["v0", "v1"] {
        let made = std::fs::read_to_string(output.join(format!("bezant.events.{version}.rs"))).unwrap();
        let checked_in = root.join(format!("src/generated/{version}.rs"));
        if std::env::var_os("BEZANT_UPDATE").is_some() {
            std::fs::write(&checked_in, &made).unwrap();
        }
        let kept = std::fs::read_to_string(&checked_in).unwrap_or_default();
        assert_eq!(kept, made, "src/generated/{version}.rs is out of date; run the tests with BEZANT_UPDATE=1");
    }
    std::fs::remove_dir_all(&output).unwrap();
}
