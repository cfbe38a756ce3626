use serde_json::json;

use super::{Quantity, WRONG_FORMAT, WRONG_SUFFIX, milli};

fn canonical(text: &str) -> String {
    super::canonical(text).unwrap_or_else(str::to_owned)
}

#[test]
fn quantities_are_written_as_the_api_server_writes_them() {
    let cases = [
        ("1000m", "1"),
        ("0.5Gi", "512Mi"),
        ("1.5Gi", "1536Mi"),
        ("1024Mi", "1Gi"),
        ("1500Mi", "1500Mi"),
        ("0.5", "500m"),
        ("100m", "100m"),
        ("0", "0"),
        ("1e3", "1e3"),
        ("1e4", "10e3"),
        ("1000000", "1M"),
        ("1.0", "1"),
        ("-1.5Gi", "-1536Mi"),
        ("0.0000000001", "1n"),
        ("0.1Ki", "102400m"),
        ("100Ei", "9223372036854775807"),
        ("1000Ki", "1000Ki"),
        ("1e-2000000000", "1e-9"),
    ];
    for (text, expected) in cases {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn what_is_no_quantity_is_refused() {
    assert_eq!(canonical("one"), WRONG_FORMAT);
    assert_eq!(canonical(""), WRONG_FORMAT);
    assert_eq!(canonical("1Xi"), WRONG_FORMAT);
    assert_eq!(canonical("1mi"), WRONG_SUFFIX);
}

#[test]
fn amounts_are_rounded_up() {
    let quantity = |text| Quantity::parse(text).unwrap();
    assert_eq!(quantity("100m").value(), 1);
    assert_eq!(quantity("1Gi").value(), 1 << 30);
    assert_eq!(quantity("1e400").value(), i64::MAX);
    for (given, expected) in [
        (json!("100m"), 100),
        (json!(2), 2000),
        (json!("1.5Gi"), 1_610_612_736_000),
        (json!("1e-3"), 1),
        (json!("1.0001"), 1001),
        (json!("-2"), -2000),
    ] {
        assert_eq!(milli(&given), Some(expected), "{given}");
    }
    assert_eq!(milli(&json!("x")), None);
}

#[test]
fn amounts_are_added_compared_and_written() {
    let quantity = |text| Quantity::parse(text).unwrap();
    assert_eq!(quantity("1000m"), quantity("1"));
    assert!(quantity("1Gi") > quantity("1G"));
    assert_eq!(quantity("500m").plus(quantity("1500m")).to_string(), "2");
    assert_eq!(quantity("0").plus(quantity("1Mi")).minus(quantity("1Ki")).to_string(), "1023Ki");
    assert_eq!(quantity("1u").rounded_to_milli().unwrap().to_string(), "1m");
    assert!(quantity("1e30").rounded_to_milli().is_none());
    assert_eq!(quantity("3").ratio(quantity("2")), Some(1.5));
    assert_eq!(Quantity::of_milli(1_024_000 * 1024 * 3, true).to_string(), "3Mi");
    assert_eq!(Quantity::of_milli(1_000_000, false).to_string(), "1k");
}
