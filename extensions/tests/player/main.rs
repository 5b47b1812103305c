//! A player for the tests of the stage: well behaved on request, and badly in many ways. It is its own launcher and
//! guard, as the program `symphony` is.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use symphony_extensions::host;
use symphony_extensions::sdk::{Call, ErrorClass, Failure, Level, Outcome, Player, Reporter, Usage, Value, serve};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let word = arguments.next().and_then(|word| word.into_string().ok()).unwrap_or_default();
    match word.as_str() {
        "__launch" => host::launch(arguments),
        "__guard" => host::guard(),
        "__player" => serve(&TestPlayer),
        // Starts a host, plays one endless call, and waits to be killed.
        "host" => lonely_host(arguments.next().unwrap_or_default()),
        "silent" => sleep_forever(),
        "slow-start" => {
            std::thread::sleep(Duration::from_millis(400));
            serve(&TestPlayer)
        }
        "die" => {
            eprintln!("no strength left");
            ExitCode::from(7)
        }
        "raw" => raw(&arguments.next().and_then(|word| word.into_string().ok()).unwrap_or_default()),
        _ => serve(&TestPlayer),
    }
}

fn sleep_forever() -> ExitCode {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// Speaks bytes instead of frames.
fn raw(what: &str) -> ExitCode {
    use std::os::fd::AsFd;
    let socket = std::io::stdin().as_fd().try_clone_to_owned().expect("the bus is at 0");
    let mut socket = UnixStream::from(socket);
    let frame = |kind: u8, payload: &[u8]| {
        let length = u32::try_from(payload.len()).expect("short");
        [&[1, kind][..], &length.to_le_bytes(), payload].concat()
    };
    // MessagePack: {"protocol": 1} and {"protocol": 99}.
    let hello = frame(0, b"\x81\xa8protocol\x01");
    let wrong = frame(0, b"\x81\xa8protocol\x63");
    match what {
        "garbage" => socket.write_all(b"Hello, world! This is no frame.").expect("write"),
        "wrong-hello" => socket.write_all(&wrong).expect("write"),
        "long-hello" => socket.write_all(&frame(0, &[0; 5000])).expect("write"),
        "no-hello" => socket.write_all(&frame(3, b"\x80")).expect("write"),
        "huge" => {
            socket.write_all(&hello).expect("write");
            socket.write_all(&[1, 3, 0xff, 0xff, 0xff, 0x7f]).expect("write");
        }
        "unknown-type" => {
            socket.write_all(&hello).expect("write");
            socket.write_all(&frame(200, b"may be ignored")).expect("write");
            socket.write_all(&frame(77, b"may not")).expect("write");
        }
        "malformed" => {
            socket.write_all(&hello).expect("write");
            socket.write_all(&frame(3, b"\xc1\xc1\xc1")).expect("write");
        }
        "stranger" => {
            socket.write_all(&hello).expect("write");
            // {"id": 999}
            socket.write_all(&frame(3, b"\x81\xa2id\xcd\x03\xe7")).expect("write");
        }
        "half" => {
            socket.write_all(&hello).expect("write");
            socket.write_all(&[1, 3, 200, 0, 0, 0, 1, 2, 3]).expect("write");
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let mut rest = Vec::new();
    let _ = socket.read_to_end(&mut rest);
    sleep_forever()
}

struct TestPlayer;

fn number(call: &Call, name: &str) -> u64 {
    call.setting(name).and_then(Value::as_int).and_then(|int| u64::try_from(int).ok()).unwrap_or_default()
}

impl Player for TestPlayer {
    fn play(&self, call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure> {
        let input = call.input("x").cloned().unwrap_or_default();
        match call.operation.as_str() {
            "echo" => {
                Ok(Outcome { outputs: [("y".to_owned(), input)].into(), usage: Usage { cost_micros: 3, tokens: 5 } })
            }
            "about" => {
                let environment = std::env::vars().map(|(name, _)| Value::from(name)).collect();
                let open = std::fs::read_dir("/proc/self/fd").expect("proc").count() as i64 - 1;
                let about = Value::map([
                    ("env", Value::list(environment)),
                    ("fds", Value::Int(open)),
                    ("pid", Value::Int(i64::from(std::process::id()))),
                    ("key", Value::from(call.idempotency_key.as_str())),
                    ("path", Value::from(call.path.as_str())),
                    ("attempt", Value::Int(i64::from(call.attempt))),
                    ("seed", Value::from(call.seed.to_string())),
                    ("token", call.setting("token").cloned().unwrap_or_default()),
                    ("cwd", Value::from(std::env::current_dir().expect("cwd").to_string_lossy().into_owned())),
                    ("working_dir", Value::from(call.working_dir.to_string_lossy().into_owned())),
                ]);
                Ok(Outcome::of("y", about))
            }
            "crash" => std::process::abort(),
            "panic" => panic!("out of tune"),
            "exit" => {
                eprintln!("last words");
                std::process::exit(3)
            }
            "hang" => {
                sleep_forever();
                unreachable!()
            }
            "wait" => {
                while !report.is_cancelled() {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(Failure { usage: Usage { cost_micros: 0, tokens: 42 }, ..Failure::cancelled() })
            }
            "orphan" => {
                // A grandchild that outlives everybody, unless its group is killed.
                let mut child = std::process::Command::new("sleep").arg("3600").spawn().expect("sleep");
                report.progress(None, &format!("grandchild {}", child.id()));
                child.wait().expect("it sleeps for an hour");
                Ok(Outcome::default())
            }
            "flood" => {
                let until = Instant::now() + Duration::from_millis(number(call, "ms"));
                while Instant::now() < until {
                    report.log(Level::Info, "noise noise noise");
                    eprintln!("noise on standard error");
                    report.progress(Some(0.1), "noise");
                }
                Ok(Outcome::of("y", "done"))
            }
            "stream" => {
                for piece in 0..number(call, "pieces") {
                    report.chunk("y", &format!("{piece},"));
                }
                Ok(Outcome::of("y", "done"))
            }
            "fail" => Err(Failure {
                class: ErrorClass::RateLimited,
                message: format!(
                    "come back later, {}",
                    call.setting("token").and_then(Value::as_text).unwrap_or("you")
                ),
                retry_after: Some(Duration::from_millis(1500)),
                usage: Usage { cost_micros: 7, tokens: 9 },
            }),
            "spin" => loop {
                std::hint::black_box(call.seed);
            },
            "eat" => {
                let mut held: Vec<Vec<u8>> = Vec::new();
                while held.len() < 4096 {
                    held.push(vec![1; 1 << 20]);
                }
                Ok(Outcome::of("y", "full"))
            }
            "read-file" => {
                let Some(Value::Artifact(artifact)) = call.input("x") else {
                    return Err(Failure::new(ErrorClass::Refused, "x is no artifact"));
                };
                let mut text = String::new();
                for _ in 0..2 {
                    // Twice: each opening starts at the beginning.
                    text.clear();
                    let file = report.open(artifact).map_err(|error| Failure::io("x", &error))?;
                    { file }.read_to_string(&mut text).map_err(|error| Failure::io("x", &error))?;
                }
                Ok(Outcome::of("y", text))
            }
            "give-file" => {
                let path = std::env::temp_dir().join(format!("give-{}", std::process::id()));
                let mut file =
                    std::fs::File::options().read(true).write(true).create_new(true).open(&path).expect("temp");
                let _ = std::fs::remove_file(&path);
                file.write_all(call.text("x")?.as_bytes()).expect("write");
                let given = report.give(file, "text/markdown").map_err(|error| Failure::io("y", &error))?;
                Ok(Outcome::of("y", given))
            }
            "give-nonsense" => {
                let zero = std::fs::File::open("/dev/zero").expect("zero");
                let given = report.give(zero, "text/plain").map_err(|error| Failure::io("y", &error))?;
                Ok(Outcome::of("y", given))
            }
            "large" => {
                let text = "0123456789".repeat(usize::try_from(number(call, "bytes")).unwrap_or_default() / 10);
                Ok(Outcome::of("y", text))
            }
            "length" => Ok(Outcome::of("y", i64::try_from(input.canonical_json().len()).unwrap_or_default())),
            "forge" => Ok(Outcome::of(
                "y",
                Value::map([
                    ("$artifact", Value::from(format!("blake3:{}", "ab".repeat(32)))),
                    ("media_type", Value::from("text/plain")),
                    ("size", Value::Int(1)),
                ]),
            )),
            "nothing" => Ok(Outcome::default()),
            other => Err(Failure::new(ErrorClass::Refused, format!("no operation {other}"))),
        }
    }
}

/// For the test of `kill -9`: a host in a process of its own.
fn lonely_host(extensions: std::ffi::OsString) -> ExitCode {
    use std::sync::Arc;
    use symphony_ecs_core::ids::{CallId, RunSlot};
    use symphony_ecs_core::melody::model::{PlayerKind, PlayerRef};
    use symphony_ecs_core::ports::{ArtifactError, ArtifactPort, CallRequest, CallWhat, Catalog, ExtensionPort};
    use symphony_ecs_core::value::{ArtifactRef, Digest};
    struct NoArtifacts;
    impl ArtifactPort for NoArtifacts {
        fn put(&self, bytes: &[u8], _: &str) -> Result<ArtifactRef, ArtifactError> {
            Err(ArtifactError::Missing(Digest::of(bytes)))
        }
        fn put_file(&self, _: std::fs::File, _: &str) -> Result<ArtifactRef, ArtifactError> {
            Err(ArtifactError::Missing(Digest::of(b"")))
        }
        fn open(&self, digest: &Digest) -> Result<std::fs::File, ArtifactError> {
            Err(ArtifactError::Missing(*digest))
        }
        fn get(&self, digest: &Digest) -> Result<Vec<u8>, ArtifactError> {
            Err(ArtifactError::Missing(*digest))
        }
    }
    let helper = std::env::current_exe().expect("own path");
    let registry = Arc::new(host::Registry::new(vec![extensions.into()]));
    let config = host::HostConfig::new(helper, registry, Arc::new(NoArtifacts), std::env::temp_dir());
    let mut host = host::Host::new(config);
    let reference = PlayerRef {
        kind: PlayerKind::Operator,
        name: "trial".into(),
        operation: Some("orphan".into()),
        range: semver::VersionReq::STAR,
    };
    let operation = host.operation(&reference).expect("the trial player");
    let request = CallRequest {
        id: CallId { run: RunSlot(0), serial: 1 },
        operation,
        idempotency_key: "k".into(),
        path: "p".into(),
        attempt: 1,
        inputs: vec![],
        settings: vec![],
        outputs: Arc::from([]),
        timeout: None,
        mem: None,
        cpu: None,
        seed: 0,
    };
    host.call(request).expect("room");
    for event in host.events().clone() {
        if let CallWhat::Progress { message: Some(message), .. } = event.what {
            println!("{message}");
        }
    }
    ExitCode::SUCCESS
}
