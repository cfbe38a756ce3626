use super::*;

fn canonical(text: &str) -> String {
    Quantity::parse(text).map_or_else(str::to_owned, |quantity| quantity.canonical())
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
    assert_eq!(quantity("100m").milli_value(), 100);
    assert_eq!(quantity("2").milli_value(), 2000);
    assert_eq!(quantity("100m").value(), 1);
    assert_eq!(quantity("1Gi").value(), 1 << 30);
    assert_eq!(quantity("1.0001").milli_value(), 1001);
    assert_eq!(quantity("1e400").value(), i64::MAX);
}
