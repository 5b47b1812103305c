//! Manifests that are good, and what is said about those that are not.

use super::*;
use proptest::prelude::*;

const GOOD: &str = r#"
schema = 1

[extension]
id = "word-count"
version = "0.1.0"
kind = "operator"

[runtime]
command = ["python3", "player.py"]
codec = "json"
env = { MODE = "fast" }
pass_env = ["SSL_CERT_FILE"]
startup = "2s"
processes = 3

[operation.count]
in = { text = "text", least = "int?" }
out = { words = "int" }
open_inputs = true
settings = { type = "object", properties = { top = { type = "integer" } } }
idempotent = true
reuse = false
timeout = "1m"
cost_usd = 0.02
tokens = 500
max_parallel = 2
"#;

fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), text).unwrap();
    folder
}

fn complaint(text: &str) -> String {
    let error = parse::parse(text, Path::new("Symphony.toml"), parse::Origin::Folder).unwrap_err();
    error.to_string()
}

#[test]
fn a_good_manifest_says_everything() {
    let folder = folder(GOOD);
    let manifest = Manifest::read(folder.path()).unwrap();
    assert_eq!(manifest.runtime.codec, Codec::Json);
    assert_eq!(manifest.runtime.startup, Duration::from_secs(2));
    assert_eq!(manifest.runtime.env["MODE"], "fast");
    let count = manifest.operation("count").unwrap();
    assert_eq!(count.name, "operator:word-count/count");
    assert_eq!(
        count.inputs.iter().map(|port| (port.name.as_str(), port.required)).collect::<Vec<_>>(),
        [("text", true), ("least", false)]
    );
    assert_eq!(count.settings.unwrap()["properties"]["top"]["type"], "integer");
    assert_eq!((count.worst_cost_micros, count.worst_tokens, count.max_parallel), (Some(20_000), Some(500), Some(2)));
    assert_eq!(count.timeout, Some(Duration::from_secs(60)));
    assert_eq!(count.reuse, Reuse::Never);
    assert_eq!(manifest.operation("cont"), None);
}

#[test]
fn complaints_name_line_word_and_cure() {
    let with = |from: &str, to: &str| complaint(&GOOD.replace(from, to));
    assert_eq!(
        with("processes = 3", "proceses = 3"),
        "Symphony.toml:15:1: [runtime] has no key `proceses`; did you mean `processes`?"
    );
    assert_eq!(
        with("id = \"word-count\"", "id = \"Word\""),
        "Symphony.toml:5:6: `Word` cannot be an id; use lower-case letters, digits and dashes, beginning with a \
         letter: id = \"my-player\""
    );
    assert_eq!(
        with("\"operator\"", "\"instrumnet\""),
        "Symphony.toml:7:8: `instrumnet` is no kind of extension; did you mean \"instrument\"?"
    );
    assert!(with("words = \"int\"", "words = \"integer\"").starts_with("Symphony.toml:19:17: the type of `words`: "));
    assert!(with("reuse = false", "reuse = 3").contains("write reuse = true, false or \"place\""));
    assert!(with("\"2s\"", "\"2 parsecs\"").contains("startup = \"10s\""));
    assert!(with("schema = 1", "schema = 2").contains("newer symphony"));
    assert!(with("version = \"0.1.0\"", "").contains("[extension] lacks `version`; add version = \"0.1.0\""));
    assert!(with("command = [\"python3\", \"player.py\"]", "command = []").contains("command"));
    assert!(with("MODE", "SYMPHONY_BUS_FD").contains("set by the host"));
    assert!(complaint("schema = ").starts_with("Symphony.toml:1:"));
    assert!(complaint("").contains("lacks `schema`; add schema = 1"));
}

#[test]
fn the_digest_follows_the_files() {
    let folder = folder(GOOD);
    let digest = || Manifest::read(folder.path()).unwrap().digest;
    let first = digest();
    assert_eq!(digest(), first);
    std::fs::create_dir(folder.path().join("__pycache__")).unwrap();
    std::fs::write(folder.path().join("__pycache__/x.pyc"), "x").unwrap();
    std::os::unix::fs::symlink("/etc/hosts", folder.path().join("link")).unwrap();
    assert_eq!(digest(), first, "caches and links do not count");
    std::fs::write(folder.path().join("player.py"), "print()").unwrap();
    let second = digest();
    assert_ne!(second, first);
    std::fs::rename(folder.path().join("player.py"), folder.path().join("player2.py")).unwrap();
    assert_ne!(digest(), second, "names count");
}

#[test]
fn an_oversized_folder_is_refused() {
    let folder = folder(GOOD);
    let big = std::fs::File::create(folder.path().join("big")).unwrap();
    big.set_len(MAX_BYTES + 1).unwrap();
    assert!(Manifest::read(folder.path()).unwrap_err().message.contains("64 MiB"));
}

#[test]
fn a_bundled_manifest_has_no_command() {
    let text = GOOD.replace("command = [\"python3\", \"player.py\"]", "");
    let manifest = Manifest::bundled(&text, "word-count").unwrap();
    assert_eq!(manifest.digest, Digest::of(b"operator:word-count@0.1.0"));
    assert_eq!(manifest.origin(), "bundled");
    assert!(Manifest::bundled(GOOD, "word-count").is_err());
}

proptest! {
    #[test]
    fn garbage_is_an_error_and_no_panic(text in "\\PC{0,200}", cut in 0..GOOD.len(), byte in any::<u8>()) {
        let _ = Manifest::bundled(&text, "x");
        let mut bytes = GOOD.as_bytes().to_vec();
        bytes[cut] = byte;
        let _ = Manifest::bundled(&String::from_utf8_lossy(&bytes), "x");
        let _ = Manifest::bundled(&GOOD[..cut], "x");
    }
}
