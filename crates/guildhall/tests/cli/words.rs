//! The words of the command line itself.

use crate::run::Run;

#[test]
fn the_openapi_document_is_printed_for_programs() {
    let document = Run::of(&["openapi"]);
    assert!(document.stdout.starts_with("{\n  \"") && document.stdout.ends_with("}\n"));
    let document = document.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/organizations"].is_object());
}

#[test]
fn shells_learn_the_verbs() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Run::of(&["completions", shell]).succeeds();
        assert!(
            script.contains("deployment") && script.contains("key-rate-limit"),
            "{shell}"
        );
    }
}

#[test]
fn help_is_an_answer_and_a_wrong_word_is_not() {
    let help = Run::of(&["serve", "--help"]).succeeds();
    for word in [
        "--listen",
        "GUILDHALL_LISTEN",
        "guildhall.toml",
        "127.0.0.1:8480",
    ] {
        assert!(help.contains(word), "{word}\n{help}");
    }
    assert!(Run::of(&["--version"]).succeeds().starts_with("guildhall "));
    let message = Run::of(&["serv"]).fails(2);
    assert!(message.contains("serve"), "{message}");
    let message = Run::of(&["key", "create", "--expires", "3 moons"]).fails(2);
    assert!(message.contains("`90d`"), "{message}");
    let message = Run::of(&["key", "revoke", "mine"]).fails(2);
    assert!(message.contains("decimal"), "{message}");
}
