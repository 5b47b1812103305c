//! Where players are found, and what is said when they are not.

use super::*;
use semver::VersionReq;

fn manifest(id: &str, version: &str, operations: &[&str]) -> String {
    let operations: String =
        operations.iter().map(|name| format!("[operation.{name}]\nin = {{}}\nout = {{ y = \"text\" }}\n")).collect();
    format!(
        "schema = 1\n[extension]\nid = \"{id}\"\nversion = \"{version}\"\nkind = \"operator\"\n[runtime]\ncommand = \
         [\"true\"]\n{operations}"
    )
}

fn install(root: &Path, folder: &str, text: &str) {
    let folder = root.join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(FILE), text).unwrap();
}

fn reference(name: &str, operation: Option<&str>, range: &str) -> PlayerRef {
    PlayerRef {
        kind: PlayerKind::Operator,
        name: name.into(),
        operation: operation.map(str::to_owned),
        range: VersionReq::parse(range).unwrap(),
    }
}

fn bundled() -> Manifest {
    let text = manifest("git", "0.1.0", &["log", "diff"]).replace("command = [\"true\"]", "");
    Manifest::bundled(&text, "git").unwrap()
}

struct House {
    folder: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }
    fn root(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    fn registry(&self) -> Registry {
        Registry::new(vec![self.root("project"), self.root("user")]).with_bundled([bundled()])
    }
    /// The error with the temporary folder's name taken out.
    fn error(&self, registry: &Registry, reference: &PlayerRef) -> String {
        let error = registry.operation(reference).unwrap_err();
        let text = format!("{}; {}", error.message, error.help.unwrap_or_default());
        text.replace(&self.folder.path().display().to_string(), "HOUSE")
    }
}

#[test]
fn the_first_root_wins_and_the_highest_version_within_it() {
    let house = House::new();
    install(&house.root("project"), "git", &manifest("git", "1.0.0", &["log"]));
    install(&house.root("project"), "git@1.2.0", &manifest("git", "1.2.0", &["log"]));
    install(&house.root("user"), "git", &manifest("git", "9.0.0", &["log"]));
    let registry = house.registry();
    let version = |range: &str| {
        let operation = registry.operation(&reference("git", Some("log"), range)).unwrap();
        assert!(registry.manifest("operator:git", operation.digest).is_some());
        operation.version.to_string()
    };
    assert_eq!(version("*"), "1.2.0");
    assert_eq!(version("=1.0.0"), "1.0.0");
    assert_eq!(version(">=2"), "9.0.0");
    assert_eq!(version("^0.1"), "0.1.0", "bundled comes last");
    assert_eq!(registry.extensions().len(), 4);
    let error = house.error(&registry, &reference("git", Some("log"), "^7"));
    assert!(error.starts_with("no `operator:git` fits `@^7`; found version 1.0.0 in HOUSE/project/git, "), "{error}");
}

#[test]
fn an_unknown_player_is_told_with_places_and_cure() {
    let house = House::new();
    let registry = house.registry();
    assert_eq!(
        house.error(&registry, &reference("gti", None, "*")),
        "no player `operator:gti` was found; did you mean `operator:git`? looked in HOUSE/project, HOUSE/user, the \
         bundled players; to install it, make a folder HOUSE/project/gti with a Symphony.toml"
    );
}

#[test]
fn operations_are_chosen_or_told() {
    let house = House::new();
    install(&house.root("user"), "solo", &manifest("solo", "1.0.0", &["only"]));
    let registry = house.registry();
    assert_eq!(registry.operation(&reference("solo", None, "*")).unwrap().name, "operator:solo/only");
    assert_eq!(
        house.error(&registry, &reference("git", None, "*")),
        "`operator:git` has several operations; name one of its operations: `diff`, `log`"
    );
    assert_eq!(
        house.error(&registry, &reference("git", Some("lgo"), "*")),
        "`operator:git` has no operation `lgo`; did you mean `operator:git/log`?"
    );
}

#[test]
fn a_broken_manifest_is_told_only_to_those_who_want_it() {
    let house = House::new();
    install(&house.root("project"), "broken", "schema = 1\nwhat = 2\n");
    let registry = house.registry();
    assert!(registry.operation(&reference("git", Some("log"), "*")).is_ok());
    assert_eq!(
        house.error(&registry, &reference("broken", None, "*")),
        "HOUSE/project/broken/Symphony.toml:2:1: the manifest has no key `what`; the manifest takes `schema`, \
         `extension`, `runtime`, `operation`"
    );
}

#[test]
fn a_lock_binds_to_one_digest() {
    let house = House::new();
    let locked = Locked { version: Version::new(0, 1, 0), digest: bundled().digest };
    let lock = BTreeMap::from([("operator:git".to_owned(), locked)]);
    install(&house.root("project"), "git", &manifest("git", "1.0.0", &["log"]));
    let registry = house.registry().with_lock(lock.clone());
    let operation = registry.operation(&reference("git", Some("log"), "*")).unwrap();
    assert_eq!(operation.origin, "bundled", "what is locked is passed over to");
    let registry = Registry::new(vec![house.root("project")]).with_lock(lock);
    let error = house.error(&registry, &reference("git", Some("log"), "*"));
    assert!(error.starts_with("`operator:git` is locked to 0.1.0 (blake3:"), "{error}");
    assert!(error.contains("found another operator:git 1.0.0 in HOUSE/project/git"), "{error}");
}
