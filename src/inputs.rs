//! Inputs of a run: `--input name=value` and `--inputs FILE`, read by the types that the melody declares.
//!
//! ```text
//! --input depth=3             int, float, bool, enum, text: as it stands
//! --input name=Ada            text needs no quotes
//! --input tags='["a","b"]'    lists and json: JSON
//! --input diff=@change.diff   the content of a file; an artifact<…> always names one, with or without the @
//! ```

use crate::failure::Failure;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use symphony_ecs_core::melody::model::InputDecl;
use symphony_ecs_core::ports::ArtifactPort;
use symphony_ecs_core::types::{PortType, Schemas};
use symphony_ecs_core::value::Value;

/// The largest file that becomes a value rather than an artifact.
const LARGEST_VALUE: u64 = 16 << 20;

/// Reads the inputs of a run. Words win over the file; what nobody gives has its default or is absent.
///
/// # Errors
/// A usage failure that names the input: unknown, given twice, missing though required, not of its type.
pub fn read(
    declared: &[InputDecl],
    schemas: &Schemas,
    words: &[String],
    file: Option<&Path>,
    artifacts: &dyn ArtifactPort,
) -> Result<BTreeMap<String, Value>, Failure> {
    over(BTreeMap::new(), declared, schemas, words, file, artifacts)
}

/// As [`read`], over what another run was given.
pub fn over(
    mut given: BTreeMap<String, Value>,
    declared: &[InputDecl],
    schemas: &Schemas,
    words: &[String],
    file: Option<&Path>,
    artifacts: &dyn ArtifactPort,
) -> Result<BTreeMap<String, Value>, Failure> {
    if let Some(file) = file {
        for (name, json) in from_file(file)? {
            let input = find(declared, &name)?;
            given.insert(name, typed(input, Value::from_json(&json), schemas)?);
        }
    }
    let mut seen = Vec::new();
    for word in words {
        let (name, text) = word
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("`{word}` is not an input")).help("write --input NAME=VALUE"))?;
        if seen.contains(&name) {
            return Err(Failure::usage(format!("input `{name}` is given twice")));
        }
        seen.push(name);
        let input = find(declared, name)?;
        given.insert(name.to_owned(), from_word(input, text, schemas, artifacts)?);
    }
    complete(declared, &given)?;
    Ok(given)
}

/// Reads inputs that came as data: every one must be declared, of its type, and none missing.
///
/// # Errors
/// As of [`read`].
pub fn from_data(
    declared: &[InputDecl],
    schemas: &Schemas,
    data: BTreeMap<String, Value>,
) -> Result<BTreeMap<String, Value>, Failure> {
    let mut given = BTreeMap::new();
    for (name, value) in data {
        let input = find(declared, &name)?;
        given.insert(name, typed(input, value, schemas)?);
    }
    complete(declared, &given)?;
    Ok(given)
}

/// Takes what an event tells as inputs: facts that the melody does not ask for are left out, and a file's path becomes
/// the file where an artifact is wanted.
///
/// # Errors
/// As of [`read`].
pub fn from_facts(
    declared: &[InputDecl],
    schemas: &Schemas,
    mut facts: BTreeMap<String, Value>,
    artifacts: &dyn ArtifactPort,
) -> Result<BTreeMap<String, Value>, Failure> {
    let mut given = BTreeMap::new();
    for input in declared {
        let name = &input.name.value;
        let Some(value) = facts.remove(name) else { continue };
        let value = match &value {
            Value::Text(path) if name == "file" && is_artifact(&input.ty.value) => {
                stored(input, Path::new(&**path), artifacts)?
            }
            _ => typed(input, value, schemas)?,
        };
        given.insert(name.clone(), value);
    }
    complete(declared, &given)?;
    Ok(given)
}

/// Whether everything that is required is there.
fn complete(declared: &[InputDecl], given: &BTreeMap<String, Value>) -> Result<(), Failure> {
    for input in declared {
        let name = &input.name.value;
        if input.required && input.default.is_none() && !given.get(name).is_some_and(Value::is_present) {
            let what = input.description.as_deref().map(|words| format!(": {words}")).unwrap_or_default();
            return Err(Failure::usage(format!("input `{name}` is missing ({}){what}", input.ty.value))
                .help(format!("add --input {name}=VALUE")));
        }
    }
    Ok(())
}

