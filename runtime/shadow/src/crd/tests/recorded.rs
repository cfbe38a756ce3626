//! What the real server said, against what this crate says.

use super::{Answers, cases, differences};

#[test]
fn answers_are_those_of_the_real_server() {
    let recorded: Answers = serde_json::from_str(include_str!("cases/answers.json")).unwrap();
    let mut differ = Vec::new();
    for (file, cases) in cases() {
        for case in &cases {
            let answers = recorded.get(&format!("{file}/{}", case.name));
            differ.extend(differences(case, answers.unwrap_or_else(|| panic!("no answers: {}", case.name))));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
