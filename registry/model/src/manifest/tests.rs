use serde_json::json;

use super::*;

fn document() -> Value {
    json!({
        "name": "hello",
        "version": "1.0.0",
        "oc": {
            "files": {
                "template": {
                    "type": "oc-template-es6", "hashKey": "abc", "src": "template.js",
                    "version": "1.0.0", "minOcVersion": "0.50.18", "size": 12.0,
                },
                "dataProvider": {"type": "node.js", "hashKey": "def", "src": "server.js"},
                "static": ["img"],
            },
            "container": false,
            "parameters": {
                "name": {"type": "string", "mandatory": true, "example": "Ada"},
                "count": {"type": "number", "default": 1, "enum": [1, 2]},
            },
            "plugins": ["log"],
            "date": 1.0,
            "publisher": "someone",
            "packaged": true,
        },
    })
}

fn parse(document: &Value) -> Result<PackageJson, ManifestError> {
    PackageJson::parse(json::to_text(document).as_bytes())
}

/// The document with `value` at `pointer`.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = document();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[name] = value;
    document
}

#[test]
fn fields_of_the_block_are_read() {
    let package = parse(&document()).unwrap();
    assert_eq!(
        (package.name(), package.version()),
        (Some("hello"), Some("1.0.0"))
    );
    let oc = package.oc();
    assert_eq!(oc.files.template.size, Some(12));
    assert_eq!(oc.files.template.min_oc_version.as_deref(), Some("0.50.18"));
    assert_eq!(oc.files.data_provider.as_ref().unwrap().hash_key, "def");
    assert_eq!(oc.files.static_dirs, ["img"]);
    assert!(!oc.container);
    assert!(oc.render_info);
    assert!(oc.parameters["name"].mandatory);
    assert_eq!(oc.parameters["count"].default, Some(json!(1)));
    assert_eq!(oc.plugins, ["log"]);
}

#[test]
fn stamp_is_written_in_place_as_node_writes_it() {
    let package = parse(&document()).unwrap();
    let text =
        String::from_utf8(package.stamped(1_795_284_103_010, Some("Ada")).to_bytes()).unwrap();
    assert!(
        text.contains(r#""date":1795284103010,"publisher":"Ada","packaged":true}"#),
        "{text}"
    );
    assert!(text.contains(r#""size":12}"#), "{text}");
    assert!(text.ends_with("}\n"), "{text}");
    let anonymous = package.stamped(2, None);
    assert_eq!(anonymous.oc().publisher, None);
    assert_eq!(
        PackageJson::parse_stored(&anonymous.to_bytes()).unwrap(),
        anonymous
    );
    assert!(
        !anonymous.raw()["oc"]
            .as_object()
            .unwrap()
            .contains_key("publisher")
    );
}

#[test]
fn byte_order_mark_is_accepted() {
    let bytes = ["\u{feff}", &json::to_text(&document())].concat();
    assert_eq!(
        PackageJson::parse(bytes.as_bytes()).unwrap(),
        parse(&document()).unwrap()
    );
}

#[test]
fn wrong_fields_are_told_with_their_pointer() {
    let long: Map<String, Value> = (0..501)
        .map(|index| (format!("p{index}"), json!({"type": "string"})))
        .collect();
    for (pointer, value) in [
        ("/oc", json!("x")),
        ("/oc", json!(null)),
        ("/oc/files", json!([])),
        ("/oc/files/template", json!("t")),
        ("/oc/files/template/type", json!("")),
        ("/oc/files/template/hashKey", json!(1)),
        ("/oc/files/template/minOcVersion", json!("latest")),
        ("/oc/files/dataProvider", json!(true)),
        ("/oc/files/static", json!([1])),
        ("/oc/container", json!("no")),
        ("/oc/plugins", json!("x")),
        ("/oc/parameters", json!([])),
        ("/oc/parameters", json!(long)),
        ("/oc/parameters/name", json!(1)),
        ("/oc/parameters/name/type", json!("array")),
        ("/oc/parameters/name/mandatory", json!("yes")),
        ("/oc/parameters/name/default", json!(1)),
        ("/oc/parameters/count/default", json!("x")),
        ("/oc/parameters/count/default", json!(3)),
        ("/oc/parameters/count/enum", json!("x")),
        ("/version", json!(1)),
    ] {
        match parse(&with(pointer, value.clone())).unwrap_err() {
            ManifestError::Field { pointer: told, .. } => assert_eq!(told, pointer, "{value}"),
            error => panic!("{error}: {pointer} {value}"),
        }
    }
    let error = parse(&with("/oc/parameters/count/enum", json!([1, "2"]))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "package.json: `/oc/parameters/count/enum/1` must be a number"
    );
}

#[test]
fn mandatory_parameter_may_have_a_default_that_is_never_taken() {
    assert!(parse(&with("/oc/parameters/name/default", json!("x"))).is_ok());
}

#[test]
fn default_that_becomes_valid_when_it_is_taken_is_valid() {
    assert!(parse(&with("/oc/parameters/count/default", json!("2"))).is_ok());
}

#[test]
fn documents_that_are_no_object_are_refused() {
    for text in ["[]", "null", "1", "\"oc\""] {
        let error = PackageJson::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "package.json: `` must be an object");
    }
    let nested = "[".repeat(20_000);
    for text in [
        "",
        "{",
        "{}x",
        "{\"a\":NaN}",
        "{\"a\":1e999}",
        "\u{0}",
        &nested,
    ] {
        let error = PackageJson::parse(text.as_bytes()).unwrap_err();
        assert!(matches!(error, ManifestError::Syntax { .. }), "{error}");
    }
    let large = vec![b' '; 1024 * 1024 + 1];
    assert!(matches!(
        PackageJson::parse(&large),
        Err(ManifestError::TooLarge { .. })
    ));
}

#[test]
fn members_that_readers_disagree_about_are_refused() {
    for (text, told) in [
        (r#"{"oc":{"a":1,"a":2}}"#, "/oc"),
        (
            r#"{"oc":{"parameters":{"__proto__":{}}}}"#,
            "/oc/parameters",
        ),
        (r#"{"name":"a","name":"b"}"#, ""),
    ] {
        match PackageJson::parse(text.as_bytes()).unwrap_err() {
            ManifestError::Field { pointer, .. } => assert!(pointer.starts_with(told), "{pointer}"),
            error => panic!("{error}: {text}"),
        }
    }
}

#[test]
fn stored_documents_with_odd_fields_are_read() {
    let text = r#"{"oc":{"files":{"template":{"type":1},"static":"img","static":"s"},
        "parameters":{"a":1,"b":{"mandatory":1},"10":{},"9":{}},"plugins":{"log":"^1"},
        "date":"x","container":null}}"#;
    let package = PackageJson::parse_stored(text.as_bytes()).unwrap();
    let oc = package.oc();
    assert_eq!(oc.files.template.src, "template.js");
    assert_eq!(oc.files.static_dirs, ["s"]);
    assert_eq!(oc.parameters.keys().collect::<Vec<_>>(), ["9", "10", "b"]);
    assert!(oc.parameters["b"].mandatory);
    assert_eq!(oc.plugins, ["log"]);
    assert!(oc.container);
    assert_eq!(package.name(), None);
    assert!(PackageJson::parse_stored(b"{\"oc\":{}}").is_err());
}