fn find<'d>(declared: &'d [InputDecl], name: &str) -> Result<&'d InputDecl, Failure> {
    declared.iter().find(|input| input.name.value == name).ok_or_else(|| {
        let names: Vec<&str> = declared.iter().map(|input| input.name.value.as_str()).collect();
        let help = match names.as_slice() {
            [] => "the melody takes no inputs".to_owned(),
            names => format!("the melody takes: {}", names.join(", ")),
        };
        Failure::usage(format!("the melody has no input `{name}`")).help(help)
    })
}

fn from_file(path: &Path) -> Result<BTreeMap<String, serde_json::Value>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("{}: {error}", path.display())).help("the file holds one JSON object: input → value")
    })
}

/// A value from the command line, by the declared type.
fn from_word(input: &InputDecl, text: &str, schemas: &Schemas, artifacts: &dyn ArtifactPort) -> Result<Value, Failure> {
    let name = &input.name.value;
    if is_artifact(&input.ty.value) {
        return stored(input, Path::new(text.strip_prefix('@').unwrap_or(text)), artifacts);
    }
    let text = match text.strip_prefix('@') {
        None => text.to_owned(),
        Some(path) => {
            let bad = |why: String| Failure::usage(format!("input `{name}`: {path}: {why}"));
            let size = fs::metadata(path).map_err(|error| bad(error.to_string()))?.len();
            if size > LARGEST_VALUE {
                return Err(bad(format!("{} MiB are too much for a value", size >> 20))
                    .help("declare the input as an artifact<…>"));
            }
            fs::read_to_string(path).map_err(|error| bad(error.to_string()))?
        }
    };
    let json = || serde_json::from_str(&text).ok().map(|json| Value::from_json(&json));
    let value = if wants_text(&input.ty.value) { Some(Value::text(text.as_str())) } else { json() };
    // `any` and unions take JSON where it is JSON, and text where it is not.
    let value = value.unwrap_or_else(|| Value::text(text.as_str()));
    typed(input, value, schemas)
}

/// Whether a word is taken as it stands.
fn wants_text(ty: &PortType) -> bool {
    match ty {
        PortType::Text | PortType::Enum(_) => true,
        PortType::Optional(inner) => wants_text(inner),
        _ => false,
    }
}

fn is_artifact(ty: &PortType) -> bool {
    match ty {
        PortType::Artifact(_) => true,
        PortType::Optional(inner) => is_artifact(inner),
        _ => false,
    }
}

/// Holds a value against the declared type.
fn typed(input: &InputDecl, value: Value, schemas: &Schemas) -> Result<Value, Failure> {
    input
        .ty
        .value
        .check_value(&value, schemas)
        .map_err(|error| Failure::usage(format!("input `{}` is {}: {error}", input.name.value, input.ty.value)))
}

/// A file as an artifact of the declared media type.
fn stored(input: &InputDecl, path: &Path, artifacts: &dyn ArtifactPort) -> Result<Value, Failure> {
    let name = &input.name.value;
    let file = fs::File::open(path)
        .and_then(|file| file.metadata().map(|metadata| (file, metadata.is_file())))
        .map_err(|error| Failure::usage(format!("input `{name}`: {}: {error}", path.display())))?;
    let (file, true) = file else {
        return Err(Failure::usage(format!("input `{name}`: {} is not a file", path.display())));
    };
    let handle = artifacts.put_file(file, &media_type(&input.ty.value, path)).map_err(Failure::state)?;
    Ok(Value::Artifact(Arc::new(handle)))
}

