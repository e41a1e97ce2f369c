//! Models from the command line: looked at, compared, taken in, and asked.

use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::{Made, made_model};

use super::*;

/// Models that the libraries wrote, with rows and answers.
fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../inference/tests/golden")
}

fn value(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Rows and answers of a golden case as a CSV.
fn table(case: &str, changed: f64) -> String {
    let about = std::fs::read(golden().join(format!("{case}.json"))).unwrap();
    let about: Value = serde_json::from_slice(&about).unwrap();
    let numbers = |row: &Value| -> Vec<String> {
        let cells = row.as_array().unwrap().iter();
        cells.map(|cell| cell.as_f64().map_or_else(String::new, |cell| cell.to_string())).collect()
    };
    let (rows, answers) = (about["rows"].as_array().unwrap(), about["answers"].as_array().unwrap());
    let mut lines = Vec::new();
    for (at, (row, answer)) in rows.iter().zip(answers).enumerate() {
        let mut answer = numbers(answer);
        if at == 1 {
            answer[0] = (answer[0].parse::<f64>().unwrap() + changed).to_string();
        }
        lines.push([numbers(row), answer].concat().join(","));
    }
    let column = |front: &str, count: usize| -> Vec<String> {
        (0..count).map(|at| format!("{front}{at}")).collect()
    };
    let outputs = answers[0].as_array().unwrap().len();
    let width = rows[0].as_array().unwrap().len();
    let header = [column("x", width), column("answer", outputs)].concat().join(",");
    format!("{header}\n{}\n", lines.join("\n"))
}

#[test]
fn files_are_inspected_without_server_and_database() {
    let empty = folder("inspect");
    let inspect = |path: &Path| {
        let mut command = binary();
        let command = command.current_dir(&empty).args(["model", "inspect", "-o", "json"]);
        command.arg(path).output().unwrap()
    };
    let check = |name: &str, format: &str, objective: &str, answers: &str| {
        let output = inspect(&golden().join(name));
        assert_eq!(code(&output), 0, "{name}: {output:?}");
        let found = value(&output);
        assert_eq!(
            (&found["format"], &found["objective"], &found["answers"]),
            (&json!(format), &json!(objective), &json!(answers)),
            "{name}"
        );
        assert_eq!(found["sha256"].as_str().unwrap().len(), 64);
        let size = std::fs::metadata(golden().join(name)).unwrap().len();
        assert_eq!(found["bytes"], size);
        found
    };
    let second = "the probability of the second class";
    check("new-xgboost-binary-json.model.json", "XGBoost JSON", "binary:logistic", second);
    check("old-xgboost-binary-ubj.model.ubj", "XGBoost UBJ", "binary:logistic", second);
    let three = "probabilities of 3 classes";
    let found = check("new-xgboost-three-json.model.json", "XGBoost JSON", "multi:softprob", three);
    assert_eq!((&found["classes"], &found["trees"]), (&json!(["0", "1", "2"]), &json!(9)));
    for (name, part) in [
        ("new-lightgbm-binary.txt", "LightGBM"),
        ("new-onnx-forest.onnx", "ONNX"),
        ("pickles/new/boosting_binary.pkl", "pickle"),
        ("pickles/new/boosting_joblib.joblib", "joblib"),
    ] {
        let output = inspect(&golden().join(name));
        assert_eq!(code(&output), 0, "{name}: {output:?}");
        let format = value(&output)["format"].as_str().unwrap().to_owned();
        assert!(format.contains(part) || format.contains("scikit"), "{name}: {format}");
    }
    let usable = |bytes: &[u8]| -> Vec<Value> {
        let path = empty.join("made.json");
        std::fs::write(&path, bytes).unwrap();
        let found = value(&inspect(&path));
        std::fs::remove_file(path).unwrap();
        let all = found["usable_as"].as_array().unwrap().iter();
        all.map(|one| one["features_from"].clone()).collect()
    };
    let own = ["log_spread_24h", "log_spread_168h"];
    let value = usable(&made_model(&own, true, Made::Value(0.0), 0));
    assert_eq!(value, [json!("server"), json!("server"), json!("request")]);
    let probability = usable(&made_model(&["moon"], true, Made::Probability(0.5), 0));
    assert_eq!(probability, [json!("request"), Value::Null, Value::Null]);
    assert_eq!(std::fs::read_dir(&empty).unwrap().count(), 0, "nothing was made beside it");
}

#[test]
fn refused_files_say_why_and_where() {
    let here = folder("refused_models");
    let check = |content: &[u8], part: &str| {
        let path = here.join("model.pkl");
        std::fs::write(&path, content).unwrap();
        let output = run(&["model", "inspect", &text(&path)]);
        assert_eq!(code(&output), 2, "{output:?}");
        assert!(output.stdout.is_empty());
        let said = said(&output);
        assert!(said.contains("model.pkl") && said.contains(part), "{said}");
    };
    check(b"cos\nsystem\n(S'id'\ntR.", "os");
    check(b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "byte");
    check(b"{\"learner\":{\"attributes\":{}", "line 1");
    check(b"hello", "not supported");
    check(b"", "not supported");
    assert_eq!(code(&run(&["model", "inspect", &text(&here.join("none"))])), 4);
    #[cfg(unix)]
    {
        let linked = folder("linked_bundle");
        std::os::unix::fs::symlink("/etc/passwd", linked.join("model.json")).unwrap();
        let output = run(&["model", "inspect", &text(&linked)]);
        assert_eq!(code(&output), 2);
        assert!(said(&output).contains("links are not followed"), "{output:?}");
    }
}

#[test]
fn answers_are_compared_with_those_of_python() {
    let here = folder("verify");
    let rows = text(&here.join("rows.csv"));
    let verify = |case: &str, changed: f64, expected: &str| {
        std::fs::write(&rows, table(case, changed)).unwrap();
        let file = text(&golden().join(format!("{case}.model.json")));
        run(&["model", "verify", &file, "--rows", &rows, "--expected", expected, "-o", "json"])
    };
    let (one, three) = ("new-xgboost-binary-json", "new-xgboost-three-json");
    let same = verify(one, 0.0, "answer0");
    assert_eq!((code(&same), &value(&same)["different"]), (0, &json!(0)), "{same:?}");
    let same = verify(three, 0.0, "answer0,answer1,answer2");
    assert_eq!(code(&same), 0, "{same:?}");
    let other = verify(three, 1e-3, "answer0,answer1,answer2");
    assert_eq!(code(&other), 10, "{other:?}");
    assert_eq!(value(&other)["different"], 1);
    assert_eq!(value(&other)["differences"][0]["row"], 2);
    let narrow = verify(three, 0.0, "answer0");
    assert_eq!(code(&narrow), 2, "{narrow:?}");
    assert_eq!(code(&verify(one, 0.0, "nothing")), 2);

    let named = text(&here.join("named.json"));
    std::fs::write(&named, made_model(&["a", "b"], true, Made::Value(1.0), 0)).unwrap();
    let check = |table: &str, expected: i32, part: &str| {
        std::fs::write(&rows, table).unwrap();
        let output = run(&["model", "verify", &named, "--rows", &rows]);
        assert_eq!(code(&output), expected, "{output:?}");
        assert!(said(&output).contains(part), "{output:?}");
    };
    check("id,b,expected,a\nx,5,1.5,0.5\ny,,1,nan\n", 0, "");
    check("b,expected\n5,1.5\n", 2, "rows/a");
    check("a,b,expected\n1,none,2\n1,moon,2\n", 2, "rows/2/b: `moon`");
    check("a,b,expected\n", 2, "at least one row");
    std::fs::write(&rows, "a,b\n0.25,0\n").unwrap();
    let answers = text(&here.join("answers.csv"));
    std::fs::write(&answers, "1.25\n").unwrap();
    let beside = ["model", "verify", &named, "--rows", &rows, "--expected", &answers];
    assert_eq!(code(&run(&beside)), 0, "{:?}", run(&beside));
    let predicted = run(&["model", "predict", "--file", &named, "--rows", &rows, "-o", "csv"]);
    assert_eq!(String::from_utf8(predicted.stdout).unwrap(), "row,value\n1,1.25\n");
}

#[test]
fn models_are_taken_in_activated_asked_and_deleted_beside_a_server() {
    let here = folder("registry");
    let data = text(&here.join("data"));
    let model = |arguments: &[&str]| run(&[&["model"], arguments, &["--data", &data]].concat());
    let server = Server::start(&["--data", &data, "--no-fetch"]);
    // A folder is packed, the same way every time.
    let bundle = here.join("bundle");
    std::fs::create_dir_all(bundle.join(".git")).unwrap();
    std::fs::write(bundle.join(".git/config"), "no part of it").unwrap();
    let names = ["age_hours", "price_ratio"];
    let bytes = made_model(&names, false, Made::Probability(0.25), 0);
    std::fs::write(bundle.join("model.json"), bytes).unwrap();
    std::fs::write(bundle.join("metadata.json"), json!({ "features": names }).to_string()).unwrap();
    let (bundle, file) = (text(&bundle), text(&here.join("two.json")));
    std::fs::write(&file, made_model(&names, true, Made::Probability(0.5), 0)).unwrap();
    let upload = |path: &str, version: &str, rest: &[&str]| {
        let front = ["upload", path, "--name", "mine", "--version", version, "-o", "json"];
        let kind = ["--type", "spot_predictor", "--trained-until", "2026-07-01"];
        model(&[&front[..], &kind, rest].concat())
    };
    let one = upload(&bundle, "1", &["--activate"]);
    assert_eq!(code(&one), 0, "{one:?}");
    let one = value(&one);
    let seen = value(&run(&["model", "inspect", &bundle, "-o", "json"]));
    assert_eq!(
        (&seen["sha256"], &seen["usable_as"][0]["features_from"]),
        (&one["sha256"], &json!("server"))
    );
    assert_eq!(one["file_name"], "bundle.tar");
    let two = upload(&file, "2", &[]);
    assert!(said(&two).contains("model activate mine@2"), "{two:?}");
    assert_eq!(code(&upload(&file, "2", &[])), 1, "a version is there once");
    let wrong = upload(&text(&golden().join("new-xgboost-three-json.model.json")), "3", &[]);
    assert_eq!(code(&wrong), 2);
    assert!(said(&wrong).contains("3 classes"), "{wrong:?}");

    let ask = |expected: f64| {
        let body = r#"{"instance_type":"m5.large","region":"us-east-1","az":"us-east-1a"}"#;
        for _ in 0..1000 {
            let answer = server.ask("POST /api/v1/ml/predict/spot-interruption", body).1;
            let answer: Value = serde_json::from_str(&answer).unwrap();
            let found = answer["interruption_probability"].as_f64().unwrap();
            if (found - expected).abs() < 1e-6 {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("the server goes on with another model");
    };
    ask(0.25);
    let shadow =
        |name: &str, rest: &[&str]| model(&[&["shadow", name, "-o", "json"], rest].concat());
    let status = |name: &str, rest: &[&str]| value(&shadow(name, rest))["status"].clone();
    assert_eq!(status("mine@2", &["--end"]), "no_shadow");
    assert_eq!(status("mine@2", &[]), "shadow");
    assert_eq!(status("mine@2", &[]), "already_shadow");
    let refused = model(&["delete", "mine@2"]);
    assert_eq!(code(&refused), 1);
    assert!(said(&refused).contains("shadow"), "{refused:?}");
    assert_eq!(status("mine@2", &["--end"]), "ended");
    let answers = shadow("mine@1", &[]);
    assert_eq!(code(&answers), 1);
    assert!(said(&answers).contains("answers for its type"), "{answers:?}");
    assert_eq!(code(&shadow("mine@3", &[])), 4);
    let activated = model(&["activate", "mine@2", "-o", "json"]);
    assert_eq!(value(&activated)["previous_active"], one["model_id"]);
    ask(0.5);
    let pool = ["--instance-type", "m5.large", "--region", "us-east-1", "--az", "us-east-1a"];
    let said_here = model(&[&["predict"], &pool[..], &["-o", "json"]].concat());
    let said_here = value(&said_here);
    assert_eq!(said_here["model"]["version"], "2");
    assert_eq!(said_here["predictions"][0]["basis"], "model");
    let prices = model(&[&["predict", "--type", "price_predictor"], &pool[..]].concat());
    assert_eq!(code(&prices), 0, "{prices:?}");
    assert_eq!(code(&model(&["delete", "mine@2"])), 1, "it answers");
    assert_eq!(code(&model(&["rollback", "spot_predictor"])), 0);
    ask(0.25);
    let copy = text(&here.join("copy.json"));
    assert_eq!(code(&model(&["download", "mine@2", "--to", &copy])), 0);
    assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(&file).unwrap());
    assert_eq!(code(&model(&["delete", "mine@2"])), 0);
    assert_eq!(code(&model(&["delete", "mine@2"])), 4);
    let list = model(&["list", "--active", "-o", "csv"]);
    let lines = String::from_utf8(list.stdout).unwrap();
    assert!(lines.lines().nth(1).unwrap().contains("mine,1,spot_predictor,true"), "{lines}");
    let history = server.ask("GET /api/v1/ml/predictions/history?limit=500", "").1;
    let id = said_here["predictions"][0]["prediction_id"].as_str().unwrap();
    assert!(history.contains(id), "predictions of the command line are kept too");
    assert_eq!(server.stop(), 0);
}

#[test]
fn files_are_kept_in_a_bucket_and_fetched_from_it() {
    let fake = testkit::FakeBucket::start().unwrap();
    let data = folder("bucket");
    let file = data.join("model.json");
    std::fs::write(&file, made_model(&["a"], true, Made::Probability(0.5), 0)).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = binary();
        command.env("MODEL_STORE_URL", "s3://models/prod").env("AWS_ENDPOINT_URL_S3", fake.url());
        command.env("AWS_ACCESS_KEY_ID", testkit::ACCESS_KEY_ID);
        command.env("AWS_SECRET_ACCESS_KEY", testkit::SECRET_ACCESS_KEY);
        command.args(arguments).env("CLOUDOPTIM_DATA_DIR", &data).output().unwrap()
    };
    let upload = |version: &str| {
        let file = text(&file);
        run(&[
            "model",
            "upload",
            &file,
            "--type",
            "spot_predictor",
            "--name",
            "m",
            "--version",
            version,
            "--trained-until",
            "2026-01-01",
            "-o",
            "json",
        ])
    };
    fake.refuse(true);
    let refused = upload("1");
    assert_ne!(code(&refused), 0);
    assert!(said(&refused).contains("bucket"), "{refused:?}");
    assert_eq!(value(&run(&["model", "list", "-o", "json"])), json!([]));
    fake.refuse(false);
    let first = upload("1");
    assert_eq!(code(&first), 0, "{first:?}");
    let id = value(&first)["model_id"].as_str().unwrap().to_owned();
    assert_eq!(fake.names().len(), 1);
    // Another server has no copy: it comes from the bucket, whole.
    std::fs::remove_dir_all(data.join("models")).unwrap();
    let to = data.join("came-back");
    let back = run(&["model", "download", &id, "--to", &text(&to)]);
    assert_eq!(code(&back), 0, "{back:?}");
    assert_eq!(std::fs::read(&to).unwrap(), std::fs::read(&file).unwrap());
    let gone = run(&["model", "delete", &id]);
    assert_eq!(code(&gone), 0, "{gone:?}");
    assert_eq!(fake.names(), Vec::<String>::new());
}
