use super::*;

#[test]
fn first_entry_is_taken() {
    let body = r#"[{"status":200,"headers":{"X-A":"b","bad":1},"cookies":[{"name":"c","value":{"d":1}},7],
        "response":{"name":"x","html":"<p>"}},{"status":500}]"#;
    let foreign = foreign(body.as_bytes()).unwrap();

    assert_eq!(foreign.status, 200);
    assert_eq!(foreign.headers, [("x-a".to_owned(), "b".to_owned())]);
    assert_eq!(foreign.cookies.len(), 1);
    assert_eq!(foreign.response["html"], "<p>");
}

#[test]
fn no_entry_is_not_found() {
    let foreign = foreign(b"[]").unwrap();

    assert_eq!(foreign.status, 404);
    assert_eq!(
        Value::Object(foreign.response).to_string(),
        r#"{"code":"NOT_FOUND","error":"Component not found"}"#
    );
}

#[test]
fn what_is_no_batch_is_refused() {
    for body in [
        "",
        "{}",
        "<html>",
        "[1]",
        "[{}]",
        r#"[{"status":99,"response":{}}]"#,
        r#"[{"status":200,"response":"x"}]"#,
    ] {
        assert!(foreign(body.as_bytes()).is_err(), "{body}");
    }
}