/// The media type that an input declares, or the usual one of a file's name where it declares a range or nothing.
fn media_type(ty: &PortType, path: &Path) -> String {
    let declared = match ty {
        PortType::Artifact(media) => media.as_ref(),
        PortType::Optional(inner) => return media_type(inner, path),
        _ => None,
    };
    if let Some(media) = declared
        && let Some(subtype) = &media.subtype
    {
        return format!("{}/{subtype}", media.kind);
    }
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let usual = match extension {
        "md" => "text/markdown",
        "json" => "application/json",
        "csv" => "text/csv",
        "diff" | "patch" => "text/x-diff",
        "html" => "text/html",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "pdf" => "application/pdf",
        "txt" | "toml" | "rs" | "py" | "js" | "ts" | "c" | "h" | "go" | "java" | "sh" => "text/plain",
        _ => "application/octet-stream",
    };
    match declared {
        // A range: what the name suggests if it lies within it.
        Some(media) if !media.covers(usual) => format!("{}/octet-stream", media.kind),
        _ => usual.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphony_ecs_core::melody::model::Spanned;
    use symphony_ecs_core::ports::ArtifactError;
    use symphony_ecs_core::value::{ArtifactRef, Digest};

    /// A store that keeps nothing but what it is asked.
    struct Named;
    impl ArtifactPort for Named {
        fn put(&self, bytes: &[u8], media_type: &str) -> Result<ArtifactRef, ArtifactError> {
            let size = bytes.len() as u64;
            Ok(ArtifactRef { digest: Digest::of(bytes), media_type: media_type.to_owned(), size })
        }
        fn put_file(&self, file: fs::File, media_type: &str) -> Result<ArtifactRef, ArtifactError> {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut { file }, &mut bytes).unwrap();
            self.put(&bytes, media_type)
        }
        fn open(&self, digest: &Digest) -> Result<fs::File, ArtifactError> {
            Err(ArtifactError::Missing(*digest))
        }
        fn get(&self, digest: &Digest) -> Result<Vec<u8>, ArtifactError> {
            Err(ArtifactError::Missing(*digest))
        }
    }

    fn input(name: &str, ty: &str, required: bool) -> InputDecl {
        let spanned = |value: String| Spanned { value, span: 0..0 };
        let ty = Spanned { value: PortType::parse(ty).unwrap(), span: 0..0 };
        InputDecl { name: spanned(name.into()), ty, required, default: None, description: None }
    }

    fn given(declared: &[InputDecl], words: &[&str]) -> Result<BTreeMap<String, Value>, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        read(declared, &Schemas::default(), &words, None, &Named).map_err(|failure| failure.to_string())
    }

    #[test]
    fn words_are_read_by_their_type() {
        let declared = [
            input("name", "text", false),
            input("depth", "int", false),
            input("exact", "bool", false),
            input("tags", "list<text>", false),
            input("kind", "enum<a|b>", false),
            input("free", "any", false),
        ];
        let words = ["name=42", "depth=42", "exact=true", r#"tags=["x"]"#, "kind=b", "free=a=b"];
        let values = given(&declared, &words).unwrap();
        assert_eq!(values["name"], Value::text("42"));
        assert_eq!(values["depth"], Value::Int(42));
        assert_eq!(values["exact"], Value::Bool(true));
        assert_eq!(values["tags"], Value::list(vec![Value::text("x")]));
        assert_eq!(values["kind"], Value::text("b"));
        assert_eq!(values["free"], Value::text("a=b"));
    }

    #[test]
    fn mistakes_are_named() {
        let declared = [input("depth", "int", true), input("kind", "enum<a|b>", false)];
        let mistake = |words: &[&str]| given(&declared, words).unwrap_err();
        assert!(mistake(&["depth=deep"]).contains("input `depth` is int"));
        assert!(mistake(&["depth=1", "kind=c"]).contains("input `kind` is enum<a|b>"));
        assert!(mistake(&["depth=1", "depth=2"]).contains("given twice"));
        assert!(mistake(&["depth"]).contains("--input NAME=VALUE"));
        assert!(mistake(&["deep=1"]).contains("the melody takes: depth, kind"));
        assert!(mistake(&[]).contains("input `depth` is missing (int)"));
    }

    #[test]
    fn files_become_text_or_artifacts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("note.md");
        fs::write(&path, "# x").unwrap();
        let declared = [input("text", "text", false), input("file", "artifact<text/*>", false)];
        let words = [format!("text=@{}", path.display()), format!("file={}", path.display())];
        let values = given(&declared, &[&words[0], &words[1]]).unwrap();
        assert_eq!(values["text"], Value::text("# x"));
        let Value::Artifact(file) = &values["file"] else { panic!("{values:?}") };
        assert_eq!((file.media_type.as_str(), file.size), ("text/markdown", 3));
        let missing = given(&declared, &["file=/nowhere/x"]).unwrap_err();
        assert!(missing.contains("/nowhere/x"), "{missing}");
    }
}
