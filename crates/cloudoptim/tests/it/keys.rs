//! Access keys from the command line.

use super::*;

#[test]
fn keys_are_made_listed_and_revoked() {
    let here = folder("keys");
    let data = here.join("data").display().to_string();
    let keys = |arguments: &[&str]| run(&[&["keys"], arguments, &["--data", &data]].concat());
    let made = keys(&["create", "--label", "root", "--role", "admin"]);
    assert_eq!(code(&made), 0, "{made:?}");
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    assert!(key.starts_with("cok_admin_") && !key.contains(char::is_whitespace), "{key}");
    let tenant = keys(&["create", "--label", "acme", "--role", "tenant"]);
    assert_eq!(code(&tenant), 2);
    let said = String::from_utf8(tenant.stderr).unwrap();
    assert!(said.contains("customer_id"), "{said}");
    let json =
        |output: &Output| -> serde_json::Value { serde_json::from_slice(&output.stdout).unwrap() };
    let tenant =
        keys(&["create", "--label", "a", "--role", "tenant", "--customer", "acme", "-o", "json"]);
    let tenant = json(&tenant);
    assert_eq!(tenant["customer_id"], "acme");
    let listed = keys(&["list", "-o", "json"]);
    let text = String::from_utf8(listed.stdout.clone()).unwrap();
    assert!(!text.contains(&key) && !text.contains(tenant["key"].as_str().unwrap()), "{text}");
    assert_eq!(json(&listed).as_array().unwrap().len(), 2);
    let table = String::from_utf8(keys(&["list"]).stdout).unwrap();
    assert!(table.contains("acme") && table.contains("active"), "{table}");
    let prefix = tenant["shown_prefix"].as_str().unwrap();
    assert_eq!(code(&keys(&["revoke", prefix])), 0);
    assert_eq!(code(&keys(&["revoke", prefix])), 4, "there is nothing left to revoke");
    let csv = String::from_utf8(keys(&["list", "-o", "csv"]).stdout).unwrap();
    assert!(csv.lines().any(|line| line.contains(",revoked,")), "{csv}");
}

#[test]
fn a_server_with_a_key_may_be_reached_from_elsewhere_and_asks_for_it() {
    let data = folder("keys_served").display().to_string();
    let made = run(&["keys", "create", "--label", "root", "--role", "admin", "--data", &data]);
    let key = String::from_utf8(made.stdout).unwrap();
    let server = Server::start(&["--host", "0.0.0.0", "--no-fetch", "--data", &data]);
    assert_eq!(server.ask("GET /livez", "").0, 200);
    let (status, problem) = server.ask("GET /api/v1/ml/pricing/stats", "");
    assert_eq!(status, 401, "{problem}");
    let header = format!("authorization: Bearer {}\r\n", key.trim());
    assert_eq!(server.ask_as(&header, "GET /api/v1/ml/pricing/stats", "").0, 200);
    // A key that another process revokes is worth nothing within seconds.
    let prefix = key.trim().rsplit_once('_').unwrap().0;
    assert_eq!(code(&run(&["keys", "revoke", prefix, "--data", &data])), 0);
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!(server.ask_as(&header, "GET /api/v1/ml/pricing/stats", "").0, 401);
    assert_eq!(server.stop(), 0);
}
