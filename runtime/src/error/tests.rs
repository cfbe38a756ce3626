use super::*;

#[test]
fn the_innermost_place_is_kept_and_outer_ones_join_the_trace() {
    let place = |line| Place { source: "a.rhai".into(), line, column: 1 };
    let error = Error::usage("x").at(place(3)).at(place(3)).at(place(9));
    assert_eq!(error.place(), Some(&place(3)));
    assert_eq!(error.trace(), [place(9)]);
}

#[test]
fn masking_reaches_every_text() {
    let io = std::io::Error::other("password hunter2 refused");
    let error = Error::new(Kind::System, "hunter2")
        .hint("try hunter2")
        .resource("hunter2")
        .details(serde_json::json!({"a": "hunter2"}))
        .source(io);
    let masked = error.masked(|t| t.replace("hunter2", "*****"));
    assert!(!format!("{masked:?} {}", masked.to_json()).contains("hunter2"));
}

#[test]
fn every_word_names_its_kind() {
    for kind in [Kind::Usage, Kind::Hopeless, Kind::AlreadyExists, Kind::Internal] {
        assert_eq!(Kind::from_word(kind.as_str()), Some(kind));
    }
    assert_eq!(Kind::from_word("nonsense"), None);
}
